"""`grader grade`, `demo`, `report` and `export`: from what was handed in to marks and pages."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from grader.assignment import Assignment, AssignmentError, Question, find_assignment
from grader.batch.grade import Batch
from grader.batch.plan import Runs, planned
from grader.cli.app import (
    app,
    assignment_or_stop,
    console,
    errors,
    print_table,
    runs_or_stop,
    stop,
)
from grader.cli.progress import graded_or_stop
from grader.export import FORMATS, export
from grader.intake import IntakeError, find_submissions
from grader.marks.rounding import decimals, written
from grader.report import write_reports
from grader.report.display import clean, column
from grader.results import QuestionMark, Result, RunResult
from grader.store import StoreError
from grader.store.people import known_people
from grader.store.shards import Shard
from grader.store.store import read_results
from grader.wall.isolation import Choice as Isolation

EngineName = Literal["local", "dask"]
Layout = Literal["auto", "single", "class"]

JobsOption = Annotated[
    int, typer.Option(min=0, help="Submissions at a time; 0: one for each processor.")
]
IsolationOption = Annotated[
    Isolation,
    typer.Option("--isolation", help="The wall; 'none' only if you trust every line."),
]
# Columns of the table besides those of the questions.
NARROW = 36

NoReport = Annotated[bool, typer.Option("--no-report", help="Marks only, no pages.")]


@app.command()
def grade(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    paths: Annotated[
        list[Path],
        typer.Argument(help="Submissions: folders, zips, tars, files; or a folder full of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for marks and reports.")],
    jobs: JobsOption = 0,
    isolation: IsolationOption = "auto",
    layout: Annotated[
        Layout, typer.Option(help="Whether a folder is one submission or a class of them.")
    ] = "auto",
    only: Annotated[
        list[str] | None, typer.Option(help="Grade this submission alone; may be repeated.")
    ] = None,
    runs: Annotated[
        Runs,
        typer.Option(
            help="Training runs: none, measure what was submitted, or train in a profile's size."
        ),
    ] = "none",
    run: Annotated[
        list[str] | None, typer.Option(help="This run alone, by its id; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of real data sets; else GRADER_DATA.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="What hidden inputs are drawn from, to repeat a mark.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Grade even what is graded.")] = False,
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
    """Grade submissions against the hidden suite; started again, it goes on where it was.

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
            isolation=isolation,
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
    """End with status 3 if something was not graded through a fault of ours."""
    if any(r.status == "not_graded" or any(map(_lost, r.runs)) for r in results):
        errors.print(
            f"Some submissions could not be graded, through no fault of theirs; {remedy}.",
            style="bold red",
        )
        raise typer.Exit(3)


@app.command()
def demo(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")] = "ift6135_a3",
    out: Annotated[Path, typer.Option(help="Folder for marks and reports.")] = Path("demo-out"),
    jobs: JobsOption = 0,
    isolation: IsolationOption = "auto",
) -> None:
    """Grade the bundled sample class of an assignment, hostile ones included.

    Example: grader demo
    """
    assignment = assignment_or_stop(name)
    folder = sample_class(assignment)
    if folder is None:
        stop(f"{name} has no sample class")
    console.print(f"Grading the sample class of {assignment.about.title!r} ...", highlight=False)
    started = time.monotonic()
    candidates, _ = find_submissions([folder], assignment, "class")
    results = graded_or_stop(
        Batch(assignment, candidates, out, jobs=jobs, isolation=isolation, again=True)
    )
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
        bool, typer.Option("--rehearsal", help="Count what runs in size smoke gave as marks.")
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
    if sentence := _rehearsal(results):
        what = "counted all the same" if rehearsal else "left out; --rehearsal counts them"
        errors.print(f"Training runs: {sentence}; {what}.", style="yellow", soft_wrap=True)
    console.print(f"Written: {target}", soft_wrap=True, highlight=False)


