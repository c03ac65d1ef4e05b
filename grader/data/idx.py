"""The idx files of MNIST and its relatives.

Format: a big-endian header (magic number, count, and for images the height and width), then raw
unsigned bytes. Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from grader.data.dataset import Array, DataError

IMAGES = 2051
LABELS = 2049
SIDE = 28
CLASSES = 10
# The largest of these sets has 60,000 images. A header that promises more is damaged, and no
# memory is taken on its word.
MOST = 100_000
REMEDY = "`grader data prepare` makes the files anew"


def read_part(folder: Path, part: str) -> tuple[Array, Array]:
    """Images (N, 28, 28) and labels (N,), both uint8, of the part `train` or `t10k`.

    Raises:
        DataError: a file is missing or damaged, or the two do not belong together.
    """
    images = read_images(folder, part)
    labels = read_labels(folder, part)
    if len(images) != len(labels):
        raise DataError(
            f"{folder}: {len(images)} images but {len(labels)} labels in the part {part!r}; "
            f"{REMEDY}"
        )
    return images, labels


def read_images(folder: Path, part: str) -> Array:
    """Images (N, 28, 28) uint8, from the plain file or the compressed one."""
    return _read(folder, f"{part}-images-idx3-ubyte", IMAGES, (SIDE, SIDE))


def read_labels(folder: Path, part: str) -> Array:
    """Labels (N,) uint8, 0 to 9, from the plain file or the compressed one."""
    labels = _read(folder, f"{part}-labels-idx1-ubyte", LABELS, ())
    if labels.max() >= CLASSES:
        raise DataError(
            f"{folder / f'{part}-labels-idx1-ubyte'}: a label is {labels.max()}, and there are "
            f"only {CLASSES} classes; {REMEDY}"
        )
    return labels


def _read(folder: Path, name: str, magic: int, item: tuple[int, ...]) -> Array:
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        if plain.is_file():
            with plain.open("rb") as file:
                return _parse(file, plain, os.fstat(file.fileno()).st_size, magic, item)
        if packed.is_file():
            with gzip.open(packed) as file:
                return _parse(file, packed, None, magic, item)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        path = plain if plain.is_file() else packed
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from None
    raise DataError(f"{plain}: the file is not there, nor {packed.name}; {REMEDY}")


def _parse(
    file: BinaryIO, path: Path, size: int | None, magic: int, item: tuple[int, ...]
) -> Array:
    header = struct.Struct(f">{2 + len(item)}I")
    start = file.read(header.size)
    if len(start) < header.size:
        raise DataError(f"{path}: ends within its header; {REMEDY}")
    found, count, *shape = header.unpack(start)
    if found != magic or tuple(shape) != item:
        raise DataError(
            f"{path}: begins with {found} and items of shape {tuple(shape)}, not with {magic} and "
            f"{item}; {REMEDY}"
        )
    if not 1 <= count <= MOST:
        raise DataError(f"{path}: its header promises {count} items; {REMEDY}")
    length = count * math.prod(item)
    if size is not None and size != header.size + length:
        raise DataError(
            f"{path}: {size} bytes long, but its header promises {header.size + length}; {REMEDY}"
        )
    values = file.read(length)
    if len(values) != length or file.read(1):
        raise DataError(f"{path}: is not as long as its header promises; {REMEDY}")
    return np.frombuffer(values, dtype=np.uint8).reshape(count, *item)
