"""Draws figures over the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from grader.pictures.canvas import (
    INK,
    LINES,
    NOTES,
    RULE,
    drawable,
    new_figure,
    png,
    power,
    sentence,
    styled,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]

MOST_POINTS = 2000
# Of fewer points than this each is marked: a line between two hides how little there is.
FEW_POINTS = 30
WIDTH, HEIGHT = 6.4, 3.5


def curve(
    columns: Mapping[str, Array],
    *,
    x: str,
    ys: Sequence[str],
    title: str,
    ylabel: str,
    xlabel: str = "",
    marks: Mapping[str, float] = {},
    log: bool = False,
) -> bytes:
    """Lines of figures over the steps of a training, as a PNG file.

    Args:
        columns: arrays of equal length by name.
        x: the column on the horizontal axis.
        ys: the columns that are drawn.
        ylabel: what they are, with the unit.
        xlabel: what `x` is; by default its name.
        marks: levels to compare with, as a threshold, by what is written at them.
        log: a logarithmic vertical axis, which leaves out what is not positive.
    """
    missing = [name for name in (x, *ys) if name not in columns]
    if missing:
        return sentence(WIDTH, title, f"Nothing to draw: there is no column {missing[0]!r}.")
    across = np.asarray(columns[x], dtype=np.float64).reshape(-1)
    lines: dict[str, Array] = {}
    notes = []
    for name in ys:
        values = np.asarray(columns[name], dtype=np.float64).reshape(-1)
        if values.shape != across.shape:
            return sentence(WIDTH, title, f"Nothing to draw: {name!r} is not as long as {x!r}.")
        good = drawable(values) & drawable(across) & ((values > 0) | (not log))
        if not good.all():
            kind = "positive finite numbers" if log else "finite numbers"
            notes.append(f"{name}: {(~good).sum():,} of {good.size:,} values are not {kind}")
        lines[name] = np.where(good, values, np.nan)
    everything = np.concatenate([np.empty(0), *lines.values()])
    if not np.isfinite(everything).any():
        return sentence(WIDTH, title, "Nothing to draw: " + ("; ".join(notes) or "no values") + ".")
    levels = {k: v for k, v in marks.items() if math.isfinite(v) and (v > 0 or not log)}
    frame = None if log else _frame(everything, [*levels.values()])
    if frame is not None:
        notes.append(frame[1])
    with styled():
        figure = new_figure(WIDTH, HEIGHT, title, notes=notes)
        axes = figure.add_subplot()
        axes.grid(axis="y", color=RULE, linewidth=0.7)
        axes.set(xlabel=xlabel or x.replace("_", " "), ylabel=ylabel)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 2.5, 5, 10], integer=_whole(across)))
        for number, (name, values) in enumerate(lines.items()):
            _line(axes, name, across, values, number)
        for name, level in levels.items():
            _mark(axes, name, level)
        if log:
            _logarithmic(axes)
        elif frame is not None:
            axes.set_ylim(*frame[0])
        if len(lines) > 1:
            axes.legend(loc="best")
        return png(figure)


def _whole(across: Array) -> bool:
    """Whether these are steps or epochs, between which there is nothing."""
    finite = across[np.isfinite(across)]
    return bool((finite == np.round(finite)).all())


def _line(axes: Axes, name: str, across: Array, values: Array, number: int) -> None:
    every = thinned(len(values), MOST_POINTS)
    colour, dashes = LINES[number % len(LINES)]
    axes.plot(
        across[every],
        values[every],
        color=colour,
        linestyle=dashes,
        marker="o" if np.isfinite(values).sum() < FEW_POINTS else "",
        markersize=3.5,
        label=name.replace("_", " "),
    )


def _mark(axes: Axes, name: str, level: float) -> None:
    axes.axhline(level, color=INK, linewidth=1.1, linestyle=(0, (2, 2)))
    axes.annotate(
        f"{name} {level:.4g}",
        (1, level),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=NOTES,
    )


def _logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Within a decade or two the powers of ten alone would be one tick, or none.
    within = (1.0, 2.0, 5.0) if math.log10(high / low) < 3 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=within, numticks=9))
    axes.yaxis.set_major_formatter(FuncFormatter(power))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _frame(values: Array, levels: Sequence[float]) -> tuple[tuple[float, float], str] | None:
    """Limits with which a few outliers, as of the first steps, do not flatten all the rest."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.02, 0.98])
    spread = high - low
    if spread == 0 or (known.min() >= low - 20 * spread and known.max() <= high + 20 * spread):
        return None
    near = (known >= low - 2 * spread) & (known <= high + 2 * spread)
    inside = [*known[near], *levels]
    pad = 0.08 * (max(inside) - min(inside))
    bottom, top = min(inside) - pad, max(inside) + pad
    outside = int(((known < bottom) | (known > top)).sum())
    told = (
        f"{outside:,} of {known.size:,} values lie outside of the picture; "
        f"they reach from {known.min():.3g} to {known.max():.3g}"
    )
    return (float(bottom), float(top)), told
