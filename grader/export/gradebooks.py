"""CSV files: our own, and those that Moodle and Canvas import.

A mark that is not decided is an empty cell everywhere, never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.assignment import Assignment
from grader.export import cells
from grader.report.attention import NOT_GIVEN
from grader.results import Handed, Platform, Result


def write_csv(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write one row per submission, sorted by id.

    Columns:
        id: the submission.
        name: whose it is.
        source: the path that was given.
        status: `graded`, `unreadable` or `not_graded`.
        awarded: marks earned in the questions that are decided; empty while none is.
        decided_marks: marks that could be earned in those questions.
        (one per question): its id is the header; marks earned, empty while undecided.
        notes: why it could not be read or graded, what was only rehearsed and so is not marks,
            and what was noticed, separated by `; `.
    """
    questions = [q.id for q in assignment.description.questions]
    step = assignment.description.rounding
    header = ["id", "name", "source", "status", "awarded", "decided_marks", *questions, "notes"]
    rows = []
    for result in _by_id(results):
        earned = {q.id: q.awarded for q in result.questions}
        remarks = [] if result.given_last else [NOT_GIVEN]
        remarks += [text for text in (result.problem, result.rehearsal) if text]
        rows.append(
            [
                cells.text(result.submission),
                cells.text(result.who),
                cells.text(result.source),
                result.status,
                cells.marks(mark(result), step),
                cells.marks(result.decided_marks),
                *(cells.marks(earned.get(q), step) for q in questions),
                cells.text("; ".join([*remarks, *result.notes, *result.concerns])),
            ]
        )
    cells.write(path, header, rows)


def write_moodle(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write a file for Moodle's offline grading worksheet or its gradebook import.

    The worksheet (Assignment, Upload grading worksheet) finds students by `Identifier`. That number
    is in the names of "Download all submissions", so it is filled in when those were graded as they
    came, packed or not. The gradebook (Grades, Import, CSV file) finds them by `ID number`.

    Columns:
        Identifier: `Participant 12345`; empty for a team, and when Moodle did not name it.
        Full name: as Moodle writes it; empty when Moodle did not name it.
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
    step = assignment.description.rounding
    for result in _by_id(results):
        handed = _from(result, "moodle")
        rows.append(
            [
                f"Participant {handed.person}" if handed and handed.person else "",
                cells.text(handed.name) if handed else "",
                cells.text(result.submission),
                cells.marks(mark(result), step),
                cells.marks(result.decided_marks if mark(result) is not None else None),
                cells.text(feedback(result, step)),
            ]
        )
    cells.write(path, header, rows)


def write_canvas(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write a file for Canvas (Grades, Import).

    Canvas finds students by `ID`, which is in the file names of "Download submissions", and
    otherwise by `SIS Login ID`. The second row, as in Canvas's own files, states the points.

    Columns:
        Student: the name, for people; Canvas does not look at it.
        ID: the student's number in Canvas; empty when Canvas did not name it, or anonymously.
        SIS User ID: empty.
        SIS Login ID: the submission id.
        Section: empty.
        (title of the assignment): marks decided so far, empty while none is. Rename the header
            to `Name in Canvas (number)` to fill an assignment that is there already.
    """
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    points = ["    Points Possible", "", "", "", "", cells.marks(assignment.total_marks)]
    rows = []
    step = assignment.description.rounding
    for result in _by_id(results):
        handed = _from(result, "canvas")
        number = handed.person if handed and handed.person.isdecimal() else ""
        grade = cells.marks(mark(result), step)
        submission = cells.text(result.submission)
        rows.append([cells.text(result.who), number, "", submission, "", grade])
    cells.write(path, [*header, cells.text(assignment.description.title)], [points, *rows])


def mark(result: Result) -> float | None:
    """The marks to enter; None while nothing is decided, and for what we failed to grade."""
    if result.status == "not_graded" or result.decided_marks == 0:
        return None
    return result.awarded


def feedback(result: Result, step: float) -> str:
    """What a student reads beside the mark, in a few sentences and without a word of their own.

    Args:
        result: of one submission.
        step: what marks are rounded to.
    """
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
            f"{q.id} {cells.marks(q.awarded, step)} of {cells.marks(q.marks)}" for q in decided
        )
        sentences.append(f"Marks so far: {listed}.")
    undecided = [f"{q.id} ({cells.marks(q.marks)})" for q in result.questions if q.awarded is None]
    if undecided:
        sentences.append(f"Not marked yet: {', '.join(undecided)}.")
    return " ".join(sentences)


def _from(result: Result, platform: Platform) -> Handed | None:
    """What a platform's names say, if it was this one."""
    return result.handed if result.handed and result.handed.platform == platform else None


def _by_id(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.submission)
