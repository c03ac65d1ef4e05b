"""Figures of a density of few dimensions: likelihood of points, integral, energy loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grader.measures.estimate import Estimate, MeasureError, Vector, finite, mean_estimate

LogDensity = Callable[[Tensor], Tensor]
Flow = Callable[[Tensor], tuple[Tensor, Tensor]]

MAX_CELLS = 4_000_000
FRAME = 0.05  # of the box's width, on each side


@dataclass(frozen=True)
class Integral:
    """The integral of a density over a box.

    Attributes:
        estimate: the integral; its standard error is the difference from the integral on a grid
            of half the resolution, a bound on the discretisation error of smooth densities and
            no statistical error.
        frame_mass: the part of it in the outer frame of the box, a twentieth of the width on each
            side. Where it is not small the box cuts the density off, and mass that is missing
            from the integral may lie outside.
    """

    estimate: Estimate
    frame_mass: float


def negative_log_likelihood(
    log_density: LogDensity, points: Tensor, *, batch_size: int = 10_000
) -> Estimate:
    """The mean of -log p over independent points, in nats per point.

    Args:
        log_density: points (B, D) to log p, (B,) or (B, 1), normalised.
        points: (N, D).
        batch_size: points at a time.

    Raises:
        MeasureError: where a log-density is NaN or infinite: a density of 0 at a point has no
            finite likelihood.
    """
    values = _evaluate(log_density, points, batch_size)
    return mean_estimate(-finite(values, "log-densities of the points"), "nats per point")


def grid_integral(
    log_density: LogDensity,
    box: Sequence[tuple[float, float]],
    resolution: int = 400,
    *,
    batch_size: int = 50_000,
) -> Integral:
    """The integral of exp(log_density) over a box, by the midpoint rule.

    Args:
        log_density: points (B, D) to log p, (B,) or (B, 1); -inf, a density of 0, is allowed.
        box: (low, high) of each of the D dimensions.
        resolution: cells per dimension; even, and at most 4 million cells in all.
        batch_size: points at a time.

    Raises:
        MeasureError: for NaN or +inf, and for a box or resolution that makes no grid.
    """
    dimensions = len(box)
    if any(not low < high for low, high in box) or not dimensions:
        raise MeasureError(f"the box {list(box)} needs a low end below a high end per dimension")
    if resolution < 2 or resolution % 2 or resolution**dimensions > MAX_CELLS:
        raise MeasureError(
            f"a resolution of {resolution} in {dimensions} dimensions must be even and make at "
            f"most {MAX_CELLS} cells"
        )
    mass = _cell_masses(log_density, box, resolution, batch_size)
    coarse = _cell_masses(log_density, box, resolution // 2, batch_size)
    edge = max(1, round(FRAME * resolution))
    inner = mass[(slice(edge, -edge),) * dimensions]
    frame_mass = float(mass.sum() - inner.sum())
    estimate = Estimate(
        float(mass.sum()),
        abs(float(mass.sum() - coarse.sum())),
        mass.size,
        "probability",
        f"midpoint rule; {frame_mass:.2g} of it in the outer frame of the box",
    )
    return Integral(estimate, frame_mass)


def energy_loss(
    flow: Flow,
    energy: LogDensity,
    *,
    dimensions: int,
    samples: int = 10_000,
    seed: int,
    batch_size: int = 10_000,
) -> Estimate:
    """KL(q || p) up to the constant log Z, of a flow q that is to follow a density exp(-E) / Z.

    The mean over z ~ N(0, I) of log N(z; 0, I) - logdet(z) + E(f(z)); Rezende and Mohamed 2015
    (arXiv:1505.05770), section 4.2. For a normalised density it is the KL divergence itself.

    Args:
        flow: z (B, D) to f(z), (B, D), and log |det df/dz|, (B,) or (B, 1).
        energy: points (B, D) to E, (B,) or (B, 1).
        dimensions: D.
        samples: draws of z.
        seed: of the draws.
        batch_size: draws at a time.

    Raises:
        MeasureError: where a term is NaN or infinite.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    with torch.inference_mode():
        for start in range(0, samples, batch_size):
            z = torch.randn(min(batch_size, samples - start), dimensions, generator=generator)
            x, logdet = flow(z)
            log_base = -0.5 * (z.double().square() + math.log(2 * math.pi)).sum(dim=1)
            terms = log_base - _column(logdet, len(z)) + _column(energy(x), len(z))
            parts.append(terms.numpy())
    values = finite(np.concatenate(parts), "terms of the energy loss")
    return mean_estimate(values, "nats per sample")


def _cell_masses(
    log_density: LogDensity, box: Sequence[tuple[float, float]], resolution: int, batch_size: int
) -> Vector:
    """Density times volume of each cell, (resolution,) * D."""
    widths = [(high - low) / resolution for low, high in box]
    axes = [
        low + width * (torch.arange(resolution, dtype=torch.float64) + 0.5)
        for (low, _), width in zip(box, widths, strict=True)
    ]
    points = torch.cartesian_prod(*axes).reshape(-1, len(box)).float()
    with np.errstate(over="ignore"):  # an infinity is told below
        density = np.exp(_evaluate(log_density, points, batch_size))
    masses = finite(density, "densities on the grid") * math.prod(widths)
    return masses.reshape((resolution,) * len(box))


def _evaluate(log_density: LogDensity, points: Tensor, batch_size: int) -> Vector:
    with torch.inference_mode():
        parts = [_column(log_density(x), len(x)).cpu().numpy() for x in points.split(batch_size)]
    return np.concatenate(parts)


def _column(values: Tensor, n: int) -> Tensor:
    """(n,) or (n, 1) as (n,) in double precision; a broadcast (n, n) is refused."""
    if values.shape not in ((n,), (n, 1)):
        raise MeasureError(
            f"one value per point is wanted, ({n},) or ({n}, 1); got {tuple(values.shape)}"
        )
    return values.reshape(n).double()
