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
import posixpath
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
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
from grader.intake.names import (
    MAGIC_BYTES,
    TAR_SUFFIXES,
    UnsafeNameError,
    clean_path,
    is_junk,
    without_suffix,
)

# The TA and the student both read this.
_REMEDY = "it has to be handed in again as a zip"
_SMALLER = "it has to be handed in again without data and other large files"
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
# The zipfile module unpacks bzip2 and LZMA without a limit: a few KiB may become gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_TAR_HEADER = 1 * MIB

# What begins so is recognised, and not read.
_CLOSED = {
    b"Rar!": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x28\xb5\x2f\xfd": "Zstandard (.zst)",
    b"\x1f\x9d": "compress (.Z)",
    b"LZIP": "lzip",
    b"\x04\x22\x4d\x18": "LZ4",
    b"!<arch>": "ar",
    b"**ACE": "ACE",
}


class _TooLargeError(Exception):
    """More than is read; the message says how much that is."""


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
    left_out: dict[str, str] | None = None,
) -> Iterator[Entry]:
    """The regular files of an archive, in its order.

    Args:
        file: the archive's bytes, seekable.
        name: what to call it in messages.
        notes: told of every member that is left out.
        only: if given, members elsewhere than at or under these paths are passed over.
        most: how many files to give.
        stream: what a compressed tar may unpack to, in bytes; by default MAX_STREAM.
        left_out: is told of folders and of what cannot be read, by path, with the reason.

    Raises:
        IntakeError: it is damaged from the start, too large, or of a kind that is not read.
    """
    start = file.read(MAGIC_BYTES)
    file.seek(0)
    stream = MAX_STREAM if stream is None else stream
    left_out = {} if left_out is None else left_out
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries(file, name, notes, only, most, left_out)
    for magic, unpacked in _UNPACKED.items():
        if start.startswith(magic):
            if not _holds_tar(unpacked(file), name):
                return _single_entry(file, unpacked, name, only)
            file.seek(0)
            content = unpacked(file)
            return _tar_entries(content, name, notes, only, most, stream, left_out)
    if start[257:262] == b"ustar":
        return _tar_entries(file, name, notes, only, most, stream, left_out)
    if kind := next((kind for magic, kind in _CLOSED.items() if start.startswith(magic)), None):
        raise IntakeError(f"{name}: {kind} archives are not read; {_REMEDY}")
    if not start.strip(b"\x00"):
        raise IntakeError(f"{name}: is empty; {_REMEDY}")
    raise IntakeError(f"{name}: is neither a zip nor a tar, whatever its name says; {_REMEDY}")


def _holds_tar(content: _Bytes, name: str) -> bool:
    """Does a packed file hold a tar? One that is damaged does if its name says so."""
    try:
        return content.read(MAGIC_BYTES)[257:262] == b"ustar" or name.lower().endswith(TAR_SUFFIXES)
    except Exception:  # whatever the decompressors raise on damaged bytes
        return True


def _single_entry(
    file: BinaryIO, unpacked: Callable[[BinaryIO], _Bytes], name: str, only: Sequence[str]
) -> Iterator[Entry]:
    """The one file that gzip and its like pack, named as the archive without its suffix."""

    def read(limit: int) -> bytes:
        file.seek(0)
        try:
            content = _ForwardFile(unpacked(file), limit + 1).content(limit + 1)
        except Exception as error:
            raise UnreadableEntryError(f"is damaged ({shown(str(error))})") from None
        if len(content) > limit:
            raise UnreadableEntryError(f"is larger than {limit} bytes")
        return content

    inside = without_suffix(posixpath.basename(name))
    if _wanted(inside, only):
        yield Entry(inside, 0, read)


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
            raise _TooLargeError(f"its list of members has more than {MAX_DIRECTORY // MIB} MiB")
        return content


