"""Binarised MNIST in Larochelle's fixed version, one bit a pixel.

Each pixel was drawn once as 1 with probability grey/255. Source: Salakhutdinov and Murray, "On the
Quantitative Analysis of Deep Belief Networks", 2008; the fixed files are Larochelle's.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from grader.data import npy
from grader.data.dataset import Array, DataError

PACKED = "binarized_mnist_packed.npz"
SPLITS = ("train", "valid", "test")
PIXELS = 784
ROW = PIXELS // 8
# The largest split has 50,000 rows; no memory is taken on the word of a damaged header.
MOST_BYTES = 100_000 * ROW
REMEDY = "`grader data prepare` makes it anew"


def read(path: Path) -> dict[str, Array]:
    """Splits `train`, `valid` and `test`, (N, 784) uint8, zeros and ones, rows in published order.

    Args:
        path: an npz with one uint8 array (N, 98) for each split, as `numpy.packbits` packs rows.

    Raises:
        DataError: the file is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path}: the file is not there; {REMEDY}")
    try:
        with zipfile.ZipFile(path) as archive:
            return {split: np.unpackbits(_rows(archive, split), axis=1) for split in SPLITS}
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}; {REMEDY}") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from None


def _rows(archive: zipfile.ZipFile, split: str) -> Array:
    member = archive.getinfo(f"{split}.npy")
    if member.file_size > MOST_BYTES:
        raise ValueError(f"{member.filename} is {member.file_size} bytes long")
    with archive.open(member) as file:
        rows = npy.parse(file.read(MOST_BYTES))
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != ROW or not len(rows):
        raise ValueError(
            f"{member.filename} is {rows.dtype} of shape {rows.shape}, not uint8 of (N, {ROW})"
        )
    return rows
