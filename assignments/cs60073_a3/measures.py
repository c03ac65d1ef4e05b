"""What the artefacts of each run are measured by, on the trusted side.

Each function has the name of a run and gives its figures and pictures. Nothing that a submission
computed is believed: its figures are held against ground truth.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader import pictures
from grader.data import DataSet
from grader.measures.artefacts import ArtefactError
from grader.measures.bounds import Bound, elbo
from grader.measures.chains import autocorrelation, autocorrelation_time, random_walk_acceptance
from grader.measures.classifier import accuracy
from grader.measures.estimate import Estimate, MeasureError, Vector, finite, mean_estimate
from grader.measures.features import FeatureNetwork, load_or_train
from grader.measures.language import perplexity
from grader.measures.neighbours import copies
from grader.measures.plane import NormalMixture, Square, largest_ratio, projected_cdf
from grader.measures.scores import (
    fid_bias,
    frechet_distance,
    inception_score,
    perfect_inception_score,
)
from grader.measures.weights import WRAPPERS, load_weights
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Context, Drawing, Measured, Measurement, measurement

# --- part A: samplers -------------------------------------------------------------------------
# Most figures are distances from the truth in standard errors: the same bound then serves every
# size of a run. The note beside each has the figure itself and the true one.

MIXTURE = NormalMixture(
    np.array([0.4, 0.35, 0.25]),
    np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]]),
    np.array([[[1.0, 0.8], [0.8, 1.5]], [[0.6, 0.0], [0.0, 0.6]], [[1.2, -0.6], [-0.6, 1.2]]]),
)
PROPOSAL = NormalMixture(np.ones(1), np.zeros((1, 2)), 2.5**2 * np.eye(2)[None])
HALF_WIDTH = 6.0
RESOLUTION = 200
C = 12.0
CORRELATION = 0.9
MAX_LAG = 50
# Beyond this half width the densities of the text are below 1e-8 of what they are at their tops.
WIDE = 14.0
# States of a chain at which the chance of accepting the next proposal is computed.
STATES = 5000


def target(artefacts: Artefacts, context: Context) -> Measured:
    """The largest error of the density on the mesh, as a share of its largest value."""
    x, y, density = (_table(artefacts, k, (RESOLUTION, RESOLUTION)) for k in ("x", "y", "density"))

    def error() -> Estimate:
        points = np.column_stack([x.ravel(), y.ravel()])
        right = np.exp(MIXTURE.log_density(finite(points, "points of the mesh")))
        gap = np.abs(finite(density.ravel(), "values of the density") - right)
        return Estimate(float(gap.max() / _true_mesh().max()), 0.0, gap.size, "")

    across = bool(np.ptp(x[:, 0]) > np.ptp(x[0]))
    return Measured(
        (measurement("density_error", error),),
        (
            Drawing(
                "contour",
                "The density of the mixture",
                pictures.contours(
                    density if across else density.T, HALF_WIDTH, title="p(x), as computed"
                ),
                "contour lines of the submission's density over the square from -6 to 6",
            ),
        ),
    )


def rejection(artefacts: Artefacts, context: Context) -> Measured:
    """The acceptance rate and the distribution of what was accepted.

    A run that was handed in may have used another constant than 12, as its claim `c` says.
    """
    c = float(artefacts.claims.get("c", C))
    if not 0 < c < 1e6:
        raise ArtefactError(f"the constant c is {c:g}; it must be positive")
    points = _points(artefacts, "points")
    top, _ = _true_envelope()
    holds = "an envelope" if c >= top else f"no envelope: p / q reaches {top:.4g}"
    figures = [
        measurement(
            "acceptance_rate",
            lambda: _rate_off(_reported(artefacts, "acceptance_rate"), c, len(points), holds),
        ),
        measurement("distance", lambda: _kolmogorov(points, c)),
        measurement("bias", lambda: _bias(points, c)),
    ]
    if "envelope" in artefacts.arrays:
        figures.append(
            measurement(
                "envelope",
                lambda: Estimate(
                    (own := _reported(artefacts, "envelope")) / top,
                    0.0,
                    1,
                    "",
                    f"{own:.5g}; the largest p / q is {top:.5g}, so 12 is no envelope",
                ),
            )
        )
    if "enveloped_points" in artefacts.arrays:
        own = _reported(artefacts, "envelope")
        enveloped = _points(artefacts, "enveloped_points")
        figures += [
            measurement(
                "enveloped_rate",
                lambda: _rate_off(
                    _reported(artefacts, "enveloped_rate"), own, len(enveloped), f"c = {own:.5g}"
                ),
            ),
            measurement("enveloped_distance", lambda: _kolmogorov(enveloped, own)),
        ]
    return Measured(
        tuple(figures),
        (_over_contour("accepted", "Accepted points over the true density", points),),
    )


def _rate_off(rate: float, c: float, n: int, words: str) -> Estimate:
    """The acceptance rate less the true one, in standard errors of n acceptances."""
    square = _square()
    p, q = _on_square()
    true = square.integral(np.minimum(p / c, q))
    error = true * math.sqrt((1 - true) / n)
    return Estimate(
        (rate - true) / error, 0.0, n, "standard errors", f"{rate:.4f}; true {true:.4f}; {words}"
    )


def _kolmogorov(points: Any, c: float) -> Estimate:
    """The largest distance between distribution functions along two axes, times sqrt(n)."""

    def accepted(x: Any) -> Any:
        return np.minimum(np.exp(MIXTURE.log_density(x)), c * np.exp(PROPOSAL.log_density(x)))

    n = len(points)
    finite(points, "accepted points")
    largest = 0.0
    for direction in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        u = np.sort(projected_cdf(accepted, direction, WIDE, 400)(points))
        grid = np.arange(n + 1) / n
        largest = max(largest, np.abs(u - grid[1:]).max(), np.abs(u - grid[:-1]).max())
    words = f"largest distance {largest:.4f} from min(p, {c:.5g} q), n = {n}"
    return Estimate(float(largest * math.sqrt(n)), 0.0, n, "", words)


def _bias(points: Any, c: float) -> Estimate:
    """The mean of f over accepted points, less that of what c lets through, in standard errors."""
    square, (p, q) = _square(), _on_square()
    kept = np.minimum(p, c * q)
    f = _f(square.points)
    expected = square.integral(kept * f) / square.integral(kept)
    values = _f(finite(points, "accepted points"))
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if not error > 0:
        raise MeasureError("all accepted points are the same")
    return Estimate(
        (float(values.mean()) - expected) / error,
        0.0,
        len(values),
        "standard errors",
        f"{values.mean():.4f}; accepted points have {expected:.4f} on average, "
        f"the target has {_true_moments()[0]:.4f}",
    )


def importance(artefacts: Artefacts, context: Context) -> Measured:
    """Mean, variance and effective sample size, held against the truth."""
    x = finite(_points(artefacts, "x"), "draws")
    log_w = MIXTURE.log_density(x) - PROPOSAL.log_density(x)
    raw = np.exp(log_w)
    w, f = raw / raw.sum(), _f(x)
    mean, variance = _true_moments()
    square, (p, q) = _square(), _on_square()
    share = 1 / square.integral(p**2 / q)
    # Standard errors by the delta method, of ratios of means.
    own_mean = w @ f
    own_variance = w @ (f - own_mean) ** 2
    first, second = raw.mean(), (raw**2).mean()
    slopes = 2 * first / second * (raw - first) - first**2 / second**2 * (raw**2 - second)
    errors = {
        "mean": math.sqrt(w**2 @ (f - own_mean) ** 2),
        "variance": math.sqrt(w**2 @ ((f - own_mean) ** 2 - own_variance) ** 2),
        "effective_sample_size": len(x) * float(slopes.std()) / math.sqrt(len(x)),
    }
    truth = {"mean": mean, "variance": variance, "effective_sample_size": share * len(x)}

    def off(name: str) -> Estimate:
        found = _reported(artefacts, name)
        words = f"{found:.5g}; true {truth[name]:.5g} ± {errors[name]:.2g}"
        return Estimate((found - truth[name]) / errors[name], 0.0, len(x), "standard errors", words)

    figures = [measurement(name, functools.partial(off, name)) for name in truth]
    order = np.argsort(w)[::-1][:1500]
    return Measured(
        tuple(figures),
        (_over_contour("heaviest", "The 1,500 draws of largest weight", x[order]),),
    )


def metropolis(artefacts: Artefacts, context: Context) -> Measured:
    """Whether the walk accepts what it should where it goes, and what it reports of itself."""
    step = float(context.case.removeprefix("s"))
    chain = _points(artefacts, "chain", context)
    moved = (chain[1:] != chain[:-1]).any(axis=1)
    burn_in = _setting(context, "burn_in")
    kept = chain[burn_in:]
    n = len(moved)

    def accepts() -> Estimate:
        at = np.unique(np.linspace(0, n - 1, min(n, STATES)).astype(int))
        states = finite(chain[at], "states of the chain")
        chances = random_walk_acceptance(MIXTURE.log_density, states, step)
        # Given where the chain is, each move is a trial of its own, however slowly the chain mixes.
        error = math.sqrt(float((chances * (1 - chances)).sum()))
        z = float((moved[at] - chances).sum()) / error
        words = f"{moved[at].mean():.4f} of the proposals; {chances.mean():.4f} expected there"
        return Estimate(z, 0.0, len(at), "standard errors", words)

    def rate() -> Estimate:
        found, true = _reported(artefacts, "acceptance_rate"), _true_acceptance(step)
        return Estimate(found - true, 0.0, n, "", f"{found:.4f}; in the long run {true:.4f}")

    def own_rate() -> Estimate:
        found, seen = _reported(artefacts, "acceptance_rate"), float(moved.mean())
        return Estimate(found - seen, 0.0, n, "", f"{found:.4f}; the chain shows {seen:.4f}")

    def mean() -> Estimate:
        values = _f(finite(kept, "states of the chain"))
        time = autocorrelation_time(values)
        error = float(values.std()) * math.sqrt(time / len(values))
        true = _true_moments()[0]
        words = f"{values.mean():.4f}; true {true:.4f} ± {error:.2g}; one draw in {time:.0f} counts"
        return Estimate((float(values.mean()) - true) / error, 0.0, n, "standard errors", words)

    return Measured(
        (
            measurement("acceptance", accepts),
            measurement("own_rate", own_rate),
            measurement("autocorrelation", lambda: _own_autocorrelation(artefacts, kept)),
            measurement("acceptance_rate", rate),
            measurement("mean", mean),
        ),
        (
            _trace(chain, f"Trace of x₁ with s = {step:g}"),
            *_autocorrelation_drawing(kept, f"Autocorrelation of x₁ with s = {step:g}", None),
            _over_contour("scatter", "States after the burn-in over the true density", kept),
        ),
    )


def gibbs(artefacts: Artefacts, context: Context) -> Measured:
    """The noise of the draws, the autocorrelation, and the spread of the chain."""
    chain = _points(artefacts, "chain", context)
    burn_in = _setting(context, "burn_in")
    kept = chain[burn_in:]
    noise, reading = _gibbs_noise(finite(chain, "states of the chain"))
    right = _gibbs_autocorrelation(reading)

    def variance() -> Estimate:
        if len(noise) < 2:
            raise MeasureError("the chain never moves")
        true = 1 - CORRELATION**2
        found, error = float(noise.var(ddof=1)), true * math.sqrt(2 / len(noise))
        words = f"{found:.4f}; true {true:.4f}; an iteration draws {reading}"
        return Estimate((found - true) / error, 0.0, len(noise), "standard errors", words)

    def memory() -> Estimate:
        found = autocorrelation(kept[:, 0], MAX_LAG)
        # Bartlett (1946), for lags at which the autocorrelation itself has died away.
        error = math.sqrt((1 + 2 * float((right[1:] ** 2).sum())) / len(kept))
        gap = float(np.abs(found - right).max())
        return Estimate(
            gap / error,
            0.0,
            len(kept),
            "standard errors",
            f"at lag one {found[1]:.4f}; true {right[1]:.4f}; largest difference {gap:.4f}",
        )

    def spread() -> Estimate:
        found = float(np.corrcoef(kept.T)[0, 1])
        words = f"{found:.4f}; true {CORRELATION}; variances {kept[:, 0].var():.3f} and "
        return Estimate(found - CORRELATION, 0.0, len(kept), "", words + f"{kept[:, 1].var():.3f}")

    return Measured(
        (
            measurement("conditional_variance", variance),
            measurement("memory", memory),
            measurement("autocorrelation", lambda: _own_autocorrelation(artefacts, kept)),
            measurement("correlation", spread),
        ),
        (
            Drawing(
                "scatter",
                "States of the chain",
                pictures.scatter([("after the burn-in", kept[::5], None)], half_width=4.5),
                "scatter plot of the Gibbs chain after its burn-in, every fifth state",
            ),
            *_autocorrelation_drawing(kept, "Autocorrelation of x₁", right),
        ),
    )


def _gibbs_noise(chain: Any) -> tuple[Any, str]:
    """Each draw less r times what it was conditioned on, and what an iteration draws.

    Of the two orders of a sweep the one with the smaller noise is taken.
    """
    before, after = chain[:-1], chain[1:]
    changed = before != after
    if changed.all(axis=1).mean() < 0.5:
        rows = changed.any(axis=1)
        which = changed[rows].argmax(axis=1)
        numbers = np.arange(len(which))
        noise = after[rows][numbers, which] - CORRELATION * before[rows][numbers, 1 - which]
        turns = len(which) > 1 and (which[1:] != which[:-1]).mean() > 0.9
        return noise, "one coordinate in turn" if turns else "one coordinate at random"
    orders = []
    for first, second in ((0, 1), (1, 0)):
        one = after[:, first] - CORRELATION * before[:, second]
        two = after[:, second] - CORRELATION * after[:, first]
        orders.append(np.concatenate([one, two]))
    return min(orders, key=lambda o: float((o**2).mean())), "both coordinates"


def _gibbs_autocorrelation(reading: str) -> Any:
    """rho(k) of x_1 in the long run, for k = 0, ..., MAX_LAG.

    A draw of x_1 through x_2 and back multiplies what is remembered by r^2. Where the coordinates
    take turns, k iterations hold k // 2 such draws or, half of the time for odd k, one more. Where
    one is drawn at random, the means of (x_1, x_2) go with the matrix ((1, r), (r, 1)) / 2, whose
    eigenvalues are (1 + r) / 2 and (1 - r) / 2.
    """
    r, k = CORRELATION, np.arange(MAX_LAG + 1)
    if reading == "both coordinates":
        return r ** (2.0 * k)
    if reading == "one coordinate in turn":
        return (r ** (2.0 * (k // 2)) + r ** (2.0 * ((k + 1) // 2))) / 2
    plus, minus = (1 + r) / 2, (1 - r) / 2
    return plus ** (k + 1.0) + minus ** (k + 1.0)


def _own_autocorrelation(artefacts: Artefacts, kept: Any) -> Estimate:
    """The largest distance between the submission's autocorrelation and ours of the same chain.

    Sums over N and over N - k are both right, and so is the thinned chain in a run handed in.
    """
    own = finite(np.ravel(_array(artefacts, "autocorrelation")), "autocorrelations")
    if own.shape != (MAX_LAG + 1,):
        raise MeasureError(f"there are {own.size} autocorrelations; {MAX_LAG + 1} were asked for")
    x = finite(kept[:, 0], "states of the chain")
    gaps = [
        float(np.abs(own - autocorrelation(part, MAX_LAG, unbiased=unbiased)).max())
        for part in (x, x[::5])
        for unbiased in (False, True)
    ]
    return Estimate(min(gaps), 0.0, len(x), "")


def _trace(chain: Any, title: str) -> Drawing:
    columns = {"iteration": np.arange(1, len(chain) + 1), "x1": chain[:, 0]}
    return Drawing(
        "trace",
        title,
        pictures.curve(columns, x="iteration", ys=["x1"], title=title, ylabel="x₁"),
        "the first coordinate of the chain over its iterations",
    )


def _autocorrelation_drawing(kept: Any, title: str, right: Any) -> tuple[Drawing, ...]:
    try:
        found = autocorrelation(finite(kept[:, 0], "states of the chain"), MAX_LAG)
    except MeasureError:
        return ()
    columns = {"lag": np.arange(MAX_LAG + 1), "of the chain": found}
    if right is not None:
        columns["in the long run"] = right
    return (
        Drawing(
            "autocorrelation",
            title,
            pictures.curve(columns, x="lag", ys=list(columns)[1:], title=title, ylabel="ρ(k)"),
            "autocorrelation of the first coordinate for lags from 0 to 50",
        ),
    )


def _over_contour(name: str, title: str, points: Any) -> Drawing:
    return Drawing(
        name,
        title,
        pictures.contours(_true_mesh(), HALF_WIDTH, title=title, points=points),
        "points of the plane over contour lines of the true density",
    )


def _f(x: Any) -> Any:
    return x[:, 0] ** 2 + np.sin(x[:, 1])


@functools.cache
def _true_mesh() -> Any:
    """The density on the mesh of the text, the first index being that of x."""
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, RESOLUTION)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.exp(MIXTURE.log_density(points)).reshape(RESOLUTION, RESOLUTION)


@functools.cache
def _square() -> Square:
    return Square(WIDE, 400)


@functools.cache
def _on_square() -> tuple[Any, Any]:
    """p and q at the points of the square."""
    points = _square().points
    return np.exp(MIXTURE.log_density(points)), np.exp(PROPOSAL.log_density(points))


@functools.cache
def _true_envelope() -> tuple[float, Any]:
    return largest_ratio(MIXTURE.log_density, PROPOSAL.log_density, HALF_WIDTH)


@functools.cache
def _true_moments() -> tuple[float, float]:
    """Mean and variance of f under p."""
    square, (p, _) = _square(), _on_square()
    f = _f(square.points)
    mean = square.integral(p * f)
    return mean, square.integral(p * (f - mean) ** 2)


@functools.cache
def _true_acceptance(step: float) -> float:
    """How much of its proposals a random walk accepts in the long run."""
    square = Square(9.0, 110)
    chances = random_walk_acceptance(MIXTURE.log_density, square.points, step)
    return square.integral(chances * np.exp(MIXTURE.log_density(square.points)))


def _array(artefacts: Artefacts, name: str) -> Any:
    if name not in artefacts.arrays:
        raise ArtefactError(f"the array {name!r} is missing")
    return np.asarray(artefacts.arrays[name], dtype=np.float64)


def _table(artefacts: Artefacts, name: str, shape: tuple[int, ...]) -> Any:
    array = _array(artefacts, name)
    if array.shape != shape:
        raise ArtefactError(f"{name!r} has shape {array.shape}; {shape} is asked for")
    return array


def _points(artefacts: Artefacts, name: str, context: Context | None = None) -> Any:
    """Points (N, 2); of a chain, as many as there are iterations, or one more for the start."""
    array = _array(artefacts, name)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 2:
        raise ArtefactError(f"{name!r} has shape {array.shape}; points (N, 2) are asked for")
    if context is not None:
        wanted = _setting(context, "iterations")
        if len(array) not in (wanted, wanted + 1, wanted + _setting(context, "burn_in")):
            raise ArtefactError(f"the chain has {len(array)} rows; {wanted} are asked for")
    return array


def _reported(artefacts: Artefacts, name: str) -> float:
    """A number that the submission's function gave, or that was handed in as a claim."""
    if name in artefacts.arrays:
        value = np.ravel(np.asarray(artefacts.arrays[name], dtype=np.float64))
    elif name in artefacts.claims:
        value = np.array([artefacts.claims[name]])
    else:
        raise MeasureError(f"there is no {name.replace('_', ' ')}")
    if value.size != 1 or not np.isfinite(value[0]):
        raise MeasureError(f"the {name.replace('_', ' ')} is not one finite number")
    return float(value[0])


