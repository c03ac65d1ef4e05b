"""CSV files: our own, and those that Moodle and Canvas import.

A mark that is not decided is an empty cell everywhere, never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from grader.assignment import Assignment
from grader.export import cells
from grader.results import Result

# What the learning management systems call the files of a bulk download.
_MOODLE_FOLDER = re.compile(r"(?P<name>[^/\\]+)_(?P<id>\d+)_assignsubmission_")
_CANVAS_FILE = re.compile(r"(?:^|[/\\])[^/\\_]+_(?:LATE_)?(?P<id>\d+)_\d+_[^/\\]*$")


def write_csv(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write one row per submission, sorted by id.

    Columns:
        id: the submission.
        source: the path that was given.
        status: `graded`, `unreadable` or `not_graded`.
        awarded: marks earned in the questions that are decided; empty while none is.
        decided_marks: marks that could be earned in those questions.
        (one per question): its id is the header; marks earned, empty while undecided.
        notes: why it could not be read or graded, what was only rehearsed and so is not marks,
            and what was noticed, separated by `; `.
    """
    questions = [q.id for q in assignment.about.questions]
    header = ["id", "source", "status", "awarded", "decided_marks", *questions, "notes"]
    rows = []
    for result in _by_id(results):
        earned = {q.id: q.awarded for q in result.questions}
        remarks = [text for text in (result.problem, result.rehearsal) if text]
        rows.append(
            [
                cells.text(result.submission),
                cells.text(result.source),
                result.status,
                cells.number(mark(result)),
                cells.number(result.decided_marks),
                *(cells.number(earned.get(q)) for q in questions),
                cells.text("; ".join([*remarks, *result.notes])),
            ]
        )
    cells.write(path, header, rows)


def write_moodle(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write a file for Moodle's offline grading worksheet or its gradebook import.

    The worksheet (Assignment, Upload grading worksheet) finds students by `Identifier`. That number
    is in the folder names of "Download all submissions", so it is filled in when those folders were
    graded as they came. The gradebook (Grades, Import, CSV file) finds them by `ID number`.

    Columns:
        Identifier: `Participant 12345`; empty when the source does not tell.
        Full name: from the same folder name; empty when the source does not tell.
        ID number: the submission id.
        Grade: marks decided so far; empty, and so left alone by Moodle, while none is.
        Maximum grade: marks that could be earned in the decided questions.
        Feedback comments: marks by question, and what is not marked yet.
    """
    header = [
        "Identifier",
        "Full name",
        "ID number",
        "Grade",
        "Maximum grade",
        "Feedback comments",
    ]
    rows = []
    for result in _by_id(results):
        folder = _MOODLE_FOLDER.search(result.source)
        rows.append(
            [
                f"Participant {folder['id']}" if folder else "",
                cells.text(folder["name"]) if folder else "",
                cells.text(result.submission),
                cells.number(mark(result)),
                cells.number(result.decided_marks if mark(result) is not None else None),
                cells.text(feedback(result)),
            ]
        )
    cells.write(path, header, rows)


def write_canvas(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write a file for Canvas (Grades, Import).

    Canvas finds students by `ID`, which is in the file names of "Download submissions", and
    otherwise by `SIS Login ID`. The second row, as in Canvas's own files, states the points.

    Columns:
        Student: the submission id, for people; Canvas does not look at it.
        ID: the student's number in Canvas; empty when the source does not tell.
        SIS User ID: empty.
        SIS Login ID: the submission id.
        Section: empty.
        (title of the assignment): marks decided so far, empty while none is. Rename the header
            to `Name in Canvas (number)` to fill an assignment that is there already.
    """
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    points = ["    Points Possible", "", "", "", "", cells.number(assignment.total_marks)]
    rows = []
    for result in _by_id(results):
        file = _CANVAS_FILE.search(result.source)
        submission = cells.text(result.submission)
        grade = cells.number(mark(result))
        rows.append([submission, file["id"] if file else "", "", submission, "", grade])
    cells.write(path, [*header, cells.text(assignment.about.title)], [points, *rows])


def mark(result: Result) -> float | None:
    """The marks to enter; None while nothing is decided, and for what we failed to grade."""
    if result.status == "not_graded" or result.decided_marks == 0:
        return None
    return result.awarded


def feedback(result: Result) -> str:
    """What a student reads beside the mark, in a few sentences and without a word of their own."""
    if result.status == "not_graded":
        return "We could not grade this submission yet. That is our fault and not a zero."
    sentences = []
    if result.status == "unreadable":
        sentences.append("The submission could not be read; the report says what to do.")
    if result.rehearsal:
        sentences.append(f"Training runs: {result.rehearsal}.")
    decided = [q for q in result.questions if q.awarded is not None]
    if decided:
        listed = ", ".join(
            f"{q.id} {cells.number(q.awarded)} of {cells.number(q.marks)}" for q in decided
        )
        sentences.append(f"Marks so far: {listed}.")
    undecided = [f"{q.id} ({cells.number(q.marks)})" for q in result.questions if q.awarded is None]
    if undecided:
        sentences.append(f"Not marked yet: {', '.join(undecided)}.")
    return " ".join(sentences)


def _by_id(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.submission)
