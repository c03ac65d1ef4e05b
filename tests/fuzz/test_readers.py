"""What reads untrusted bytes fails only as it says it does, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import TOY
from tests.fuzz.readers import READERS

MIB = 2**20
# A machine may be busy; what hangs is ended by the limit of a whole test.
UNHURRIED = settings(deadline=None)
# Bytes at the peak for an input of at most some KiB; a zip member may be 200 times its size.
PEAK = 48 * MIB

RIGHT = {
    "mean.py": b"def mean(x):\n    return x.mean(1)\n" * 20,
    "d/total.py": b"x = 1\n",
    "e/": b"",
}


def zipped(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in RIGHT.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in RIGHT.items():
            info = tarfile.TarInfo("long/" * 30 + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


TAR = tarred(tarfile.PAX_FORMAT)
ARCHIVES = [
    *(zipped(m) for m in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)),
    *(TAR, tarred(tarfile.GNU_FORMAT), tarred(tarfile.USTAR_FORMAT)),
    *(gzip.compress(TAR), bz2.compress(TAR), lzma.compress(TAR)),
]


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of these with bytes changed, cut out, doubled or put in."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 40))
        match draw(st.integers(0, 3)):
            case 0:
                content[at : at + length] = draw(st.binary(min_size=length, max_size=length))
            case 1:
                del content[at : at + length * 10]
            case 2:
                content[at:at] = content[at : at + length * 10]
            case _:
                content[at : at + 4] = draw(st.sampled_from(NUMBERS)).to_bytes(4, "little")
    return bytes(content)


NUMBERS = (0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 0x06054B50, 0x02014B50, 0x04034B50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)

TAGS = st.sampled_from(["s", "f", "l", "t", "d", "x", "n", "o", "?"])
DTYPES = st.sampled_from(["float32", "bool", "int64", "bfloat16", "object", "V8", ""])
SIZES = st.lists(
    st.sampled_from([0, 1, 3, -1, 2**31 - 1, 2**31, 2**63, True, 1.5, None]), max_size=20
)
TREES = st.recursive(
    st.none() | st.integers() | st.floats() | st.builds(lambda d, s: {"x": [d, s]}, DTYPES, SIZES),
    lambda inner: (
        st.builds(
            lambda t, b: {t: b}, TAGS, inner | st.lists(inner, max_size=4) | st.text(max_size=9)
        )
        | st.builds(
            lambda pairs: {"d": [list(p) for p in pairs]},
            st.lists(st.tuples(st.text(max_size=4), inner), max_size=4),
        )
    ),
    max_leaves=20,
)

CELLS = st.lists(
    st.lists(
        st.sampled_from(
            [
                *(
                    "def f(x):",
                    "    return x",
                    "class A:",
                    "    pass",
                    "import torch",
                    "x = 1",
                    "@f",
                ),
                *(
                    "%matplotlib inline",
                    "!pip install x",
                    "%%bash",
                    "x?",
                    "y = !ls",
                    "\\",
                    "'''",
                    "(",
                ),
                *(
                    "from google.colab import drive",
                    "x = y = [1, 2]; z = -x",
                    "\t",
                    "\x00",
                    "\ud800",
                ),
                *(
                    "x: int = 3",
                    "async def g(): pass",
                    "if x:",
                    "f'{x!r:>{y}}'",
                    "lambda: 0",
                    "é = 1",
                ),
                *("x = " + "-" * 400 + "1; y = 2", "+".join(["1"] * 700), "(" * 120, "[" * 300),
            ]
        ),
        max_size=8,
    ).map("\n".join),
    max_size=5,
)


def notebook(cells: list[str], more: Any) -> bytes:
    code = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "source": cell,
            "execution_count": None,
        }
        for cell in cells
    ]
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code}
    return json.dumps(content | (more if isinstance(more, dict) else {})).encode()


TOML = TOY["assignments/toy/assignment.toml"]
TOML_LINES = st.lists(
    st.sampled_from(
        [
            *TOML.splitlines(),
            *(
                'name = "x/../y"',
                "marks = nan",
                "marks = -1",
                "marks = inf",
                "marks = 1e999",
                "[[questions]]",
            ),
            *(
                "[limits.more]",
                "call_seconds = 1979-05-27",
                "[files]",
                "given = [[], {}]",
                "'' = 1",
            ),
            *(
                "x = " + "[" * 2000,
                "x = " + "{a=" * 2000,
                "marks = 0x" + "f" * 5000,
                "marks = " + "9" * 5000,
            ),
            *(
                "a" + ".a" * 2000 + " = 1",
                'title = """',
                "\ufeff",
                "[limits]\r",
                "name = '\\u0000'",
            ),
        ]
    ),
    max_size=30,
).map("\n".join)