def _setting(context: Context, name: str) -> int:
    value = context.settings[name]
    assert isinstance(value, int)
    return value


# --- part B: VAE and GAN ----------------------------------------------------------------------

TRAINING_SHARE = 5 / 6
TABLE = 100  # generated images for the table of scores, as the text has it
SPLITS = 10
NEAREST = 500  # images that are compared with the training images
MOST_COPIES = 0.05  # of the samples, which are then not the generator's own
HELD_OUT = 1000  # of real ones, for how near is usual
PARTITIONS = 200


def vae(artefacts: Artefacts, context: Context) -> Measured:
    """The bound on the validation set and its parts, and scores of samples."""
    training, validation = _parted(context.data("mnist"))
    model = _fitting_vae(_weights(artefacts), validation[:500], context)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return _decoded(model, torch.randn(count, 16, generator=generator))

    def bound() -> Bound:
        return _bound(model, validation, 2, context.seed)

    figures = [
        measurement(
            "validation_elbo", lambda: bound().estimate, artefacts.claims.get("validation_elbo")
        ),
        measurement("reconstruction", lambda: _reconstruction(model, validation)),
        measurement("kl", lambda: Estimate(bound().kl, 0.0, len(validation), "nats per image")),
        *_scores(draw, training, artefacts, context),
    ]
    return Measured(
        tuple(figures),
        (
            *_losses(artefacts, "nats per image"),
            *_vae_pictures(model, validation, draw),
        ),
    )


