"""The application that the commands register with, and what they share."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from grader.assignment import Assignment, AssignmentError, find_assignment, known_assignments
from grader.suite.spelling import misspelt_contracts
from grader.version import harness_version

console = Console()
errors = Console(stderr=True)

app = typer.Typer(
    name="grader",
    help="Grades assignments on deep generative models: hidden suites behind a wall.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# 128 + SIGINT, as shells have it.
INTERRUPTED = 130

# Each module adds its commands to `app` when it is imported.
COMMANDS = (
    "looking",
    "starting",
    "publishing",
    "grading",
    "demo",
    "reporting",
    "merging",
    "dropping",
    "checking",
    "auditing",
    "calibrating",
    "gallery",
    "data",
    "doctor",
)


def main() -> None:
    """Entry point of the console script."""
    # Small tests get several times slower with more than one OpenMP thread.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        for name in COMMANDS:
            importlib.import_module(f"grader.cli.{name}")
        app()
    except SystemExit as end:
        # What Typer makes of Ctrl-C.
        if end.code == INTERRUPTED:
            errors.print("stopped; the same command goes on from here")
        raise
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(INTERRUPTED)


def _interrupt(number: int, frame: object) -> None:
    """The first Ctrl-C ends the command; another must not end it while it cleans up."""
    signal.signal(number, lambda *_: errors.print("still stopping: processes end, folders go"))
    raise KeyboardInterrupt


def _show_version(asked: bool) -> None:
    if asked:
        print(f"grader {harness_version()}")
        raise typer.Exit


def _use_home(home: Path | None) -> None:
    if home is not None:
        os.environ["GRADER_HOME"] = str(home.absolute())


@app.callback()
def _all_commands(
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder with `assignments` and `reference`; else GRADER_HOME names it.",
            callback=_use_home,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Print the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Grades assignments on deep generative models: hidden suites behind a wall."""


def stop(message: str, status: int = 2) -> NoReturn:
    """Say what is wrong, to a person, and end."""
    errors.print(message, style="bold red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def print_table(table: Table) -> None:
    """Print a table, as wide as it needs to be where nobody reads it from a terminal."""
    if console.is_terminal:
        console.print(table)
        return
    wide = Console(width=10_000)
    needed = Measurement.get(wide, wide.options, table).maximum
    Console(width=max(console.width, needed)).print(table)


def names_or_stop() -> list[str]:
    """Names of all assignments; ends the program if `GRADER_HOME` is wrong."""
    try:
        return known_assignments()
    except AssignmentError as error:
        stop(str(error))


def assignment_or_stop(name: str) -> Assignment:
    """The assignment of this name; ends the program if it or a contract does not exist."""
    try:
        assignment = find_assignment(name)
    except AssignmentError as error:
        stop(str(error))
    if misspelt := misspelt_contracts(assignment):
        stop("\n".join(misspelt))
    return assignment


def runs_or_stop(assignment: Assignment, asked: Sequence[str]) -> Sequence[str]:
    """The ids of runs that were asked for; ends the program if there is no such run."""
    known = [run.id for run in assignment.description.runs]
    for run_id in asked:
        if run_id not in known:
            stop(f"--run {run_id}: there is no such run; there are {', '.join(known) or 'none'}")
    return asked
