"""Scores of generated samples from a classifier's answers: Inception Score and Frechet distance.

Both depend on the network that gives probabilities or features, so that a figure means something
only beside the network's name; `features` has named ones. The FID of few samples is far above its
limit (`fid_bias` says how far), so that sample sizes belong beside it too.

Sources: Salimans et al. 2016 (arXiv:1606.03498); Heusel et al. 2017 (arXiv:1706.08500).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from grader.measures.estimate import Estimate, MeasureError, Vector, finite

SUM_SLACK = 1e-3


@dataclass(frozen=True)
class InceptionScore:
    """The Inception Score of a set of samples.

    Attributes:
        estimate: the mean over the splits; its standard error is that of fresh samples (delta
            method: log IS moves with each sample's KL(p(y|x) || p(y))).
        sd: the standard deviation over the splits, which papers quote.
        per_split: (splits,).
    """

    estimate: Estimate
    sd: float
    per_split: Vector


@dataclass(frozen=True)
class FidBias:
    """The FID that a perfect generator has for want of samples.

    Attributes:
        mean: over fresh draws.
        sd: the standard deviation of a single draw.
    """

    mean: Estimate
    sd: float


def inception_score(
    probabilities: ArrayLike, splits: int = 10, ddof: int = 0, shuffle_seed: int | None = None
) -> InceptionScore:
    """exp of the mean KL(p(y|x) || p(y)), p(y) being the mean over a split; mean over the splits.

    Args:
        probabilities: (N, C), p(y|x) of each sample.
        splits: parts of consecutive samples, as equal as can be.
        ddof: of the standard deviation over the splits.
        shuffle_seed: shuffles the samples first. Samples that stand in the order of their class
            need it: a split of one class alone scores 1.

    Raises:
        MeasureError: for rows that are not probabilities, or fewer samples than splits.
    """
    p = _probabilities(probabilities)
    if not 1 <= splits <= len(p):
        raise MeasureError(f"{len(p)} samples cannot be parted into {splits} splits")
    if shuffle_seed is not None:
        p = p[np.random.default_rng(shuffle_seed).permutation(len(p))]
    scores, errors = [], []
    for part in np.array_split(p, splits):
        marginal = part.mean(axis=0)
        # p log(p / marginal) with 0 log 0 = 0; a class of marginal 0 has p = 0 throughout.
        log_marginal = np.log(np.where(marginal > 0, marginal, 1.0))
        kl = -entr(part).sum(axis=1) - part @ log_marginal
        scores.append(math.exp(kl.mean()))
        errors.append(scores[-1] * kl.std(ddof=min(1, len(part) - 1)) / math.sqrt(len(part)))
    per_split = np.array(scores)
    estimate = Estimate(
        float(per_split.mean()),
        float(np.linalg.norm(errors)) / splits,
        len(p),
        "Inception Score",
        f"{splits} splits of {len(p) // splits}",
    )
    sd = float(per_split.std(ddof=ddof)) if splits > ddof else 0.0
    return InceptionScore(estimate, sd, per_split)


def perfect_inception_score(
    class_frequencies: ArrayLike,
    split_size: int | None = None,
    *,
    repeats: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """What a generator scores whose samples are certain and whose classes come as they should.

    Without a split size it is exp of the entropy of the frequencies, exactly. A split of few
    samples sees only some of the classes and scores less; then the expectation is estimated.

    Args:
        class_frequencies: (C,), shares or counts.
        split_size: samples in a split.
        repeats, seed: of the multinomial draws for a split size.
    """
    counts = finite(class_frequencies, "class frequencies")
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() <= 0:
        raise MeasureError("class frequencies must be one list, not negative, with some above 0")
    shares = counts / counts.sum()
    if split_size is None:
        return Estimate(math.exp(entr(shares).sum()), 0.0, counts.size, "Inception Score", "exact")
    drawn = np.random.default_rng(seed).multinomial(split_size, shares, size=repeats) / split_size
    scores = np.exp(entr(drawn).sum(axis=1))
    error = float(scores.std(ddof=1)) / math.sqrt(repeats)
    note = f"expected in splits of {split_size}"
    return Estimate(float(scores.mean()), error, repeats, "Inception Score", note)


def frechet_distance(
    mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike
) -> float:
    """Squared Frechet (2-Wasserstein) distance of two normal distributions.

    |mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)); Dowson and Landau 1982.
    The trace of the root is taken from the symmetric sqrt(A) B sqrt(A), which has the same
    eigenvalues as A B and keeps them real however singular A and B are.

    Args:
        mean_a, mean_b: (F,).
        cov_a, cov_b: (F, F), symmetric and positive semidefinite up to rounding.

    Returns:
        At least 0.

    Raises:
        MeasureError: for values that are not finite and shapes that do not fit.
    """
    means = [np.atleast_1d(finite(m, "means of features")) for m in (mean_a, mean_b)]
    covs = [np.atleast_2d(finite(c, "covariances of features")) for c in (cov_a, cov_b)]
    size = means[0].size
    if any(m.shape != (size,) for m in means) or any(c.shape != (size, size) for c in covs):
        raise MeasureError(
            f"means of shape {means[0].shape} and {means[1].shape} do not fit covariances of "
            f"shape {covs[0].shape} and {covs[1].shape}"
        )
    values, vectors = np.linalg.eigh(covs[0])
    root = (vectors * np.sqrt(_without_rounding(values))) @ vectors.T
    product = root @ covs[1] @ root
    inner = _without_rounding(np.linalg.eigvalsh((product + product.T) / 2))
    trace = float(np.trace(covs[0]) + np.trace(covs[1]) - 2 * np.sqrt(inner).sum())
    return max(0.0, float(((means[0] - means[1]) ** 2).sum()) + trace)


def fid(
    generated: ArrayLike,
    real: ArrayLike,
    ddof: int = 1,
    *,
    of_real: bool = False,
    groups: int = 20,
    seed: int = 0,
) -> Estimate:
    """The Frechet distance between normal distributions fitted to two sets of features.

    The standard error is a jackknife over random groups of the generated samples. It is that of
    fresh samples in the same number, and holds nothing of the bias that the number itself makes.

    Args:
        generated, real: (N, F) and (M, F), from the same network.
        ddof: of the covariances.
        of_real: whether the standard error is also that of having other real images.
        groups: of the jackknife.
        seed: of the grouping.

    Raises:
        MeasureError: for values that are not finite, widths that differ, and fewer samples than
            twice the groups.
    """
    sets = [_features(generated, groups), _features(real, groups)]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise MeasureError(
            f"features of {sets[0].shape[1]} and {sets[1].shape[1]} values are from two networks"
        )
    moments = [_moments(features, ddof) for features in sets]
    value = frechet_distance(*moments[0], *moments[1])
    rng = np.random.default_rng(seed)
    variance = 0.0
    for side in range(2 if of_real else 1):
        features, other = sets[side], moments[1 - side]
        member = rng.permutation(len(features)) % groups
        left_out = np.array(
            [
                frechet_distance(*_moments(features[member != group], ddof), *other)
                for group in range(groups)
            ]
        )
        variance += (groups - 1) / groups * float(((left_out - left_out.mean()) ** 2).sum())
    return Estimate(
        value,
        math.sqrt(variance),
        len(sets[0]),
        "FID",
        f"{len(sets[0])} generated against {len(sets[1])} real, {sets[0].shape[1]} features",
    )


def fid_bias(
    features: ArrayLike,
    n: int,
    repeats: int = 20,
    *,
    against: int | None = None,
    seed: int = 0,
    ddof: int = 1,
) -> FidBias:
    """The FID between two disjoint random parts of one set of features.

    That is what a perfect generator gets with n samples. The draws are from one set, so that the
    standard error is that of drawing, not of the set.

    Args:
        features: (N, F), of real images.
        n: samples of the one part.
        repeats: draws, at least 2.
        against: samples of the other part; None takes all the rest.
        seed: of the draws.
        ddof: of the covariances.
    """
    rows = _features(features, 1)
    other = len(rows) - n if against is None else against
    if n < 2 or other < 2 or n + other > len(rows) or repeats < 2:
        raise MeasureError(
            f"{len(rows)} features cannot be parted into {n} and {other}, of 2 or more each, "
            "twice or more"
        )
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(repeats):
        order = rng.permutation(len(rows))
        parts = rows[order[:n]], rows[order[n : n + other]]
        draws.append(frechet_distance(*_moments(parts[0], ddof), *_moments(parts[1], ddof)))
    sd = float(np.std(draws, ddof=1))
    note = f"a perfect generator's, {n} against {other}"
    return FidBias(
        Estimate(float(np.mean(draws)), sd / math.sqrt(repeats), repeats, "FID", note), sd
    )


def _probabilities(probabilities: ArrayLike) -> Vector:
    p = finite(probabilities, "class probabilities")
    if p.ndim != 2 or not p.size:
        raise MeasureError(f"class probabilities must have shape (N, C), not {p.shape}")
    sums = p.sum(axis=1)
    if (p < 0).any() or (np.abs(sums - 1) > SUM_SLACK).any():
        raise MeasureError(
            f"class probabilities must be at least 0 and add up to 1; the smallest is "
            f"{p.min():.3g}, and the sums go from {sums.min():.4g} to {sums.max():.4g}"
        )
    rows: Vector = p / sums[:, None]
    return rows


def _features(features: ArrayLike, groups: int) -> Vector:
    rows = finite(features, "features")
    if rows.ndim != 2 or len(rows) < 2 * groups:
        raise MeasureError(
            f"features must have shape (N, F) with N at least {2 * groups}, not {rows.shape}"
        )
    return rows


def _moments(features: Vector, ddof: int) -> tuple[Vector, Vector]:
    return features.mean(axis=0), np.cov(features, rowvar=False, ddof=ddof)


def _without_rounding(eigenvalues: Vector) -> Vector:
    """Eigenvalues of a positive semidefinite matrix, with what rounding left in place of 0 as 0.

    The root of 1e-16 is 1e-8: hundreds of those would be seen in a trace.
    """
    floor = eigenvalues.size * np.finfo(np.float64).eps * float(eigenvalues.max(initial=0.0))
    return np.where(eigenvalues > floor, eigenvalues, 0.0)
