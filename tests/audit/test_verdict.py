"""What a mistake may cost, and which cost most and least."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.audit.verdict import Audit, Verdict, extremes, verdict_on
from grader.catalogue import read_catalogue

CENTRAL = """
from grader.catalogue import Mistakes

about = Mistakes("mean.mean", "test_mean_has_the_right_shape", central={central})


@about
def mean_of_all(x):
    "One mean for all."
    return x.mean()
"""


@pytest.mark.parametrize(
    ("central", "awarded", "problems"),
    [
        (
            True,
            3.0,
            ["q1.1: lost 1 of 4 marks for what the question is about; a third is the least"],
        ),
        (True, 2.0, []),
        (False, 3.0, []),
    ],
)
def test_what_a_question_is_about_costs_a_third_of_it(
    toy: Assignment, central: bool, awarded: float, problems: list[str]
) -> None:
    (toy.folder / "mistakes" / "z.py").write_text(CENTRAL.format(central=central))
    entry = next(e for e in read_catalogue(toy) if e.name == "mean_of_all")
    check = SimpleNamespace(
        id="test_toy.py::test_mean_has_the_right_shape",
        question="q1.1",
        outcome="failed",
        rationale="",
    )
    question = SimpleNamespace(id="q1.1", kind="unit", marks=4.0, awarded=awarded)
    result: Any = SimpleNamespace(questions=[question], checks=[check], problem="", notes=[])
    assert toy.question("q1.1").marks == 4
    assert verdict_on(toy, entry, result).problems == problems


def test_the_dearest_and_the_cheapest_of_each_question() -> None:
    def verdict(name: str, question: str, lost: float, kind: str = "mistake") -> Verdict:
        return Verdict(
            name=name,
            kind=kind,
            replaces="",
            question=question,
            lost={question: lost},
            failed=[],
            problems=[],
        )

    found = extremes(
        [
            verdict("a", "q1", 1.0),
            verdict("b", "q1", 3.0),
            verdict("c", "q1", 0.5),
            verdict("d", "q2", 2.0),
            verdict("e", "q1", 0.0, "variant"),
        ]
    )
    assert {q: (most.name, least.name) for q, (most, least) in found.items()} == {
        "q1": ("b", "c"),
        "q2": ("d", "d"),
    }


def test_where_the_reference_fails_nothing_else_is_said() -> None:
    def verdict(kind: str, name: str, *problems: str) -> Verdict:
        return Verdict(
            name=name, kind=kind, replaces="", question="", lost={}, failed=[],
            problems=list(problems),
        )  # fmt: skip

    def problems(*verdicts: Verdict) -> list[str]:
        return Audit(
            assignment="toy", assignment_digest="", secret_id="", submissions=2, asked=0,
            verdicts=list(verdicts), checks={}, weak_checks=[], rates=[], seconds=1.0,
            uncovered=["mean.mean has no variant"],
        ).problems  # fmt: skip

    wrong = verdict("mistake", "mean_of_all", "q1.1: lost nothing")
    assert problems(verdict("reference", "reference"), wrong) == [
        "mistake mean_of_all: q1.1: lost nothing",
        "mean.mean has no variant",
    ]
    assert problems(verdict("reference", "reference", "q1.1: lost 1 marks"), wrong) == [
        "reference: q1.1: lost 1 marks",
        "all entries are made from the reference, so nothing else is listed",
    ]
