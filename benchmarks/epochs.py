"""One epoch of the VAE: our loop over tensors in memory against the loop of a student's notebook.

The notebook has a DataLoader over torchvision's MNIST with transforms for each image. Both train
the same network by the same functions, on the same images.
"""

from __future__ import annotations

import importlib
import struct
import sys
import time
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from grader.assignment import Assignment
from grader.data import load
from grader.runs.loading import load_functions

BATCH = 64
IMAGES = 10_000


@dataclass(frozen=True)
class EpochTimes:
    """Seconds of one epoch each, several times over, and on how many images."""

    ours: list[float]
    notebook: list[float]
    images: int
    data: str


def measure(assignment: Assignment, scratch: Path, repeats: int) -> EpochTimes:
    """Time both loops, in turns.

    Args:
        assignment: with a run called `vae`.
        scratch: an empty folder.
        repeats: epochs of each.
    """
    torch.set_num_threads(1)
    mnist = load("mnist")
    images = np.resize(mnist.arrays["train_images"], (IMAGES, 28, 28))
    labels = np.resize(mnist.arrays["train_labels"], IMAGES)
    binary = scratch / "binarized"
    binary.mkdir()
    pixels = (images.reshape(IMAGES, 784) > 127).astype(np.uint8)
    np.save(binary / "binarized_mnist-train.npy", pixels)
    np.save(binary / "binarized_mnist-test.npy", pixels[:10])
    root = _torchvision_folder(scratch / "torchvision", images, labels)
    ours, notebook = [], []
    with _reference(assignment) as implementation:
        # The first epoch of a process also imports and compiles; it is not counted.
        for _ in _our_epoch(assignment, implementation, {"binarized_mnist": str(binary)}):
            pass
        for _ in range(repeats):
            started = time.perf_counter()
            for _ in _our_epoch(assignment, implementation, {"binarized_mnist": str(binary)}):
                pass
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            _notebook_epoch(implementation, root)
            notebook.append(time.perf_counter() - started)
    return EpochTimes(ours, notebook, IMAGES, mnist.description)


def _our_epoch(
    assignment: Assignment, implementation: types.SimpleNamespace, data: Mapping[str, str]
) -> Iterator[int]:
    steps = -(-IMAGES // BATCH)
    settings = {"own_images": 1, "samples": 1}
    vae = load_functions(assignment, "runs")["vae"]
    training: Iterator[int] = vae(implementation, "", steps, settings, data)
    return training


def _notebook_epoch(implementation: types.SimpleNamespace, root: Path) -> None:
    """As the assignment's notebook has it, with the pixels made binary on the way."""
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Lambda(lambda image: (image > 0.5).float())]
    )
    images = datasets.MNIST(str(root), train=True, transform=transform)
    loader = torch.utils.data.DataLoader(images, batch_size=BATCH, shuffle=True)
    model = importlib.import_module("vae").VAE(latent_size=100)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for x, _ in loader:
        loss = model.loss(x, *model(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@contextmanager
def _reference(assignment: Assignment) -> Iterator[types.SimpleNamespace]:
    """The reference's modules under their plain names, as they are behind the wall."""
    before = set(sys.modules)
    sys.path.insert(0, str(assignment.reference))
    try:
        names = [file.name for file in assignment.description.files]
        yield types.SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(str(assignment.reference))
        for name in set(sys.modules) - before:
            if str(assignment.reference) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def _torchvision_folder(root: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Files in which `torchvision.datasets.MNIST` finds these images, as the idx format has it."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    count = len(images)
    for part in ("train", "t10k"):
        for kind, header, content in (
            ("images-idx3", struct.pack(">4i", 2051, count, 28, 28), images),
            ("labels-idx1", struct.pack(">2i", 2049, count), labels),
        ):
            data = header + content.astype(np.uint8).tobytes()
            (raw / f"{part}-{kind}-ubyte").write_bytes(data)
    return root
