"""The catalogue of an assignment: its mistakes and variants, for the audit and for hints."""

from grader.catalogue.entries import (
    CatalogueError,
    Entry,
    grafted_file,
    mistake,
    read_catalogue,
    variant,
)

__all__ = ["CatalogueError", "Entry", "grafted_file", "mistake", "read_catalogue", "variant"]
