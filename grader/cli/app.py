"""The application that the commands register with, and what they share."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.console import Console

from grader.assignment import Assignment, AssignmentError, find_assignment
from grader.suite.spelling import misspelt_contracts

console = Console()
errors = Console(stderr=True)

app = typer.Typer(
    name="grader",
    help="Grades assignments on deep generative models: hidden suites behind a wall.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# 128 + SIGINT, as shells have it.
INTERRUPTED = 130

# Each module adds its commands to `app` when it is imported.
COMMANDS = (
    "looking",
    "publishing",
    "grading",
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
    for name in COMMANDS:
        importlib.import_module(f"grader.cli.{name}")
    try:
        app()
    except SystemExit as end:
        # What Typer makes of Ctrl-C.
        if end.code == INTERRUPTED:
            errors.print("stopped; the same command goes on from here")
        raise


def stop(message: str, status: int = 2) -> NoReturn:
    """Say what is wrong, to a person, and end."""
    errors.print(message, style="bold red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


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
    known = [run.id for run in assignment.about.runs]
    for run_id in asked:
        if run_id not in known:
            stop(f"--run {run_id}: there is no such run; there are {', '.join(known) or 'none'}")
    return asked
