"""What all pictures of runs have in common: their style, their notes, and how they become bytes.

The same data give the same bytes: no dates, no names of programs, no settings of the machine.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

DPI = 150
MOST_BYTES = 80_000
# Inches around everything, and sizes of text in points.
MARGIN = 0.07
TITLE = 11.0
WORDS = 9.5
NOTES = 8.5
# Numbers beyond this size overflow when an axis is laid out.
TOO_LARGE = 1e100

INK = "#20252b"
MUTED = "#5d656e"
RULE = "#d9d6cf"
# Okabe and Ito's colours, which the colour-blind can tell apart, with dashes as a second sign.
LINES = (
    ("#0072b2", "-"),
    ("#d55e00", (0, (5, 2))),
    ("#009e73", (0, (1, 1.2))),
    ("#cc79a7", (0, (4, 1.5, 1, 1.5))),
)
ALERT = "#d55e00"
NOT_A_NUMBER = (213, 94, 0)

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style, whatever the machine's matplotlibrc says; afterwards all is as before."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def new_figure(
    width: float, height: float, title: str, words: str = "", notes: Sequence[str] = ()
) -> Figure:
    """A figure of so many inches; what is added to it lies between its words and its notes.

    Args:
        title: in bold, at the top.
        words: a sentence below the title.
        notes: what must be known to read the picture, at the bottom.
    """
    figure = Figure(figsize=(width, height), dpi=DPI)
    top = MARGIN / height
    for text, points, weight, colour in (
        (title, TITLE, "bold", INK),
        (words, WORDS, "normal", MUTED),
    ):
        if text:
            figure.text(MARGIN / width, 1 - top, wrapped(text, width, points), va="top",
                        fontsize=points, fontweight=weight, color=colour)  # fmt: skip
            top += text_height(text, width, points) / height
    below = "; ".join(notes)
    if below:
        figure.text(MARGIN / width, MARGIN / height, wrapped(below, width, NOTES), va="bottom",
                    fontsize=NOTES, color=ALERT)  # fmt: skip
    bottom = (MARGIN + text_height(below, width, NOTES)) / height if below else 0
    engine = ConstrainedLayoutEngine(
        w_pad=0.06, h_pad=0.06, rect=(0, bottom, 1, 1 - bottom - (top if title or words else 0))
    )
    figure.set_layout_engine(engine)
    return figure


def sentence(width: float, title: str, words: str) -> bytes:
    """A picture that says why there is nothing to see."""
    height = 2 * MARGIN + text_height(title, width, TITLE) + text_height(words, width, NOTES)
    with styled():
        return png(new_figure(width, height + 0.1, title, notes=[words]))


def text_height(text: str, width: float, points: float) -> float:
    """Inches that a text takes when it is wrapped to so many inches."""
    return (wrapped(text, width, points).count("\n") + 1) * points * 1.4 / 72 if text else 0.0


def wrapped(text: str, width: float, points: float) -> str:
    """The text in lines that fit into so many inches."""
    characters = int((width - 2 * MARGIN) * 72 / (0.6 * points))
    return "\n".join(textwrap.wrap(text, max(10, characters)))


def png(figure: Figure) -> bytes:
    """The figure as a PNG file of at most `MOST_BYTES`, with a palette, the smaller where it must.

    Colours that cover the extremes keep the rare ones, as an orange pixel among grey ones; 256 of
    them are off by at most a few levels of 255 in plots.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    best = b""
    for colours in (256, 128, 64, 16, 4):
        fewer = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        encoded = _encoded(fewer)
        best = min(best or encoded, encoded, key=len)
        if len(best) <= MOST_BYTES:
            break
    return best


def _encoded(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, format="PNG", optimize=True)
    return target.getvalue()


def drawable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which numbers an axis can show."""
    good: np.ndarray[Any, np.dtype[np.bool_]] = np.isfinite(values)
    good &= np.abs(np.nan_to_num(values)) < TOO_LARGE
    return good


def thinned(number: int, most: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Indices of at most so many of a number of values, the first and the last among them."""
    return np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(np.int64))


def power(value: float, _: int | None = None) -> str:
    """A tick of a logarithmic axis: powers of ten with their exponent, all else as it is."""
    exponent = round(np.log10(abs(value))) if value else 0
    if abs(exponent) < 4 or not np.isclose(abs(value), 10.0**exponent):
        return f"{value:g}".replace("-", "−")
    return ("−" if value < 0 else "") + "10" + str(exponent).translate(SUPERSCRIPTS)
