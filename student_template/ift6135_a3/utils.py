"""Question 3: the two densities of the plane, points drawn from them, and the plots.

The functions `density_*` return energies, -log p~(z) in nats, of densities p~ that are not
normalised; `plot_density` takes exp(-energy).
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

Density = Callable[[Tensor], Tensor]


def density_arcs(z: Tensor) -> Tensor:
    """Energy of two arcs of the circle of radius 2, left and right.

    (||z|| - 2)^2 / (2 0.4^2) - log( exp(-(z1 - 2)^2 / (2 0.6^2)) + exp(-(z1 + 2)^2 / (2 0.6^2)) )

    Args:
        z: (B, 2), one point per row.

    Returns:
        (B,), the energy of each point in nats.
    """
    ring = 0.5 * ((z.norm(dim=1) - 2) / 0.4) ** 2
    right = -0.5 * ((z[:, 0] - 2) / 0.6) ** 2
    left = -0.5 * ((z[:, 0] + 2) / 0.6) ** 2
    # At a distance of 8 from both, each exponential is 0 in float32, and the logarithm of their
    # sum -inf; logaddexp takes the larger out first.
    return ring - torch.logaddexp(right, left)


def density_sine(z: Tensor) -> Tensor:
    """Energy of a band along a sine wave: (z2 - sin(2 pi z1 / 4))^2 / (2 0.4^2).

    Nothing confines z1, so the density cannot be normalised over the whole plane.

    Args:
        z: (B, 2), one point per row.

    Returns:
        (B,), the energy of each point in nats.
    """
    # Written as -log(exp(-energy)), this would be inf wherever the exponential underflows, which
    # in float32 is 6 away from the curve: a flow that sends one point there trains on nan.
    return 0.5 * ((z[:, 1] - torch.sin(2 * math.pi * z[:, 0] / 4)) / 0.4).square()


def draw_points(density: Density, num_points: int, half_width: float) -> Tensor:
    """Draw points from a density on the square [-half_width, half_width]^2, by rejection.

    Args:
        density: returns energies that are nowhere below 0, up to rounding.
        num_points: how many points to draw.
        half_width: outside of this square there are no points.

    Returns:
        (num_points, 2).
    """
    accepted = torch.empty(0, 2)
    while len(accepted) < num_points:
        proposal = half_width * (2 * torch.rand(20 * num_points, 2) - 1)
        keep = torch.rand(len(proposal)) < torch.exp(-density(proposal))
        accepted = torch.cat([accepted, proposal[keep]])
    return accepted[:num_points]


def training_points(name: str, density: Density) -> Tensor:
    """The training set of that name; without its file, 5000 points drawn from the density.

    Args:
        name: the points are read from `data_{name}.npy` in the current folder.
        density: where to draw them from if that file does not exist.

    Returns:
        (N, 2), float32.
    """
    path = Path(f"data_{name}.npy")
    if path.exists():
        return torch.from_numpy(np.load(path)).float()
    print(f"{path} does not exist: drawing 5000 points from the density")
    # 6 is as far as the sine's published points spread; the arcs end at 3.3.
    return draw_points(density, num_points=5000, half_width=6.0)


def plot_density(
    density: Density, name: str, half_width: float = 5.0, resolution: int = 200
) -> None:
    """Draw exp(-energy) on a square of the plane, and save it as `{name}.png`.

    Args:
        density: maps points (B, 2) to energies (B,) or (B, 1).
        name: the path of the picture, without its ending.
        half_width: the square is [-half_width, half_width]^2.
        resolution: points per side.
    """
    from matplotlib.figure import Figure

    axis = torch.linspace(-half_width, half_width, resolution)
    y, x = torch.meshgrid(axis, axis, indexing="ij")  # rows go up, columns go right
    with torch.no_grad():
        energy = density(torch.stack([x.flatten(), y.flatten()], dim=1))  # (resolution^2,)
    probability = torch.exp(-energy).reshape(resolution, resolution)

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(axis.numpy(), axis.numpy(), probability.numpy(), rasterized=True)
    axes.set_aspect("equal")
    figure.savefig(f"{name}.png")


def plot_samples(samples: Tensor, name: str, half_width: float = 5.0) -> None:
    """Draw points (B, 2) in the plane, and save the picture as `{name}.png`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    x, y = samples.detach().T.numpy()
    axes.scatter(x, y, s=4)
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width), aspect="equal")
    figure.savefig(f"{name}.png")
