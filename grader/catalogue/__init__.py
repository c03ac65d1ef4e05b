"""The catalogue of an assignment: mistakes and variants, for the audit and for hints, and runs."""

from grader.catalogue.entries import (
    Entry,
    Mistakes,
    RightRuns,
    Variants,
    WrongRuns,
    grafted_file,
    read_catalogue,
)
from grader.catalogue.errors import CatalogueError
from grader.catalogue.runs import RunEntry, read_runs

__all__ = [
    "CatalogueError",
    "Entry",
    "Mistakes",
    "RightRuns",
    "RunEntry",
    "Variants",
    "WrongRuns",
    "grafted_file",
    "read_catalogue",
    "read_runs",
]
