"""The frames that cross the wall: a small JSON header and raw array bytes. See docs/wire.md.

Only plain data can be said in it. A decoder never runs anything that a frame names, allocates no
more than the frame's own size, and raises `WireError` on whatever is not exactly right.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any

import numpy as np
import torch

VERSION = 2
MAGIC = b"GWF2"
PREFIX = struct.Struct("<4sIQ")  # magic, header bytes, payload bytes
MAX_HEADER_BYTES = 4 * 2**20
MAX_DEPTH = 32
MAX_NODES = 200_000
MAX_DIMENSIONS = 16
MAX_DIMENSION = 2**31

DTYPES = {
    "bool": (np.dtype(np.bool_), torch.bool),
    "uint8": (np.dtype(np.uint8), torch.uint8),
    "int8": (np.dtype(np.int8), torch.int8),
    "int16": (np.dtype(np.int16), torch.int16),
    "int32": (np.dtype(np.int32), torch.int32),
    "int64": (np.dtype(np.int64), torch.int64),
    "float16": (np.dtype(np.float16), torch.float16),
    # numpy has no bfloat16: its bits travel as uint16.
    "bfloat16": (np.dtype(np.uint16), torch.bfloat16),
    "float32": (np.dtype(np.float32), torch.float32),
    "float64": (np.dtype(np.float64), torch.float64),
    "complex64": (np.dtype(np.complex64), torch.complex64),
    "complex128": (np.dtype(np.complex128), torch.complex128),
}
TORCH_NAMES = {torch_dtype: name for name, (_, torch_dtype) in DTYPES.items()}
NUMPY_NAMES = {numpy_dtype: name for name, (numpy_dtype, _) in DTYPES.items() if name != "bfloat16"}


_HALVES = re.compile("[\ud800-\udfff]")


class WireError(Exception):
    """A frame is not what the protocol says."""


class Opaque:
    """In place of a value that is not plain data; it says the type and holds nothing else."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def encode(message: dict[str, Any], *, max_payload: int | None = None) -> bytes:
    """A frame with this message; values may be plain data, tensors and arrays, nested.

    Raises:
        WireError: the frame would be larger than allowed.
    """
    chunks: list[bytes] = []
    budget = _Budget(max_payload)
    tree = _encode(message, chunks, budget, 0)
    header = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(f"the header has {len(header)} bytes, at most {MAX_HEADER_BYTES} may be")
    payload = b"".join(chunks)
    return PREFIX.pack(MAGIC, len(header), len(payload)) + header + payload


def sizes(prefix: bytes, *, max_payload: int) -> tuple[int, int]:
    """Header and payload sizes, in bytes, that a frame's first 16 bytes announce.

    Raises:
        WireError: it is not a frame, or is too large a one.
    """
    magic, header, payload = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError("what came is not a frame")
    if header > MAX_HEADER_BYTES:
        raise WireError(f"the header has {header} bytes, at most {MAX_HEADER_BYTES} may be")
    if payload > max_payload:
        raise WireError(f"the arrays take {payload} bytes, at most {max_payload} may be")
    return header, payload


def decode(header: bytes, payload: bytes) -> dict[str, Any]:
    """The message in a frame.

    Raises:
        WireError: it is malformed in any way.
    """
    try:
        tree = json.loads(header, parse_constant=_refuse_constant)
        reader = _Reader(payload)
        message = reader.value(tree, 0)
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, RuntimeError) as error:
        raise WireError(f"malformed frame: {type(error).__name__}: {error}"[:300]) from None
    if reader.position != len(payload):
        raise WireError("the arrays do not fill the payload")
    if not isinstance(message, dict):
        raise WireError("a message must be an object")
    return message


class _Budget:
    def __init__(self, max_payload: int | None) -> None:
        self.nodes = MAX_NODES
        self.bytes = max_payload

    def take(self, count: int) -> None:
        if self.bytes is not None:
            self.bytes -= count
            if self.bytes < 0:
                raise WireError("the arrays are larger than may be sent")


