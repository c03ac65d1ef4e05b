"""Binarised MNIST as it was published: text, one row of 784 zeros and ones a line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType

import numpy as np

from grader.data import binarized
from grader.data.dataset import Array, DataError
from grader.data.writing import replacing

# Source of the checksums: the list of TensorFlow Datasets for binarized_mnist.
SHA256S = MappingProxyType(
    {
        "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
        "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
        "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
    }
)
# 50,000 rows of 784 digits, each with a space or a newline.
MOST_BYTES = 78_400_000


def path_of(folder: Path, split: str) -> Path:
    """Where the text of a split lies in a folder."""
    return folder / f"binarized_mnist_{split}.amat"


def text(rows: Array) -> bytes:
    """Rows (N, 784) of zeros and ones as the published text."""
    characters = np.full((len(rows), 2 * binarized.PIXELS), ord(" "), dtype=np.uint8)
    characters[:, ::2] = rows + ord("0")
    characters[:, -1] = ord("\n")
    return characters.tobytes()


def matches(packed: Path) -> bool:
    """Whether a packed file holds every bit as published, whoever packed it."""
    try:
        splits = binarized.read(packed)
    except DataError:
        return False
    return all(hashlib.sha256(text(splits[s])).hexdigest() == SHA256S[s] for s in SHA256S)


def pack(folder: Path, target: Path) -> None:
    """Make the packed file out of the three published ones.

    Raises:
        DataError: one of them is missing or is not the published one, or the disk is full.
    """
    train, valid, test = (_packed_rows(path_of(folder, s), s) for s in binarized.SPLITS)
    with replacing(target) as file:
        np.savez_compressed(file, train=train, valid=valid, test=test)


def _packed_rows(path: Path, split: str) -> Array:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256S[split]:
        raise DataError(
            f"{path}: is not the published file (SHA-256 {found} instead of {SHA256S[split]})"
        )
    characters = np.frombuffer(content, dtype=np.uint8).reshape(-1, 2 * binarized.PIXELS)
    return np.packbits(characters[:, ::2] - ord("0"), axis=1)
