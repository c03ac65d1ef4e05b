"""What is not Python in a cell: magics, shell lines, and cells that belong to another process."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The rest of such a cell is not Python, or belongs to another process.
_FOREIGN_CELL = re.compile(
    r"\s*%%(?:bash|sh|script|html|javascript|js|latex|markdown|perl|ruby|svg|writefile|file|cmd)\b"
)
# The rest of this one is a file.
_FILE_CELL = re.compile(
    r"\s*%%(?:writefile|file)[ \t]+(?P<append>-a[ \t]+)?(?P<path>\S+)[ \t]*(?:\n|$)"
)
_MAGIC_LINE = re.compile(r"(?P<indent>\s*)(?:[%!?]|[\w.]+\s*=\s*[%!]|[\w.]+\?{1,2}\s*$)")
_BY_COMMAND = (
    "cd|pwd|ls|ll|cat|cp|mv|rm|rmdir|mkdir|man|less|more|head|tail|touch|echo|wget|curl|unzip|tar|git"
    "|pip|pip3|conda|mamba|python|python3|apt|apt-get|nvidia-smi|env|matplotlib|pylab|load_ext"
    "|reload_ext|autoreload|config|run|load|time|timeit|who|whos|reset|history|precision|tensorboard"
)
# What notebooks take for a magic though nothing marks it: `cd A3`, `pip install x`.
_AUTOMAGIC_LINE = re.compile(rf"(?P<indent>)(?:{_BY_COMMAND})(?:[ \t]+[^\s=(.,:\[+*/|&<>].*)?$")
_RUN_LINE = re.compile(
    r"(?P<indent>\s*)%run[ \t]+(?:-\w+[ \t]+)*[\"']?(?:\S*/)?(?P<stem>[A-Za-z_]\w*)"
    r"(?:\.ipynb|\.py)?[\"']?[ \t]*$"
)


@dataclass(frozen=True)
class WrittenFile:
    """A file that a cell writes.

    Attributes:
        path: as the cell names it.
        body: what the cell writes.
        appends: is it added to what an earlier cell wrote?
        before: lines of the cell before the body.
    """

    path: str
    body: str
    appends: bool
    before: int

    @property
    def module(self) -> str:
        """Under which name it is imported; empty if it is not Python."""
        name = self.path.rsplit("/", 1)[-1]
        stem = name.removesuffix(".py")
        return stem if stem != name and stem.isidentifier() else ""


def written_file(cell: str) -> WrittenFile | None:
    """The file that the cell writes, if it is of that kind."""
    match = _FILE_CELL.match(cell)
    if match is None:
        return None
    path = match["path"].strip("\"'").replace("\\", "/").removeprefix("./")
    before = match[0].count("\n")
    return WrittenFile(path, cell[match.end() :], match["append"] is not None, before)


def is_foreign(cell: str) -> bool:
    """Is the cell not Python of this process?"""
    return _FOREIGN_CELL.match(cell) is not None


def has_magics(text: str) -> bool:
    return any(_MAGIC_LINE.match(line) for line in text.split("\n"))


def without_magics(cell: str, automagic: bool = False) -> str:
    """The cell with `pass` in the place of each magic and shell line, continued ones included.

    What `%run` runs is imported instead. No line moves.

    Args:
        cell: the source.
        automagic: leave out `cd A3` and the like too, which may be Python within a string.
    """
    lines, continued = [], False
    for line in cell.split("\n"):
        match = _MAGIC_LINE.match(line) or (_AUTOMAGIC_LINE.match(line) if automagic else None)
        if continued:
            lines.append("")
        elif run := _RUN_LINE.match(line):
            lines.append(f"{run['indent']}from {run['stem']} import *")
        else:
            lines.append(f"{match['indent']}pass" if match else line)
        continued = (continued or match is not None) and line.rstrip().endswith("\\")
    return "\n".join(lines)
