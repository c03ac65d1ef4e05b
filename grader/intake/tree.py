"""The files of one submission, in memory, whether it came as a folder, an archive or a file."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader.intake.cells import slim
from grader.intake.folders import (
    Entry,
    file_entry,
    folder_entries,
    open_regular_file,
)
from grader.intake.limits import (
    MAX_COMPANION,
    MAX_ENTRIES,
    MAX_NESTED_ARCHIVE,
    MAX_NESTED_ARCHIVES,
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
from grader.intake.names import handed_by, is_archive
from grader.intake.unpack import archive_entries

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
    """

    id: str
    path: Path
    members: tuple[str, ...] = ()


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
    archives_opened: int = 0


def read_tree(candidate: Candidate, notes: Notes) -> Tree:
    """Read a candidate's files as far as they can be of use, under the limits.

    Archives in it are opened; archives in those are not.

    Raises:
        IntakeError: the path is missing, is a damaged archive, or of a kind that is not read.
    """
    tree = Tree()
    for entry in _entries(candidate, notes):
        _take(tree, entry, notes, nested=False)
        if tree.bytes_read > MAX_READ:
            notes.add(f"more than {MAX_READ // MIB} MiB of files; the rest was not read")
            break
    return tree


def open_archive(
    path: Path, notes: Notes, only: tuple[str, ...] = (), most: int = MAX_ENTRIES
) -> Iterator[Entry]:
    """The entries of an archive on disk, named in messages by its file name.

    Raises:
        IntakeError: it cannot be opened, or is damaged.
    """
    try:
        file = os.fdopen(open_regular_file(path), "rb")
    except UnreadableEntryError as error:
        raise IntakeError(f"{shown(str(path))}: {error}") from None
    with file:
        yield from archive_entries(file, shown(path.name), notes, only, most)


def _entries(candidate: Candidate, notes: Notes) -> Iterator[Entry]:
    path, members = candidate.path, candidate.members
    if path.is_dir():
        if not members:
            yield from folder_entries(path, notes)
        for member in members:
            if (path / member).is_dir():
                yield from folder_entries(path / member, notes)
            else:
                entry = file_entry(path / member)
                yield Entry(_own_path(entry.path, (entry.path,)), entry.size, entry.read)
    elif is_archive(path.name):
        for entry in open_archive(path, notes, members):
            yield Entry(_own_path(entry.path, members), entry.size, entry.read)
    else:
        entry = file_entry(path)
        yield Entry(_own_path(entry.path, (entry.path,)), entry.size, entry.read)


def _own_path(path: str, members: tuple[str, ...]) -> str:
    """The path as the student had it, without what the platform put before it."""
    for member in members:
        if path.startswith(member + "/"):
            return path[len(member) + 1 :]
        if path == member:
            name = posixpath.basename(path)
            handed = handed_by(name)
            return handed.rest if handed and handed.rest else name
    return path


def _take(tree: Tree, entry: Entry, notes: Notes, nested: bool) -> None:
    path = entry.path
    if is_archive(path):
        if nested:
            notes.add(f"{shown(path)}: is an archive within an archive; not opened")
        else:
            _take_archive(tree, entry, notes)
        return
    suffix = posixpath.splitext(path)[1].lower()
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
    if path in tree.files:
        notes.add(f"{shown(path)}: is there more than once; the last one counts, as when unpacking")
    tree.files[path] = content
    tree.bytes_read += len(content)


def _take_archive(tree: Tree, entry: Entry, notes: Notes) -> None:
    path = entry.path
    tree.archives_opened += 1
    try:
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
            _take(tree, Entry(f"{path}/{inner.path}", inner.size, inner.read), notes, nested=True)
    except UnreadableEntryError as error:
        notes.add(f"{shown(path)}: {error}; left out")
        tree.unread.append(path)
    except IntakeError as error:
        notes.add(f"{error}; left out")
        tree.unread.append(path)
