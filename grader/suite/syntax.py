"""Syntax that a newer Python than the grading one reads."""

from __future__ import annotations

import re
import sys

# Of each version, what its new syntax looks like, and what an older Python says of it.
NEWER: tuple[tuple[tuple[int, int], re.Pattern[str]], ...] = (
    ((3, 11), re.compile(r"^\s*except\s*\*")),
    ((3, 12), re.compile(r"^\s*type\s+\w+\s*(\[.*\])?\s*=")),
    ((3, 12), re.compile(r"^\s*(async\s+)?(def|class)\s+\w+\s*\[")),
    ((3, 13), re.compile(r"^\s*(async\s+)?(def|class)\s+\w+\s*\[[^\]]*=")),
    ((3, 14), re.compile(r"""(?<![\w'"])(t|tr|rt)(?=['"])""", re.IGNORECASE)),
    ((3, 14), re.compile(r"^\s*except\s+[\w.]+\s*,\s*[\w.]+(\s*,\s*[\w.]+)*\s*:")),
)
# An f-string whose own quotes come again within its braces, and what else was refused there.
NESTED_QUOTES = re.compile(r"""(?<!\w)(?:f|rf|fr)(['"])[^'"]*\{[^}]*\1""", re.IGNORECASE)
NOT_IN_F_STRINGS = re.compile("f-string expression part cannot include")


def grading_python() -> str:
    """The version that reads submissions, as `3.11`."""
    return ".".join(map(str, sys.version_info[:2]))


def newer_python(line: str, message: str) -> str:
    """The version from which on a line can be read, as `3.12`; nothing if none is known.

    Args:
        line: where the grading Python found a syntax error.
        message: what it said.
    """
    found = [version for version, pattern in NEWER if pattern.search(line)]
    if NESTED_QUOTES.search(line) or NOT_IN_F_STRINGS.search(message):
        found.append((3, 12))
    later = [version for version in found if version > sys.version_info[:2]]
    return ".".join(map(str, max(later))) if later else ""
