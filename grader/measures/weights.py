"""Weights that a run left: from the bytes of a safetensors file into an architecture.

The other artefacts that come as bytes, claims and arrays, are read by `artefacts`; their names
are here too, so that one import has all of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn

from grader.measures.artefacts import MIB, ArtefactError, parse_json, read_array, read_claims

__all__ = ["ArtefactError", "load_weights", "read_array", "read_claims", "read_safetensors"]

MAX_HEADER = 8 * MIB
WRAPPERS = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
NAMED_AT_MOST = 5

REMEDY = (
    "save the weights with `safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')`"
)


def load_weights(
    module: nn.Module,
    tensors: Mapping[str, NDArray[Any] | Tensor],
    *,
    allow_prefixes: Sequence[str] = WRAPPERS,
    max_mib: float = 256,
) -> None:
    """Put plain tensors into an architecture, in place; all of them, or none if one is wrong.

    Args:
        module: the architecture, on any device; its dtypes are kept.
        tensors: name to values, as in the module's `state_dict`. Floats of any width are
            converted.
        allow_prefixes: taken off the names when all of them have it.
        max_mib: what the tensors may take together.

    Raises:
        ArtefactError: for tensors that are missing, unexpected, of another shape, of integers or
            complex numbers where floats belong, not finite, or too large.
    """
    wanted = module.state_dict()
    found = {name: _as_tensor(name, values) for name, values in _unwrapped(tensors, allow_prefixes)}
    size = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if size > max_mib * MIB:
        raise ArtefactError(
            f"the weights take {size / MIB:.1f} MiB; at most {max_mib:g} MiB are read"
        )
    if missing := [name for name in wanted if name not in found]:
        raise ArtefactError(
            f"the weights lack {_names(missing)}, which the architecture has; save the whole "
            "`state_dict` of the architecture that was given"
        )
    if unexpected := [name for name in found if name not in wanted]:
        raise ArtefactError(
            f"the weights have {_names(unexpected)}, which the architecture does not have; they "
            "must come from the architecture that was given"
        )
    fitted = {name: _fitted(name, found[name], slot) for name, slot in wanted.items()}
    with torch.no_grad():
        for name, slot in wanted.items():
            slot.copy_(fitted[name])


def read_safetensors(source: Path | bytes, max_mib: float = 256) -> dict[str, Tensor]:
    """Tensors of a safetensors file, by name; nothing in the file is executed.

    Args:
        source: the file, or its content.
        max_mib: the file's largest size.

    Raises:
        ArtefactError: for a file that is too large, cut off, pickled, damaged or no file.
    """
    data = _read(source, max_mib)
    _check_header(data)
    try:
        return dict(parse_safetensors(data))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ArtefactError(f"the safetensors file is damaged ({error}); {REMEDY}") from None


def _unwrapped(tensors: Mapping[str, Any], allow_prefixes: Sequence[str]) -> list[tuple[str, Any]]:
    names = list(tensors)
    for prefix in allow_prefixes:
        if names and all(name.startswith(prefix) for name in names):
            names = [name.removeprefix(prefix) for name in names]
    return list(zip(names, tensors.values(), strict=True))


def _as_tensor(name: str, values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    try:
        return torch.from_numpy(np.array(values))
    except TypeError:
        dtype = getattr(values, "dtype", type(values).__name__)
        raise ArtefactError(f"`{name}` has dtype {dtype}; floats are wanted") from None


def _fitted(name: str, tensor: Tensor, slot: Tensor) -> Tensor:
    """The tensor in the dtype and on the device of its place."""
    if tensor.shape != slot.shape:
        raise ArtefactError(
            f"`{name}` has shape {tuple(tensor.shape)}; the architecture's has shape "
            f"{tuple(slot.shape)}"
        )
    if slot.is_floating_point() != tensor.is_floating_point() or tensor.is_complex():
        kind = "floats are" if slot.is_floating_point() else "an integer is"
        raise ArtefactError(f"`{name}` has dtype {str(tensor.dtype)[6:]}; {kind} wanted")
    converted = tensor.to(slot.device, slot.dtype)
    if slot.is_floating_point() and not bool(torch.isfinite(converted).all()):
        bad = int((~torch.isfinite(converted)).sum())
        raise ArtefactError(
            f"`{name}` has {bad} of {converted.numel()} values that are NaN or infinite; "
            "training diverged before the weights were saved"
        )
    return converted


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name[:80]}`" for name in names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _read(source: Path | bytes, max_mib: float) -> bytes:
    """The content, never more than allowed, and of a regular file only."""
    limit = int(max_mib * MIB)
    if isinstance(source, bytes):
        data, size = source, len(source)
    else:
        try:
            # Opening a pipe without this would wait for someone to write into it.
            handle = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise ArtefactError(f"`{source.name}` cannot be read: {error.strerror}") from None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise ArtefactError(f"`{source.name}` is not a file; {REMEDY}")
        with os.fdopen(handle, "rb") as file:
            size = status.st_size
            data = file.read(limit + 1) if size <= limit else b""
    if max(size, len(data)) > limit:
        raise ArtefactError(
            f"the weights' file takes {size / MIB:.1f} MiB; at most {max_mib:g} MiB are read"
        )
    return data


def _check_header(data: bytes) -> None:
    """The header is there, of a sane length, and JSON without a name that comes twice."""
    length = int.from_bytes(data[:8], "little")
    # Any other format read as a length gives an absurd one; but a length, whose first byte may be
    # any, can begin as a zip or a pickle does. So those are asked for second.
    if length > MAX_HEADER or data[8:9] != b"{":
        if data[:2] == b"PK" or data[:1] == b"\x80":
            raise ArtefactError(
                "the file was written by `torch.save` or `pickle`, and reading those would run "
                f"what the file says; {REMEDY}"
            )
        raise ArtefactError(
            f"the file, of {len(data)} bytes, is not in the safetensors format; {REMEDY}"
        )
    if length > len(data) - 8:
        raise ArtefactError(
            f"the safetensors file is cut off: its header alone takes {length} bytes, and "
            f"{len(data) - 8} are left; save it again"
        )
    header = parse_json(data[8 : 8 + length], "the safetensors header")
    ends = [
        entry["data_offsets"][1]
        for name, entry in header.items()
        if name != "__metadata__" and _has_offsets(entry)
    ]
    expected, rest = max(ends, default=0), len(data) - 8 - length
    if expected > rest:
        raise ArtefactError(
            f"the safetensors file is cut off: its tensors take {expected} bytes, and {rest} "
            "are left; save it again"
        )


def _has_offsets(entry: Any) -> bool:
    """Whether the entry tells where a tensor lies; what does not is left to the parser."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return isinstance(offsets, list) and len(offsets) == 2 and isinstance(offsets[1], int)