def _encode(value: Any, chunks: list[bytes], budget: _Budget, depth: int) -> Any:
    budget.nodes -= 1
    if budget.nodes < 0 or depth > MAX_DEPTH:
        raise WireError("the value is nested too deeply or has too many parts")
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else {"s": str(value)}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, torch.Tensor):
        return {"x": _encode_tensor(value, chunks, budget)}
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        name = NUMPY_NAMES.get(array.dtype.newbyteorder("="))
        if name is None:
            return {"o": f"numpy array of dtype {array.dtype}"[:200]}
        return {"n": _encode_array(name, array, chunks, budget)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"f": repr(float(value))}
    if isinstance(value, (list, tuple)):
        items = [_encode(item, chunks, budget, depth + 1) for item in value]
        return {"t" if isinstance(value, tuple) else "l": items}
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            if not isinstance(key, (str, int)):
                return {"o": "dict with keys that are neither text nor integers"}
            pairs.append(
                [
                    str(key) if isinstance(key, str) else int(key),
                    _encode(item, chunks, budget, depth + 1),
                ]
            )
        return {"d": pairs}
    kind = type(value)
    return {"o": f"{kind.__module__}.{kind.__qualname__}"[:200]}


def _encode_tensor(tensor: torch.Tensor, chunks: list[bytes], budget: _Budget) -> Any:
    name = TORCH_NAMES.get(tensor.dtype)
    with torch.no_grad():
        plain = tensor.detach()
        if plain.layout != torch.strided:
            plain = plain.to_dense()
        if name is None:
            name, plain = "float32", plain.to(torch.float32)
        plain = plain.cpu().resolve_conj().resolve_neg().contiguous()
        if name == "bfloat16":
            plain = plain.view(torch.uint16)
    return _encode_array(name, plain.numpy(), chunks, budget)


def _encode_array(
    name: str, array: np.ndarray[Any, Any], chunks: list[bytes], budget: _Budget
) -> list[Any]:
    array = np.ascontiguousarray(array, dtype=DTYPES[name][0]).reshape(array.shape)
    budget.take(array.nbytes)
    chunks.append(array.tobytes())
    return [name, list(array.shape)]


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs: JSON can say them, UTF-8 cannot store them."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def _refuse_constant(name: str) -> Any:
    raise WireError(f"{name} is not JSON")


class _Reader:
    """Walks a header; arrays follow each other in the payload in the order of the header."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 0
        self.nodes = MAX_NODES

    def value(self, tree: Any, depth: int) -> Any:
        self.nodes -= 1
        if self.nodes < 0 or depth > MAX_DEPTH:
            raise WireError("the value is nested too deeply or has too many parts")
        if tree is None or isinstance(tree, (bool, int, float)):
            return tree
        if not isinstance(tree, dict) or len(tree) != 1:
            raise WireError("a value must be an object with one key")
        ((tag, body),) = tree.items()
        if tag == "s" and isinstance(body, str):
            return _whole(body)
        if tag == "f" and body in ("nan", "inf", "-inf"):
            return float(body)
        if tag in ("l", "t") and isinstance(body, list):
            items = [self.value(item, depth + 1) for item in body]
            return items if tag == "l" else tuple(items)
        if tag == "d" and isinstance(body, list):
            result = {}
            for key, item in body:
                if not isinstance(key, (str, int)):
                    raise WireError("a key must be text or an integer")
                name = _whole(key) if isinstance(key, str) else key
                result[name] = self.value(item, depth + 1)
            return result
        if tag == "n":
            return self.array(body)[1]
        if tag == "x":
            name, array = self.array(body)
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if name == "bfloat16" else tensor
        if tag == "o" and isinstance(body, str):
            return Opaque(_whole(body[:200]))
        raise WireError("unknown kind of value")

    def array(self, body: Any) -> tuple[str, np.ndarray[Any, Any]]:
        name, shape = body
        dtype = DTYPES[name][0]
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise WireError("a shape must be a short list")
        for size in shape:
            if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < MAX_DIMENSION:
                raise WireError("a dimension is out of range")
        end = self.position + math.prod(shape) * dtype.itemsize
        if end > len(self.payload):
            raise WireError("an array is larger than the payload")
        raw = np.frombuffer(self.payload[self.position : end], dtype=np.uint8)
        self.position = end
        # A byte other than 0 and 1 in a boolean array is undefined behaviour further on.
        flat = raw != 0 if name == "bool" else raw.copy().view(dtype)
        return name, flat.reshape(shape)
