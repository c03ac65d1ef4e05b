"""Data sets: published ones from a folder, and stand-ins that need neither folder nor network."""

from grader.data.dataset import DataError, DataSet
from grader.data.exporting import cache_folder, cached_export, export
from grader.data.loading import Availability, data_root, load, survey
from grader.data.preparing import Outcome, chosen, prepare
from grader.data.published import NAMES

__all__ = [
    "NAMES",
    "Availability",
    "DataError",
    "DataSet",
    "Outcome",
    "cache_folder",
    "cached_export",
    "chosen",
    "data_root",
    "export",
    "load",
    "prepare",
    "survey",
]
