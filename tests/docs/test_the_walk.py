"""Somebody who follows `writing-an-assignment.md` to the letter gets there."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from pages import DOCS, ROOT, blocks, read, section

from grader.assignment import Assignment, AssignmentError
from grader.batch.slot import Slot, given_folder
from grader.batch.task import Job, Suite, Task
from grader.intake import Candidate
from grader.publish import publish
from grader.results import Result
from grader.suite.plugin import serve_suite
from grader.wall import isolation
from grader.wall.warm_handle import Warm

WRITING = read(DOCS / "writing-an-assignment.md")
REAL = "ift6135_a3"


@pytest.fixture(scope="module")
def wall() -> isolation.WallKind:
    """The best wall of this machine."""
    works = [f.wall for f in isolation.survey() if f.works]
    if not works:
        pytest.skip("no wall on this machine")
    return works[0]


def named_files(text: str) -> dict[str, str]:
    """Contents of the files that the text introduces by name: `path`: and a code block."""
    found = re.findall(r"`([\w/]+\.(?:py|toml))`:\n\n```\w+\n(.*?)^```", text, re.S | re.M)
    return dict(found)


def put(home: Path, files: dict[str, str]) -> None:
    """Write files; what is there already gets the text at its end."""
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") + "\n\n" if path.exists() else ""
        path.write_text(before + text, encoding="utf-8")


def grade(
    assignment: Assignment, folder: Path, wall: isolation.WallKind, suite: Suite, tests: Path
) -> Result:
    """One submission, as the commands grade it."""
    results: list[Result] = []
    task = Task(assignment.folder, assignment.reference, wall, "walk", suite=suite)
    with tempfile.TemporaryDirectory(prefix="walk-") as scratch:
        given = given_folder(assignment, Path(scratch))
        with Warm(wall, assignment.about.limits, given) as warm:
            job = Job(Candidate("walk", folder), "walk")
            serve_suite(
                assignment,
                tests,
                lambda plugin: results.extend(Slot(task, plugin, warm).grade_repeatedly(job)),
            )
    return results[0]


def outcomes(result: Result) -> set[str]:
    assert result.status == "graded", result.problem
    return {c.outcome for c in result.checks}


@pytest.mark.needs_wall
def test_ten_minutes(tmp_path: Path, wall: isolation.WallKind) -> None:
    text = section(WRITING, "## Ten minutes: one more question")
    for part in ("assignments", "reference"):
        shutil.copytree(ROOT / part / REAL, tmp_path / part / REAL)
    put(tmp_path, named_files(text))
    folder, reference = tmp_path / "assignments" / REAL, tmp_path / "reference" / REAL
    description = folder / "assignment.toml"
    (question,) = blocks(text, "toml")
    content = description.read_text(encoding="utf-8")
    description.write_text(content.replace("[[questions]]", f"{question}\n[[questions]]", 1))
    (message,) = (b for b in blocks(text) if "assignment.toml:" in b)
    with pytest.raises(AssignmentError) as stumble:
        Assignment(folder, reference)
    said = message.partition("parts[")[2]
    assert said.strip() in str(stumble.value)
    content = description.read_text(encoding="utf-8").replace("marks = 40", "marks = 42", 1)
    description.write_text(content, encoding="utf-8")

    assignment = Assignment(folder, reference)
    tests = folder / "hidden" / "test_q1_weights.py"
    assert outcomes(grade(assignment, reference, wall, "hidden", tests)) == {"passed"}
    publish(assignment, tmp_path / "template")
    assert outcomes(grade(assignment, tmp_path / "template", wall, "hidden", tests)) == {"failed"}
    shutil.copytree(reference, tmp_path / "wrong")
    old, new = re.findall(r"sed -i 's/(.*?)/(.*?)/'", text)[0]
    file = tmp_path / "wrong" / "q1_solution.py"
    source = file.read_text(encoding="utf-8")
    assert old in source
    file.write_text(source.replace(old, new), encoding="utf-8")
    result = grade(assignment, tmp_path / "wrong", wall, "hidden", tests)
    assert outcomes(result) == {"passed", "failed"}


@pytest.mark.needs_wall
def test_a_new_assignment(tmp_path: Path, wall: isolation.WallKind) -> None:
    text = section(WRITING, "## A new assignment")
    put(tmp_path, named_files(text))
    (tmp_path / "assignments/means/handout.md").write_text("# Means\n", encoding="utf-8")
    assignment = Assignment(tmp_path / "assignments/means", tmp_path / "reference/means")
    reference = grade(assignment, assignment.reference, wall, "hidden", assignment.hidden)
    assert reference.awarded == assignment.total_marks
    publish(assignment, tmp_path / "template")
    template = grade(assignment, tmp_path / "template", wall, "public", assignment.public)
    assert outcomes(template) == {"failed"}
