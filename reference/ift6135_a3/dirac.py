"""The smallest adversarial game: one point that has to find another (theory question 5).

The data are one number over and over, the generator is one number theta, and the critic is a
straight line C(x) = psi0 x + psi1. The path of (psi0, psi1, theta) can be drawn and compared with
what theory predicts for each loss and regulariser.

Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018
(arXiv:1801.04406), section 2.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class DiracGenerator(nn.Module):
    """A distribution with all its mass at theta.

    Args:
        std: theta, of shape (1,), starts at a draw from N(0, std^2).
    """

    def __init__(self, std: float = 0.7) -> None:
        super().__init__()
        self.theta = nn.Parameter(std * torch.randn(1))

    def forward(self, z: Tensor | None = None) -> Tensor:
        """The one sample there is, (1,): theta itself. The noise is ignored."""
        return self.theta


class DiracCritic(nn.Module):
    """A straight line C(x) = psi0 x + psi1.

    Args:
        std: the parameters start at draws from N(0, std^2).
        num_params: the number of slopes; `param` holds them and then the intercept.
    """

    def __init__(self, std: float = 0.7, num_params: int = 1) -> None:
        super().__init__()
        self.param = nn.Parameter(std * torch.randn(num_params + 1))

    def forward(self, x: Tensor) -> Tensor:
        """Values of the samples, in the shape of x: (1, 1) for the data, (1,) for theta."""
        return x * self.param[:-1] + self.param[-1]


def dirac_data_iter(
    target: float = 0.0, device: torch.device | str | None = None
) -> Iterator[Tensor]:
    """Real data without end: each batch is the same (1, 1) tensor filled with the target."""
    batch = torch.full((1, 1), target, device=device)
    while True:
        yield batch


def parameters_of(critic: DiracCritic, generator: DiracGenerator) -> list[float]:
    """The point (psi0, psi1, theta) of the trajectory."""
    return [*critic.param.tolist(), *generator.theta.tolist()]


def plot_trajectory(trajectory: npt.NDArray[Any], path: Path, title: str = "") -> None:
    """Draw the path of the game, from the dot to the cross, and the three parameters over time.

    Args:
        trajectory: (steps + 1, 3), rows (psi0, psi1, theta), the start first.
        path: the picture to be written.
        title: a line above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    plane, time = figure.subplots(1, 2)
    plane.plot(trajectory[:, 2], trajectory[:, 0], linewidth=0.5)
    plane.plot(trajectory[0, 2], trajectory[0, 0], "o")
    plane.plot(trajectory[-1, 2], trajectory[-1, 0], "x")
    plane.set(xlabel="theta", ylabel="psi0")
    time.plot(trajectory, label=["psi0", "psi1", "theta"])
    time.set(xlabel="generator steps")
    time.legend()
    figure.suptitle(title)
    figure.savefig(path)


def animate_trajectory(trajectory: npt.NDArray[Any], path: Path, frames: int = 200) -> None:
    """Write the path of the game as a film; .mp4 needs ffmpeg, .gif does not.

    Args:
        trajectory: (steps + 1, 3), rows (psi0, psi1, theta), the start first.
        path: the film to be written.
        frames: how many pictures the film has.
    """
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(trajectory[:, 2], trajectory[:, 0], linewidth=0.3, alpha=0.3)
    axes.set(xlabel="theta", ylabel="psi0")
    (line,) = axes.plot([], [], linewidth=0.8)
    (point,) = axes.plot([], [], "o")
    ends = np.linspace(1, len(trajectory), frames).astype(int)

    def draw(frame: int) -> tuple[Any, ...]:
        end = ends[frame]
        line.set_data(trajectory[:end, 2], trajectory[:end, 0])
        point.set_data(trajectory[end - 1 : end, 2], trajectory[end - 1 : end, 0])
        return line, point

    writer = "pillow" if path.suffix == ".gif" else "ffmpeg"
    FuncAnimation(figure, draw, frames=frames).save(path, writer=writer)
