"""Tiny data sets in the published formats, written by hand."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np

from grader.data import cifar


def pixels(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def idx_bytes(values: np.ndarray) -> bytes:
    magic = 2051 if values.ndim == 3 else 2049
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


def write_idx(root: Path, folder: str, part: str, count: int, *, packed: bool = False) -> None:
    """Images and labels of one part, plain or compressed."""
    raw = root / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    images = pixels(count, 28, 28, seed=count)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for name, values in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx_bytes(values)
        path = raw / f"{part}-{name}-ubyte"
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)


def batch_bytes(data: np.ndarray, labels: list[int]) -> bytes:
    """A batch of CIFAR-10 as today's Python pickles it."""
    return pickle.dumps({b"data": data, b"labels": labels}, protocol=2)


# What Python 2 with NumPy 1 wrote, opcode by opcode: names are str, the array's bytes too.
def old_batch_bytes(data: np.ndarray, labels: list[int]) -> bytes:
    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    raw = data.tobytes()
    dtype = (
        *(b"cnumpy\ndtype\n(", text("u1"), number(0), number(1), b"tR"),
        *(b"(", number(3), text("|"), b"NNN", number(-1), number(-1), number(0), b"tb"),
    )
    array = (
        *(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(", number(0), b"t"),
        *(text("b"), b"tR(", number(1), b"(", *map(number, data.shape), b"t", *dtype),
        *(b"\x89", b"T" + struct.pack("<i", len(raw)) + raw, b"tb"),
    )
    items = (text("data"), *array, text("labels"), b"](", *map(number, labels), b"e")
    return b"".join((b"\x80\x02}(", *items, b"u."))


def write_cifar(root: Path, count: int = 3) -> dict[str, str]:
    """Six batches of a few images; gives their MD5s."""
    folder = root / cifar.ARCHIVE
    folder.mkdir(parents=True, exist_ok=True)
    md5s = {}
    for seed, name in enumerate((*cifar.TRAIN, *cifar.TEST)):
        labels = [(seed + i) % 10 for i in range(count)]
        content = old_batch_bytes(pixels(count, 3072, seed=seed), labels)
        (folder / name).write_bytes(content)
        md5s[name] = hashlib.md5(content).hexdigest()
    return md5s


def write_binarized(path: Path, count: int = 5) -> dict[str, np.ndarray]:
    """A packed npz; gives the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {s: pixels(count, 784, seed=i) % 2 for i, s in enumerate(("train", "valid", "test"))}
    np.savez_compressed(path, **{s: np.packbits(r, axis=1) for s, r in rows.items()})
    return rows
