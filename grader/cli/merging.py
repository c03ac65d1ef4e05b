"""`grader merge`: the shards of a batch become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import AssignmentError, find_assignment
from grader.cli.app import app, console, errors, stop
from grader.cli.grading import end_with, print_problems
from grader.cli.marks_table import marks_table
from grader.cli.options import NoReport
from grader.cli.reporting import write_pages
from grader.store import StoreError
from grader.store import merge as merging
from grader.store.merge import Part


@app.command()
def merge(
    folders: Annotated[
        list[Path],
        typer.Argument(help="The --out folder of the shards, or the folders of single shards."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the whole; by default that of the shards.")
    ] = None,
    no_report: NoReport = False,
) -> None:
    """Make one batch of all shards: its store, its pages and its marks.

    Example: grader merge graded
    """
    target = out or folders[0]
    try:
        parts = merging.read_parts(folders)
        if out is None and (len(folders) > 1 or parts[0].folder == target.resolve()):
            stop("--out: say in which folder the shards become one")
        assignment = find_assignment(parts[0].assignment)
        results = merging.merge(parts, target, assignment)
    except (StoreError, AssignmentError) as error:
        stop(str(error))
    _say_if_machines_differ(parts)
    console.print(marks_table(assignment, results))
    print_problems(results)
    if not no_report:
        page = write_pages(assignment, results, target)
        console.print(f"Class report: {page}", soft_wrap=True, highlight=False)
        console.print(f"Marks: {target / 'marks.csv'}", soft_wrap=True, highlight=False)
    end_with(results, "give the commands of their shards again and merge once more")


def _say_if_machines_differ(parts: list[Part]) -> None:
    """Torch's last digits depend on its version and the processor; any wall will do."""
    environments = {
        r.environment.model_dump_json(exclude={"wall"})
        for part in parts
        for r in part.results
        if r.environment is not None
    }
    if len(environments) > 1:
        errors.print(
            "The shards ran under different versions or processors: "
            + " and ".join(sorted(environments))
            + ". Figures may differ in their last digits.",
            style="yellow",
            soft_wrap=True,
            highlight=False,
        )
