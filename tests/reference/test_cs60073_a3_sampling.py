"""Part A of cs60073_a3: every number of it by closed form and by quadrature, one against the other.

The closed forms are those of normal distributions; quadrature is `grader.measures.plane`; and what
the reference's samplers give is held against both.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from grader.measures.chains import autocorrelation, random_walk_acceptance
from grader.measures.plane import NormalMixture, Square, largest_ratio, projected_cdf
from tests.reference.conftest import LoadReference

HALF_WIDTH = 14.0
# Chance of a false alarm of each statistical test below, two-sided: 5.5 standard errors.
Z = 5.5


@pytest.fixture(scope="module")
def sampling(load_reference: LoadReference) -> ModuleType:
    return load_reference("cs60073_a3", "sampling")


@pytest.fixture(scope="module")
def mixture(sampling: ModuleType) -> NormalMixture:
    return NormalMixture(sampling.WEIGHTS, sampling.MEANS, sampling.COVARIANCES)


@pytest.fixture(scope="module")
def square() -> Square:
    return Square(HALF_WIDTH, 500)


@pytest.fixture(scope="module")
def p(sampling: ModuleType, square: Square) -> Any:
    logs = sampling.mixture_log_density(
        square.points, sampling.WEIGHTS, sampling.MEANS, sampling.COVARIANCES
    )
    return np.exp(logs)


@pytest.fixture(scope="module")
def q(sampling: ModuleType, square: Square) -> Any:
    return np.exp(sampling.proposal_log_density(square.points, sampling.SIGMA))


def log_densities(sampling: ModuleType) -> tuple[Any, Any]:
    """log p and log q of the text, as samplers take them; p also at a single point."""

    def log_p(x: Any) -> Any:
        values = sampling.mixture_log_density(
            np.atleast_2d(x), sampling.WEIGHTS, sampling.MEANS, sampling.COVARIANCES
        )
        return values[0] if np.ndim(x) == 1 else values

    return log_p, lambda x: sampling.proposal_log_density(x, sampling.SIGMA)


# --- closed forms against quadrature ----------------------------------------------------------


def normal_moments_of_f(mean: Any, covariance: Any) -> tuple[float, float]:
    """E[f] and E[f^2] of f = x^2 + sin y for a normal (x, y).

    E[e^{iy}] = exp(i m - s / 2). For E[x^2 sin y], the characteristic function of (x, y) is
    differentiated twice: E[x^2 e^{iy}] = (a + (m_x + i b)^2) E[e^{iy}]; a is the variance of x,
    b its covariance with y.
    """
    (mx, my), ((a, b), (_, s)) = mean, covariance
    wave = np.exp(1j * my - s / 2)
    first = a + mx**2 + wave.imag
    fourth = mx**4 + 6 * mx**2 * a + 3 * a**2
    mixed = ((a + (mx + 1j * b) ** 2) * wave).imag
    sine = (1 - math.exp(-2 * s) * math.cos(2 * my)) / 2
    return first, fourth + 2 * mixed + sine


def test_moments_of_f_agree(
    sampling: ModuleType, mixture: NormalMixture, square: Square, p: Any
) -> None:
    f = sampling.integrand(square.points)
    each = [
        normal_moments_of_f(m, s) for m, s in zip(mixture.means, mixture.covariances, strict=True)
    ]
    mean, second = mixture.weights @ np.array(each)
    assert square.integral(p) == pytest.approx(1, abs=1e-12)
    assert square.integral(p * f) == pytest.approx(mean, rel=1e-12)
    assert square.integral(p * (f - mean) ** 2) == pytest.approx(second - mean**2, rel=1e-11)


def test_moments_of_the_target_agree(mixture: NormalMixture, square: Square, p: Any) -> None:
    mean = np.array([square.integral(p * x) for x in square.points.T])
    np.testing.assert_allclose(mean, mixture.mean(), atol=1e-12)
    centred = square.points - mean
    covariance = [[square.integral(p * a * b) for b in centred.T] for a in centred.T]
    np.testing.assert_allclose(covariance, mixture.covariance(), rtol=1e-11)


def test_limit_of_the_effective_sample_size_agrees(
    sampling: ModuleType, mixture: NormalMixture, square: Square, p: Any, q: Any
) -> None:
    """ESS / N tends to 1 / E_q[w^2]. Each product of two components over q is a Gaussian integral:
    with precisions A, B and I / sigma^2, its precision is A + B - I / sigma^2."""
    total, plain = 0.0, np.eye(2) / sampling.SIGMA**2
    log_q_constant = -math.log(2 * math.pi * sampling.SIGMA**2)
    for w1, m1, s1 in zip(mixture.weights, mixture.means, mixture.covariances, strict=True):
        for w2, m2, s2 in zip(mixture.weights, mixture.means, mixture.covariances, strict=True):
            a, b = np.linalg.inv(s1), np.linalg.inv(s2)
            precision, linear = a + b - plain, a @ m1 + b @ m2
            constant = -0.5 * (
                np.linalg.slogdet(2 * math.pi * s1)[1]
                + np.linalg.slogdet(2 * math.pi * s2)[1]
                + m1 @ a @ m1
                + m2 @ b @ m2
            )
            exponent = constant - log_q_constant + 0.5 * linear @ np.linalg.solve(precision, linear)
            total += (
                w1 * w2 * math.exp(exponent) * 2 * math.pi / math.sqrt(np.linalg.det(precision))
            )
    assert square.integral(p**2 / q) == pytest.approx(total, rel=1e-10)


def test_supremum_is_a_stationary_point_above_twelve(sampling: ModuleType) -> None:
    """Reference, an optimiser from a mesh, and the vanishing gradient of log p - log q agree."""
    log_p, log_q = log_densities(sampling)
    found = sampling.envelope_constant(log_p, log_q)
    best, at = largest_ratio(log_p, log_q, 6.0)
    assert found == pytest.approx(best, rel=1e-9)
    assert found > sampling.C
    h = 1e-5
    for e in np.eye(2) * h:
        ends = np.stack([at + e, at - e])
        slope = np.diff(log_p(ends) - log_q(ends))[0] / (2 * h)
        assert abs(slope) < 1e-4
    assert not sampling.is_envelope(log_p, log_q, sampling.C)
    assert sampling.is_envelope(log_p, log_q, 1.001 * best)
    # Near the second mode that component alone makes p / q, whose maximum has a closed form.
    weight, mean = sampling.WEIGHTS[1], sampling.MEANS[1]
    s, wide = 0.6, sampling.SIGMA**2
    alone = weight * wide / s * math.exp(mean @ mean / (2 * (wide - s)))
    assert best == pytest.approx(alone, rel=0.01)


def test_what_c_lets_through_is_not_the_target(
    sampling: ModuleType, square: Square, p: Any, q: Any
) -> None:
    """The acceptance rate at c = 12 and at an envelope, and the bias of what is accepted."""
    top = largest_ratio(*log_densities(sampling), 6.0)[0]
    literal, valid = (square.integral(np.minimum(p / c, q)) for c in (sampling.C, top))
    assert valid == pytest.approx(1 / top, rel=1e-6)
    assert literal < 1 / sampling.C
    # What is missing is what lies above c q.
    missing = square.integral(np.maximum(p - sampling.C * q, 0.0)) / sampling.C
    assert literal == pytest.approx(1 / sampling.C - missing, rel=1e-9)
    f = sampling.integrand(square.points)
    kept = np.minimum(p, sampling.C * q)
    bias = square.integral(kept * f) / square.integral(kept) - square.integral(p * f)
    # Too few points around (3, 3), where f is larger than its mean.
    assert -0.2 < bias < -0.05


def test_gibbs_autocorrelation_has_a_closed_form(sampling: ModuleType) -> None:
    """x_1 after k sweeps is r^{2k} x_1 plus noise. The sum over the path of conditional means is
    compared with the covariance that quadrature gives for one sweep."""
    r = sampling.CORRELATION
    square = Square(8.0, 300)
    x1, x2 = square.points.T
    joint = np.exp(stats.multivariate_normal(cov=[[1, r], [r, 1]]).logpdf(square.points))
    # After a sweep x_1' has the mean r x_2, given (x_1, x_2).
    assert square.integral(joint * x1 * r * x2) == pytest.approx(r**2, abs=1e-10)


# --- the reference's samplers against the truth -----------------------------------------------


def test_density_agrees_with_scipy(sampling: ModuleType, mixture: NormalMixture) -> None:
    x = np.random.default_rng(1).normal(scale=30.0, size=(500, 2))
    found = sampling.mixture_log_density(x, sampling.WEIGHTS, sampling.MEANS, sampling.COVARIANCES)
    np.testing.assert_allclose(found, mixture.log_density(x), rtol=1e-12)


@pytest.mark.parametrize("c", [12.0, 18.5])
def test_rejection_follows_what_c_lets_through(
    sampling: ModuleType, square: Square, p: Any, q: Any, c: float
) -> None:
    log_p, log_q = log_densities(sampling)
    n = 8000
    points, rate = sampling.rejection_sampling(
        log_p,
        log_q,
        lambda m, rng: sampling.draw_proposal(m, sampling.SIGMA, rng),
        c,
        n,
        np.random.default_rng(2),
    )
    true = square.integral(np.minimum(p / c, q))
    assert abs(rate - true) < Z * true * math.sqrt((1 - true) / n)

    def kept(x: Any) -> Any:
        return np.minimum(np.exp(log_p(x)), c * np.exp(log_q(x)))

    for direction in ((1.0, 0.0), (0.3, 1.0)):
        u = projected_cdf(kept, direction, HALF_WIDTH)(points)
        assert stats.kstest(u, "uniform").pvalue > 1e-7


def test_importance_sampling_reaches_the_truth(
    sampling: ModuleType, square: Square, p: Any, q: Any
) -> None:
    log_p, log_q = log_densities(sampling)
    n = 50_000
    x = sampling.draw_proposal(n, sampling.SIGMA, np.random.default_rng(3))
    log_w, f = log_p(x) - log_q(x), sampling.integrand(x)
    on = sampling.integrand(square.points)
    mean = square.integral(p * on)
    variance = square.integral(p * (on - mean) ** 2)
    # Asymptotic variances of ratios, by quadrature under q.
    of_mean = square.integral(p**2 / q * (on - mean) ** 2) / n
    of_variance = square.integral(p**2 / q * ((on - mean) ** 2 - variance) ** 2) / n
    assert abs(sampling.self_normalized_mean(log_w, f) - mean) < Z * math.sqrt(of_mean)
    found = sampling.weighted_variance(log_w, f)
    assert abs(found - variance) < Z * math.sqrt(of_variance)
    second = square.integral(p**2 / q)
    slope = p / q / second * 2 - (p / q) ** 2 / second**2
    of_share = square.integral(q * (slope - square.integral(q * slope)) ** 2) / n
    share = sampling.effective_sample_size(log_w) / n
    assert abs(share - 1 / second) < Z * math.sqrt(of_share)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.5])
def test_long_run_acceptance_by_quadrature_and_by_exact_draws(
    mixture: NormalMixture, step: float
) -> None:
    """An integral over the plane of the chance to move, against moves from exact draws of p."""
    square = Square(9.0, 90)
    chances = random_walk_acceptance(mixture.log_density, square.points, step)
    wanted = square.integral(chances * np.exp(mixture.log_density(square.points)))
    rng = np.random.default_rng(4)
    x = mixture.draw(100_000, rng)
    y = x + step * rng.standard_normal(x.shape)
    ratio = np.exp(np.minimum(mixture.log_density(y) - mixture.log_density(x), 0.0))
    assert abs(ratio.mean() - wanted) < Z * ratio.std() / math.sqrt(len(x)) + 1e-3


def test_walk_accepts_what_the_visited_states_demand(sampling: ModuleType) -> None:
    log_p, _ = log_densities(sampling)
    chain, rate = sampling.metropolis_hastings(
        log_p, np.zeros(2), 0.5, 6000, np.random.default_rng(5)
    )
    moved = (chain[1:] != chain[:-1]).any(axis=1)
    chances = random_walk_acceptance(log_p, chain[:-1], 0.5)
    error = math.sqrt((chances * (1 - chances)).sum())
    assert abs((moved - chances).sum()) < Z * error
    assert rate == pytest.approx(moved.mean(), abs=2 / len(chain))


def test_gibbs_chain_is_the_process_of_the_closed_form(sampling: ModuleType) -> None:
    r, n = sampling.CORRELATION, 20_000
    chain = sampling.gibbs_sampling(r, np.zeros(2), n, np.random.default_rng(6))
    first = chain[1:, 0] - r * chain[:-1, 1]
    second = chain[:, 1] - r * chain[:, 0]
    for noise in (first, second):
        chi = (noise**2).sum() / (1 - r**2)
        assert abs(chi - len(noise)) < Z * math.sqrt(2 * len(noise))
    right = r ** (2.0 * np.arange(51))
    # Bartlett (1946).
    error = math.sqrt((1 + 2 * (right[1:] ** 2).sum()) / n)
    assert np.abs(sampling.autocorrelation(chain[:, 0]) - right).max() < Z * error


def test_autocorrelation_agrees_with_the_fourier_transform(sampling: ModuleType) -> None:
    x = np.cumsum(np.random.default_rng(7).normal(size=300))
    np.testing.assert_allclose(sampling.autocorrelation(x, 40), autocorrelation(x, 40), atol=1e-12)
