"""`grader drop`: takes submissions out of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import AssignmentError, find_assignment
from grader.cli.app import app, console, stop
from grader.cli.reporting import write_pages
from grader.report.names import file_names
from grader.store import Store, StoreError
from grader.store.store import read_results


@app.command()
def drop(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a batch.")],
    ids: Annotated[list[str], typer.Argument(help="Ids of the submissions to take out.")],
) -> None:
    """Take submissions out of a batch: their marks, results and pages.

    Example: grader drop graded tremblay_audrey
    """
    try:
        name, before = read_results(folder)
        assignment = find_assignment(name)
        names = file_names([result.submission for result in before])
        for id in ids:
            if id not in names:
                stop(f"{id}: there is no such submission in {folder}; marks.csv lists all ids")
        with Store(folder, assignment) as store:
            for id in ids:
                store.drop(id)
            left = store.results()
        for id in ids:
            for kind in ("students", "ta"):
                (folder / "reports" / kind / f"{names[id]}.html").unlink(missing_ok=True)
    except (StoreError, AssignmentError) as error:
        stop(str(error))
    write_pages(assignment, left, folder)
    console.print(
        f"Dropped: {', '.join(ids)}; {len(left)} left",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
