"""The training runs, as they execute behind the wall with the submission's functions.

Each run is a generator: it yields the number of steps made so far after each of them, and returns
what it leaves. Networks and loops are the given ones; only what the students write is theirs. The
fused form of Adam takes the same steps in a third of the time. A run draws all its random numbers
from the global sources, which are seeded before it starts.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
# u, w and b of the transformations that are drawn for question 3.2; w.u >= -1 in all of them. The
# measures have their own copy, for what is here a submission can change.
PLANAR_EXAMPLES = [
    ((2.0, 0.0), (1.0, 0.0), 0.0),
    ((0.0, 2.0), (1.0, 0.0), 0.0),
    ((2.0, 0.0), (5.0, 0.0), 0.0),
    ((-0.9, 0.0), (1.0, 0.0), 0.0),
    ((1.5, 1.5), (1.0, -1.0), 2.0),
    ((0.0, 3.0), (0.0, 3.0), -2.0),
]


def vae(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Train the VAE, then estimate log-likelihoods with the submission's own functions."""
    model, q1 = _vae_model(impl), impl.q1_solution
    pictures = _pixels(data["binarized_mnist"], "train")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, fused=True)
    curve = _Curve("negative_elbo", every=max(1, steps // 200))
    for step, batch in enumerate(_epochs(len(pictures), 64, steps), start=1):
        x = pictures[batch]
        z_mean, z_logvar, x_logits = model(x)
        zero = torch.zeros_like(z_mean)
        log_px = q1.log_likelihood_bernoulli(torch.sigmoid(x_logits), x)
        kl = q1.kl_gaussian_gaussian_analytic(z_mean, z_logvar, zero, zero)
        loss = (kl - log_px).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item())
        yield step
    left: Artefacts = {"weights": {"vae": _state(model)}, "curves": {"training": curve.columns()}}
    own = yield from _own_log_likelihoods(q1, model, data, settings, steps)
    return {**left, **own}


def _own_log_likelihoods(
    q1: Any, model: nn.Module, data: Mapping[str, str], settings: Any, steps: int
) -> Generator[int, None, Artefacts]:
    """log p(x) of some test images by importance sampling, as the submission computes it.

    A submission that fails here keeps its trained model; there is then no estimate.
    """
    test = _pixels(data["binarized_mnist"], "test")
    test = test[:: max(1, len(test) // settings["own_images"])][: settings["own_images"]]
    values = []
    model.eval()
    try:
        with torch.no_grad():
            for x in test.split(10):
                log_w = []
                z_mean, z_logvar = model.encode(x)
                zero = torch.zeros_like(z_mean)
                for _ in range(settings["samples"]):
                    z = z_mean + torch.exp(z_logvar / 2) * torch.randn_like(z_mean)
                    log_px = q1.log_likelihood_bernoulli(torch.sigmoid(model.decode(z)), x)
                    log_pz = q1.log_likelihood_normal(zero, zero, z)
                    log_qz = q1.log_likelihood_normal(z_mean, z_logvar, z)
                    log_w.append(log_px + log_pz - log_qz)
                values.append(q1.log_mean_exp(torch.stack(log_w, dim=1)).reshape(-1))
                yield steps
        own = torch.cat(values).double()
    except Exception as error:
        print(f"no log-likelihoods: {type(error).__name__}: {error}")
        return {"arrays": {"log_likelihoods": np.empty(0)}}
    return {"arrays": {"log_likelihoods": own}, "claims": {"log_likelihood": float(own.mean())}}


def _vae_model(impl: Any) -> Any:
    """The given network; its file imports names that a submission may not have."""
    for name in (
        "kl_gaussian_gaussian_analytic",
        "log_likelihood_bernoulli",
        "log_likelihood_normal",
        "log_mean_exp",
    ):
        if not hasattr(impl.q1_solution, name):
            setattr(impl.q1_solution, name, _missing(name))
    return importlib.import_module("vae").VAE(latent_size=100)


def _missing(name: str) -> Any:
    def function(*_: Any, **__: Any) -> None:
        raise NotImplementedError(f"{name} is not defined")

    return function


def dirac(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """The game of one point, with one of the twenty configurations.

    The start is drawn before any function of the submission is called: the measures draw the same
    one from the same seed, generator first.
    """
    given = importlib.import_module("dirac")
    loss, number = case.split("-")
    regularizer, coefficient = REGULARIZERS[(int(number) - 1) % 5]
    alpha_ema = None if int(number) <= 5 else ALPHA_EMA
    generator, critic = given.DiracGenerator(), given.DiracCritic()
    averaged = generator
    if alpha_ema is not None:
        averaged = given.DiracGenerator()
        averaged.load_state_dict(generator.state_dict())
    train_step = impl.gan.make_train_step(loss.upper(), 1, regularizer, coefficient, alpha_ema)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (critic, generator)]
    points = given.dirac_data_iter()
    trajectory = [given.parameters_of(critic, averaged)]
    for step in range(1, steps + 1):
        train_step(points, critic, optimizers[0], generator, averaged, optimizers[1])
        trajectory.append(given.parameters_of(critic, averaged))
        yield step
    return {"arrays": {"trajectory": np.array(trajectory)}}


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
    curve = _Curve("metric", every=max(1, steps // 200))
    snapshots = {}
    for step in range(1, steps + 1):
        metric = train_step(batches, critic, critic_optim, generator, averaged, generator_optim)
        curve.add(step, float(metric))
        if step % max(1, steps // settings["snapshots"]) == 0:
            snapshots[f"generator-{step}"] = _state(averaged)
        yield step
    return {"weights": snapshots, "curves": {"training": curve.columns()}}


def _real_batches(pictures: Any, size: int, device: str) -> Iterator[Tensor]:
    for order in _epochs(len(pictures), size, None):
        batch = torch.from_numpy(np.asarray(pictures[np.sort(order.numpy())]))
        yield batch.to(device).float() / 127.5 - 1


def planar(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Normal samples under several planar transformations.

    The samples are drawn first, so that the measures can draw the same ones from the same seed.
    """
    x = torch.randn(2000, 2)
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
    name, layers = _flow_case(case)
    points = torch.from_numpy(np.load(Path(data[f"planar_{name}"], f"planar_{name}-points.npy")))
    model = impl.solution.Flow(2, layers)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
    curve = _Curve("negative_log_likelihood", every=max(1, steps // 200))
    for step in range(1, steps + 1):
        x = points[torch.randperm(len(points))[:128]]
        loss = impl.solution.loss1(*model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item())
        yield step
    return {
        "weights": {"flow": _state(model)},
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
    name, layers = _flow_case(case)
    density = getattr(importlib.import_module("utils"), f"density_{name}")
    model = impl.solution.Flow(2, layers)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
    curve = _Curve("loss", every=max(1, steps // 200))
    for step in range(1, steps + 1):
        z0 = torch.randn(128, 2)
        x, logdet = model(z0)
        loss = impl.solution.loss2(density(x), z0, logdet).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item())
        yield step
    return {"weights": {"flow": _state(model)}, "curves": {"training": curve.columns()}}


def _flow_case(case: str) -> tuple[str, int]:
    name, layers = case.split("-")
    return name, int(layers)


def _grid(half_width: float, resolution: int) -> Tensor:
    """Points (resolution^2, 2) in the middle of equal squares that cover the plane's middle."""
    side = 2 * half_width / resolution
    axis = torch.linspace(-half_width + side / 2, half_width - side / 2, resolution)
    return torch.cartesian_prod(axis, axis)


def _pixels(folder: str, split: str) -> Tensor:
    """Binary pictures (N, 1, 28, 28) as floats."""
    pixels = np.load(Path(folder, f"binarized_mnist-{split}.npy"))
    return torch.from_numpy(pixels).float().reshape(-1, 1, 28, 28)


def _epochs(count: int, size: int, steps: int | None) -> Iterator[Tensor]:
    """Indices of batches, a new order in each pass, as a shuffling DataLoader gives them."""
    made = 0
    while True:
        for batch in torch.randperm(count).split(size):
            if made == steps:
                return
            made += 1
            yield batch


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}


class _Curve:
    """Means of a figure over stretches of equally many steps."""

    def __init__(self, name: str, every: int) -> None:
        self._name = name
        self._every = every
        self._steps: list[float] = []
        self._means: list[float] = []
        self._open: list[float] = []

    def add(self, step: int, value: float) -> None:
        self._open.append(value)
        if len(self._open) == self._every:
            self._steps.append(float(step))
            self._means.append(math.fsum(self._open) / self._every)
            self._open.clear()

    def columns(self) -> dict[str, Sequence[float]]:
        return {"step": self._steps, self._name: self._means}
