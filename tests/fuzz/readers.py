"""Everything that reads bytes from strangers, as functions of bytes that may only fail as declared.

Hypothesis drives them in the tests, atheris in `by_coverage`.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from grader.assignment import AssignmentError, read_description
from grader.intake.limits import IntakeError, Notes, UnreadableEntryError
from grader.intake.names import Person, UnsafeNameError, clean_path, identifiers
from grader.intake.notebooks.notebook import definitions
from grader.intake.notebooks.source import encoding_problem, outline
from grader.intake.unpack import archive_entries
from grader.wall.behind import wire

READ_LIMIT = 2**20
MAX_PAYLOAD = 2**20


def read_frame(data: bytes) -> None:
    """A frame as the trusted side reads it."""
    with contextlib.suppress(wire.WireError):
        prefix = data[: wire.PREFIX.size].ljust(wire.PREFIX.size, b"\0")
        rest = data[wire.PREFIX.size :]
        header, payload = wire.sizes(prefix, max_payload=MAX_PAYLOAD)
        wire.decode(rest[:header], rest[header : header + payload])


def read_header(data: bytes) -> None:
    """A header whose sizes were right."""
    with contextlib.suppress(wire.WireError):
        wire.decode(data, b"")


def read_archive(data: bytes) -> None:
    """Every member of an archive."""
    notes = Notes()
    with contextlib.suppress(IntakeError):
        for entry in archive_entries(io.BytesIO(data), "it", notes):
            with contextlib.suppress(UnreadableEntryError):
                assert len(entry.read(READ_LIMIT)) <= READ_LIMIT
            assert clean_path(entry.path) == entry.path
    for note in notes.texts:
        note.encode()


def read_notebook(data: bytes) -> None:
    """A notebook's definitions, which then parse."""
    notes = Notes()
    with contextlib.suppress(UnreadableEntryError):
        text = definitions(data, "it.ipynb", notes)
        assert encoding_problem(text) is None
        outline(text)
    for note in notes.texts:
        note.encode()


def read_source(data: bytes) -> None:
    """A Python file, looked at without running it."""
    outline(data)
    encoding_problem(data)


def read_name(data: bytes) -> None:
    """A name in an archive, and an id made of it."""
    name = data.decode(errors="surrogateescape")
    with contextlib.suppress(UnsafeNameError):
        cleaned = clean_path(name)
        assert not cleaned.startswith("/") and ".." not in cleaned.split("/")
        cleaned.encode()
    (identifier,) = identifiers([Person(name, name, "")])
    assert identifier.isascii() and "/" not in identifier and identifier.strip(".")


def read_assignment(data: bytes) -> None:
    """An assignment.toml."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "assignment.toml")
        path.write_bytes(data)
        with contextlib.suppress(AssignmentError):
            read_description(path)


READERS: dict[str, Callable[[bytes], None]] = {
    "frame": read_frame,
    "header": read_header,
    "archive": read_archive,
    "notebook": read_notebook,
    "source": read_source,
    "name": read_name,
    "assignment": read_assignment,
}
