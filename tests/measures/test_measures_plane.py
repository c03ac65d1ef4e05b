"""Normal mixtures, quadrature on the plane, and figures of chains, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from grader.measures.chains import (
    autocorrelation,
    autocorrelation_time,
    random_walk_acceptance,
)
from grader.measures.estimate import MeasureError
from grader.measures.plane import NormalMixture, Square, largest_ratio, projected_cdf

ONE = NormalMixture(np.ones(1), np.array([[1.0, -2.0]]), np.array([[[2.0, 0.6], [0.6, 1.0]]]))


def test_a_mixture_of_equal_parts_is_that_part() -> None:
    two = NormalMixture(
        np.array([0.2, 0.8]), np.repeat(ONE.means, 2, 0), np.repeat(ONE.covariances, 2, 0)
    )
    x = np.random.default_rng(0).normal(size=(20, 2), scale=50.0)
    np.testing.assert_allclose(two.log_density(x), ONE.log_density(x), rtol=1e-12)
    np.testing.assert_allclose(two.covariance(), ONE.covariances[0], atol=1e-12)


def test_a_component_of_weight_zero_counts_for_nothing() -> None:
    means = np.concatenate([ONE.means, np.zeros((1, 2))])
    two = NormalMixture(np.array([1.0, 0.0]), means, np.repeat(ONE.covariances, 2, 0))
    np.testing.assert_allclose(two.log_density(means), ONE.log_density(means))


def test_draws_have_the_moments_of_the_mixture() -> None:
    mixture = NormalMixture(
        np.array([0.3, 0.7]),
        np.array([[0.0, 4.0], [1.0, 0.0]]),
        np.array([[[1.0, 0.9], [0.9, 2.0]], [[0.5, 0.0], [0.0, 0.1]]]),
    )
    x = mixture.draw(40_000, np.random.default_rng(1))
    errors = np.sqrt(np.diag(mixture.covariance()) / len(x))
    assert (np.abs(x.mean(0) - mixture.mean()) < 5.5 * errors).all()
    np.testing.assert_allclose(np.cov(x.T), mixture.covariance(), atol=0.12)


def test_the_trapezoidal_rule_is_exact_for_what_it_must_be() -> None:
    square = Square(1.0, 11, centre=(2.0, 0.0))
    x, y = square.points.T
    assert square.integral(np.ones(121)) == pytest.approx(4)
    assert square.integral(x + 3 * y) == pytest.approx(8)
    assert x.min() == pytest.approx(1)


@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, 1.0), (-2.0, 1.0)])
def test_projections_of_a_normal_are_normal(direction: tuple[float, float]) -> None:
    v = np.array(direction) / np.hypot(*direction)
    cdf = projected_cdf(lambda x: 7 * np.exp(ONE.log_density(x)), direction, 12.0)
    x = np.random.default_rng(2).normal(size=(200, 2), scale=3.0)
    sd = math.sqrt(v @ ONE.covariances[0] @ v)
    wanted = stats.norm.cdf(x @ v, loc=ONE.means[0] @ v, scale=sd)
    np.testing.assert_allclose(cdf(x), wanted, atol=2e-4)


def test_largest_ratio_of_two_normals() -> None:
    """N(m, s) over N(0, t) with s < t is largest at m t / (t - s)."""
    s, t, m = 0.5, 4.0, np.array([1.0, -0.5])
    narrow = NormalMixture(np.ones(1), m[None], s * np.eye(2)[None])
    wide = NormalMixture(np.ones(1), np.zeros((1, 2)), t * np.eye(2)[None])
    best, at = largest_ratio(narrow.log_density, wide.log_density, 6.0)
    assert best == pytest.approx(t / s * math.exp(m @ m / (2 * (t - s))), rel=1e-9)
    np.testing.assert_allclose(at, m * t / (t - s), atol=1e-4)
    # On a square that does not reach that far, it is largest at the corner.
    _, at = largest_ratio(narrow.log_density, wide.log_density, 0.4)
    np.testing.assert_allclose(at, [0.4, -0.4])


def autoregressive(n: int, coefficient: float, seed: int) -> Any:
    noise = np.random.default_rng(seed).normal(size=n)
    x = np.empty(n)
    level = 0.0
    for t in range(n):
        level = coefficient * level + noise[t]
        x[t] = level
    return x


@pytest.mark.parametrize("unbiased", [False, True])
def test_autocorrelation_is_its_definition(unbiased: bool) -> None:
    x = autoregressive(80, 0.7, 3)
    d = x - x.mean()
    rows = [(d[: 80 - k] * d[k:]).sum() / (80 - k if unbiased else 80) for k in range(21)]
    np.testing.assert_allclose(
        autocorrelation(x, 20, unbiased=unbiased), np.array(rows) / x.var(), atol=1e-12
    )


@pytest.mark.parametrize("x", [np.ones(100), np.zeros(3)])
def test_autocorrelation_refuses_what_has_none(x: Any) -> None:
    with pytest.raises(MeasureError):
        autocorrelation(x, 5)


def test_autocorrelation_time_of_an_autoregression() -> None:
    """(1 + a) / (1 - a) for a coefficient a; 3 for one half, 1 for none."""
    assert autocorrelation_time(autoregressive(60_000, 0.5, 4)) == pytest.approx(3, rel=0.1)
    assert autocorrelation_time(autoregressive(60_000, 0.0, 5)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("step", [0.1, 0.7, 3.0])
def test_acceptance_at_the_top_of_a_normal(step: float) -> None:
    """At the mode every proposal is downhill: E exp(-|e|^2 / 2) = 1 / (1 + step^2)."""
    normal = NormalMixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    found = random_walk_acceptance(normal.log_density, np.zeros((1, 2)), step)
    assert found[0] == pytest.approx(1 / (1 + step**2), abs=1e-3)


def test_acceptance_of_a_normal_in_the_long_run() -> None:
    """(4 / pi) arctan(2 / step) / 2 in one dimension (Gelman, Roberts and Gilks, 1996); in two, the
    length of a step is Rayleigh: 1 - step / sqrt(4 + step^2)."""
    step = 1.3
    normal = NormalMixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    square = Square(7.0, 80)
    chances = random_walk_acceptance(normal.log_density, square.points, step)
    found = square.integral(chances * np.exp(normal.log_density(square.points)))
    assert found == pytest.approx(1 - step / math.sqrt(4 + step**2), abs=2e-3)