def _bound(model: Any, images: Tensor, samples: int, seed: int) -> Bound:
    # The bound takes logits: the decoder without its sigmoid, which loses nothing in the tails.
    return elbo(model.encode, model.decoder[:-1], images, samples=samples, seed=seed)


def _reconstruction(model: Any, images: Tensor) -> Estimate:
    """Cross-entropy of images that are decoded from the mean of their posterior."""
    with torch.inference_mode():
        logits = model.decoder[:-1](model.encode(images)[0])
        terms = nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return mean_estimate(terms.sum(dim=1).double().numpy(), "nats per image", "z is the mean")


@torch.inference_mode()
def _decoded(model: Any, z: Tensor) -> Tensor:
    images: Tensor = model.decode(z)
    return images


def _vae_pictures(
    model: Any, images: Tensor, draw: Callable[[int, torch.Generator], Tensor]
) -> tuple[Drawing, ...]:
    generator = torch.Generator().manual_seed(1234)
    with torch.inference_mode():
        again = model.decode(model.encode(images[:5])[0])
    return (
        _grid(
            "reconstructions",
            "Validation images and their reconstructions",
            torch.cat([images[:5], again]),
            5,
            "images above, reconstructions below",
            "five validation images and below each what the model makes of it",
        ),
        _grid(
            "generations",
            "Generated images",
            draw(10, generator),
            5,
            "decoded from z of the prior",
            "ten images drawn from the model",
        ),
        _grid(
            "samples",
            "A hundred samples",
            draw(TABLE, generator),
            10,
            "decoded from z of the prior",
            "a grid of ten by ten images drawn from the model",
        ),
    )


