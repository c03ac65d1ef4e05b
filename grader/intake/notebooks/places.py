"""Where a line of a module that was made of a notebook is in what the student handed in.

The modules are full of comments that say it: each is followed by the student's lines from there on.
A cell is named as people find it: by its place among all cells from 1, text included, and by the
number in `In [12]` where it was executed.
"""

from __future__ import annotations

import re

_MARK = re.compile(rb"#: (?P<where>.{1,300}), line (?P<line>\d{1,7})(?P<all>, all)?$")
_LOST = re.compile(rb"^#: (?P<name>\w+) is left out: (?P<reason>.{1,400})$", re.M)


def mark(where: str, line: int, whole: bool = False) -> str:
    """The comment before the lines of a statement.

    Args:
        where: file and cell.
        line: of the line that follows.
        whole: do all that follow belong to that line, since they were written anew?
    """
    return f"#: {where}, line {line}" + (", all" if whole else "")


def mark_lost(name: str, reason: str) -> str:
    """The comment that says why a name is not defined."""
    return f"#: {name} is left out: {reason}"


def original(content: bytes, line: int) -> str | None:
    """Where a line of a module was, as "part_a.ipynb, cell 7, line 3".

    Args:
        content: the module.
        line: from 1.

    Returns:
        None if the module was handed in as it is.
    """
    lines = content.split(b"\n")[:line]
    for above, text in enumerate(reversed(lines)):
        if text.rfind(b"#: ") >= 0 and (found := _MARK.search(text)):
            number = int(found["line"]) + (0 if found["all"] else max(above - 1, 0))
            return f"{found['where'].decode(errors='replace')}, line {number}"
    return None


def left_out(content: bytes, name: str) -> str | None:
    """Why a module does not define a name, as "part_a.ipynb, cell 7, line 3: invalid syntax"."""
    for found in _LOST.finditer(content):
        if found["name"] == name.encode():
            return found["reason"].decode(errors="replace")
    return None
