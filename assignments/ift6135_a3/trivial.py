"""Trivial solutions of each run: what must earn nothing, and is measured as a run would be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from grader.measures.density import negative_log_likelihood
from grader.measures.estimate import Estimate
from grader.runs.artefacts import Artefacts
from grader.runs.measured import Context, Measured, measurement

from .runs.q1 import LATENT
from .runs.q3 import POINTS

Solutions = Mapping[str, Artefacts | Measured]

UNTRAINED = "an untrained network"
MEAN = "the mean of the training set"
NORMAL = "a fitted normal distribution"
IDENTITY = "the identity"


def vae(context: Context) -> Solutions:
    """An untrained network; each pixel as often as in the training set, whatever z is."""
    given = context.given("vae")
    untrained, constant = _seeded(lambda: given.VAE(LATENT), context), given.VAE(LATENT)
    pixels = torch.tensor(context.data("binarized_mnist").arrays["train"], dtype=torch.float32)
    mean = pixels.reshape(-1, 784).mean(dim=0).clamp(1e-4, 1 - 1e-4)
    with torch.no_grad():
        for weight in constant.parameters():
            weight.zero_()
        # The decoder takes 5 off what its last layer gives.
        constant.decode.mlp[-1].bias.copy_(torch.logit(mean) + 5)
    return {UNTRAINED: _left("vae", untrained), MEAN: _left("vae", constant)}


def dirac(context: Context) -> Solutions:
    """Players that stay where they start, and a walk that knows nothing of the game."""
    given = context.given("dirac")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed((context.seed - 1) % 2**31)
        generator, critic = given.DiracGenerator(), given.DiracCritic()
    start = np.array(given.parameters_of(critic, generator))
    rng = np.random.default_rng(context.seed)
    steps = 0.1 * rng.standard_normal((context.steps, 3))
    walk = start + np.concatenate([np.zeros((1, 3)), steps.cumsum(axis=0)])
    still = np.tile(start, (context.steps + 1, 1))
    return {
        "players that never move": Artefacts(arrays={"trajectory": still}),
        "a random walk": Artefacts(arrays={"trajectory": walk}),
    }


def images(context: Context) -> Solutions:
    """Another untrained generator than the one that the run starts from, and one grey image."""
    given = context.given("model")
    dimz, dimh = (int(context.settings[k]) for k in ("dimz", "dimh"))  # type: ignore[arg-type]
    untrained = _seeded(lambda: given.Generator(dimz, dimh), context)
    grey = given.Generator(dimz, dimh)
    with torch.no_grad():
        for weight in grey.parameters():
            weight.zero_()
    return {
        UNTRAINED: _left("generator", untrained),
        "one grey image": _left("generator", grey),
    }


def planar(context: Context) -> Solutions:
    generator = torch.Generator().manual_seed((context.seed - 1) % 2**31)
    x = torch.randn(POINTS, 2, generator=generator).double().numpy()
    return {IDENTITY: Artefacts(arrays={"moved": np.stack([x] * context.steps)})}


def flow_from_samples(context: Context) -> Solutions:
    """The identity, an untrained flow, and a normal distribution with the points' moments."""
    name, layers = context.case.split("-")
    points = torch.tensor(context.data(f"planar_{name}").arrays["points"]).double()
    normal = torch.distributions.MultivariateNormal(points.mean(dim=0), points.T.cov())
    return {
        **_flows(context, int(layers)),
        NORMAL: Measured(
            (
                measurement(
                    "negative_log_likelihood",
                    lambda: _exact(negative_log_likelihood(normal.log_prob, points)),
                ),
            )
        ),
    }


def flow_from_density(context: Context) -> Solutions:
    """The identity, an untrained flow, and the normal distribution of least divergence.

    It is no wider than the noise, since nothing confines the band of the sine wave.
    """
    name, layers = context.case.split("-")
    energy = getattr(context.given("utils"), f"density_{name}")
    noise = torch.randn(4000, 2, generator=torch.Generator().manual_seed(context.seed)).double()

    def divergence(theta: Any) -> float:
        theta = [*theta[:2], min(theta[2], 0.0), min(theta[3], 0.0), theta[4]]
        scale = torch.tensor(
            [[math.exp(theta[2]), 0.0], [theta[4], math.exp(theta[3])]], dtype=torch.float64
        )
        x = noise @ scale.T + torch.tensor(theta[:2], dtype=torch.float64)
        entropy = math.log(2 * math.pi * math.e) + theta[2] + theta[3]
        return float(energy(x).mean()) - entropy

    starts = [(0.0, 0.0), (2.0, 0.0), (0.0, 1.0)]
    best = min(
        minimize(divergence, [*start, -0.5, -0.5, 0.0], method="Nelder-Mead").fun
        for start in starts
    )
    return {
        **_flows(context, int(layers)),
        NORMAL: Measured((measurement("loss", lambda: Estimate(best, 0.0, len(noise), "nats")),)),
    }


def _flows(context: Context, layers: int) -> dict[str, Artefacts | Measured]:
    given = context.given("solution")
    untrained = _seeded(lambda: given.Flow(2, layers), context)
    identity = given.Flow(2, layers)
    with torch.no_grad():
        for weight in identity.parameters():
            weight.zero_()
    return {UNTRAINED: _left("flow", untrained), IDENTITY: _left("flow", identity)}


def _exact(estimate: Estimate) -> Estimate:
    return Estimate(estimate.value, 0.0, estimate.n, estimate.unit)


def _seeded(make: Any, context: Context) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(context.seed)
        return make()


def _left(name: str, network: nn.Module) -> Artefacts:
    return Artefacts(weights={name: {k: v.numpy() for k, v in network.state_dict().items()}})
