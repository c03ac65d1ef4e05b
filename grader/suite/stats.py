"""Statistical assertions for hidden suites: random answers, judged with stated error rates.

Nothing fixes the order in which a right solution draws its random numbers, so its answers cannot be
compared number by number. Each test here says two things before it looks at an answer:

* `false_fail`: how often, at most, a right solution fails it;
* `miss`: how often, at most, a solution that is wrong by the declared `effect` passes it.

Both follow from the distribution of the statistic, by scipy. A test returns a `Finding`, and the
fixture `expect` turns it into a pass or a failure: `expect.plausible(stats.normal_mean(...), ...)`.
`grader audit` collects the findings and compares what they promise with what happens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """What a statistical test found.

    Attributes:
        test: name of the test.
        passed: whether the answers are plausible.
        p_value: the chance that a right solution's statistic is at least as far out; uniform on
            [0, 1] for a right solution where `exact`, else larger than that.
        false_fail: the declared rate of failing a right solution.
        miss: the rate of passing a solution that is wrong by `effect`.
        effect: what is caught, in words.
        exact: whether the p-value's distribution is exact, or a bound.
        detail: statistic and limits, for the TA.
    """

    test: str
    passed: bool
    p_value: float
    false_fail: float
    miss: float
    effect: str
    exact: bool
    detail: str


def normal_mean(
    values: ArrayLike, mean: float, sd: float, *, false_fail: float, effect: float
) -> Finding:
    """The mean of independent normal values of known standard deviation (the z test).

    Args:
        values: (n,), what was drawn.
        mean: what their mean should be.
        sd: the standard deviation of one value.
        false_fail: rate of failing right values.
        effect: a shift of the mean, in standard deviations of one value, that must be caught.
    """
    x = _vector(values)
    root_n = math.sqrt(x.size)
    z = (float(x.mean()) - mean) / sd * root_n
    limit = float(stats.norm.isf(false_fail / 2))
    shifted = effect * root_n
    miss = float(stats.norm.cdf(limit - shifted) - stats.norm.cdf(-limit - shifted))
    return Finding(
        "normal mean",
        bool(abs(z) <= limit),
        float(2 * stats.norm.sf(abs(z))),
        false_fail,
        miss,
        f"a shift of the mean by {effect:g} standard deviations",
        True,
        f"z = {z:.3f}, limit {limit:.3f}, n = {x.size}",
    )


def chernoff_mean(
    values: ArrayLike,
    mean: float,
    cumulants: Callable[[float], float],
    reach: tuple[float, float],
    *,
    false_fail: float,
    effect: float,
    slack: float = 0.0,
) -> Finding:
    """The mean of independent values whose cumulant generating function is known.

    P(mean of n - m >= a) <= exp(-n sup_t (t a - psi(t))), Chernoff (1952), with psi that of one
    value less its mean; likewise on the other side. It holds for every n.

    Args:
        values: (n,), what was drawn.
        mean: what their mean should be.
        cumulants: psi(t) = log E exp(t (X - mean)), finite inside `reach`.
        reach: (lowest, highest) t, of either sign.
        false_fail: rate of failing right values, both sides together.
        effect: a shift of the mean, in the values' own unit, that must be caught.
        slack: difference of the mean that rounding may make.
    """
    x = _vector(values)
    room = math.log(2 / false_fail) / x.size
    above = _chernoff_limit(cumulants, reach[1], room)
    below = _chernoff_limit(lambda t: cumulants(-t), -reach[0], room)
    off = float(x.mean()) - mean
    # A value that is shifted by the effect passes only by being far out on the other side.
    short = effect - max(above, below) - slack
    miss = 1.0
    if short > 0:
        miss = max(
            math.exp(-x.size * _rate(lambda t: cumulants(-t), -reach[0], short)),
            math.exp(-x.size * _rate(cumulants, reach[1], short)),
        )
    rate = (
        _rate(cumulants, reach[1], off - slack)
        if off > 0
        else _rate(lambda t: cumulants(-t), -reach[0], -off - slack)
    )
    return Finding(
        "mean, Chernoff bound",
        bool(-below - slack <= off <= above + slack),
        min(1.0, 2 * math.exp(-x.size * rate)),
        false_fail,
        miss,
        f"a shift of the mean by {effect:.3g}",
        False,
        f"mean off by {off:.5g}, limits -{below + slack:.5g} and {above + slack:.5g}, n = {x.size}",
    )


def normal_variance(
    values: ArrayLike, variance: float, *, false_fail: float, effect: float
) -> Finding:
    """The sample variance of independent normal values (the chi-squared test).

    Args:
        values: (n,), what was drawn.
        variance: what their variance should be.
        false_fail: rate of failing right values.
        effect: a factor on the variance that must be caught, as must its inverse.
    """
    x = _vector(values)
    degrees = x.size - 1
    chi = degrees * float(x.var(ddof=1)) / variance
    low, high = stats.chi2.isf([1 - false_fail / 2, false_fail / 2], degrees)
    miss = max(
        float(stats.chi2.cdf(high / factor, degrees) - stats.chi2.cdf(low / factor, degrees))
        for factor in (effect, 1 / effect)
    )
    return Finding(
        "normal variance",
        bool(low <= chi <= high),
        _two_sided(float(stats.chi2.cdf(chi, degrees)), float(stats.chi2.sf(chi, degrees))),
        false_fail,
        miss,
        f"a variance that is {effect:g} times too large or too small",
        True,
        f"variance {chi / degrees:.4g} of what it should be, "
        f"limits {low / degrees:.4g} and {high / degrees:.4g}, n = {x.size}",
    )


def variance_ratio(
    first: ArrayLike, second: ArrayLike, ratio: float, *, false_fail: float, effect: float
) -> Finding:
    """The ratio of the variances of two independent normal samples (the F test).

    Args:
        first: (n,), what was drawn.
        second: (m,), what was drawn apart from it.
        ratio: what var(first) / var(second) should be.
        false_fail: rate of failing right values.
        effect: a factor on the ratio that must be caught, as must its inverse.
    """
    x, y = _vector(first), _vector(second)
    degrees = (x.size - 1, y.size - 1)
    spread = float(y.var(ddof=1))
    f = float(x.var(ddof=1)) / spread / ratio if spread > 0 else math.inf
    low, high = stats.f.isf([1 - false_fail / 2, false_fail / 2], *degrees)
    miss = max(
        float(stats.f.cdf(high / factor, *degrees) - stats.f.cdf(low / factor, *degrees))
        for factor in (effect, 1 / effect)
    )
    return Finding(
        "ratio of variances",
        bool(low <= f <= high),
        _two_sided(float(stats.f.cdf(f, *degrees)), float(stats.f.sf(f, *degrees))),
        false_fail,
        miss,
        f"a ratio that is {effect:g} times too large or too small",
        True,
        f"ratio {f:.4g} of what it should be, limits {low:.4g} and {high:.4g}",
    )


def uniform(
    values: ArrayLike, *, false_fail: float, effect: float, fitted: bool = False
) -> Finding:
    """Independent values, uniform on [0, 1] (the test of Kolmogorov and Smirnov, exact).

    Args:
        values: (n,), what was drawn.
        false_fail: rate of failing right values.
        effect: a distance between the distribution functions that must be caught.
        fitted: whether the distribution function has a mean or a spread that was estimated from
            the draws themselves. Right draws are nearer to it then, and the p-value is a bound.
            Source: Lilliefors (1967).
    """
    x = np.sort(_vector(values))
    n = x.size
    grid = np.arange(n + 1) / n
    distance = float(max(np.abs(x - grid[1:]).max(), np.abs(x - grid[:-1]).max()))
    limit = float(stats.kstwo.isf(false_fail, n))
    # At the point where the two functions differ by the effect, the empirical one is a binomial
    # share; it must come within the limit of the uniform one.
    miss = 1.0
    if effect > limit:
        miss = max(
            float(stats.binom.cdf(math.floor(n * (p - effect + limit)), n, p))
            for p in np.linspace(effect, 1.0, 101)
        )
    return Finding(
        "uniform distribution",
        bool(distance <= limit),
        float(stats.kstwo.sf(distance, n)),
        false_fail,
        miss,
        f"a distribution function that is {effect:g} away somewhere",
        not fitted,
        f"distance {distance:.4f}, limit {limit:.4f}, n = {n}",
    )


def inside(values: ArrayLike, low: float, high: float, *, effect: float) -> Finding:
    """Values that never leave an interval; a right solution cannot fail.

    Args:
        values: (n,), what was drawn.
        low: the lower end, with whatever rounding may add.
        high: the upper end, likewise.
        effect: a chance of leaving it, per value, that must be caught.
    """
    x = _vector(values)
    passed = bool(((x >= low) & (x <= high)).all())
    return Finding(
        "inside an interval",
        passed,
        1.0 if passed else 0.0,
        0.0,
        (1 - effect) ** x.size,
        f"values that leave the interval with probability {effect:g}",
        False,
        f"from {x.min():.5g} to {x.max():.5g}, limits {low:.5g} and {high:.5g}",
    )


def share(successes: int, n: int, p: float, *, false_fail: float, effect: float) -> Finding:
    """How often something happens in n independent tries (the binomial test).

    Args:
        successes: how often it happened.
        n: tries; without any, nothing was shown, and the test fails.
        p: how likely it should be.
        false_fail: rate of failing right values.
        effect: a difference of the probability that must be caught.
    """
    low = int(stats.binom.ppf(false_fail / 2, n, p))
    high = int(stats.binom.isf(false_fail / 2, n, p))
    wrong = [q for q in (p - effect, p + effect) if 0 <= q <= 1]
    miss = max(
        (float(stats.binom.cdf(high, n, q) - stats.binom.cdf(low - 1, n, q)) for q in wrong),
        default=1.0,
    )
    return Finding(
        "share",
        bool(n > 0 and low <= successes <= high),
        n
        and _two_sided(
            float(stats.binom.cdf(successes, n, p)), float(stats.binom.sf(successes - 1, n, p))
        ),
        false_fail,
        miss,
        f"a probability that is off by {effect:g}",
        False,
        f"{successes} of {n}, limits {low} and {high}",
    )


def frequencies(
    counts: ArrayLike, probabilities: ArrayLike, *, false_fail: float, effect: float
) -> Finding:
    """How often each of several things happens in independent tries (a binomial test of each).

    The rate of failing is shared out over the things (Bonferroni), which holds for every n and
    however rare one of them is; the test of Pearson is right for large counts only.

    Args:
        counts: (K,), how often each happened. Their sum is the number of tries, so what is none of
            these things has to be looked at before.
        probabilities: (K,), how likely each should be; 0 is allowed, and then never happens.
        false_fail: rate of failing right values.
        effect: a difference of the probability of any one of them that must be caught.
    """
    seen, likely = _vector(counts), _vector(probabilities)
    n = int(seen.sum())
    found = [
        share(int(k), n, float(p), false_fail=false_fail / seen.size, effect=effect)
        for k, p in zip(seen, likely, strict=True)
    ]
    worst = min(found, key=lambda finding: finding.p_value)
    return Finding(
        "frequencies",
        all(finding.passed for finding in found),
        min(1.0, seen.size * worst.p_value),
        false_fail,
        max(finding.miss for finding in found),
        f"a probability of one of them that is off by {effect:g}",
        False,
        f"of {seen.size}, the most unlikely: {worst.detail}",
    )


def _vector(values: Any) -> Vector:
    """Values as one axis in double precision; a NaN stays one, and fails whatever it is put to."""
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _two_sided(below: float, above: float) -> float:
    return min(1.0, 2 * min(below, above))


def _rate(cumulants: Callable[[float], float], reach: float, a: float) -> float:
    """sup over 0 < t < reach of t a - psi(t); zero where a is not positive, or not a number."""
    if not a > 0:
        return 0.0
    found = optimize.minimize_scalar(
        lambda t: cumulants(t) - t * a, bounds=(0.0, reach), method="bounded"
    )
    return max(0.0, -float(found.fun))


def _chernoff_limit(cumulants: Callable[[float], float], reach: float, room: float) -> float:
    """The a whose rate is `room`: inf over t of (psi(t) + room) / t, on a logarithmic scale."""
    found = optimize.minimize_scalar(
        lambda s: (cumulants(reach * math.exp(s)) + room) / (reach * math.exp(s)),
        bounds=(-12.0, -1e-6),
        method="bounded",
    )
    return float(found.fun)
