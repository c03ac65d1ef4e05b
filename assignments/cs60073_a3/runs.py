"""The runs, as they execute behind the wall with the submission's functions.

Each run is a generator: it yields the number of steps made so far after each of them, and returns
what it leaves. A run draws all its random numbers from the global sources, which are seeded before
it starts, or from a generator that is seeded from them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Artefacts = dict[str, Any]
Training = Generator[int, None, Artefacts]
Array = npt.NDArray[np.float64]

# --- part A: samplers -------------------------------------------------------------------------
# The settings of the text. Each sampler gets the right densities, whatever the submission's own
# are: those have a run to themselves.

WEIGHTS = np.array([0.4, 0.35, 0.25])
MEANS = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])
COVARIANCES = np.array(
    [[[1.0, 0.8], [0.8, 1.5]], [[0.6, 0.0], [0.0, 0.6]], [[1.2, -0.6], [-0.6, 1.2]]]
)
SIGMA = 2.5
C = 12.0
CORRELATION = 0.9
MAX_LAG = 50
# Beyond this an envelope of a submission's own is not tried: it would take for ever.
LARGEST_ENVELOPE = 100.0


def _log_p(x: Any) -> Any:
    """The mixture's log-density at points (..., 2)."""
    d = np.asarray(x, dtype=np.float64)[..., None, :] - MEANS  # (..., K, 2)
    terms = _LEVELS - 0.5 * (d * np.einsum("kij,...kj->...ki", _PRECISIONS, d)).sum(-1)
    top = terms.max(-1)
    return top + np.log(np.exp(terms - top[..., None]).sum(-1))


_PRECISIONS = np.linalg.inv(COVARIANCES)
_LEVELS = np.log(WEIGHTS) - 0.5 * np.log(np.linalg.det(2 * np.pi * COVARIANCES))


def _log_q(x: Any) -> Any:
    """The proposal's log-density at points (..., 2)."""
    square = (np.asarray(x, dtype=np.float64) ** 2).sum(-1)
    return -0.5 * square / SIGMA**2 - math.log(2 * math.pi * SIGMA**2)


def _draw_q(n: int, rng: Any) -> Array:
    source = rng if isinstance(rng, np.random.Generator) else np.random
    return np.asarray(SIGMA * source.standard_normal((n, 2)))


def _generator() -> np.random.Generator:
    return np.random.default_rng(np.random.randint(2**31))


def _attempt(what: str, function: Callable[[], Any]) -> Array:
    """What a function gives, as an array; empty where it fails, so that it costs its own figure."""
    try:
        return np.asarray(function(), dtype=np.float64)
    except Exception as error:
        print(f"no {what}: {type(error).__name__}: {error}")
        return np.empty(0)


