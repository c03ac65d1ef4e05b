"""Artefacts of a run as plain data: claims and arrays from bytes that nobody vouches for.

Every size is checked before anything of that size is made, and whatever is wrong is said in one
sentence for the student's report.
"""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIB = 1 << 20
MAX_CLAIMS_BYTES = 64 << 10
MAX_CLAIMS = 100
MAX_CLAIM_NAME = 80


class ArtefactError(Exception):
    """An artefact cannot be used; the message says what is wrong with it and what to do."""


def read_claims(data: bytes) -> dict[str, float]:
    """Figures that a submission claims: a JSON object of names and finite numbers.

    Args:
        data: the file's content, at most 64 KiB of UTF-8.

    Raises:
        ArtefactError: for anything but a flat object of at most 100 names of at most 80
            printable characters, each with a finite number.
    """
    if len(data) > MAX_CLAIMS_BYTES:
        raise ArtefactError(
            f"the claims take {len(data)} bytes; at most {MAX_CLAIMS_BYTES} are read"
        )
    claims = parse_json(data, "the claims")
    if not isinstance(claims, dict):
        raise ArtefactError('the claims must be one JSON object, such as {"elbo": -101.3}')
    if len(claims) > MAX_CLAIMS:
        raise ArtefactError(f"there are {len(claims)} claims; at most {MAX_CLAIMS} are read")
    return {_claim_name(name): _claim_value(name, value) for name, value in claims.items()}


def read_array(data: bytes, max_mib: float = 256) -> NDArray[Any]:
    """The array of a .npy file, in native byte order; pickled objects are refused.

    Values may be NaN: a diverged trajectory is an artefact too, and the measure says so.

    Args:
        data: the file's content.
        max_mib: the largest size of the array and of the file.

    Raises:
        ArtefactError: for content that is no .npy file, is cut off, too large, or holds anything
            but booleans, integers or real floats.
    """
    remedy = "save the array with `numpy.save('name.npy', array)`"
    if len(data) > max_mib * MIB:
        raise ArtefactError(
            f"the array's file takes {len(data) / MIB:.1f} MiB; at most {max_mib:g} MiB are read"
        )
    if data[:2] == b"PK":
        raise ArtefactError(f"the file is a zip archive (.npz), not an array; {remedy}")
    stream = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = _read_header(stream)
    except Exception as error:  # numpy's parser lets through whatever Python's raises
        raise ArtefactError(f"the file is not a .npy array ({error}); {remedy}") from None
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ArtefactError(f"the array's dtype is {dtype}; numbers are wanted; {remedy}")
    size = math.prod(shape) * dtype.itemsize
    rest = len(data) - stream.tell()
    if min(shape, default=0) < 0 or size != rest:
        raise ArtefactError(
            f"an array of shape {shape} and dtype {dtype} takes {size} bytes, and the file has "
            f"{rest}; {remedy}"
        )
    values = np.frombuffer(data, dtype, offset=stream.tell())
    try:
        # An empty array may claim axes, and as many of them, as no array can have.
        ordered = values.reshape(shape, order="F" if fortran_order else "C")
    except (ValueError, TypeError, OverflowError) as error:
        raise ArtefactError(
            f"no array has the shape {str(shape)[:80]} ({error}); {remedy}"
        ) from None
    return ordered.astype(dtype.newbyteorder("="))


def _read_header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"version {version[0]}.{version[1]} of the format")


def parse_json(data: bytes, what: str) -> Any:
    """JSON whose objects have no name twice; `what` names it in the plural for the message."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            # Asked of each as it comes: a search at the end is quadratic in what strangers send.
            if name in found:
                raise ArtefactError(f"{what} have the name `{name[:80]}` twice; give it once")
            found[name] = value
        return found

    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{what} are not JSON ({error})") from None


def _claim_name(name: str) -> str:
    if not (name.isprintable() and 0 < len(name) <= MAX_CLAIM_NAME):
        raise ArtefactError(
            f"the claim {name[:MAX_CLAIM_NAME]!r} must have a name of 1 to {MAX_CLAIM_NAME} "
            "printable characters"
        )
    return name


def _claim_value(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArtefactError(f"the claim `{name[:80]}` is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ArtefactError(f"the claim `{name[:80]}` is {number}; a finite number is wanted")
    return number
