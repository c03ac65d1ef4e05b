"""Cells of a CSV file that a spreadsheet takes for text and numbers, never for formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from grader.marks.rounding import written
from grader.report import display

# A cell that starts so is a formula to Excel, LibreOffice or Google Sheets; the last four are what
# some of them make of the full-width forms.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANK_STARTS = ("\t", "\r", "\n")
# What can be earned is shown as the assignment states it.
_FINEST = 0.0001


def text(value: str) -> str:
    """Text from a student as one line; an apostrophe before what a spreadsheet would compute."""
    shown = " ".join(display.clean(value).split())
    # Asked of the text as it came, too: what starts with a tab or a line end was made to do so.
    if shown.startswith(_FORMULA_STARTS) or (shown and value.startswith(_BLANK_STARTS)):
        return f"'{shown}"
    return shown


def marks(value: float | None, step: float = _FINEST) -> str:
    """Marks in plain notation, rounded half up to a step; empty for None."""
    return "" if value is None else written(value, step)


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file: UTF-8 without a byte order mark, commas, CRLF as RFC 4180 has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
