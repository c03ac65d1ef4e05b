"""The measures of question 3: planar transformations, and flows from samples and densities."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader import pictures
from grader.measures.artefacts import ArtefactError
from grader.measures.density import energy_loss
from grader.measures.estimate import Estimate, finite
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Context, Drawing, Measured, measurement
from grader.runs.left import Left
from grader.subjects.flows import PlaneDensity, samples_picture

from ..runs.q3 import PLANAR_EXAMPLES, POINTS, flow_case


def planar(artefacts: Artefacts, context: Context) -> Measured:
    """The largest distance between the transformed points and where the formula puts them.

    The formula is x + u tanh(w.x + b); Rezende and Mohamed 2015 (arXiv:1505.05770), equation 10.
    Points and parameters are ours: of the submission's there is nothing but what they became.
    """
    left = Left(artefacts, context)
    generator = torch.Generator().manual_seed(left.seed_of_the_run)
    x = torch.randn(POINTS, 2, generator=generator).double().numpy()
    examples = PLANAR_EXAMPLES[: context.steps]
    right = np.stack(
        [x + np.array(u) * np.tanh(x @ np.array(w) + b)[:, None] for u, w, b in examples]
    )
    moved = left.array("moved")
    figure = measurement("distance", lambda: farthest(moved, right))
    if moved.shape != right.shape:
        return Measured((figure,))
    panels = [("before", x, None)] + [
        (f"u = ({u[0]:g}, {u[1]:g}), w = ({w[0]:g}, {w[1]:g}), b = {b:g}", points, x[:, 0])
        for (u, w, b), points in zip(examples, moved, strict=True)
    ]
    title = "Normal samples under planar transformations"
    words = "scatter plots of two thousand points before and after each transformation"
    png = pictures.scatter(panels, half_width=6.0)
    return Measured((figure,), (Drawing("transformations", title, png, words),))


def farthest(moved: Any, right: Any) -> Estimate:
    """The largest difference of a coordinate, of points (transformations, N, 2)."""
    if moved.shape != right.shape:
        raise ArtefactError(
            f"the transformed points cannot be measured because they have shape {moved.shape}; "
            f"{right.shape} was asked for"
        )
    gaps = np.abs(finite(moved, "coordinates of the transformed points") - right)
    return Estimate(float(gaps.max()), 0.0, len(moved) * moved.shape[1], "")


def flow_from_samples(artefacts: Artefacts, context: Context) -> Measured:
    """The likelihood of the data under the flow, and whether the submission's density is one."""
    left, (name, layers) = Left(artefacts, context), flow_case(context.case)
    flow = left.network("solution", "Flow", 2, layers)
    points = torch.tensor(context.data(f"planar_{name}").arrays["points"])

    def log_density(x: Tensor) -> Tensor:
        return -context.given("solution").loss1(*flow(x))

    density = PlaneDensity(left, log_density)
    figures = [
        left.figure("negative_log_likelihood", lambda: density.negative_log_likelihood(points)),
        measurement("integral", density.integral),
    ]
    drawings = left.curves("−log p(x), nats per point")
    if "own_negative_log_density" in artefacts.arrays:
        with np.errstate(over="ignore"):
            own = np.exp(-left.array("own_negative_log_density").reshape(-1))
        figures.append(measurement("own_integral", lambda: density.own_integral(own)))
        drawings += density.picture(own, points, f"exp(−loss1), {context.case}")
    return Measured(tuple(figures), drawings)


def flow_from_density(artefacts: Artefacts, context: Context) -> Measured:
    """The divergence of the flow from the density, up to a constant, and its samples."""
    left, (name, layers) = Left(artefacts, context), flow_case(context.case)
    flow = left.network("solution", "Flow", 2, layers)
    energy = getattr(context.given("utils"), f"density_{name}")

    def loss() -> Estimate:
        return energy_loss(flow, energy, dimensions=2, samples=20_000, seed=context.seed)

    samples = samples_picture(flow, context.seed, f"samples, {context.case}")
    return Measured((left.figure("loss", loss),), (*left.curves("loss2, nats"), samples))
