"""The measures of an assignment, ready to be used on artefacts of any of its runs."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

from grader.assignment import Assignment, Measure, Profile, ProfileName, Run
from grader.data import DataSet, cache_folder, load
from grader.results import Figure
from grader.runs.artefacts import Artefacts
from grader.runs.loading import load_functions
from grader.runs.measured import Context, Measured, Measurement


class Measurer:
    """Measures artefacts, whoever made them.

    Args:
        assignment: whose measures.
        profile: in which size.
        data: the folder of real data sets; None: the embedded ones.

    Raises:
        ReferenceFailed: the measures cannot be imported.
    """

    def __init__(self, assignment: Assignment, profile: ProfileName, data: Path | None) -> None:
        self._assignment = assignment
        self._profile: ProfileName = profile
        self._data = data
        self._loaded: dict[tuple[str, bool], DataSet] = {}
        self._measures = load_functions(assignment, "measures")

    def data_set(self, name: str, size: Profile) -> DataSet:
        """A data set, read once.

        Raises:
            DataError: it is missing.
        """
        embedded = size.data == "embedded"
        if (name, embedded) not in self._loaded:
            self._loaded[name, embedded] = load(name, root=self._data, embedded=embedded)
        return self._loaded[name, embedded]

    def context(self, run: Run, case: str, seed: int) -> Context:
        """What a measure may use of a run that was started with this seed."""
        size = run.profiles[self._profile]
        return Context(
            case=case,
            steps=size.steps,
            settings=size.settings,
            seed=(seed + 1) % 2**31,
            data=lambda name: self.data_set(name, size),
            given=lambda name: given_module(self._assignment, name),
            cache=cache_folder(),
        )

    def measure(self, run: Run, artefacts: Artefacts, context: Context) -> Measured:
        """What the measures of a run find.

        Raises:
            ArtefactError, MeasureError: nothing can be measured of these artefacts.
            LookupError: there is no such function, or it gives a figure that is not declared.
        """
        if run.id not in self._measures:
            known = ", ".join(self._measures) or "none"
            raise LookupError(f"there is no function {run.id}; there are {known}")
        measured: Measured = self._measures[run.id](artefacts, context)
        if unknown := [m.name for m in measured.figures if m.name not in run.measures]:
            raise LookupError(
                f"it gives a figure {unknown[0]!r}, which [runs.measures] of this run does not "
                f"declare in assignment.toml; declared are {', '.join(run.measures) or 'none'}"
            )
        return measured

    def figures(self, run: Run, measured: Measured) -> list[Figure]:
        """The figures as they are stored, without judgement."""
        declared = {m.name: m for m in self._assignment.description.measures if m.run == run.id}
        return [_figure(declared[m.name], m) for m in measured.figures]


def _figure(measure: Measure, measurement: Measurement) -> Figure:
    figure = Figure(
        measure=measure.name,
        title=measure.title,
        unit=measure.unit,
        question=measure.question,
        value=None,
        note=measurement.problem,
        claim=measurement.claim,
        weight=measure.weight,
    )
    estimate = measurement.estimate
    if estimate is None:
        return figure
    return figure.model_copy(
        update={
            "unit": measure.unit or estimate.unit,
            "value": estimate.value,
            "standard_error": estimate.standard_error,
            "n": estimate.n,
            "note": estimate.note,
        }
    )


def given_module(assignment: Assignment, name: str) -> types.ModuleType:
    """A module of the reference's folder, which may import its neighbours by their plain names."""
    folder = str(assignment.reference)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
