"""`grader list`, `grader show` and `grader schema`: what there is."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.table import Column, Table
from rich.text import Text

from grader.assignment import REHEARSALS, Assignment, AssignmentError, Description, find_assignment
from grader.cli.app import (
    app,
    assignment_or_stop,
    console,
    errors,
    names_or_stop,
    print_table,
    stop,
)
from grader.results import Result
from grader.suite.spelling import misspelt_tools

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the installed assignments.

    Example: grader list
    """
    found, broken = [], []
    for name in names_or_stop():
        try:
            one = find_assignment(name)
            _ = one.description  # read here, so that one that is broken hides no other
            found.append(one)
        except AssignmentError as error:
            broken.append(str(error))
    _list(found, as_json)
    for text in broken:
        errors.print(text, style="bold red", markup=False, highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


def _list(found: list[Assignment], as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "name": a.name,
                "title": a.description.title,
                "course": a.description.course,
                "university": a.description.university,
                "marks": a.total_marks,
            }
            for a in found
        ]
        print(json.dumps(rows, indent=1))
        return
    table = Table(Column("name", no_wrap=True), "title", "course", "university")
    table.add_column("marks", justify="right")
    for a in found:
        table.add_row(
            a.name,
            a.description.title,
            a.description.course,
            a.description.university,
            f"{a.total_marks:g}",
        )
    print_table(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")], as_json: Json = False
) -> None:
    """Show an assignment: its questions, their marks and the contracts that students fill in.

    Example: grader show ift6135_a3
    """
    assignment = assignment_or_stop(name)
    if misspelt := misspelt_tools(assignment):
        stop("\n".join(misspelt))
    description = assignment.description
    if as_json:
        print(description.model_dump_json(indent=1))
        return
    console.print(
        f"{description.title}: {description.course}, "
        f"{description.university} {description.term}".strip()
    )
    table = Table(Column("question", no_wrap=True), Column("title, contracts", overflow="fold"))
    table.add_column("kind", no_wrap=True)
    table.add_column("marks", justify="right", no_wrap=True)
    for part in description.parts:
        table.add_row(part.id, part.title, "", f"{part.marks:g}", style="bold")
        for question in description.questions_of(part.id):
            # Below the title, since beside it names would be broken in two.
            names = "".join(f"\n  {contract}" for contract in question.contracts)
            title = Text(question.title).append(names, style="dim")
            table.add_row(question.id, title, question.kind, f"{question.marks:g}")
    print_table(table)
    files = ", ".join(" or ".join(f.accepted_names) for f in description.files)
    console.print(
        f"Students hand in: {files}. They are given: {', '.join(description.given) or 'nothing'}."
    )
    kinds = ("unit", "run", "written")
    sums = [(k, sum(q.marks for q in description.questions if q.kind == k)) for k in kinds]
    console.print(
        f"{assignment.total_marks:g} marks: "
        + ", ".join(f"{total:g} {kind}" for kind, total in sums)
    )
    sizes = sorted({size for run in description.runs for size in run.profiles})
    if sizes:
        counting = " and ".join(size for size in sizes if size not in REHEARSALS) or "none"
        rehearsed = "".join(f"; {s} is a rehearsal: not marks" for s in sizes if s in REHEARSALS)
        console.print(f"Sizes of runs that count: {counting}{rehearsed}.")


@app.command()
def schema(
    what: Annotated[str, typer.Argument(help="'result' or 'assignment'.")] = "result",
) -> None:
    """The JSON schema of a result file, or of assignment.toml.

    Example: grader schema > result.schema.json
    """
    models: dict[str, type[BaseModel]] = {"result": Result, "assignment": Description}
    if what not in models:
        raise typer.BadParameter(f"{what!r} is neither 'result' nor 'assignment'")
    print(json.dumps(models[what].model_json_schema(), indent=1))
