"""The run of question 1, as it executes behind the wall with the submission's functions.

A run is a generator: it yields the number of steps made so far after each of them, and returns
what it leaves. Networks and loops are the given ones; only what the students write is theirs. The
fused form of Adam takes the same steps in a third of the time. A run draws all its random numbers
from the global sources, which are seeded before it starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .training import Curve, epochs, state

Artefacts = dict[str, Any]
Training = Generator[int, None, Artefacts]

LATENT = 100


def vae(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Train the VAE, then estimate log-likelihoods with the submission's own functions."""
    model, q1 = _vae_model(impl), impl.q1_solution
    pictures = _pixels(data["binarized_mnist"], "train")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, fused=True)
    curve = Curve("negative_elbo", every=max(1, steps // 200))
    for step, batch in enumerate(epochs(len(pictures), 64, steps), start=1):
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
    left: Artefacts = {"weights": {"vae": state(model)}, "curves": {"training": curve.columns()}}
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
    return importlib.import_module("vae").VAE(latent_size=LATENT)


def _missing(name: str) -> Any:
    def function(*_: Any, **__: Any) -> None:
        raise NotImplementedError(f"{name} is not defined")

    return function


def _pixels(folder: str, split: str) -> Tensor:
    """Binary pictures (N, 1, 28, 28) as floats."""
    pixels = np.load(Path(folder, f"binarized_mnist-{split}.npy"))
    return torch.from_numpy(pixels).float().reshape(-1, 1, 28, 28)
