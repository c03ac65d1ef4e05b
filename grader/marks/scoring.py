"""Marks of the unit questions: a question's marks are split over its checks by their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from grader.assignment import Assignment
from grader.marks.observed import NOT_RUN, Expected, Observed
from grader.results import Check, QuestionMark, Result, Statistic

WAITING = {
    "run": "a training run; not part of this batch",
    "written": "marked by hand",
    "unit": "no check marks this question",
}

BY_THE_CATALOGUE = "that it is an attempt is known from the catalogue alone"
ATTEMPT = (
    "Its form counts as soon as one of its values is right, or its answers follow the right ones."
)


def score(
    assignment: Assignment, expected: Sequence[Expected], observed: Mapping[str, Observed]
) -> tuple[list[QuestionMark], list[Check]]:
    """Marks per question and per check.

    A question with a check that could not be run through our own fault, or that did not report,
    has no marks yet, rather than fewer. Form pays for an attempt only; see `suite.attempts`.

    Args:
        assignment: whose questions.
        expected: every check that there is.
        observed: what each reported, by id.
    """
    weights: dict[str, float] = {}
    for check in expected:
        weights[check.question] = weights.get(check.question, 0.0) + check.weight
    checks = []
    for check in expected:
        seen = observed.get(check.id, Observed())
        if check.shows < 1 and seen.outcome == "passed" and not seen.attempted:
            seen = replace(seen, outcome="failed", rationale=_no_attempt(check), help=ATTEMPT)
        marks = assignment.question(check.question).marks * check.weight / weights[check.question]
        checks.append(
            Check(
                id=check.id,
                question=check.question,
                title=check.title,
                reason=check.reason,
                outcome=seen.outcome,
                weight=check.weight,
                marks=marks,
                awarded=marks if seen.outcome == "passed" else 0.0,
                rationale=seen.rationale,
                help=seen.help,
                detail=seen.detail,
                ending=seen.ending,
                hints=seen.hints,
                statistics=[Statistic.model_validate(asdict(f)) for f in seen.findings],
                seconds=seen.seconds,
            )
        )
    return [_question(assignment, q.id, checks) for q in assignment.description.questions], checks


def _no_attempt(check: Expected) -> str:
    name = check.contract.partition(".")[2] or "the submission"
    return f"what {name} gives does not follow the right answers, so its form does not count"


def excuse(assignment: Assignment, result: Result, faults: Mapping[str, str]) -> Result:
    """A result in which some checks are not graded, through a fault of the harness.

    Args:
        assignment: whose questions.
        result: with its checks.
        faults: why, by the id of the check. No faults: the result as it is.
    """
    mine = {c.id: faults[c.id] for c in result.checks if c.id in faults}
    if not mine:
        return result
    checks = [_excused(c, mine[c.id]) if c.id in mine else c for c in result.checks]
    touched = {c.question for c in checks if c.id in mine}
    first, why = next(iter(mine.items()))
    return result.model_copy(
        update={
            "status": "not_graded",
            "problem": f"{first}: {why}",
            "checks": checks,
            "questions": [
                _question(assignment, q.id, checks) if q.id in touched else q
                for q in result.questions
            ],
        }
    )


def completed(assignment: Assignment, result: Result, whole: Result) -> Result:
    """A result of some checks, with the others as they went for another submission.

    Args:
        assignment: whose questions.
        result: of some checks of a suite.
        whole: of more checks of it, these among them.
    """
    mine = {c.id: c for c in result.checks}
    checks = [
        mine[c.id].model_copy(
            update={
                "marks": c.marks,
                "awarded": c.marks if mine[c.id].outcome == "passed" else 0.0,
            }
        )
        if c.id in mine
        else c
        for c in whole.checks
    ]
    questions = [_question(assignment, q.id, checks) for q in assignment.description.questions]
    return result.model_copy(update={"questions": questions, "checks": checks})


def _excused(check: Check, why: str) -> Check:
    return check.model_copy(
        update={
            "outcome": "not_graded",
            "awarded": 0.0,
            "rationale": NOT_RUN,
            "help": "",
            "detail": f"{why}\n{check.detail}".strip(),
            "hints": [],
            "ending": "returned",
        }
    )


def nothing(assignment: Assignment, awarded: float | None, note: str) -> list[QuestionMark]:
    """The same verdict for every unit question: zero, or None where it is not graded."""
    return [
        QuestionMark(
            id=q.id,
            title=q.title,
            kind=q.kind,
            marks=q.marks,
            awarded=awarded if q.kind == "unit" else None,
            note=note if q.kind == "unit" else WAITING[q.kind],
        )
        for q in assignment.description.questions
    ]


def _question(assignment: Assignment, question_id: str, checks: Sequence[Check]) -> QuestionMark:
    question = assignment.question(question_id)
    mine = [c for c in checks if c.question == question_id]
    awarded: float | None = None
    note = WAITING[question.kind]
    if mine:
        if any(c.outcome == "not_graded" for c in mine):
            note = "not graded: a check could not be run, through no fault of the submission"
        else:
            # Not the sum of the parts: full marks must be exactly the question's marks.
            lost = sum(c.weight for c in mine if c.outcome != "passed")
            total = sum(c.weight for c in mine)
            awarded = question.marks * (1.0 - lost / total) if lost < total else 0.0
            note = ""
    return QuestionMark(
        id=question.id,
        title=question.title,
        kind=question.kind,
        marks=question.marks,
        awarded=awarded,
        note=note,
    )