def gan(artefacts: Artefacts, context: Context) -> Measured:
    """Scores of the generator's images at the end, and its grids on the way."""
    training, _ = _parted(context.data("mnist"))
    snapshots = _snapshots(artefacts, context)
    final = list(snapshots.values())[-1]

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return _unit_images(final, torch.randn(count, 64, generator=generator))

    fixed = torch.randn(64, 64, generator=torch.Generator().manual_seed(1234))
    grids = [
        _grid(
            f"grid-{step}",
            f"Images after step {step:,} of {context.steps:,}",
            _unit_images(network, fixed),
            8,
            "from the same 64 vectors of noise at every step",
            "a grid of eight by eight generated images",
        )
        for step, network in snapshots.items()
    ]
    return Measured(
        tuple(_scores(draw, training, artefacts, context)),
        (*_losses(artefacts, "loss, nats"), *grids),
    )


def _snapshots(artefacts: Artefacts, context: Context) -> dict[int, nn.Module]:
    """Generators by the step that they are of, in order; what was handed in is of the last."""
    given = context.given("image_models")
    by_step = {
        int(name.rpartition("-")[2]): weights
        for name, weights in artefacts.weights.items()
        if name.startswith("generator-") and name.rpartition("-")[2].isdecimal()
    }
    found = dict(sorted(by_step.items())) or {context.steps: _weights(artefacts)}
    networks = {}
    for step, weights in found.items():
        networks[step] = given.Generator().eval()
        load_weights(networks[step], next(_renamed(weights, networks[step])))
    return networks


