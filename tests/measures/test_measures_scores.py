"""Inception Scores and Frechet distances against closed forms, sqrtm and brute force."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import linalg, stats

from grader.measures.estimate import MeasureError, Vector
from grader.measures.scores import (
    fid,
    fid_bias,
    frechet_distance,
    inception_score,
    perfect_inception_score,
)

one_hot = np.eye(10)


def dirichlet(n: int, seed: int = 0, classes: int = 10) -> Vector:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=n)


def covariance(size: int, rank: int, seed: int = 0) -> Vector:
    factor = np.random.default_rng(seed).standard_normal((size, rank))
    return factor @ factor.T


def test_certain_and_balanced_samples_score_the_number_of_classes() -> None:
    score = inception_score(one_hot[np.arange(1000) % 10])
    assert score.per_split == pytest.approx(np.full(10, 10.0))
    assert score.estimate.value == pytest.approx(10)
    assert score.sd == pytest.approx(0)


@pytest.mark.parametrize("row", [np.full(10, 0.1), one_hot[3], dirichlet(1)[0]])
def test_equal_answers_score_one(row: Vector) -> None:
    assert inception_score(np.tile(row, (50, 1))).estimate.value == pytest.approx(1)


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_a_score_is_the_definition_in_a_loop(splits: int) -> None:
    p = dirichlet(90)
    expected = []
    for part in np.split(p, splits):
        marginal = part.mean(axis=0)
        total = 0.0
        for row in part:
            total += stats.entropy(row, marginal)
        expected.append(math.exp(total / len(part)))
    score = inception_score(torch.from_numpy(p), splits)
    assert score.per_split == pytest.approx(expected)
    assert score.estimate.value == pytest.approx(np.mean(expected))
    assert score.sd == pytest.approx(np.std(expected))
    if splits > 1:
        assert inception_score(p, splits, ddof=1).sd == pytest.approx(np.std(expected, ddof=1))


def test_samples_in_the_order_of_their_class_want_a_shuffle() -> None:
    p = one_hot[np.repeat(np.arange(10), 100)]
    assert inception_score(p).estimate.value == pytest.approx(1)
    shuffled = inception_score(p, shuffle_seed=0)
    assert shuffled.estimate.value > 9
    assert inception_score(p, shuffle_seed=0).estimate == shuffled.estimate


def test_the_error_of_a_score_is_that_of_fresh_samples() -> None:
    scores = [inception_score(dirichlet(500, seed), 5) for seed in range(300)]
    spread = np.std([s.estimate.value for s in scores], ddof=1)
    claimed = np.mean([s.estimate.standard_error for s in scores])
    assert claimed == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(
    ("p", "splits", "sentence"),
    [
        (2 * one_hot, 1, "add up to 1"),
        (one_hot - 0.1, 1, "at least 0"),
        (one_hot * math.nan, 1, "not finite"),
        (one_hot, 11, "cannot be parted"),
        (one_hot, 0, "cannot be parted"),
        (one_hot[0], 1, r"shape \(N, C\)"),
    ],
)
def test_what_is_no_probability_gets_a_sentence(p: Vector, splits: int, sentence: str) -> None:
    with pytest.raises(MeasureError, match=sentence):
        inception_score(p, splits)


def test_the_perfect_score_is_the_exponential_of_the_entropy() -> None:
    assert perfect_inception_score(np.full(10, 37)).value == pytest.approx(10)
    assert perfect_inception_score([1, 0, 0]).value == pytest.approx(1)
    counts = [5, 3, 2]
    assert perfect_inception_score(counts).value == pytest.approx(
        inception_score(np.eye(3)[np.repeat(np.arange(3), counts)], 1).estimate.value
    )
    with pytest.raises(MeasureError, match="above 0"):
        perfect_inception_score([0.0, 0.0])


def test_a_perfect_generator_scores_less_in_small_splits() -> None:
    """Two classes in splits of two: the score is 2 or 1, each half the time."""
    estimate = perfect_inception_score([1, 1], 2)
    assert abs(estimate.value - 1.5) < 5 * estimate.standard_error < 0.1
    # Against the measure itself.
    labels = np.random.default_rng(0).integers(10, size=50_000)
    measured = inception_score(one_hot[labels], 5000).estimate
    expected = perfect_inception_score(np.ones(10), 10)
    assert abs(measured.value - expected.value) < 5 * measured.standard_error < 0.1
    assert 5 < expected.value < 8


def test_the_distance_of_numbers_is_the_closed_form() -> None:
    for mean, sd_a, sd_b in [(0.0, 1.0, 1.0), (1.5, 2.0, 0.5), (-3.0, 0.0, 2.0), (1.0, 0.0, 0.0)]:
        found = frechet_distance(mean, sd_a**2, 0.0, sd_b**2)
        assert found == pytest.approx(mean**2 + (sd_a - sd_b) ** 2, abs=1e-12)


@given(
    arrays.arrays(np.float64, 4, elements=st.floats(0, 10)),
    arrays.arrays(np.float64, 4, elements=st.floats(0, 10)),
    st.integers(0, 100),
)
@settings(max_examples=50, deadline=None)
def test_the_distance_of_commuting_covariances_is_that_of_their_axes(
    sd_a: Vector, sd_b: Vector, seed: int
) -> None:
    axes = stats.ortho_group.rvs(4, random_state=seed)
    cov_a, cov_b = (axes * sd_a**2) @ axes.T, (axes * sd_b**2) @ axes.T
    expected = ((sd_a - sd_b) ** 2).sum()
    # Rounding of 100 in a covariance is 1e-14, and its root 1e-7 times the other's 10.
    assert frechet_distance(np.zeros(4), cov_a, np.zeros(4), cov_b) == pytest.approx(
        expected, abs=1e-5
    )


@pytest.mark.parametrize("size", [2, 10, 60])
def test_the_distance_is_that_of_sqrtm(size: int) -> None:
    rng = np.random.default_rng(size)
    means = rng.standard_normal((2, size))
    covs = covariance(size, 2 * size, 1), covariance(size, 3 * size, 2)
    root = linalg.sqrtm(covs[0] @ covs[1])
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covs[0] + covs[1] - 2 * root.real)
    found = frechet_distance(means[0], covs[0], means[1], covs[1])
    assert found == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(means[1], covs[1], means[0], covs[0]) == pytest.approx(found)


def test_the_distance_of_rank_one_covariances_is_the_closed_form() -> None:
    """(u u^T v v^T)^(1/2) has the single eigenvalue |u.v|."""
    u, v = np.random.default_rng(0).standard_normal((2, 50))
    found = frechet_distance(np.zeros(50), np.outer(u, u), np.zeros(50), np.outer(v, v))
    assert found == pytest.approx(u @ u + v @ v - 2 * abs(u @ v), rel=1e-7)


@pytest.mark.parametrize("rank", [1, 10, 99, 200])
def test_equal_distributions_have_distance_zero(rank: int) -> None:
    cov, mean = 50 * covariance(100, rank), np.ones(100)
    found = frechet_distance(mean, cov, mean, cov)
    assert 0 <= found < 1e-8 * np.trace(cov)


def test_a_distance_needs_shapes_that_fit_and_finite_values() -> None:
    with pytest.raises(MeasureError, match="do not fit"):
        frechet_distance(np.zeros(3), np.eye(3), np.zeros(2), np.eye(2))
    with pytest.raises(MeasureError, match="covariances of features are not finite"):
        frechet_distance(np.zeros(2), np.eye(2) * math.nan, np.zeros(2), np.eye(2))


def test_fid_is_the_distance_of_the_fitted_moments() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((60, 5)), rng.standard_normal((80, 5)) + 0.3
    for ddof in (0, 1):
        moments = [(x.mean(axis=0), np.cov(x.T, ddof=ddof)) for x in (a, b)]
        expected = frechet_distance(*moments[0], *moments[1])
        assert fid(a, torch.from_numpy(b), ddof).value == pytest.approx(expected)
    assert fid(a, b).n == 60
    assert fid(a, a).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("of_real", [False, True])
def test_the_error_of_fid_is_that_of_fresh_samples(of_real: bool) -> None:
    rng = np.random.default_rng(1)
    real = rng.standard_normal((400, 3))
    estimates = []
    for _ in range(150):
        if of_real:
            real = rng.standard_normal((400, 3))
        generated = 1.2 * rng.standard_normal((300, 3)) + 0.3
        estimates.append(fid(generated, real, of_real=of_real))
    spread = np.std([e.value for e in estimates], ddof=1)
    claimed = np.mean([e.standard_error for e in estimates])
    assert claimed == pytest.approx(spread, rel=0.2)


def test_fid_of_fewer_samples_than_features_is_finite_and_real() -> None:
    rng = np.random.default_rng(2)
    estimate = fid(rng.standard_normal((50, 128)), rng.standard_normal((60, 128)))
    assert estimate.value > 0


def test_the_bias_of_fid_for_normal_numbers_is_the_closed_form() -> None:
    """In one dimension E (m1 - m2)^2 + E (s1 - s2)^2 = (1 + 1/2) (1/n + 1/m) to first order."""
    features = np.random.default_rng(3).standard_normal((4000, 1))
    for n, against in [(100, 1000), (400, 400)]:
        bias = fid_bias(features, n, 300, against=against)
        expected = 1.5 * (1 / n + 1 / against)
        assert abs(bias.mean.value - expected) < 5 * bias.mean.standard_error < expected / 2
        assert bias.sd == pytest.approx(bias.mean.standard_error * math.sqrt(300))


def test_the_bias_falls_with_the_number_of_samples() -> None:
    features = np.random.default_rng(4).standard_normal((3000, 20))
    biases = [fid_bias(features, n, 5, seed=1).mean.value for n in (100, 300, 1000)]
    # It goes with 1 / n, but for what the other part and the square of 1 / n add.
    assert biases[0] > 2.5 * biases[1] > 2.5 * 2 * biases[2]


def test_too_few_features_get_a_sentence() -> None:
    few = np.zeros((30, 4))
    with pytest.raises(MeasureError, match="N at least 40"):
        fid(few, few)
    with pytest.raises(MeasureError, match="from two networks"):
        fid(np.ones((50, 4)), np.ones((50, 5)))
    with pytest.raises(MeasureError, match="cannot be parted"):
        fid_bias(few, 20, against=20)
