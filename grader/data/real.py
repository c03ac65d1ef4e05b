"""The published data sets, read from a folder and described for reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grader.data import binarized, cifar, idx, planar, prose
from grader.data.dataset import DataSet, counts
from grader.data.published import CIFAR_MD5S, SETS


def is_expected(name: str, root: Path) -> bool:
    """Whether the folder must have this set: points that it lacks are drawn, all else is missed."""
    return name not in planar.DENSITIES or path_of(name, root).exists()


def path_of(name: str, root: Path) -> Path:
    """The first file of a set."""
    published = next(s for s in SETS if s.name == name)
    return root / published.files[0].path


def _real_pair(name: str, title: str, folder: str) -> Callable[[Path], DataSet]:
    def read(root: Path) -> DataSet:
        train_images, train_labels = idx.read_part(root / folder / "raw", "train")
        test_images, test_labels = idx.read_part(root / folder / "raw", "t10k")
        arrays = {
            "train_images": train_images,
            "train_labels": train_labels,
            "test_images": test_images,
            "test_labels": test_labels,
        }
        description = f"{title}: {counts(arrays)} images of 28 x 28."
        return DataSet(name, "real", description, arrays)

    return read


def _real_kmnist(root: Path) -> DataSet:
    images, labels = idx.read_part(root / "KMNIST" / "raw", "t10k")
    return DataSet(
        "kmnist_test",
        "real",
        f"The test part of KMNIST alone: {len(images):,} images of 28 x 28.",
        {"test_images": images, "test_labels": labels},
    )


def _real_cifar(root: Path) -> DataSet:
    arrays = cifar.read(root / cifar.ARCHIVE, CIFAR_MD5S)
    description = f"CIFAR-10: {counts(arrays)} colour images of 32 x 32."
    return DataSet("cifar10", "real", description, arrays)


def _real_binarized(root: Path) -> DataSet:
    arrays = binarized.read(path_of("binarized_mnist", root))
    description = (
        f"Fixed binarised MNIST (Larochelle): {counts(arrays)} images of 784 bits; those of test "
        "stand in class order."
    )
    return DataSet("binarized_mnist", "real", description, arrays)


def _real_shakespeare(root: Path) -> DataSet:
    arrays, alphabet = prose.read(path_of("tiny_shakespeare", root))
    description = f"Tiny Shakespeare: {counts(arrays)} characters out of {len(alphabet)}."
    return DataSet("tiny_shakespeare", "real", description, arrays, alphabet)


def _real_planar(name: str) -> Callable[[Path], DataSet]:
    def read(root: Path) -> DataSet:
        points = planar.read(path_of(name, root))
        description = f"The published points of {name}: {len(points):,}."
        return DataSet(name, "real", description, {"points": points})

    return read


READERS: dict[str, Callable[[Path], DataSet]] = {
    "mnist": _real_pair("mnist", "MNIST", "MNIST"),
    "fashion_mnist": _real_pair("fashion_mnist", "Fashion-MNIST", "FashionMNIST"),
    "kmnist_test": _real_kmnist,
    "cifar10": _real_cifar,
    "binarized_mnist": _real_binarized,
    "tiny_shakespeare": _real_shakespeare,
    **{name: _real_planar(name) for name in planar.DENSITIES},
}
