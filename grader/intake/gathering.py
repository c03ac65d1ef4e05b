"""A file of the assignment whose functions are in several of the student's files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Each file stays a module of its own, so that helpers of one name do not meet; what a file lacks
# it finds in the first one, as it would in the notebook that both are parts of.
_GATHERED = """

# What other files that were handed in define of this one.
import os as _os
import sys as _sys

for _module, _folder, _names in {found!r}:
    _sys.path.append(_os.path.join(_os.path.dirname(_os.path.abspath(__file__)), _folder))
    _there = __import__(_module)
    for _name, _value in list(globals().items()):
        _there.__dict__.setdefault(_name, _value)
    for _name, _replaces in _names.items():
        if hasattr(_there, _name) and (_replaces or _name not in globals()):
            globals()[_name] = getattr(_there, _name)
"""


@dataclass(frozen=True)
class Part:
    """Names that are taken from another file.

    Attributes:
        path: of that file.
        names: each with whether it replaces one that is there and is not filled in.
    """

    path: str
    names: Mapping[str, bool]

    @property
    def module(self) -> str:
        """The path of the module that it becomes."""
        stem = re.sub(r"\W", "_", posixpath.splitext(posixpath.basename(self.path))[0])
        ascii_only = stem.encode("ascii", "replace").decode().replace("?", "_")
        return posixpath.join(posixpath.dirname(self.path), f"_from_{ascii_only}.py")


def gathered(folder: str, parts: Collection[Part]) -> bytes:
    """What is put below a module so that it has the names of the other files too.

    Args:
        folder: that the module lies in.
        parts: the other files.
    """
    if not parts:
        return b""
    found = [
        (
            posixpath.basename(part.module).removesuffix(".py"),
            posixpath.relpath(posixpath.dirname(part.path) or ".", folder or "."),
            dict(part.names),
        )
        for part in parts
    ]
    return _GATHERED.format(found=found).encode("ascii", "backslashreplace")
