"""What the artefacts of each run are measured by, on the trusted side.

Each function has the name of a run and gives its figures and pictures. Weights go into the
networks of the reference; nothing that a submission computed is believed, it is a claim. Where a
run starts from and what it is given is drawn or written down here once more: the copy behind the
wall is in the submission's hands.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader import pictures
from grader.data import DataSet
from grader.measures.artefacts import ArtefactError
from grader.measures.bounds import Bound, elbo, importance_bound
from grader.measures.density import energy_loss, grid_integral, negative_log_likelihood
from grader.measures.estimate import Estimate, MeasureError, finite, mean_estimate
from grader.measures.features import FeatureNetwork, inception_v3, load_or_train
from grader.measures.games import DiracGame, expected_verdict, verdict
from grader.measures.neighbours import copies
from grader.measures.scores import fid, inception_score
from grader.measures.weights import load_weights
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Context, Drawing, Measured, Measurement, measurement

ALPHA_EMA = 0.998
REGULARIZERS: list[tuple[Any, float]] = [
    (None, 0.0),
    ("R1", 0.01),
    ("R1", 0.1),
    ("GP", 0.01),
    ("GP", 0.1),
]
# The start is the same draw, in single precision.
SAME_START = 1e-5
# u, w and b of the transformations of question 3.2, as in `runs.py`.
PLANAR_EXAMPLES = [
    ((2.0, 0.0), (1.0, 0.0), 0.0),
    ((0.0, 2.0), (1.0, 0.0), 0.0),
    ((2.0, 0.0), (5.0, 0.0), 0.0),
    ((-0.9, 0.0), (1.0, 0.0), 0.0),
    ((1.5, 1.5), (1.0, -1.0), 2.0),
    ((0.0, 3.0), (0.0, 3.0), -2.0),
]
# The integral of |p - q| up to which two densities on a grid are the same: that of the weights and
# that of the submission. Functions that agree differ by rounding, some 1e-6.
SAME_DENSITY = 0.01
# Samples with a larger share of copies of training images are not the generator's own.
MOST_COPIES = 0.05


def vae(artefacts: Artefacts, context: Context) -> Measured:
    """The bound on the validation set, log-likelihoods of the test set, and how honest they are."""
    model = context.given("vae").VAE(latent_size=100)
    load_weights(model, _weights(artefacts, "vae"))
    model.eval()
    data = context.data("binarized_mnist")
    valid, test = (torch.tensor(data.arrays[k], dtype=torch.float32) for k in ("valid", "test"))
    encode, decode = model.encode, model.decode
    samples = int(_setting(context, "samples"))

    @functools.cache
    def tighter() -> Bound:
        return importance_bound(encode, decode, test, samples=samples, seed=context.seed)

    figures = [
        measurement(
            "validation_elbo",
            lambda: elbo(encode, decode, valid, samples=4, seed=context.seed).estimate,
            artefacts.claims.get("validation_elbo"),
        ),
        measurement(
            "log_likelihood",
            lambda: tighter().estimate,
            artefacts.claims.get("test_log_likelihood"),
        ),
    ]
    own = artefacts.arrays.get("log_likelihoods")
    if own is not None:
        count = int(_setting(context, "own_images"))
        some = slice(None, None, max(1, len(test) // count))
        figures.append(
            measurement("own_estimate", lambda: _agreement(own, tighter().per_image[some][:count]))
        )
    return Measured(
        tuple(figures), (*_curves(artefacts, "−ELBO, nats per image"), *_vae(model, valid))
    )


def _agreement(own: Any, ours: Any) -> Estimate:
    """Mean difference between the submission's estimates of log p(x) and ours, image by image."""
    if own.shape != ours.shape:
        raise MeasureError(
            "the submission's functions gave no estimate of log p(x) for each of the "
            f"{len(ours)} images"
        )
    return mean_estimate(
        finite(own, "of the submission's own estimates of log p(x)") - ours, "nats per image"
    )


