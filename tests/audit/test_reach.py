"""The record of which contracts each check reaches, and what an entry changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.audit.grading import audit
from grader.audit.reach import TAKE, changed_by, noting, record
from grader.batch.task import Task
from grader.catalogue import read_catalogue

CONTRACTS = ["shapes.area", "shapes.Square", "shapes.Circle.scale", "shapes.make"]
SHAPES = '''"""Shapes."""
from __future__ import annotations

def area(side):
    """Of a square."""
    return side**2

class Square:
    def __init__(self, side):
        self.side = side

    def area(self):
        return area(self.side)

class Circle:
    factor = 1
    def scale(self):
        return self.factor

def is_square(thing):
    return isinstance(thing, Square)

def make():
    def inner():
        return 1
    return inner

MADE = make()
'''


@pytest.fixture
def shapes() -> dict[str, Any]:
    """The file that takes notes, executed."""
    space: dict[str, Any] = {"__name__": "shapes"}
    exec(compile(noting(SHAPES, "shapes", CONTRACTS), "shapes.py", "exec"), space)
    return space


def test_what_an_import_reaches_is_noted(shapes: dict[str, Any]) -> None:
    assert shapes[TAKE]() == ["shapes.make"]
    assert shapes[TAKE]() == []


@pytest.mark.parametrize(
    ("call", "reached"),
    [
        ("area(2)", ["shapes.area"]),
        ("Square(2)", ["shapes.Square"]),
        ("Square(2).area()", ["shapes.Square", "shapes.area"]),
        ("Circle()", []),
        ("Circle().scale()", ["shapes.Circle.scale"]),
        ("is_square(2)", ["shapes.Square"]),
        ("MADE()", ["shapes.make"]),
    ],
)
def test_calls_are_noted_direct_and_indirect(
    shapes: dict[str, Any], call: str, reached: list[str]
) -> None:
    shapes[TAKE]()
    eval(call, shapes)
    assert shapes[TAKE]() == reached


def test_docstrings_and_values_stay(shapes: dict[str, Any]) -> None:
    assert shapes["area"].__doc__ == "Of a square." and shapes["area"](3) == 9


def with_more(toy: Assignment) -> Assignment:
    """The toy, where an adapter and a probe reach what a test does not name."""
    (toy.folder / "probes.py").write_text(
        "def mean_and_input(impl, *, x):\n"
        "    return {'mean': impl.mean.mean(x), 'x': x}\n\n\n"
        "def both(impl, *, x):\n"
        "    return impl.mean.mean(x).sum() + impl.total.total(x)\n"
    )
    test = toy.hidden / "test_toy.py"
    test.write_text(
        test.read_text() + "\n\n@pytest.mark.question('q1.2')\n"
        "def test_both(submission, reference, probes, draw, expect):\n"
        "    x = draw.normal(2, 3)\n"
        "    expect.close(submission(probes.both, x=x), reference(probes.both, x=x))\n"
    )
    return Assignment(toy.folder, toy.reference)


def test_the_checks_that_reach_a_contract(toy: Assignment) -> None:
    toy = with_more(toy)
    reach = record(toy, Task(toy.folder, toy.reference, "none", "s"), None)
    assert len(reach.checks) == 6 and reach.statistical == frozenset()
    names = {c: {i.partition("::")[2] for i in ids} for c, ids in reach.of_contract.items()}
    assert names == {
        "mean.mean": {
            "test_mean_has_the_right_value",
            "test_mean_has_the_right_shape",
            "test_mean_leaves_its_input_alone",
            "test_both",
        },
        "total.total": {
            "test_total_has_the_right_value[1]",
            "test_total_has_the_right_value[7]",
            "test_both",
        },
    }


def test_verdicts_are_those_of_a_thorough_audit(toy: Assignment) -> None:
    toy = with_more(toy)
    (toy.folder / "mistakes" / "q1_more.py").write_text(
        "from grader.catalogue import Mistakes\n\n"
        "value = Mistakes('total.total', 'test_total_has_the_right_value[7]')\n"
        "value.edit('total_twice', 'x.sum()', '2 * x.sum()', 'Twice.')\n"
    )
    toy = Assignment(toy.folder, toy.reference)
    both = [
        audit(toy, wall="none", jobs=1, secret="s", measure=0, thorough=thorough)
        for thorough in (True, False)
    ]
    assert both[0].verdicts == both[1].verdicts and both[0].weak_checks == both[1].weak_checks
    assert any("for a mistake in q1.1" in p for p in both[0].problems)
    # Of each question and kind, one is asked everything. One mistake in mean and one in total are
    # left, and 4 and 3 checks reach these.
    assert both[0].asked == 6 * 6 and both[1].asked == 4 * 6 + 4 + 3


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ("import torch\nfrom torch import Tensor\n\nHALF = 0.5\n", {"mean.mean"}),
        ("from numpy import ndarray as Tensor\n", {"mean.mean", "mean.Tensor"}),
        ("def helper(x):\n    return x\n", {"mean.mean"}),
        ("def median(x):\n    return x\n", {"mean.mean", "mean.median"}),
        ("assert True\n", {"mean.mean", "mean.assert True"}),
    ],
)
def test_what_comes_along_with_an_entry_may_change_more(
    toy: Assignment, before: str, changed: set[str]
) -> None:
    file = toy.reference / "mean.py"
    file.write_text(file.read_text() + "\n\ndef median(x):\n    return x.median(1).values\n")
    (toy.folder / "mistakes" / "q1.py").write_text(
        f"from grader.catalogue import Mistakes\n{before}\n"
        "value = Mistakes('mean.mean', 'test_mean_has_the_right_value')\n\n\n"
        "@value\ndef mean_is_a_sum(x):\n    'It is.'\n    return x.sum(1)\n"
    )
    (entry,) = (e for e in read_catalogue(toy) if e.kind == "mistake")
    assert changed_by(toy, entry) == changed


def test_an_edit_changes_its_contract_alone(toy: Assignment) -> None:
    (toy.reference / "mean.py").write_text(
        "class Row:\n    def mean(self, x):\n        return x.mean(1)\n\n\n"
        "def mean(x):\n    return Row().mean(x)\n"
    )
    text = (toy.folder / "assignment.toml").read_text()
    (toy.folder / "assignment.toml").write_text(text.replace("mean.mean", "mean.Row.mean"))
    (toy.folder / "mistakes" / "q1.py").write_text(
        "from grader.catalogue import Mistakes\n\nvalue = Mistakes('mean.Row.mean', 'test_x')\n"
        "value.edit('mean_is_a_sum', 'x.mean(1)', 'x.sum(1)', 'It is.')\n"
    )
    (toy.folder / "variants" / "q1.py").unlink()
    toy = Assignment(toy.folder, toy.reference)
    (entry,) = read_catalogue(toy)
    assert changed_by(toy, entry) == {"mean.Row.mean"}


def test_an_entry_that_changes_something_else_is_asked_everything(
    toy: Assignment, tmp_path: Path
) -> None:
    reach = record(toy, Task(toy.folder, toy.reference, "none", "s"), frozenset({"q1.1"}))
    assert len(reach.checks) == 3
    file = toy.folder / "mistakes" / "q1.py"
    file.write_text(file.read_text() + "\n\nTensor = None\n")
    entry = next(e for e in read_catalogue(toy) if e.name == "total_is_a_mean")
    assert reach.of_contract["total.total"] == frozenset()
    assert reach.of_entry(toy, entry) == reach.checks.keys()
