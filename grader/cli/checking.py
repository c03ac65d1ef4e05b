"""`grader check`: the public suite alone, on one folder, with its explanations."""

from __future__ import annotations

import posixpath
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from grader.assignment import Assignment, AssignmentError, find_assignment, known_assignments
from grader.batch.task import Job, Task
from grader.cli.app import app, assignment_or_stop, console, errors, stop
from grader.cli.grading import IsolationOption
from grader.intake import IntakeError, find_submissions, read_submission
from grader.publish import PublishError, publish
from grader.report.display import clean
from grader.results import Check, Result
from grader.wall import isolation
from grader.wall.errors import WallError


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A submission: folder, zip, tar or file.")],
    name: Annotated[
        str | None, typer.Option("--assignment", help="Its assignment, if the files do not tell.")
    ] = None,
    isolation: IsolationOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the public suite on one submission, as its student sees it; no marks, no store.

    Example: grader check student_template/ift6135_a3
    """
    if not folder.exists():
        stop(f"{folder}: there is no such file or folder")
    assignment = assignment_or_stop(name) if name else _guess(folder)
    if sys.platform != "linux":
        _check_without_wall(assignment, folder)
        return
    result = _run(assignment, folder, isolation)
    if as_json:
        print(result.model_dump_json(indent=1))
    else:
        _show(result)
    failed = [c for c in result.checks if c.outcome != "passed"]
    if failed or result.status != "graded":
        raise typer.Exit(1)


def _guess(folder: Path) -> Assignment:  # noqa: RET503 - stop() never returns
    """The assignment whose files lie in the folder."""
    for name in known_assignments():
        try:
            assignment = find_assignment(name)
            candidate = find_submissions([folder], assignment, "single")[0][0]
            read_submission(candidate, assignment)
        except (AssignmentError, IntakeError, IndexError):
            continue
        return assignment
    known = ", ".join(known_assignments())
    stop(f"{folder}: no file of an assignment in it; give --assignment, one of {known}")


def _run(assignment: Assignment, folder: Path, choice: isolation.Choice) -> Result:
    # These import torch, which no other command should wait for.
    from grader.batch.slot import Slot, given_folder
    from grader.suite.plugin import SuiteError, SuitePlugin, serve_suite
    from grader.wall.warm import Warm

    results: list[Result] = []
    try:
        wall = isolation.choose(choice)
        task = Task(
            assignment.folder, assignment.reference, wall, secrets.token_hex(16), suite="public"
        )
        candidate = find_submissions([folder], assignment, "single")[0][0]
        with tempfile.TemporaryDirectory(prefix="grader-check-") as scratch:
            given = given_folder(assignment, Path(scratch))
            hide = (assignment.folder, assignment.reference)
            with Warm(wall, assignment.about.limits, given, hide=hide) as warm:

                def serve(plugin: SuitePlugin) -> None:
                    results.append(Slot(task, plugin, warm).grade(Job(candidate, task.secret)))

                serve_suite(assignment, assignment.public, serve)
    except (WallError, SuiteError) as error:
        stop(str(error))
    return results[0]


def _check_without_wall(assignment: Assignment, folder: Path) -> None:
    """The published tests on a copy, with plain pytest: there is no wall on this system."""
    errors.print("There is no wall on this system: the code runs with your rights.", style="bold")
    candidate = find_submissions([folder], assignment, "single")[0][0]
    with tempfile.TemporaryDirectory(prefix="grader-check-") as scratch:
        template = Path(scratch, "template")
        try:
            publish(assignment, template)
        except PublishError as error:
            stop(str(error))
        submission = read_submission(candidate, assignment)
        # The tests import from the template's own folder, whatever folder a file was in.
        for home in (
            "",
            *{f"{posixpath.dirname(p)}/" for p in submission.modules.values()} - {"/"},
        ):
            for path, content in submission.files.items():
                if path.startswith(home):
                    target = template / path.removeprefix(home)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
        done = subprocess.run([sys.executable, "-m", "pytest"], cwd=template, check=False)
    raise typer.Exit(done.returncode)


def _show(result: Result) -> None:
    if result.problem:
        console.print(Text(clean(result.problem), style="bold red"))
    for question in result.questions:
        checks = [c for c in result.checks if c.question == question.id]
        if not checks:
            continue
        console.print(Text(f"{question.id}  {question.title}", style="bold"))
        for item in checks:
            _show_check(item)
    passed = sum(c.outcome == "passed" for c in result.checks)
    console.print(
        f"{passed} of {len(result.checks)} public checks passed. "
        "The hidden suite that gives the marks asks more.",
        highlight=False,
    )


def _show_check(item: Check) -> None:
    if item.outcome == "passed":
        console.print(Text(f"  passed  {item.title}", style="green"))
        return
    console.print(Text(f"  failed  {item.title}", style="red"))
    for label, text in (("what", item.rationale), ("look at", item.help), ("why", item.reason)):
        if text:
            # The text of an error is the student's, and terminals obey some characters.
            console.print(Padding(Text(f"{label}: {clean(text)}"), (0, 0, 0, 10)))
