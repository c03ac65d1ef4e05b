"""Which assignment a folder belongs to, and which of its functions are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import find_assignment, known_assignments
from grader.cli.checking import _guess, _written
from grader.publish import functions_to_write

TEMPLATES = Path(__file__).parents[2] / "student_template"


@pytest.mark.parametrize("name", known_assignments())
def test_a_template_is_taken_for_its_own_assignment(name: str) -> None:
    assert _guess(TEMPLATES / name).name == name


@pytest.mark.parametrize("name", known_assignments())
def test_a_template_has_written_nothing_and_the_reference_everything(name: str) -> None:
    assignment = find_assignment(name)
    wanted = {n for names in functions_to_write(assignment).values() for n in names}
    assert wanted
    paths = [f.path for f in assignment.description.files]
    template = {p: (TEMPLATES / name / p).read_bytes() for p in paths}
    assert _written(assignment, template) == set()
    reference = {p: (assignment.reference / p).read_bytes() for p in paths}
    assert _written(assignment, reference) == wanted
    assert _written(assignment, {}) == set()
