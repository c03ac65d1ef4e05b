"""A dot for every submission, one row per case of a run, as inline SVG.

The threshold of each row is a line across it. What lies far from all the rest is drawn at the edge,
as a triangle that points to where it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from grader.report import plots
from grader.report.run_summary import MeasureSummary

# Of fewer values than this, as of a yes or no, the table above says all.
FEWEST = 3
_WIDE, _NARROW = 860, 330
# Dots that would cover each other are moved apart inside their row.
_BINS = 90
_ROW = 26
_HEAD = 62
# A phone shows at most so many characters beside the dots.
_LONGEST = 14


def strip(measure: MeasureSummary, name: str) -> str:
    """Two SVG elements, for laptops and for phones; empty where there are too few values.

    Args:
        name: unique in the page; ids inside the pictures start with it.
    """
    rows = [(case, cell.values, cell.threshold) for case, cell in measure.cells]
    values = [value for _, row, _ in rows for _, value in row]
    if len(set(values)) < FEWEST:
        return ""
    levels = [level for *_, level in rows if level is not None]
    ends = limits(values, levels)
    height = _HEAD + _ROW * len(rows)
    return plots.both_sizes(
        lambda width, height: _picture(measure, width, height, ends),
        name=name,
        title=f"{measure.title} over the class",
        description=_in_words(measure, ends),
        sizes=((_WIDE, height), (_NARROW, height)),
    )


def limits(values: Sequence[float], levels: Sequence[float]) -> tuple[float, float]:
    """Ends of the axis: all thresholds, and all values but those far from the rest.

    Far is further from the quartiles than ten times their distance.
    """
    ordered = sorted(values)
    lower, upper = (ordered[round(q * (len(ordered) - 1))] for q in (0.25, 0.75))
    reach = 10 * (upper - lower)
    near = [v for v in ordered if lower - reach <= v <= upper + reach] or ordered
    low, high = min([*near, *levels]), max([*near, *levels])
    pad = 0.04 * (high - low) or 0.05 * abs(low) or 1.0
    return low - pad, high + pad


def heights(values: Sequence[float], ends: tuple[float, float]) -> list[float]:
    """Where each dot is in its row, from -0.4 to 0.4: those of one bin stand on one another."""
    low, high = ends
    seen: dict[int, int] = {}
    places = []
    for value in values:
        position = math.floor(_BINS * (min(max(value, low), high) - low) / (high - low))
        before = seen.get(position, 0)
        seen[position] = before + 1
        # 0, up, down, further up, further down ...
        step = (before + 1) // 2 * (1 if before % 2 else -1)
        places.append(max(-0.4, min(0.4, 0.13 * step)))
    return places


def _in_words(measure: MeasureSummary, ends: tuple[float, float]) -> str:
    values = [v for _, cell in measure.cells for _, v in cell.values]
    outside = sum(not ends[0] <= v <= ends[1] for v in values)
    words = f"{len(values)} figures from {min(values):.4g} to {max(values):.4g}"
    return f"{words}; {outside} of them beyond the ends of the axis." if outside else f"{words}."


def _picture(measure: MeasureSummary, width: int, height: int, ends: tuple[float, float]) -> str:
    rows = measure.cells
    with plots.canvas(width, height) as (axes, picture):
        axes.set_xlabel(measure.unit or measure.title, labelpad=4)
        for number, (_, cell) in enumerate(rows):
            row = -number
            values = [value for _, value in cell.values]
            axes.axhline(row, color=plots.RULE, linewidth=0.8, zorder=1)
            beyond = [v for v in values if not ends[0] <= v <= ends[1]]
            inside = [v for v in values if ends[0] <= v <= ends[1]]
            axes.scatter(
                inside,
                [row + h for h in heights(inside, ends)],
                s=22,
                color=plots.ACCENT,
                linewidths=0,
                zorder=3,
            )
            for value in beyond:
                marker, place = (">", ends[1]) if value > ends[1] else ("<", ends[0])
                axes.plot([place], [row], marker, color=plots.ACCENT, markersize=6, clip_on=False)
            if cell.threshold is not None:
                axes.vlines(cell.threshold, row - 0.45, row + 0.45, color=plots.INK, linewidth=2)
        axes.set_xlim(*ends)
        axes.tick_params(axis="y", pad=10)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        labels = [case if len(case) <= _LONGEST else case[: _LONGEST - 1] + "…" for case, _ in rows]
        axes.set_yticks([-n for n in range(len(rows))], labels)
        return picture()
