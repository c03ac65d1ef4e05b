"""Archives from people who may want to break the reader: in memory, under limits, with notes."""

import bz2
import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from archives import tarred, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

import grader.intake.unpack as unpack_module
from grader.intake.limits import MAX_DEPTH, IntakeError, Notes, UnreadableEntryError
from grader.intake.unpack import archive_entries

LIMIT = 1 << 20


def unpack(archive: bytes, limit: int = LIMIT) -> tuple[dict[str, bytes], list[str]]:
    """What can be read of an archive, and the notes."""
    notes = Notes()
    files = {}
    for entry in archive_entries(io.BytesIO(archive), "hw.zip", notes):
        try:
            files[entry.path] = entry.read(limit)
        except UnreadableEntryError as error:
            notes.add(f"{entry.path} {error}")
    return files, notes.texts


def tar_of(*members: tarfile.TarInfo, mode: str = "w") -> bytes:
    """A tar of members whose headers are made by the test; they have no content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member in members:
            archive.addfile(member)
    return buffer.getvalue()


def zip_of(name: str, content: bytes = b"x", **attributes: Any) -> bytes:
    """A zip of one member with these attributes, and an ordinary one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        for key, value in attributes.items():
            setattr(info, key, value)
        archive.writestr(info, content)
        archive.writestr("ok.py", b"ok")
    return buffer.getvalue()


FILES = {"gan.py": b"x = 1\n", "Q1/a b.py": b"", "big.txt": b"abc" * 5000}


