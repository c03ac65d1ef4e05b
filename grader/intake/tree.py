"""The files of one submission, in memory, whether it came as a folder, an archive or a file."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from grader.intake.folders import (
    Entry,
    file_entry,
    folder_entries,
    open_regular_file,
)
from grader.intake.limits import (
    MAX_CLASS_ARCHIVE,
    MAX_COMPANION,
    MAX_ENTRIES,
    MAX_LISTED,
    MAX_LOOKED,
    MAX_NESTED_ARCHIVE,
    MAX_NESTED_ARCHIVES,
    MAX_NESTED_DEPTH,
    MAX_NESTED_STREAM,
    MAX_NOTEBOOK,
    MAX_READ,
    MAX_SOURCE,
    MAX_WEIGHTS,
    MIB,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.names import (
    MAGIC_BYTES,
    is_archive,
    is_archive_content,
    is_source,
    may_be_archive,
    meant_name,
)
from grader.intake.notebooks.cells import slim
from grader.intake.unpack import archive_entries
from grader.results import Handed

# What runs leave and what is read here, and how large it may be.
LIMITS = {
    ".py": MAX_SOURCE,
    ".ipynb": MAX_NOTEBOOK,
    ".json": MAX_COMPANION,
    ".txt": MAX_COMPANION,
    ".csv": MAX_COMPANION,
    ".npy": MAX_COMPANION,
    ".safetensors": MAX_WEIGHTS,
}
# Code needs none of these; of all others it may need any.
_DOCUMENTS = frozenset(
    {
        *(".pdf", ".doc", ".docx", ".odt", ".ppt", ".pptx", ".tex", ".md", ".html", ".pyc"),
        *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".mp3", ".wav", ".exe", ".dll", ".dmg"),
    }
)


@dataclass(frozen=True)
class Candidate:
    """One submission as given on the command line.

    Attributes:
        id: unique in the batch, safe as a file name.
        path: a folder, an archive, a Python file or a notebook.
        members: where the path holds several submissions (an archive of a class, a flat folder as
            Canvas makes it), the files and folders in it that belong to this one; else empty.
        within: where the members lie in an archive in the path, the paths that lead to it.
        own_names: what the student called each of the members, or the path if there are none;
            empty for a folder. None given: what they are called.
        name: whose it is, to be shown.
        handed: what the platform's names say; None where no platform named it.
        key: what the person is known by when the class is given again.
        notes: what was decided when it was found.
        doubts: what could not be decided then.
        problem: why it cannot be read, if that is known already.
        in_class: whether it was found in a class, not given by its own path.
    """

    id: str
    path: Path
    members: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    name: str = ""
    handed: Handed | None = None
    key: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    problem: str = ""
    in_class: bool = False


@dataclass
class Tree:
    """What was read.

    Attributes:
        files: contents by cleaned relative path. The path of a file from an archive within the
            submission starts with the archive's path.
        unread: paths of the files whose kind is of no use here, or that could not be read.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    bytes_read: int = 0
    looked: int = 0
    archives_opened: int = 0


def read_tree(candidate: Candidate, notes: Notes) -> Tree:
    """Read a candidate's files as far as they can be of use, under the limits.

    Archives in it are opened, and those in them, up to MAX_NESTED_DEPTH.

    Raises:
        IntakeError: the path is missing, is a damaged archive, or of a kind that is not read.
    """
    if candidate.problem:
        raise IntakeError(f"{candidate.name or shown(candidate.path.name)}: {candidate.problem}")
    tree = Tree()
    for entry in _entries(candidate, notes):
        _take(tree, entry, notes, 0)
        if tree.bytes_read > MAX_READ:
            notes.add(f"more than {MAX_READ // MIB} MiB of files; the rest was not read")
            break
    return tree


def open_archive(
    path: Path,
    notes: Notes,
    only: tuple[str, ...] = (),
    most: int = MAX_ENTRIES,
    *,
    within: tuple[str, ...] = (),
    left_out: dict[str, str] | None = None,
) -> Iterator[Entry]:
    """The entries of an archive on disk, or within one, named in messages by its file name.

    Raises:
        IntakeError: it cannot be opened, or is damaged.
    """
    if within:
        name = posixpath.basename(within[-1])
        content = io.BytesIO(_nested(path, path.stat().st_mtime_ns, within))
        yield from archive_entries(content, shown(name), notes, only, most, left_out=left_out)
        return
    try:
        file = os.fdopen(open_regular_file(path), "rb")
    except UnreadableEntryError as error:
        raise IntakeError(f"{shown(str(path))}: {error}") from None
    with file:
        yield from archive_entries(file, shown(path.name), notes, only, most, left_out=left_out)


@lru_cache(maxsize=1)  # the submissions of one class come one after the other
def _nested(path: Path, changed: int, within: tuple[str, ...]) -> bytes:
    """An archive within an archive; `changed` tells versions of the file on disk apart."""
    *outer, last = within
    for entry in open_archive(path, Notes(), (last,), MAX_LISTED, within=tuple(outer)):
        if entry.path == last:
            try:
                return entry.read(MAX_CLASS_ARCHIVE)
            except UnreadableEntryError as error:
                raise IntakeError(
                    f"{shown(last)} in {shown(path.name)}: {error}; unpack {shown(path.name)} and "
                    "give the folder"
                ) from None
    raise IntakeError(f"{shown(last)}: is not in {shown(path.name)}")