def _vae(model: Any, images: Tensor) -> tuple[Drawing, ...]:
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        shown = images[:10]
        again = torch.sigmoid(model.decode(model.encode(shown)[0]))
        drawn = torch.sigmoid(model.decode(torch.randn(40, model.latent_size, generator=generator)))
    rows = torch.cat([shown, again]).reshape(-1, 28, 28).numpy()
    grid = drawn.reshape(-1, 28, 28).numpy()
    return (
        Drawing(
            "reconstructions",
            "Validation images and their reconstructions",
            pictures.image_grid(rows, columns=10, title="images above, reconstructions below"),
            "ten images of the validation set and below each what the model makes of it",
        ),
        Drawing(
            "samples",
            "Samples of the model",
            pictures.image_grid(grid, columns=10, title="means of p(x|z) for z from the prior"),
            "forty images drawn from the model",
        ),
    )


def dirac(artefacts: Artefacts, context: Context) -> Measured:
    """Whether the game does what theory says of its configuration, from the start that we gave it.

    The start matters: a point that rests at the equilibrium has arrived without playing. How far
    the path is from the theory's is shown and gives no marks: a metric without its half goes round
    the same circle faster, and is charged where the metric is.
    """
    loss, number = context.case.split("-")
    regulariser, coefficient = REGULARIZERS[(int(number) - 1) % 5]
    game = DiracGame(
        "JSD" if loss == "jsd" else "W1",
        regulariser,
        coefficient,
        alpha_ema=ALPHA_EMA if int(number) > 5 else None,
    )
    played = _array(artefacts, "trajectory")
    if played.shape != (context.steps + 1, 3):
        raise MeasureError(
            f"the trajectory has shape {played.shape}; {(context.steps + 1, 3)} was asked for"
        )
    start = _dirac_start(context)
    if not np.allclose(played[0], start, rtol=0.0, atol=SAME_START):
        raise MeasureError(
            f"the trajectory starts from {_point(played[0])}; the game was started from "
            f"(psi0, psi1, theta) = {_point(start)}"
        )
    theory = expected_verdict(game, context.steps)
    iterated = game.trajectory(start, context.steps)
    seen, expected = verdict(played), verdict(iterated)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(played[: context.steps // 10] - iterated[: context.steps // 10])
    words = f"{seen}; theory: {expected}"
    return Measured(
        (
            Measurement(
                "verdict",
                Estimate(float(seen == expected), 0.0, 1, "", f"{words} ({theory.basis})"),
            ),
            measurement("distance", lambda: Estimate(float(gap.max()), 0.0, len(gap), "")),
        ),
        (
            Drawing(
                "trajectory",
                f"{context.case}: {words}",
                pictures.trajectory(played, target=0.0, title=context.case, words=words),
                f"path of psi0 and theta from the start to the end: {seen}",
            ),
        ),
    )


def _dirac_start(context: Context) -> tuple[float, float, float]:
    """(psi0, psi1, theta) that the run draws first, drawn again from its seed."""
    given = context.given("dirac")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_seed_of_the_run(context))
        generator, critic = given.DiracGenerator(), given.DiracCritic()
    psi0, psi1, theta = given.parameters_of(critic, generator)
    return psi0, psi1, theta


def _point(values: Any) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def images(artefacts: Artefacts, context: Context) -> Measured:
    """Inception Score and FID of the averaged generator, over the training and at its end."""
    snapshots = _snapshots(artefacts, context)
    data = context.data("cifar10")
    train, test = (torch.tensor(data.arrays[k]) for k in ("train_images", "test_images"))
    network = _feature_network(context, data, train, test)
    count = min(int(_setting(context, "samples")), len(train))
    real = network.features(test[:count])
    curve, features, probabilities, pixels = {}, None, None, None
    for step, weights in snapshots.items():
        pixels = _sample(context, weights, count)
        features, probabilities = network.outputs(pixels)
        curve[step] = _finite_fid(features, real)
    assert features is not None and probabilities is not None and pixels is not None
    splits = 10 if count >= 1000 else 4
    moved = _has_moved(context, list(snapshots.values())[-1])

    copied = functools.cache(lambda: copies(pixels[:500], train, test).share)

    def trained(compute: Callable[[], Estimate]) -> Estimate:
        if not moved:
            raise MeasureError(
                "the averaged generator is still the one that the training began with"
            )
        if copied().value > MOST_COPIES:
            raise MeasureError(
                f"{copied().value:.0%} of the samples are copies of training images, which have "
                "the scores of the training set"
            )
        return compute()

    return Measured(
        (
            measurement(
                "fid",
                lambda: trained(lambda: _of(fid(features, real), network.name)),
                artefacts.claims.get("fid"),
            ),
            measurement(
                "inception_score",
                lambda: trained(
                    lambda: _of(inception_score(probabilities, splits).estimate, network.name)
                ),
                artefacts.claims.get("inception_score"),
            ),
            measurement("copies", copied),
        ),
        (
            *_curves(artefacts, "metric of the two players"),
            *(_progress(curve, network.name) if len(curve) > 1 else ()),
            Drawing(
                "samples",
                "Samples of the averaged generator",
                pictures.image_grid(pixels[:50].float().numpy() / 255, columns=10, title=""),
                "fifty images of the generator at the end of its training",
            ),
        ),
    )


def _progress(fids: dict[int, float], features: str) -> tuple[Drawing, ...]:
    return (
        Drawing(
            "fid",
            "FID over the training",
            pictures.curve(
                {"step": np.array(list(fids)), "FID": np.array(list(fids.values()))},
                x="step",
                ys=["FID"],
                title=f"FID, features of {features}",
                ylabel="FID",
            ),
            "FID of the averaged generator at several steps of the training",
        ),
    )


def _feature_network(
    context: Context, data: DataSet, train: Tensor, test: Tensor
) -> FeatureNetwork:
    """Inception v3 where the settings ask for it and its weights are to be had; else our own."""
    if context.settings["features"] == "inception":
        with contextlib.suppress(MeasureError):
            return inception_v3(context.cache / "features")
    return load_or_train(
        context.cache / "features",
        train,
        torch.tensor(data.arrays["train_labels"]).long(),
        test,
        torch.tensor(data.arrays["test_labels"]).long(),
        "cifar10" if data.kind == "real" else "cifar10-embedded",
        steps=int(_setting(context, "feature_steps")),
    )


def _snapshots(artefacts: Artefacts, context: Context) -> dict[int, Any]:
    """Weights by the step that they are of, in order; what was handed in is of the last step.

    Raises:
        ArtefactError: there are more than the run makes; each costs as much as the last one.
    """
    wanted = int(_setting(context, "snapshots"))
    most = context.steps // max(1, context.steps // wanted)
    if len(artefacts.weights) > most:
        raise ArtefactError(
            f"there are {len(artefacts.weights)} snapshots of the generator; the run makes {most}, "
            "and no more are measured"
        )
    steps = {
        int(name.rpartition("-")[2]): weights
        for name, weights in artefacts.weights.items()
        if name.startswith("generator-") and name.rpartition("-")[2].isdecimal()
    }
    return dict(sorted(steps.items())) or {context.steps: _weights(artefacts, "generator")}


def _sample(context: Context, weights: Any, count: int) -> Tensor:
    """Images (count, 3, 32, 32) of bytes, after the statistics of the batches were made anew."""
    dimz, dimh = (int(_setting(context, k)) for k in ("dimz", "dimh"))
    generator = context.given("model").Generator(dimz, dimh)
    load_weights(generator, weights)
    noise = torch.Generator().manual_seed(context.seed)
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


def _has_moved(context: Context, weights: Any) -> bool:
    """Whether the generator has other parameters than the one that the run draws first.

    In a run of few steps that one would be as good as any.
    """
    dimz, dimh = (int(_setting(context, k)) for k in ("dimz", "dimh"))
    given = context.given("model")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_seed_of_the_run(context))
        start = given.Generator(dimz, dimh)
    now = given.Generator(dimz, dimh)
    load_weights(now, weights)
    # Statistics of batches change without a step.
    pairs = zip(start.parameters(), now.parameters(), strict=True)
    return not all(torch.equal(before, after) for before, after in pairs)


