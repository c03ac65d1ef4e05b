"""What becomes of a batch's results: runs join the result of their unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.assignment import Assignment
from grader.batch.task import RunJob
from grader.marks.judging import decide, judge
from grader.marks.thresholds import Thresholds, read_thresholds
from grader.results import Result, RunResult
from grader.store.store import Store


class Saver:
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

    def save(self, result: Result) -> None:
        """Save the unit result of a submission, with the runs that are still its own."""
        before = self._store.result(result.submission)
        same = before is not None and (
            (before.source_digest, before.assignment_digest)
            == (result.source_digest, result.assignment_digest)
        )
        self._put(result, before.runs if before is not None and same else [])

    def save_run(self, job: RunJob, run: RunResult) -> None:
        """Save one case of a run; it joins the submission's result when all have come."""
        submission = job.candidate.id
        self._runs.setdefault(submission, []).append(run)
        self._open[submission].discard((run.run, run.case))
        result = self._store.result(submission)
        if not self._open[submission] and result is not None:
            self._put(result, result.runs)

    def _put(self, result: Result, before: Sequence[RunResult]) -> None:
        """Save a result with the runs that it had, and those of this batch if all have come."""
        submission = result.submission
        new = [] if self._open.get(submission) else self._runs.get(submission, [])
        runs = self._in_order([*_still(before, new), *new])
        self._store.save(with_runs(self._assignment, result, runs, self._thresholds))

    def _in_order(self, runs: list[RunResult]) -> list[RunResult]:
        order = {
            (run.id, case): n
            for n, (run, case) in enumerate(
                (run, case)
                for run in self._assignment.description.runs
                for case in run.cases or ("",)
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
    """A result with its runs judged, and the marks of the questions they count towards."""
    judged = judge(assignment, thresholds, runs)
    questions = decide(assignment, result.questions, judged)
    return result.model_copy(update={"runs": judged, "questions": questions})
