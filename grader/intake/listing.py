"""Looks into a folder or an archive for what lies where, to tell a class from one submission."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from grader.assignment import Description
from grader.intake.folders import (
    Entry,
    children_of,
    file_entry,
    folder_entries,
    open_regular_file,
)
from grader.intake.limits import (
    MAX_CLASS_ARCHIVE,
    MAX_CLASS_DEPTH,
    MAX_ENTRIES,
    MAX_LISTED,
    MAX_LOOKED,
    MAX_LOOKED_INTO,
    MAX_NESTED_ARCHIVE,
    MAX_NESTED_ARCHIVES,
    MAX_NESTED_DEPTH,
    MAX_NESTED_STREAM,
    MAX_PARSED_TOTAL,
    MAX_SOURCE,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.locate import contracts_in, name_rank, overlap
from grader.intake.names import (
    MAGIC_BYTES,
    is_archive,
    is_archive_content,
    is_litter,
    is_set_aside,
    is_source,
    may_be_archive,
    meant_name,
)
from grader.intake.notebooks.source import outline
from grader.intake.platforms import handed_by, handed_in_class
from grader.intake.tree import open_archive
from grader.intake.unpack import archive_entries


@dataclass(frozen=True)
class Child:
    """A file or folder.

    Attributes:
        path: leads to it from the root of the listing.
        problem: why it cannot be read; empty for what can be.
    """

    path: str
    is_folder: bool
    problem: str = ""

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def may_be_submission(self) -> bool:
        return self.is_folder or self.may_be_archive or is_source(self.name)

    @property
    def may_be_archive(self) -> bool:
        """Does its name say so, or not say what it is?"""
        return (
            not self.is_folder
            and not self.problem
            and (is_archive(self.name) or may_be_archive(self.name))
        )


class Listing(Protocol):
    """A folder or archive that can be looked into.

    Attributes:
        path: the folder or archive on disk.
        within: paths of archives that lie in each other, if it is not that one itself.
    """

    path: Path
    within: tuple[str, ...]

    def children(self, inside: str) -> list[Child]:
        """What lies directly in the place, by name."""

    def entries(self, child: Child) -> Iterator[Entry]:
        """The files at or under a child, by their paths from the root."""

    def opened(self, child: Child) -> Listing:
        """An archive in it; raises IntakeError if it cannot be listed."""

    def packed(self, child: Child) -> Iterator[Entry]:
        """The entries of an archive in it, one by one; raises IntakeError likewise."""

    def cost(self, child: Child) -> int:
        """How many bytes have to be unpacked to come to an archive in it."""


def listing_of(path: Path, notes: Notes) -> Listing:
    """Open a folder or archive.

    Raises:
        IntakeError: it cannot be listed.
    """
    return _Folder(path) if path.is_dir() else _Archive(path, notes)


class _Folder:
    def __init__(self, root: Path) -> None:
        self.path = root
        self.within: tuple[str, ...] = ()

    def children(self, inside: str) -> list[Child]:
        return [
            Child(posixpath.join(inside, name), is_folder, problem)
            for name, is_folder, problem in children_of(self.path / inside)
        ]

    def entries(self, child: Child) -> Iterator[Entry]:
        if child.problem:
            return
        if not child.is_folder:
            entry = file_entry(self.path / child.path)
            yield Entry(child.path, entry.size, entry.read)
            return
        for entry in folder_entries(self.path / child.path, Notes()):
            yield Entry(f"{child.path}/{entry.path}", entry.size, entry.read)

    def opened(self, child: Child) -> Listing:
        return _Archive(self.path / child.path, Notes())

    def packed(self, child: Child) -> Iterator[Entry]:
        return open_archive(self.path / child.path, Notes(), most=MAX_LISTED)

    def cost(self, child: Child) -> int:
        return 0


class _Archive:
    """An archive; the members of a zip can be read in any order, those of a tar only in theirs."""

    def __init__(
        self, path: Path, notes: Notes, within: tuple[str, ...] = (), content: bytes | None = None
    ) -> None:
        self.path = path
        self.within = within
        self._problems: dict[str, str] = {}
        try:
            file: BinaryIO = (
                os.fdopen(open_regular_file(path), "rb") if content is None else io.BytesIO(content)
            )
        except UnreadableEntryError as error:
            raise IntakeError(f"{shown(str(path))}: {error}") from None
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        name = posixpath.basename(within[-1]) if within else path.name
        entries = archive_entries(
            file, shown(name), notes, most=MAX_LISTED, left_out=self._problems
        )
        # Entries of a tar would keep all of it, and cannot be read again.
        self._entries = {entry.path: entry if is_zip else None for entry in entries}

    def children(self, inside: str) -> list[Child]:
        start = inside + "/" if inside else ""
        found: dict[str, bool] = {}
        problems: dict[str, str] = {}
        for name in (*self._entries, *self._problems):
            if name.startswith(start):
                head, _, rest = name[len(start) :].partition("/")
                found[head] = found.get(head, False) or bool(rest)
                if not rest:
                    problems[head] = self._problems.get(name, "")
        found.pop("", None)
        return [
            # A folder is told of by its own member and by what lies in it.
            Child(start + name, is_folder, "" if is_folder else problems[name])
            for name, is_folder in sorted(found.items())
        ]

    def entries(self, child: Child) -> Iterator[Entry]:
        for path, entry in self._entries.items():
            if path == child.path or path.startswith(child.path + "/"):
                if entry is None:
                    yield from open_archive(self.path, Notes(), (child.path,), within=self.within)
                    return
                yield entry

    def opened(self, child: Child) -> Listing:
        within = (*self.within, child.path)
        return _Archive(self.path, Notes(), within, self._content(child))

    def packed(self, child: Child) -> Iterator[Entry]:
        content = io.BytesIO(self._content(child))
        return archive_entries(content, shown(child.name), Notes(), most=MAX_LISTED)

    def cost(self, child: Child) -> int:
        entry = self._entries.get(child.path)
        return entry.size if entry else self.path.stat().st_size

    def _content(self, child: Child) -> bytes:
        for entry in self.entries(child):
            if entry.path == child.path:
                try:
                    return entry.read(MAX_CLASS_ARCHIVE)
                except UnreadableEntryError as error:
                    raise IntakeError(f"{shown(child.path)}: {error}") from None
        raise IntakeError(f"{shown(child.path)}: is not in {shown(self.path.name)}")


@dataclass
class Looks:
    """How much may still be looked at to find classes in classes, and what was found.

    Attributes:
        unseen: names of archives that there was no room to look into.
    """

    left: int = MAX_LISTED
    bytes: int = MAX_LOOKED_INTO
    unseen: list[str] = field(default_factory=list)
    known: dict[tuple[Path, tuple[str, ...], str], bool] = field(default_factory=dict)


def holds_classes(listing: Listing, child: Child, looks: Looks, depth: int = 0) -> bool:
    """Is a folder or archive an export of a platform, or does it hold nothing but such?

    A platform names all that it puts into an export, so one entry that has another name is enough
    to say no.
    """
    key = (listing.path, listing.within, child.path)
    if key not in looks.known:
        looks.known[key] = _holds_classes(listing, child, looks, depth)
    return looks.known[key]


def _holds_classes(listing: Listing, child: Child, looks: Looks, depth: int) -> bool:
    if depth > MAX_CLASS_DEPTH or not (child.is_folder or child.may_be_archive):
        return False
    inside = child.path if child.is_folder else ""
    try:
        if not child.is_folder:
            looks.bytes -= 2 * listing.cost(child)
            if looks.bytes < 0:
                looks.unseen.append(child.name)
                return False
            if not all(_may_be_exports(e.path) for e in listing.packed(child)):
                return False
        place = listing if child.is_folder else listing.opened(child)
        children = place.children(inside)
    except IntakeError:
        return False
    named = handed_in_class(c.name for c in children)
    rest = [c for c in children if c.name not in named and not is_litter(c.name)]
    looks.left -= len(children)
    if looks.left < 0 or not (named or rest):
        return False
    return all(holds_classes(place, c, looks, depth + 1) for c in rest)


def _may_be_exports(path: str) -> bool:
    """May a file lie in an export or in an archive of such? Mostly the first of a student's not."""
    *_, name = parts = path.split("/")
    return (
        is_litter(name)
        or is_archive(name)
        or may_be_archive(name)
        or any(part.startswith("submission_") or handed_by(part) for part in parts)
    )


