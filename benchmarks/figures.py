"""Times as they were measured, and the ratios between them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Timing:
    """How long one thing took, several times over, in seconds."""

    name: str
    seconds: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "n": self.n,
            "median_s": self.median,
            "low_s": min(self.seconds),
            "high_s": max(self.seconds),
        }


@dataclass(frozen=True)
class Figure:
    """A number that follows from timings, with what it is held against, if anything."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it reaches the bar; None where there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "met": self.met}


@dataclass
class Section:
    """One table of the output."""

    title: str
    timings: list[Timing] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def timing(self, name: str, seconds: Sequence[float]) -> Timing:
        """Add a row."""
        row = Timing(name, tuple(seconds))
        self.timings.append(row)
        return row

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "title": self.title,
            "timings": [t.as_json() for t in self.timings],
            "figures": [f.as_json() for f in self.figures],
            "remarks": self.remarks,
        }
