"""The commands as people type them, on the toy assignment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RIGHT, TOY, write_tree


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("home"), TOY)


def grader(home: Path, *arguments: str | Path, status: int = 0, errors: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from grader.cli import main; main()", *map(str, arguments)],
        env=os.environ | {"GRADER_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if errors else done.stdout


COMMANDS = (
    *("list", "show", "publish", "audit", "check", "grade", "report", "export", "doctor"),
    *("schema", "demo", "calibrate", "drop", "new"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(home: Path, command: str) -> None:
    assert f"Example: grader {command}" in " ".join(grader(home, command, "--help").split())


def test_list_and_show(home: Path) -> None:
    rows = {row["name"]: row for row in json.loads(grader(home, "list", "--json"))}
    assert rows["toy"]["marks"] == 10
    text = grader(home, "show", "toy")
    assert "q1.1" in text and "mean.mean" in text and "7 unit" in text
    assert json.loads(grader(home, "show", "toy", "--json"))["name"] == "toy"


def test_an_unknown_assignment_is_named(home: Path) -> None:
    assert "'nosuch'" in grader(home, "show", "nosuch", status=2, errors=True)


def test_schema_describes_a_result(home: Path) -> None:
    assert "checks" in json.loads(grader(home, "schema"))["properties"]


def test_doctor_names_a_wall(home: Path) -> None:
    facts = json.loads(grader(home, "doctor", "--json"))
    assert facts["wall"] in ("bubblewrap", "landlock") and facts["slots"] >= 1


def test_doctor_says_which_data_there_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADER_DATA", raising=False)
    facts = json.loads(grader(home, "doctor", "--json"))
    assert facts["data"] is None and set(facts["data_sets"].values()) == {"embedded"}
    monkeypatch.setenv("GRADER_DATA", str(home))
    text = grader(home, "doctor")
    assert f"0 real sets in {home}; missing: mnist, " in text and "grader data list" in text


def test_grade_report_and_export(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "class" / "alice", RIGHT)
    write_tree(tmp_path / "class" / "bob", RIGHT | {"mean.py": "def mean(x):\n    return x\n"})
    out = tmp_path / "out"
    rows = json.loads(grader(home, "grade", "toy", tmp_path / "class", "--out", out, "--json"))
    assert {r["submission"]: r["awarded"] for r in rows} == {"alice": 7.0, "bob": 4.0}
    page = out / "reports" / "class.html"
    assert "alice" in page.read_text() and (out / "marks.csv").exists()
    page.unlink()
    grader(home, "report", out)
    assert page.exists()
    grader(home, "export", out, "--format", "moodle", "--to", tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text()
    again = grader(home, "grade", "toy", tmp_path / "class", "--out", out, errors=True)
    assert "2 of 2 are graded already" in again


def test_who_left_the_class_is_said_and_can_be_dropped(home: Path, tmp_path: Path) -> None:
    for name in ("alice", "Zoë O'Brien", "王伟"):
        write_tree(tmp_path / "class" / name, RIGHT)
    out = tmp_path / "out"
    arguments = ("grade", "toy", tmp_path / "class", "--out", out, "--jobs", "1")
    told = grader(home, *arguments, errors=True)
    assert told.splitlines()[0] == "3 students: 3 in class"
    assert "Not in the class" not in told
    marks = (out / "marks.csv").read_text()
    assert "Zoë O'Brien" in marks and "王伟" in marks
    (tmp_path / "class" / "alice").rename(tmp_path / "class" / "alice_too")
    told = grader(home, *arguments, errors=True)
    assert "still in the marks: alice. To remove: grader drop" in told
    page = out / "reports" / "class.html"
    assert "Not in the class that was given last" in page.read_text()
    # A single submission is not a class that others are gone from.
    single = ("grade", "toy", tmp_path / "class" / "alice_too", *arguments[3:])
    assert "alice_too" not in grader(home, *single, errors=True).partition("still in")[2]
    text = grader(home, "drop", out, "alice")
    assert "3 left" in text
    assert not (out / "reports" / "ta" / "alice.html").exists()
    assert not (out / "results" / "alice.json").exists()
    assert "alice," not in (out / "marks.csv").read_text()
    assert "Not in the class that was given last" not in page.read_text()
    assert "no such submission" in grader(home, "drop", out, "alice", status=2, errors=True)
    told = grader(home, *arguments, errors=True)
    assert "Not in the class" not in told


def test_only_grades_one_and_says_if_there_is_no_such(home: Path, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        write_tree(tmp_path / "class" / name, RIGHT)
    out = ("--out", tmp_path / "out", "--jobs", "1", "--json")
    arguments = ("grade", "toy", tmp_path / "class", *out)
    rows = json.loads(grader(home, *arguments, "--only", "bob"))
    assert [r["submission"] for r in rows] == ["bob"]
    assert "carol" in grader(home, *arguments, "--only", "carol", status=2, errors=True)


def test_check_explains_failures_and_gives_no_marks(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "right", RIGHT)
    assert "1 of 1 public checks passed" in grader(home, "check", tmp_path / "right")
    write_tree(tmp_path / "wrong", RIGHT | {"mean.py": "def mean(x):\n    return 2 * x.mean(1)\n"})
    text = grader(home, "check", tmp_path / "wrong", status=1)
    assert "failed  mean of ones is one" in text
    assert "what: the result is wrong" in text and "why: A mean of ones is one." in text
    assert not re.search(r"\bmarks?:", text)


def test_publish_writes_a_template_without_solutions(home: Path, tmp_path: Path) -> None:
    grader(home, "publish", "toy", "--to", tmp_path / "template")
    text = (tmp_path / "template" / "mean.py").read_text()
    assert "NotImplementedError" in text and "x.sum(1)" not in text
    assert "--force" in grader(
        home, "publish", "toy", "--to", tmp_path / "template", status=2, errors=True
    )


def test_a_store_that_is_none_is_an_error(home: Path, tmp_path: Path) -> None:
    assert "no such file" in grader(home, "report", tmp_path, status=2, errors=True)


def test_grade_refuses_without_a_wall(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grader.wall import isolation
    from grader.wall.errors import WallError

    nothing = (isolation.Finding("bubblewrap", False, "gone"),)
    monkeypatch.setattr(isolation, "survey", lambda: nothing)
    with pytest.raises(WallError, match="--isolation none"):
        isolation.choose("auto")
    assert isolation.choose("none") == "none"
