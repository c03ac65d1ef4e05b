"""One undisturbed run to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.course import CLASS, Course

Results = dict[str, dict[str, object]]


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course that was graded, and nothing went wrong; tests copy its folder."""
    course = Course.make(tmp_path_factory.mktemp("undisturbed"))
    status, said = course.grade()
    assert status == 0, said
    return course


@pytest.fixture(scope="session")
def undisturbed(graded: Course) -> Results:
    """What the class gets when nothing goes wrong."""
    results = graded.results()
    assert set(results) == set(CLASS)
    assert [r["status"] for r in results.values()].count("graded") == len(CLASS) - 1
    return results


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A class that was not graded yet."""
    return Course.make(tmp_path)
