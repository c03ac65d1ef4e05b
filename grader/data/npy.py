"""The npy format, read from memory without taking more of it on the word of a header."""

from __future__ import annotations

import io

import numpy as np

from grader.data.dataset import Array


def parse(content: bytes) -> Array:
    """The array that the bytes of a .npy file hold, read-only.

    Raises:
        ValueError: it is not such a file, its size is not what its header promises, or it holds
            Python objects.
    """
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"version {version[0]}.{version[1]} of the npy format is not read")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    values: Array = np.frombuffer(content, dtype=dtype, offset=file.tell())
    return values.reshape(shape, order="F" if fortran_order else "C")
