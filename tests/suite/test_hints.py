"""A mistake is recognised in another form: its rounding does not hide it."""

from __future__ import annotations

import pytest
import torch

from grader.assignment import find_assignment
from grader.marks.observed import Expected, Observed
from grader.suite.calls import Call
from grader.suite.draw import Draw
from grader.suite.hints import Misconceptions
from grader.suite.local import Local, load_probes, load_text

ASSIGNMENT = find_assignment("ift6135_a3")
CONTRACT = "q1_solution.kl_gaussian_gaussian_analytic"
FORMS = {
    "exp(a - b)": "exp(logvar_p - logvar_q) + distance / exp(logvar_q)",
    "exp(a) / exp(b)": "exp(logvar_p) / exp(logvar_q) + distance / exp(logvar_q)",
    "one fraction": "(exp(logvar_p) + distance) / exp(logvar_q)",
    "deviations": "(exp(logvar_p / 2) ** 2 + distance) / exp(logvar_q / 2) ** 2",
}


@pytest.fixture(scope="module")
def misconceptions() -> Misconceptions:
    return Misconceptions(ASSIGNMENT, Local.reference(ASSIGNMENT))


def named(misconceptions: Misconceptions, body: str, secret: str) -> set[str]:
    """The mistakes that a divergence with this sum of squares is told of, asked as a suite asks."""
    text = (
        "from torch import exp\n\n"
        "def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):\n"
        "    distance = (mu_q - mu_p) ** 2\n"
        f"    return 0.5 * (logvar_q - logvar_p + {body} - 1).sum(1)\n"
    )
    draw = Draw(secret, "hints")

    def normals() -> list[torch.Tensor]:
        means = [draw.normal(3, 4) for _ in range(2)]
        logvars = [draw.uniform(3, 4, low=-1.2, high=1.2) for _ in range(2)]
        return [means[0], logvars[0], means[1], logvars[1]]

    asked = {"function": CONTRACT, "step": 0.01, "args": normals()}
    asked["directions"] = [[draw.normal(3, 4), None, None, None] for _ in range(3)]
    calls = [Call("call", CONTRACT, {"args": normals(), "kwargs": {}}, draw.seed())]
    calls.append(Call("probe", "slopes", {"kwargs": asked}, draw.seed()))
    return told(misconceptions, text, calls, "q1.4")


def told(misconceptions: Misconceptions, text: str, calls: list[Call], question: str) -> set[str]:
    """The mistakes that a submission of this text is told of in a check with these calls."""
    module = load_text(text, "hints_submission")
    submission = Local(lambda: {"q1_solution": module}, load_probes(ASSIGNMENT))
    for call in calls:
        call.value = submission.answer(call)
    seen = {"a check": Observed(outcome="failed", calls=calls)}
    expected = Expected("a check", question, 1.0, "A check", "Why it is there.")
    misconceptions.explain([expected], seen)
    return {hint.mistake for hint in seen["a check"].hints}


@pytest.mark.parametrize("form", list(FORMS))
def test_a_mistake_in_another_form_has_its_hint(misconceptions: Misconceptions, form: str) -> None:
    for secret in map(str, range(12)):
        assert named(misconceptions, FORMS[form], secret) == {"kl_the_wrong_way_round"}


def test_what_is_near_a_mistake_has_none(misconceptions: Misconceptions) -> None:
    body = FORMS["exp(a - b)"]
    for other in (f"1.0002 * ({body})", f"{body} + 1e-3", body.replace("logvar_q)", "logvar_p)")):
        assert named(misconceptions, other, "near") == set()


def test_one_slip_has_one_hint_where_another_mistake_has_it_beside_another_contract(
    misconceptions: Misconceptions,
) -> None:
    text = (
        "import math\n\n"
        "def log_likelihood_normal(mu, logvar, z):\n"
        "    square = (z - mu) ** 2 / logvar.exp()\n"
        "    return 0.5 * (math.log(2 * math.pi) + logvar + square).sum(1)\n"
    )
    draw = Draw("negated", "hints")
    args = [draw.normal(3, 4) for _ in range(3)]
    call = Call("call", "q1_solution.log_likelihood_normal", {"args": args, "kwargs": {}}, 1)
    assert told(misconceptions, text, [call], "q1.2") == {"normal_with_the_sign_of_a_loss"}
