"""`results.json` for Gradescope."""

from __future__ import annotations

import json
from decimal import Decimal

import jsonschema
import pytest

from grader.export import gradescope_results

# From https://gradescope-autograders.readthedocs.io/en/latest/specs/ : what it lists, and no more.
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
TEXT_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tests"],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number", "minimum": 0},
        "output": {"type": "string"},
        "output_format": TEXT_FORMAT,
        "test_output_format": TEXT_FORMAT,
        "test_name_format": TEXT_FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "max_score", "output", "visibility"],
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "output": {"type": "string"},
                    "visibility": VISIBILITY,
                },
            },
        },
    },
}


@pytest.mark.parametrize("kind", ["graded", "unreadable", "not_graded"])
def test_results_follow_the_format(assignment, kind, request) -> None:
    content = gradescope_results(assignment, request.getfixturevalue(kind))
    jsonschema.validate(json.loads(json.dumps(content, allow_nan=False)), SCHEMA)


def sums(content) -> tuple[Decimal, Decimal]:
    """Scores and maxima of the tests, added up as the decimal numbers that they are written as."""
    scores, maxima = (
        sum((Decimal(str(t.get(key, 0))) for t in content["tests"]), Decimal())
        for key in ("score", "max_score")
    )
    return scores, maxima


def test_score_is_what_is_decided_and_tests_add_up_to_it(assignment, graded) -> None:
    content = gradescope_results(assignment, graded)
    assert content["score"] == 4.33
    assert sums(content) == (Decimal("4.33"), Decimal(10))
    assert content["execution_time"] == 2


@pytest.mark.parametrize("passed", [0, 1, 5, 6, 7, 12, 13])
@pytest.mark.parametrize("rounding", [0.01, 0.001, 0.5])
def test_tests_add_up_exactly_whatever_each_is_worth(assignment, graded, passed, rounding) -> None:
    description = assignment.description.model_copy(update={"rounding": rounding})
    assignment.__dict__["description"] = description
    checks = [
        graded.checks[0].model_copy(
            update={"question": q, "outcome": "passed" if n < passed else "failed",
                    "marks": m / 13, "awarded": m / 13 if n < passed else 0.0}
        )
        for q, m in (("q1.1", 3), ("q1.2", 4)) for n in range(13)
    ]  # fmt: skip
    questions = [
        q.model_copy(update={"awarded": q.marks * passed / 13 if q.kind == "unit" else None})
        for q in graded.questions
    ]
    content = gradescope_results(
        assignment, graded.model_copy(update={"checks": checks, "questions": questions})
    )
    assert sums(content) == (Decimal(str(content["score"])), Decimal(10))
    assert content["score"] == pytest.approx(7 * passed / 13, abs=rounding / 2)
    for test in content["tests"]:
        if test["name"] != "Rounding":
            assert 0 <= test.get("score", 0) <= test["max_score"]
            assert (test.get("status") == "passed") == (test.get("score", 0) > 0)


def test_questions_without_checks_are_tests_too_so_that_nothing_is_left_out(
    assignment, graded
) -> None:
    questions = [q.model_copy(update={"awarded": 0.0}) for q in graded.questions]
    content = gradescope_results(
        assignment, graded.model_copy(update={"checks": [], "questions": questions})
    )
    assert [t["name"].split(":")[0] for t in content["tests"]] == ["q1.1", "q1.2", "q1.3"]
    assert sums(content) == (0, 10)


def test_a_failed_check_is_explained_without_values_or_output(assignment, graded) -> None:
    content = gradescope_results(assignment, graded)
    (failed,) = (t for t in content["tests"] if t.get("status") == "failed")
    assert failed["name"] == "q1.2: Penalties accept images"
    assert failed["score"] == 0
    assert failed["output"] == (
        "What was wrong: w1 has the wrong sign\n"
        "A likely cause: Real and generated are swapped.\n"
        "What to look at: Real comes first.\n"
        "Why it matters: The critic aims high on real data."
    )
    assert "SENTINEL" not in json.dumps(content)


@pytest.mark.parametrize("kind", ["unreadable", "not_graded"])
def test_what_is_not_decided_gets_no_score(assignment, kind, request) -> None:
    content = gradescope_results(assignment, request.getfixturevalue(kind))
    assert "score" not in content
    assert not [t for t in content["tests"] if "score" in t]
    assert "wall" not in json.dumps(content)


def test_a_check_that_we_could_not_run_is_our_fault_and_counts_once(assignment, graded) -> None:
    first = graded.checks[0].model_copy(
        update={"outcome": "not_graded", "awarded": 0.0, "rationale": "disk full"}
    )
    questions = [graded.questions[0].model_copy(update={"awarded": None}), *graded.questions[1:]]
    result = graded.model_copy(
        update={"checks": [first, *graded.checks[1:]], "questions": questions}
    )
    content = gradescope_results(assignment, result)
    test = content["tests"][0]
    assert "score" not in test
    assert "our fault and not a zero" in test["output"]
    assert sums(content) == (Decimal("1.33"), Decimal(10))
    assert content["score"] == 1.33
    assert "disk full" not in json.dumps(content)


def test_single_tests_are_seen_when_asked(assignment, graded) -> None:
    assert {t["visibility"] for t in gradescope_results(assignment, graded)["tests"]} == {
        "after_published"
    }
    content = gradescope_results(assignment, graded, visibility="hidden")
    assert {t["visibility"] for t in content["tests"]} == {"hidden"}
