"""What a data set is, and what can be wrong with one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Kind = Literal["real", "embedded"]


class DataError(Exception):
    """A data set cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """One data set in memory.

    Attributes:
        name: one of `grader.data.NAMES`.
        kind: `real`, the published data, or `embedded`, the stand-in that every installation has.
        description: one sentence for reports: which data, how many, what stands in for what.
        arrays: read-only arrays by split; `grader.data.load` lists their shapes.
        alphabet: for text, the characters that the codes count in; None for all else.
    """

    name: str
    kind: Kind
    description: str
    arrays: Mapping[str, Array]
    alphabet: str | None = None

    def __post_init__(self) -> None:
        frozen = {}
        for split, values in self.arrays.items():
            frozen[split] = np.ascontiguousarray(values).view()
            frozen[split].flags.writeable = False
        object.__setattr__(self, "arrays", MappingProxyType(frozen))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over splits, types, shapes, values and alphabet; the same on every machine."""
        found = hashlib.sha256()
        for split, values in sorted(self.arrays.items()):
            plain = values.astype(values.dtype.newbyteorder("<"), copy=False)
            found.update(f"{split} {plain.dtype.str} {plain.shape}\n".encode())
            found.update(plain.data)
        found.update(f"alphabet {self.alphabet!r}\n".encode())
        return found.hexdigest()

    def text(self, split: str) -> str:
        """The characters of a split; only for data sets with an alphabet."""
        if self.alphabet is None:
            raise DataError(f"{self.name} is not text: it has no alphabet")
        letters = np.frombuffer(self.alphabet.encode("ascii"), dtype=np.uint8)
        return letters[self.arrays[split]].tobytes().decode("ascii")


def counts(arrays: Mapping[str, Array]) -> str:
    """How many items each split has, as in `1,077 train, 360 valid and 360 test`."""
    parts = [
        f"{len(values):,} {split.partition('_')[0]}"
        for split, values in arrays.items()
        if not split.endswith("labels")
    ]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
