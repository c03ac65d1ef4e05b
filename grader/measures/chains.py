"""Figures of Markov chains: autocorrelation, and what a random walk should accept."""

from __future__ import annotations

import math

import numpy as np

from grader.measures.estimate import MeasureError, Vector
from grader.measures.plane import Function

# Nodes in the length and in the direction of a step.
RADII, ANGLES = 16, 16


def autocorrelation(x: Vector, max_lag: int, *, unbiased: bool = False) -> Vector:
    """rho(k) = Cov(x_t, x_{t+k}) / Var(x_t) for k = 0, ..., max_lag, by the Fourier transform.

    Args:
        x: a sequence, (N,).
        max_lag: below N.
        unbiased: the sum of a lag is divided by its N - k terms instead of by N.

    Raises:
        MeasureError: the sequence is too short, or constant.
    """
    n = len(x)
    if n <= max_lag:
        raise MeasureError(f"autocorrelation up to lag {max_lag} needs more than {n} values")
    centred = x - x.mean()
    # Zeros behind the sequence keep its end from meeting its beginning.
    spectrum = np.fft.rfft(centred, 2 * n)
    products = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[: max_lag + 1]
    if not products[0] > 0:
        raise MeasureError("a sequence that does not change has no autocorrelation")
    rho = products / products[0]
    return np.asarray(rho * n / (n - np.arange(max_lag + 1)) if unbiased else rho)


def autocorrelation_time(x: Vector, window: float = 5.0) -> float:
    """1 + 2 sum rho(k): how many values of a chain count as one independent draw.

    The sum ends at the first lag that is `window` times what the sum has come to (Sokal, 1997).
    """
    rho = autocorrelation(x, len(x) - 1)
    times = 2 * np.cumsum(rho) - 1
    enough = np.flatnonzero(np.arange(len(x)) >= window * times)
    return float(max(1.0, times[enough[0] if len(enough) else -1]))


def random_walk_acceptance(log_density: Function, points: Vector, step: float) -> Vector:
    """How likely a random walk accepts its next proposal, E min(1, p(x + e) / p(x)), at points.

    With e ~ N(0, step^2 I) in the plane, |e|^2 / (2 step^2) is exponential and the direction
    uniform: Gauss-Legendre nodes in the square root of the quantile of the length, and equally
    spaced directions.

    Args:
        log_density: log p up to a constant.
        points: x, (N, 2).
        step: the standard deviation in each coordinate.

    Returns:
        (N,).
    """
    nodes, weights = np.polynomial.legendre.leggauss(RADII)
    # With u = 1 - (1 - t)^2 the nodes are dense where the length is large, and its logarithm tame.
    t = (nodes + 1) / 2
    lengths = step * np.sqrt(-4 * np.log1p(-t))
    shares = weights * (1 - t)
    angles = 2 * math.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    here = log_density(points)
    total = np.zeros(len(points))
    for length, share in zip(lengths, shares, strict=True):
        for angle in angles:
            moved = points + length * np.array([math.cos(angle), math.sin(angle)])
            total += share / ANGLES * np.exp(np.minimum(log_density(moved) - here, 0.0))
    return total