@torch.inference_mode()
def _unit_images(generator: nn.Module, z: Tensor) -> Tensor:
    images: Tensor = (generator(z) + 1) / 2
    return images


def classifier(artefacts: Artefacts, context: Context) -> Measured:
    """The classifier's accuracy, and whether the submission's scores are right for its features."""
    data = context.data("mnist")
    network = context.given("image_models").Classifier().eval()
    load_weights(network, next(_renamed(_weights(artefacts), network)))
    test = _rows(data, "test_images").reshape(-1, 1, 28, 28)
    labels = torch.tensor(data.arrays["test_labels"]).long()
    figures = [
        measurement(
            "accuracy",
            lambda: _share(accuracy(network, test, labels), len(test)),
            artefacts.claims.get("accuracy"),
        )
    ]
    own = artefacts.arrays.get("own_scores")
    if own is not None:
        count = int(_number(context, "real"))
        figures += _own_scores(np.asarray(own), network, test[: count + TABLE], count)
    return Measured(tuple(figures), _losses(artefacts, "−log p(y|x), nats"))


def _share(value: float, n: int) -> Estimate:
    return Estimate(value, (value * (1 - value) / n) ** 0.5, n, "share of test images")


def _own_scores(own: Vector, network: Any, images: Tensor, count: int) -> list[Measurement]:
    """The submission's scores of 100 real images, minus ours from the same weights."""
    with torch.inference_mode():
        features = torch.cat([network.features(x) for x in images.split(250)]).double().numpy()
        perfect = torch.softmax(network(images[count:]).double(), dim=1).numpy()

    def value(place: int) -> float:
        if own.shape != (3,):
            raise MeasureError("the submission's functions gave no scores of real images")
        return float(own[place])

    def score() -> Estimate:
        # Which samples make a split is open: ours is the mean over many ways to part them.
        ours = [
            inception_score(perfect, SPLITS, shuffle_seed=s).estimate.value
            for s in range(PARTITIONS)
        ]
        note = f"ours is {np.mean(ours):.3f} ± {np.std(ours):.3f} over ways to part the samples"
        return Estimate(value(0) - float(np.mean(ours)), 0.0, len(perfect), "", note)

    def distance() -> Estimate:
        ours = frechet_distance(*_moments(features[:count]), *_moments(features[count:]))
        note = f"ours is {ours:.4g}: the FID of {TABLE} real images against {count} others"
        return Estimate(value(2) / ours - 1, 0.0, len(features), "share of ours", note)

    return [
        measurement("own_inception_score", score),
        measurement("own_fid", distance),
    ]


# --- scores of generated images -------------------------------------------------------------------


@dataclass(frozen=True)
class _Yardstick:
    """Our classifier of a data set, and what it says of real test images.

    Attributes:
        network: the same for every submission.
        real: (M, F), features of the first test images: the real side of the FID.
        others: features and probabilities of further test images.
        labels: of all test images.
    """

    network: FeatureNetwork
    real: Vector
    others: tuple[Vector, Vector]
    labels: Vector


