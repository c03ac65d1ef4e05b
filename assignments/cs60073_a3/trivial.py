"""Trivial solutions of each run: what must earn nothing, and is measured as a run would be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader.runs.artefacts import Artefacts
from grader.runs.measured import Context, Measured, measurement
from grader.subjects.language import exact

from .runs.a import MAX_LAG, SIGMA
from .runs.c import parted

Solutions = Mapping[str, Artefacts | Measured]

UNTRAINED = "an untrained network"
MEAN = "the mean of the training set"


def _rng(context: Context) -> np.random.Generator:
    return np.random.default_rng(context.seed)


# --- part A: samplers -------------------------------------------------------------------------


def target(context: Context) -> Solutions:
    x, y = np.meshgrid(np.linspace(-6, 6, 200), np.linspace(-6, 6, 200))
    normal = np.exp(-(x**2 + y**2) / 2 / SIGMA**2) / (2 * math.pi * SIGMA**2)
    return {
        "the proposal's density": Artefacts(arrays={"x": x, "y": y, "density": normal}),
        "zeros": Artefacts(arrays={"x": x, "y": y, "density": np.zeros_like(x)}),
    }


def rejection(context: Context) -> Solutions:
    points = SIGMA * _rng(context).standard_normal((_number(context, "accepted"), 2))
    return {
        f"draws of the proposal, all accepted, at a rate of {word}": Artefacts(
            arrays={"points": points, "acceptance_rate": np.array(rate)}
        )
        for word, rate in (("one", 1.0), ("one half", 0.5))
    }


def importance(context: Context) -> Solutions:
    """The draws of the proposal without their weights."""
    x = SIGMA * _rng(context).standard_normal((_number(context, "draws"), 2))
    f = x[:, 0] ** 2 + np.sin(x[:, 1])
    plain = {"mean": f.mean(), "variance": f.var(), "effective_sample_size": float(len(x))}
    return {
        "the draws without weights": Artefacts(
            arrays={"x": x, **{name: np.array(value) for name, value in plain.items()}}
        )
    }


def metropolis(context: Context) -> Solutions:
    """Walks that accept everything or nothing, and draws that are no walk."""
    rng, n = _rng(context), _number(context, "iterations")
    noise = rng.standard_normal((n, 2))
    step = float(context.case.removeprefix("s"))
    chains = {
        "a walk that accepts everything": step * noise.cumsum(axis=0),
        "independent normal draws": noise,
        "a chain that never moves": np.zeros((n, 2)),
    }
    return {name: _chain(chain, 0.5) for name, chain in chains.items()}


def gibbs(context: Context) -> Solutions:
    noise = _rng(context).standard_normal((_number(context, "iterations"), 2))
    return {
        "independent normal draws": _chain(noise, 0.5),
        "a random walk": _chain(noise.cumsum(axis=0), 0.5),
        "a chain that never moves": _chain(np.zeros_like(noise), 0.5),
    }


def _chain(chain: Any, rate: float) -> Artefacts:
    """A chain with a rate that was never counted and an autocorrelation of nothing."""
    none = np.zeros(MAX_LAG + 1)
    none[0] = 1.0
    return Artefacts(
        arrays={"chain": chain, "acceptance_rate": np.array(rate), "autocorrelation": none}
    )


# --- part B: VAE and GAN ----------------------------------------------------------------------


def vae(context: Context) -> Solutions:
    """An untrained network; the mean image, whatever z is."""
    given = context.given("image_models")
    constant = _empty(given.VAE())
    with torch.no_grad():
        constant.decoder[-2].bias.copy_(torch.logit(_mean_image(context)))
    return {UNTRAINED: left_by(_seeded(given.VAE, context)), MEAN: left_by(constant)}


def gan(context: Context) -> Solutions:
    given = context.given("image_models")
    constant = _empty(given.Generator())
    with torch.no_grad():
        constant.layers[-2].bias.copy_(torch.atanh(2 * _mean_image(context) - 1))
    return {UNTRAINED: left_by(_seeded(given.Generator, context)), MEAN: left_by(constant)}


def classifier(context: Context) -> Solutions:
    """An untrained network, and one that says the commonest class of everything."""
    given = context.given("image_models")
    constant = _empty(given.Classifier())
    labels = context.data("mnist").arrays["train_labels"].astype(np.int64)
    with torch.no_grad():
        list(constant.parameters())[-1][int(np.bincount(labels).argmax())] = 1.0
    return {
        UNTRAINED: left_by(_seeded(given.Classifier, context)),
        "the commonest class": left_by(constant),
    }


def _mean_image(context: Context) -> Tensor:
    pixels = torch.tensor(context.data("mnist").arrays["train_images"]).reshape(-1, 784)
    return (pixels.float().mean(dim=0) / 255).clamp(1e-4, 1 - 1e-4)


# --- part C: language model -------------------------------------------------------------------


def language_model(context: Context) -> Solutions:
    """An untrained network; each character as often as in the text, whatever came before it.

    What no character before it decides can be counted, and needs no network. One that is a table
    of pairs has no figures: see `wrong_runs/c_artefacts.py`.
    """
    given, data = context.given("language_model"), context.data("tiny_shakespeare")
    size = len(data.alphabet or "")
    train, valid = parted(data.arrays["train"], data.arrays["valid"])
    valid = valid[: _number(context, "validation")]
    counted = given.ngram_perplexity(train, valid, 1, size)
    unigram = {"validation_loss": math.log(counted), "validation_perplexity": counted}
    figures = (
        measurement(name, lambda value=value: exact(value, len(valid), ""))
        for name, value in unigram.items()
    )
    untrained = _seeded(lambda: given.TinyTransformer(size), context)
    return {UNTRAINED: left_by(untrained), "a unigram model": Measured(tuple(figures))}


# --- networks -----------------------------------------------------------------------------------


def _seeded(make: Callable[[], nn.Module], context: Context) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(context.seed)
        return make()


def _empty(network: Any) -> Any:
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    return network


def left_by(network: nn.Module) -> Artefacts:
    """What a run leaves of a network."""
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    return Artefacts(weights={"network": weights})


def _number(context: Context, name: str) -> int:
    value = context.settings[name]
    assert isinstance(value, int)
    return value
