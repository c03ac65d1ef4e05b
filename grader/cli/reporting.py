"""`grader report` and `export`: pages and tables of a batch that is graded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import Assignment, AssignmentError, find_assignment
from grader.cli.app import app, console, errors, stop
from grader.cli.marks_table import rehearsed_only
from grader.export import FORMATS, export
from grader.report import write_reports
from grader.results import Result
from grader.store import StoreError
from grader.store.store import read_results


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a batch.")],
) -> None:
    """Write the pages of a batch again, from its store.

    Example: grader report graded
    """
    assignment, results = _stored(folder)
    page = write_pages(assignment, results, folder)
    console.print(f"Class report: {page}", soft_wrap=True, highlight=False)


@app.command("export")
def export_(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a batch.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")] = "csv",
    to: Annotated[Path | None, typer.Option(help="The file or folder to write.")] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Count the results of runs in size smoke as marks.")
    ] = False,
) -> None:
    """Write the marks for a spreadsheet or a learning platform.

    Runs in size smoke are a rehearsal: their questions stay open unless --rehearsal is given.

    Example: grader export graded --format moodle --to moodle.csv
    """
    if format not in FORMATS:
        stop(f"--format {format}: there is no such format; there are {', '.join(FORMATS)}")
    assignment, results = _stored(folder)
    target = to or folder / (
        f"marks-{format}" + ("" if format == "gradescope" else _suffix(format))
    )
    if rehearsal:
        results = [result.as_if_marked() for result in results]
    export(assignment, results, format, target)
    if sentence := rehearsed_only(results):
        what = "counted all the same" if rehearsal else "left out; --rehearsal counts them"
        errors.print(f"Training runs: {sentence}; {what}.", style="yellow", soft_wrap=True)
    console.print(f"Written: {target}", soft_wrap=True, highlight=False)


def write_pages(assignment: Assignment, results: Sequence[Result], out: Path) -> Path:
    """Write the pages and the marks of a class; the page to open first."""
    try:
        page = write_reports(assignment, results, out / "reports", pictures=out).class_page
        export(assignment, results, "csv", out / "marks.csv")
    except OSError as error:
        stop(f"{error.filename}: the reports cannot be written: {error.strerror}")
    return page


def _stored(folder: Path) -> tuple[Assignment, list[Result]]:
    try:
        name, results = read_results(folder)
        return find_assignment(name), results
    except (StoreError, AssignmentError) as error:
        stop(str(error))


def _suffix(format: str) -> str:
    return ".json" if format == "json" else ".csv"
