"""The runs of question 2, as they execute behind the wall; `q1.py` says what a run is."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .training import Curve, epochs, state

Artefacts = dict[str, Any]
Training = Generator[int, None, Artefacts]

# The settings of each configuration of `run_exp.py`: loss, regulariser, coefficient.
REGULARIZERS = [(None, 1.0), ("R1", 0.01), ("R1", 0.1), ("GP", 0.01), ("GP", 0.1)]
ALPHA_EMA = 0.998
IMAGE_CASES = {
    "jsd-1": ("JSD", None, 1.0, False),
    "jsd-2": ("JSD", None, 1.0, True),
    "jsd-3": ("JSD", "R1", 1.0, False),
    "w1-2": ("W1", None, 1.0, True),
    "w1-3": ("W1", "R1", 1.0, False),
}


def dirac(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """The game of one point, with one of the twenty configurations.

    The start is drawn before any function of the submission is called: the measures draw the same
    one from the same seed, generator first.
    """
    given = importlib.import_module("dirac")
    loss, regularizer, coefficient, alpha_ema = configuration(case)
    generator, critic = given.DiracGenerator(), given.DiracCritic()
    averaged = generator
    if alpha_ema is not None:
        averaged = given.DiracGenerator()
        averaged.load_state_dict(generator.state_dict())
    train_step = impl.gan.make_train_step(loss, 1, regularizer, coefficient, alpha_ema)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (critic, generator)]
    points = given.dirac_data_iter()
    trajectory = [given.parameters_of(critic, averaged)]
    for step in range(1, steps + 1):
        train_step(points, critic, optimizers[0], generator, averaged, optimizers[1])
        trajectory.append(given.parameters_of(critic, averaged))
        yield step
    return {"arrays": {"trajectory": np.array(trajectory)}}


def configuration(case: str) -> tuple[Any, Any, float, float | None]:
    """Loss, regulariser, coefficient, and what the average keeps of itself, of a case."""
    loss, number = case.split("-")
    regularizer, coefficient = REGULARIZERS[(int(number) - 1) % 5]
    return loss.upper(), regularizer, coefficient, None if int(number) <= 5 else ALPHA_EMA


def images(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """The adversarial networks on images, with one of the five configurations."""
    model = importlib.import_module("model")
    loss, regularizer, coefficient, spectral = IMAGE_CASES[case]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch, dimz, dimh = settings["batch"], settings["dimz"], settings["dimh"]
    generator = model.Generator(dimz, dimh, batch).to(device)
    critic = model.Critic(dimh, sn=spectral).to(device)
    averaged = model.Generator(dimz, dimh, batch).to(device)
    averaged.load_state_dict(generator.state_dict())
    train_step = impl.gan.make_train_step(loss, 2, regularizer, coefficient, settings["alpha_ema"])
    adam = functools.partial(torch.optim.Adam, betas=(0.0, 0.99), fused=True)
    critic_optim = adam(critic.parameters(), lr=4e-4, weight_decay=1e-6)
    generator_optim = adam(generator.parameters(), lr=2e-4)
    pictures = np.load(Path(data["cifar10"], "cifar10-train_images.npy"), mmap_mode="r")
    batches = _real_batches(pictures, batch, device)
    curve = Curve("metric", every=max(1, steps // 200))
    snapshots = {}
    for step in range(1, steps + 1):
        metric = train_step(batches, critic, critic_optim, generator, averaged, generator_optim)
        curve.add(step, float(metric))
        if step % max(1, steps // settings["snapshots"]) == 0:
            snapshots[f"generator-{step}"] = state(averaged)
        yield step
    return {"weights": snapshots, "curves": {"training": curve.columns()}}


def _real_batches(pictures: Any, size: int, device: str) -> Iterator[Tensor]:
    for order in epochs(len(pictures), size, None):
        batch = torch.from_numpy(np.asarray(pictures[np.sort(order.numpy())]))
        yield batch.to(device).float() / 127.5 - 1
