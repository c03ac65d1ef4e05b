"""Measures and removes a folder in which student code could do what it liked."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

BLOCK = 512
# Python paths of this length are further down than any program has reason to go.
MAX_PATH = 3500


def clear_away(folder: Path) -> None:
    """Remove a folder and everything in it, however deep it is and whatever modes are in it.

    `shutil.rmtree` recurses, so folders nested deeply enough make it fail. Here what lies two
    levels down is moved up to the first, again and again, and no path gets longer than that.
    What cannot be removed stays; nobody may be writing there any more.
    """
    with contextlib.suppress(OSError):
        count = 0
        while True:
            children = [Path(entry.path) for entry in _entries(folder)]
            if not children:
                break
            for child in children:
                if not _is_folder(child):
                    child.unlink()
                    continue
                for grandchild in [Path(entry.path) for entry in _entries(child)]:
                    if _is_folder(grandchild):
                        grandchild.chmod(0o700)
                        count += 1
                        grandchild.rename(folder / f".{count}~")
                    else:
                        grandchild.unlink()
                child.rmdir()
        folder.rmdir()


def usage(folder: Path, *, most_bytes: int, most_files: int) -> tuple[int, int]:
    """Bytes on the disk and number of files in a folder; stops counting when either is too many.

    Folders nested too deeply to be named count as too many files.
    """
    held = files = 0
    pending = [str(folder)]
    while pending and held <= most_bytes and files <= most_files:
        current = pending.pop()
        if len(current) > MAX_PATH:
            return held, most_files + 1
        for entry in _entries(Path(current)):
            with contextlib.suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                held += info.st_blocks * BLOCK
                files += 1
                if stat.S_ISDIR(info.st_mode):
                    pending.append(entry.path)
            if files > most_files:
                break
    return held, files


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder, also in one that was closed to its owner; nothing if it is gone."""
    try:
        found = os.scandir(folder)
    except PermissionError:
        folder.chmod(0o700)
        found = os.scandir(folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        raise
    with found:
        yield from found


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
