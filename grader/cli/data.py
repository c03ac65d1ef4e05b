"""`grader data prepare` and `grader data list`: the data sets that runs train and measure on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from grader import data
from grader.cli.app import app, console, errors, stop

group = typer.Typer(
    help="List data sets, and get the missing ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(group, name="data")

STYLES = {"ready": "green", "real": "green", "missing": "bold red", "failed": "bold red"}
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@group.command()
def prepare(
    names: Annotated[list[str] | None, typer.Argument(help="Data sets; all if none.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder with the published files; without it, torchvision downloads."
        ),
    ] = None,
    target: Annotated[
        Path, typer.Option("--to", help="Folder to make, which GRADER_DATA then names.")
    ] = Path("data"),
    as_json: Json = False,
) -> None:
    """Verify and unpack data sets from a folder, or download them through torchvision.

    Every file is compared with its published checksum. What is wrong with one set does not stop
    the others; the exit status is 1 if a set is not usable in the end.

    Example: grader data prepare --from ~/downloads --to data mnist binarized_mnist
    """
    try:
        sets = data.chosen(names or ())
    except data.DataError as error:
        stop(str(error))
    if source is not None and not source.is_dir():
        stop(f"{source}: is not a folder; --from names the one that holds the published files")
    outcomes: list[data.Outcome] = []
    with errors.status("preparing") as status:
        for published in sets:
            status.update(f"preparing {published.name}")
            outcomes += data.prepare([published], target, source)
    root = target.resolve()
    if as_json:
        rows = [{"name": o.name, "state": o.state, "explanation": o.explanation} for o in outcomes]
        print(json.dumps({"root": str(root), "sets": rows}, indent=1))
    else:
        _show((o.name, o.state, o.explanation) for o in outcomes)
        if any(o.state == "ready" for o in outcomes):
            _say(f"To use them: export GRADER_DATA={shlex.quote(str(root))}")
    if not all(o.usable for o in outcomes):
        raise typer.Exit(1)


@group.command("list")
def list_(
    root: Annotated[
        Path | None, typer.Option("--data", help="Data folder; GRADER_DATA if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Which data sets are real, embedded or missing; each is loaded to find out.

    Example: grader data list --data data
    """
    try:
        folder = data.data_root(root)
    except data.DataError as error:
        stop(str(error))
    found = data.survey(folder)
    if as_json:
        rows = [{"name": f.name, "state": f.state, "explanation": f.explanation} for f in found]
        print(json.dumps({"root": str(folder) if folder else None, "sets": rows}, indent=1))
        return
    _show((f.name, f.state, f.explanation) for f in found)
    if folder is None:
        _say("GRADER_DATA is not set, so all data are embedded; `grader data prepare` makes it.")
    else:
        _say(f"Data folder: {folder}")


def _show(rows: Iterable[tuple[str, str, str]]) -> None:
    table = Table("data set", "state")
    # Paths and checksums are for copying: they are wrapped, and never cut.
    table.add_column("what it is", overflow="fold")
    for name, state, explanation in rows:
        table.add_row(name, Text(state, STYLES.get(state, "yellow")), Text(explanation))
    console.print(table)


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
