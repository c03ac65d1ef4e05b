"""Marks in the formats that gradebooks read: CSV, Gradescope, Moodle, Canvas, JSON."""

from grader.export.formats import FORMATS, Format, export
from grader.export.gradebooks import write_canvas, write_csv, write_moodle
from grader.export.gradescope import gradescope_results

__all__ = [
    "FORMATS",
    "Format",
    "export",
    "gradescope_results",
    "write_canvas",
    "write_csv",
    "write_moodle",
]
