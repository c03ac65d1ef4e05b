"""Grades the graders: catalogued mistakes must lose marks, catalogued variants must keep them."""
