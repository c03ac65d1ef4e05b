"""Names that others chose: of members, of files and folders, and of students.

Everything here is text in, text out; nothing looks at a disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from grader.intake.limits import MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, is_visible

MAX_ID = 80
ARCHIVE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tar", ".tgz", ".tbz2", ".txz")
# They are seen, so that no student vanishes, but not read.
CLOSED_SUFFIXES = (".rar", ".7z")
SOURCE_SUFFIXES = (".py", ".ipynb")

_JUNK = frozenset(
    {
        "__macosx",
        "__pycache__",
        "venv",
        "site-packages",
        "node_modules",
        "desktop.ini",
        "thumbs.db",
    }
)
_SET_ASIDE = re.compile(
    r"(?:^|[^a-z])(?:originals?|templates?|starter|skeleton|handout|backups?|bak|old|archived?"
    r"|previous|unused|deprecated)(?:[^a-z]|$)"
)

# Moodle: "Jane Doe_12345_assignsubmission_file_", with the file's name after it where the teacher
# chose a download without folders. Canvas: "doejane_LATE_12345_67890_hw3.zip".
_MOODLE = re.compile(r"^(?P<who>.+_\d+)_assignsubmission_file_(?P<rest>.*)$")
_CANVAS = re.compile(r"^(?P<name>[^_\W][^_]*)(?:_LATE)?_(?P<id>\d+)_\d{3,}_(?P<rest>.+)$")
_MOODLE_TEXT = re.compile(r"^.+_\d+_assignsubmission_onlinetext_")
_GRADESCOPE = re.compile(r"^submission_\d+$")

# What browsers and file managers make of a name that is taken: "gan (1)", "gan - Copy (2)",
# "gan copy 2", "gan (copy)", and Canvas for a second upload: "gan-1".
_RENAMED = re.compile(
    r"^(?:copy of )?(?P<stem>.+?)"
    r"(?: ?\(\d+\)| ?- ?copy(?: ?\(\d+\))?| copy(?: \d+)?| \((?:another )?copy\)|-\d{1,2})?$"
)


class UnsafeNameError(Exception):
    """A member's name leads out of the submission; the message is the reason."""


class Handed(NamedTuple):
    """A name that a learning platform made: whose it is, and the student's own name for it."""

    who: str
    rest: str


def clean_path(raw: str) -> str:
    """A member's name as a relative path with forward slashes, one spelling for each place.

    Backslashes count as separators, as in zips made on Windows. Characters that cannot be seen or
    that turn the reading direction become underscores.

    Raises:
        UnsafeNameError: the name is absolute, has `..` in it, is too long, too deep or empty.
    """
    name = raw.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise UnsafeNameError("its name is an absolute path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeNameError("its name leads out of the submission")
    if len(parts) > MAX_DEPTH:
        raise UnsafeNameError(f"it lies more than {MAX_DEPTH} folders deep")
    parts = [_visible(part) for part in parts]
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise UnsafeNameError(f"its name is longer than {MAX_NAME_BYTES} bytes")
    if not parts:
        raise UnsafeNameError("its name is empty")
    path = "/".join(parts)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise UnsafeNameError(f"its path is longer than {MAX_PATH_BYTES} bytes")
    return path


def _visible(part: str) -> str:
    return "".join(character if is_visible(character) else "_" for character in part)


def is_junk(path: str) -> bool:
    """Does the path lie in what tools leave behind: hidden folders, caches, environments?"""
    return any(part.startswith(".") or part.lower() in _JUNK for part in path.split("/"))


def is_set_aside(path: str) -> bool:
    """Does the path lie in a folder for what does not count: backup, old, template and the like?"""
    return any(_SET_ASIDE.search(part.lower()) for part in path.split("/")[:-1])


def is_archive(name: str) -> bool:
    """Is it an archive by its name, readable or not?"""
    return name.lower().endswith((*ARCHIVE_SUFFIXES, *CLOSED_SUFFIXES))


def is_source(name: str) -> bool:
    """Is it a Python file or a notebook by its name?"""
    return name.lower().endswith(SOURCE_SUFFIXES)


def without_suffix(name: str) -> str:
    """The name without the suffix of an archive, a Python file or a notebook."""
    for suffix in (*ARCHIVE_SUFFIXES, *CLOSED_SUFFIXES, *SOURCE_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def renamed_from(name: str) -> str:
    """The name before a download changed it, in lower case: "GAN (1).py" becomes "gan.py"."""
    stem, dot, suffix = name.lower().rpartition(".")
    match = _RENAMED.match(stem)
    return f"{match['stem']}{dot}{suffix}" if match else name.lower()


def handed_by(name: str) -> Handed | None:
    """Whose a file or folder is, by the naming of Moodle, Canvas or Gradescope; None if by none."""
    if match := _MOODLE.match(name):
        return Handed(match["who"], match["rest"])
    if match := _CANVAS.match(name):
        return Handed(f"{match['name']}_{match['id']}", match["rest"])
    if _GRADESCOPE.match(name):
        return Handed(name, "")
    return None


def is_online_text(name: str) -> bool:
    """Is it what Moodle makes of a text typed into its form, beside the files?"""
    return bool(_MOODLE_TEXT.match(name))


def identifiers(names: Iterable[str]) -> list[str]:
    """Ids for submissions: readable, safe as file names anywhere, and unique in whatever case.

    Letters lose their accents, everything else outside `[A-Za-z0-9._-]` becomes an underscore. The
    second of two equal ids ends in -2, the third in -3.
    """
    taken: set[str] = set()
    result = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", plain)
        base = plain.strip("._-")[:MAX_ID].rstrip("._-") or "submission"
        candidate, count = base, 1
        while candidate.lower() in taken:
            count += 1
            ending = f"-{count}"
            candidate = base[: MAX_ID - len(ending)] + ending
        taken.add(candidate.lower())
        result.append(candidate)
    return result