def _scores(
    draw: Callable[[int, torch.Generator], Tensor],
    training: Tensor,
    artefacts: Artefacts,
    context: Context,
) -> list[Measurement]:
    """FID and Inception Score of tables of 100, beside those of real images, and copies."""
    yard = _yardstick(context)
    draws = int(_number(context, "draws"))
    generator = torch.Generator().manual_seed(context.seed)
    images = draw(draws * TABLE, generator)
    if not bool(torch.isfinite(images).all()):
        raise ArtefactError("the network's images have pixels that are not finite")
    images = images.clamp(0, 1)
    features, probabilities = yard.network.outputs(images.reshape(-1, 1, 28, 28))
    real = _moments(yard.real)

    copied = functools.cache(lambda: _copies(images[:NEAREST], training, context))

    def own() -> None:
        if copied().value > MOST_COPIES:
            raise MeasureError(
                f"{copied().value:.0%} of the samples are copies of training images, which have "
                "the scores of the training set"
            )

    def distance() -> Estimate:
        own()
        values = [frechet_distance(*real, *_moments(part)) for part in _tables(features)]
        return _over_tables(values, "FID", f"{TABLE} against {len(yard.real)} real", yard)

    def score() -> Estimate:
        own()
        values = [inception_score(p, SPLITS).estimate.value for p in _tables(probabilities)]
        return _over_tables(values, "Inception Score", f"{SPLITS} splits of {TABLE}", yard)

    def classes() -> Estimate:
        own()
        marginal = probabilities.mean(axis=0)
        # The error is that of the samples: the logarithm moves with each one's -log p(y).
        surprise = -(probabilities * np.log(np.where(marginal > 0, marginal, 1.0))).sum(axis=1)
        value = float(np.exp(surprise.mean()))
        error = value * float(surprise.std(ddof=1)) / len(surprise) ** 0.5
        return Estimate(value, error, len(surprise), "classes", "exp of the entropy of p(y)")

    def real_distance() -> Estimate:
        return fid_bias(
            np.concatenate([yard.real, yard.others[0]]),
            TABLE,
            draws,
            against=len(yard.real),
            seed=context.seed,
        ).mean

    def real_score() -> Estimate:
        rng = np.random.default_rng(context.seed)
        certain = perfect_inception_score(np.bincount(yard.labels), TABLE // SPLITS)
        values = [
            inception_score(
                yard.others[1][rng.choice(len(yard.others[1]), TABLE, replace=False)], SPLITS
            ).estimate.value
            for _ in range(draws)
        ]
        note = f"certain and evenly drawn classes would score {certain.value:.2f}"
        return mean_estimate(np.array(values), "Inception Score", note)

    return [
        measurement("fid", distance, artefacts.claims.get("fid")),
        measurement("inception_score", score, artefacts.claims.get("inception_score")),
        measurement("classes", classes),
        measurement("copies", copied),
        measurement("real_fid", real_distance),
        measurement("real_inception_score", real_score),
    ]


def _copies(images: Tensor, training: Tensor, context: Context) -> Estimate:
    held_out = _rows(context.data("mnist"), "test_images")[:HELD_OUT]
    return copies(images, training, held_out).share


def _yardstick(context: Context) -> _Yardstick:
    data = context.data("mnist")
    images, test = (
        torch.tensor(data.arrays[f"{split}_images"])[:, None] for split in ("train", "test")
    )
    labels, test_labels = (
        torch.tensor(data.arrays[f"{split}_labels"]).long() for split in ("train", "test")
    )
    network = load_or_train(
        context.cache / "features",
        images,
        labels,
        test,
        test_labels,
        "mnist" if data.kind == "real" else "mnist-embedded",
        steps=int(_number(context, "feature_steps")),
    )
    count = int(_number(context, "real"))
    features, probabilities = network.outputs(test[: 3 * count])
    others = features[count:], probabilities[count:]
    return _Yardstick(network, features[:count], others, test_labels.numpy())


def _tables(rows: Vector) -> Iterator[Vector]:
    """Rows in sets of as many as the text's table has."""
    for start in range(0, len(rows), TABLE):
        yield rows[start : start + TABLE]


def _over_tables(values: Sequence[float], unit: str, how: str, yard: _Yardstick) -> Estimate:
    """The mean over fresh tables; the note has the spread of a single one."""
    note = f"{how}; one table of {TABLE} has an sd of {np.std(values, ddof=1):.3g}"
    return mean_estimate(np.array(values), unit, f"{note}; {yard.network.name}")


def _moments(features: Vector) -> tuple[Vector, Vector]:
    return features.mean(axis=0), np.cov(features, rowvar=False)


# --- weights under other names --------------------------------------------------------------------


def _fitting_vae(tensors: Mapping[str, Any], images: Tensor, context: Context) -> Any:
    """The VAE with a submission's weights. Its two heads have one shape: the order that gives the
    higher bound on some images is theirs."""
    best, highest = None, -np.inf
    for named in _renamed(tensors, context.given("image_models").VAE()):
        model = context.given("image_models").VAE().eval()
        load_weights(model, named)
        try:
            value = _bound(model, images, 1, context.seed).estimate.value
        except MeasureError:
            value = -np.inf
        if best is None or value > highest:
            best, highest = model, value
    return best


def _renamed(tensors: Mapping[str, Any], network: nn.Module) -> Iterator[dict[str, Any]]:
    """The tensors under the reference's names, in every way in which the shapes of layers fit.

    Names of layers are the students'. A layer is a matrix (or a kernel) and a bias whose names
    differ in their last part; one of twice the outputs stands for two. Where the layers do not
    fit, the tensors come as they are, for the message that they earn.
    """
    found = list(_layers(tensors))
    wanted = list(_layers(network.state_dict()))
    slots: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for weight, bias, shape in wanted:
        slots.setdefault(shape, []).append((weight, bias))
    at: dict[tuple[int, ...], list[tuple[Any, Any]]] = {shape: [] for shape in slots}
    for weight, bias, shape in found:
        values = tensors[weight], tensors[bias]
        half = (shape[0] // 2, *shape[1:])
        if shape in at:
            at[shape].append(values)
        elif len(slots.get(half, ())) == 2:
            at[half] += zip(*(np.split(np.asarray(v), 2) for v in values), strict=True)
    if len(tensors) != 2 * len(found) or any(len(at[s]) != len(slots[s]) for s in slots):
        yield dict(tensors)
        return
    for order in itertools.product(*(itertools.permutations(at[shape]) for shape in slots)):
        yield {
            name: value
            for names, values in zip(slots.values(), order, strict=True)
            for pair, layer in zip(names, values, strict=True)
            for name, value in zip(pair, layer, strict=True)
        }


def _layers(tensors: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name of the weight, name of the bias, shape of the weight) of each layer."""
    groups: dict[str, list[str]] = {}
    for name in tensors:
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    for names in groups.values():
        ordered = sorted(names, key=lambda n: -np.ndim(tensors[n]))
        shapes = [tuple(np.shape(tensors[n])) for n in ordered]
        if len(names) == 2 and len(shapes[0]) > 1 and shapes[1] == shapes[0][:1]:
            yield ordered[0], ordered[1], shapes[0]


def _weights(artefacts: Artefacts) -> Any:
    """The one set of weights of a run."""
    if len(artefacts.weights) != 1:
        raise ArtefactError(f"{len(artefacts.weights)} sets of weights; one was asked for")
    return next(iter(artefacts.weights.values()))


# --- data and drawings ----------------------------------------------------------------------------


def _rows(data: DataSet, name: str) -> Tensor:
    """Images (N, 784) in [0, 1]."""
    return torch.tensor(data.arrays[name]).reshape(-1, 784).float() / 255


def _parted(data: DataSet) -> tuple[Tensor, Tensor]:
    """Images for training and for validation, as the runs part them."""
    images = _rows(data, "train_images")
    count = round(TRAINING_SHARE * len(images))
    return images[:count], images[count:]


def _grid(
    name: str, title: str, images: Tensor, columns: int, words: str, alternative: str
) -> Drawing:
    shown = images.reshape(-1, 28, 28).float().numpy()
    png = pictures.image_grid(shown, columns=columns, title=words)
    return Drawing(name, title, png, alternative)


def _losses(artefacts: Artefacts, label: str) -> tuple[Drawing, ...]:
    columns = artefacts.curves.get("training")
    if columns is None or "epoch" not in columns or not len(columns["epoch"]):
        return ()
    ys = [name for name in columns if name != "epoch"]
    return (
        Drawing(
            "training",
            "Losses over the epochs",
            pictures.curve(columns, x="epoch", ys=ys, title="training", ylabel=label),
            f"{', '.join(ys)} over the epochs of the training",
        ),
    )


def _number(context: Context, name: str) -> float:
    value = context.settings[name]
    assert isinstance(value, (int, float))
    return value


# --- part C: language model -------------------------------------------------------------------

PROMPT, CONTEXT, WIDTH = 64, 128, 192
TOP_K, TOP_P = 20, 0.9
STRATEGIES = ("greedy", "top_k", "top_p")
NGRAMS = ("unigram", "bigram", "trigram", "fourgram")
# Two computations of one logit differ by less than this.
ROUNDING = 1e-3
# Perplexities that differ by less than this share are one and the same.
SAME = 2e-3

Logits = Callable[[Tensor], Tensor]


def language_model(artefacts: Artefacts, context: Context) -> Measured:
    """Perplexities from the weights, n-gram baselines, and what was generated."""
    data = context.data("tiny_shakespeare")
    text = torch.from_numpy(np.concatenate([data.arrays["train"], data.arrays["valid"]])).long()
    start, end = len(text) * 90 // 100, len(text) * 95 // 100
    train, valid = text[:start], text[start:end]
    validation = context.settings["validation"]
    assert data.alphabet is not None and isinstance(validation, int)
    valid = valid[:validation]
    vocab_size = len(data.alphabet)
    reference = context.given("language_model")
    own = artefacts.claims.get("validation_perplexity")
    models, reading = _models(artefacts, reference, vocab_size, valid, own)
    nats = [_nats(model, valid) for model in models]
    ours = perplexity(-nats[-1])
    figures = [
        measurement("validation_loss", lambda: _exact(float(nats[-1].mean()), len(valid), reading)),
        measurement("validation_perplexity", lambda: _exact(ours.value, len(valid), reading), own),
        *_baselines(reference, train, valid, vocab_size, artefacts.claims),
    ]
    if own is not None:
        figures.append(measurement("own_perplexity", lambda: _ratio(own, ours.value)))
    texts = {name: artefacts.arrays[name] for name in STRATEGIES if name in artefacts.arrays}
    for name, tokens in texts.items():
        figures += _generation_figures(name, tokens, valid, vocab_size, models[-1])
    drawings = [*_loss_curves(artefacts, nats), *_generations(texts, data.alphabet, vocab_size)]
    return Measured(tuple(figures), tuple(drawings))


def _models(
    artefacts: Artefacts, reference: Any, vocab_size: int, valid: Tensor, own: float | None
) -> tuple[list[Logits], str]:
    """Causal models with the weights of each epoch, in order, in the reading that they were
    trained in; and that reading in words, where it is not the reference's own.

    The contract leaves open how the columns of the position table are ordered and whether the
    embedding is scaled by sqrt(d), and weights do not tell. The reading of the training is the one
    in which the submission's own perplexity comes out; where there is none, or it is that of no
    reading, the one that predicts the text best.
    """
    if not artefacts.weights:
        raise ArtefactError("there are no weights")
    networks = [_network(reference, artefacts.weights[k], vocab_size) for k in _epochs(artefacts)]
    table = reference.sinusoidal_positions(CONTEXT, WIDTH)
    layouts = {
        "": table,
        "sines before cosines": torch.cat([table[:, 0::2], table[:, 1::2]], dim=1),
    }
    scales = {"": 1.0, "embedding scaled by sqrt(d)": math.sqrt(WIDTH)}
    readings = {
        "; ".join(filter(None, names)): (layouts[names[0]], scales[names[1]])
        for names in itertools.product(layouts, scales)
    }
    means = {
        name: float(_nats(_logits(networks[-1], *reading), valid).mean())
        for name, reading in readings.items()
    }
    claimed = math.log(own) if own is not None and 0 < own < math.inf else math.nan
    # A comparison with NaN is false.
    same = {name: gap for name in means if (gap := abs(means[name] - claimed)) < SAME}
    chosen = min(same or means, key=lambda name: (same or means)[name])
    return [_logits(network, *readings[chosen]) for network in networks], chosen


def _epochs(artefacts: Artefacts) -> list[str]:
    """Names of the sets of weights, the last one last; what was handed in is a single one."""
    return sorted(artefacts.weights, key=lambda name: (len(name), name))


def _network(reference: Any, weights: Mapping[str, Any], vocab_size: int) -> nn.Module:
    """The reference's network with weights in any of the forms that the contract allows."""
    network: nn.Module = reference.TinyTransformer(vocab_size)
    found = {name: torch.from_numpy(np.array(values)) for name, values in weights.items()}
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): values for name, values in found.items()}
    for name in [name for name in found if name.rpartition(".")[0].endswith("attention.qkv")]:
        parts = found.pop(name)
        if parts.shape[0] != 3 * WIDTH:
            raise ArtefactError(f"`{name}` has shape {tuple(parts.shape)}; {3 * WIDTH} rows belong")
        for role, part in zip(("query", "key", "value"), parts.split(WIDTH), strict=True):
            found[name.replace("attention.qkv", f"attention.{role}")] = part
    known = network.state_dict()
    if not any(name.startswith("final_norm.") for name in found):
        network.final_norm = nn.Identity()
        known = network.state_dict()
    for name, slot in known.items():
        if ".attention." in name and name.endswith(".bias") and name not in found:
            found[name] = torch.zeros_like(slot)
    # Masks and tables of positions that were kept as buffers.
    kept = {k: v for k, v in found.items() if k in known or _is_parameter(k, v)}
    load_weights(network, kept)
    return network.eval()


