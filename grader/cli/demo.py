"""`grader demo`: grades the sample class that an assignment brings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import Assignment
from grader.batch.grade import Batch
from grader.cli.app import app, assignment_or_stop, console, print_table, stop
from grader.cli.grading import end_with
from grader.cli.marks_table import marks_table
from grader.cli.options import IsolationOption, JobsOption
from grader.cli.progress import graded_or_stop
from grader.cli.reporting import write_pages
from grader.intake import find_submissions


@app.command()
def demo(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")] = "ift6135_a3",
    out: Annotated[Path, typer.Option(help="Folder for marks and reports.")] = Path("demo-out"),
    jobs: JobsOption = 0,
    wall: IsolationOption = "auto",
) -> None:
    """Grade the bundled sample class of an assignment, hostile submissions included.

    Example: grader demo
    """
    assignment = assignment_or_stop(name)
    folder = sample_class(assignment)
    if folder is None:
        stop(f"{name} has no sample class")
    console.print(
        f"Grading the sample class of {assignment.description.title!r} ...", highlight=False
    )
    started = time.monotonic()
    candidates, _ = find_submissions([folder], assignment, "class")
    results = graded_or_stop(Batch(assignment, candidates, out, jobs=jobs, wall=wall, again=True))
    ids = {c.id for c in candidates}
    results = [r for r in results if r.submission in ids]
    page = write_pages(assignment, results, out)
    print_table(marks_table(assignment, results))
    console.print(
        f"{len(results)} submissions in {time.monotonic() - started:.0f} s, "
        f"walled off by {results[0].environment.wall if results[0].environment else 'nothing'}."
        if results
        else "nothing"
    )
    console.print(f"Class report: {page.resolve()}", soft_wrap=True, highlight=False)
    end_with(results, "the same command tries them again")


def sample_class(assignment: Assignment) -> Path | None:
    """Folder of an assignment's sample submissions, in the checkout or the installed package."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent / "tests" / "submissions", package / "bundled" / "submissions"):
        if (root / assignment.name).is_dir():
            return root / assignment.name
    return None
