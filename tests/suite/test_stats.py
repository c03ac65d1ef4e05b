"""The statistical tests keep what they promise, simulated under right and under wrong answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats as scipy_stats

from grader.suite import stats

RUNS = 1500
RATE = 0.05
Draw = Callable[[np.random.Generator, float], stats.Finding]


def z(rng: np.random.Generator, wrong: float) -> stats.Finding:
    values = 3 + 2 * rng.normal(wrong * 0.8, 1, size=20)
    return stats.normal_mean(values, 3, 2, false_fail=RATE, effect=0.8)


def chi(rng: np.random.Generator, wrong: float) -> stats.Finding:
    values = 5 + math.sqrt(2) * rng.normal(size=25) * math.sqrt(3 if wrong else 1)
    return stats.normal_variance(values, 2, false_fail=RATE, effect=3)


def f_ratio(rng: np.random.Generator, wrong: float) -> stats.Finding:
    first = rng.normal(size=30) * math.sqrt(4 * (3 if wrong else 1))
    return stats.variance_ratio(first, rng.normal(size=25), 4, false_fail=RATE, effect=3)


def ks(rng: np.random.Generator, wrong: float) -> stats.Finding:
    values = rng.uniform(size=40)
    if wrong:
        values = np.maximum(values, 0.35)  # an atom: 0.35 away from uniform
    return stats.uniform(values, false_fail=RATE, effect=0.35)


def chernoff(rng: np.random.Generator, wrong: float) -> stats.Finding:
    values = rng.exponential(size=60) + 0.9 * wrong
    return stats.chernoff_mean(
        values,
        1.0,
        lambda t: -math.log(1 - t) - t,
        (-20.0, 0.999),
        false_fail=RATE,
        effect=0.9,
    )


def binomial(rng: np.random.Generator, wrong: float) -> stats.Finding:
    successes = int(rng.binomial(60, 0.4 + 0.25 * wrong))
    return stats.share(successes, 60, 0.4, false_fail=RATE, effect=0.25)


def interval(rng: np.random.Generator, wrong: float) -> stats.Finding:
    values = rng.uniform(size=20)
    values[rng.uniform(size=20) < 0.2 * wrong] = 2.0
    return stats.inside(values, 0.0, 1.0, effect=0.2)


def dice(rng: np.random.Generator, wrong: float) -> stats.Finding:
    probabilities = np.array([0.5, 0.3, 0.15, 0.05, 0.0])
    drawn = probabilities + wrong * np.array([-0.3, 0.3, 0, 0, 0])
    counts = rng.multinomial(80, drawn)
    return stats.frequencies(counts, probabilities, false_fail=RATE, effect=0.3)


def test_draws_that_a_distribution_was_fitted_to_fail_less_often_than_promised() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        x = rng.standard_normal(80)
        values = scipy_stats.norm.cdf((x - x.mean()) / x.std())
        found = stats.uniform(values, false_fail=0.05, effect=0.5, fitted=True)
        assert found.passed
        assert not found.exact


ALL = [z, chi, f_ratio, ks, chernoff, binomial, interval, dice]


def at_most(count: int, runs: int, rate: float) -> bool:
    """Whether a count is plausible for a rate of at most this (one in a million is not)."""
    return float(scipy_stats.binom.sf(count - 1, runs, rate)) > 1e-6


@pytest.mark.parametrize("draw", ALL)
def test_right_answers_fail_as_rarely_as_promised(draw: Draw) -> None:
    rng = np.random.default_rng(1)
    findings = [draw(rng, 0.0) for _ in range(RUNS)]
    failures = sum(not f.passed for f in findings)
    assert at_most(failures, RUNS, findings[0].false_fail)
    if findings[0].exact:
        assert scipy_stats.kstest([f.p_value for f in findings], "uniform").pvalue > 1e-6
        # Exact tests are also no laxer than they say.
        assert float(scipy_stats.binom.cdf(failures, RUNS, RATE)) > 1e-6


@pytest.mark.parametrize("draw", ALL)
def test_wrong_answers_pass_as_rarely_as_promised(draw: Draw) -> None:
    rng = np.random.default_rng(2)
    findings = [draw(rng, 1.0) for _ in range(RUNS)]
    assert findings[0].miss < 0.5
    assert at_most(sum(f.passed for f in findings), RUNS, findings[0].miss)


@pytest.mark.parametrize("draw", ALL)
def test_the_p_value_and_the_verdict_agree(draw: Draw) -> None:
    rng = np.random.default_rng(3)
    for wrong in (0.0, 1.0):
        for _ in range(300):
            finding = draw(rng, wrong)
            if finding.p_value < finding.false_fail * 0.999:
                assert not finding.passed
            if finding.exact and finding.p_value > finding.false_fail * 1.001:
                assert finding.passed


def test_nan_never_passes() -> None:
    nan = np.full(10, np.nan)
    common = {"false_fail": 1e-8, "effect": 2.0}
    assert not stats.normal_mean(nan, 0, 1, **common).passed
    assert not stats.normal_variance(nan, 1, **common).passed
    assert not stats.variance_ratio(nan, np.arange(10), 1, **common).passed
    assert not stats.uniform(nan, false_fail=1e-8, effect=0.5).passed
    assert not stats.inside(nan, 0, 1, effect=0.5).passed
    assert not stats.chernoff_mean(nan, 0, lambda t: t * t / 2, (-9, 9), **common).passed


def test_constants_have_no_variance() -> None:
    values = np.full(64, 3.0)
    assert not stats.normal_variance(values, 1, false_fail=1e-9, effect=10).passed
    assert not stats.variance_ratio(values, values, 1, false_fail=1e-9, effect=10).passed
    assert not stats.uniform(np.full(200, 0.5), false_fail=1e-9, effect=0.45).passed


def test_chernoff_agrees_with_the_known_rate_of_the_normal() -> None:
    # For the normal distribution the bound is exp(-n a^2 / 2), so the limit is in closed form.
    n, false_fail = 100, 1e-6
    limit = math.sqrt(2 * math.log(2 / false_fail) / n)
    for factor, passed in ((0.999, True), (1.001, False)):
        for sign in (1, -1):
            finding = stats.chernoff_mean(
                np.full(n, sign * limit * factor),
                0.0,
                lambda t: t * t / 2,
                (-50.0, 50.0),
                false_fail=false_fail,
                effect=3 * limit,
            )
            assert finding.passed is passed


def test_what_cannot_happen_never_does() -> None:
    common = {"false_fail": 1e-8, "effect": 0.2}
    assert stats.frequencies([600, 400, 0], [0.6, 0.4, 0.0], **common).passed
    assert not stats.frequencies([600, 399, 1], [0.6, 0.4, 0.0], **common).passed
    assert not stats.frequencies([1000, 0, 0], [0.6, 0.4, 0.0], **common).passed


def test_nothing_tried_shows_nothing() -> None:
    common = {"false_fail": 1e-8, "effect": 0.2}
    for finding in (
        stats.frequencies([0, 0], [0.6, 0.4], **common),
        stats.share(0, 0, 0.4, **common),
    ):
        assert not finding.passed and finding.p_value == 0