def _is_parameter(name: str, values: Tensor) -> bool:
    last = name.rpartition(".")[2]
    return last in ("weight", "bias") and values.ndim <= 2 and values.is_floating_point()


def _logits(network: Any, positions: Tensor, scale: float) -> Logits:
    """Tokens (B, T) to logits (B, T, V)."""

    def logits(tokens: Tensor) -> Tensor:
        x = network.embedding(tokens) * scale + positions[: tokens.shape[1]]
        for block in network.blocks:
            x = block(x)
        found: Tensor = network.head(network.final_norm(x))
        return found

    return logits


def _nats(model: Logits, tokens: Tensor) -> Tensor:
    """Negative log-likelihood of each token but the first, in nats: (N - 1,)."""
    found = []
    inputs, targets = tokens[:-1].split(CONTEXT * 64), tokens[1:].split(CONTEXT * 64)
    with torch.inference_mode():
        for x, y in zip(inputs, targets, strict=True):
            whole = len(x) // CONTEXT * CONTEXT
            for part, length in ((slice(0, whole), CONTEXT), (slice(whole, None), len(x) - whole)):
                if len(x[part]):
                    logits = model(x[part].reshape(-1, length)).double().flatten(0, 1)
                    found.append(nn.functional.cross_entropy(logits, y[part], reduction="none"))
    return torch.cat(found)


