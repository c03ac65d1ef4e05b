"""Which jobs a batch has."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment, ProfileName, Run
from grader.batch.task import RunJob, RunTask
from grader.data import DataError, cached_export, load
from grader.intake import Candidate
from grader.results import Result
from grader.store.store import Store

Runs = Literal["none", "submitted", "smoke", "cpu", "full"]

# What was handed in was trained as the assignment says, so that is how it is judged.
PROFILE_OF_SUBMITTED: ProfileName = "full"


def profile_of(runs: Runs) -> ProfileName | None:
    """The profile in which runs are judged; None where there are none."""
    if runs == "none":
        return None
    return PROFILE_OF_SUBMITTED if runs == "submitted" else runs


def planned(assignment: Assignment, runs: Runs, only: Sequence[str] = ()) -> list[tuple[Run, str]]:
    """The cases of runs that a batch goes through for each submission.

    Args:
        assignment: whose runs.
        runs: which kind.
        only: ids of runs; none: all of them.
    """
    profile = profile_of(runs)
    return [
        (run, case)
        for run in assignment.description.runs
        if profile is not None
        and profile in run.profiles
        and (not only or run.id in only)
        and (runs != "submitted" or run.submitted is not None)
        for case in run.cases_of(profile)
    ]


def run_task(
    assignment: Assignment, runs: Runs, out: Path, data: Path | None, only: Sequence[str] = ()
) -> RunTask | None:
    """What slots need to know about runs, with their data made ready; None without runs.

    Raises:
        DataError: a data set is needed and is not there.
    """
    profile = profile_of(runs)
    if profile is None:
        return None
    wanted: dict[str, bool] = {}
    for run, _ in planned(assignment, runs, only):
        for name in run.data:
            wanted[name] = run.profiles[profile].data == "embedded"
    if data is None and not all(wanted.values()):
        real = ", ".join(sorted(name for name, embedded in wanted.items() if not embedded))
        raise DataError(
            f"profile {profile} needs the real data sets {real}: give their folder with --data or "
            "GRADER_DATA; `grader data prepare` makes one"
        )
    mounted = {
        name: cached_export(load(name, root=data, embedded=embedded))
        for name, embedded in wanted.items()
    }
    return RunTask(profile, runs != "submitted", out.resolve(), data, mounted)


def run_jobs(
    store: Store,
    assignment: Assignment,
    candidates: Iterable[Candidate],
    runs: Runs,
    only: Sequence[str] = (),
    anew: Container[str] = (),
) -> list[RunJob]:
    """The run jobs that are left to do.

    Args:
        store: what is known already.
        assignment: whose runs.
        candidates: the submissions.
        runs: which kind of runs.
        only: ids of runs; none: all of them.
        anew: ids of submissions of which nothing that is known counts.
    """
    jobs = []
    for candidate in candidates:
        stored = None if candidate.id in anew else store.result(candidate.id)
        done = _finished(stored, assignment, runs) if stored else set()
        jobs += [
            RunJob(candidate, store.secret, run.id, case)
            for run, case in planned(assignment, runs, only)
            if (run.id, case) not in done
        ]
    return jobs


def _finished(result: Result, assignment: Assignment, runs: Runs) -> set[tuple[str, str]]:
    if result.assignment_digest != assignment.digest:
        return set()
    origin = "submitted" if runs == "submitted" else "trained"
    return {
        (run.run, run.case)
        for run in result.runs
        if run.profile == profile_of(runs) and run.origin == origin and run.status != "not_graded"
    }
