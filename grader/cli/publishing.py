"""`grader publish`: what students get."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.app import app, assignment_or_stop, console, stop
from grader.publish import Format, PublishError, publish


@app.command("publish")
def publish_(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    to: Annotated[Path, typer.Option(help="The folder or zip file to write.")],
    format: Annotated[
        Format,
        typer.Option(
            help="A folder, a zip, a folder with notebooks to fill in; or an autograder's zip, "
            "which holds the answers."
        ),
    ] = "dir",
    secret: Annotated[
        str | None,
        typer.Option(help="For an autograder: the secret that hidden inputs are drawn from."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing template.")] = False,
) -> None:
    """Make the students' template: skeletons, handout, public tests. Or an autograder.

    Example: grader publish ift6135_a3 --to template
    """
    assignment = assignment_or_stop(name)
    try:
        written = publish(assignment, to, format, force, secret)
    except PublishError as error:
        stop(str(error))
    if format == "gradescope":
        console.print("It holds the reference and the hidden suite: for Gradescope alone.")
    console.print(f"{len(written)} files written to {to}", soft_wrap=True, highlight=False)