def _exact(value: float, count: int, note: str) -> Estimate:
    """A figure of one given text, which leaves no error of sampling."""
    return Estimate(value, 0.0, count, "", note)


def _ratio(own: float, ours: float) -> Estimate:
    if not math.isfinite(own):
        raise MeasureError("the submission's function gave no perplexity of its model")
    words = "" if own > 0.9 * ours else "far below ours: does the model see the tokens it predicts?"
    return Estimate(own / ours, 0.0, 1, "", f"{own:.4g} against {ours:.4g}; {words}".rstrip("; "))


def _baselines(
    reference: Any, train: Tensor, valid: Tensor, vocab_size: int, claims: Mapping[str, float]
) -> list[Measurement]:
    """Perplexities of n-gram models that have seen the training split, on the same text."""
    found = []
    for n, name in enumerate(NGRAMS, start=1):
        value = reference.ngram_perplexity(train, valid, n, vocab_size)
        estimate = _exact(value, len(valid) - n + 1, "add-alpha smoothing with alpha = 0.1")
        found.append(Measurement(f"{name}_perplexity", estimate, claims.get(f"{name}_perplexity")))
    return found


def _generation_figures(
    name: str, tokens: Any, valid: Tensor, vocab_size: int, model: Logits
) -> list[Measurement]:
    def checked() -> Tensor:
        text = _text(tokens, vocab_size)
        if text is None or len(text) <= PROMPT:
            raise MeasureError(f"there is no generation by {name}")
        if not torch.equal(text[:PROMPT], valid[:PROMPT]):
            raise MeasureError(
                f"the generation by {name} does not begin with the first {PROMPT} characters of "
                "the validation split"
            )
        return text

    def agreement() -> Estimate:
        text = checked()
        right = [_allowed(name, text, at, model) for at in range(PROMPT, len(text))]
        return Estimate(sum(right) / len(right), 0.0, len(right), "")

    def variety() -> Estimate:
        grams = [tuple(gram) for gram in checked()[PROMPT:].unfold(0, 4, 1).tolist()]
        return Estimate(len(set(grams)) / len(grams), 0.0, len(grams), "")

    return [measurement(f"{name}_agreement", agreement), measurement(f"{name}_variety", variety)]


def _allowed(name: str, text: Tensor, at: int, model: Logits) -> bool:
    """Whether the token at a place is one that the strategy may draw there."""
    with torch.inference_mode():
        logits = model(text[max(0, at - CONTEXT) : at][None])[0, -1].double()
    likelier = logits > logits[text[at]] + ROUNDING
    if name == "top_p":
        return float(logits.softmax(0)[likelier].sum()) < TOP_P
    return int(likelier.sum()) < (TOP_K if name == "top_k" else 1)


def _text(tokens: Any, vocab_size: int) -> Tensor | None:
    """Tokens of a stranger, (N,), if they are tokens."""
    array = np.asarray(tokens).reshape(-1)
    if array.dtype.kind not in "iu" or not array.size or len(array) > 10_000:
        return None
    if int(array.min()) < 0 or int(array.max()) >= vocab_size:
        return None
    return torch.from_numpy(array.astype(np.int64))


def _loss_curves(artefacts: Artefacts, nats: list[Tensor]) -> tuple[Drawing, ...]:
    """Losses and perplexities by epoch; those of validation are from the weights."""
    own = artefacts.curves.get("training", {})
    if len(nats) < 2:
        return ()
    validation = np.array([float(n.mean()) for n in nats])
    epoch = np.arange(1.0, len(nats) + 1)
    losses = {"epoch": epoch, "validation": validation}
    if len(own.get("training", ())) == len(epoch):
        losses["training"] = own["training"]
    return (
        Drawing(
            "losses",
            "Training and validation loss per epoch",
            pictures.curve(
                losses,
                x="epoch",
                ys=[name for name in ("training", "validation") if name in losses],
                title="loss per epoch",
                ylabel="nats per character",
            ),
            "mean loss of the training steps of each epoch, and validation loss at its end",
        ),
        Drawing(
            "perplexity",
            "Validation perplexity per epoch",
            pictures.curve(
                {"epoch": epoch, "perplexity": np.exp(validation)},
                x="epoch",
                ys=["perplexity"],
                title="validation perplexity per epoch",
                ylabel="perplexity",
            ),
            "perplexity of the validation split at the end of each epoch",
        ),
    )


def _generations(texts: Mapping[str, Any], alphabet: str, vocab_size: int) -> tuple[Drawing, ...]:
    passages = []
    for name, tokens in texts.items():
        text = _text(tokens, vocab_size)
        if text is not None:
            words = "".join(alphabet[token] for token in text.tolist())
            passages.append((name.replace("_", "-"), words[:PROMPT], words[PROMPT:]))
    if not passages:
        return ()
    return (
        Drawing(
            "generations",
            "Generations from one prompt",
            pictures.passages(passages, title="the prompt in grey, then what was generated"),
            "the texts that were generated by " + ", ".join(name for name, _, _ in passages),
        ),
    )
