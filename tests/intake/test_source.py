"""What a Python file defines, found out without running it."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.notebooks.source import encoding_problem, outline


def written(text: str) -> set[str]:
    """The functions that somebody has begun."""
    found = outline(text.encode())
    assert found is not None
    return set(found.written)


def test_methods_have_qualified_names() -> None:
    found = outline(b"class Flow:\n  def forward(self):\n    def inner(): pass\n    return 1\n")
    assert found is not None
    assert found.defined == {"Flow", "Flow.forward"}


@pytest.mark.parametrize(
    "body",
    [
        "raise NotImplementedError",
        "raise NotImplementedError('f is not written yet')",
        "'''Doc.'''",
        "...",
        "pass",
        "'''Doc.'''\n n = x.size(0)\n return",
        "n = x.size(0)\n raise NotImplementedError()",
        "def g(): raise NotImplementedError\n def h(): pass\n return g, h",
    ],
)
def test_a_function_as_the_template_has_it_is_unwritten(body: str) -> None:
    assert written(f"def f(x):\n {body}\n") == set()


@pytest.mark.parametrize(
    "body",
    [
        "return x",
        "x.mul_(2)",
        "if x: raise NotImplementedError\n return x",
        "def g(): return x\n def h(): pass\n return g, h",
        "for p in x: pass",
    ],
)
def test_a_function_with_anything_else_is_begun(body: str) -> None:
    assert written(f"def f(x):\n {body}\n") == {"f"}


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:",
        b"\x00",
        b"(" * 5000,
        b"-" * 100000 + b"1",
        b"a" + b".b" * 100000,
        b"#" * ((1 << 20) + 1),
        b"# coding: nowhere\n",
        "é = 1".encode("latin-1"),
    ],
)
def test_what_does_not_parse_has_no_outline(content: bytes) -> None:
    assert outline(content) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(content: bytes) -> None:
    outline(content)
    encoding_problem(content)


@pytest.mark.parametrize(
    "content",
    [b"", "é = 1".encode(), codecs.BOM_UTF8 + b"x = 1", "# coding: latin-1\n'é'".encode("latin-1")],
)
def test_sources_that_python_reads(content: bytes) -> None:
    assert encoding_problem(content) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x = 1".encode("utf-16"), "UTF-16"),
        (b"x = 1\x00", "NUL"),
        ("\n\n# é".encode("latin-1"), "not valid utf-8 in line 3"),
        (b"# coding: klingon\n", "no valid encoding"),
        (b"# coding: base64\nx", "no valid encoding"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "no valid encoding"),
    ],
)
def test_sources_that_python_does_not_read(content: bytes, problem: str) -> None:
    assert problem in (encoding_problem(content) or "")
