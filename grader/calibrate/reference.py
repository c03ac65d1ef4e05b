"""What the reference reaches: every run of a profile, over several seeds, as a usual batch."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.assignment import Assignment, AssignmentError, ProfileName
from grader.batch import engine
from grader.batch.ledger import BatchError, Progress
from grader.batch.plan import planned, run_task
from grader.batch.task import RunJob, Task
from grader.data import DataError
from grader.intake import Candidate
from grader.marks.thresholds import Calibrated, Cost
from grader.results import Result, RunResult
from grader.wall.errors import WallError
from grader.wall.isolation import WallKind

FEWEST_SEEDS = 2
SECRET = "calibration"


class CalibrationError(Exception):
    """The reference itself fails in a run; the message says in which and why."""


# What may keep the reference from being run and its figures from being written; each says why.
FAULTS = (AssignmentError, CalibrationError, DataError, WallError, OSError, BatchError)


def calibrate(
    assignment: Assignment,
    *,
    profile: ProfileName,
    seeds: int,
    wall: WallKind,
    jobs: int,
    out: Path,
    data: Path | None = None,
    only: Sequence[str] = (),
    tell: Callable[[Progress], None] = lambda progress: None,
) -> tuple[list[Calibrated], list[Cost]]:
    """Run the reference behind the wall, and sum up its figures.

    The arguments and errors are those of `run_reference`.
    """
    return summed_up(
        assignment,
        run_reference(
            assignment,
            profile=profile,
            seeds=seeds,
            wall=wall,
            jobs=jobs,
            out=out,
            data=data,
            only=only,
            tell=tell,
        ),
    )


def run_reference(
    assignment: Assignment,
    *,
    profile: ProfileName,
    seeds: int,
    wall: WallKind,
    jobs: int,
    out: Path,
    data: Path | None = None,
    only: Sequence[str] = (),
    tell: Callable[[Progress], None] = lambda progress: None,
) -> list[RunResult]:
    """Run the reference behind the wall, as if it had been handed in.

    Args:
        assignment: whose runs.
        profile: in which size.
        seeds: how many times each.
        wall: as for any batch.
        jobs: runs at a time.
        out: a folder for artefacts; what is there already is not trained again.
        data: folder of the real data sets.
        only: ids of runs; none: all.
        tell: is told of progress.

    Raises:
        CalibrationError: a run of the reference fails, or none has that profile.
        DataError: a data set is missing.
        BatchError: the batch cannot start.
    """
    cases = planned(assignment, profile, only)
    if not cases:
        which = ", ".join(only) or "all"
        raise CalibrationError(
            f"{assignment.name}: no run has profile {profile} (asked for: {which})"
        )
    folder = out / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for file in assignment.description.files:
        text = (assignment.reference / file.path).read_bytes()
        (folder / file.path).write_bytes(text)
    training = run_task(assignment, profile, out, data, only)
    task = Task(assignment.folder, assignment.reference, wall, SECRET, runs=training)
    # One seed of every case before the second of any, so that a failure shows early.
    todo = [
        RunJob(Candidate(f"seed-{n}", folder), SECRET, run.id, case)
        for n in range(1, seeds + 1)
        for run, case in cases
    ]
    results: list[RunResult] = []

    def save(_: RunJob, result: RunResult) -> None:
        if result.status != "finished":
            raise CalibrationError(f"the reference fails in {result.title}: {result.problem}")
        found = [figure.measure for figure in result.figures]
        declared = assignment.run(result.run).measures
        if never := [name for name in declared if name not in found]:
            raise CalibrationError(
                f"{assignment.folder / 'assignment.toml'}: runs.measures.{never[0]} of run "
                f"{result.run}: its measure never gives that figure; it gives "
                f"{', '.join(found) or 'none'}. Correct the name, or remove it"
            )
        for figure in result.figures:
            if figure.value is None:
                raise CalibrationError(
                    f"{result.title}: {figure.title} cannot be measured: {figure.note}"
                )
        results.append(result)

    engine.grade_all(task, todo, jobs=jobs, save=_no_units, save_run=save, tell=tell)
    return results


def _no_units(result: Result) -> None:
    raise AssertionError(f"no unit was asked for, got {result.submission}")


def summed_up(
    assignment: Assignment, results: Sequence[RunResult]
) -> tuple[list[Calibrated], list[Cost]]:
    """Mean and standard deviation of every figure, and the cost of every case."""
    cases: dict[tuple[str, str], list[RunResult]] = defaultdict(list)
    for result in results:
        cases[result.run, result.case].append(result)
    figures, costs = [], []
    for (run, case), same in cases.items():
        profile = same[0].profile
        for number, figure in enumerate(same[0].figures):
            values = [r.figures[number].value for r in same]
            known = [v for v in values if v is not None]
            figures.append(
                Calibrated(
                    profile=profile,
                    run=run,
                    case=case,
                    measure=figure.measure,
                    mean=math.fsum(known) / len(known),
                    sd=statistics.stdev(known),
                    n=len(known),
                )
            )
        environment = same[0].environment
        costs.append(
            Cost(
                profile=profile,
                run=run,
                case=case,
                steps=assignment.run(run).profiles[profile].steps,
                seconds=round(statistics.fmean(r.seconds for r in same), 1),
                n=len(same),
                data="; ".join(same[0].data),
                environment=f"torch {environment.torch}, {environment.cpu}, "
                f"{environment.threads} thread"
                if environment
                else "",
            )
        )
    return figures, costs
