"""Reads zip and tar archives member by member, in memory, under limits; nothing goes to disk.

The archives come from people who may want to break the reader, and the parsers are the standard
library's. They are held in by what surrounds them: every read is capped, no seek goes backwards in
a tar, and whatever they raise on odd bytes becomes a note or an IntakeError.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO, Protocol

from grader.intake.folders import Entry
from grader.intake.limits import (
    KIB,
    MAX_DIRECTORY,
    MAX_ENTRIES,
    MAX_LISTED,
    MAX_RATIO,
    MAX_STREAM,
    MAX_XZ_MEMORY,
    MIB,
    RATIO_COUNTS_FROM,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.names import UnsafeNameError, clean_path, is_junk

# The TA and the student both read this.
_REMEDY = "it has to be handed in again as a zip"
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
# The zipfile module unpacks bzip2 and LZMA without a limit: a few KiB may become gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_TAR_HEADER = 1 * MIB


class _Bytes(Protocol):
    """What is asked of a stream of unpacked bytes."""

    def read(self, size: int, /) -> bytes: ...


def archive_entries(
    file: BinaryIO,
    name: str,
    notes: Notes,
    only: Sequence[str] = (),
    most: int = MAX_ENTRIES,
    stream: int | None = None,
) -> Iterator[Entry]:
    """The regular files of an archive, in its order.

    Args:
        file: the archive's bytes, seekable.
        name: what to call it in messages.
        notes: told of every member that is left out.
        only: if given, members elsewhere than at or under these paths are passed over.
        most: how many files to give.
        stream: what a compressed tar may unpack to, in bytes; by default MAX_STREAM.

    Raises:
        IntakeError: it is damaged from the start, or of a kind that is not read.
    """
    start = file.read(512)
    file.seek(0)
    stream = MAX_STREAM if stream is None else stream
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries(file, name, notes, only, most)
    if start.startswith(b"\x1f\x8b"):
        return _tar_entries(gzip.GzipFile(fileobj=file), name, notes, only, most, stream)
    if start.startswith(b"BZh"):
        return _tar_entries(bz2.BZ2File(file), name, notes, only, most, stream)
    if start.startswith(b"\xfd7zXZ\x00"):
        return _tar_entries(_XzStream(file), name, notes, only, most, stream)
    if start[257:262] == b"ustar":
        return _tar_entries(file, name, notes, only, most, stream)
    if start.startswith((b"Rar!", b"7z\xbc\xaf\x27\x1c")):
        raise IntakeError(f"{name}: RAR and 7z archives are not read; {_REMEDY}")
    if not start.strip(b"\x00"):
        raise IntakeError(f"{name}: is empty; {_REMEDY}")
    raise IntakeError(f"{name}: is neither a zip nor a tar, whatever its name says; {_REMEDY}")


def _wanted(path: str, only: Sequence[str]) -> bool:
    return not only or any(path == place or path.startswith(place + "/") for place in only)


class _BoundedFile(io.BufferedIOBase):
    """A file that hands out no more than MAX_DIRECTORY bytes at once.

    The zipfile module reads the whole list of members in one go, and makes an object of each.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._file.read(MAX_DIRECTORY + 1 if size is None or size < 0 else size)
        if len(content) > MAX_DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return content