@pytest.mark.parametrize(
    "pack",
    [
        zipped,
        lambda f: zipped(f, zipfile.ZIP_STORED),
        tarred,
        lambda f: tarred(f, "w:gz"),
        lambda f: tarred(f, "w:bz2"),
        lambda f: tarred(f, "w:xz"),
    ],
    ids=["zip", "stored", "tar", "gz", "bz2", "xz"],
)
def test_ordinary_archives_give_their_files(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    assert unpack(pack(FILES)) == (FILES, [])


@pytest.mark.parametrize(
    "name", ["../x.py", "/x.py", "a/../../x.py", "C:/x.py", "a/" * 40 + "x.py"]
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_lead_out_are_left_out(
    pack: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    files, notes = unpack(pack({name: b"evil", "ok.py": b"ok"}))
    assert files == {"ok.py": b"ok"}
    assert len(notes) == 1


def test_absolute_windows_names_are_left_out() -> None:
    files, notes = unpack(zip_of("x", filename="\\\\server\\x.py"))
    assert files == {"ok.py": b"ok"}
    assert "absolute" in notes[0]


def test_a_member_without_a_name_is_left_out() -> None:
    archive = zip_of("x.py").replace(b"x.py", b"\x00x.p")
    files, notes = unpack(archive)
    assert files == {"_x.p": b"x", "ok.py": b"ok"}
    empty = bytearray(zip_of("x.py"))
    central = empty.find(b"PK\x01\x02")
    empty[central + 28 : central + 32] = struct.pack("<HH", 0, 4)  # no name, an extra field
    empty[central + 46 : central + 50] = b"xy\x00\x00"
    files, notes = unpack(bytes(empty))
    assert files == {"ok.py": b"ok"}
    assert "its name is empty" in notes[0]


def test_names_with_control_characters_are_shown_escaped() -> None:
    _, notes = unpack(zipped({"../a\nb\u202e.py": b""}))
    assert notes == ["hw.zip: ../a\\nb\\u202e.py: its name leads out of the submission; left out"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_zip_members_that_are_no_files_are_left_out(kind: int) -> None:
    files, notes = unpack(zip_of("l.py", external_attr=(kind | 0o644) << 16))
    assert files == {"ok.py": b"ok"}
    assert len(notes) == 1


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"],
)
def test_tar_members_that_are_no_files_are_left_out(kind: bytes) -> None:
    member = tarfile.TarInfo("gan.py")
    member.type = kind
    member.linkname = "/etc/passwd"
    files, notes = unpack(tar_of(member, tarfile.TarInfo("ok.py")))
    assert files == {"ok.py": b""}
    assert len(notes) == 1


def test_encrypted_members_are_left_out() -> None:
    archive = bytearray(zip_of("secret.py"))
    local, central = archive.find(b"PK\x03\x04"), archive.find(b"PK\x01\x02")
    archive[local + 6] |= 1
    archive[central + 8] |= 1
    files, notes = unpack(bytes(archive))
    assert files == {"ok.py": b"ok"}
    assert "encrypted" in notes[0]


def test_methods_that_unpack_without_limit_are_not_read() -> None:
    files, notes = unpack(zipped({"gan.py": b"x"}, zipfile.ZIP_LZMA))
    assert files == {}
    assert "ordinary zip" in notes[0]


class TestBombs:
    def test_a_large_member_is_not_unpacked(self) -> None:
        tracemalloc.start()
        files, notes = unpack(zipped({"gan.py": bytes(50 << 20)}), limit=60 << 20)
        tracemalloc.stop()
        assert files == {}
        assert "zip bomb" in notes[0]

    def test_a_member_that_understates_its_size_is_cut(self) -> None:
        archive = bytearray(zipped({"gan.py": bytes(1000_000)}))
        size = struct.pack("<I", 1000_000)
        while (place := archive.find(size)) >= 0:
            archive[place : place + 4] = struct.pack("<I", 100)
        files, notes = unpack(bytes(archive))
        assert files == {}
        assert "damaged" in notes[0]

    def test_overlapping_members_are_left_out(self) -> None:
        archive = bytearray(zipped({"a.py": b"x" * 50, "b.py": b"y", "c.py": b"z"}))
        second = archive.find(b"PK\x01\x02", archive.find(b"PK\x01\x02") + 1)
        archive[second + 42 : second + 46] = struct.pack("<I", 0)
        files, notes = unpack(bytes(archive))
        assert files == {"c.py": b"z"}
        assert all("shares its bytes" in note for note in notes)

    @pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
    def test_a_tar_stops_at_the_cap(self, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack_module, "MAX_STREAM", 1 << 18)
        noise = random.Random(0).randbytes(2 << 20)  # no packing makes it smaller
        archive = io.BytesIO(tarred({"ok.py": b"ok", "x.bin": noise, "late.py": b""}, mode))
        notes = Notes()
        found = list(archive_entries(archive, "hw", notes))
        assert [entry.path for entry in found] == ["ok.py", "x.bin"]
        assert "the rest was not read" in notes.texts[-1]
        assert archive.tell() < 3 << 19  # bzip2 unpacks nearly a mebibyte at once

    @pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
    def test_what_is_before_the_cap_is_read(
        self, mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unpack_module, "MAX_STREAM", 1 << 20)
        bomb = tarred({"ok.py": b"ok", "x.bin": bytes(8 << 20), "late.py": b""}, mode)
        files, notes = unpack(bomb)
        assert files == {"ok.py": b"ok"}
        assert "the rest was not read" in notes[-1]

    @pytest.mark.parametrize("pack", [zipped, tarred])
    def test_members_are_counted(
        self, pack: Callable[[dict[str, bytes]], bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        notes = Notes()
        archive = pack({f"{n}.py": b"" for n in range(20)})
        found = list(archive_entries(io.BytesIO(archive), "hw", notes, most=5))
        assert len(found) == 5
        assert notes.texts == ["hw: more than 5 members; the rest was not looked at"]

    def test_a_long_list_of_members_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack_module, "MAX_DIRECTORY", 1000)
        too_large = r"is too large \(its list of members .*without data and other large files"
        with pytest.raises(IntakeError, match=too_large):
            unpack(zipped({f"{n}.py": b"" for n in range(100)}))

    def test_xz_may_not_ask_for_much_memory(self) -> None:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
        with pytest.raises(IntakeError, match=r"hw\.zip: is too large \(it needs .* 256 MiB"):
            unpack(lzma.compress(tarred(FILES), filters=filters))

    def test_what_is_too_large_is_not_called_damaged(self) -> None:
        archive = tarred({"big.bin": bytes(9 << 20), "gan.py": b"x"}, "w:gz")
        notes = Notes()
        entries = archive_entries(io.BytesIO(archive), "hw.tgz", notes, stream=1 << 20)
        assert [entry.path for entry in entries] == ["big.bin"]
        (note,) = notes.texts
        assert note.startswith("hw.tgz: is too large (it unpacks to more than 1 MiB)")


class TestTarHeaders:
    """Headers on which versions of the standard library hang."""

    def test_a_negative_size_does_not_loop(self) -> None:
        member = tarfile.TarInfo("a.py")
        header = bytearray(member.tobuf())
        header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024, in base 256
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\x00 " % sum(header[:512])
        files, notes = unpack(bytes(header) + tarred({"b.py": b""}))
        assert "b.py" not in files
        assert "damaged" in notes[-1]

    def test_a_long_run_of_digits_does_not_reach_the_parser(self) -> None:
        member = tarfile.TarInfo("x")
        member.type = tarfile.XHDTYPE
        member.size = 512 * 1000
        archive = member.tobuf() + b"1" * member.size + tarred({"a.py": b""})
        with pytest.raises(IntakeError, match=r"damaged \(a header is not valid\)"):
            unpack(archive)

    def test_a_chain_of_headers_does_not_overflow(self) -> None:
        member = tarfile.TarInfo("x")
        member.type = tarfile.XHDTYPE
        with pytest.raises(IntakeError, match="damaged"):
            unpack(member.tobuf() * 5000)

    def test_a_huge_header_is_refused(self) -> None:
        member = tarfile.TarInfo("x")
        member.type = tarfile.GNUTYPE_LONGNAME
        member.size = 1 << 33
        with pytest.raises(IntakeError, match="header is too long"):
            unpack(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    def test_sparse_members_are_left_out(self) -> None:
        member = tarfile.TarInfo("gan.py")
        member.type = tarfile.GNUTYPE_SPARSE
        files, notes = unpack(tar_of(member, mode="w"))
        assert files == {}
        assert len(notes) == 1


class TestOneFile:
    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
    def test_is_unpacked_under_its_name(self, pack: Callable[[bytes], bytes]) -> None:
        (entry,) = archive_entries(io.BytesIO(pack(b"x = 1\n")), "a/gan.py.gz", Notes())
        assert (entry.path, entry.read(10)) == ("gan.py", b"x = 1\n")

    def test_is_read_up_to_its_limit(self) -> None:
        bomb = gzip.compress(bytes(1 << 24))
        (entry,) = archive_entries(io.BytesIO(bomb), "gan.py.gz", Notes())
        with pytest.raises(UnreadableEntryError, match="larger than 1000 bytes"):
            entry.read(1000)


class TestDamage:
    @pytest.mark.parametrize(
        ("archive", "message"),
        [
            (b"", "is empty"),
            (bytes(1024), "is empty"),
            (b"hello", "neither a zip nor a tar"),
            (b"Rar!\x1a\x07", "RAR"),
            (b"7z\xbc\xaf\x27\x1c", "7z"),
            (b"PK\x03\x04 nothing more", "is damaged"),
            (b"\x1f\x8b\x08 nothing more", "is damaged"),
            (bz2.compress(b"no tar")[:-9], "is damaged"),
            (b"\x28\xb5\x2f\xfd nothing more", "Zstandard"),
        ],
    )
    def test_what_cannot_be_read_at_all_says_so(self, archive: bytes, message: str) -> None:
        with pytest.raises(IntakeError, match=message) as raised:
            unpack(archive)
        assert "as a zip" in str(raised.value)

    def test_a_flipped_bit_costs_its_member(self) -> None:
        archive = bytearray(zipped({"a.py": b"a" * 99, "b.py": b"b"}, zipfile.ZIP_STORED))
        archive[archive.find(b"aaaa")] ^= 1
        files, notes = unpack(bytes(archive))
        assert files == {"b.py": b"b"}
        assert "damaged" in notes[0]

    def test_a_truncated_tar_keeps_what_came_before(self) -> None:
        files, notes = unpack(tarred({"a.py": b"a", "b.py": b"b" * 9999})[:4000])
        assert files == {"a.py": b"a"}
        assert notes

    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(
            [zipped(FILES), tarred(FILES), tarred(FILES, "w:gz"), tarred(FILES, "w:xz")]
        ),
        st.data(),
    )
    def test_no_damage_breaks_the_reader(self, archive: bytes, data: st.DataObject) -> None:
        broken = bytearray(archive)
        for _ in range(data.draw(st.integers(1, 8))):
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
        broken = broken[: data.draw(st.integers(0, len(broken)))]
        try:
            files, _ = unpack(bytes(broken))
        except IntakeError:
            return
        assert all(path.count("/") <= MAX_DEPTH for path in files)


def test_macos_names_are_utf8_without_saying_so() -> None:
    archive = bytearray(zipped({"Zoe/gan.py": b""}))
    files, _ = unpack(bytes(archive).replace(b"Zoe/gan", "Zö/gan".encode()))
    assert list(files) == ["Zö/gan.py"]


def test_only_the_members_asked_for() -> None:
    archive = zipped({"jane/gan.py": b"j", "jane2/gan.py": b"k", "jim/gan.py": b"l"})
    found = archive_entries(io.BytesIO(archive), "class.zip", Notes(), only=["jane"])
    assert [entry.path for entry in found] == ["jane/gan.py"]
