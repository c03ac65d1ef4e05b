"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from grader.wall.isolation import WallChoice

JobsOption = Annotated[
    int, typer.Option(min=0, help="Submissions at a time; 0: one for each processor.")
]

IsolationOption = Annotated[
    WallChoice,
    typer.Option("--isolation", help="The wall; 'none' only if you trust every line."),
]

NoReport = Annotated[bool, typer.Option("--no-report", help="Marks only, no pages.")]
