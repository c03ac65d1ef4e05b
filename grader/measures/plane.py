"""Ground truth for densities on the plane: closed forms of normal mixtures, and quadrature.

Quadrature is the trapezoidal rule on a square. For a smooth density that vanishes at its border
the error falls faster than any power of the spacing (Trefethen and Weideman, 2014); where the
integrand has a kink, as min(p, c q) has, it falls with the square of the spacing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from grader.measures.estimate import Vector

# Points (N, 2) to values (N,).
Function = Callable[[Vector], Vector]


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of normals in D dimensions.

    Attributes:
        weights: (K,), of sum one.
        means: (K, D).
        covariances: (K, D, D).
    """

    weights: Vector
    means: Vector
    covariances: Vector

    def log_density(self, x: Vector) -> Vector:
        """log p at points (N, D), in nats: (N,)."""
        with np.errstate(divide="ignore"):  # a component of weight zero
            logs = np.log(self.weights)
        each = [
            log_weight + np.reshape(stats.multivariate_normal(m, c).logpdf(x), -1)
            for log_weight, m, c in zip(logs, self.means, self.covariances, strict=True)
        ]
        return np.asarray(np.logaddexp.reduce(each, axis=0))

    def draw(self, n: int, rng: np.random.Generator) -> Vector:
        """Independent draws, (n, D)."""
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        factors = np.linalg.cholesky(self.covariances)
        noise = rng.standard_normal((n, self.means.shape[1]))
        return np.asarray(self.means[which] + np.einsum("nij,nj->ni", factors[which], noise))

    def mean(self) -> Vector:
        """E[x], (D,)."""
        return np.asarray(self.weights @ self.means)

    def covariance(self) -> Vector:
        """Cov[x], (D, D): E[Sigma + mu mu^T] less the square of the mean."""
        second = self.covariances + np.einsum("ki,kj->kij", self.means, self.means)
        mean = self.mean()
        return np.asarray(np.einsum("k,kij->ij", self.weights, second) - np.outer(mean, mean))


class Square:
    """The square [centre - half_width, centre + half_width]^2, with the trapezoidal rule.

    Attributes:
        points: (R^2, 2), the first coordinate changing slowest.
        areas: (R^2,), what the value at each point counts.
    """

    def __init__(
        self, half_width: float, resolution: int = 400, centre: ArrayLike = (0.0, 0.0)
    ) -> None:
        axis = np.linspace(-half_width, half_width, resolution)
        side = np.full(resolution, axis[1] - axis[0])
        side[[0, -1]] /= 2
        x, y = np.meshgrid(axis, axis, indexing="ij")
        self.points = np.column_stack([x.ravel(), y.ravel()]) + np.asarray(centre, dtype=float)
        self.areas = np.outer(side, side).ravel()

    def integral(self, values: Vector) -> float:
        """The integral of a function with these values at `points`."""
        return float(values @ self.areas)


def projected_cdf(
    density: Function,
    direction: ArrayLike,
    half_width: float,
    resolution: int = 600,
    centre: ArrayLike = (0.0, 0.0),
) -> Function:
    """The distribution function of v.x for x with a density on the plane, by quadrature.

    Args:
        density: need not be normalised; it vanishes outside the square of this half width.
        direction: v; of length one after this.
        half_width: of a square around `centre` whose sides are along v and across.
        resolution: points along a side.

    Returns:
        Points (N, 2) to P(v.X <= v.x), (N,).
    """
    v = np.asarray(direction, dtype=float)
    v = v / np.hypot(*v)
    middle = np.asarray(centre, dtype=float)
    square = Square(half_width, resolution)
    turned = square.points @ np.stack([v, [-v[1], v[0]]]) + middle
    mass = (density(turned) * square.areas).reshape(resolution, resolution).sum(axis=1)
    along = square.points[::resolution, 0]
    # Half of what lies at a point of the axis is before it.
    below = (np.cumsum(mass) - mass / 2) / mass.sum()
    return lambda x: np.interp((x - middle) @ v, along, below)


def largest_ratio(
    log_p: Function, log_q: Function, half_width: float, starts: int = 41
) -> tuple[float, Vector]:
    """The supremum of p / q over a square, and where it is, by Nelder and Mead from a mesh.

    Args:
        log_p, log_q: log-densities.
        half_width: of the square around the origin.
        starts: points along a side of the mesh whose local maxima are improved.
    """
    axis = np.linspace(-half_width, half_width, starts)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    flat = points.reshape(-1, 2)
    values = (log_p(flat) - log_q(flat)).reshape(starts, starts)
    padded = np.pad(values, 1, constant_values=-np.inf)
    around = [
        padded[1 + i : starts + 1 + i, 1 + j : starts + 1 + j]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    peaks = points[values >= np.max(around, axis=0)]

    def negative(x: Vector) -> float:
        inside = np.clip(x, -half_width, half_width)[None]
        return -float((log_p(inside) - log_q(inside))[0])

    found = [
        optimize.minimize(negative, peak, method="Nelder-Mead", options={"xatol": 1e-9})
        for peak in peaks
    ]
    best = min(found, key=lambda f: f.fun)
    return math.exp(-best.fun), np.clip(best.x, -half_width, half_width)
