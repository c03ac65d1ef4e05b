"""What trivial solutions reach: the floor that every threshold has to lie above.

An assignment's `trivial.py` has a function for each run. It gets the `Context` that measures get,
and gives trivial solutions by their names: artefacts as a run would leave them, or what was
measured of them already, where no network of the run can be one. They go through the same
measures, in the size and on the data of the profile. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from grader.assignment import Assignment, Measure, ProfileName, Run
from grader.batch.plan import planned
from grader.marks.bounds import flaw, threshold_of
from grader.marks.thresholds import Thresholds, Trivial
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, MeasureError
from grader.runs.artefacts import Artefacts
from grader.runs.loading import load_functions
from grader.runs.measured import Context, Measured
from grader.runs.measuring import Measurer
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
    found = []
    for run, case, made in measured_trivial(assignment, profile, data, only):
        estimates: dict[str, list[tuple[str, Estimate]]] = {}
        for name, solution in made.items():
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


def measured_trivial(
    assignment: Assignment, profile: ProfileName, data: Path | None, only: Sequence[str] = ()
) -> Iterator[tuple[Run, str, dict[str, Measured]]]:
    """Of each case of the runs what is found of its trivial solutions, by their names.

    One that leaves nothing to measure has no figures. The arguments and errors are those of
    `best_of_trivial`.
    """
    if not assignment.trivial.exists():
        return
    ours = load_functions(assignment, "trivial")
    measurer = Measurer(assignment, profile, data)
    for run, case in planned(assignment, profile, only):
        if run.id not in ours:
            continue
        context = measurer.context(run, case, seed_of(run, case, NAME, NAME))
        solutions: Mapping[str, Artefacts | Measured] = ours[run.id](context)
        yield (
            run,
            case,
            {name: _measured(measurer, run, s, context) for name, s in solutions.items()},
        )


def _measured(
    measurer: Measurer, run: Run, solution: Artefacts | Measured, context: Context
) -> Measured:
    if isinstance(solution, Measured):
        return solution
    try:
        return measurer.measure(run, solution, context)
    except (ArtefactError, MeasureError):
        return Measured()


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