def check(reader: str, data: bytes) -> None:
    tracemalloc.start()
    try:
        READERS[reader](data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < PEAK + 50 * len(data)


@UNHURRIED
@given(damaged(ARCHIVES))
def test_damaged_archives(data: bytes) -> None:
    check("archive", data)


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b""]
)
@UNHURRIED
@given(rest=st.binary(max_size=600))
def test_noise_that_starts_like_an_archive(start: bytes, rest: bytes) -> None:
    check("archive", start + rest)
    check("archive", bytes(257) + b"ustar" + rest)


@UNHURRIED
@given(TREES, st.binary(max_size=20))
def test_headers_that_are_json(tree: object, payload: bytes) -> None:
    header = json.dumps({"d": [["value", tree]]}).encode()
    check("header", header)
    sizes = len(header).to_bytes(4, "little") + len(payload).to_bytes(8, "little")
    check("frame", b"GWF2" + sizes + header + payload)


@UNHURRIED
@given(JSON)
@example([[[[]]]] * 10_000)
def test_headers_of_any_json(value: object) -> None:
    check("header", json.dumps(value).encode())


@UNHURRIED
@given(st.binary(max_size=300))
@example(b'{"l":[' * 100_000)
@example(b'{"d":[["a",1' + b"0" * 5000 + b"]]}")
def test_frames_of_noise(data: bytes) -> None:
    check("header", data)
    check("frame", data)
    check("frame", b"GWF2" + data)


@UNHURRIED
@given(CELLS, JSON)
def test_notebooks(cells: list[str], more: object) -> None:
    check("notebook", notebook(cells, more))


@UNHURRIED
@given(damaged([notebook(["def f(x):\n    return x"], None)]))
def test_damaged_notebooks(data: bytes) -> None:
    check("notebook", data)


@UNHURRIED
@given(JSON)
@example({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": 3}]}]})
@example({"nbformat": 10**9, "cells": None})
@example({"nbformat": 4, "nbformat_minor": 5, "cells": [{"cell_type": "code", "source": {"a": 1}}]})
def test_notebooks_of_any_json(value: object) -> None:
    check("notebook", json.dumps(value).encode())


@UNHURRIED
@given(CELLS.map("\n".join))
def test_sources(text: str) -> None:
    check("source", text.encode(errors="surrogatepass"))
    check("source", b"# coding: " + text.encode(errors="surrogatepass")[:20])


@UNHURRIED
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
)
@example(b"/".join([b"a"] * 5000))
@example("\u202e\u0000\ufdfa".encode())
def test_names(data: bytes) -> None:
    check("name", data)


@UNHURRIED
@given(TOML_LINES)
@example("x = " + "[" * 5000)
@example("marks = " + "9" * 5000)
@example("[[questions]]\nmarks = 0x" + "f" * 5000)
@example("name = " + "{a=" * 150 + "1" + "}" * 150)
def test_assignment_files(text: str) -> None:
    check("assignment", text.encode(errors="replace"))


@UNHURRIED
@given(damaged([TOML.encode()]))
def test_damaged_assignment_files(data: bytes) -> None:
    check("assignment", data)
