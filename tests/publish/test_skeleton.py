"""Solutions are cut out whole, and what is left runs up to the student's part."""

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.publish.skeleton import PublishError, cut, refuse_leaks


def skeleton(text: str) -> str:
    """The skeleton of a module called m."""
    return cut(textwrap.dedent(text), "m", "m.py").text


def test_a_function_is_left_with_its_head_and_one_statement() -> None:
    assert skeleton(
        '''
        def f(x):
            """Doc."""
            n = len(x)  # given

            ### BEGIN SOLUTION
            # How.
            y = x * n

            return y
            ### END SOLUTION


        def g(): return 1
        '''
    ) == textwrap.dedent(
        '''
        def f(x):
            """Doc."""
            n = len(x)  # given

            raise NotImplementedError("m.f is not written yet")


        def g(): return 1
        '''
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f():\n  ### BEGIN SOLUTION\n  return 1\n  ### END SOLUTION", ["m.f"]),
        (
            "class A:\n  class B:\n    def f(self):\n"
            "      ### BEGIN SOLUTION\n      return 1\n      ### END SOLUTION",
            ["m.A.B.f"],
        ),
        (
            "def f():\n  def g():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
            "  def h():\n    ### BEGIN SOLUTION\n    return 2\n    ### END SOLUTION\n  return g, h",
            ["m.f.g", "m.f.h"],
        ),
        (
            "def f(x):\n  ### BEGIN SOLUTION\n  x += 1\n  ### END SOLUTION\n  y = 0\n"
            "  ### BEGIN SOLUTION\n  return x\n  ### END SOLUTION",
            ["m.f"],
        ),
        (
            "def f(x):\n  ### BEGIN SOLUTION\n  @x\n  def g(): return 1\n  return g\n"
            "  ### END SOLUTION",
            ["m.f"],
        ),
        (
            "if True:\n  async def f(x):\n    if x:\n      ### BEGIN SOLUTION\n      return 1\n"
            "      ### END SOLUTION\n    return 0",
            ["m.f"],
        ),
    ],
)
def test_the_function_is_named_in_full(text: str, names: list[str]) -> None:
    result = cut(text, "m", "m.py")
    assert list(result.unwritten) == names
    for name in names:
        assert f'raise NotImplementedError("{name} is not written yet")' in result.text
    assert "return 1" not in result.text


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("def f():\n  ### BEGIN SOLUTION\n  return 1", 2, "never ends"),
        ("def f():\n  return 1\n  ### END SOLUTION", 3, "none has begun"),
        ("def f():\n  ### BEGIN SOLUTION\n  ### BEGIN SOLUTION\n  return 1", 3, "of line 2"),
        ("def f():\n  # BEGIN SOLUTION\n  return 1", 2, "looks like a solution marker"),
        ("def f():\n  return 1  ### begin solution", 2, "looks like a solution marker"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", 1, "outside a function"),
        ("class A:\n  ### BEGIN SOLUTION\n  x = 1\n  ### END SOLUTION", 2, "outside a function"),
        (
            "def f():\n  pass\n  ### BEGIN SOLUTION\n  # no\n  ### END SOLUTION",
            3,
            "no whole statement",
        ),
        (
            "def f():\n  ### BEGIN SOLUTION\n  return 1\ndef g():\n  ### END SOLUTION\n  return 2",
            2,
            "cuts the statement of line 4 in two",
        ),
        (
            "def f():\n  ### BEGIN SOLUTION\n  return 1\nx = 2\n### END SOLUTION",
            2,
            "ends outside it",
        ),
        (
            "def f():\n  x = max(\n  ### BEGIN SOLUTION\n  1, 2)\n  y = 1\n  ### END SOLUTION",
            3,
            "cuts the statement of line 2 in two",
        ),
        (
            "def f():\n  try:\n    x = 1\n  ### BEGIN SOLUTION\n  except ValueError:\n    x = 2\n"
            "  ### END SOLUTION",
            4,
            "what is left does not parse",
        ),
        (
            "def f(x):\n  ### BEGIN SOLUTION\n  y = 1\n  if x:\n    ### END SOLUTION\n    y = 2",
            2,
            "cuts the statement of line 4 in two",
        ),
        ("def f(:\n  pass", 1, "does not parse"),
    ],
)
def test_what_cannot_be_cut_names_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(PublishError, match=problem) as raised:
        cut(text, "m", "ref/m.py")
    assert str(raised.value).startswith(f"ref/m.py:{line}: ")


def test_a_line_of_a_solution_that_is_published_elsewhere_is_refused() -> None:
    result = cut(
        "def f(det, eps):\n  ### BEGIN SOLUTION\n  torch.log( det.abs()+eps ).sum(1)  # so\n"
        "  ### END SOLUTION",
        "m",
        "ref/m.py",
    )
    refuse_leaks(result.secrets, {"m.py": result.text, "a.md": "so"})
    with pytest.raises(PublishError, match=r"^ref/m\.py:3: .* of m\.f is published in a\.md too"):
        refuse_leaks(result.secrets, {"a.md": "Take torch.log(det.abs() + eps)\n    .sum(1)."})


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.integers(1, 3))
def test_only_what_is_marked_is_cut(marked: list[bool], depth: int) -> None:
    lines = []
    for n, is_marked in enumerate(marked):
        body = [f"secret_{n} = {n}"] if is_marked else [f"given_{n} = {n}"]
        if is_marked:
            body = ["### BEGIN SOLUTION", *body, "### END SOLUTION"]
        lines += ["    " * level + f"def f{n}_{level}():" for level in range(depth)]
        lines += ["    " * depth + line for line in body]
    result = cut("\n".join(lines), "m", "m.py")
    assert "secret" not in result.text
    assert "SOLUTION" not in result.text
    assert all((f"given_{n}" in result.text) != is_marked for n, is_marked in enumerate(marked))
    assert len(result.unwritten) == sum(marked)
    ast.parse(result.text)
