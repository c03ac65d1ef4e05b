"""What trivial solutions reach: the floor that every threshold has to lie above.

An assignment's `trivial.py` has a function for each run. It gets the `Context` that measures get,
and gives trivial solutions by their names: artefacts as a run would leave them, or what was
measured of them already, where no network of the run can be one. They go through the same
measures, in the size and on the data of the profile. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grader.assignment import Assignment, Measure, ProfileName
from grader.batch.plan import planned
from grader.data import DataSet, cache_folder, load
from grader.marks.bounds import flaw, threshold_of
from grader.marks.thresholds import Thresholds, Trivial
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, MeasureError
from grader.runs.artefacts import Artefacts
from grader.runs.execute import given_module
from grader.runs.loading import load_functions
from grader.runs.measured import Context, Measured
from grader.runs.train import seed_of

NAME = "trivial"


def best_of_trivial(
    assignment: Assignment, profile: ProfileName, data: Path | None, only: Sequence[str] = ()
) -> list[Trivial]:
    """The best trivial solution of every figure that is marked in a profile.

    Args:
        assignment: whose runs; without a `trivial.py` there is nothing to try.
        profile: in which size.
        data: folder of the real data sets.
        only: ids of runs; none: all of them.

    Raises:
        ReferenceFailed: `trivial.py` cannot be imported.
        DataError: a data set is missing.
    """
    if not assignment.trivial.exists():
        return []
    ours = load_functions(assignment, "trivial")
    measures = load_functions(assignment, "measures")
    sets: dict[tuple[str, bool], DataSet] = {}
    found = []
    for run, case in planned(assignment, profile, only):
        solutions = ours.get(run.id)
        if solutions is None:
            continue
        size = run.profiles[profile]
        embedded = size.data == "embedded"

        def data_set(name: str, embedded: bool = embedded) -> DataSet:
            if (name, embedded) not in sets:
                sets[name, embedded] = load(name, root=data, embedded=embedded)
            return sets[name, embedded]

        context = Context(
            case=case,
            steps=size.steps,
            settings=size.settings,
            seed=(seed_of(run, case, NAME, NAME) + 1) % 2**31,
            data=data_set,
            given=lambda name: given_module(assignment, name),
            cache=cache_folder(),
        )
        made: Mapping[str, Artefacts | Measured] = solutions(context)
        estimates: dict[str, list[tuple[str, Estimate]]] = {}
        for name, solution in made.items():
            if isinstance(solution, Artefacts):
                try:
                    solution = measures[run.id](solution, context)
                except (ArtefactError, MeasureError):
                    continue  # it leaves no figure, and so earns nothing
            assert isinstance(solution, Measured)
            for figure in solution.figures:
                if figure.estimate is not None:
                    estimates.setdefault(figure.name, []).append((name, figure.estimate))
        for measure in assignment.description.measures:
            if measure.run != run.id or measure.question_in(profile, case) is None:
                continue
            if tried := estimates.get(measure.name):
                name, best = _best(measure, tried)
                found.append(
                    Trivial(
                        profile=profile,
                        run=run.id,
                        case=case,
                        measure=measure.name,
                        solution=name,
                        value=best.value,
                        standard_error=best.standard_error,
                    )
                )
    return found


def _best(measure: Measure, tried: Iterable[tuple[str, Estimate]]) -> tuple[str, Estimate]:
    def goodness(entry: tuple[str, Estimate]) -> float:
        value = entry[1].value
        if measure.better == "near":
            assert measure.target is not None
            return -abs(value - measure.target)
        return value if measure.better == "higher" else -value

    return max(tried, key=goodness)


def flaws(
    assignment: Assignment,
    thresholds: Thresholds,
    profile: ProfileName,
    only: Sequence[str] = (),
) -> list[str]:
    """What is wrong with the thresholds of a profile; a sentence for each that is unfit for marks.

    Args:
        assignment: whose measures.
        thresholds: as they are or are to be.
        profile: of which.
        only: ids of runs; none: all of them.
    """
    sentences = []
    for run, case in planned(assignment, profile, only):
        for measure in assignment.description.measures:
            if measure.run != run.id or measure.question_in(profile, case) is None:
                continue
            place = (profile, run.id, case, measure.name)
            found, trivial = thresholds.find(*place), thresholds.find_trivial(*place)
            if measure.better == "near":
                threshold = measure.target
            elif (asked := measure.asked.get(profile)) is not None:
                threshold = asked
            else:
                threshold = threshold_of(measure, found, trivial) if found is not None else None
            if threshold is None:
                continue
            sd = found.sd if found is not None else 0.0
            if wrong := flaw(measure, profile, threshold, trivial, sd):
                of = f"{run.id} {case}".strip()
                sentences.append(f"{of}: {measure.name}, threshold {threshold:.4g}: {wrong}")
    return sentences
