"""CIFAR-10 in its "python version": six pickles, read without running what they say.

Format: a dictionary with `data`, one row of 1024 red, 1024 green and 1024 blue bytes for each
image, and `labels`. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
2009.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grader.data.dataset import Array, DataError

ARCHIVE = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = ("test_batch",)
SHAPE = (3, 32, 32)
CLASSES = 10
REMEDY = "`grader data prepare` makes the files anew"

_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _OnlyArrays(pickle.Unpickler):
    """Rebuilds arrays and plain containers, and refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read(folder: Path, md5s: Mapping[str, str]) -> dict[str, Array]:
    """All images (N, 3, 32, 32), channels first, and labels (N,), all uint8.

    Args:
        folder: `cifar-10-batches-py`, unpacked.
        md5s: MD5 in hexadecimal of each batch file. It is compared before a file is unpickled.

    Raises:
        DataError: a file is missing, or is not the published one.
    """
    train_images, train_labels = _join([_batch(folder / n, md5s[n]) for n in TRAIN])
    test_images, test_labels = _join([_batch(folder / n, md5s[n]) for n in TEST])
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }


def _batch(path: Path, md5: str) -> tuple[Array, Array]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path}: the file is not there; `grader data prepare` unpacks it from its archive"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path}: is not the published file (MD5 {found} instead of {md5}); {REMEDY}"
        )
    return parse(content, path)


def parse(content: bytes, path: Path) -> tuple[Array, Array]:
    """Images (N, 3, 32, 32) and labels (N,) of one batch; only arrays are rebuilt.

    Raises:
        DataError: the pickle asks for anything but arrays, or holds something else.
    """
    try:
        batch = _OnlyArrays(io.BytesIO(content), encoding="bytes").load()
        images, labels = batch[b"data"], np.asarray(batch[b"labels"])
        count = len(labels)
        if images.dtype != np.uint8 or images.shape != (count, np.prod(SHAPE)):
            raise ValueError(f"its data are {images.dtype} of shape {images.shape}")
        if labels.dtype.kind != "i" or not 0 <= labels.min() <= labels.max() < CLASSES:
            raise ValueError(f"its labels are not whole numbers from 0 to {CLASSES - 1}")
    # Whatever a damaged pickle does, it is one fault with one remedy.
    except Exception as error:
        raise DataError(f"{path}: is not a batch of CIFAR-10 ({error}); {REMEDY}") from None
    return images.reshape(count, *SHAPE), labels.astype(np.uint8)


def _join(batches: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)
