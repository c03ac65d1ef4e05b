"""How much of the real data generated samples cover, and how densely: by neighbours of features.

Source: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models"
(arXiv:2002.09797), equations 5 and 6. Unlike precision and recall by neighbours of Kynkäänniemi et
al. 2019 (arXiv:1904.06991), both depend on balls around real samples alone, so that an outlier
among the generated ones covers nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from grader.measures.estimate import Estimate, MeasureError, finite

NEIGHBOURS = 5


@dataclass(frozen=True)
class Coverage:
    """Both figures.

    Attributes:
        coverage: the share of real samples whose ball holds a generated one, from 0 to 1. A few
            samples over and over cover next to nothing, however good each of them is.
        density: in how many balls a generated sample lies, over k; 1 is expected of real ones.
    """

    coverage: Estimate
    density: float


def coverage(real: ArrayLike, generated: ArrayLike, k: int = NEIGHBOURS) -> Coverage:
    """Coverage and density of generated samples, by balls around each real one that reach to its
    k-th nearest neighbour among the real ones.

    Args:
        real: (N, F), features of real samples, N > k.
        generated: (M, F), of generated ones.
        k: as in the paper's experiments, 5.

    Raises:
        MeasureError: features are not finite, do not fit, or are too few.
    """
    balls, points = finite(real, "real features"), finite(generated, "features of samples")
    if balls.ndim != 2 or points.ndim != 2 or balls.shape[1] != points.shape[1] or not len(points):
        raise MeasureError(
            f"features must have shapes (N, F) and (M, F), not {balls.shape} and {points.shape}"
        )
    if len(balls) <= k:
        raise MeasureError(f"{len(balls)} real samples have no {k} neighbours each")
    among = cdist(balls, balls)
    # In order the nearest is the sample itself.
    among.sort(axis=1)
    inside = cdist(balls, points) <= among[:, k, None]  # (N, M)
    covered = inside.any(axis=1)
    share, n = float(covered.mean()), len(balls)
    error = math.sqrt(share * (1 - share) / n)
    note = f"{len(points)} samples, {n} real, {k} neighbours"
    return Coverage(
        Estimate(share, error, n, "share of real samples", note),
        float(inside.sum()) / (k * len(points)),
    )
