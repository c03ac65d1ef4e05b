"""Distributions as inline SVG: a histogram of a class, single points for a handful.

matplotlib draws and lays out; `svg` then makes the picture part of the page. Colours are drawn as
place-holders that become the page's own, so that one picture serves light, dark and paper.
"""

from __future__ import annotations

import io
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.report import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Fewer than this say more as points than as bars.
_FEW = 10
# Of fewer values than these, twenty bins would be mostly empty.
_MANY = 40
_MOST_BINS = 20
_FEWER_BINS = 10
_FINEST_BINS = 100
_WIDE = (560, 250)
_NARROW = (330, 230)
_STEPS = (1.0, 2.0, 2.5, 5.0)
_MOST_TICKS = 8

INK, MUTED, RULE, FILL, ACCENT = (f"#00000{n}" for n in range(1, 6))
_COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    FILL: "var(--fill)",
    ACCENT: "var(--accent)",
}
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "grader",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Bin:
    """Values from `low` up to `high`; the last bin of a histogram includes its end."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Distribution:
    """What a histogram shows.

    Args:
        title: what the picture is called for those who do not see it.
        label: the label of the horizontal axis, with its unit.
        values: one number per submission.
        upper: where the axis ends at least; 0 lets the values decide.
        mean: marked by a solid line.
        median: marked by a dashed line.
    """

    title: str
    label: str
    values: Sequence[float]
    upper: float
    mean: float
    median: float

    @property
    def bins(self) -> list[Bin]:
        """Bins of a round width that end at or above `upper` and the largest value.

        They begin at 0, unless all values lie in the upper half: then a good class would be a block
        at the end, so they begin below the smallest value and are as narrow as its spread asks for.
        """
        top, low = max(self.upper, *self.values), min(self.values)
        if top <= 0:
            return [Bin(0.0, 1.0, len(self.values))]
        bottom = low if low > top / 2 else 0.0
        span = top - bottom
        most = _MOST_BINS if len(self.values) >= _MANY else _FEWER_BINS
        spare = 1 if bottom else 0  # where the first bin begins further down
        # Where most are close together, finely enough to tell them apart.
        fine = max(span / (_MOST_BINS - spare), _middle_half(self.values) / 2)
        width = round_step(max(min(span / (most - spare), fine), top / _FINEST_BINS))
        first = math.floor(bottom / width + 1e-9)
        number = max(1, math.ceil(top / width - 1e-9) - first)
        counts = Counter(min(number - 1, int(v / width + 1e-9) - first) for v in self.values)
        return [Bin((first + n) * width, (first + n + 1) * width, counts[n]) for n in range(number)]

    @property
    def ticks(self) -> list[float]:
        """Bin edges to write down: from 0, equally spaced, few enough to be read."""
        edges = [b.low for b in self.bins] + [self.bins[-1].high]
        return edges[:: math.ceil((len(edges) - 1) / _MOST_TICKS)]

    @property
    def heights(self) -> list[int]:
        """For each value, which one of its bin it is, from 1."""
        width = self.bins[0].high - self.bins[0].low
        seen: Counter[int] = Counter()
        heights = []
        for value in self.values:
            seen[round(value / width)] += 1
            heights.append(seen[round(value / width)])
        return heights


def _middle_half(values: Sequence[float]) -> float:
    """The distance of the quartiles."""
    if len(values) < 2:
        return 0.0
    lower, _, upper = statistics.quantiles(values, method="inclusive")
    return upper - lower


def round_step(least: float) -> float:
    """The smallest round number (1, 2, 2.5 or 5 times a power of ten) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        (s * power for s in _STEPS if s * power >= least * (1 - 1e-9)),
        10 * power,
    )


def draw(distribution: Distribution, name: str) -> str:
    """Two SVG elements, one for laptops and paper and one for phones; CSS shows the right one.

    Args:
        name: unique in the page; ids inside the pictures start with it.
    """
    return both_sizes(
        lambda width, height: _picture(distribution, width, height),
        name=name,
        title=distribution.title,
        description=_in_words(distribution),
    )


