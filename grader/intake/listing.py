"""Looks into a folder or an archive for what lies where, to tell a class from one submission."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from grader.assignment import Description
from grader.intake.folders import Entry, children_of, file_entry, folder_entries
from grader.intake.limits import (
    MAX_ENTRIES,
    MAX_LISTED,
    MAX_NESTED_ARCHIVE,
    MAX_NESTED_ARCHIVES,
    MAX_NESTED_STREAM,
    MAX_PARSED_TOTAL,
    MAX_SOURCE,
    IntakeError,
    Notes,
    UnreadableEntryError,
)
from grader.intake.locate import contracts_in, name_rank, overlap
from grader.intake.names import is_archive, is_set_aside, is_source
from grader.intake.source import outline
from grader.intake.tree import open_archive
from grader.intake.unpack import archive_entries


@dataclass(frozen=True)
class Child:
    """A file or folder; `path` leads to it from the root of the listing."""

    path: str
    is_folder: bool

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def may_be_submission(self) -> bool:
        return self.is_folder or is_archive(self.name) or is_source(self.name)


class Listing(Protocol):
    """A folder or archive that can be looked into."""

    def children(self, inside: str) -> list[Child]:
        """What lies directly in the place, by name."""

    def entries(self, child: Child) -> Iterator[Entry]:
        """The files at or under a child, by their paths from the root."""


def listing_of(path: Path, notes: Notes) -> Listing:
    """Open a folder or archive.

    Raises:
        IntakeError: it cannot be listed.
    """
    return _Folder(path, notes) if path.is_dir() else _Archive(path, notes)


class _Folder:
    def __init__(self, root: Path, notes: Notes) -> None:
        self._root = root
        self._notes = notes

    def children(self, inside: str) -> list[Child]:
        found = children_of(self._root / inside, self._notes)
        return [Child(posixpath.join(inside, name), is_folder) for name, is_folder in found]

    def entries(self, child: Child) -> Iterator[Entry]:
        if not child.is_folder:
            entry = file_entry(self._root / child.path)
            yield Entry(child.path, entry.size, entry.read)
            return
        for entry in folder_entries(self._root / child.path, Notes()):
            yield Entry(f"{child.path}/{entry.path}", entry.size, entry.read)


class _Archive:
    def __init__(self, path: Path, notes: Notes) -> None:
        self._path = path
        self._names = [entry.path for entry in open_archive(path, notes, most=MAX_LISTED)]

    def children(self, inside: str) -> list[Child]:
        start = inside + "/" if inside else ""
        found: dict[str, bool] = {}
        for name in self._names:
            if name.startswith(start):
                head, _, rest = name[len(start) :].partition("/")
                found[head] = found.get(head, False) or bool(rest)
        return [Child(start + name, is_folder) for name, is_folder in sorted(found.items())]

    def entries(self, child: Child) -> Iterator[Entry]:
        return open_archive(self._path, Notes(), (child.path,))


def contracts_under(listing: Listing, child: Child, about: Description) -> set[str]:
    """Which of the assignment's files lie at or under a child, archives in it opened.

    They are known by name; but a Python file that defines none of the names wanted is another file
    called the same. One that lies directly in the class is known by what it defines.
    """
    found: set[str] = set()
    wanted = {source.path for source in about.files}
    to_parse = MAX_PARSED_TOTAL
    for inner in _opened(islice(listing.entries(child), MAX_ENTRIES)):
        if is_set_aside(inner.path):
            continue
        named = {s.path for s in about.files if name_rank(inner.path, s) is not None}
        if inner.path.lower().endswith(".py") and (named or not child.is_folder):
            if not (named or wanted) - found or inner.size > to_parse:
                continue
            to_parse -= inner.size
            found |= _defined_in(inner, about, named)
        else:
            found |= named
    return found


def _opened(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries; for archives that can be read, as many as are opened, those in them."""
    opened = 0
    for entry in entries:
        if not is_archive(entry.path):
            yield entry
            continue
        opened += 1
        if opened > MAX_NESTED_ARCHIVES:
            continue
        try:
            file = io.BytesIO(entry.read(MAX_NESTED_ARCHIVE))
            inside = archive_entries(file, "", Notes(), stream=MAX_NESTED_STREAM)
            yield from islice(inside, MAX_ENTRIES)
        except (UnreadableEntryError, IntakeError):
            continue


def _defined_in(entry: Entry, about: Description, named: set[str]) -> set[str]:
    """The assignment's files whose contracts are in it, of those that its name allows, if any."""
    try:
        defined = outline(entry.read(MAX_SOURCE))
    except UnreadableEntryError:
        return set()
    if defined is None:
        return named
    return {
        source.path
        for source in about.files
        if (not named or source.path in named)
        and (overlap(defined, wanted := contracts_in(source, about)) or (named and not wanted))
    }