def _finite_fid(features: Any, real: Any) -> float:
    try:
        return fid(features, real).value
    except MeasureError:
        return float("nan")


def _of(estimate: Estimate, name: str) -> Estimate:
    return dataclasses.replace(estimate, note=f"features of {name}; {estimate.note}".rstrip("; "))


def planar(artefacts: Artefacts, context: Context) -> Measured:
    """The largest distance between the transformed points and where the formula puts them.

    The formula is x + u tanh(w.x + b); Rezende and Mohamed 2015 (arXiv:1505.05770), equation 10.
    Points and parameters are ours: of the submission's there is nothing but what they became.
    """
    generator = torch.Generator().manual_seed(_seed_of_the_run(context))
    x = torch.randn(2000, 2, generator=generator).double().numpy()
    examples = PLANAR_EXAMPLES[: context.steps]
    right = np.stack(
        [x + np.array(u) * np.tanh(x @ np.array(w) + b)[:, None] for u, w, b in examples]
    )
    moved = _array(artefacts, "moved")
    figure = measurement("distance", lambda: _farthest(moved, right))
    if moved.shape != right.shape:
        return Measured((figure,))
    panels = [("before", x, None)] + [
        (f"u = ({u[0]:g}, {u[1]:g}), w = ({w[0]:g}, {w[1]:g}), b = {b:g}", points, x[:, 0])
        for (u, w, b), points in zip(examples, moved, strict=True)
    ]
    return Measured(
        (figure,),
        (
            Drawing(
                "transformations",
                "Normal samples under planar transformations",
                pictures.scatter(panels, half_width=6.0),
                "scatter plots of two thousand points before and after each transformation",
            ),
        ),
    )


