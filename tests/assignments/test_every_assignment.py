"""What holds of every assignment: its suites, tried in this process without a wall.

The reference passes whatever the secret, a template as it was handed out gets nothing, and every
check says which question it belongs to and why it exists.
"""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from grader.assignment import Assignment, find_assignment, known_assignments
from grader.publish.contents import template_files
from grader.results import Check
from grader.suite.local import Local, load_text
from grader.suite.trial import Trial, try_suite

SECRETS = [s for s in os.environ.get("SUITE_SECRETS", "one,two").split(",") if s]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=known_assignments())
def assignment(request: pytest.FixtureRequest) -> Assignment:
    """Each assignment."""
    return find_assignment(request.param)


@cache
def on_reference(assignment: Assignment, secret: str) -> tuple[list[Check], int]:
    """The checks of the reference, and how many questions they put to it."""
    with mock.patch.object(Trial, "ask", autospec=True, side_effect=Trial.ask) as ask:
        checks = try_suite(assignment, Local.reference(assignment).modules, secret)
    return checks, ask.call_count


def template(assignment: Assignment) -> dict[str, types.ModuleType]:
    """The files that students fill in, as they get them, by names that nobody else imports."""
    files = template_files(assignment)
    return {
        f.name: load_text(files[f.path].decode(), f"template_{f.name}")
        for f in assignment.description.files
    }


def lost(checks: list[Check]) -> list[str]:
    """What was wrong, by check."""
    return [
        f"{c.id}: {c.outcome}: {c.rationale} {c.detail}" for c in checks if c.outcome != "passed"
    ]


# --- the hidden suite -----------------------------------------------------------------------------


@pytest.mark.parametrize("secret", SECRETS)
def test_the_reference_passes_whatever_the_secret(assignment: Assignment, secret: str) -> None:
    assert not lost(on_reference(assignment, secret)[0])


def test_every_unit_question_has_checks_and_no_other_has(assignment: Assignment) -> None:
    units = {q.id for q in assignment.description.questions if q.kind == "unit"}
    assert {c.question for c in on_reference(assignment, SECRETS[0])[0]} == units


def test_every_check_has_a_title_a_weight_and_a_reason(assignment: Assignment) -> None:
    for check in on_reference(assignment, SECRETS[0])[0]:
        assert check.title and check.weight > 0, check.id
        assert check.reason.endswith("."), check.id


def test_a_check_asks_few_questions(assignment: Assignment) -> None:
    """A submission pays for each, and a class for each submission."""
    checks, asked = on_reference(assignment, SECRETS[0])
    assert len(checks) <= asked <= 4 * len(checks)


def test_a_template_gets_nothing(assignment: Assignment) -> None:
    checks = try_suite(assignment, template(assignment), "a template")
    assert not [c for c in checks if c.outcome != "failed"], lost(checks)


def test_nothing_gets_nothing(assignment: Assignment) -> None:
    empty = {f.name: types.ModuleType(f.name) for f in assignment.description.files}
    checks = try_suite(assignment, empty, "nothing")
    assert not [c for c in checks if c.outcome != "failed"], lost(checks)


# --- the public suite -----------------------------------------------------------------------------


def test_the_reference_passes_the_public_suite(assignment: Assignment) -> None:
    reference = Local.reference(assignment).modules
    checks = try_suite(assignment, reference, "public", assignment.public)
    assert checks
    assert not lost(checks)


def test_a_template_fails_the_public_suite_where_something_is_to_be_written(
    assignment: Assignment,
) -> None:
    checks = try_suite(assignment, template(assignment), "public", assignment.public)
    assert {c.outcome for c in checks} <= {"passed", "failed"}, lost(checks)
    assert any("not written yet" in c.rationale for c in checks)


# --- the files ------------------------------------------------------------------------------------


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, by their whole names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_hidden_suite_drives_neither_the_wall_nor_a_batch(assignment: Assignment) -> None:
    """Laws and oracles of the harness are at its service; how it is run is none of its business."""
    for path in assignment.hidden.rglob("*.py"):
        for name in imported(path):
            assert not f"{name}.".startswith(("grader.wall.", "grader.batch.")), (path, name)


def test_what_students_get_or_meet_needs_no_harness(assignment: Assignment) -> None:
    """Probes and adapters run behind the wall and in the template, where there is no grader. What
    drives an implementation comes with them."""
    allowed = {"pytest", "numpy", "torch"} | set(sys.stdlib_module_names)
    ours = [*assignment.folder.glob("probes*"), assignment.adapters, assignment.public]
    paths = [p for o in ours for p in (o.rglob("*.py") if o.is_dir() else [o] * o.exists())]
    assert paths
    for path in paths:
        names = {n for n in imported(path) if not n.startswith("grader.suite.driving.")}
        assert {name.split(".")[0] for name in names} <= allowed, path
