"""Named networks that give features and class probabilities of images.

A score means something only with the network it was made with, so that every network has a name
for the tables, and its accuracy. `load_or_train` gives the classifier of a data set and keeps it;
`inception_v3` gives torchvision's, where its weights can be had.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from grader.measures.artefacts import ArtefactError
from grader.measures.classifier import (
    ARCHITECTURE,
    Classifier,
    Progress,
    accuracy,
    as_floats,
    check_images,
    train_classifier,
)
from grader.measures.estimate import MeasureError, Vector, finite
from grader.measures.weights import load_weights, read_safetensors

INCEPTION_SHA256 = "0cc3c7bd"  # how torchvision's file name and its content's digest begin


class FeatureModule(Protocol):
    """What a feature network is made of: a body and a head."""

    def features(self, images: Tensor) -> Tensor:
        """(N, C, S, S) in [0, 1] to (N, F)."""

    def classify(self, features: Tensor) -> Tensor:
        """(N, F) to logits (N, classes)."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network with a name.

    Attributes:
        name: for tables: what it is, what it was trained on, and its key.
        module: in evaluation mode.
        accuracy: on the test images, a share.
    """

    name: str
    module: FeatureModule
    accuracy: float

    def features(self, images: Tensor, batch_size: int = 250) -> Vector:
        """(N, C, S, S), bytes or floats in [0, 1], to (N, F) in double precision."""
        return self.outputs(images, batch_size)[0]

    def probabilities(self, images: Tensor, batch_size: int = 250) -> Vector:
        """(N, C, S, S), bytes or floats in [0, 1], to (N, classes), rows that add up to 1."""
        return self.outputs(images, batch_size)[1]

    @torch.inference_mode()
    def outputs(self, images: Tensor, batch_size: int = 250) -> tuple[Vector, Vector]:
        """Features and probabilities in one pass.

        Raises:
            MeasureError: for tensors that are not images, or features that are not finite.
        """
        check_images(images)
        features, probabilities = [], []
        for x in images.split(batch_size):
            hidden = self.module.features(as_floats(x))
            features.append(hidden.double().cpu().numpy())
            logits = self.module.classify(hidden).double()
            probabilities.append(torch.softmax(logits, dim=1).cpu().numpy())
        return (
            finite(np.concatenate(features), "features"),
            finite(np.concatenate(probabilities), "class probabilities"),
        )


def load_or_train(
    cache: Path,
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    name: str,
    *,
    classes: int = 10,
    steps: int = 800,
    seed: int = 0,
    progress: Progress | None = None,
) -> FeatureNetwork:
    """The classifier of a data set: from the cache, or trained and put there.

    A cached one is used if it was trained by this architecture on these bytes with this version
    of torch, these steps and this seed, and if its file is whole; else it is trained again.

    Args:
        cache: a folder; it is made where it does not exist.
        images, labels, classes, steps, seed, progress: as in `train_classifier`.
        test_images, test_labels: for the accuracy.
        name: of the data set.

    Raises:
        MeasureError: for images or labels that do not fit.
        OSError: where the cache cannot be written.
    """
    check_images(images)
    depends = {
        "architecture": ARCHITECTURE,
        "torch": torch.__version__,
        "data": _digest(images, labels, test_images, test_labels),
        "name": name,
        "classes": classes,
        "steps": steps,
        "seed": seed,
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:8]
    stem = cache / f"{_file_name(name)}-{key}"
    title = f"small classifier of {name} ({key})"
    network = Classifier(images.shape[1], images.shape[2], classes)
    known = _cached(stem, depends, network)
    if known is not None:
        return FeatureNetwork(title, network.eval(), known)
    network = train_classifier(
        images, labels, classes=classes, steps=steps, seed=seed, progress=progress
    )
    share = accuracy(network, test_images, test_labels)
    _keep(stem, depends, network, share)
    return FeatureNetwork(title, network, share)


def inception_v3(cache: Path) -> FeatureNetwork:
    """Torchvision's Inception v3 with its ImageNet weights; features are the 2048 before the head.

    It is not the network of the papers (a TensorFlow port), so that its FID compares with none
    that was published.

    Args:
        cache: a folder; the weights' file is looked for in it, then in torch's own, and then
            fetched into this one.

    Raises:
        MeasureError: where the weights cannot be had, with what to do.
    """
    from torchvision.models import Inception_V3_Weights, inception_v3

    weights = Inception_V3_Weights.IMAGENET1K_V1
    path = _inception_file(cache, weights.url)
    # Their initialisation takes longer than loading what replaces it.
    network = inception_v3(weights=None, init_weights=False, transform_input=False)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise MeasureError(f"`{path}` does not hold Inception v3 ({error}); delete it") from None
    share = float(weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]) / 100
    return FeatureNetwork("torchvision's Inception v3, ImageNet", _Inception(network), share)


class _Inception(nn.Module):
    """Inception v3 for images of any size in [0, 1], grey or coloured."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.head = network.get_submodule("fc")
        network.add_module("fc", nn.Identity())
        self.network = network.eval()

    def features(self, images: Tensor) -> Tensor:
        """Resized to 299 x 299 and scaled to [-1, 1], as it was trained."""
        large = nn.functional.interpolate(
            images.expand(-1, 3, -1, -1), size=(299, 299), mode="bilinear", align_corners=True
        )
        features: Tensor = self.network(2 * large - 1)
        return features

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits


def _inception_file(cache: Path, url: str) -> Path:
    file_name = url.rsplit("/", 1)[-1]
    for folder in (cache, Path(torch.hub.get_dir()) / "checkpoints"):
        path = folder / file_name
        if path.is_file() and _sha256(path).startswith(INCEPTION_SHA256):
            return path
    path = cache / file_name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), INCEPTION_SHA256, progress=False)
    except (OSError, RuntimeError) as error:
        raise MeasureError(
            f"the weights of Inception v3 are not here and cannot be fetched ({error}); put "
            f"`{file_name}` from {url} into `{cache}`, or use the data set's own classifier"
        ) from None
    return path


def _cached(stem: Path, depends: dict[str, Any], network: Classifier) -> float | None:
    """Load the kept weights and tell their accuracy; None if anything is not as it should be."""
    try:
        record = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        weights = stem.with_suffix(".safetensors")
        if record["depends"] != depends or record["sha256"] != _sha256(weights):
            return None
        load_weights(network, read_safetensors(weights))
        share = float(record["accuracy"])
    except (OSError, ValueError, KeyError, TypeError, ArtefactError):
        return None
    return share if 0 <= share <= 1 else None


def _keep(stem: Path, depends: dict[str, Any], network: Classifier, share: float) -> None:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    weights = to_safetensors(state)
    record = {
        "depends": depends,
        "accuracy": share,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    # The record comes last: weights without one are trained again.
    _write(stem.with_suffix(".safetensors"), weights)
    _write(stem.with_suffix(".json"), json.dumps(record, indent=2).encode())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, whoever else writes the same."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _digest(*tensors: Tensor) -> str:
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().numpy().data)
    return total.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
