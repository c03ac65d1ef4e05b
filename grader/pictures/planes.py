"""Draws densities and points of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grader.pictures.canvas import (
    INK,
    LINES,
    RULE,
    WORDS,
    drawable,
    new_figure,
    png,
    sentence,
    styled,
    thinned,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]
# A title, points (N, 2), and a number (N,) per point that gives its colour.
Panel = tuple[str, Array, Array | None]

# Of one picture; points that lie over each other cost bytes and show nothing.
MOST_POINTS = 3000
MOST_OVERLAID = 1000
GREY = "#b8b8b8"


def density_map(
    values: Array,
    half_width: float,
    *,
    title: str,
    points: Array | None = None,
    label: str = "probability density",
) -> bytes:
    """A density over the square of the plane from -half_width to half_width, as a PNG file.

    Args:
        values: (R, R); the first index is that of x, the second that of y.
        points: (N, 2) data to lay over it.
        label: what the colours mean, with the unit.

    Raises:
        ValueError: for an array of another shape.
    """
    density = np.asarray(values, dtype=np.float64)
    if density.ndim != 2 or density.shape[0] != density.shape[1] or density.size == 0:
        raise ValueError(f"a density map needs values (R, R), not {density.shape}")
    good = drawable(density)
    if not good.any():
        return sentence(4.6, title, "Nothing to draw: no value of the density is finite.")
    low, high = min(0.0, float(density[good].min())), float(density[good].max())
    notes = []
    if not good.all():
        notes.append(f"{(~good).sum():,} of {good.size:,} values are not finite (grey)")
    if high == low:
        notes.append(f"all values are {high:g}")
    if points is not None:
        notes += _unseen(points, half_width, "data")
    with styled():
        import matplotlib

        figure = new_figure(4.6, 4.0, title, notes=notes)
        axes = figure.add_subplot()
        image = axes.imshow(
            np.ma.array(density, mask=~good).T,
            origin="lower",
            extent=(-half_width, half_width, -half_width, half_width),
            cmap=matplotlib.colormaps["viridis"].with_extremes(bad=GREY),
            vmin=low,
            vmax=high if high > low else low + 1,
        )
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, label=label)
        bar.outline.set_visible(False)
        if points is not None:
            _points(axes, points, "white", half_width, MOST_OVERLAID, size=1.2)
        axes.set(xlabel="x₁", ylabel="x₂")
        return png(figure)


def contours(
    values: Array,
    half_width: float,
    *,
    title: str,
    points: Array | None = None,
    levels: int = 10,
) -> bytes:
    """Contour lines of a function over the square from -half_width to half_width, as a PNG file.

    Args:
        values: (R, R) at equally spaced points, the ends included; the first index is that of x,
            the second that of y. What is not finite leaves a gap.
        points: (N, 2), drawn below the lines.
        levels: how many lines, between nothing and the largest value.

    Raises:
        ValueError: for an array of another shape.
    """
    heights = np.asarray(values, dtype=np.float64)
    if heights.ndim != 2 or heights.shape[0] != heights.shape[1] or len(heights) < 2:
        raise ValueError(f"contours need values (R, R), not {heights.shape}")
    good = drawable(heights)
    if not good.any():
        return sentence(4.6, title, "Nothing to draw: no value is finite.")
    low, high = min(0.0, float(heights[good].min())), float(heights[good].max())
    notes = []
    if not good.all():
        notes.append(f"{(~good).sum():,} of {good.size:,} values are not finite")
    if high == low:
        notes.append(f"all values are {high:g}")
    if points is not None:
        notes += _unseen(points, half_width, "points")
    axis = np.linspace(-half_width, half_width, len(heights))
    with styled():
        figure = new_figure(4.6, 4.0, title, notes=notes)
        axes = figure.add_subplot()
        axes.grid(color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        if points is not None:
            _points(axes, points, LINES[0][0], half_width, MOST_POINTS)
        if high > low:
            lines = axes.contour(
                axis,
                axis,
                np.ma.array(heights, mask=~good).T,
                levels=low + (high - low) * np.arange(1, levels + 1) / (levels + 1),
                cmap="viridis" if points is None else None,
                colors=None if points is None else INK,
                linewidths=0.9,
            )
            if points is None:
                bar = figure.colorbar(lines, ax=axes, shrink=0.9, format="%.2g")
                bar.outline.set_visible(False)
        axes.set(
            xlabel="x₁",
            ylabel="x₂",
            xlim=(-half_width, half_width),
            ylim=(-half_width, half_width),
            aspect="equal",
        )
        return png(figure)


def scatter(panels: Sequence[Panel], *, half_width: float, title: str = "") -> bytes:
    """Points of the plane, one panel beside another, all with the same axes, as a PNG file.

    Args:
        panels: each with a title, points (N, 2), and a number (N,) per point that gives its
            colour, or None.
        half_width: each panel reaches from -half_width to half_width in both directions.

    Raises:
        ValueError: for arrays of other shapes.
    """
    if not panels:
        return sentence(4.6, title, "Nothing to draw: there are no points.")
    # Seven or eight panels fill four columns better than three.
    columns = 4 if len(panels) in (7, 8) else min(3, len(panels))
    rows = -(-len(panels) // columns)
    side = 2.1 if columns == 4 else 2.5
    notes = []
    for name, points, colours in panels:
        notes += _unseen(points, half_width, name)
        if colours is not None and np.shape(colours) != (len(points),):
            raise ValueError(f"{len(points)} points need as many colours, not {np.shape(colours)}")
    with styled():
        width, height = max(3.4, side * columns), (side + 0.2) * rows + 0.35 + 0.17 * len(notes)
        figure = new_figure(width, height, title, notes=notes)
        for n, (name, points, colours) in enumerate(panels):
            axes = figure.add_subplot(rows, columns, n + 1)
            axes.set_title(wrapped(name, side, WORDS), loc="left")
            axes.grid(color=RULE, linewidth=0.6)
            axes.set_axisbelow(True)
            colour = LINES[0][0] if colours is None else np.asarray(colours, dtype=np.float64)
            _points(axes, points, colour, half_width, MOST_POINTS // len(panels))
            axes.set_xlabel("x₁" if n + columns >= len(panels) else "")
            axes.set_ylabel("x₂" if n % columns == 0 else "")
        return png(figure)


def _inside(points: Array, half_width: float) -> tuple[Array, Array, Array]:
    """Points as (N, 2) floats; which of them are finite; which of them are to be seen."""
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(f"points must have shape (N, 2), not {places.shape}")
    good = np.asarray(drawable(places).all(axis=1))
    inside = np.asarray((np.abs(np.nan_to_num(places)) <= half_width).all(axis=1))
    return places, good, good & inside


def _unseen(points: Array, half_width: float, name: str) -> list[str]:
    """What of some points cannot be seen, in words."""
    places, good, inside = _inside(points, half_width)
    start = f"{name}: " if name else ""
    if len(places) == 0:
        return [f"{start}there are no points"]
    notes = []
    if not good.all():
        notes.append(f"{start}{(~good).sum():,} of {len(places):,} points are not finite")
    if (good & ~inside).any():
        notes.append(f"{start}{(good & ~inside).sum():,} of {len(places):,} points lie outside")
    return notes


def _points(
    axes: Axes,
    points: Array,
    colour: str | Array,
    half_width: float,
    most: int,
    size: float = 3.0,
) -> None:
    """Draw some of the points into a square."""
    from matplotlib.ticker import MaxNLocator

    places, _, inside = _inside(points, half_width)
    chosen = np.flatnonzero(inside)
    chosen = chosen[thinned(len(chosen), most)] if len(chosen) else chosen
    if not isinstance(colour, str):
        # Grey stands for what has no number.
        colour = np.ma.masked_array(colour, ~drawable(colour))[chosen]
    axes.scatter(
        places[chosen, 0],
        places[chosen, 1],
        s=size,
        c=colour,
        linewidths=0,
        plotnonfinite=True,
        cmap=None if isinstance(colour, str) else _viridis(),
    )
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _viridis() -> Any:
    """In few shades, which take fewer bytes."""
    import matplotlib

    return matplotlib.colormaps["viridis"].resampled(24).with_extremes(bad=GREY)
