"""The stand-ins that every installation has, described for reports so that nobody mistakes them."""

from __future__ import annotations

from grader.data import digits, planar, prose
from grader.data.dataset import Array, DataSet, counts

_TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist_test": "the test part of KMNIST",
    "cifar10": "CIFAR-10",
    "binarized_mnist": "fixed binarised MNIST",
}
_HOW = {
    "cifar10": "enlarged to 32 x 32 with three equal channels",
    "binarized_mnist": "enlarged to 28 x 28, each pixel drawn once with probability grey/255",
}


def make(name: str) -> DataSet:
    """The stand-in for a data set of `grader.data.NAMES`; always the same bytes.

    That of Tiny Shakespeare differs between versions of Python, whose help topics it is.
    """
    if name in planar.DENSITIES:
        points = planar.DENSITIES[name].draw()
        description = f"{len(points):,} points drawn from the density of {name}."
        return DataSet(name, "embedded", description, {"points": points})
    if name == "tiny_shakespeare":
        return _text(name)
    arrays = _images(name)
    how = _HOW.get(name, "enlarged to 28 x 28")
    description = (
        f"Embedded digits (scikit-learn's 8 x 8, {how}) in place of {_TITLES[name]}: "
        f"{counts(arrays)} images."
    )
    return DataSet(name, "embedded", description, arrays)


def _images(name: str) -> dict[str, Array]:
    if name == "binarized_mnist":
        return digits.binarized()
    if name == "cifar10":
        return digits.labelled(32, channels=3)
    arrays = digits.labelled(28)
    if name == "kmnist_test":
        return {split: v for split, v in arrays.items() if split.startswith("test")}
    return arrays


def _text(name: str) -> DataSet:
    arrays, alphabet = prose.embedded()
    description = (
        "Embedded prose (the help topics of this Python) in place of Tiny Shakespeare: "
        f"{counts(arrays)} characters out of {len(alphabet)}."
    )
    return DataSet(name, "embedded", description, arrays, alphabet)