def sample_class(assignment: Assignment) -> Path | None:
    """Folder of an assignment's sample submissions, in the checkout or the installed package."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent / "tests" / "submissions", package / "bundled" / "submissions"):
        if (root / assignment.name).is_dir():
            return root / assignment.name
    return None


def marks_table(assignment: Assignment, results: Sequence[Result]) -> Table:
    """Marks per question and in all, a row for each submission; per part if space is short.

    Questions of kind `run` are shown once one of the results has marks for them.
    """
    shown = _shown(assignment, results)
    runs = any(q.kind == "run" for q in shown)
    counted = {q.id for q in _shown(assignment, results, rehearsed=False)}
    title = f"{assignment.about.title}: unit-tested questions{' and training runs' if runs else ''}"
    if sentence := _rehearsal(results):
        title += f"\nin brackets: {sentence}"
    if console.width < NARROW + 7 * len(shown):
        counting = [q for q in shown if q.id in counted]
        return _table_of_parts(assignment, counting, results, title.replace("in brackets: ", ""))
    step = assignment.about.rounding
    table = Table("submission", title=title)
    for question in shown:
        table.add_column(question.id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    table.add_row(
        "(out of)",
        *(f"{q.marks:g}" for q in shown),
        f"{sum(q.marks for q in shown if q.id in counted):g}",
        "",
        style="dim",
    )
    for result in results:
        marks = {q.id: q for q in result.questions}
        cells = [_cell_of(marks.get(q.id), q.marks, step) for q in shown]
        total = _total(result, step)
        table.add_row(Text(result.submission), *cells, total, f"{result.seconds:.1f}")
    return table


def _shown(
    assignment: Assignment, results: Sequence[Result], *, rehearsed: bool = True
) -> list[Question]:
    decided = {
        q.id
        for result in results
        for q in result.questions
        if q.awarded is not None or (rehearsed and q.rehearsed is not None)
    }
    return [
        q
        for q in assignment.about.questions
        if q.kind == "unit" or (q.kind == "run" and q.id in decided)
    ]


def _table_of_parts(
    assignment: Assignment, shown: Sequence[Question], results: Sequence[Result], title: str
) -> Table:
    step = assignment.about.rounding
    table = Table("submission", title=title)
    parts = [
        (part.id, [q for q in assignment.about.questions_of(part.id) if q in shown])
        for part in assignment.about.parts
    ]
    for part_id, _ in parts:
        table.add_column(part_id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    sums = [sum(q.marks for q in questions) for _, questions in parts]
    table.add_row("(out of)", *(f"{s:g}" for s in sums), f"{sum(sums):g}", "", style="dim")
    for result in results:
        marks = {q.id: q.awarded for q in result.questions}
        cells = []
        for (_, questions), total in zip(parts, sums, strict=True):
            decided = [marks.get(q.id) for q in questions]
            known = [m for m in decided if m is not None]
            cells.append(_cell(sum(known) if len(known) == len(decided) else None, total, step))
        whole = _total(result, step)
        table.add_row(Text(result.submission), *cells, whole, f"{result.seconds:.1f}")
    return table


def _total(result: Result, step: float) -> Text:
    words = {"unreadable": "unreadable", "not_graded": "not graded"}
    return Text(words.get(result.status) or column(result.awarded, decimals(step), step))


def _rehearsal(results: Sequence[Result]) -> str:
    """What was only rehearsed, in the words that the pages have; of several the longest."""
    return max((result.rehearsal for result in results), key=len, default="")


def _cell_of(mark: QuestionMark | None, marks: float, step: float) -> Text:
    if mark is not None and mark.awarded is None and mark.rehearsed is not None:
        return Text(f"({_cell(mark.rehearsed, marks, step).plain})", style="dim")
    return _cell(mark.awarded if mark else None, marks, step)


def _cell(awarded: float | None, marks: float, step: float) -> Text:
    if awarded is None:
        return Text("-", style="dim")
    style = "green" if awarded == marks else "red" if awarded == 0 else "yellow"
    return Text(written(awarded, step), style=style)


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


def _suffix(format: str) -> str:
    return ".json" if format == "json" else ".csv"