def target(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """The submission's density on the mesh; on a mesh of ours where it has none."""

    def log_density(x: Array) -> Any:
        return impl.sampling.mixture_log_density(x, WEIGHTS, MEANS, COVARIANCES)

    try:
        x, y, density = impl.sampling.mesh_density(log_density)
    except Exception as error:
        print(f"no mesh: {type(error).__name__}: {error}")
        axis = np.linspace(-6.0, 6.0, 200)
        x, y = np.meshgrid(axis, axis)
        density = np.exp(log_density(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)
    yield 1
    return {"arrays": {"x": x, "y": y, "density": density}}


def rejection(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Rejection sampling with c = 12, and once more with the submission's own envelope."""
    rng, n = _generator(), settings["accepted"]
    points, rate = impl.sampling.rejection_sampling(_log_p, _log_q, _draw_q, C, n, rng)
    arrays = {
        "points": np.asarray(points, dtype=np.float64),
        "acceptance_rate": np.asarray(rate, dtype=np.float64),
    }
    yield 1
    own = _attempt("envelope", lambda: impl.sampling.envelope_constant(_log_p, _log_q))
    arrays["envelope"] = own
    if own.size == 1 and 1 <= own.item() <= LARGEST_ENVELOPE:
        points, rate = impl.sampling.rejection_sampling(_log_p, _log_q, _draw_q, own.item(), n, rng)
        arrays["enveloped_points"] = np.asarray(points, dtype=np.float64)
        arrays["enveloped_rate"] = np.asarray(rate, dtype=np.float64)
    yield 2
    return {"arrays": arrays}


def importance(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """Mean, variance and effective sample size from weighted draws of the proposal."""
    sampling, x = impl.sampling, _draw_q(settings["draws"], _generator())
    log_w = _log_p(x) - _log_q(x)
    right = x[:, 0] ** 2 + np.sin(x[:, 1])
    arrays = {
        "x": x,
        "f": _attempt("integrand", lambda: sampling.integrand(x.copy())),
        "mean": _attempt("mean", lambda: sampling.self_normalized_mean(log_w.copy(), right)),
        "variance": _attempt("variance", lambda: sampling.weighted_variance(log_w.copy(), right)),
        "effective_sample_size": _attempt(
            "effective sample size", lambda: sampling.effective_sample_size(log_w.copy())
        ),
    }
    yield 1
    return {"arrays": arrays}


def metropolis(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """A chain with the step size that the case names, what is kept of it, its autocorrelation."""
    step, n = float(case.removeprefix("s")), settings["iterations"]
    chain, rate = impl.sampling.metropolis_hastings(_log_p, np.zeros(2), step, n, _generator())
    yield 1
    arrays = {"acceptance_rate": np.asarray(rate, dtype=np.float64)}
    arrays.update(_chain_arrays(impl, chain, settings))
    yield 2
    return {"arrays": arrays}


def gibbs(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """A chain of the correlated normal, what is kept of it, its autocorrelation."""
    n = settings["iterations"]
    chain = impl.sampling.gibbs_sampling(CORRELATION, np.zeros(2), n, _generator())
    yield 1
    arrays = _chain_arrays(impl, chain, settings)
    yield 2
    return {"arrays": arrays}


def _chain_arrays(impl: Any, chain: Any, settings: Any) -> dict[str, Array]:
    chain = np.asarray(chain, dtype=np.float64)
    burn_in, every = settings["burn_in"], settings["thin"]
    return {
        "chain": chain,
        "kept": _attempt("thinned chain", lambda: impl.sampling.thin(chain, burn_in, every)),
        "autocorrelation": _attempt(
            "autocorrelation", lambda: impl.sampling.autocorrelation(chain[burn_in:, 0], MAX_LAG)
        ),
    }


# --- part B: VAE and GAN ----------------------------------------------------------------------

# Of the training images, for training; the others are for validation.
TRAINING_SHARE = 5 / 6
POINTS = 10
SNAPSHOTS = (0.1, 0.5, 1.0)  # of the training: epochs 1, 5 and 10


def vae(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Train the VAE with the submission's network, loss and step."""
    models, loops = impl.image_models, importlib.import_module("image_training")
    images = _images(data["mnist"], "train_images")
    training, validation = _parted(images)
    model = models.VAE()
    curve = _Epochs(["negative_elbo", "reconstruction", "kl"], len(training), loops.BATCH, steps)
    for step, parts in enumerate(loops.vae_training(models, model, training, steps), start=1):
        curve.add(step, parts)
        yield step
    return {
        "weights": {"vae": _state(model)},
        "curves": {"training": curve.columns()},
        "claims": _own_bound(models, model, validation),
    }


def _own_bound(models: Any, model: Any, images: Tensor) -> dict[str, float]:
    """The ELBO of validation images as the submission's own loss has it; none where it fails."""
    try:
        model.eval()
        with torch.no_grad():
            losses = [
                float(models.vae_loss(reconstruction, x, mu, logvar)[0]) * len(x)
                for x in images.split(500)
                for reconstruction, mu, logvar in [model(x)]
            ]
        return {"validation_elbo": -sum(losses) / len(images)}
    except Exception as error:
        print(f"no bound: {type(error).__name__}: {error}")
        return {}


def gan(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Train the GAN with the submission's networks, losses and step."""
    models, loops = impl.image_models, importlib.import_module("image_training")
    training, _ = _parted(_images(data["mnist"], "train_images"))
    generator, discriminator = models.Generator(), models.Discriminator()
    curve = _Epochs(["discriminator", "generator"], len(training), loops.BATCH, steps)
    wanted = {max(1, round(share * steps)) for share in SNAPSHOTS}
    snapshots = {}
    pairs = loops.gan_training(models, generator, discriminator, training, steps)
    for step, losses in enumerate(pairs, start=1):
        curve.add(step, losses)
        if step in wanted:
            snapshots[f"generator-{step}"] = _state(generator)
        yield step
    return {"weights": snapshots, "curves": {"training": curve.columns()}}


def classifier(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """Train the classifier, then score real images with the submission's own functions.

    Real images that the first ones are compared with are what a perfect generator would make.
    """
    models, loops = impl.image_models, importlib.import_module("image_training")
    images, test = (_images(data["mnist"], f"{split}_images") for split in ("train", "test"))
    labels = torch.from_numpy(np.load(Path(data["mnist"], "mnist-train_labels.npy"))).long()
    network = models.Classifier()
    curve = _Epochs(["loss"], len(images), loops.BATCH, steps)
    losses = loops.classifier_training(models, network, images, labels, steps)
    for step, loss in enumerate(losses, start=1):
        curve.add(step, [loss])
        yield step
    left: Artefacts = {
        "weights": {"classifier": _state(network)},
        "curves": {"training": curve.columns()},
    }
    real, perfect = test[: settings["real"]], test[settings["real"] :][: loops.TABLE]
    # Data sets may come in some order of their classes; splits of generated samples do not.
    perfect = perfect[torch.randperm(len(perfect))]
    try:
        found = loops.scores(models, network, perfect, real)
        own = np.array([found["inception_score"], found["inception_score_sd"], found["fid"]])
    except Exception as error:
        print(f"no scores: {type(error).__name__}: {error}")
        own = np.empty(0)
    return {**left, "arrays": {"own_scores": own}}


def _images(folder: str, split: str) -> Tensor:
    """Images (N, 784) in [0, 1]."""
    pixels = np.load(Path(folder, f"mnist-{split}.npy"))
    return torch.from_numpy(pixels).reshape(-1, 784).float() / 255


def _parted(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images for training and for validation, in the order of the data set."""
    count = round(TRAINING_SHARE * len(images))
    return images[:count], images[count:]


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}


class _Epochs:
    """Means of losses over tenths of a training; of ten epochs, one for each."""

    def __init__(self, names: list[str], images: int, batch: int, steps: int) -> None:
        self._names = names
        self._in_epoch = -(-images // batch)
        self._every = max(1, steps // POINTS)
        self._epochs: list[float] = []
        self._means: list[list[float]] = []
        self._open: list[list[float]] = []

    def add(self, step: int, values: Any) -> None:
        self._open.append([float(v) for v in values])
        if len(self._open) == self._every:
            self._epochs.append(step / self._in_epoch)
            self._means.append(np.mean(self._open, axis=0).tolist())
            self._open.clear()

    def columns(self) -> dict[str, list[float]]:
        columns = {"epoch": self._epochs}
        for n, name in enumerate(self._names):
            columns[name] = [row[n] for row in self._means]
        return columns


# --- part C: language model -------------------------------------------------------------------


def language_model(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """Train the Transformer; then perplexities and generations by the submission's functions."""
    functions, given = impl.language_model, importlib.import_module("train_language_model")
    train, valid, vocab_size = _texts(data["tiny_shakespeare"])
    valid = valid[: settings["validation"]]
    model = functions.TinyTransformer(vocab_size)
    optimizer = given.make_optimizer(model)
    blocks = functions.make_blocks(train)
    weights, training, step = {}, [], 0
    claimed: list[float] = []
    for epoch in range(1, settings["epochs"] + 1):
        losses = []
        some = steps * epoch // settings["epochs"] - step
        for loss in given.train_epoch(functions, model, optimizer, blocks, settings["batch"], some):
            losses.append(loss)
            step += 1
            yield step
        model.eval()
        training.append(math.fsum(losses) / max(1, len(losses)))
        weights[f"epoch-{epoch}"] = {k: p.detach().clone() for k, p in model.named_parameters()}
        own = _own(lambda: float(functions.perplexity(model, valid)))
        claimed.append(math.nan if own is None else own)
        yield step
    counts = yield from _own_ngrams(functions, train, valid, vocab_size, step)
    arrays = {}
    for strategy in given.STRATEGIES:
        text = _own(lambda s=strategy: _generation(functions, model, valid, s, settings, given))
        arrays[strategy] = np.empty(0, dtype=np.int64) if text is None else text
        yield step
    epochs = list(range(1, settings["epochs"] + 1))
    return {
        "weights": weights,
        "arrays": arrays,
        "curves": {"training": {"epoch": epochs, "training": training, "own": claimed}},
        "claims": {"validation_perplexity": claimed[-1], **counts},
    }


def _own_ngrams(
    functions: Any, train: Tensor, valid: Tensor, vocab_size: int, step: int
) -> Generator[int, None, dict[str, float]]:
    """Perplexities of n-gram models, as the submission computes them; without those that fail."""
    names = ("unigram", "bigram", "trigram", "fourgram")
    found = {}
    for n, name in enumerate(names, start=1):
        own = _own(lambda n=n: float(functions.ngram_perplexity(train, valid, n, vocab_size)))
        if own is not None:
            found[f"{name}_perplexity"] = own
        yield step
    return found


def _generation(
    functions: Any, model: Any, valid: Tensor, strategy: str, settings: Any, given: Any
) -> Any:
    tokens = functions.generate(model, valid[: given.PROMPT], settings["new_tokens"], strategy)
    return torch.as_tensor(tokens).detach().reshape(-1).long().numpy().copy()


def _own(compute: Callable[[], Any]) -> Any:
    """What a function gives after the training; None where it fails, which costs its own figure."""
    try:
        return compute()
    except Exception as error:
        print(f"no figure: {type(error).__name__}: {error}")
        return None


def _texts(folder: str) -> tuple[Tensor, Tensor, int]:
    """Training and validation tokens, 90 % and 5 % of the text, and the size of the alphabet."""
    halves = [np.load(Path(folder, f"tiny_shakespeare-{part}.npy")) for part in ("train", "valid")]
    text = torch.from_numpy(np.concatenate(halves)).long()
    start, end = len(text) * 90 // 100, len(text) * 95 // 100
    return text[:start], text[start:end], int(text.max()) + 1
