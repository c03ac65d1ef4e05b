"""Where the bytes of a published file may lie in a folder: plain, compressed, or in an archive."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from grader.data import amat, binarized
from grader.data.dataset import DataError
from grader.data.published import PublishedFile
from grader.data.writing import replacing

CHUNK = 2**20
_FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)


def is_whole(path: Path, file: PublishedFile) -> bool:
    """Whether what lies at a path is the published file.

    Raises:
        DataError: it is there and cannot be read.
    """
    if not path.is_file():
        return False
    if path.stat().st_size == file.size and _md5(path) == file.md5:
        return True
    # Other compressors make other bytes of the same rows.
    return path.name == binarized.PACKED and amat.matches(path)


def copy(file: PublishedFile, source: Path, target: Path) -> bool:
    """Put a file into its place below `target`, from the plain or the compressed one of `source`.

    Returns:
        Whether the source has it at all.

    Raises:
        DataError: it is damaged, or the disk is full.
    """
    plain = source / file.path
    if plain.is_file() and is_whole(plain, file):
        whole = PublishedFile(file.path, plain.stat().st_size, _md5(plain))
        with plain.open("rb") as stream:
            write(_chunks(stream, plain), whole, str(plain), target)
        return True
    packed = source / f"{file.path}.gz"
    if packed.is_file():
        with packed.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
            write(_chunks(cast(IO[bytes], stream), packed), file, str(packed), target)
        return True
    if plain.is_file():
        raise _not_published(str(plain), _md5(plain), file)
    return False


def unpack(archive: Path, wanted: Iterable[PublishedFile], target: Path) -> set[PublishedFile]:
    """Put files into their places from a tar archive, and no others; gives those that it has.

    Raises:
        DataError: the archive or a file in it is damaged, or the disk is full.
    """
    open_ones = {file.path: file for file in wanted}
    found = set()
    try:
        with tarfile.open(archive, "r|*") as members:
            for member in members:
                file = open_ones.pop(str(PurePosixPath(member.name)), None)
                stream = members.extractfile(member) if file and member.isfile() else None
                if file and stream:
                    label = f"{member.name} in {archive}"
                    write(_chunks(stream, archive), file, label, target)
                    found.add(file)
                if not open_ones:
                    break
    except _FAULTS as error:
        raise DataError(f"{archive}: cannot be unpacked ({error}); get it again") from None
    return found


def write(chunks: Iterable[bytes], file: PublishedFile, label: str, target: Path) -> None:
    """Write a file that must turn out to be the published one; else nothing is changed.

    Raises:
        DataError: it is another one, or the disk is full.
    """
    found = hashlib.md5(usedforsecurity=False)
    size = 0
    with replacing(target / file.path) as out:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                raise DataError(f"{label}: is longer than the {file.size} bytes published")
            found.update(chunk)
            out.write(chunk)
        if size < file.size:
            raise DataError(f"{label}: ends after {size} of {file.size} bytes; get it again")
        if found.hexdigest() != file.md5:
            raise _not_published(label, found.hexdigest(), file)


def _not_published(label: str, md5: str, file: PublishedFile) -> DataError:
    return DataError(
        f"{label}: is not the published file (MD5 {md5} instead of {file.md5}); get it again"
    )


def _chunks(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """The bytes of a stream; its faults are told apart from those of the disk written to."""
    while True:
        try:
            chunk = stream.read(CHUNK)
        except _FAULTS as error:
            raise DataError(f"{path}: cannot be read ({error}); get it again") from None
        if not chunk:
            return
        yield chunk


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
