"""`grader list`, `grader show` and `grader schema`: what there is."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.table import Table

from grader.assignment import REHEARSALS, Description, find_assignment, known_assignments
from grader.cli.app import app, assignment_or_stop, console
from grader.results import Result

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The assignments that this installation holds.

    Example: grader list
    """
    found = [find_assignment(name) for name in known_assignments()]
    if as_json:
        rows = [
            {
                "name": a.name,
                "title": a.about.title,
                "course": a.about.course,
                "university": a.about.university,
                "marks": a.total_marks,
            }
            for a in found
        ]
        print(json.dumps(rows, indent=1))
        return
    table = Table("name", "title", "course", "university")
    table.add_column("marks", justify="right")
    for a in found:
        table.add_row(
            a.name, a.about.title, a.about.course, a.about.university, f"{a.total_marks:g}"
        )
    console.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")], as_json: Json = False
) -> None:
    """One assignment: its questions, their marks and the contracts that students fill in.

    Example: grader show ift6135_a3
    """
    assignment = assignment_or_stop(name)
    about = assignment.about
    if as_json:
        print(about.model_dump_json(indent=1))
        return
    console.print(f"{about.title}: {about.course}, {about.university} {about.term}".strip())
    table = Table("question", "title", "kind")
    table.add_column("marks", justify="right")
    table.add_column("contracts")
    for part in about.parts:
        table.add_row(part.id, part.title, "", f"{part.marks:g}", "", style="bold")
        for question in about.questions_of(part.id):
            contracts = ", ".join(question.contracts)
            table.add_row(
                question.id, question.title, question.kind, f"{question.marks:g}", contracts
            )
    console.print(table)
    files = ", ".join(" or ".join(f.accepted_names) for f in about.files)
    console.print(
        f"Students hand in: {files}. They are given: {', '.join(about.given) or 'nothing'}."
    )
    kinds = ("unit", "run", "written")
    sums = [(k, sum(q.marks for q in about.questions if q.kind == k)) for k in kinds]
    console.print(
        f"{assignment.total_marks:g} marks: "
        + ", ".join(f"{total:g} {kind}" for kind, total in sums)
    )
    sizes = sorted({size for run in about.runs for size in run.profiles})
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
