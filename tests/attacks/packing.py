"""Attacks by what is handed in: archives, names, notebooks, weights. None of it is ever run."""

from __future__ import annotations

import functools
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.attacks.attack import HONEST, Attack

Member = tuple[zipfile.ZipInfo | str, bytes]

FULL = (4.0, 3.0)
IN_MEMORY = "read in memory, member by member; nothing is unpacked to disk"
LIMITS = "limits of intake"


def honest_members() -> list[Member]:
    return [(name, text.encode()) for name, text in HONEST.items()]


def zip_bytes(members: Iterable[Member], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content, method)
    return buffer.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def packed(
    name: str, tries: str, stopped_by: str, make: Callable[[], bytes], **more: object
) -> Attack:
    """An archive called `name` and a suffix by what it is."""

    def pack(parent: Path) -> Path:
        content = make()
        suffix = ".zip" if content[:2] == b"PK" else ".tar" if content[257:262] == b"ustar" else ""
        suffix = suffix or ".tar.xz"
        path = parent / (name + suffix)
        path.write_bytes(content)
        return path

    marks = more.pop("marks", FULL)
    return Attack(name, tries, stopped_by, pack=pack, marks=marks, **more)  # type: ignore[arg-type]


def slip() -> bytes:
    names = ["../zz_honest_last/mean.py", "../../canary.txt", "a/../../../x.py", "..\\..\\mean.py"]
    names += ["/tmp/mean.py", "C:\\mean.py", "//host/share/mean.py", "\\\\?\\C:\\mean.py"]
    return zip_bytes([*honest_members(), *((n, b"def mean(x):\n    return 0\n") for n in names)])


def zip_links() -> bytes:
    link, device, pipe = 0o120777, 0o020666, 0o010666
    return zip_bytes(
        [
            *honest_members(),
            (special("link.txt", link), b"/etc/passwd"),
            (special("out", link), b"../.."),
            (special("out/hidden.py", 0o100644), b"x = 1\n"),
            (special("device.txt", device), b""),
            (special("pipe.txt", pipe), b""),
        ]
    )


def tar_links() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in honest_members():
            info = tarfile.TarInfo(str(name))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for kind, name, target in (
            (tarfile.SYMTYPE, "soft.py", "/etc/passwd"),
            (tarfile.LNKTYPE, "hard.py", "/etc/shadow"),
            (tarfile.LNKTYPE, "mean.py", "../zz_honest_last/mean.py"),
            (tarfile.CHRTYPE, "zero.txt", ""),
            (tarfile.BLKTYPE, "disk.txt", ""),
            (tarfile.FIFOTYPE, "pipe.txt", ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor, info.devminor = kind, target, 1, 5
            archive.addfile(info)
    return buffer.getvalue()


def zip_bomb() -> bytes:
    zeros = bytes(64 * 2**20)
    return zip_bytes([*honest_members(), *((f"data{n}.txt", zeros) for n in range(4))])


def overlapping_zip() -> bytes:
    content = bytearray(
        zip_bytes([*honest_members(), *((f"d{n:03}.py", b"# " * 5000) for n in range(99))])
    )
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        first = archive.getinfo("d000.py").header_offset
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        if content[at + 46 : at + 47] == b"d":
            content[at + 42 : at + 46] = first.to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 4)
    return bytes(content)


def tar_of(content: bytes, times: int = 1) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(times):
            info = tarfile.TarInfo(f"data{number}.bin")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def nested_bombs() -> bytes:
    bomb = tar_bomb()
    return zip_bytes(
        [*honest_members(), *((f"bomb{n:04}.tar.xz", bomb) for n in range(60))], zipfile.ZIP_STORED
    )


@functools.cache
def tar_bomb() -> bytes:
    return lzma.compress(tar_of(bytes(2**24), 34), preset=0)


def archives_in_archives() -> bytes:
    content = zip_bytes(honest_members())
    for _ in range(20):
        content = zip_bytes([("inner.zip", content)])
    return zip_bytes([*honest_members(), ("inner.zip", content)])


def deep_folders() -> bytes:
    return zip_bytes(
        [*honest_members(), ("d/" * 1000 + "mean.py", b"x = 1\n"), ("e/" * 30000 + "x.py", b"")]
    )


def odd_names() -> bytes:
    names = [
        "new\nline.py",
        "\x1b]0;owned\x07.py",
        "\u202egnp.nean\u2066.py",
        "nul\x01.py",
        "a" * 4000 + ".py",
    ]
    names += [
        "<img src=x onerror=alert(1)>.py",
        "=cmd|' !A1.py",
        "con.py",
        "space .py",
        "in\u0000ner.py",
        "%00.py",
    ]
    names += [
        "mean.py\u200b",
        ".py",
        "-rf.py",
        "~root.py",
        "$(reboot).py",
        "`id`.py",
        "{{7*7}}.py",
        "[red]x.py",
    ]
    return zip_bytes([*honest_members(), *((name, b"x = 1\n") for name in names)])


def twins() -> bytes:
    wrong = b"def mean(x):\n    return x\n"
    return zip_bytes(
        [*honest_members(), ("MEAN.py", wrong), ("Mean.PY", wrong), ("Total.py/x.py", wrong)]
    )


def encrypted() -> bytes:
    content = bytearray(zip_bytes([("mean.py", b"x"), ("total.py", b"y")]))
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    return bytes(content)


def cut_off() -> bytes:
    return (
        zip_bytes([(n, os.urandom(3000)) for n in ("mean.py", "total.py")])[:2500]
        + b"PK\x05\x06"
        + bytes(18)
    )


def many_files() -> bytes:
    return zip_bytes(
        [*honest_members(), *((f"f/{n}.py", b"") for n in range(30_000))], zipfile.ZIP_STORED
    )


class Bomb:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch @TRAP@",)


def weights() -> bytes:
    bad = pickle.dumps(Bomb())
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}
    ).encode()
    return zip_bytes(
        [
            *honest_members(),
            ("model.pt", zip_bytes([("model/data.pkl", bad)])),
            ("model.pkl", bad),
            (
                "array.npy",
                b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
                + b" " * 57
                + b"\n"
                + bad,
            ),
            ("huge.safetensors", (2**63).to_bytes(8, "little") + b"{}"),
            ("cut.safetensors", len(header).to_bytes(8, "little") + header),
        ]
    )


