"""Form pays for an attempt: what a slip leaves of a task, and what rubbish does not have."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.assignment import find_assignment
from grader.marks.observed import Expected, Observed
from grader.marks.scoring import score
from grader.suite import driving
from grader.suite.attempts import Attempts
from grader.suite.calls import Ask
from grader.suite.draw import Draw
from grader.suite.expect import Expect
from grader.suite.hints import Misconceptions
from grader.suite.laws import Function, partial, weight
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.trial import Trial

Answer = Callable[[Tensor, Tensor, Tensor], Any]


def likelihood(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(x; mu, exp(logvar)) of each example, without its constant."""
    return (-0.5 * (logvar + (x - mu) ** 2 / logvar.exp())).sum(1)


def surprise(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return ((x - mu) ** 2).sum(1)


class Likelihood(Function, question="q1", of="toy.likelihood", values=1, shape=1):
    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [
            draw.normal(batch, 5),
            draw.normal(batch, 5),
            draw.uniform(batch, 5, low=-1.5, high=0.5),
        ]

    @partial
    @weight(2)
    def test_grows(self) -> None:
        """One of two parts."""

    @partial
    @weight(2)
    def test_falls(self) -> None:
        """The other one."""


class Side:
    """An implementation in this process, asked as a proxy is."""

    def __init__(self, answer: Answer) -> None:
        self.toy = types.SimpleNamespace(likelihood=answer, surprise=surprise)

    def __call__(self, probe: Callable[..., Any], **keywords: Any) -> Any:
        return probe(self, **keywords)


SHAPE = Expected("shape", "q1", 1.0, "", "", contract="toy.likelihood", shows=0.0)
PART = Expected("part", "q1", 1.0, "", "", contract="toy.likelihood", shows=0.5)
OTHER_PART = Expected("other", "q1", 1.0, "", "", contract="toy.likelihood", shows=0.5)


def likelihood_test(
    answer: Answer, attempts: Attempts, right: Answer = likelihood, secret: str = "secret"
) -> Likelihood:
    """The class as a suite has it, for one submission."""
    test = Likelihood()
    fixtures = {
        "submission": Side(answer),
        "reference": Side(right),
        "probes": driving,
        "draw": Draw(secret, "shape"),
        "expect": Expect(),
        "attempts": attempts,
    }
    test.enter(fixtures.__getitem__)
    return test


def attempted(answer: Answer, secret: str = "secret") -> bool:
    """Whether the form of this function counts, by its answers alone."""
    attempts = Attempts((), ["toy.likelihood", "toy.surprise"])
    attempts.question = "q1"
    likelihood_test(answer, attempts, secret=secret).test_has_the_right_shape()
    return attempts.were_made(SHAPE)


@pytest.mark.parametrize("secret", ["one", "two", "three"])
@pytest.mark.parametrize(
    "slip",
    [
        lambda x, mu, lv: -likelihood(x, mu, lv),
        lambda x, mu, lv: 3 * likelihood(x, mu, lv) + 7,
        lambda x, mu, lv: likelihood(x, mu, lv) / x.shape[1],
        lambda x, mu, lv: likelihood(x, mu, 2 * lv),
        lambda x, mu, lv: likelihood(x, mu, lv / 2),
        lambda x, mu, lv: (-0.5 * (x - mu) ** 2 / lv.exp()).sum(1),
        lambda x, mu, lv: (-0.5 * (lv + (x - mu).abs() / lv.exp())).sum(1),
        lambda x, mu, lv: likelihood(x, mu, lv).exp(),
        lambda x, mu, lv: likelihood(x, mu, lv) ** 3,
    ],
    ids=[
        "sign",
        "factor and constant",
        "mean for sum",
        "deviation squared",
        "variance for deviation",
        "half of it",
        "no square",
        "density for logarithm",
        "cube",
    ],
)
def test_a_slip_is_an_attempt(slip: Answer, secret: str) -> None:
    assert attempted(slip, secret)


@pytest.mark.parametrize("secret", ["one", "two", "three"])
@pytest.mark.parametrize(
    "rubbish",
    [
        lambda x, mu, lv: torch.randn(len(x)),
        lambda x, mu, lv: x.mean(1),
        lambda x, mu, lv: x.norm(dim=1),
        lambda x, mu, lv: -(lv**2).sum(1),
        lambda x, mu, lv: torch.sin(x @ torch.linspace(-1, 1, 5) + mu.sum(1)),
        lambda x, mu, lv: torch.tanh(x).sum(1) + mu[:, 0],
        lambda x, mu, lv: lv.sum(1) * 1.0,
        lambda x, mu, lv: torch.arange(len(x)) + 0.01 * x[:, 0],
        lambda x, mu, lv: likelihood(x, mu, lv).roll(1),
        surprise,
    ],
    ids=[
        "noise",
        "mean of an argument",
        "norm of an argument",
        "squares of an argument",
        "a smooth function",
        "another",
        "sum of an argument",
        "place in the batch",
        "the value of another example",
        "the neighbouring contract",
    ],
)
def test_rubbish_is_not_an_attempt(rubbish: Answer, secret: str) -> None:
    assert not attempted(rubbish, secret)


@pytest.mark.parametrize(
    "odd",
    [
        lambda *args: torch.full((len(args[0]),), float("nan")) + torch.rand(len(args[0])),
        lambda *args: {"mean": torch.rand(len(args[0])), "text": "x"},
        lambda *args: [torch.rand(2), torch.rand(3)],
    ],
)
def test_answers_of_another_kind_are_judged_too(odd: Answer) -> None:
    attempts = Attempts()
    test = likelihood_test(odd, attempts, likelihood)
    attempts.look("toy.likelihood", test.related)
    assert not attempts.were_made(SHAPE)


def total_likelihood(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return likelihood(x, mu, logvar).mean()


@pytest.mark.parametrize(
    ("answer", "made"),
    [
        (lambda *args: likelihood(*args).sum(), True),
        (lambda *args: -total_likelihood(*args).exp(), True),
        (lambda x, mu, lv: total_likelihood(x, mu, lv / 2), True),
        (lambda *args: torch.rand(()), False),
        (lambda x, mu, lv: x.mean() - mu.mean(), False),
        (lambda x, mu, lv: torch.sin(7 * x.sum()), False),
    ],
)
def test_a_single_number_of_each_call_is_related_too(answer: Answer, made: bool) -> None:
    attempts = Attempts()
    test = likelihood_test(answer, attempts, total_likelihood)
    attempts.look("toy.likelihood", test.related)
    assert attempts.were_made(replace(SHAPE, question="")) is made


def test_what_was_shown_needs_no_relation() -> None:
    attempts = Attempts()
    attempts.question = "q1"
    attempts.take_as_shown([PART, OTHER_PART])

    def never() -> bool:
        raise AssertionError("asked")

    attempts.look("toy.likelihood", never)
    assert attempts.were_made(SHAPE)


def test_one_part_that_is_right_is_not_enough_and_no_answer_is_no_attempt() -> None:
    attempts = Attempts()
    attempts.question = "q1"
    attempts.take_as_shown([PART])

    def no_answer() -> bool:
        raise AssertionError("it raised")

    attempts.look("toy.likelihood", no_answer)
    assert not attempts.were_made(PART)


def test_what_is_asked_for_the_relation_reaches_no_hint() -> None:
    logs = Ask("check", "secret"), Ask("check", "secret")
    logs[0].calls.append("asked before")  # type: ignore[arg-type]
    attempts = Attempts(logs)

    def related() -> bool:
        seeds = {log.seed() for log in logs}
        assert len(seeds) == 1, "both sides have the same random numbers"
        for log in logs:
            log.calls.append("asked for the relation")  # type: ignore[arg-type]
        return True

    attempts.look("toy.likelihood", related)
    assert [log.calls for log in logs] == [["asked before"], []]
    assert [log.test for log in logs] == ["check", "check"]


def test_form_without_an_attempt_earns_nothing_and_says_why() -> None:
    assignment = find_assignment("ift6135_a3")
    question = next(q for q in assignment.description.questions if q.kind == "unit")
    expected = [
        Expected("values", question.id, 3.0, "", ""),
        Expected("shape", question.id, 1.0, "", "", contract="a.b", shows=0.0),
    ]
    for made, kept in ((True, 0.25), (False, 0.0)):
        observed = {
            "values": Observed(outcome="failed"),
            "shape": Observed(outcome="passed", rationale="", detail="", attempted=made),
        }
        questions, checks = score(assignment, expected, observed)
        mark = next(q for q in questions if q.id == question.id)
        assert mark.awarded == pytest.approx(kept * question.marks)
        assert ("its form does not count" in checks[1].rationale) is not made


@pytest.mark.parametrize("explained", [True, False])
def test_what_a_mistake_of_the_catalogue_explains_is_an_attempt(explained: bool) -> None:
    """The mean of the logarithms follows the inputs as closely as their own mean does."""
    assignment = find_assignment("ift6135_a3")
    kept: list[bool] = []

    def serve(plugin: SuitePlugin) -> None:
        modules = plugin.reference_implementation.modules
        solution = types.SimpleNamespace(**vars(modules["q1_solution"]))
        solution.log_mean_exp = lambda y: y.mean(1) if explained else y.std(1)
        expected = plugin.of(frozenset({"q1.3"}))
        trial = Trial(assignment, {**modules, "q1_solution": solution})
        observed = plugin.run(trial, "secret", expected)
        form = [e.id for e in expected if not e.shows and observed[e.id].outcome == "passed"]
        assert form and not any(observed[i].attempted for i in form)
        Misconceptions(assignment, plugin.reference_implementation).explain(expected, observed)
        kept.extend(observed[i].attempted for i in form)

    serve_suite(assignment, assignment.hidden / "test_q1_likelihoods.py", serve)
    assert set(kept) == {explained}
