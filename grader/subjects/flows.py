"""Normalising flows in the plane: densities on a grid, and samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader import pictures
from grader.measures.density import grid_integral, negative_log_likelihood
from grader.measures.estimate import Estimate, MeasureError
from grader.runs.execute import Drawing
from grader.runs.left import Left

# The integral of |p - q| up to which two densities on a grid are the same: that of the weights and
# that of the submission. Functions that agree differ by rounding, some 1e-6.
SAME_DENSITY = 0.01

LogDensity = Callable[[Tensor], Tensor]


class PlaneDensity:
    """The density of a flow in the plane, on a grid.

    Settings: `half_width`, how far the grid reaches from 0 in both directions; `resolution`, cells
    per dimension.

    Args:
        left: of the run.
        log_density: of the weights, as the reference has it: points (B, 2) to (B, 1).
    """

    def __init__(self, left: Left, log_density: LogDensity) -> None:
        self._log_density = log_density
        self._width = float(left.setting("half_width"))
        self._resolution = int(left.setting("resolution"))

    def negative_log_likelihood(self, points: Tensor) -> Estimate:
        """The mean of -log p over the points (N, 2) themselves, which leaves no error."""
        found = negative_log_likelihood(self._log_density, points)
        return Estimate(found.value, 0.0, found.n, found.unit, "of the training points")

    def integral(self) -> Estimate:
        """The integral of the density over the grid."""
        sides = [(-self._width, self._width)] * 2
        return grid_integral(self._log_density, sides, self._resolution).estimate

    def own_integral(self, density: Any) -> Estimate:
        """The sum over all cells of the submission's density times the area of a cell.

        Args:
            density: (resolution^2,), at the middle of each cell.

        Raises:
            MeasureError: it is not the density of the weights. Anything may integrate to one.
        """
        if len(density) != self._resolution**2:
            raise MeasureError("loss1 gave no value for each of the points on the grid")
        side = 2 * self._width / self._resolution
        reach = self._width - side / 2
        axis = torch.linspace(-self._width + side / 2, reach, self._resolution)
        with torch.inference_mode():
            ours = [
                self._log_density(x).reshape(-1).double().exp()
                for x in torch.cartesian_prod(axis, axis).split(50_000)
            ]
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(density.sum()) * side**2
            gap = float(np.abs(density - torch.cat(ours).numpy()).sum()) * side**2
        if not gap <= SAME_DENSITY:
            raise MeasureError(
                f"exp(-loss1) is not the density of the flow's weights: its integral is "
                f"{total:.4g}, and the integral of its difference from that density is {gap:.2g}, "
                f"where at most {SAME_DENSITY:g} is allowed"
            )
        return Estimate(total, 0.0, len(density), "")

    def picture(self, density: Any, points: Tensor, title: str) -> tuple[Drawing, ...]:
        """A map of a density (resolution^2,), where the points (N, 2) lie; none of another size."""
        if len(density) != self._resolution**2:
            return ()
        table = density.reshape(self._resolution, self._resolution)
        shown, reach = around(points, table, self._width)
        png = pictures.density_map(shown, reach, title=title, points=points[::10].numpy())
        words = "heat map of the learned density with some of the data"
        return (Drawing("density", "Learned density", png, words),)


def around(points: Tensor, density: Any, width: float) -> tuple[Any, float]:
    """The part of a grid from -width to width in which the data lie, and how far that reaches.

    All of it, where the density is largest elsewhere.
    """
    cells = len(density)
    reach = min(width, 1.1 * float(points.abs().max()))
    cut = int((1 - reach / width) * cells / 2)  # from each side
    middle = density[cut : cells - cut, cut : cells - cut]
    # Written so that a NaN leaves the whole of it.
    if not middle.max() >= density.max():
        return density, width
    return middle, width * (1 - 2 * cut / cells)


def samples_picture(flow: Any, seed: int, title: str) -> Drawing:
    """Two thousand samples of a flow, which gives points (B, 2) and log-determinants for noise."""
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        samples = flow(torch.randn(2000, 2, generator=generator))[0].numpy()
    png = pictures.scatter([(title, samples, None)], half_width=6.0)
    words = "two thousand samples of the flow in the plane"
    return Drawing("samples", "Samples of the flow", png, words)
