"""`grader calibrate`: what the reference reaches becomes the yardstick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from grader.assignment import ProfileName
from grader.calibrate.reference import FAULTS, FEWEST_SEEDS, calibrate
from grader.cli.app import app, assignment_or_stop, console, runs_or_stop, stop
from grader.cli.grading import IsolationOption, JobsOption
from grader.cli.progress import ProgressDisplay
from grader.data import cache_folder, data_root
from grader.marks.bounds import REMEDY
from grader.marks.thresholds import (
    Calibrated,
    Cost,
    Trivial,
    write_thresholds,
    written_thresholds,
)
from grader.wall import isolation
from grader.wall.isolation import Choice


@app.command("calibrate")
def calibrate_(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    profile: Annotated[ProfileName, typer.Option(help="The size of the runs.")],
    seeds: Annotated[int, typer.Option(min=FEWEST_SEEDS, help="Trainings of each case.")] = 3,
    run: Annotated[
        list[str] | None, typer.Option(help="This run alone, by its id; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of real data sets; else GRADER_DATA.")
    ] = None,
    trivial: Annotated[
        bool, typer.Option("--trivial", help="Measure trivial solutions alone, and train nothing.")
    ] = False,
    jobs: JobsOption = 0,
    isolation_: IsolationOption = "auto",
) -> None:
    """Run the reference over several seeds, and write what it reaches into thresholds.csv.

    Beside it comes what trivial solutions reach. A threshold that one of them reaches, or that no
    figure can miss, is refused. What has been trained is kept in the cache, so that a calibration
    that was stopped goes on.

    Example: grader calibrate ift6135_a3 --profile smoke --seeds 5
    """
    # These import torch, which other commands do without.
    from grader.calibrate.trivial import best_of_trivial, flaws
    from grader.suite.local import ReferenceFailed

    assignment = assignment_or_stop(name)
    only = runs_or_stop(assignment, run or [])
    choice: Choice = isolation_
    try:
        before = written_thresholds(assignment)
        figures: list[Calibrated] = []
        costs: list[Cost] = []
        if not trivial:
            with ProgressDisplay() as tell:
                figures, costs = calibrate(
                    assignment,
                    profile=profile,
                    seeds=seeds,
                    wall=isolation.choose(choice),
                    jobs=jobs or len(os.sched_getaffinity(0)),
                    out=cache_folder() / "calibration" / assignment.name,
                    data=data_root(data),
                    only=only,
                    tell=tell,
                )
        floor = best_of_trivial(assignment, profile, data_root(data), only)
        after = before.replaced_by(figures, costs, floor).still_in(assignment)
        wrong = flaws(assignment, after.whole(assignment), profile, only)
        if not wrong:
            write_thresholds(assignment, after)
    except (*FAULTS, ReferenceFailed) as error:
        stop(str(error))
    if figures:
        console.print(_table(figures, costs))
    if floor:
        console.print(_floor(floor))
    if wrong:
        stop(
            f"{assignment.thresholds} stays as it was, because profile {profile} would have "
            "thresholds that are worth nothing:\n"
            + "\n".join(f"- {sentence}" for sentence in wrong)
            + f"\nFor each of them {REMEDY}, or list the case under `shown_only` of the measure."
        )
    console.print(f"Written: {assignment.thresholds}", soft_wrap=True, highlight=False)


def _floor(trivial: list[Trivial]) -> Table:
    table = Table("run", "case", "measure", "solution", title="The best that is trivial")
    table.add_column("reaches", justify="right")
    for t in trivial:
        table.add_row(t.run, t.case, t.measure, t.solution, f"{t.value:.4f}")
    return table


def _table(figures: list[Calibrated], costs: list[Cost]) -> Table:
    table = Table("run", "case", "measure", title="What the reference reaches")
    for column in ("mean", "sd", "n", "s"):
        table.add_column(column, justify="right")
    seconds = {(c.run, c.case): c.seconds for c in costs}
    for figure in figures:
        table.add_row(
            figure.run,
            figure.case,
            figure.measure,
            f"{figure.mean:.4f}",
            f"{figure.sd:.4f}",
            str(figure.n),
            f"{seconds[figure.run, figure.case]:.0f}",
        )
    return table
