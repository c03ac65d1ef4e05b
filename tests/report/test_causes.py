"""Failed checks with one cause are told once."""

from __future__ import annotations

import pytest

from grader.report.causes import cause_of, is_shared
from grader.report.submission import student_view, ta_view
from grader.results import Excerpt

CODE = [
    Excerpt(contract="gan.jsd", file="hw/gan.py", first=10, last=20, text="def jsd(cp, cq): ..."),
    Excerpt(contract="gan.Net", file="hw/gan.py", first=30, last=60, text="class Net: ..."),
    Excerpt(contract="gan.Net.forward", file="hw/gan.py", first=40, last=50, text="def forward"),
]


def failed(make, rationale: str, ending: str = "raised"):
    check = make.result("a", ability=0).checks[0]
    return check.model_copy(update={"rationale": rationale, "ending": ending, "hints": []})


@pytest.mark.parametrize(
    ("rationale", "sentence"),
    [
        ("gan.jsd(tensor(5,) float32, tensor(5,) float32): not written yet "
         "(NotImplementedError in gan.py, line 12)", "gan.jsd is not written yet"),
        ("losses: a function is not written yet in gan.py, line 12", "gan.jsd is not written yet"),
        ("training: a function is not written yet in gan.py, line 44",
         "gan.Net.forward is not written yet"),
        ("gan.jsd(cp, cq (5, 1)): not written yet", "gan.jsd is not written yet"),
        ("gan.jsd is not written yet", "gan.jsd is not written yet"),
        ("jsd(tensor(5,)) was not tried: 3 times before it gave no answer in time",
         "jsd was not tried: 3 times before it gave no answer in time"),
        ("gan.r1gp is not defined", "gan.r1gp is not defined"),
        ("gan.py was not handed in", "gan.py was not handed in"),
    ],
)  # fmt: skip
def test_whatever_it_was_called_with_the_cause_is_the_same(make, rationale, sentence) -> None:
    cause = cause_of(make.assignment, failed(make, rationale), CODE)
    assert cause == sentence
    assert is_shared(cause, 1)


def test_a_wrong_value_is_told_check_by_check(make) -> None:
    check = failed(make, "jsd(cp) is wrong in 5 of 5 values", "returned")
    assert cause_of(make.assignment, check, CODE) == ""
    assert not is_shared("", 9)


def test_an_error_is_told_once_where_several_checks_meet_it(make) -> None:
    cause = cause_of(make.assignment, failed(make, "jsd(x (3,)) raised TypeError in gan.py"), CODE)
    assert cause == "jsd raised TypeError in gan.py"
    assert is_shared(cause, 2)
    assert not is_shared(cause, 1)


def unwritten(make):
    result = make.result("a", ability=0)
    checks = [
        c.model_copy(
            update={"rationale": f"f{n}(x ({n},)): not written yet (NotImplementedError in gan.py, "
                    "line 15)", "help": "Fill in the function.", "ending": "raised", "hints": []}
        )
        for n, c in enumerate(result.checks)
    ]  # fmt: skip
    return result.model_copy(update={"checks": checks, "code": CODE})


def test_a_question_has_one_card_for_a_function_that_is_not_written(make) -> None:
    view = student_view(make.assignment, unwritten(make))
    asked = [q for q in view.questions if q.kind == "unit"]
    assert all(len(q.causes) == 1 and not q.having("failed") for q in asked)
    assert sum(len(q.causes[0].checks) for q in asked) == len(unwritten(make).checks)
    assert all(q.causes[0].marks == pytest.approx(q.marks) for q in asked)
    # What to do is said the first time.
    assert [bool(q.causes[0].help) for q in asked] == [True] + [False] * (len(asked) - 1)


def test_the_code_stands_beside_failed_checks_on_the_ta_page_alone(make) -> None:
    result = unwritten(make)
    contracts = [c for q in make.assignment.description.questions for c in q.contracts]
    code = [CODE[0].model_copy(update={"contract": contracts[0]})]
    result = result.model_copy(update={"code": code})
    student, ta = student_view(make.assignment, result), ta_view(make.assignment, result)
    assert "def jsd" not in repr(student)
    first = next(q for q in ta.questions if contracts[0] in q.contracts)
    assert [c.text for c in first.code] == ["def jsd(cp, cq): ..."]
    passed = make.result("b", ability=1).model_copy(update={"code": code})
    assert not any(q.code for q in ta_view(make.assignment, passed).questions)
