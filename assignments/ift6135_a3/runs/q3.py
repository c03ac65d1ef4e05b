"""The runs of question 3, as they execute behind the wall; `q1.py` says what a run is."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .training import Curve, state

Artefacts = dict[str, Any]
Training = Generator[int, None, Artefacts]

POINTS = 2000  # that are drawn for question 3.2
# u, w and b of the transformations that are drawn for question 3.2; w.u >= -1 in all of them.
PLANAR_EXAMPLES = [
    ((2.0, 0.0), (1.0, 0.0), 0.0),
    ((0.0, 2.0), (1.0, 0.0), 0.0),
    ((2.0, 0.0), (5.0, 0.0), 0.0),
    ((-0.9, 0.0), (1.0, 0.0), 0.0),
    ((1.5, 1.5), (1.0, -1.0), 2.0),
    ((0.0, 3.0), (0.0, 3.0), -2.0),
]


def planar(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Normal samples under several planar transformations.

    The samples are drawn first, so that the measures can draw the same ones from the same seed.
    """
    x = torch.randn(POINTS, 2)
    moved = []
    for step, (u, w, b) in enumerate(PLANAR_EXAMPLES[:steps], start=1):
        layer = impl.solution.PlanarTransformation(2)
        with torch.no_grad():
            layer.u.copy_(torch.tensor([u]))
            layer.w.copy_(torch.tensor([w]))
            layer.b.fill_(b)
            # A copy goes in: a layer that writes into its argument moves these samples alone.
            moved.append(layer(x.clone()).detach().clone())
        yield step
    return {"arrays": {"moved": torch.stack(moved)}}


def flow_from_samples(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """A flow from data to the normal distribution, by maximum likelihood."""
    name, layers = flow_case(case)
    points = torch.from_numpy(np.load(Path(data[f"planar_{name}"], f"planar_{name}-points.npy")))
    model = impl.solution.Flow(2, layers)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
    curve = Curve("negative_log_likelihood", every=max(1, steps // 200))
    for step in range(1, steps + 1):
        x = points[torch.randperm(len(points))[:128]]
        loss = impl.solution.loss1(*model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item())
        yield step
    return {
        "weights": {"flow": state(model)},
        "curves": {"training": curve.columns()},
        "arrays": {"own_negative_log_density": _own_density(impl, model, settings)},
    }


def _own_density(impl: Any, model: nn.Module, settings: Any) -> Any:
    """-log p on a grid, as the submission computes it; empty where it fails, e.g. for a loss of
    shape (B, B), whose mean trained the flow all the same."""
    grid = _grid(settings["half_width"], settings["resolution"])
    try:
        with torch.no_grad():
            return torch.cat(
                [impl.solution.loss1(*model(x)).reshape(len(x)) for x in grid.split(4096)]
            )
    except Exception as error:
        print(f"no density: {type(error).__name__}: {error}")
        return np.empty(0)


def flow_from_density(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """A flow from the normal distribution to a density that is known up to a constant."""
    name, layers = flow_case(case)
    density = getattr(importlib.import_module("utils"), f"density_{name}")
    model = impl.solution.Flow(2, layers)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
    curve = Curve("loss", every=max(1, steps // 200))
    for step in range(1, steps + 1):
        z0 = torch.randn(128, 2)
        x, logdet = model(z0)
        loss = impl.solution.loss2(density(x), z0, logdet).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item())
        yield step
    return {"weights": {"flow": state(model)}, "curves": {"training": curve.columns()}}


def flow_case(case: str) -> tuple[str, int]:
    """The name of the density, and the number of layers."""
    name, layers = case.split("-")
    return name, int(layers)


def _grid(half_width: float, resolution: int) -> Tensor:
    """Points (resolution^2, 2) in the middle of equal squares that cover the plane's middle."""
    side = 2 * half_width / resolution
    axis = torch.linspace(-half_width + side / 2, half_width - side / 2, resolution)
    return torch.cartesian_prod(axis, axis)
