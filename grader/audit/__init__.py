"""Grades the graders: catalogued mistakes must lose marks, catalogued variants must keep them."""

from grader.catalogue import mistake, variant

__all__ = ["mistake", "variant"]