def _zip_entries(
    file: BinaryIO, name: str, notes: Notes, only: Sequence[str], most: int
) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(_BoundedFile(file))
    # The parser raises whatever its struct, codecs and arithmetic happen to raise on damaged bytes.
    except Exception as error:
        raise IntakeError(f"{name}: is damaged ({shown(str(error))}); {_REMEDY}") from None
    seen = 0
    overlapping = _overlapping(archive.infolist())
    for info in archive.infolist():
        raw = _zip_name(info)
        if raw.endswith(("/", "\\")):  # a folder; `info.is_dir` fails on an empty name
            continue
        try:
            path = clean_path(raw)
        except UnsafeNameError as error:
            notes.add(f"{name}: {shown(raw)}: {error}; left out")
            continue
        if is_junk(path) or not _wanted(path, only):
            continue
        seen += 1
        if seen > most:
            notes.add(f"{name}: more than {most} members; the rest was not looked at")
            return
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            notes.add(f"{name}: {path}: is a symbolic link; left out")
        elif kind not in (0, stat.S_IFREG):
            notes.add(f"{name}: {path}: is neither a file nor a folder; left out")
        elif info.flag_bits & _ENCRYPTED:
            notes.add(f"{name}: {path}: is encrypted; left out; ask for it without a password")
        elif info.header_offset in overlapping:
            notes.add(f"{name}: {path}: shares its bytes with another member; left out")
        else:
            yield Entry(path, info.file_size, partial(_read_zip_member, archive, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The member's name; without the flag for UTF-8, macOS writes UTF-8 nevertheless."""
    raw = info.orig_filename
    if not info.flag_bits & _UTF8_NAME:
        try:
            return raw.encode("cp437").decode("utf-8")
        except UnicodeError:
            return raw
    return raw


def _overlapping(members: Sequence[zipfile.ZipInfo]) -> set[int]:
    """Header offsets of members whose compressed bytes run into those of another."""
    smallest_header = 30
    clashes: set[int] = set()
    end, last = 0, -1
    for info in sorted(members, key=lambda info: (info.header_offset, info.compress_size)):
        if info.header_offset < end:
            clashes |= {info.header_offset, last}
        stop = info.header_offset + smallest_header + info.compress_size
        if stop > end:
            end, last = stop, info.header_offset
    return clashes


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    if info.compress_type not in _METHODS:
        raise UnreadableEntryError(
            "is packed by a method that is not read; ask for an ordinary zip"
        )
    if info.file_size > limit:
        raise UnreadableEntryError(f"is larger than {limit} bytes")
    if _is_bomb(info.file_size, info.compress_size):
        raise UnreadableEntryError("unpacks to far more than it should (a zip bomb)")
    try:
        with archive.open(info) as member:
            return member.read(limit)
    except Exception as error:
        raise UnreadableEntryError(f"is damaged ({shown(str(error))})") from None


def _is_bomb(unpacked: int, packed: int) -> bool:
    return unpacked > RATIO_COUNTS_FROM and unpacked > MAX_RATIO * max(packed, 1)


class _XzStream:
    """Unpacks xz under a limit of memory, which `lzma.LZMAFile` has no way to set."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY)

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decompressor.eof:
                rest = self._decompressor.unused_data.lstrip(b"\x00") or self._file.read(64 * KIB)
                if not rest.strip(b"\x00"):
                    return b""
                self._decompressor = lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY)
            elif self._decompressor.needs_input:
                rest = self._file.read(64 * KIB)
                if not rest:
                    raise EOFError("the xz stream ends too early")
            else:
                rest = b""
            content = self._decompressor.decompress(rest, size)
            if content:
                return content


class _ForwardFile(io.BufferedIOBase):
    """An unpacked tar that can be read once, forwards, for so many bytes.

    The tarfile module reads headers from it: a header beyond _MAX_TAR_HEADER is refused, and so is
    a long run of digits, over which some versions of its parser spend quadratic time
    (CVE-2024-6232). A negative size, which sends some versions back for ever (CVE-2025-8194), is a
    seek backwards.
    """

    def __init__(self, stream: _Bytes, most: int) -> None:
        self._stream = stream
        self._most = most
        self._position = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise tarfile.ReadError("a member starts before the end of the one before")
        while self._position < offset:
            if not self._take(min(offset - self._position, 64 * KIB)):
                break
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MAX_TAR_HEADER:
            raise tarfile.ReadError("a header is too long")
        header = self.content(size)
        if re.search(rb"[0-9]{64}", header):
            raise tarfile.ReadError("a header is not valid")
        return header

    def content(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        parts = []
        while size > 0 and (part := self._take(min(size, 64 * KIB))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _take(self, size: int) -> bytes:
        part = self._stream.read(size)
        self._position += len(part)
        if self._position > self._most:
            raise tarfile.ReadError(f"it unpacks to more than {self._most // MIB} MiB")
        return part


def _tar_entries(
    content: _Bytes, name: str, notes: Notes, only: Sequence[str], most: int, stream: int
) -> Iterator[Entry]:
    file = _ForwardFile(content, stream)
    try:
        archive = tarfile.TarFile(fileobj=file)
    except Exception as error:  # as for zip
        raise IntakeError(f"{name}: is damaged ({shown(str(error))}); {_REMEDY}") from None
    seen = 0
    for _ in range(MAX_LISTED):
        try:
            member = archive.next()
        except Exception as error:
            notes.add(f"{name}: is damaged ({shown(str(error))}); the rest was not read")
            return
        if member is None:
            return
        # It would keep them all; typeshed does not list the attribute that tarfile documents.
        archive.members.clear()  # type: ignore[attr-defined]
        if member.isdir():
            continue
        try:
            path = clean_path(member.name)
        except UnsafeNameError as error:
            notes.add(f"{name}: {shown(member.name)}: {error}; left out")
            continue
        if is_junk(path) or not _wanted(path, only):
            continue
        seen += 1
        if seen > most:
            break
        if member.issym() or member.islnk():
            notes.add(f"{name}: {path}: is a link; left out")
        elif not member.isfile() or member.issparse():
            notes.add(f"{name}: {path}: is not an ordinary file; left out")
        else:
            yield Entry(path, member.size, partial(_read_tar_member, file, member))
    notes.add(f"{name}: more than {most} members; the rest was not looked at")


def _read_tar_member(file: _ForwardFile, member: tarfile.TarInfo, limit: int) -> bytes:
    if member.size > limit:
        raise UnreadableEntryError(f"is larger than {limit} bytes")
    try:
        file.seek(member.offset_data)
        content = file.content(member.size)
    except Exception as error:
        raise UnreadableEntryError(f"is damaged ({shown(str(error))})") from None
    if len(content) < member.size:
        raise UnreadableEntryError("is cut off")
    return content