def _zip_entries(
    file: BinaryIO,
    name: str,
    notes: Notes,
    only: Sequence[str],
    most: int,
    left_out: dict[str, str],
) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(_BoundedFile(file))
    except _TooLargeError as error:
        raise IntakeError(f"{name}: is too large ({error}); {_SMALLER}") from None
    # The parser raises whatever its struct, codecs and arithmetic happen to raise on damaged bytes.
    except Exception as error:
        raise IntakeError(f"{name}: is damaged ({shown(str(error))}); {_REMEDY}") from None
    seen = 0
    overlapping = _overlapping(archive.infolist())
    for info in archive.infolist():
        raw = _zip_name(info)
        is_folder = raw.endswith(("/", "\\"))  # `info.is_dir` fails on an empty name
        try:
            path = clean_path(raw)
        except UnsafeNameError as error:
            if not is_folder:
                notes.add(f"{name}: {shown(raw)}: {error}; left out")
            continue
        if is_junk(path) or not _wanted(path, only):
            continue
        if is_folder:
            left_out[path + "/"] = "is empty"
            continue
        seen += 1
        if seen > most:
            notes.add(f"{name}: more than {most} members; the rest was not looked at")
            return
        if problem := _zip_problem(info, overlapping):
            left_out[path] = problem
            notes.add(f"{name}: {path}: {problem}")
        else:
            yield Entry(path, info.file_size, partial(_read_zip_member, archive, info))


def _zip_problem(info: zipfile.ZipInfo, overlapping: set[int]) -> str:
    """Why a member is left out; empty if it is not."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link; left out"
    if kind not in (0, stat.S_IFREG):
        return "is neither a file nor a folder; left out"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted; left out; ask for it without a password"
    if info.header_offset in overlapping:
        return "shares its bytes with another member; left out"
    return ""


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
            try:
                content = self._decompressor.decompress(rest, size)
            except lzma.LZMAError as error:
                if "emory" in str(error):
                    limit = f"it needs more than {MAX_XZ_MEMORY // MIB} MiB of memory to unpack"
                    raise _TooLargeError(limit) from None
                raise
            if content:
                return content


_UNPACKED: dict[bytes, Callable[[BinaryIO], _Bytes]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": lambda file: bz2.BZ2File(file),
    b"\xfd7zXZ\x00": lambda file: _XzStream(file),
}


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
            raise _TooLargeError(f"it unpacks to more than {self._most // MIB} MiB")
        return part


def _tar_entries(
    content: _Bytes,
    name: str,
    notes: Notes,
    only: Sequence[str],
    most: int,
    stream: int,
    left_out: dict[str, str],
) -> Iterator[Entry]:
    file = _ForwardFile(content, stream)
    try:
        archive = tarfile.TarFile(fileobj=file)
    except _TooLargeError as error:
        raise IntakeError(f"{name}: is too large ({error}); {_SMALLER}") from None
    except Exception as error:  # as for zip
        raise IntakeError(f"{name}: is damaged ({shown(str(error))}); {_REMEDY}") from None
    seen = 0
    for _ in range(MAX_LISTED):
        try:
            member = archive.next()
        except _TooLargeError as error:
            notes.add(f"{name}: is too large ({error}); the rest was not read; {_SMALLER}")
            return
        except Exception as error:
            notes.add(f"{name}: is damaged ({shown(str(error))}); the rest was not read")
            return
        if member is None:
            return
        # It would keep them all; typeshed does not list the attribute that tarfile documents.
        archive.members.clear()  # type: ignore[attr-defined]
        try:
            path = clean_path(member.name)
        except UnsafeNameError as error:
            if not member.isdir():
                notes.add(f"{name}: {shown(member.name)}: {error}; left out")
            continue
        if is_junk(path) or not _wanted(path, only):
            continue
        if member.isdir():
            left_out[path + "/"] = "is empty"
            continue
        seen += 1
        if seen > most:
            break
        if member.isfile() and not member.issparse():
            yield Entry(path, member.size, partial(_read_tar_member, file, member))
            continue
        is_link = member.issym() or member.islnk()
        left_out[path] = f"is {'a link' if is_link else 'not an ordinary file'}; left out"
        notes.add(f"{name}: {path}: {left_out[path]}")
    notes.add(f"{name}: more than {most} members; the rest was not looked at")


def _read_tar_member(file: _ForwardFile, member: tarfile.TarInfo, limit: int) -> bytes:
    if member.size > limit:
        raise UnreadableEntryError(f"is larger than {limit} bytes")
    try:
        file.seek(member.offset_data)
        content = file.content(member.size)
    except _TooLargeError as error:
        raise UnreadableEntryError(f"was not reached: {error}") from None
    except Exception as error:
        raise UnreadableEntryError(f"is damaged ({shown(str(error))})") from None
    if len(content) < member.size:
        raise UnreadableEntryError("is cut off")
    return content
