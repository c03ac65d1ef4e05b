"""Writes the pages of a class: `class.html`, `students/<id>.html` and `ta/<id>.html`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from grader.assignment import Assignment
from grader.report import display, page
from grader.report.names import file_names
from grader.report.plots import Distribution, draw
from grader.report.runs import RULE
from grader.report.strips import strip
from grader.report.submission import student_view, ta_view
from grader.report.summary import BANDS, ClassSummary, Spread
from grader.results import Result


@dataclass(frozen=True)
class ReportPaths:
    """Where the pages are; `students` and `ta` by submission id."""

    class_page: Path
    students: Mapping[str, Path]
    ta: Mapping[str, Path]


def write_reports(
    assignment: Assignment,
    results: Sequence[Result],
    out: Path,
    *,
    pictures: Path | None = None,
) -> ReportPaths:
    """Write all pages of a class.

    Args:
        assignment: what was graded.
        results: one per submission, in any order.
        out: a folder; made if it is not there. Pages of other submissions in it stay.
        pictures: what the paths of the runs' pictures are relative to; by default the folder in
            which `out` is. A picture that is not there is a sentence in the page.

    Raises:
        ValueError: two results have the same submission id.
    """
    names = file_names([r.submission for r in results])
    paths = ReportPaths(
        class_page=out / "class.html",
        students={i: out / "students" / f"{n}.html" for i, n in names.items()},
        ta={i: out / "ta" / f"{n}.html" for i, n in names.items()},
    )
    pictures = pictures or out.parent
    for result in results:
        student, ta = paths.students[result.submission], paths.ta[result.submission]
        write_student_report(assignment, result, student, pictures=pictures)
        write_ta_report(
            assignment,
            result,
            ta,
            student=student,
            class_page=paths.class_page,
            pictures=pictures,
        )
    write_class_report(assignment, results, paths.class_page)
    return paths


def write_student_report(
    assignment: Assignment, result: Result, path: Path, *, pictures: Path | None = None
) -> None:
    """Write the page for one student; it gives no hidden input and no answer away.

    Args:
        assignment: what was graded.
        result: of one submission.
        path: the file to write.
        pictures: the folder of the runs' pictures; by default where `write_reports` looks.
    """
    view = student_view(assignment, result, pictures or path.parent.parent.parent)
    html = page.render("student", assignment.description, submission=view, rule=RULE)
    _write(path, html)


def write_ta_report(
    assignment: Assignment,
    result: Result,
    path: Path,
    *,
    student: Path | None = None,
    class_page: Path | None = None,
    pictures: Path | None = None,
) -> None:
    """Write the page for whoever marks, with inputs, values and output.

    Args:
        assignment: what was graded.
        result: of one submission.
        path: the file to write.
        student: the student's page, to link to; by default where `write_reports` puts it.
        class_page: the class page, to link to; by default where `write_reports` puts it.
        pictures: the folder of the runs' pictures; by default where `write_reports` looks.
    """
    out = path.parent.parent
    name = file_names([result.submission])[result.submission]
    html = page.render(
        "ta",
        assignment.description,
        submission=ta_view(assignment, result, pictures or out.parent),
        rule=RULE,
        student_link=_link(path, student or out / "students" / f"{name}.html"),
        class_link=_link(path, class_page or out / "class.html"),
    )
    _write(path, html)


def write_class_report(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    """Write the page about the whole class.

    Raises:
        ValueError: two results have the same submission id.
    """
    ordered = tuple(sorted(results, key=lambda r: r.submission))
    summary = ClassSummary(assignment, ordered)
    scale = display.marks(summary.scale)
    marks = _distribution(
        "Distribution of marks",
        f"marks out of {scale}",
        [r.awarded for r in summary.marked],
        summary.marks,
        summary.scale,
    )
    seconds = _distribution(
        "Distribution of grading times",
        "seconds of grading per submission",
        [r.seconds for r in ordered],
        summary.seconds,
        0.0,
    )
    html = page.render(
        "class",
        assignment.description,
        script=True,
        total_marks=assignment.total_marks,
        summary=summary,
        bands=BANDS,
        unit_marks=lambda value: display.fixed(value, 1),
        unit_seconds=display.duration,
        files=file_names([r.submission for r in ordered]),
        marks_plot=marks,
        marks_picture=Markup(draw(marks, "marks")) if marks else None,
        strips={
            (run.name, measure.name): Markup(strip(measure, f"{run.name}-{measure.name}"))
            for run in summary.runs
            for measure in run.measures
            if measure.question is not None
        },
        rule=RULE,
        seconds_plot=seconds,
        seconds_picture=Markup(draw(seconds, "seconds")) if seconds else None,
    )
    _write(path, html)


def _distribution(
    title: str, label: str, values: list[float], spread: Spread | None, upper: float
) -> Distribution | None:
    if spread is None or len(values) < 2:
        return None
    return Distribution(title, label, values, upper, spread.mean, spread.median)


def _link(source: Path, target: Path) -> str:
    return Path(os.path.relpath(target, source.parent)).as_posix()


def _write(path: Path, html: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8", newline="\n")
