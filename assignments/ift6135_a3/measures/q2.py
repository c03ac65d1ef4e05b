"""The measures of question 2: the dirac game, and the networks on images.

Where a game starts is drawn here once more: the copy behind the wall is in the submission's hands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader import pictures
from grader.measures.estimate import Estimate, MeasureError
from grader.measures.games import DiracGame, expected_verdict, verdict
from grader.measures.scores import fid
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Context, Drawing, Measured, measurement
from grader.runs.left import Left
from grader.subjects.images import (
    Samples,
    feature_network,
    fid_over_steps,
    images_of,
    scores_of_all,
)

from ..runs.q2 import configuration

# The start is the same draw, in single precision.
SAME_START = 1e-5


def dirac(artefacts: Artefacts, context: Context) -> Measured:
    """Whether the game does what theory says of its configuration, from the start that we gave it.

    The start matters: a point that rests at the equilibrium has arrived without playing. How far
    the path is from the theory's is shown and gives no marks: a metric without its half goes round
    the same circle faster, and is charged where the metric is.
    """
    loss, regulariser, coefficient, alpha_ema = configuration(context.case)
    game = DiracGame(loss, regulariser, coefficient, alpha_ema=alpha_ema)
    left = Left(artefacts, context)
    played = left.array("trajectory")
    if played.shape != (context.steps + 1, 3):
        raise MeasureError(
            f"the trajectory has shape {played.shape}; {(context.steps + 1, 3)} was asked for"
        )
    start = dirac_start(left)
    if not np.allclose(played[0], start, rtol=0.0, atol=SAME_START):
        raise MeasureError(
            f"the trajectory starts from {point(played[0])}; the game was started from "
            f"(psi0, psi1, theta) = {point(start)}"
        )
    theory = expected_verdict(game, context.steps)
    iterated = game.trajectory(start, context.steps)
    seen, expected = verdict(played), verdict(iterated)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(played[: context.steps // 10] - iterated[: context.steps // 10])
    words = f"{seen}; theory: {expected}"
    note = f"{words} ({theory.basis})"
    png = pictures.trajectory(played, target=0.0, title=context.case, words=words)
    path = f"path of psi0 and theta from the start to the end: {seen}"
    return Measured(
        (
            measurement("verdict", lambda: Estimate(float(seen == expected), 0.0, 1, "", note)),
            measurement("distance", lambda: Estimate(float(gap.max()), 0.0, len(gap), "")),
        ),
        (Drawing("trajectory", f"{context.case}: {words}", png, path),),
    )


def dirac_start(left: Left) -> tuple[float, float, float]:
    """(psi0, psi1, theta) that the run draws first, drawn again from its seed."""
    given = left.context.given("dirac")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(left.seed_of_the_run)
        generator, critic = given.DiracGenerator(), given.DiracCritic()
    psi0, psi1, theta = given.parameters_of(critic, generator)
    return psi0, psi1, theta


def point(values: Any) -> str:
    """Coordinates in words."""
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def images(artefacts: Artefacts, context: Context) -> Measured:
    """Inception Score and FID of the averaged generator, over the training and at its end."""
    left, data = Left(artefacts, context), context.data("cifar10")
    wanted = int(left.setting("snapshots"))
    snapshots = left.snapshots("generator", most=context.steps // max(1, context.steps // wanted))
    train, test = images_of(data, "train"), images_of(data, "test")
    network = feature_network(left, "cifar10")
    count = min(int(left.setting("samples")), len(train))
    real = network.features(test[:count])
    curve = {}
    for step, weights in snapshots.items():
        pixels = sampled(left, weights, count)
        features, probabilities = network.outputs(pixels)
        curve[step] = finite_fid(features, real)
    samples, moved = Samples(pixels, train, test), has_moved(left, weights)

    def trained(compute: Callable[[], Estimate]) -> Estimate:
        if not moved:
            raise MeasureError(
                "the averaged generator is still the one that the training began with"
            )
        return samples.own(compute)

    distance, score = scores_of_all(features, probabilities, real, network)
    png = pictures.image_grid(pixels[:50].float().numpy() / 255, columns=10, title="")
    words = "fifty images of the generator at the end of its training"
    return Measured(
        (
            left.figure("fid", lambda: trained(distance)),
            left.figure("inception_score", lambda: trained(score)),
            measurement("copies", lambda: samples.copies),
        ),
        (
            *left.curves("metric of the two players"),
            *fid_over_steps(curve, network),
            Drawing("samples", "Samples of the averaged generator", png, words),
        ),
    )


def sampled(left: Left, weights: Any, count: int) -> Tensor:
    """Images (count, 3, 32, 32) of bytes, after the statistics of the batches were made anew."""
    generator, dimz = generator_of(left, weights), int(left.setting("dimz"))
    noise = torch.Generator().manual_seed(left.context.seed)
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    with torch.inference_mode():
        generator.train()
        for _ in range(max(8, count // 100)):
            generator(torch.randn(64, dimz, generator=noise))
        generator.eval()
        parts = [
            generator(torch.randn(len(part), dimz, generator=noise))
            for part in torch.arange(count).split(250)
        ]
    pixels = torch.cat(parts)
    if not bool(torch.isfinite(pixels).all()):
        raise MeasureError("the generator's images have pixels that are not finite")
    return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def has_moved(left: Left, weights: Any) -> bool:
    """Whether the generator has other parameters than the one that the run draws first.

    In a run of few steps that one would be as good as any.
    """
    sizes = (int(left.setting(k)) for k in ("dimz", "dimh"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(left.seed_of_the_run)
        start = left.context.given("model").Generator(*sizes)
    # Statistics of batches change without a step.
    now = generator_of(left, weights)
    pairs = zip(start.parameters(), now.parameters(), strict=True)
    return not all(torch.equal(before, after) for before, after in pairs)


def generator_of(left: Left, weights: Any) -> Any:
    """The given generator with a set of weights."""
    sizes = (int(left.setting(k)) for k in ("dimz", "dimh"))
    return left.network("model", "Generator", *sizes, weights=weights)


def finite_fid(features: Any, real: Any) -> float:
    """The FID; NaN where there is none."""
    try:
        return fid(features, real).value
    except MeasureError:
        return float("nan")
