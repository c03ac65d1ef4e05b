"""`grader grade`, `demo`, `report` and `export`: from what was handed in to marks and pages."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from grader.assignment import Assignment, AssignmentError, find_assignment
from grader.batch import engine
from grader.batch.task import Job, Task
from grader.cli.app import app, assignment_or_stop, console, errors, stop
from grader.export import FORMATS, export
from grader.intake import Candidate, IntakeError, find_submissions
from grader.report import write_reports
from grader.results import Result
from grader.store import Store, StoreError
from grader.store.store import read_results
from grader.wall import isolation
from grader.wall.errors import WallError

Isolation = Literal["auto", "bubblewrap", "landlock", "none"]
Layout = Literal["auto", "single", "class"]

JobsOption = Annotated[
    int, typer.Option(min=0, help="Submissions at a time; 0: one for each processor.")
]
IsolationOption = Annotated[
    Isolation, typer.Option(help="The wall; 'none' only if you trust every line.")
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
    secret: Annotated[
        str | None, typer.Option(help="What hidden inputs are drawn from, to repeat a mark.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Grade even what is graded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
    no_report: NoReport = False,
) -> None:
    """Grade submissions against the hidden suite; started again, it goes on where it was.

    Example: grader grade ift6135_a3 submissions/ --out graded --jobs 4
    """
    assignment = assignment_or_stop(name)
    try:
        candidates, notes = find_submissions(paths, assignment, layout)
    except IntakeError as error:
        stop(str(error))
    for note in notes:
        errors.print(note, style="dim", markup=False, highlight=False)
    if only:
        unknown = sorted(set(only) - {c.id for c in candidates})
        if unknown:
            known = ", ".join(c.id for c in candidates[:20])
            stop(f"--only {unknown[0]}: there is no such submission; there are {known}")
        candidates = [c for c in candidates if c.id in only]
    if not candidates:
        stop("there is nothing to grade in " + ", ".join(map(str, paths)))
    results = _grade(
        assignment, candidates, out, jobs=jobs, choice=isolation, secret=secret, again=again
    )
    wanted = {c.id for c in candidates}
    mine = [r for r in results if r.submission in wanted]
    if not no_report:
        page = _write_pages(assignment, results, out)
    if as_json:
        print(json.dumps([_summary(r) for r in mine], indent=1))
    else:
        console.print(marks_table(assignment, mine))
        _print_problems(mine)
        if not no_report:
            console.print(f"Class report: {page}", soft_wrap=True, highlight=False)
            console.print(f"Marks: {out / 'marks.csv'}", soft_wrap=True, highlight=False)
    if any(r.status == "not_graded" for r in mine):
        errors.print(
            "Some submissions could not be graded, through no fault of theirs; "
            "the same command tries them again.",
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
    results = _grade(assignment, candidates, out, jobs=jobs, choice=isolation, again=True)
    ids = {c.id for c in candidates}
    results = [r for r in results if r.submission in ids]
    page = _write_pages(assignment, results, out)
    console.print(marks_table(assignment, results))
    console.print(
        f"{len(results)} submissions in {time.monotonic() - started:.0f} s, "
        f"walled off by {results[0].environment.wall if results[0].environment else 'nothing'}."
        if results
        else "nothing"
    )
    console.print(f"Class report: {page.resolve()}", soft_wrap=True, highlight=False)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a batch.")],
) -> None:
    """Write the pages of a batch again, from its store.

    Example: grader report graded
    """
    assignment, results = _stored(folder)
    page = _write_pages(assignment, results, folder)
    console.print(f"Class report: {page}", soft_wrap=True, highlight=False)


@app.command("export")
def export_(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a batch.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")] = "csv",
    to: Annotated[Path | None, typer.Option(help="The file or folder to write.")] = None,
) -> None:
    """Write the marks for a spreadsheet or a learning platform.

    Example: grader export graded --format moodle --to moodle.csv
    """
    if format not in FORMATS:
        stop(f"--format {format}: there is no such format; there are {', '.join(FORMATS)}")
    assignment, results = _stored(folder)
    target = to or folder / (
        f"marks-{format}" + ("" if format == "gradescope" else _suffix(format))
    )
    export(assignment, results, format, target)
    console.print(f"Written: {target}", soft_wrap=True, highlight=False)


def sample_class(assignment: Assignment) -> Path | None:
    """Folder of an assignment's sample submissions, in the checkout or the installed package."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent / "tests" / "submissions", package / "bundled" / "submissions"):
        if (root / assignment.name).is_dir():
            return root / assignment.name
    return None


