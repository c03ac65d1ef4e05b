"""`grader publish`: what students get."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.cli.app import app, assignment_or_stop, console, stop
from grader.publish import PublishError, publish


@app.command("publish")
def publish_(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    to: Annotated[Path, typer.Option(help="The folder or zip file to write.")],
    format: Annotated[Literal["dir", "zip"], typer.Option(help="What to write.")] = "dir",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Make the students' template: skeletons, handout, public tests.

    Example: grader publish ift6135_a3 --to template
    """
    assignment = assignment_or_stop(name)
    try:
        written = publish(assignment, to, format, force)
    except PublishError as error:
        stop(str(error))
    console.print(f"{len(written)} files written to {to}", soft_wrap=True, highlight=False)