def both_sizes(
    picture: Callable[[int, int], str],
    *,
    name: str,
    title: str,
    description: str,
    sizes: Sequence[tuple[int, int]] = (_WIDE, _NARROW),
) -> str:
    """A picture as two SVG elements, for laptops and paper, and for phones.

    Args:
        picture: draws it, for a width and a height.
        name: unique in the page; ids inside the pictures start with it.
        title: what is read out instead of it.
        description: what can be seen in it, in a sentence.
        sizes: width and height in units of the picture, for laptops and for phones.
    """
    return "\n".join(
        svg.embed(
            picture(width, height),
            name=f"{name}-{css_class}",
            css_class=css_class,
            title=title,
            description=description,
            colours=_COLOURS,
        )
        for css_class, (width, height) in zip(("wide", "narrow"), sizes, strict=True)
    )


def _in_words(distribution: Distribution) -> str:
    fullest = max(distribution.bins, key=lambda b: b.count)
    return (
        f"{len(distribution.values)} submissions; {distribution.label} from "
        f"{min(distribution.values):.4g} to {max(distribution.values):.4g}, "
        f"mean {distribution.mean:.4g}, median {distribution.median:.4g}; most of them, "
        f"{fullest.count}, between {fullest.low:.4g} and {fullest.high:.4g}."
    )


def _picture(distribution: Distribution, width: int, height: int) -> str:
    few = len(distribution.values) < _FEW
    if few:
        height = 70 + 22 * max(distribution.heights)
    with canvas(width, height) as (axes, picture):
        axes.set_xlabel(distribution.label, labelpad=6)
        if few:
            _points(axes, distribution)
        else:
            _bars(axes, distribution)
        for value, style in ((distribution.mean, "-"), (distribution.median, (0, (4, 3)))):
            axes.axvline(value, color=INK, linewidth=1.5, linestyle=style, zorder=3)
        start, end = distribution.bins[0].low, distribution.bins[-1].high
        pad = 0.012 * (end - start)
        axes.set_xlim(start - pad, end + pad)
        axes.set_xticks(distribution.ticks)
        return picture()


@contextmanager
def canvas(width: int, height: int) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """Axes in the style of the pages, and a function that gives the picture as an SVG file."""
    # Importing matplotlib takes most of a second, and pages of students need none of it.
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.rc_context():
        # A matplotlibrc of the machine must not change what a page looks like.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        # An SVG from matplotlib has 72 units to the inch.
        layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=2 / 72)
        figure = Figure(figsize=(width / 72, height / 72), layout=layout)
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(RULE)
        axes.tick_params(length=0, pad=6)

        def picture() -> str:
            target = io.StringIO()
            figure.savefig(target, format="svg", metadata={"Date": None})
            return target.getvalue()

        yield axes, picture


def _bars(axes: Axes, distribution: Distribution) -> None:
    from matplotlib.ticker import MaxNLocator

    bins = distribution.bins
    width = bins[0].high - bins[0].low
    axes.bar(
        [b.low + 0.06 * width for b in bins],
        [b.count for b in bins],
        width=0.88 * width,
        align="edge",
        color=FILL,
        zorder=2,
    )
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_ylim(0, max(2, 1.08 * max(b.count for b in bins)))
    axes.grid(axis="y", color=RULE, linewidth=0.8, zorder=1)
    axes.set_ylabel("submissions", labelpad=8)


def _points(axes: Axes, distribution: Distribution) -> None:
    """One point per submission, those of one bin on top of one another."""
    axes.scatter(
        list(distribution.values),
        distribution.heights,
        s=80,
        color=ACCENT,
        linewidths=0,
        zorder=4,
        clip_on=False,
    )
    axes.set_ylim(0, max(distribution.heights) + 0.8)
    axes.set_yticks([])