def _farthest(moved: Any, right: Any) -> Estimate:
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
    name, _ = context.case.split("-")
    flow = _flow(artefacts, context)
    points = torch.tensor(context.data(f"planar_{name}").arrays["points"])

    def log_density(x: Tensor) -> Tensor:
        return -context.given("solution").loss1(*flow(x))

    width, resolution = (float(_setting(context, k)) for k in ("half_width", "resolution"))
    figures = [
        measurement(
            "negative_log_likelihood",
            lambda: _of_this_set(negative_log_likelihood(log_density, points)),
            artefacts.claims.get("negative_log_likelihood"),
        ),
        measurement(
            "integral",
            lambda: grid_integral(log_density, [(-width, width)] * 2, int(resolution)).estimate,
        ),
    ]
    drawings = [*_curves(artefacts, "−log p(x), nats per point")]
    own = artefacts.arrays.get("own_negative_log_density")
    if own is not None:
        with np.errstate(over="ignore"):
            density = np.exp(-np.asarray(own, dtype=np.float64).reshape(-1))
        figures.append(
            measurement(
                "own_integral", lambda: _own_integral(density, log_density, width, int(resolution))
            )
        )
    if own is not None and len(density) == int(resolution) ** 2:
        drawings.append(
            Drawing(
                "density",
                "Learned density",
                pictures.density_map(
                    *_around(points, density.reshape(int(resolution), int(resolution)), width),
                    title=f"exp(−loss1), {context.case}",
                    points=points[::10].numpy(),
                ),
                "heat map of the learned density with some of the data",
            )
        )
    return Measured(tuple(figures), tuple(drawings))


def _around(points: Tensor, density: Any, width: float) -> tuple[Any, float]:
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


