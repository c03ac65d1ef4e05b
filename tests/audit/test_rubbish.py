"""The audit notices suites that pay for the form of an answer alone."""

from __future__ import annotations

import pytest

from grader.assignment import Assignment
from grader.audit.rubbish import ALWAYS, DRAWN, grade_rubbish, kept_by
from grader.catalogue.rubbish import KINDS
from grader.results import QuestionMark

SHAPE = """@pytest.mark.question("q1.1")
def test_mean_has_the_right_shape"""
ARGUMENTS = """@pytest.mark.question("q1.1")
def test_mean_leaves_its_input_alone"""


@pytest.fixture
def strict(toy: Assignment) -> Assignment:
    """The toy with next to no marks for the form of a result."""
    test = toy.hidden / "test_toy.py"
    text = test.read_text()
    for form in (SHAPE, ARGUMENTS):
        assert form in text
        text = text.replace(form, form.replace('"q1.1"', '"q1.1", weight=0.01'))
    # Of a single number, a maximum is a sum.
    test.write_text(text.replace("[1, 7]", "[6, 7]"))
    return toy


def test_a_suite_that_pays_for_form_alone_is_found(toy: Assignment) -> None:
    found = {kept.name: kept for kept in grade_rubbish(toy, "s", thorough=True)}
    assert found.keys() == KINDS.keys()
    # The shape and the untouched argument are half of q1.1, which has 4 of 7 marks.
    sine = found["sine"]
    assert sine.share == pytest.approx(2 / 7) and sine.dearest == "q1.1"
    assert sine.passed == [
        "test_toy.py::test_mean_has_the_right_shape",
        "test_toy.py::test_mean_leaves_its_input_alone",
    ]
    assert sine.problems == [
        "keeps 28.6% of the assignment; it may keep 5%",
        "q1.1: keeps 50% of its marks; it may keep 10%",
    ]


def test_a_suite_that_asks_for_values_pays_nothing_for_rubbish(strict: Assignment) -> None:
    assert [
        (k.name, k.problems) for k in grade_rubbish(strict, "s", thorough=True) if k.problems
    ] == []


def test_a_part_of_the_kinds_and_of_the_questions_can_be_asked(toy: Assignment) -> None:
    found = grade_rubbish(toy, "s", "sine", frozenset({"q1.2"}))
    assert [(k.name, k.share, k.problems) for k in found] == [("sine", 0.0, [])]
    assert grade_rubbish(toy, "s", "no such kind") == []


def test_a_sample_is_graded_unless_all_are_wanted(toy: Assignment) -> None:
    names = [kept.name for kept in grade_rubbish(toy, "s", questions=frozenset({"q1.2"}))]
    assert ALWAYS < set(names) < set(KINDS) and len(names) == len(ALWAYS) + DRAWN


def test_processes_share_the_kinds(toy: Assignment) -> None:
    found = grade_rubbish(toy, "s", "argument", jobs=2)
    assert len(found) > 4 and found == grade_rubbish(toy, "s", "argument")


def test_what_cannot_be_graded_is_a_problem() -> None:
    marks = [
        QuestionMark(id="q1", title="", kind="unit", marks=9, awarded=0.9, note=""),
        QuestionMark(id="q2", title="", kind="unit", marks=1, awarded=None, note="a fault"),
    ]
    kept = kept_by(KINDS["sine"], marks, [], whole=False)
    assert kept.problems == ["q2: not graded (a fault)"]
    assert (kept.dearest, kept.dearest_share) == ("q1", pytest.approx(0.1))