def is_archive_file(path: Path) -> bool:
    """Is a file on disk an archive, by its name or, where that does not tell, by its content?"""
    if is_archive(path.name):
        return True
    try:
        with os.fdopen(open_regular_file(path), "rb") as file:
            return is_archive_content(file.read(MAGIC_BYTES)) and (
                may_be_archive(path.name) or is_source(path.name)
            )
    except (UnreadableEntryError, OSError):
        return False


def _entries(candidate: Candidate, notes: Notes) -> Iterator[Entry]:
    path, members = candidate.path, candidate.members
    own = dict(zip(members, candidate.own_names, strict=False))
    if path.is_dir():
        if not members:
            yield from folder_entries(path, notes)
        for member in members:
            if (path / member).is_dir():
                yield from folder_entries(path / member, notes)
            else:
                entry = file_entry(path / member)
                name = own.get(member) or entry.path
                yield Entry(name, entry.size, entry.read)
    elif members or is_archive_file(path):
        for entry in open_archive(path, notes, members, within=candidate.within):
            yield Entry(_own_path(entry.path, own), entry.size, entry.read)
    else:
        entry = file_entry(path)
        name = next(iter(candidate.own_names), "") or entry.path
        yield Entry(name, entry.size, entry.read)


def _own_path(path: str, own: Mapping[str, str]) -> str:
    """The path as the student had it, without what the platform put before it."""
    if path in own:
        return own[path] or posixpath.basename(path)
    for member in own:
        if path.startswith(member + "/"):
            return path[len(member) + 1 :]
    return path


def _take(tree: Tree, entry: Entry, notes: Notes, depth: int) -> None:
    path = meant_name(entry.path)
    if is_archive(path):
        _take_archive(tree, entry, notes, depth)
        return
    suffix = posixpath.splitext(path)[1].lower()
    if suffix not in LIMITS and may_be_archive(path):
        looked = _look(tree, entry)
        entry = Entry(entry.path, len(looked), lambda limit: looked) if looked else entry
        if is_archive_content(looked[:MAGIC_BYTES]):
            notes.add(f"{shown(path)}: an archive, though its name does not say so")
            _take_archive(tree, entry, notes, depth)
            return
    if suffix in _DOCUMENTS:
        tree.unread.append(path)
        return
    limit = LIMITS.get(suffix, MAX_COMPANION)
    try:
        if entry.size > limit:
            clear = ", but its outputs can be cleared" if path.lower().endswith(".ipynb") else ""
            raise UnreadableEntryError(f"is larger than {limit // MIB} MiB{clear}")
        content = slim(entry.read(limit))
    except UnreadableEntryError as error:
        notes.add(f"{shown(path)}: {error}; left out")
        tree.unread.append(path)
        return
    if path != entry.path:
        notes.add(f"{shown(entry.path)}: read as {shown(posixpath.basename(path))}")
        if path in tree.files:
            path = entry.path
    if path in tree.files:
        notes.add(f"{shown(path)}: is there more than once; the last one counts, as when unpacking")
    tree.files[path] = content
    tree.bytes_read += len(content)


def _look(tree: Tree, entry: Entry) -> bytes:
    """What is in a file without a suffix, since it may be an archive; nothing if it is too much."""
    room = min(MAX_NESTED_ARCHIVE, MAX_LOOKED - tree.looked)
    try:
        content = entry.read(room) if entry.size <= room else b""
    except UnreadableEntryError:
        content = b""
    tree.looked += len(content)
    return content


def _take_archive(tree: Tree, entry: Entry, notes: Notes, depth: int) -> None:
    path = entry.path
    try:
        if depth == MAX_NESTED_DEPTH:
            raise UnreadableEntryError(
                f"is an archive within an archive, more than {MAX_NESTED_DEPTH} deep"
            )
        tree.archives_opened += 1
        if tree.archives_opened > MAX_NESTED_ARCHIVES:
            # Each may be small and yet take seconds to unpack.
            raise UnreadableEntryError(f"is one of more than {MAX_NESTED_ARCHIVES} archives")
        if entry.size > MAX_NESTED_ARCHIVE:
            raise UnreadableEntryError(f"is larger than {MAX_NESTED_ARCHIVE // MIB} MiB")
        content = entry.read(MAX_NESTED_ARCHIVE)
        tree.bytes_read += len(content)
        inside = archive_entries(io.BytesIO(content), shown(path), notes, stream=MAX_NESTED_STREAM)
        for inner in inside:
            if tree.bytes_read > MAX_READ:
                break
            _take(tree, Entry(f"{path}/{inner.path}", inner.size, inner.read), notes, depth + 1)
    except UnreadableEntryError as error:
        notes.add(f"{shown(path)}: {error}; left out")
        tree.unread.append(path)
    except IntakeError as error:
        notes.add(f"{error}; left out")
        tree.unread.append(path)
