"""CSV files for us, Moodle and Canvas."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from grader.export import cells, export, write_canvas, write_csv, write_moodle
from grader.results import Handed


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_csv_has_a_row_per_submission_and_a_column_per_question(
    assignment, graded, unreadable, not_graded, tmp_path
) -> None:
    graded = graded.model_copy(update={"name": "Ada Lovelace"})
    write_csv(assignment, [not_graded, graded, unreadable], tmp_path / "marks.csv")
    header, *rows = read(tmp_path / "marks.csv")
    assert header == [
        "id", "name", "source", "status", "awarded", "decided_marks",
        "q1.1", "q1.2", "q1.3", "notes",
    ]  # fmt: skip
    source = "/handed-in/ada.zip"
    assert rows == [
        [
            "ada",
            "Ada Lovelace",
            source,
            "graded",
            "4.33",
            "7",
            "3",
            "1.33",
            "",
            "ignored 2 files",
        ],
        ["bob", "bob", source, "unreadable", "", "0", "", "", "", "not a zip archive"],
        ["cyd", "cyd", source, "not_graded", "", "0", "", "", "", "the wall could not start"],
    ]


def test_a_mark_of_zero_is_a_zero_and_an_undecided_one_is_not(assignment, graded, tmp_path) -> None:
    questions = [q.model_copy(update={"awarded": 0.0}) for q in graded.questions[:1]]
    zero = graded.model_copy(update={"questions": [*questions, *graded.questions[2:]]})
    write_csv(assignment, [zero], tmp_path / "marks.csv")
    row = dict(zip(*read(tmp_path / "marks.csv"), strict=True))
    assert (row["awarded"], row["q1.1"], row["q1.2"], row["q1.3"]) == ("0", "0", "", "")


@pytest.mark.parametrize(
    "payload",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\x00=1", "\u202e=1",
     "＝1+1", "\x1b[31m=1", "\ttext", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"],
)  # fmt: skip
def test_no_cell_is_a_formula(assignment, graded, payload, tmp_path) -> None:
    hostile = graded.model_copy(
        update={
            "submission": payload,
            "source": payload,
            "notes": [payload],
            "problem": payload,
        }
    )
    for format in ("csv", "moodle", "canvas"):
        (path,) = export(assignment, [hostile], format, tmp_path / f"{format}.csv")
        for cell in (cell for row in read(path) for cell in row):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
            assert cell.isprintable()


def test_ordinary_text_is_left_alone() -> None:
    for text in ("Zoë Müller", "a=b", "mail@example.org", "x-1", "", "3.5", "O'Brien"):
        assert cells.text(text) == text


def test_a_file_name_that_is_not_utf8_can_be_written(assignment, graded, tmp_path) -> None:
    odd = graded.model_copy(update={"submission": "half \udc80", "source": "\udcff"})
    for format in ("csv", "moodle", "canvas", "json", "gradescope"):
        export(assignment, [odd], format, tmp_path / format)


def test_moodle_finds_participants_by_the_folder_it_made(
    assignment, graded, unreadable, not_graded, tmp_path
) -> None:
    handed = Handed(platform="moodle", person="4711", name="Ada Lovelace")
    results = [graded.model_copy(update={"handed": handed}), unreadable, not_graded]
    write_moodle(assignment, results, tmp_path / "moodle.csv")
    header, ada, bob, cyd = read(tmp_path / "moodle.csv")
    assert header == [
        "Identifier", "Full name", "ID number", "Grade", "Maximum grade", "Feedback comments",
    ]  # fmt: skip
    assert ada == [
        "Participant 4711",
        "Ada Lovelace",
        "ada",
        "4.33",
        "7",
        "Marks so far: q1.1 3 of 3, q1.2 1.33 of 4. Not marked yet: q1.3 (3).",
    ]
    assert bob[:5] == ["", "", "bob", "", ""]
    assert "could not be read" in bob[5]
    assert cyd[:5] == ["", "", "cyd", "", ""]
    assert "our fault and not a zero" in cyd[5]
    assert "wall" not in cyd[5]


def test_moodle_is_told_of_no_person_for_a_team(assignment, graded, tmp_path) -> None:
    team = Handed(platform="moodle", name="Team 3_77", team=True)
    write_moodle(assignment, [graded.model_copy(update={"handed": team})], tmp_path / "moodle.csv")
    assert read(tmp_path / "moodle.csv")[1][:2] == ["", "Team 3_77"]


@pytest.mark.parametrize(
    ("handed", "number"),
    [
        (Handed(platform="canvas", person="4711", name="lovelaceada"), "4711"),
        (Handed(platform="canvas", person="yBV4d", name="anon yBV4d"), ""),
        (Handed(platform="moodle", person="4711", name="Ada Lovelace"), ""),
        (None, ""),
    ],
)
def test_canvas_finds_students_by_the_number_in_its_names(
    assignment, graded, handed, number, tmp_path
) -> None:
    results = [graded.model_copy(update={"handed": handed, "name": "Ada Lovelace"})]
    write_canvas(assignment, results, tmp_path / "canvas.csv")
    assert read(tmp_path / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Assignment 3, GAN"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Ada Lovelace", number, "", "ada", "", "4.33"],
    ]


def test_canvas_enters_no_mark_for_what_is_not_decided(
    assignment, unreadable, not_graded, tmp_path
) -> None:
    write_canvas(assignment, [unreadable, not_graded], tmp_path / "canvas.csv")
    assert [row[-1] for row in read(tmp_path / "canvas.csv")[2:]] == ["", ""]
