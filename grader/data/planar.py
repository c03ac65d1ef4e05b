"""Points in the plane, drawn from two densities that are known up to a constant.

Source of the densities: after Rezende and Mohamed, "Variational Inference with Normalizing Flows",
2015 (arXiv:1505.05770), table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from grader.data import npy
from grader.data.dataset import Array, DataError

Points = npt.NDArray[np.float64]
COUNT = 5_000
MOST_BYTES = 2**24
REMEDY = "give the published file, or remove it to have points drawn from the density instead"


def arcs_energy(z: Points) -> Points:
    """Energy of two arcs of a ring, up to a constant minus the log density; (N, 2) to (N,), nats.

    (|z| - 2)^2 / (2 0.4^2) - log( exp(-(z1 - 2)^2 / (2 0.6^2)) + exp(-(z1 + 2)^2 / (2 0.6^2)) )
    """
    ring = 0.5 * ((np.hypot(z[:, 0], z[:, 1]) - 2) / 0.4) ** 2
    right = -0.5 * ((z[:, 0] - 2) / 0.6) ** 2
    left = -0.5 * ((z[:, 0] + 2) / 0.6) ** 2
    return ring - np.logaddexp(right, left)


def sine_energy(z: Points) -> Points:
    """Energy of a band along a sine wave, infinite for |z1| > 6; (N, 2) to (N,), nats.

    (z2 - sin(2 pi z1 / 4))^2 / (2 0.4^2)
    """
    band = 0.5 * ((z[:, 1] - np.sin(2 * np.pi * z[:, 0] / 4)) / 0.4) ** 2
    return np.where(np.abs(z[:, 0]) <= 6, band, np.inf)


@dataclass(frozen=True)
class Density:
    """An energy, a box that holds all but 1e-12 of its mass, and a bound that it never falls below.

    Attributes:
        energy: minus the log density up to a constant, (N, 2) to (N,), nats.
        half_width, half_height: the box is centred on the origin.
        lowest: a lower bound of the energy, nats.
        seed: of the points that are drawn.
    """

    energy: Callable[[Points], Points]
    half_width: float
    half_height: float
    lowest: float
    seed: int

    def draw(self, count: int = COUNT) -> npt.NDArray[np.float32]:
        """Points (count, 2), independent, by rejection; always the same ones."""
        # RandomState's stream is frozen by NumPy; that of its newer generators may change.
        stream = np.random.RandomState(self.seed)
        size = np.array([self.half_width, self.half_height])
        kept: list[Points] = []
        while sum(map(len, kept)) < count:
            uniform = stream.random_sample((COUNT, 3))
            z = size * (2 * uniform[:, :2] - 1)
            kept.append(z[uniform[:, 2] < np.exp(self.lowest - self.energy(z))])
        return np.concatenate(kept)[:count].astype(np.float32)


# The two terms of the arcs' logarithm sum to at most 1 + exp(-(4 / 0.6)^2 / 2) = 1 + 2.3e-10.
DENSITIES = {
    "planar_arcs": Density(arcs_energy, 5.0, 5.0, lowest=-3e-10, seed=6135),
    "planar_sine": Density(sine_energy, 6.0, 4.0, lowest=0.0, seed=6136),
}


def read(path: Path) -> Array:
    """Points (N, 2) float32 of a .npy file.

    Raises:
        DataError: the file is damaged or holds something else.
    """
    try:
        with path.open("rb") as file:
            points = npy.parse(file.read(MOST_BYTES))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from None
    if points.dtype != np.float32 or points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DataError(
            f"{path}: is {points.dtype} of shape {points.shape}, not float32 of shape (N, 2); "
            f"{REMEDY}"
        )
    if not np.isfinite(points).all():
        raise DataError(f"{path}: not every point is finite; {REMEDY}")
    return points