def marks_table(assignment: Assignment, results: Sequence[Result]) -> Table:
    """Marks per unit question and in all, a row for each submission; per part if space is short."""
    units = [q for q in assignment.about.questions if q.kind == "unit"]
    if console.width < NARROW + 7 * len(units):
        return _table_of_parts(assignment, results)
    table = Table("submission", title=f"{assignment.about.title}: unit-tested questions")
    for question in units:
        table.add_column(question.id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    table.add_row(
        "(out of)",
        *(f"{q.marks:g}" for q in units),
        f"{sum(q.marks for q in units):g}",
        "",
        style="dim",
    )
    for result in results:
        marks = {q.id: q.awarded for q in result.questions}
        cells = [_cell(marks.get(q.id), q.marks) for q in units]
        table.add_row(Text(result.submission), *cells, _total(result), f"{result.seconds:.1f}")
    return table


def _table_of_parts(assignment: Assignment, results: Sequence[Result]) -> Table:
    table = Table("submission", title=f"{assignment.about.title}: unit-tested questions")
    parts = [
        (part.id, [q for q in assignment.about.questions_of(part.id) if q.kind == "unit"])
        for part in assignment.about.parts
    ]
    for part_id, _ in parts:
        table.add_column(part_id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    sums = [sum(q.marks for q in units) for _, units in parts]
    table.add_row("(out of)", *(f"{s:g}" for s in sums), f"{sum(sums):g}", "", style="dim")
    for result in results:
        marks = {q.id: q.awarded for q in result.questions}
        cells = []
        for (_, units), total in zip(parts, sums, strict=True):
            decided = [marks.get(q.id) for q in units]
            known = [m for m in decided if m is not None]
            cells.append(_cell(sum(known) if len(known) == len(decided) else None, total))
        table.add_row(Text(result.submission), *cells, _total(result), f"{result.seconds:.1f}")
    return table


def _total(result: Result) -> Text:
    words = {"unreadable": "unreadable", "not_graded": "not graded"}
    return Text(words.get(result.status, f"{result.awarded:.2f}"))


def _cell(awarded: float | None, marks: float) -> Text:
    if awarded is None:
        return Text("-", style="dim")
    style = "green" if awarded == marks else "red" if awarded == 0 else "yellow"
    return Text(f"{awarded:.2f}".rstrip("0").rstrip("."), style=style)


def _grade(
    assignment: Assignment,
    candidates: Sequence[Candidate],
    out: Path,
    *,
    jobs: int,
    choice: Isolation,
    secret: str | None = None,
    again: bool = False,
) -> list[Result]:
    jobs = jobs or len(os.sched_getaffinity(0))
    try:
        wall = isolation.choose(choice)
        with Store(out, assignment, secret) as store:
            if wall == "none":
                errors.print(
                    "No wall: student code can read and change whatever you can.", style="bold red"
                )
            todo = list(candidates) if again else engine.remaining(store, assignment, candidates)
            task = Task(assignment.folder, assignment.reference, wall, store.secret)
            kept = len(candidates) - len(todo)
            if kept:
                errors.print(
                    f"{kept} of {len(candidates)} are graded already and stay as they are."
                )
            if todo:
                with ProgressDisplay() as tell:
                    jobs_to_do = [Job(candidate, store.secret) for candidate in todo]
                    engine.grade_all(
                        task, jobs_to_do, jobs=jobs, save=store.save, tell=tell, kept=kept
                    )
            return store.results()
    except (StoreError, WallError, engine.BatchError) as error:
        stop(str(error))


class ProgressDisplay:
    """A bar with the time that is left, and what is being graded right now."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=errors,
        )
        self._task = self._bar.add_task("grading", total=None)
        self._running = Text("starting", style="dim")
        self._live = Live(
            Group(self._bar, self._running), console=errors, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> Callable[[engine.Progress], None]:
        self._live.__enter__()
        return self._tell

    def __exit__(self, *details: object) -> None:
        self._live.__exit__(None, None, None)

    def _tell(self, progress: engine.Progress) -> None:
        self._bar.update(self._task, total=progress.total, completed=progress.done)
        self._running.plain = "  ".join(progress.running)[:200] or "starting"


def _write_pages(assignment: Assignment, results: Sequence[Result], out: Path) -> Path:
    try:
        page = write_reports(assignment, results, out / "reports").class_page
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


def _print_problems(results: Sequence[Result]) -> None:
    for result in results:
        if result.problem:
            line = Text(f"{result.submission}: {result.problem}", style="yellow")
            errors.print(line, soft_wrap=True)


def _summary(result: Result) -> dict[str, object]:
    return {
        "submission": result.submission,
        "status": result.status,
        "awarded": result.awarded,
        "decided_marks": result.decided_marks,
        "questions": {q.id: q.awarded for q in result.questions},
        "problem": result.problem,
        "seconds": result.seconds,
    }


def _suffix(format: str) -> str:
    return ".json" if format == "json" else ".csv"
