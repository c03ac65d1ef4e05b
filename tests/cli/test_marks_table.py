"""The table of marks that `grader grade` prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from grader.assignment import Assignment
from grader.cli import marks_table as marks
from grader.cli.marks_table import marks_table
from grader.results import QuestionMark, Result

TOML = """
name = "toy"
title = "Toy"
course = "C"
university = "U"

[[files]]
name = "gan"
path = "gan.py"

[[parts]]
id = "q1"
title = "One"
marks = 6

[[questions]]
id = "q1.1"
title = "Unit"
kind = "unit"
marks = 2
contracts = ["gan.jsd"]

[[questions]]
id = "q1.2"
title = "Run"
kind = "run"
marks = 3

[[questions]]
id = "q1.3"
title = "Text"
kind = "written"
marks = 1
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "assignment.toml").write_text(TOML, encoding="utf-8")
    return Assignment(folder, tmp_path)


def make_result(assignment: Assignment, submission: str, run: float | None) -> Result:
    awarded = {"q1.1": 2.0, "q1.2": run, "q1.3": None}
    return Result(
        assignment="toy", assignment_digest="d", secret_id="s", submission=submission,
        source="s", source_digest="e", status="graded", graded_at="now", seconds=1,
        questions=[QuestionMark(id=q.id, title=q.title, kind=q.kind, marks=q.marks,
                                awarded=awarded[q.id]) for q in assignment.description.questions],
    )  # fmt: skip


def cells(table: Table) -> list[list[str]]:
    return [[str(cell) for cell in column.cells] for column in table.columns]


@pytest.fixture(params=[200, 40], ids=["wide", "narrow"])
def width(request, monkeypatch) -> int:
    monkeypatch.setattr(marks, "console", Console(width=request.param))
    return request.param


def test_without_marks_for_runs_only_unit_questions_are_shown(assignment, width) -> None:
    table = marks_table(assignment, [make_result(assignment, "ada", None)])
    assert table.title == "Toy: unit-tested questions"
    assert cells(table)[1:3] == [["2", "2"], ["2", "2.00"]]
    assert len(table.columns) == 4


def test_runs_are_shown_once_one_of_them_is_decided(assignment, width) -> None:
    results = [make_result(assignment, "ada", 1.5), make_result(assignment, "bob", None)]
    table = marks_table(assignment, results)
    assert table.title == "Toy: unit-tested questions and training runs"
    if width == 200:
        assert [c.header for c in table.columns][1:3] == ["q1.1", "q1.2"]
        assert cells(table)[1:4] == [["2", "2", "2"], ["3", "1.5", "-"], ["5", "3.50", "2.00"]]
    else:
        assert cells(table)[1:3] == [["5", "3.5", "-"], ["5", "3.50", "2.00"]]
