"""Reads folders whose contents may be anything: links, pipes, devices, loops, files without end."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from grader.intake.limits import (
    MAX_ENTRIES,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.names import UnsafeNameError, clean_path, is_junk

# Absent on Windows, where neither pipes in folders nor links without privilege exist.
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True)
class Entry:
    """One regular file of a folder or archive.

    Attributes:
        path: relative, with forward slashes, cleaned.
        size: bytes as stated; an archive may lie.
        read: gives the content if it has at most so many bytes, else raises UnreadableEntryError.
            A member of a tar can only be read before the next one is asked for.
    """

    path: str
    size: int
    read: Callable[[int], bytes]


class Found(NamedTuple):
    """What a folder holds; `problem` says why it cannot be read."""

    name: str
    is_folder: bool
    problem: str = ""


def children_of(folder: Path) -> list[Found]:
    """What lies in a folder, by name; what tools leave behind is passed over.

    Raises:
        IntakeError: the folder cannot be listed.
    """
    children = []
    try:
        with os.scandir(folder) as found:
            for child in found:
                if is_junk(child.name):
                    continue
                children.append(Found(child.name, *_kind(child)))
    except OSError as error:
        raise IntakeError(
            f"{shown(str(folder))}: cannot be listed: {error.strerror}; check its permissions"
        ) from None
    return sorted(children)


def _kind(child: os.DirEntry[str]) -> tuple[bool, str]:
    """Whether it is a folder, and why it cannot be read."""
    if child.is_symlink():
        return False, (
            "is a link to another place, and links are not followed; put a copy of what it leads "
            "to in its stead"
        )
    is_folder = child.is_dir(follow_symlinks=False)
    if is_folder or child.is_file(follow_symlinks=False):
        return is_folder, ""
    return False, "is neither a file nor a folder, but a pipe, a socket or a device; take it away"


def folder_entries(folder: Path, notes: Notes) -> Iterator[Entry]:
    """The regular files under a folder, the shallow ones first, then by name.

    Links are not followed and pipes, sockets and devices not opened; a note tells of each. What
    tools leave behind (`.git`, `__pycache__`, `__MACOSX`, ...) is passed over in silence.
    """
    seen = 0
    queue = deque([folder])
    while queue:
        current = queue.popleft()
        try:
            with os.scandir(current) as found:
                children = sorted(islice(found, MAX_ENTRIES + 1), key=lambda child: child.name)
        except OSError as error:
            notes.add(f"{_inside(current, folder)}: cannot be listed: {error.strerror}; left out")
            continue
        for child in children:
            if is_junk(child.name):
                continue
            seen += 1
            if seen > MAX_ENTRIES:
                notes.add(f"more than {MAX_ENTRIES} files and folders; the rest was not looked at")
                return
            path = Path(child.path)
            name = _inside(path, folder)
            try:
                info = child.stat(follow_symlinks=False)
                clean = clean_path(os.fsencode(path.relative_to(folder)).decode(errors="replace"))
            except OSError as error:
                notes.add(f"{name}: cannot be read: {error.strerror}; left out")
            except UnsafeNameError as error:
                notes.add(f"{name}: {error}; left out")
            else:
                if stat.S_ISDIR(info.st_mode):
                    queue.append(path)
                elif stat.S_ISREG(info.st_mode):
                    yield Entry(clean, info.st_size, partial(read_regular_file, path))
                elif stat.S_ISLNK(info.st_mode):
                    notes.add(f"{name}: is a symbolic link; left out")
                else:
                    notes.add(f"{name}: is neither a file nor a folder; left out")


def file_entry(path: Path) -> Entry:
    """A single file as an entry; what it is shows when it is read."""
    name = os.fsencode(path.name).decode(errors="replace")
    try:
        return Entry(clean_path(name), path.lstat().st_size, partial(read_regular_file, path))
    except OSError as error:
        raise IntakeError(f"{shown(str(path))}: cannot be read: {error.strerror}") from None
    except UnsafeNameError as error:
        raise IntakeError(f"{shown(str(path))}: {error}; rename it") from None


def open_regular_file(path: Path) -> int:
    """A file descriptor, of a regular file only, without waiting for anything.

    Raises:
        UnreadableEntryError: it is a link, a pipe, a device, or may not be read.
    """
    try:
        # Opening a device can have effects of its own, so it is looked at before and after.
        if not stat.S_ISREG(path.lstat().st_mode):
            raise UnreadableEntryError("is not a regular file")
        descriptor = os.open(path, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableEntryError(f"cannot be read: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableEntryError("is not a regular file")
    return descriptor


def read_regular_file(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        UnreadableEntryError: it is larger, is not a regular file, or cannot be read.
    """
    try:
        with os.fdopen(open_regular_file(path), "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UnreadableEntryError(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise UnreadableEntryError(f"is larger than {limit} bytes")
    return content


def _inside(path: Path, folder: Path) -> str:
    return shown(path.relative_to(folder).as_posix())
