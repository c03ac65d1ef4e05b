"""How text and numbers from a result look to a reader.

Names, messages and output come from students' files. Escaping is the template's business; what is
removed here are characters that a browser obeys or hides instead of showing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from grader.marks.rounding import FINEST, rounded, written
from grader.marks.words import NO_VALUE, measured, number

__all__ = [
    "NO_VALUE",
    "clean",
    "count",
    "duration",
    "fixed",
    "marks",
    "measured",
    "moment",
    "name",
    "number",
    "percent",
]

_TERMINAL_CODE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_-])|\x9b[0-?]*[ -/]*[@-~]"
)
_LINE_END = re.compile("\r\n?|\u2028|\u2029|\x85")

_CONTROLS = [c for c in (*range(0x20), *range(0x7F, 0xA0)) if chr(c) not in "\t\n"]
_BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_OTHER_UNSEEN = [0xFEFF, 0xFFFE, 0xFFFF]
_DROPPED: dict[int, str | None] = dict.fromkeys([*_CONTROLS, *_BIDI, *_OTHER_UNSEEN])
# Half of a surrogate pair comes from a file name that is not UTF-8, and cannot be written as UTF-8.
_SHOWN = _DROPPED | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def clean(text: str) -> str:
    """The text without control characters, terminal codes and marks that change its direction.

    Tabs and line ends stay; every kind of line end becomes a line feed.
    """
    if text.isascii() and text.isprintable():
        return text
    return _LINE_END.sub("\n", _TERMINAL_CODE.sub("", text)).translate(_SHOWN)


def name(text: str) -> str:
    """A name on one line; says so when nothing of it can be seen."""
    return " ".join(clean(text).split()) or "(a name without visible characters)"


def marks(value: float | None, step: float = FINEST) -> str:
    """Marks, rounded half up to a step: `1.5`, `10`, `0.33`; a dash while undecided."""
    return NO_VALUE if value is None else written(value, step)


def column(value: float | None, decimals: int, step: float = FINEST) -> str:
    """Marks, rounded half up to a step, with this many decimals, so that they line up."""
    return NO_VALUE if value is None else f"{rounded(value, step):.{decimals}f}"


def fixed(value: float | None, decimals: int) -> str:
    """A number with this many decimals, so that a column of them lines up."""
    return NO_VALUE if value is None else f"{value:.{decimals}f}"


def percent(share: float | None) -> str:
    """A share between 0 and 1 as a percentage; only all is `100%` and only none is `0%`."""
    if share is None:
        return NO_VALUE
    rounded = round(100 * share)
    if 0 < share < 1:
        rounded = min(99, max(1, rounded))
    return f"{rounded}%"


def duration(seconds: float) -> str:
    """A time that a reader can compare at a glance: `0.04 s`, `3.2 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def moment(iso: str) -> str:
    """An ISO 8601 time to the minute, in UTC; any other text stays as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return clean(iso)
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    return when.strftime("%Y-%m-%d %H:%M UTC")


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 check`, `3 checks`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
