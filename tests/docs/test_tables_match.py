"""Tables of fields, fixtures, limits and caps say what the code says."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from pages import DOCS, first_column, read, section
from pydantic import BaseModel

from grader import data, results
from grader.assignment import (
    Declaration,
    Description,
    Limits,
    NotebookRules,
    Part,
    Profile,
    Question,
    Run,
    SourceFile,
)
from grader.store import store
from grader.suite.draw import Draw
from grader.suite.expect import Expect
from grader.suite.plugin import SuitePlugin
from grader.wall.behind import described, warm, wire, worker

RESULTS = read(DOCS / "results.md")
WRITING = read(DOCS / "writing-an-assignment.md")
WIRE = read(DOCS / "wire.md")
INSTRUCTORS = read(DOCS / "for-instructors.md")
DATA = read(DOCS / "data.md")


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("### `handed`", results.Handed),
        ("### `files`", results.TakenFile),
        ("### `code`", results.Excerpt),
        ("### `rules`", results.RuleFinding),
        ("### `questions`", results.QuestionMark),
        ("### `checks`", results.Check),
        ("### `statistics`", results.Statistic),
        ("### `runs`", results.RunResult),
        ("### `figures`", results.Figure),
        ("### `environment`", results.Environment),
    ],
)
def test_fields_of_a_part_of_the_result(heading: str, model: type[BaseModel]) -> None:
    assert first_column(section(RESULTS, heading)) == list(model.model_fields)


def test_fields_of_the_result() -> None:
    whole = section(RESULTS, "## A result").partition("### ")[0]
    assert first_column(whole) == list(results.Result.model_fields)
    assert f"schema version {results.SCHEMA_VERSION}" in RESULTS
    for field in results.Hint.model_fields:
        assert f"`{field}`" in section(RESULTS, "### `checks`")


def test_columns_of_the_database() -> None:
    tables = dict(
        re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\) STRICT", store.SCHEMA, re.S)
    )
    text = section(RESULTS, "## The database")
    assert f"layout {store.LAYOUT}" in text
    assert first_column(text) == list(tables)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    for table, definition in tables.items():
        for column in re.findall(r"(\w+) (?:TEXT|REAL)", definition):
            assert f"`{column}`" in rows[table], f"{table}.{column}"


def _fixtures() -> set[str]:
    kind = type(inspect.getattr_static(SuitePlugin, "submission"))
    return {
        n for n in vars(SuitePlugin) if isinstance(inspect.getattr_static(SuitePlugin, n), kind)
    }


def test_fixtures() -> None:
    assert set(first_column(section(WRITING, "### Fixtures"))) == _fixtures()


def test_data_sets() -> None:
    assert first_column(section(DATA, "## What there is")) == list(data.NAMES)


def _methods(owner: type[Any]) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def test_methods_of_expect_and_draw() -> None:
    named = set(re.findall(r"`expect\.(\w+)", section(WRITING, "### `expect`")))
    assert named == _methods(Expect)
    named = set(re.findall(r"`draw\.(\w+)", section(WRITING, "### `draw`")))
    assert named == _methods(Draw)


def test_keys_of_the_description() -> None:
    text = section(WRITING, "### `assignment.toml`")
    fields = {
        *(set(Description.model_fields) - {"limits", "files", "parts", "questions", "runs"}),
        *NotebookRules.model_fields,
        *SourceFile.model_fields,
        *Part.model_fields,
        *Question.model_fields,
        *Run.model_fields,
        *Profile.model_fields,
        *Declaration.model_fields,
    }
    for field in fields:
        assert f"`{field}`" in text, field
    for table in (
        "[limits]",
        "[notebook_rules]",
        "[[files]]",
        "[[parts]]",
        "[[questions]]",
        "[[runs]]",
        "[runs.measures]",
    ):
        assert f"`{table}`" in text


def test_limits_and_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", section(INSTRUCTORS, "## Limits"), re.MULTILINE)
    assert {name: float(value) for name, value in rows} == Limits().model_dump()


def test_version_and_magic_of_the_wire() -> None:
    assert WIRE.startswith(f"# The wire: version {wire.VERSION}\n")
    assert f"GWF{wire.VERSION}".encode() == wire.MAGIC
    assert f"`{wire.MAGIC.decode()}`" in WIRE
    assert wire.PREFIX.size == 16


def test_encodings_and_caps_of_the_wire() -> None:
    for name in wire.DTYPES:
        assert f"`{name}`" in WIRE, name
    caps = section(WIRE, "## Caps")
    assert f"| header | {wire.MAX_HEADER_BYTES // 2**20} MiB |" in caps
    assert f"| values in a message | {wire.MAX_NODES:,} |" in caps
    assert f"| depth of nesting | {wire.MAX_DEPTH} |" in caps
    assert f"| {wire.MAX_DIMENSIONS}; below 2^31 |" in caps and wire.MAX_DIMENSION == 2**31
    assert f"| {described.MAX_TEXT:,} characters; {described.MAX_FRAMES} |" in caps


def test_tags_of_the_wire() -> None:
    written = set(re.findall(r'\{"(\w)": ', section(WIRE, "## A frame")))
    assert written == set(re.findall(r'return \{(?:\n *)?"(\w)"', inspect.getsource(wire))) | {
        *("s", "f", "l", "t")
    }


def test_requests_and_control_messages() -> None:
    requests = set(re.findall(r'"(\w+)": self\._\w+,', inspect.getsource(worker)))
    text = section(WIRE, "## Requests and replies")
    assert {name for name in first_column(text) if name.isidentifier()} >= requests
    for event in re.findall(r'"event": "(\w+)"', inspect.getsource(warm)):
        assert f'"event": "{event}"' in section(WIRE, "## Control messages")
    for operation in re.findall(r'message\["op"\] == "(\w+)"', inspect.getsource(warm)):
        assert f'"op": "{operation}"' in section(WIRE, "## Control messages")