def notebook(*cells: str) -> bytes:
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"c{n}",
                    "metadata": {},
                    "outputs": [],
                    "source": cell,
                    "execution_count": None,
                }
                for n, cell in enumerate(cells)
            ],
        }
    ).encode()


def deep_notebook() -> bytes:
    deep = "x = " + "+".join(["1"] * 900) + "; y = 1"
    calls = "z = " + "-" * 900 + "1; w = 2"
    return zip_bytes(
        [("mean.ipynb", notebook(HONEST["mean.py"], deep, calls)), ("total.py", HONEST["total.py"])]
    )


def nested_notebook() -> bytes:
    return zip_bytes(
        [*honest_members(), ("notes.ipynb", b'{"cells":' * 100_000), ("more.ipynb", b"[" * 10**6)]
    )


def costly_notebook() -> bytes:
    """Cells over which a reader takes hours: each statement's line, each way out, each output."""
    line = "a = 1; " * 20_000
    ways_out, indent = "def unwind():\n", " "
    for _ in range(18):
        ways_out += f"{indent}try:\n{indent} return\n{indent}finally:\n"
        indent += " "
    content = json.loads(notebook(HONEST["mean.py"], line, ways_out + indent + "pass\n"))
    content["cells"][0]["outputs"] = [{"output_type": "none"}] * 50_000
    content["cells"][0]["metadata"] = {"tags": [1] * 50_000}
    text = json.dumps(content).encode()
    members: list[Member] = [("mean.ipynb", text), ("total.py", HONEST["total.py"].encode())]
    return zip_bytes(members, zipfile.ZIP_STORED)  # else it is taken for a bomb


def slow_encoding() -> bytes:
    text = b"# coding: punycode\n" + b"a" * 10 + b"-" + b"a" * 200_000
    copies: list[Member] = [(f"mean ({n}).py", text) for n in range(1, 21)]
    return zip_bytes(
        [*honest_members(), *copies], zipfile.ZIP_STORED
    )  # else it is taken for a bomb


def heavy_sources() -> bytes:
    text = b"x = [" + b"[],-1," * 40_000 + b"]\n"
    return zip_bytes([*honest_members(), *((f"v{n}/mean.py", text) for n in range(300))])


def not_utf8_folder(parent: Path) -> Path:
    path = parent / os.fsdecode(b"not_utf8_\xff\xfe\x1b[31m")
    path.mkdir()
    for name, text in HONEST.items():
        (path / name).write_text(text)
    (path / os.fsdecode(b"\xe9t\xe9.py")).write_text("x = 1\n")
    return path


