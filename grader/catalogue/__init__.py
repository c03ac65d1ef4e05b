"""The catalogue of an assignment: its mistakes and variants, for the audit and for hints."""

from grader.catalogue.entries import Entry, grafted_file, mistake, read_catalogue, variant
from grader.catalogue.errors import CatalogueError

__all__ = ["CatalogueError", "Entry", "grafted_file", "mistake", "read_catalogue", "variant"]
