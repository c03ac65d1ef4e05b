"""`grader grade`: from what was handed in to marks and pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from grader.assignment import Assignment
from grader.batch.grade import Batch
from grader.batch.plan import Runs, planned
from grader.cli.app import app, assignment_or_stop, console, errors, print_table, runs_or_stop, stop
from grader.cli.marks_table import marks_table
from grader.cli.options import IsolationOption, JobsOption, NoReport
from grader.cli.progress import graded_or_stop
from grader.cli.reporting import write_pages
from grader.intake import IntakeError, find_submissions
from grader.report.display import clean
from grader.results import Result, RunResult
from grader.store.people import known_people
from grader.store.shards import Shard

EngineName = Literal["local", "dask"]
Layout = Literal["auto", "single", "class"]


@app.command()
def grade(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    paths: Annotated[
        list[Path],
        typer.Argument(help="Submissions: folders, zips, tars, files; or a folder full of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for marks and reports.")],
    jobs: JobsOption = 0,
    wall: IsolationOption = "auto",
    layout: Annotated[
        Layout, typer.Option(help="Whether a folder is one submission or a class of them.")
    ] = "auto",
    only: Annotated[
        list[str] | None, typer.Option(help="Grade only this submission; may be repeated.")
    ] = None,
    runs: Annotated[
        Runs,
        typer.Option(
            help="Training runs: none, measure what was submitted, or train in a profile's size."
        ),
    ] = "none",
    run: Annotated[
        list[str] | None, typer.Option(help="Only this run, by its id; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of real data sets; else GRADER_DATA.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(help="The secret that hidden inputs are drawn from, to reproduce a mark."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Grade again even what is graded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
    no_report: NoReport = False,
    shard: Annotated[
        str | None,
        typer.Option(help="Grade one share of the class, e.g. 2/8; see `grader merge`."),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option(help="Slots on this machine, or on a Dask cluster.")
    ] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, e.g. tcp://10.0.0.7:8786.")
    ] = None,
) -> None:
    """Grade submissions against the hidden suite; started again, it resumes where it stopped.

    Example: grader grade ift6135_a3 submissions/ --out graded --jobs 4
    """
    assignment = assignment_or_stop(name)
    share = _known_shard(shard, only)
    if (engine == "dask") != (scheduler is not None):
        stop("--engine dask and --scheduler ADDRESS belong together; give both or neither")
    try:
        # Shards have stores of their own, so what one of them remembers must not decide.
        known = {} if share else known_people(out)
        candidates, notes = find_submissions(paths, assignment, layout, out, known)
    except IntakeError as error:
        stop(str(error))
    for n, note in enumerate(notes):
        style = "dim" if n or not candidates else "bold"
        errors.print(note, style=style, markup=False, highlight=False, soft_wrap=True)
    wanted = {c.id for c in candidates}
    if only:
        unknown = sorted(set(only) - wanted)
        if unknown:
            listed = ", ".join(c.id for c in candidates[:20])
            stop(f"--only {unknown[0]}: there is no such submission; there are {listed}")
        wanted = set(only)
    if not candidates:
        stop("there is nothing to grade in " + ", ".join(map(str, paths)))
    results = graded_or_stop(
        Batch(
            assignment,
            candidates,
            out,
            jobs=jobs,
            wall=wall,
            secret=secret,
            again=again,
            runs=runs,
            only_runs=_known_runs(assignment, runs, run or []),
            data=data,
            shard=share,
            scheduler=scheduler,
            only=only or (),
            whole=any(c.in_class for c in candidates),
        )
    )
    mine = [r for r in results if r.submission in wanted]
    # The pages of a share of the class would say wrong things about the class.
    no_report = no_report or share is not None
    if not no_report:
        page = write_pages(assignment, results, out)
    if as_json:
        print(json.dumps([_summary(r) for r in mine], indent=1))
    else:
        print_table(marks_table(assignment, mine))
        print_problems(mine)
        if not no_report:
            console.print(f"Class report: {page}", soft_wrap=True, highlight=False)
            console.print(f"Marks: {out / 'marks.csv'}", soft_wrap=True, highlight=False)
    if share is not None:
        errors.print(
            f"Shard {share} holds {len(mine)} of {len(candidates)} submissions. When all "
            f"{share.of} shards are through: grader merge {out}",
            soft_wrap=True,
            highlight=False,
        )
    end_with(mine, "the same command tries them again")


def end_with(results: Sequence[Result], remedy: str) -> None:
    """End with status 3 if something was not graded through a fault of the harness."""
    if any(r.status == "not_graded" or any(map(_lost, r.runs)) for r in results):
        errors.print(
            f"Some submissions could not be graded, through no fault of theirs; {remedy}.",
            style="bold red",
        )
        raise typer.Exit(3)


def _known_runs(assignment: Assignment, runs: Runs, wanted: Sequence[str]) -> Sequence[str]:
    runs_or_stop(assignment, wanted)
    if runs == "none" and wanted:
        stop(f"--run {wanted[0]}: say with --runs how it is to be run")
    if runs != "none" and not planned(assignment, runs, wanted):
        how = "can be handed in" if runs == "submitted" else f"has profile {runs}"
        stop(f"--runs {runs}: no run {how}; asked for: {', '.join(wanted) or 'all'}")
    return wanted


def _known_shard(text: str | None, only: Sequence[str] | None) -> Shard | None:
    if text is None:
        return None
    if only:
        stop("--only picks submissions by name and --shard by number; give one of them")
    try:
        return Shard.parse(text)
    except ValueError as error:
        stop(f"--shard {error}")


def print_problems(results: Sequence[Result]) -> None:
    """Say which submissions could not be read or graded, and why."""
    for result in results:
        if result.problem:
            line = Text(f"{result.submission}: {clean(result.problem)}", style="yellow")
            errors.print(line, soft_wrap=True)
        for run in filter(_lost, result.runs):
            line = Text(f"{result.submission}: {run.title}: {run.problem}", style="yellow")
            errors.print(line, soft_wrap=True)


def _lost(run: RunResult) -> bool:
    return run.status == "not_graded"


def _summary(result: Result) -> dict[str, object]:
    return {
        "submission": result.submission,
        "status": result.status,
        "awarded": result.awarded,
        "decided_marks": result.decided_marks,
        "questions": {q.id: q.awarded for q in result.questions},
        "rehearsal": result.rehearsal,
        "rehearsed": {q.id: q.rehearsed for q in result.questions if q.rehearsed is not None},
        "problem": result.problem,
        "seconds": result.seconds,
    }