def folder_of_traps(parent: Path) -> Path:
    path = parent / "folder_of_traps"
    path.mkdir()
    for name, text in HONEST.items():
        (path / name).write_text(text)
    (path / "loop").symlink_to(path)
    (path / "passwd.txt").symlink_to("/etc/passwd")
    (path / "everything").symlink_to("/")
    (path / "neighbour.py").symlink_to(parent / "zz_honest_last" / "mean.py")
    os.mkfifo(path / "pipe.txt")
    return path


def markup_in_name(parent: Path) -> Path:
    path = parent / "<script>alert(1)<_script>=cmd()[bold red]{{7*7}}"
    path.mkdir()
    (path / "mean.py").write_text(HONEST["mean.py"])
    (path / "total.py").write_text(
        "def total(x):\n    print('<script>alert(2)</script>\\x1b[31m=cmd()')\n"
        "    raise ValueError('<img src=x onerror=alert(3)>')\n"
    )
    return path


PACKING: list[Attack] = [
    packed(
        "zip_slip",
        "unpack outside its folder: .., absolute, drive and UNC names",
        IN_MEMORY,
        slip,
        says="leads out of the submission",
    ),
    packed(
        "zip_of_links",
        "links, devices and pipes in a zip",
        IN_MEMORY,
        zip_links,
        says="symbolic link",
    ),
    packed(
        "tar_of_links",
        "soft and hard links, devices and pipes in a tar",
        IN_MEMORY,
        tar_links,
        says="is a link",
    ),
    packed("zip_bomb", "unpack kilobytes to gigabytes", LIMITS, zip_bomb),
    packed(
        "zip_that_overlaps",
        "members that share their bytes, to unpack quadratically",
        LIMITS,
        overlapping_zip,
        says="shares its bytes",
    ),
    packed(
        "tar_bomb",
        "a compressed tar of gigabytes of zeros",
        LIMITS,
        tar_bomb,
        marks=(0, 0),
        status="unreadable",
        says="unpacks to more",
    ),
    packed(
        "dozens_of_bombs",
        "dozens of small bombs within one zip, each below its limit",
        LIMITS,
        nested_bombs,
        says="not opened|rest",
    ),
    packed(
        "archives_in_archives",
        "archives within archives, twenty deep",
        LIMITS,
        archives_in_archives,
        says="archive within an archive",
    ),
    packed(
        "deep_folders", "folders nested thousands deep", LIMITS, deep_folders, says="folders deep"
    ),
    packed(
        "odd_names",
        "names with line ends, terminal codes, right-to-left marks, markup, formulas",
        "names are cleaned; pages escape",
        odd_names,
    ),
    packed(
        "names_that_differ_in_case",
        "files whose names differ in case only, and a file that is a folder too",
        "the exact name counts first",
        twins,
    ),
    packed(
        "encrypted_zip",
        "a zip with a password",
        LIMITS,
        encrypted,
        marks=(0, 0),
        status="unreadable",
        says="encrypted",
    ),
    packed(
        "damaged_zip",
        "a zip that was cut off and forged",
        LIMITS,
        cut_off,
        marks=(0, 0),
        status="unreadable",
        says="damaged|holds none",
    ),
    packed("too_many_files", "tens of thousands of files", LIMITS, many_files, says="more than"),
    packed(
        "weights_that_run",
        "weights and arrays that run code when they are unpickled; forged safetensors",
        "never unpickled; left out",
        weights,
    ),
    packed(
        "notebook_too_deep",
        "a notebook whose expressions are nested up to the parser's limit",
        LIMITS,
        deep_notebook,
    ),
    packed(
        "notebook_nested", "notebooks of a hundred thousand nested lists", LIMITS, nested_notebook
    ),
    packed("sources_that_cost", "hundreds of files that take long to parse", LIMITS, heavy_sources),
    packed(
        "notebook_that_costs",
        "notebooks with thousands of statements on a line, nested ways out and odd outputs",
        LIMITS,
        costly_notebook,
    ),
    packed(
        "encoding_that_costs",
        "sources in an encoding that takes minutes to decode",
        LIMITS,
        slow_encoding,
    ),
    Attack(
        "not_utf8",
        "names that are not UTF-8, which nothing can write down",
        "names are made whole",
        pack=not_utf8_folder,
        marks=FULL,
    ),
    Attack(
        "folder_of_traps",
        "a folder with loops, links to other files, and a pipe that blocks who reads it",
        "links are not followed",
        pack=folder_of_traps,
        marks=FULL,
        says="symbolic link",
    ),
    Attack(
        "markup_in_names",
        "scripts, formulas and markup in names, output and errors",
        "pages escape; names are cleaned",
        pack=markup_in_name,
        marks=(4, 0),
        says="raised ValueError",
    ),
]
