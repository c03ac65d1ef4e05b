"""`grader check`: the public suite alone, on one folder, with its explanations."""

from __future__ import annotations

import posixpath
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from grader.assignment import Assignment, AssignmentError, find_assignment
from grader.batch import engine
from grader.batch.ledger import BatchError
from grader.batch.rehearsal import Rehearsing
from grader.batch.task import Job, Task
from grader.cli.app import app, assignment_or_stop, console, errors, names_or_stop, stop
from grader.cli.options import IsolationOption
from grader.intake import Candidate, IntakeError, find_submissions, read_submission
from grader.publish import PublishError, functions_to_write, publish
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
        if result.status == "graded":
            _show_written(assignment, folder)
    failed = [c for c in result.checks if c.outcome != "passed"]
    if failed or result.status != "graded":
        raise typer.Exit(1)


def _guess(folder: Path) -> Assignment:  # noqa: RET503 - stop() never returns
    """The assignment whose files lie in the folder; of several, the one with most of them."""
    best: tuple[tuple[int, int], Assignment] | None = None
    for name in names_or_stop():
        try:
            assignment = find_assignment(name)
            candidate = find_submissions([folder], assignment, "single")[0][0]
            taken = read_submission(candidate, assignment).taken
        except (AssignmentError, IntakeError, IndexError):
            continue
        names = {f.name: f.accepted_names for f in assignment.description.files}
        found = [(t.name, PurePosixPath(t.taken).name) for t in taken if t.taken]
        # A file of the right name says more than one that defines some of the right names.
        fit = (sum(base in names[module] for module, base in found), len(found))
        if best is None or fit > best[0]:
            best = fit, assignment
    if best is not None:
        return best[1]
    known = ", ".join(names_or_stop())
    stop(f"{folder}: no file of an assignment in it; give --assignment, one of {known}")


def _run(assignment: Assignment, folder: Path, choice: isolation.WallChoice) -> Result:
    results: list[Result] = []
    try:
        wall = isolation.choose(choice)
        task = Task(
            assignment.folder, assignment.reference, wall, secrets.token_hex(16), suite="public"
        )
        candidate = find_submissions([folder], assignment, "single")[0][0]
        engine.grade_all(
            task,
            [Job(candidate, task.secret)],
            jobs=1,
            save=results.append,
            rehearsing=Rehearsing(task, assignment),
        )
    except (WallError, BatchError) as error:
        stop(str(error))
    return _only_what_is_written(assignment, candidate, results[0])


def _only_what_is_written(assignment: Assignment, candidate: Candidate, result: Result) -> Result:
    """The result without passes in questions of which nothing is written yet.

    A template refuses wrong arguments by itself; nobody earns anything by that.
    """
    if result.status != "graded":
        return result
    written = _written(assignment, read_submission(candidate, assignment).files)
    untouched = {q: names for q, names in functions_to_write(assignment).items() if names}
    untouched = {q: names for q, names in untouched.items() if not written.intersection(names)}
    checks = [
        check.model_copy(
            update={
                "outcome": "failed",
                "awarded": 0.0,
                "rationale": f"{untouched[check.question][0]} is not written yet",
                "help": "Fill in the function.",
            }
        )
        if check.outcome == "passed" and check.question in untouched
        else check
        for check in result.checks
    ]
    return result.model_copy(update={"checks": checks})


def _written(assignment: Assignment, files: Mapping[str, bytes]) -> set[str]:
    """The functions of the assignment that are not as the template has them."""
    sources = {f.name: files.get(f.path, b"") for f in assignment.description.files}
    written = set()
    for names in functions_to_write(assignment).values():
        for name in names:
            module, function, *_ = name.split(".")
            source = sources[module]
            is_there = re.search(rf"\b{function}\b".encode(), source)
            if is_there and f'"{name} is not written yet"'.encode() not in source:
                written.add(name)
    return written


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


def _show_written(assignment: Assignment, folder: Path) -> None:
    candidate = find_submissions([folder], assignment, "single")[0][0]
    written = _written(assignment, read_submission(candidate, assignment).files)
    wanted = {name for names in functions_to_write(assignment).values() for name in names}
    console.print(f"{len(written)} of {len(wanted)} functions are written.", highlight=False)


def _show_check(item: Check) -> None:
    if item.outcome == "passed":
        console.print(Text(f"  passed  {item.title}", style="green"))
        return
    console.print(Text(f"  failed  {item.title}", style="red"))
    for label, text in (("what", item.rationale), ("look at", item.help), ("why", item.reason)):
        if text:
            # The text of an error is the student's, and terminals obey some characters.
            console.print(Padding(Text(f"{label}: {clean(text)}"), (0, 0, 0, 10)))
