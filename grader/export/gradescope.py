"""`results.json` as Gradescope's autograder reads it.

The format is described at https://gradescope-autograders.readthedocs.io/en/latest/specs/ .
"""

from __future__ import annotations

import math
from typing import Any, Literal

from grader.export.gradebooks import feedback, mark
from grader.report import display
from grader.results import Check, QuestionMark, Result

Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]

_DECIMALS = 4
_OUR_FAULT = "We could not run this check. That is our fault and not a zero."


def gradescope_results(
    result: Result, visibility: Visibility = "after_published"
) -> dict[str, Any]:
    """One submission as Gradescope wants it.

    Keys:
        score: marks decided so far. Left out while none is: Gradescope then reports that
            autograding failed, which is true, and enters no zero.
        execution_time: whole seconds, rounded up.
        output: a summary in words.
        output_format, test_output_format, test_name_format: `text`, so that nothing is HTML.
        visibility, stdout_visibility: students see the summary and not what the grader prints.
        tests: first one per check, then one per undecided question without checks, each with
            name: question and sentence.
            score: marks earned; left out while undecided.
            max_score: marks that hang on it.
            status: `passed` or `failed`; left out while undecided.
            output: what was wrong, a likely cause, what to look at, why it matters.
            visibility: as asked for.

    Args:
        result: of one submission.
        visibility: when students see the single tests. Before the grades are published, tests
            that everyone can see could be used to try answers out.
    """
    checked = {check.question for check in result.checks}
    pending = [q for q in result.questions if q.awarded is None and q.id not in checked]
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
