"""`results.json` as Gradescope's autograder reads it.

The format is described at https://gradescope-autograders.readthedocs.io/en/latest/specs/ .
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from grader.assignment import Assignment
from grader.export.gradebooks import feedback, mark
from grader.report import display
from grader.report.runs import CaseView, FigureView, RunView, run_views
from grader.results import Check, QuestionMark, Result

Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]

_DECIMALS = 4
_OUR_FAULT = "We could not run this check. That is our fault and not a zero."


def gradescope_results(
    assignment: Assignment, result: Result, visibility: Visibility = "after_published"
) -> dict[str, Any]:
    """One submission as Gradescope wants it.

    Keys:
        score: marks decided so far. Left out while none is: Gradescope then reports that
            autograding failed, which is true, and enters no zero.
        execution_time: whole seconds, rounded up.
        output: a summary in words.
        output_format, test_output_format, test_name_format: `text`, so that nothing is HTML.
        visibility, stdout_visibility: students see the summary and not what the grader prints.
        tests: first one per check, then one per figure of a training run that marks hang on, one
            per case of a run that left no figure, and one per undecided question that has neither,
            each with
            name: question and sentence.
            score: marks earned; left out while undecided.
            max_score: marks that hang on it.
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
    told = {check.question for check in result.checks} | set(runs)
    pending = [q for q in result.questions if q.awarded is None and q.id not in told]
    content: dict[str, Any] = {
        "execution_time": math.ceil(result.seconds),
        "output": feedback(result),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            *(_check(check, visibility) for check in result.checks),
            *(
                test
                for question in result.questions
                for run in runs.get(question.id, ())
                for case in run.cases
                for test in _case(question, run, case, visibility)
            ),
            *(_undecided(question, visibility) for question in pending),
        ],
    }
    score = mark(result)
    if score is not None:
        content["score"] = round(score, _DECIMALS)
    return content


def _check(check: Check, visibility: Visibility) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": display.clean(f"{check.question}: {check.title}"),
        "max_score": round(check.marks, _DECIMALS),
        "output": display.clean(_explanation(check)),
        "visibility": visibility,
    }
    if check.outcome != "not_graded":
        test["score"] = round(check.awarded, _DECIMALS)
        test["status"] = check.outcome
    return test


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


def _case(
    question: QuestionMark, run: RunView, case: CaseView, visibility: Visibility
) -> Iterator[dict[str, Any]]:
    """The tests of one case of a run; together they are worth what the case is."""
    name = f"{question.id}: {run.title}" + (f" ({case.name})" if len(run.cases) > 1 else "")
    figures = [figure for figure in case.figures if figure.question]
    for figure in figures:
        test = {
            "name": display.clean(f"{name}: {figure.title}"),
            "max_score": round(figure.worth, _DECIMALS),
            "output": display.clean(_figure(figure)),
            "visibility": visibility,
        }
        if figure.awarded is not None and question.awarded is not None:
            test["score"] = round(figure.awarded, _DECIMALS)
            test["status"] = "passed" if figure.share == 1.0 else "failed"
        yield test
    if not figures and case.worth > 0:
        test = {
            "name": display.clean(name),
            "max_score": round(case.worth, _DECIMALS),
            "output": display.clean(case.problem),
            "visibility": visibility,
        }
        if case.awarded is not None and question.awarded is not None:
            test["score"] = round(case.awarded, _DECIMALS)
            test["status"] = "failed"
        yield test


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


def _undecided(question: QuestionMark, visibility: Visibility) -> dict[str, Any]:
    output = "Not marked yet."
    if question.kind == "unit":
        output = "We could not grade this question. That is our fault and not a zero."
    return {
        "name": display.clean(f"{question.id}: {question.title}"),
        "max_score": round(question.marks, _DECIMALS),
        "output": output,
        "visibility": visibility,
    }
