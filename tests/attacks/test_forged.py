"""Unfilled templates whose import forges what probes report of them, graded by the real suites."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import Assignment, find_assignment
from grader.batch.slot import given_folder
from grader.marks.scoring import score
from grader.results import Check, QuestionMark
from grader.suite.hints import Misconceptions
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.remote import Remote
from grader.wall import isolation
from grader.wall.warm_handle import Warm
from tests.conftest import opened

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600)]

HERE = Path(__file__).parent / "forged"
TEMPLATES = HERE.parents[2] / "student_template"
INSTALL = "\nimport sys, forgery\nforgery.install(sys.modules[__name__])\n"
# The share of the marks for unit tests that each forgery keeps at most.
MOST = {"ift6135_a3": 0.05, "cs60073_a3": 0.01}


def forged(assignment: Assignment) -> dict[str, bytes]:
    """The files of the submission."""
    files = {"forge.py": HERE / "forge.py", "forgery.py": HERE / f"{assignment.name}.py"}
    content = {name: path.read_bytes() for name, path in files.items()}
    for file in assignment.description.files:
        path = TEMPLATES / assignment.name / file.path
        content[file.path] = path.read_bytes() + INSTALL.encode()
    return content


@pytest.mark.parametrize("name", MOST)
def test_forged_probes_earn_little_and_are_told_of(name: str, tmp_path: Path) -> None:
    assignment = find_assignment(name)
    given = given_folder(assignment, opened(tmp_path))
    questions: list[QuestionMark] = []
    checks: list[Check] = []
    said: list[str] = []

    def serve(plugin: SuitePlugin) -> None:
        remote = Remote(warm, assignment, forged(assignment))
        expected = plugin.of(None)
        observed = plugin.run(remote, "forged", expected)
        Misconceptions(assignment, plugin.reference_implementation).explain(expected, observed)
        marked = score(assignment, expected, observed)
        questions.extend(marked[0])
        checks.extend(marked[1])
        remote.close()
        said.extend(remote.concerns)

    with Warm(isolation.choose(), assignment.description.limits, given) as warm:
        serve_suite(assignment, assignment.hidden, serve)
    units = [q for q in questions if q.kind == "unit"]
    kept = sum(q.awarded or 0.0 for q in units) / sum(q.marks for q in units)
    earned = "\n".join(f"{c.question} {c.id}" for c in checks if c.outcome == "passed")
    print(f"{name}: a forged template keeps {kept:.1%} of the marks for unit tests\n{earned}")
    assert kept <= MOST[name]
    for file in assignment.description.files:
        assert any(file.path in concern and "grader_driving.call" in concern for concern in said)