def _own_integral(
    density: Any, log_density: Callable[[Tensor], Tensor], width: float, resolution: int
) -> Estimate:
    """The sum over all cells of the submission's density times the area of a cell.

    Args:
        density: (resolution^2,), at the middle of each cell.
        log_density: of the same weights, as the reference has it: points (B, 2) to (B, 1).
        width: the grid reaches from -width to width in both directions.
        resolution: cells per dimension.

    Raises:
        MeasureError: it is not the density of the weights. Anything may integrate to one.
    """
    if len(density) != resolution**2:
        raise MeasureError("loss1 gave no value for each of the points on the grid")
    side = 2 * width / resolution
    axis = torch.linspace(-width + side / 2, width - side / 2, resolution)
    with torch.inference_mode():
        ours = [
            log_density(x).reshape(-1).double().exp()
            for x in torch.cartesian_prod(axis, axis).split(50_000)
        ]
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(density.sum()) * side**2
        gap = float(np.abs(density - torch.cat(ours).numpy()).sum()) * side**2
    if not gap <= SAME_DENSITY:
        raise MeasureError(
            f"exp(-loss1) is not the density of the flow's weights: its integral is {total:.4g}, "
            f"and the integral of its difference from that density is {gap:.2g}, where at most "
            f"{SAME_DENSITY:g} is allowed"
        )
    return Estimate(total, 0.0, len(density), "")


def flow_from_density(artefacts: Artefacts, context: Context) -> Measured:
    """The divergence of the flow from the density, up to a constant, and its samples."""
    name, _ = context.case.split("-")
    flow = _flow(artefacts, context)
    energy = getattr(context.given("utils"), f"density_{name}")
    loss = measurement(
        "loss",
        lambda: energy_loss(flow, energy, dimensions=2, samples=20_000, seed=context.seed),
        artefacts.claims.get("loss"),
    )
    generator = torch.Generator().manual_seed(context.seed)
    with torch.inference_mode():
        samples = flow(torch.randn(2000, 2, generator=generator))[0].numpy()
    return Measured(
        (loss,),
        (
            *_curves(artefacts, "loss2, nats"),
            Drawing(
                "samples",
                "Samples of the flow",
                pictures.scatter([(f"samples, {context.case}", samples, None)], half_width=6.0),
                "two thousand samples of the flow in the plane",
            ),
        ),
    )


def _flow(artefacts: Artefacts, context: Context) -> Any:
    flow = context.given("solution").Flow(2, int(context.case.split("-")[1]))
    load_weights(flow, _weights(artefacts, "flow"))
    return flow


def _of_this_set(estimate: Estimate) -> Estimate:
    """The same figure as one of the very points that were given, which leaves no error."""
    return Estimate(estimate.value, 0.0, estimate.n, estimate.unit, "of the training points")


def _curves(artefacts: Artefacts, label: str) -> tuple[Drawing, ...]:
    columns = artefacts.curves.get("training")
    if columns is None or "step" not in columns or not len(columns["step"]):
        return ()
    ys = [name for name in columns if name != "step"]
    return (
        Drawing(
            "training",
            "Training",
            pictures.curve(columns, x="step", ys=ys, title="training", ylabel=label),
            f"{', '.join(ys)} over the steps of the training",
        ),
    )


def _weights(artefacts: Artefacts, name: str) -> Any:
    """The one set of weights of a run; what was handed in bears the run's name."""
    if len(artefacts.weights) != 1:
        raise ArtefactError(f"{len(artefacts.weights)} sets of weights; one was asked for: {name}")
    return next(iter(artefacts.weights.values()))


def _array(artefacts: Artefacts, name: str) -> Any:
    if name not in artefacts.arrays:
        raise ArtefactError(f"the array {name!r} is missing")
    return np.asarray(artefacts.arrays[name], dtype=np.float64)


def _seed_of_the_run(context: Context) -> int:
    """The seed that the run was started with; that of its measures is the next one."""
    return (context.seed - 1) % 2**31


def _setting(context: Context, name: str) -> float:
    value = context.settings[name]
    assert isinstance(value, (int, float))
    return value
