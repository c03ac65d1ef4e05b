"""Writes a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from grader.data.dataset import DataError

FOLDER_MODE = 0o755
FILE_MODE = 0o644


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` at the end, unless something went wrong.

    Two processes may do so at once; one of them comes last.

    Raises:
        DataError: the disk is full or the folder cannot be written to; `path` is as it was.
    """
    temporary: Path | None = None
    try:
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(FILE_MODE)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({_reason(error, path)})") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """The folder and those above it; what is made may be entered by everybody."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(FOLDER_MODE)


def _reason(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space, or give another folder"
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"{path.parent} may not be written to; give another folder"
    return error.strerror or str(error)
