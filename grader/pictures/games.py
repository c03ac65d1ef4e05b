"""Draws the path of the adversarial game of one point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grader.pictures.canvas import (
    ALERT,
    INK,
    LINES,
    MUTED,
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
WIDTH, HEIGHT = 7.2, 3.5
# A game that flies apart farther than this is drawn on axes that shrink what is large.
FAR = 1000.0
NAMES = ("ψ₀", "ψ₁", "θ")


def trajectory(path: Array, *, target: float, title: str, words: str = "") -> bytes:
    """The path of the game in the plane of theta and psi0, and over the steps, as a PNG file.

    Args:
        path: (steps + 1, 3), rows (psi0, psi1, theta), the start first.
        target: where the data are; the equilibrium is theta = target, psi0 = 0.
        words: a line below the title, as what the game did.

    Raises:
        ValueError: for an array of another shape.
    """
    rows = np.asarray(path, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"a trajectory must have shape (steps + 1, 3), not {rows.shape}")
    good = drawable(rows).all(axis=1)
    if not good.any():
        return sentence(WIDTH, title, "Nothing to draw: no point of the trajectory is finite.")
    notes = [] if good.all() else [f"not finite from step {int(np.argmin(good)):,} on"]
    known = np.flatnonzero(good)
    steps = known[thinned(len(known), MOST_POINTS)]
    points = rows[steps]
    wide = float(np.abs(points).max()) > FAR
    with styled():
        figure = new_figure(WIDTH, HEIGHT, title, words, notes)
        plane, time = figure.subplots(1, 2, width_ratios=(1, 1.15))
        _plane(plane, points, target)
        _time(time, steps, points, target)
        if wide:
            for axis in (plane.xaxis, plane.yaxis, time.yaxis):
                _shrink(axis)
        else:
            plane.set_aspect("equal", adjustable="datalim")
        return png(figure)


def _plane(axes: Axes, points: Array, target: float) -> None:
    slope, theta = points[:, 0], points[:, 2]
    axes.axhline(0, color=RULE, linewidth=0.8)
    axes.axvline(target, color=RULE, linewidth=0.8)
    axes.plot(theta, slope, color=MUTED, linewidth=0.8)
    for x, y, marker, colour, name in (
        (theta[0], slope[0], "o", LINES[0][0], "start"),
        (theta[-1], slope[-1], "s", ALERT, "end"),
        (target, 0.0, "+", INK, "equilibrium"),
    ):
        axes.plot([x], [y], marker, color=colour, markersize=7, label=name, zorder=4, clip_on=False)
    axes.set(xlabel="θ (generator)", ylabel="ψ₀ (slope of the critic)")
    _legend(axes)


def _time(axes: Axes, steps: Array, points: Array, target: float) -> None:
    for name, column, (colour, dashes) in zip(NAMES, points.T, LINES, strict=False):
        axes.plot(steps, column, color=colour, linestyle=dashes, linewidth=1.2, label=name)
    axes.axhline(target, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), label="target of θ")
    axes.set(xlabel="steps", ylabel="parameters")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=4,
        fontsize=8,
        columnspacing=1,
        handletextpad=0.4,
        handlelength=1.7,
        borderaxespad=0.2,
    )


def _shrink(axis: Any) -> None:
    """A scale that is linear around 0 and logarithmic beyond 1, with a handful of ticks."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=1)
    low, high = axis.get_view_interval()
    most = np.log10(max(abs(low), abs(high)))
    # Even exponents, so that there are at most two powers on each side.
    exponents = [max(1, round(most / 2)), max(2, int(most))]
    ticks = sorted({0.0, *(s * 10.0**e for e in exponents for s in (-1, 1))})
    axis.set_ticks([t for t in ticks if low <= t <= high], minor=False)
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(power)
