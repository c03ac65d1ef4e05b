"""Somebody who follows `writing-an-assignment.md` to the letter gets there."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from pages import DOCS, ROOT, blocks, first_column, read, section

from grader.assignment import Assignment, AssignmentError
from grader.audit.grading import audit
from grader.batch.plan import run_task
from grader.batch.slot import Slot, given_folder
from grader.batch.task import Job, Suite, Task
from grader.calibrate.trivial import best_of_trivial
from grader.cli.starting import FILES
from grader.intake import Candidate, read_submission
from grader.publish import publish
from grader.results import Result
from grader.runs.execute import Executor
from grader.suite import stats
from grader.suite.laws import Architecture, Draws, Function, Step
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
        with Warm(wall, assignment.description.limits, given) as warm:
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


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The new assignment, followed to its end."""
    home = tmp_path_factory.mktemp("home")
    text = section(WRITING, "## A new assignment")
    put(home, named_files(text))
    (home / "assignments/means/handout.md").write_text("# Means\n", encoding="utf-8")
    description = home / "assignments/means/assignment.toml"
    second, third = (
        section(text, heading)
        for heading in (
            "### 2. A second function, which is random (10 minutes)",
            "### 3. A run (15 minutes)",
        )
    )
    (home / "reference/means/means.py").open("a").write(f"\n\n{blocks(second, 'python')[0]}")
    content = description.read_text(encoding="utf-8").replace("marks = 3", "marks = 7", 1)
    tables = "\n".join(blocks(part, "toml")[0] for part in (second, third))
    description.write_text(f"{content}\n{tables}", encoding="utf-8")
    return Assignment(home / "assignments/means", home / "reference/means")


def test_the_page_shows_what_grader_new_writes() -> None:
    shown = named_files(section(WRITING, "## A new assignment"))
    for path, text in FILES.items():
        if path.endswith((".py", ".toml")):
            assert shown[path.replace("NAME", "means")] == text.replace("NAME", "means"), path


@pytest.mark.needs_wall
def test_a_new_assignment(means: Assignment, tmp_path: Path, wall: isolation.WallKind) -> None:
    reference = grade(means, means.reference, wall, "hidden", means.hidden)
    assert reference.awarded == 5 and len(reference.checks) == 6
    publish(means, tmp_path / "template")
    template = grade(means, tmp_path / "template", wall, "public", means.public)
    assert outcomes(template) == {"failed"}


@pytest.mark.needs_wall
def test_the_new_assignment_passes_its_audit(means: Assignment, wall: isolation.WallKind) -> None:
    found = audit(means, wall=wall, jobs=1, secret="walk", measure=20)
    assert found.problems == [] and found.uncovered == [] and found.weak_checks == []
    assert {rate.test for rate in found.rates} == {"normal mean", "normal variance"}


@pytest.mark.needs_wall
def test_the_run_of_the_new_assignment(
    means: Assignment, tmp_path: Path, wall: isolation.WallKind
) -> None:
    task = run_task(means, "smoke", tmp_path, None)
    assert task is not None
    submission = read_submission(Candidate("reference", means.reference), means)
    with tempfile.TemporaryDirectory(prefix="walk-") as scratch:
        given = given_folder(means, Path(scratch))
        with Warm(wall, means.description.limits, given, task.mounted) as warm:
            warm.start()
            executor = Executor(means, "smoke", tmp_path, None, warm)
            result = executor.execute(submission, "fit", "", "walk", tell=lambda now, of: None)
    assert result.status == "finished", result.problem
    (figure,) = result.figures
    (floor,) = best_of_trivial(means, "smoke", None)
    assert figure.value is not None and floor.value is not None
    assert 0 < figure.value < floor.value / 2
    assert [picture.title for picture in result.pictures] == ["Training"]


def test_every_function_of_stats_is_on_the_page() -> None:
    table = first_column(section(WRITING, "### Statistics"))
    named = {word.partition("(")[0] for word in table} - {"function"}
    public = {n for n, f in vars(stats).items() if getattr(f, "__module__", "") == stats.__name__}
    assert named == {n for n in public if n[0].islower() and not n.startswith("_")}


def test_every_law_is_on_the_page() -> None:
    assert set(first_column(section(WRITING, "### Laws"))) == {
        *Function.laws(),
        *Architecture.laws(),
        *Draws.laws(),
        *Step.laws(),
    }
