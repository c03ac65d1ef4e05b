"""`grader new` makes an assignment that grades, passes its audit and is published at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from grader.assignment import Assignment, author_page, find_assignment
from grader.audit.grading import audit
from grader.cli import app as cli
from grader.cli import publishing, starting  # noqa: F401  they register their commands
from grader.publish import publish


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    # Set, so that what a command sets is taken back.
    monkeypatch.setenv("GRADER_HOME", "")
    return tmp_path


def new(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(cli.app, [*arguments])
    assert done.exit_code == status, done.output
    return done.output


def test_what_it_makes_grades_and_is_published(here: Path) -> None:
    said = new("new", "cs101_a2")
    assert str(author_page()) in said.replace("\n", "") and author_page().is_file()
    found = find_assignment("cs101_a2")
    assert found.folder == here / "assignments" / "cs101_a2" and found.total_marks == 3
    publish(found, here / "template")
    assert "NotImplementedError" in (here / "template" / "means.py").read_text()
    verdicts = audit(found, wall="none", jobs=1, secret="s", measure=0)
    assert verdicts.problems == [] and verdicts.uncovered == [] and len(verdicts.checks) == 2
    assert [v.name for v in verdicts.verdicts[2:]] == [
        "arithmetic_mean",
        "mean_as_a_column",
        "root_of_the_product",
    ]
    assert verdicts.weak_checks == []


def test_a_home_may_be_named(here: Path) -> None:
    (here / "own" / "assignments").mkdir(parents=True)
    new("--home", "own", "new", "cs101_a2")
    made = Assignment(
        here / "own" / "assignments" / "cs101_a2", here / "own" / "reference" / "cs101_a2"
    )
    assert made.name == "cs101_a2" and not (here / "assignments").exists()
    assert "there is no folder" in new("--home", "nowhere", "new", "another", status=2)


@pytest.mark.parametrize("name", ["a-b", "1a", "class", "../a", ""])
def test_a_name_that_cannot_be(here: Path, name: str) -> None:
    assert "cannot be a name; take letters" in new("new", name, status=2)
    assert not list(here.iterdir())


def test_a_name_that_is_taken(here: Path) -> None:
    assert "is taken; choose another" in new("new", "ift6135_a3", status=2)
    (here / "reference" / "mine").mkdir(parents=True)
    said = new("new", "mine", status=2)
    assert "is there already; choose another" in said and not (here / "assignments").exists()


def test_the_current_folder_replaces_nothing(here: Path) -> None:
    (here / "assignments" / "ift6135_a3").mkdir(parents=True)
    (here / "assignments" / "ift6135_a3" / "assignment.toml").write_text("name = 1")
    assert find_assignment("ift6135_a3").folder.parent != here / "assignments"
