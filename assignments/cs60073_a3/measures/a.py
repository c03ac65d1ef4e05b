"""The measures of part A: what samplers left, held against the truth by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader import pictures
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, finite
from grader.measures.plane import NormalMixture
from grader.runs.artefacts import Artefacts
from grader.runs.left import Left
from grader.runs.measured import Context, Drawing, Measured, measurement
from grader.subjects import sampler

from ..runs.a import CORRELATION, COVARIANCES, MAX_LAG, MEANS, SIGMA, WEIGHTS, C

HALF_WIDTH, RESOLUTION = 6.0, 200


def f(x: Any) -> Any:
    """The integrand of the text, (N, 2) to (N,)."""
    return x[:, 0] ** 2 + np.sin(x[:, 1])


MIXTURE = NormalMixture(WEIGHTS, MEANS, COVARIANCES)
PROPOSAL = NormalMixture(np.ones(1), np.zeros((1, 2)), SIGMA**2 * np.eye(2)[None])
TARGET = sampler.Target(MIXTURE, PROPOSAL, f, HALF_WIDTH, RESOLUTION)


def target(artefacts: Artefacts, context: Context) -> Measured:
    """The largest error of the density on the mesh, as a share of its largest value."""
    left = Left(artefacts, context)
    x, y, density = (left.array(k, (RESOLUTION, RESOLUTION)) for k in ("x", "y", "density"))
    error = measurement("density_error", lambda: TARGET.density_error(x, y, density))
    across = bool(np.ptp(x[:, 0]) > np.ptp(x[0]))
    shown = density if across else density.T
    png = pictures.contours(shown, HALF_WIDTH, title="p(x), as computed")
    words = "contour lines of the submission's density over the square from -6 to 6"
    return Measured((error,), (Drawing("contour", "The density of the mixture", png, words),))


def rejection(artefacts: Artefacts, context: Context) -> Measured:
    """The acceptance rate and the distribution of what was accepted.

    A run that was handed in may have used another constant than 12, as its claim `c` says.
    """
    left = Left(artefacts, context)
    c = float(artefacts.claims.get("c", C))
    if not 0 < c < 1e6:
        raise ArtefactError(f"the constant c is {c:g}; it must be positive")
    points, number, top = sampler.points(left, "points"), left.number, TARGET.envelope
    if len(points) < (wanted := left.setting("accepted")):
        raise ArtefactError(f"{len(points)} points were accepted; {wanted} are asked for")
    holds = "an envelope" if c >= top else f"no envelope: p / q reaches {top:.4g}"

    def rate() -> Estimate:
        if "proposals" not in artefacts.arrays:  # not handed in, or none was drawn
            return TARGET.rate_off(number("acceptance_rate"), c, len(points), holds)
        drawn = sampler.points(left, "proposals")
        return TARGET.counted_rate(number("acceptance_rate"), c, points, drawn, holds)

    figures = {
        "acceptance_rate": rate,
        "distance": lambda: TARGET.distance(points, c),
        "bias": lambda: TARGET.bias(points, c),
    }
    if "envelope" in artefacts.arrays:
        figures["envelope"] = lambda: TARGET.envelope_share(
            number("envelope"), "so 12 is not an envelope"
        )
    if "enveloped_points" in artefacts.arrays:
        own, enveloped = number("envelope"), sampler.points(left, "enveloped_points")
        figures["enveloped_rate"] = lambda: TARGET.rate_off(
            number("enveloped_rate"), own, len(enveloped), f"c = {own:.5g}"
        )
        figures["enveloped_distance"] = lambda: TARGET.distance(enveloped, own)
    return Measured(
        tuple(measurement(name, compute) for name, compute in figures.items()),
        (TARGET.over_contour("accepted", "Accepted points over the true density", points),),
    )


def importance(artefacts: Artefacts, context: Context) -> Measured:
    """Mean, variance and effective sample size, held against the truth."""
    left = Left(artefacts, context)
    x = finite(sampler.points(left, "x"), "draws")
    truth = TARGET.importance_truth(x)

    def off(name: str) -> Estimate:
        found, (true, error) = left.number(name), truth[name]
        words = f"{found:.5g}; true {true:.5g} ± {error:.2g}"
        return Estimate((found - true) / error, 0.0, len(x), sampler.ERRORS, words)

    heaviest = x[np.argsort(TARGET.weights(x) / TARGET.weights(x).sum())[::-1][:1500]]
    return Measured(
        tuple(measurement(name, lambda name=name: off(name)) for name in truth),
        (TARGET.over_contour("heaviest", "The 1,500 draws of largest weight", heaviest),),
    )


def metropolis(artefacts: Artefacts, context: Context) -> Measured:
    """Whether the walk accepts what it should where it goes, and what it reports of itself."""
    left, step = Left(artefacts, context), float(context.case.removeprefix("s"))
    chain = sampler.points(left, "chain", chain=True)
    moved, kept = (chain[1:] != chain[:-1]).any(axis=1), chain[left.setting("burn_in") :]
    n = len(moved)

    def rate(true: float, words: str) -> Estimate:
        return sampler.off(left.number("acceptance_rate"), true, n, words)

    figures = {
        "acceptance": lambda: TARGET.accepts(chain, step),
        "own_rate": lambda: rate(float(moved.mean()), "the chain shows"),
        "autocorrelation": lambda: sampler.own_autocorrelation(left, kept, MAX_LAG),
        "acceptance_rate": lambda: rate(TARGET.acceptance(step), "in the long run"),
        "mean": lambda: TARGET.chain_mean(kept, n),
    }
    title = f"Autocorrelation of x₁ with s = {step:g}"
    return Measured(
        tuple(measurement(name, compute) for name, compute in figures.items()),
        (
            sampler.trace(chain, f"Trace of x₁ with s = {step:g}"),
            *sampler.autocorrelation_drawing(kept, MAX_LAG, title),
            TARGET.over_contour("scatter", "States after the burn-in over the true density", kept),
        ),
    )


def gibbs(artefacts: Artefacts, context: Context) -> Measured:
    """The noise of the draws, the autocorrelation, and the spread of the chain."""
    left = Left(artefacts, context)
    chain = sampler.points(left, "chain", chain=True)
    kept = chain[left.setting("burn_in") :]
    found = sampler.Gibbs(chain, CORRELATION, MAX_LAG)
    figures = {
        "conditional_variance": found.conditional_variance,
        "memory": lambda: found.memory(kept),
        "autocorrelation": lambda: sampler.own_autocorrelation(left, kept, MAX_LAG),
        "correlation": lambda: found.spread(kept),
    }
    png = pictures.scatter([("after the burn-in", kept[::5], None)], half_width=4.5)
    words = "scatter plot of the Gibbs chain after its burn-in, every fifth state"
    right = found.autocorrelation
    return Measured(
        tuple(measurement(name, compute) for name, compute in figures.items()),
        (
            Drawing("scatter", "States of the chain", png, words),
            *sampler.autocorrelation_drawing(kept, MAX_LAG, "Autocorrelation of x₁", right),
        ),
    )
