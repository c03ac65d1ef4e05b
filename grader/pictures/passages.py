"""Draws texts that a language model wrote."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from grader.pictures.canvas import INK, MARGIN, MUTED, TITLE, new_figure, png, sentence, styled

# A name, the text that was given, and the text that follows it.
Passage = tuple[str, str, str]

WIDTH = 6.4
POINTS = 8.0
COLUMNS = 84
# Width of a letter of DejaVu Sans Mono, in its size.
ADVANCE = 0.602
MOST_LINES = 60
MOST_PASSAGES = 8


def passages(texts: Sequence[Passage], *, title: str) -> bytes:
    """Texts below each other, each with its name, in letters of one width, as a PNG file.

    What was given is grey, what follows it is black. Line breaks are kept, long lines are wrapped,
    and characters that cannot be printed are shown as a dot. A text of more than 60 lines is cut.
    """
    shown = list(texts)[:MOST_PASSAGES]
    if not shown:
        return sentence(WIDTH, title, "Nothing to draw: there is no text.")
    blocks = [(name, _lines(given, following)) for name, given, following in shown]
    step = POINTS * 1.35 / 72
    across = POINTS * ADVANCE / 72
    rows = sum(len(lines) + 2 for _, lines in blocks)
    height = rows * step + TITLE * 1.6 / 72 + 2 * MARGIN
    with styled():
        figure = new_figure(WIDTH, height, title)
        down = height - TITLE * 1.6 / 72 - MARGIN - step
        for name, lines in blocks:
            figure.text(
                MARGIN / WIDTH, down / height, name, fontsize=POINTS + 1, fontweight="bold",
                color=INK,
            )  # fmt: skip
            down -= step
            for line in lines:
                for start, words, is_given in line:
                    figure.text(
                        (MARGIN + start * across) / WIDTH, down / height, words,
                        family="DejaVu Sans Mono", fontsize=POINTS,
                        color=MUTED if is_given else INK,
                    )  # fmt: skip
                down -= step
            down -= step
        return png(figure)


def _lines(given: str, following: str) -> list[list[tuple[int, str, bool]]]:
    """Lines of pieces: the column where each begins, its letters, whether they were given."""
    text = "".join(c if c.isprintable() or c == "\n" else "·" for c in given + following)
    lines: list[list[tuple[int, str, bool]]] = []
    at = 0
    for paragraph in text.split("\n"):
        for piece in _wrapped(paragraph):
            cut = min(max(len(given) - at, 0), len(piece))
            halves = [(0, piece[:cut], True), (cut, piece[cut:], False)]
            lines.append([half for half in halves if half[1].strip()])
            at += len(piece)
        at += 1  # the line break
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], [(0, "…", False)]]
    return lines


def _wrapped(paragraph: str) -> list[str]:
    """The paragraph in pieces that fit into a line; together they are the paragraph."""
    return textwrap.wrap(
        paragraph, COLUMNS, drop_whitespace=False, replace_whitespace=False, expand_tabs=False
    ) or [""]
