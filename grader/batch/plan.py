"""Which jobs a batch has, and what becomes of their results: runs join the result of their unit."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment, ProfileName, Run
from grader.batch.task import RunJob, RunTask
from grader.data import DataError, cached_export, load
from grader.intake import Candidate
from grader.marks.judging import decide, judge
from grader.marks.thresholds import Thresholds, read_thresholds
from grader.results import Result, RunResult
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
        for run in assignment.about.runs
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


class Keeper:
    """Saves what a batch yields: each unit result at once, runs when a submission's are complete.

    With several slots the runs of a submission may be complete before its unit result is there.

    Args:
        store: where results are kept.
        assignment: what is graded.
        jobs: the run jobs of the batch.
    """

    def __init__(self, store: Store, assignment: Assignment, jobs: Iterable[RunJob]) -> None:
        self._store = store
        self._assignment = assignment
        self._thresholds = read_thresholds(assignment)
        self._open: dict[str, set[tuple[str, str]]] = {}
        for job in jobs:
            self._open.setdefault(job.candidate.id, set()).add((job.run, job.case))
        self._runs: dict[str, list[RunResult]] = {}

    def keep(self, result: Result) -> None:
        """Keep the unit result of a submission, with the runs that are still its own."""
        before = self._store.result(result.submission)
        same = before is not None and (
            (before.source_digest, before.assignment_digest)
            == (result.source_digest, result.assignment_digest)
        )
        self._save(result, before.runs if before is not None and same else [])

    def keep_run(self, job: RunJob, run: RunResult) -> None:
        """Keep one case of a run; it joins the submission's result when all have come."""
        submission = job.candidate.id
        self._runs.setdefault(submission, []).append(run)
        self._open[submission].discard((run.run, run.case))
        result = self._store.result(submission)
        if not self._open[submission] and result is not None:
            self._save(result, result.runs)

    def _save(self, result: Result, before: Sequence[RunResult]) -> None:
        """Save a result with the runs that it had, and those of this batch if all have come."""
        submission = result.submission
        new = [] if self._open.get(submission) else self._runs.get(submission, [])
        runs = self._in_order([*_still(before, new), *new])
        self._store.save(with_runs(self._assignment, result, runs, self._thresholds))

    def _in_order(self, runs: list[RunResult]) -> list[RunResult]:
        order = {
            (run.id, case): n
            for n, (run, case) in enumerate(
                (run, case) for run in self._assignment.about.runs for case in run.cases or ("",)
            )
        }
        return sorted(runs, key=lambda r: order.get((r.run, r.case), len(order)))


def _still(before: Sequence[RunResult], new: Sequence[RunResult]) -> list[RunResult]:
    """The runs that new ones leave as they are.

    Runs of another size would be judged by other thresholds: a question has one size.
    """
    names = {run.run for run in new}
    cases = {(run.run, run.case) for run in new}
    return [
        run
        for run in before
        if run.run not in names
        or (
            (run.profile, run.origin) == (new[0].profile, new[0].origin)
            and (run.run, run.case) not in cases
        )
    ]


def with_runs(
    assignment: Assignment, result: Result, runs: Sequence[RunResult], thresholds: Thresholds
) -> Result:
    """A result with its runs judged, and the marks of the questions that hang on them."""
    judged = judge(assignment, thresholds, runs)
    questions = decide(assignment, result.questions, judged)
    return result.model_copy(update={"runs": judged, "questions": questions})
