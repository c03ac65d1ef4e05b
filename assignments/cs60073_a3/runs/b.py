"""The runs of part B, as they execute behind the wall; `a.py` says what a run is."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Artefacts = dict[str, Any]
Training = Generator[int, None, Artefacts]

# Of the training images, for training; the others are for validation.
TRAINING_SHARE = 5 / 6
POINTS = 10
SNAPSHOTS = (0.1, 0.5, 1.0)  # of the training: epochs 1, 5 and 10


def vae(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Train the VAE with the submission's network, loss and step."""
    models, loops = impl.image_models, importlib.import_module("image_training")
    images = _images(data["mnist"], "train_images")
    training, validation = parted(images)
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
    training, _ = parted(_images(data["mnist"], "train_images"))
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


def parted(images: Tensor) -> tuple[Tensor, Tensor]:
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
