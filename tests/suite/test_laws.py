"""The laws of functions: each passes a right function and fails the mistake that breaks it."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.catalogue import law_mistakes
from grader.catalogue.generic import breakers
from grader.suite import driving
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.laws import Function, weight


def energy(x: Tensor) -> Tensor:
    return (x.reshape(len(x), -1) ** 2).sum(1) / 10


class Energy(
    Function,
    question="q1",
    of="toy.energy",
    values=4,
    shape=1,
    batch_of_one=0.25,
    arguments=0.5,
    gradient=1.5,
    far_out=1,
    images=1,
):
    parameters = ("x",)

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 5)]

    def far(self, draw: Any) -> Any:
        yield [draw.normal(4, 5, mean=100)], [draw.normal(4, 5)], "far from zero"

    def image_pair(self, draw: Any, *shape: int) -> tuple[list[Any], list[Any]]:
        return [draw.normal(*shape)], [draw.normal(*shape)]

    @weight(2)
    def test_is_even(self) -> None:
        """It does not see the sign."""
        self.same(-self.draw.normal(3, 5))


class Side:
    """An implementation in this process, asked as a proxy is."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.toy = types.SimpleNamespace(energy=function)

    def __call__(self, probe: Callable[..., Any], **keywords: Any) -> Any:
        return probe(self, **keywords)


def check(law: str, function: Callable[..., Any], test: Energy | None = None) -> None:
    test = test or Energy()
    fixtures = {
        "submission": Side(function),
        "reference": Side(energy),
        "probes": driving,
        "draw": Draw("secret", law),
        "expect": Expect(),
    }
    test.enter(fixtures.__getitem__)
    getattr(test, f"test_{Energy.laws()[law]}")()


@pytest.mark.parametrize("law", Function.laws())
def test_a_right_function_keeps_every_law(law: str) -> None:
    check(law, energy)


@pytest.mark.parametrize(
    "breaker", [b for b in breakers() if b.per_example is not False], ids=lambda b: b.name
)
def test_what_breaks_a_law_fails_it(breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    with pytest.raises(CheckFailed):
        check(breaker.law, lambda *args: broken(energy, *args))


def test_every_law_has_what_breaks_it() -> None:
    assert {(b.law, b.check) for b in breakers()} == set(Function.laws().items())
    assert all(b.hint for b in breakers())


def test_one_instance_asks_one_submission_after_another() -> None:
    test = Energy()
    check("values", energy, test)
    with pytest.raises(CheckFailed):
        check("values", lambda x: -energy(x), test)


def test_checks_have_the_weights_of_the_header() -> None:
    marks = {
        name: method.pytestmark[0].kwargs["weight"]
        for name, method in vars(Energy).items()
        if name.startswith("test_")
    }
    assert marks["test_has_the_right_values"] == 4
    assert marks["test_is_even"] == 2
    assert len(marks) == 8


def test_a_misspelt_law_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(TypeError, match="'shap'; is 'shape' meant"):
        type("Wrong", (Function,), {}, question="q1", of="toy.energy", shap=1)


def test_a_function_that_is_the_same_everywhere_has_no_shape_to_be_marked() -> None:
    with pytest.raises(CheckFailed, match="the same for two"):
        check("shape", lambda x: torch.ones(len(x)))
