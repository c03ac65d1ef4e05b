"""What every measure returns: a figure with its standard error, and never a NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Vector = NDArray[np.float64]


class MeasureError(Exception):
    """A figure cannot be had from these artefacts; the message is a sentence for a report."""


@dataclass(frozen=True)
class Estimate:
    """A figure and how far it can be trusted.

    Attributes:
        value: the figure.
        standard_error: the standard deviation of `value` over repeated measurements, in the same
            unit; 0 for a figure without randomness. What is repeated is for the measure to say.
        n: how many independent items (images, points, tokens, samples) the figure is made of.
        unit: of value and standard error, as `nats per image`.
        note: what a reader of a table must know beside it.

    Raises:
        MeasureError: for a NaN or an infinity, so that no comparison ever sees one.
    """

    value: float
    standard_error: float
    n: int
    unit: str
    note: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise MeasureError(f"the figure in {self.unit} is {self.value}, not a finite number")
        if not (math.isfinite(self.standard_error) and self.standard_error >= 0):
            raise MeasureError(
                f"the standard error of {self.value:.6g} {self.unit} is {self.standard_error}; "
                "it must be finite and not negative"
            )
        if self.n < 1:
            raise MeasureError(f"a figure in {self.unit} made of {self.n} items says nothing")

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided normal confidence interval of the value."""
        reach = float(stats.norm.isf((1 - confidence) / 2)) * self.standard_error
        return self.value - reach, self.value + reach

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.standard_error:.2g} {self.unit} (n = {self.n})"


def mean_estimate(values: Vector, unit: str, note: str = "") -> Estimate:
    """The mean of independent values (n,), with the standard error of a mean.

    One value alone has no spread to judge by, so two are wanted.
    """
    if values.size < 2:
        raise MeasureError(
            f"a mean in {unit} needs at least two values, and there are {values.size}"
        )
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    return Estimate(float(values.mean()), error, values.size, unit, note)


def finite(values: Any, what: str) -> Vector:
    """Values as float64 in their own shape.

    Args:
        values: an array or a tensor on any device.
        what: what they are, for the message: "log-densities of the points".

    Raises:
        MeasureError: where one of them is NaN or infinite; it says how many, and which is first.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    array = np.asarray(values, dtype=np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f" at {first[0] if len(first) == 1 else first}" if first else ""
        raise MeasureError(
            f"{int(bad.sum())} of {array.size} {what} are not finite; the first is "
            f"{float(array[first])}{where}"
        )
    return array
