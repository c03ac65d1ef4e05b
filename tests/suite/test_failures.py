"""What a student reads when their code gave no value."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
import torch

from grader.assignment import Assignment, Limits, find_assignment
from grader.suite.failures import SubmissionFailed
from grader.suite.messages import shown
from grader.suite.probed import driven, named
from grader.suite.remote import Remote
from grader.suite.syntax import grading_python, newer_python
from grader.wall import isolation
from grader.wall.errors import WallError
from grader.wall.warm_handle import Warm
from tests.conftest import TOY, SharedWarm, write_tree

PROBES = '''
def twice(impl, *, x):
    """Probes of the toy."""
    return [called(impl, function="mean.mean", args=[x]), impl.mean.mean(x=x)]


def called(impl, *, function, args):
    module, name = function.split(".")
    return getattr(getattr(impl, module), name)(*args).sum().item()


def by_name(impl, *, name, x):
    return getattr(impl.mean, name)(x).shape


def alias(impl, *, x):
    module = impl.mean
    return module.scaled(x)
'''


@pytest.fixture(scope="module")
def toy_of_probes(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    tree = TOY | {"assignments/toy/probes.py": PROBES}
    home = write_tree(tmp_path_factory.mktemp("home"), tree)
    return Assignment(home / "assignments" / "toy", home / "reference" / "toy")


@pytest.fixture
def warm(shared_warm: SharedWarm) -> Warm:
    try:
        return shared_warm(isolation.choose("auto"), Limits())
    except WallError as error:
        pytest.skip(str(error))


@pytest.fixture
def told(warm: Warm, toy_of_probes: Assignment) -> Iterator[Any]:
    """The sentence and the help that a call or a probe of some `mean.py` fails with."""
    opened = []

    def of(code: str, operation: str = "call", target: str = "mean.mean", **kwargs: Any) -> Any:
        remote = Remote(warm, toy_of_probes, {"mean.py": dedent(code).encode()}, modules=["mean"])
        opened.append(remote)
        x = torch.ones(2, 3)
        arguments = {"args": [x], "kwargs": {}} if operation == "call" else {"kwargs": kwargs}
        with pytest.raises(SubmissionFailed) as failed:
            remote.ask(operation, target, arguments)
        return failed.value

    yield of
    for remote in opened:
        remote.close()


X = torch.ones(2, 3)
HELPER = """
    import torch

    def half(y):
        return y.view(7)

    def mean(x, scale=2):
        return half(x)
    """


def test_a_call_names_function_shapes_place_and_message(told: Any) -> None:
    assert told(HELPER).rationale == (
        "mean.mean(tensor(2, 3) float32) raised RuntimeError in mean.py, line 5, in half: "
        "shape '[7]' is invalid for input of size 6"
    )


def test_a_probe_names_the_function_that_it_called(told: Any) -> None:
    assert told(HELPER, "probe", "twice", x=X).rationale == (
        "mean.mean(x: tensor(2, 3) float32, scale: int) raised RuntimeError in mean.py, line 5, "
        "in half: shape '[7]' is invalid for input of size 6"
    )


@pytest.mark.parametrize(
    ("operation", "target", "kwargs"),
    [("call", "mean.mean", {}), ("probe", "twice", {"x": X}),
     ("probe", "by_name", {"name": "mean", "x": X})],
)  # fmt: skip
def test_a_missing_name_is_one_sentence_for_all(
    told: Any, operation: str, target: str, kwargs: dict[str, Any]
) -> None:
    failure = told("def means(x):\n    return x\n", operation, target, **kwargs)
    assert failure.rationale == "mean.py has no mean; it has means"
    assert failure.help == "Keep the names of the template."


def test_a_name_below_an_exit_is_said_to_be_below_it(told: Any) -> None:
    failure = told("x = 3\nexit()\ndef mean(x):\n    return x\n")
    assert failure.rationale == (
        "mean.py has no mean; the file ends itself in line 2, as by exit(), so nothing below counts"
    )


def test_other_parameters_are_named_with_the_students_own(told: Any) -> None:
    failure = told(
        "import torch\n\ndef mean(data):\n    return data.mean(1)\n", "probe", "twice", x=X
    )
    assert failure.rationale == (
        "mean() got an unexpected keyword argument 'x'; yours is mean(data) in mean.py, line 3"
    )
    failure = told("def mean(x, y, *, z):\n    return x\n")
    assert failure.rationale == (
        "mean() missing 1 required positional argument: 'y'; yours is mean(x, y, *, z) in mean.py, "
        "line 1"
    )


def test_what_a_function_returned_is_blamed_on_it(told: Any) -> None:
    failure = told("def mean(x):\n    return None\n", "probe", "by_name", name="mean", x=X)
    assert failure.rationale == (
        "what mean.mean returned could not be used: AttributeError: "
        "'NoneType' object has no attribute 'shape'"
    )


def test_only_the_students_own_line_means_not_written(told: Any) -> None:
    failure = told("def mean(x):\n    raise NotImplementedError('a')\n", "probe", "twice", x=X)
    assert (
        failure.rationale == "mean.mean is not written yet (NotImplementedError in mean.py, line 2)"
    )
    failure = told("import torch\ndef mean(x):\n    return torch.nn.Module()(x)\n")
    assert "not written" not in failure.rationale
    assert 'Module [Module] is missing the required "forward" function' in failure.rationale


def test_a_text_that_carries_values_is_for_the_ta_alone(told: Any) -> None:
    failure = told("def mean(x):\n    raise ValueError(f'bad: {x.tolist()}')\n")
    assert failure.rationale.endswith("raised ValueError in mean.py, line 2")
    assert "1.0, 1.0" in failure.detail
    failure = told("def mean(x):\n    raise ValueError('rows only')\n")
    assert failure.rationale.endswith("raised ValueError in mean.py, line 2: rows only")


def test_a_newer_syntax_is_named_with_both_versions(told: Any) -> None:
    failure = told("def mean(x):\n    try:\n        return x\n    except A, B:\n        pass\n")
    if sys.version_info < (3, 14):
        assert f"grading uses Python {grading_python()}" in failure.rationale
        assert "this syntax is of Python 3.14" in failure.rationale


def test_a_missing_package_is_named_where_the_import_fails(told: Any) -> None:
    failure = told("import nosuch\nX = [1][nosuch.index]\nY = dict(nosuch.x)['lr']\n")
    assert failure.rationale.startswith(
        "mean.py cannot be imported: KeyError: 'lr' in mean.py, line 3"
    )
    assert failure.rationale.endswith("; not installed where grading runs: nosuch")
    assert "python -c" not in failure.help


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("type Vector = list[float]", "3.12"),
        ("type Pair[T] = tuple[T, T]", "3.12"),
        ("def first[T](xs: list[T]) -> T:", "3.12"),
        ("async def first[T](xs):", "3.12"),
        ("class Box[T]:", "3.12"),
        ("class Box[T = int]:", "3.13"),
        ('print(f"{d["a"]}")', "3.12"),
        ("print(f'{d['a']:>3}')", "3.12"),
        ('x = t"{name}"', "3.14"),
        ("except ValueError, TypeError:", "3.14"),
        ("x = (1,", ""),
        ('print(f"{x}"', ""),
        ("print(f'{x}', f'{y}'", ""),
        ("print 'a'", ""),
        ("def f(x", ""),
        ("x = type = 3 3", ""),
        ("d = {'t': 't' 3", ""),
    ],
)
def test_newer_syntax_is_known_by_its_looks(
    line: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    assert newer_python(line, "invalid syntax") == version


def test_known_messages_are_shown_with_known_names_alone() -> None:
    own = [b"def jsd(critic): pass"]
    for text in ("jsd() got an unexpected keyword argument 'critic'",
                 "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)",
                 "'NoneType' object is not iterable"):  # fmt: skip
        assert shown(text, own) == text
    for text in ("jsd() got an unexpected keyword argument 'secret'", "0.25",
                 "mat1 and mat2 shapes cannot be multiplied (31415x4 and 5x6)",
                 "'NoneType' object is not iterable 0.25"):  # fmt: skip
        assert shown(text, own) == ""


def test_the_functions_that_a_probe_drives_are_read_from_it() -> None:
    found = driven(PROBES, frozenset({"mean"}))
    assert named(found["twice"], {}) == ("mean.mean",)
    assert named(found["by_name"], {"name": "scaled"}) == ("mean.scaled",)
    assert named(found["called"], {"function": "mean.mean"}) == ("mean.mean",)
    assert named(found["alias"], {}) == ("mean.scaled",)


def test_the_files_of_the_assignments_name_functions_for_their_probes() -> None:
    for name in ("ift6135_a3", "cs60073_a3"):
        assignment = find_assignment(name)
        modules = frozenset(f.name for f in assignment.description.files)
        for path in assignment.probe_files.values():
            text = path.read_text()
            # Or they are told: `function` is what the general probes call theirs.
            assert any(driven(text, modules).values()) or "function: str" in text, path
