"""`grader gallery`: what the reference's runs leave, as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import ProfileName
from grader.calibrate.gallery import write_gallery
from grader.calibrate.reference import FAULTS, run_reference
from grader.cli.app import app, assignment_or_stop, console, runs_or_stop, stop
from grader.cli.grading import IsolationOption, JobsOption
from grader.cli.progress import ProgressDisplay
from grader.data import cache_folder, data_root
from grader.wall import isolation
from grader.wall.isolation import Choice


@app.command("gallery")
def gallery_(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    profile: Annotated[ProfileName, typer.Option(help="The size of the runs.")],
    to: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = Path(
        "docs/gallery"
    ),
    run: Annotated[
        list[str] | None, typer.Option(help="This run alone, by its id; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of real data sets; else GRADER_DATA.")
    ] = None,
    jobs: JobsOption = 0,
    isolation_: IsolationOption = "auto",
) -> None:
    """Run the reference once in every run, and write its pictures and figures as a page.

    What `grader calibrate` has trained is used again.

    Example: grader gallery ift6135_a3 --profile smoke --to gallery
    """
    assignment = assignment_or_stop(name)
    choice: Choice = isolation_
    out = cache_folder() / "calibration" / assignment.name
    try:
        with ProgressDisplay() as tell:
            results = run_reference(
                assignment,
                profile=profile,
                seeds=1,
                wall=isolation.choose(choice),
                jobs=jobs or len(os.sched_getaffinity(0)),
                out=out,
                data=data_root(data),
                only=runs_or_stop(assignment, run or []),
                tell=tell,
            )
        page = write_gallery(assignment, results, profile, out, to)
    except FAULTS as error:
        stop(str(error))
    console.print(f"Written: {page}", soft_wrap=True, highlight=False)
