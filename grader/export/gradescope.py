"""`results.json` as Gradescope's autograder reads it.

The format is described at https://gradescope-autograders.readthedocs.io/en/latest/specs/ .
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from grader.assignment import Assignment
from grader.export.gradebooks import feedback, mark
from grader.marks.rounding import FINEST, apportioned, rounded, split, written
from grader.report import display
from grader.report.runs import CaseView, FigureView, RunView, run_views
from grader.results import Check, QuestionMark, Result

Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]

_OUR_FAULT = "We could not run this check. That is our fault and not a zero."
_OUR_FAULT_QUESTION = "We could not grade this question. That is our fault and not a zero."


def gradescope_results(
    assignment: Assignment, result: Result, visibility: Visibility = "after_published"
) -> dict[str, Any]:
    """One submission as Gradescope wants it.

    Keys:
        score: marks decided so far, rounded as the course says. Left out while none is: Gradescope
            then reports that autograding failed, which is true, and enters no zero.
        execution_time: whole seconds, rounded up.
        output: a summary in words.
        output_format, test_output_format, test_name_format: `text`, so that nothing is HTML.
        visibility, stdout_visibility: students see the summary and not what the grader prints.
        tests: for each question one per check, one per figure of a training run that is marked and
            one per case of a run that left no figure; the question itself if it has neither; at
            last what a course that rounds to more than a hundredth adds or takes away. Each has
            name: question and sentence.
            score: marks earned, adding up to the score; left out while the question is undecided.
            max_score: marks that it is worth, adding up to those of the question.
            status: `passed` or `failed`; left out while undecided.
            output: what was wrong, a likely cause, what to look at, why it matters; of a figure
                what was measured, how it was judged, and a claim that is not borne out.
            visibility: as asked for.

    Args:
        assignment: what was graded.
        result: of one submission.
        visibility: when students see the single tests. Before the grades are published, tests
            that everyone can see could be used to try answers out.
    """
    runs = run_views(assignment, result, None, for_ta=False)
    step = assignment.description.rounding
    by_question = {q.id: _parts(q, result, runs.get(q.id, ())) for q in result.questions}
    _add_up(result, by_question, min(step, FINEST))
    tests = [part.test for parts in by_question.values() for part in parts]
    score = mark(result)
    if score is not None:
        tests += _rounding(score, step)
    for test in tests:
        test["visibility"] = visibility
    content: dict[str, Any] = {
        "execution_time": math.ceil(result.seconds),
        "output": feedback(result, step),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    if score is not None:
        content["score"] = float(rounded(score, step))
    return content


@dataclass(frozen=True)
class _Part:
    """A test, with what it could earn and, once it is decided, earned; unrounded."""

    test: dict[str, Any]
    marks: float
    awarded: float | None


def _parts(question: QuestionMark, result: Result, runs: Sequence[RunView]) -> list[_Part]:
    checks = [_check(check) for check in result.checks if check.question == question.id]
    cases = [part for run in runs for case in run.cases for part in _case(question, run, case)]
    return [*checks, *cases] or [_whole(question)]


def _add_up(result: Result, by_question: Mapping[str, list[_Part]], step: float) -> None:
    """Give every test its score and maximum: together those of the questions and of the whole."""
    maxima = apportioned([q.marks for q in result.questions], result.total_marks, step)
    decided = [q.awarded for q in result.questions if q.awarded is not None]
    earned = iter(apportioned(decided, sum(decided), step))
    for question, most in zip(result.questions, maxima, strict=True):
        parts = by_question[question.id]
        awarded = None if question.awarded is None else min(most, next(earned))
        worth = split(awarded, most, [(p.awarded or 0.0, p.marks) for p in parts], step)
        for part, (score, maximum) in zip(parts, worth, strict=True):
            part.test["max_score"] = maximum
            if awarded is not None:
                part.test["score"] = score


def _rounding(score: float, step: float) -> list[dict[str, Any]]:
    """What a course that rounds to more than a hundredth adds or takes away."""
    difference = rounded(score, step) - rounded(score, min(step, FINEST))
    if not difference:
        return []
    text = f"The course rounds marks to multiples of {written(step, FINEST)}."
    return [{"name": "Rounding", "score": float(difference), "max_score": 0.0, "output": text}]


def _check(check: Check) -> _Part:
    test: dict[str, Any] = {
        "name": display.clean(f"{check.question}: {check.title}"),
        "output": display.clean(_explanation(check)),
    }
    if check.outcome == "not_graded":
        return _Part(test, check.marks, None)
    test["status"] = check.outcome
    return _Part(test, check.marks, check.awarded)


def _explanation(check: Check) -> str:
    if check.outcome == "not_graded":
        return _OUR_FAULT
    told = [
        ("What was wrong", check.rationale),
        *(("A likely cause", hint.text) for hint in check.hints),
        ("What to look at", check.help),
        ("Why it matters", check.reason),
    ]
    return "\n".join(f"{label}: {words}" for label, words in told if words)


def _case(question: QuestionMark, run: RunView, case: CaseView) -> Iterator[_Part]:
    """The tests of one case of a run; together they are worth what the case is."""
    name = f"{question.id}: {run.title}" + (f" ({case.name})" if len(run.cases) > 1 else "")
    figures = [figure for figure in case.figures if figure.question]
    for figure in figures:
        test = {
            "name": display.clean(f"{name}: {figure.title}"),
            "output": display.clean(_figure(figure)),
        }
        if figure.awarded is not None and question.awarded is not None:
            test["status"] = "passed" if figure.share == 1.0 else "failed"
        yield _Part(test, figure.worth, figure.awarded)
    if not figures and case.worth > 0:
        test = {"name": display.clean(name), "output": display.clean(case.problem)}
        if case.awarded is not None and question.awarded is not None:
            test["status"] = "failed"
        yield _Part(test, case.worth, case.awarded)


def _figure(figure: FigureView) -> str:
    lines = [f"Measured: {figure.measured} {figure.unit}".rstrip()]
    if figure.note:
        lines.append(f"Note: {figure.note}")
    if figure.claim:
        verdict = ", which is not borne out" if figure.contradicted else ""
        lines.append(f"Stated in the submission: {figure.claim}{verdict}")
    if figure.judgement:
        lines.append(f"Judgement: {figure.judgement}")
    return "\n".join(lines)


def _whole(question: QuestionMark) -> _Part:
    """A question that has neither checks nor runs to tell of."""
    output = question.note
    if question.awarded is None:
        output = _OUR_FAULT_QUESTION if question.kind == "unit" else "Not marked yet."
    test = {
        "name": display.clean(f"{question.id}: {question.title}"),
        "output": display.clean(output),
    }
    return _Part(test, question.marks, question.awarded)
