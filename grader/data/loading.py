"""Loads data sets: the published ones from a folder, or the stand-ins that are always there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.data import embedded as standins
from grader.data import real
from grader.data.dataset import DataError, DataSet
from grader.data.published import NAMES

VARIABLE = "GRADER_DATA"


def data_root(option: Path | None = None) -> Path | None:
    """The folder with the published data sets: the option, else GRADER_DATA, else None.

    Raises:
        DataError: what was given is not a folder.
    """
    if option is None and not os.environ.get(VARIABLE):
        return None
    root = Path(os.environ[VARIABLE]) if option is None else option
    if not root.is_dir():
        source = VARIABLE if option is None else "the data folder"
        raise DataError(
            f"{root}: {source} names it, but it is not a folder; `grader data prepare --to "
            f"{root}` makes it, and without any the embedded data are used"
        )
    return root.resolve()


def load(name: str, *, root: Path | None = None, embedded: bool = False) -> DataSet:
    """One data set: the published one from `data_root(root)`, or the embedded stand-in.

    =========================  ==================================================================
    name                       arrays
    =========================  ==================================================================
    mnist, fashion_mnist       `train_images`, `test_images` (N, 28, 28) uint8, 0 to 255, and
                               `train_labels`, `test_labels` (N,) uint8, 0 to 9
    kmnist_test                `test_images`, `test_labels` only, as above
    cifar10                    as mnist, with images (N, 3, 32, 32) uint8: channels first
    binarized_mnist            `train`, `valid`, `test` (N, 784) uint8, zeros and ones; the rows of
                               the published `test` stand in class order
    tiny_shakespeare           `train`, `valid` (N,) uint8, places in `alphabet`
    planar_arcs, planar_sine   `points` (N, 2) float32
    =========================  ==================================================================

    Args:
        name: one of `NAMES`.
        root: folder in torchvision's layout, whose idx files may be compressed.
        embedded: take the stand-in even where there is a folder.

    Returns:
        The data set. Its kind is `embedded` where it was asked for, where there is no folder, and
        for the planar sets where the folder has no published points: then they are drawn from the
        density.

    Raises:
        DataError: the name is unknown, or a published file is missing or damaged.
    """
    if name not in NAMES:
        raise DataError(f"there is no data set {name!r}; there are {', '.join(NAMES)}")
    folder = None if embedded else data_root(root)
    if folder is None or not real.is_expected(name, folder):
        return standins.make(name)
    return real.READERS[name](folder)


@dataclass(frozen=True)
class Availability:
    """Whether a data set can be loaded, and what it then is.

    Attributes:
        state: `real`, `embedded` (no folder was given, or points are drawn), or `missing`.
        explanation: the data set's description, or why it cannot be loaded.
    """

    name: str
    state: Literal["real", "embedded", "missing"]
    explanation: str


def survey(root: Path | None = None) -> tuple[Availability, ...]:
    """Loads each data set in turn and says what came of it. Takes a second or two."""
    return tuple(_try(name, root) for name in NAMES)


def _try(name: str, root: Path | None) -> Availability:
    try:
        found = load(name, root=root)
    except DataError as error:
        return Availability(name, "missing", str(error))
    return Availability(name, found.kind, found.description)
