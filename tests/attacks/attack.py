"""What an attack is: a submission as data, what it tries, and what must hold when it is graded."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from grader.wall.isolation import WallKind

# A hostile file prints this when it got what it wanted.
BREACH = "BREACH"

# Right answers, so that a mark that is lost was lost by the attack alone.
HONEST: Mapping[str, str] = {
    "mean.py": "def mean(x):\n    return x.mean(dim=1)\n",
    "total.py": "def total(x):\n    return x.sum()\n",
}

# Handed in beside every attack: says what worked and lets what was refused pass.
TOOLS = '''
"""What attackers share."""

import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
MARKER = "@MARKER@"


def breach(what):
    print("BREACH", what, flush=True)


def attempt(what, function, *args, **kwargs):
    """Call it; that it works at all is a breach."""
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        print("refused:", what, type(error).__name__, flush=True)
        return None
    breach(f"{what}: {str(result)[:300]}")
    return result


def read(path):
    with open(path, "rb") as file:
        return file.read(4096)


def system_call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def once(function):
    """A contract that attacks when it is first called, and gives no answer."""
    done = []

    def contract(x):
        if not done:
            done.append(1)
            function(x)
        return None

    return contract
'''

Both = Literal["bubblewrap", "landlock"]
Marks = tuple[float | None, float | None]
Pack = Callable[[Path], Path]


@dataclass(frozen=True)
class Attack:
    """One hostile submission.

    Attributes:
        name: its id in the batch.
        tries: what it tries, as the documentation says it.
        stopped_by: what stops it, for both walls or for each.
        files: the submission; @NAME@ in a text stands for a path of the setting.
        pack: for an archive: writes it into a folder and returns its path.
        marks: what q1.1 (of 4) and q1.2 (of 3) must earn.
        says: a regular expression that the report must match.
        status: what the result must say.
        walls: behind which it is tried.
        runs: "smoke" or "submitted" for what attacks with a training run; `says` is then looked for
            in what each case of the run says.
        needs_other_user: stopped only where cells run as users of their own, which takes root.
    """

    name: str
    tries: str
    stopped_by: str | Mapping[Both, str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    pack: Pack | None = None
    marks: Marks = (4, 0)
    says: str = ""
    status: str = "graded"
    walls: tuple[WallKind, ...] = ("bubblewrap", "landlock")
    not_stopped: str = ""
    runs: Literal["", "smoke", "submitted"] = ""

    def stops(self, wall: Both) -> str:
        """What stops it behind this wall, in the words of the documentation."""
        return self.stopped_by if isinstance(self.stopped_by, str) else self.stopped_by[wall]

    def write(self, parent: Path, places: Mapping[str, str]) -> Path:
        """Put it into the folder of a class; the path of the submission."""
        if self.pack is not None:
            return self.pack(parent)
        folder = parent / self.name
        for name, content in {**HONEST, "tools.py": TOOLS, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                text = textwrap.dedent(content).lstrip("\n")
                for word, place in places.items():
                    text = text.replace(f"@{word}@", place)
                content = text.encode("utf-8", "surrogatepass")
            path.write_bytes(content)
        return folder


def in_total(
    name: str,
    tries: str,
    stopped_by: str | Mapping[Both, str],
    code: str,
    *,
    says: str = "",
    marks: Marks = (4, 0),
    walls: tuple[WallKind, ...] = ("bubblewrap", "landlock"),
    not_stopped: str = "",
    **more: str | bytes,
) -> Attack:
    """An attack in `total.py`, which defines `total`; `mean.py` beside it is right."""
    text = "from tools import *\n\n" + textwrap.dedent(code).lstrip("\n")
    files: dict[str, str | bytes] = {"total.py": text}
    files.update({name.replace("__", "."): content for name, content in more.items()})
    return Attack(
        name,
        tries,
        stopped_by,
        files,
        marks=marks,
        says=says,
        walls=walls,
        not_stopped=not_stopped,
    )
