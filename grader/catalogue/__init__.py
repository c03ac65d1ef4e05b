"""The catalogue of an assignment: its mistakes and variants, for the audit and for hints."""

from grader.catalogue.entries import Entry, Mistakes, Variants, grafted_file, read_catalogue
from grader.catalogue.errors import CatalogueError

__all__ = ["CatalogueError", "Entry", "Mistakes", "Variants", "grafted_file", "read_catalogue"]
