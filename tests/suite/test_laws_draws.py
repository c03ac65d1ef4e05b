"""The laws of random draws: each passes right draws and fails the mistake that breaks it."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from torch import Tensor

from grader.catalogue import law_mistakes
from grader.catalogue.generic import breakers
from grader.marks.observed import Expected
from grader.suite import driving, stats
from grader.suite.attempts import Attempts
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.laws import Draws, generator, has_standard_moments, is_normal


def noise(mean: Any, n: int, rng: np.random.Generator) -> Any:
    return mean + 0.5 * rng.standard_normal((n, 2))


class Noise(
    Draws,
    question="q1",
    of="toy.noise",
    mean=1,
    variance=1,
    distribution=1,
    independent=1,
    shape=1,
    arguments=1,
):
    parameters = ("mean", "n", "rng")
    effects: ClassVar = {"mean": 0.2, "variance": 1.5, "distribution": 0.1}
    said: ClassVar = {"variance": "the noise has another spread"}

    def inputs(self, draw: Any, count: int = 20) -> list[Any]:
        return [draw.normal(2).double().numpy(), count, generator(draw.seed())]

    def result_shape(self, count: int) -> tuple[int, ...]:
        return (count, 2)

    def normals(self, draw: Any) -> Any:
        args = self.inputs(draw, 4000)
        for values in (self.got(args, 4000) - args[0]).T:
            yield values, 0.0, 0.5

    def ranks(self, draw: Any) -> Any:
        for values, mean, sd in self.normals(draw):
            yield ndtr((values - mean) / sd)


class Side:
    """An implementation in this process, asked as a proxy is."""

    def __init__(self, noise: Callable[..., Any]) -> None:
        self.toy = types.SimpleNamespace(noise=noise)

    def __call__(self, probe: Callable[..., Any], **keywords: Any) -> Any:
        return probe(self, **keywords)


def check(law: str, function: Callable[..., Any]) -> bool:
    """Check a law; whether the draws are related to right ones."""
    test, attempts = Noise(), Attempts()
    fixtures = {
        "submission": Side(function),
        "reference": Side(noise),
        "probes": driving,
        "draw": Draw("secret", law),
        "expect": Expect(),
        "attempts": attempts,
        "stats": stats,
    }
    test.enter(fixtures.__getitem__)
    getattr(test, f"test_{Noise.laws()[law]}")()
    return attempts.were_made(SHAPE)


SHAPE = Expected("shape", "", 1.0, "", "", contract="toy.noise", shows=0.0)


def test_slips_are_attempts_and_any_noise_is_not() -> None:
    assert check("shape", lambda mean, n, rng: mean + 2.0 * rng.standard_normal((n, 2)))
    assert check("shape", lambda mean, n, rng: -mean + rng.uniform(-1, 1, (n, 2)))
    assert not check("shape", lambda mean, n, rng: rng.standard_normal((n, 2)))
    assert not check("shape", lambda mean, n, rng: n * rng.uniform(-1, 1, (n, 2)))


@pytest.mark.parametrize("law", Draws.laws())
def test_right_draws_keep_every_law(law: str) -> None:
    check(law, noise)


@pytest.mark.parametrize(
    "breaker", [b for b in breakers() if b.law in Draws.laws()], ids=lambda b: b.name
)
def test_what_breaks_a_law_fails_it(breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    with pytest.raises(CheckFailed):
        check(breaker.law, lambda *args: broken(noise, *args))


def test_another_distribution_of_the_same_mean_and_spread_is_seen() -> None:
    def uniform(mean: Any, n: int, rng: np.random.Generator) -> Any:
        return mean + 0.5 * rng.uniform(-(3**0.5), 3**0.5, (n, 2))

    check("mean", uniform)
    check("variance", uniform)
    with pytest.raises(CheckFailed, match="the wrong distribution"):
        check("distribution", uniform)


def test_a_class_says_what_is_wrong_in_its_own_words() -> None:
    with pytest.raises(CheckFailed, match="the noise has another spread"):
        check("variance", lambda mean, n, rng: mean + rng.standard_normal((n, 2)))


@pytest.mark.parametrize(
    "other",
    [lambda x: x.T, lambda x: x[:, None], lambda x: x[..., None]],
    ids=["columns", "an axis between", "an axis behind"],
)
def test_another_layout_costs_the_shape_alone(other: Callable[..., Any]) -> None:
    for law in Draws.laws():
        if law == "shape":
            with pytest.raises(CheckFailed):
                check(law, lambda *args: other(noise(*args)))
        else:
            check(law, lambda *args: other(noise(*args)))


def test_too_few_draws_are_no_answer() -> None:
    with pytest.raises(CheckFailed, match="were asked for"):
        check("mean", lambda mean, n, rng: noise(mean, n // 2, rng))


def test_the_global_sources_serve_as_well() -> None:
    check("independent", lambda mean, n, rng: mean + 0.5 * np.random.randn(n, 2))
    check("variance", lambda mean, n, rng: mean + 0.5 * np.random.randn(n, 2))


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        (torch.randn(20000), set()),
        (0.3 + torch.randn(20000), {"moments", "normal"}),
        (1.3 * torch.randn(20000), {"moments", "normal"}),
        (12**0.5 * (torch.rand(20000) - 0.5), {"normal"}),
    ],
    ids=["right", "shifted", "wide", "uniform"],
)
def test_standard_normal_values_are_told_from_others(values: Tensor, wrong: set[str]) -> None:
    test = Noise()
    test.enter({"stats": stats, "expect": Expect()}.__getitem__)
    for name, tried in (("moments", has_standard_moments), ("normal", is_normal)):
        with pytest.raises(CheckFailed) if name in wrong else contextlib.nullcontext():
            tried(test, values, "the noise", "randn")
