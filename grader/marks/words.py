"""A figure and what is asked of it, in words: the same in reports, tables and small print."""

from __future__ import annotations

import math

from grader.assignment import Measure

NO_VALUE = "–"
FEWEST_DIGITS, MOST_DIGITS = 4, 17


def number(value: float | None, digits: int = 5) -> str:
    """A figure with at most so many significant digits; says so when it is none."""
    if value is None:
        return NO_VALUE
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    plain = f"{value:,.{digits}g}"
    return "0" if plain == "-0" else plain


def measured(value: float | None, error: float, more: int = 0) -> str:
    """A figure with its standard error, to two digits of the error: `-101.87 ± 0.21`.

    Args:
        value: the figure.
        error: its standard error.
        more: further digits.
    """
    if value is None or not math.isfinite(value) or not 0 < error < math.inf:
        return number(value, 5 + more)
    decimals = 1 - math.floor(math.log10(error)) + more
    if decimals > 6 + more or abs(value) >= 1e9:
        return f"{number(value, 5 + more)} ± {error:.2g}"
    decimals = max(0, decimals)
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def told(
    measure: Measure | None,
    value: float | None,
    error: float,
    threshold: float | None,
    within: float | None,
) -> tuple[str, str]:
    """A figure, and what is asked of it, as `-101.87 ± 0.21` and `at least -102`.

    Both have as many digits as it takes to see from them alone which of the two is larger.

    Args:
        measure: of the assignment; None where it no longer has it.
        value, error: the figure with its standard error.
        threshold: what it must reach; of one that is to be near, its target.
        within: for `near`: how far from the target is still right.
    """
    if threshold is None:
        return measured(value, error), ""
    right = value is not None and _reached(measure, value, threshold, within)
    for more in range(MOST_DIGITS - FEWEST_DIGITS + 1):
        figure, level = measured(value, error, more), number(threshold, FEWEST_DIGITS + more)
        width = number(within, FEWEST_DIGITS + more)
        if value is None or not math.isfinite(value):
            break
        printed = _reached(
            measure, _read(figure), _read(level), None if within is None else _read(width)
        )
        if printed == right:
            break
    if measure is None:
        return figure, level
    if measure.better == "near":
        return figure, f"{level} to within {width}"
    return figure, f"at {'least' if measure.better == 'higher' else 'most'} {level}"


def asked(measure: Measure | None, threshold: float | None, within: float | None = None) -> str:
    """What is asked, as `at least -102`; empty where nothing is. By default as near as it says."""
    if within is None and measure is not None:
        within = measure.within
    return told(measure, None, 0.0, threshold, within)[1]


def _reached(measure: Measure | None, value: float, threshold: float, within: float | None) -> bool:
    if measure is None:
        return False
    if measure.better == "near":
        return threshold - (within or 0.0) <= value <= threshold + (within or 0.0)
    return value >= threshold if measure.better == "higher" else value <= threshold


def _read(text: str) -> float:
    return float(text.partition(" ")[0].replace(",", ""))
