"""Two unit questions, a written one, and results of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.results import Check, Hint, QuestionMark, Result

ASSIGNMENT_TOML = """
name = "toy"
title = "Assignment 3, GAN"
course = "IFT 6135"
university = "UdeM"

[[files]]
name = "gan"
path = "gan.py"

[[parts]]
id = "q1"
title = "GAN"
marks = 10

[[questions]]
id = "q1.1"
title = "Objectives"
kind = "unit"
marks = 3
contracts = ["gan.jsd"]

[[questions]]
id = "q1.2"
title = "Penalties"
kind = "unit"
marks = 4
contracts = ["gan.r1gp"]

[[questions]]
id = "q1.3"
title = "Discussion"
kind = "written"
marks = 3
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    folder = tmp_path / "assignments" / "toy"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(ASSIGNMENT_TOML, encoding="utf-8")
    return Assignment(folder, tmp_path / "reference")


def _check(question: str, title: str, marks: float, passed: bool) -> Check:
    return Check(
        id=f"test_gan.py::{title}",
        question=question,
        title=title,
        reason="The critic aims high on real data.",
        outcome="passed" if passed else "failed",
        weight=1,
        marks=marks,
        awarded=marks if passed else 0,
        rationale="" if passed else "w1 has the wrong sign",
        help="" if passed else "Real comes first.",
        detail="SENTINEL-DETAIL",
        hints=[] if passed else [Hint(mistake="swapped", text="Real and generated are swapped.")],
    )


@pytest.fixture
def graded(assignment: Assignment) -> Result:
    """Full marks in q1.1, a third of q1.2, q1.3 not marked yet."""
    checks = [
        _check("q1.1", "Jsd is zero for an undecided critic", 3, True),
        _check("q1.2", "R1 is the mean squared norm", 4 / 3, True),
        _check("q1.2", "Penalties accept images", 8 / 3, False),
    ]
    earned = {"q1.1": 3.0, "q1.2": 4 / 3, "q1.3": None}
    return Result(
        assignment="toy",
        assignment_digest="d" * 64,
        secret_id="s1",
        submission="ada",
        source="/handed-in/ada.zip",
        source_digest="e" * 64,
        status="graded",
        notes=["ignored 2 files"],
        questions=[
            QuestionMark(id=q.id, title=q.title, kind=q.kind, marks=q.marks, awarded=earned[q.id])
            for q in assignment.description.questions
        ],
        checks=checks,
        output="SENTINEL-OUTPUT",
        graded_at="2025-03-14T16:42:07+00:00",
        seconds=1.25,
    )


def _undecided(result: Result, **changes: object) -> Result:
    questions = [q.model_copy(update={"awarded": None}) for q in result.questions]
    return result.model_copy(update={"questions": questions, "checks": [], "notes": [], **changes})


@pytest.fixture
def unreadable(graded: Result) -> Result:
    return _undecided(graded, submission="bob", status="unreadable", problem="not a zip archive")


@pytest.fixture
def not_graded(graded: Result) -> Result:
    return _undecided(
        graded, submission="cyd", status="not_graded", problem="the wall could not start"
    )