def contracts_under(listing: Listing, child: Child, description: Description) -> set[str]:
    """Which of the assignment's files lie at or under a child, archives in it opened.

    They are known by name; but a Python file that defines none of the names wanted is another file
    called the same. One that lies directly in the class is known by what it defines.
    """
    found: set[str] = set()
    wanted = {source.path for source in description.files}
    to_parse = MAX_PARSED_TOTAL
    entries = islice(listing.entries(child), MAX_ENTRIES)
    for inner in _opened(entries, Looks(MAX_NESTED_ARCHIVES, MAX_LOOKED)):
        path = meant_name(inner.path)
        if is_set_aside(path):
            continue
        named = {s.path for s in description.files if name_rank(path, s) is not None}
        if path.lower().endswith(".py") and (named or not child.is_folder):
            if not (named or wanted) - found or inner.size > to_parse:
                continue
            to_parse -= inner.size
            found |= _defined_in(inner, description, named)
        else:
            found |= named
    return found


def _opened(entries: Iterable[Entry], looks: Looks, depth: int = 0) -> Iterator[Entry]:
    """The entries; for archives that can be read, as many as are opened, those in them."""
    for entry in entries:
        is_named = is_archive(entry.path)
        if not is_named and not may_be_archive(entry.path):
            yield entry
            continue
        room = MAX_NESTED_ARCHIVE if is_named else min(looks.bytes, MAX_NESTED_ARCHIVE)
        if looks.left <= 0 or depth == MAX_NESTED_DEPTH or entry.size > room:
            continue
        looks.left -= is_named
        try:
            content = entry.read(room)
            if not is_archive_content(content[:MAGIC_BYTES]):
                looks.bytes -= len(content)
                continue
            looks.left -= not is_named
            inside = archive_entries(
                io.BytesIO(content), shown(entry.path), Notes(), stream=MAX_NESTED_STREAM
            )
            yield from _opened(islice(inside, MAX_ENTRIES), looks, depth + 1)
        except (UnreadableEntryError, IntakeError):
            continue


def _defined_in(entry: Entry, description: Description, named: set[str]) -> set[str]:
    """The assignment's files whose contracts are in it, of those that its name allows, if any."""
    try:
        defined = outline(entry.read(MAX_SOURCE))
    except UnreadableEntryError:
        return set()
    if defined is None:
        return named
    return {
        source.path
        for source in description.files
        if (not named or source.path in named)
        and (
            overlap(defined, wanted := contracts_in(source, description)) or (named and not wanted)
        )
    }
