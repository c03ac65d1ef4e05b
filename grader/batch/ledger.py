"""The jobs of a batch: which are left, what became of the others, and when all will be done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from grader.assignment import Assignment
from grader.batch.pace import Pace
from grader.batch.rehearsal import RehearsalError, Rehearsing
from grader.batch.task import Job, RunJob, Task
from grader.results import Result, RunResult

ATTEMPTS = 2


class BatchError(Exception):
    """The batch cannot go on at all, e.g. because the suite does not collect.

    Attributes:
        status: what a program that ends for it exits with.
    """

    status = 2


@dataclass
class Progress:
    """How far a batch is; handed to the caller's `tell` after every change.

    Attributes:
        total: jobs in all, done those that are done, kept those that were done before.
        running: what is at work.
        end: when all will be done, by `time.monotonic`; None while that cannot be told.
    """

    total: int
    done: int = 0
    kept: int = 0
    running: list[str] = field(default_factory=list)
    end: float | None = None


class Ledger:
    """Keeps account of a batch's jobs, for whoever has them done.

    Args:
        task: what is graded, how.
        assignment: the same, read.
        todo: what to do, in this order.
        save, save_run, tell, kept, rehearsing: as for `engine.grade_all`.

    Attributes:
        queue: the jobs that nobody is at, without the reference.
    """

    def __init__(
        self,
        task: Task,
        assignment: Assignment,
        todo: Sequence[Job | RunJob],
        save: Callable[[Result], None],
        save_run: Callable[[RunJob, RunResult], None],
        tell: Callable[[Progress], None],
        kept: int,
        rehearsing: Rehearsing | None,
    ) -> None:
        self._task = task
        self._assignment = assignment
        self.queue = deque(todo)
        self._attempts: dict[Job | RunJob, int] = {}
        self._since: dict[Job | RunJob, float] = {}
        self._save = save
        self._save_run = save_run
        self._tell = tell
        self._progress = Progress(total=len(todo) + kept, done=kept, kept=kept)
        self._pace = Pace(job.kind for job in todo)
        self._rehearsing = rehearsing

    @property
    def first(self) -> Job | None:
        """The reference, as long as nobody may be graded before it."""
        return self._rehearsing.job if self._rehearsing else None

    def begin(self, job: Job | RunJob) -> None:
        """Note that somebody is at a job from now on."""
        self._since[job] = time.monotonic()

    def finish(self, job: Job | RunJob, results: list[Result] | RunResult) -> None:
        """Keep what came of a job.

        Raises:
            BatchError: it is the reference, and nobody can be held against what came of it.
        """
        now = time.monotonic()
        seconds = now - self._since.get(job, now)
        if self._rehearsing and job is self._rehearsing.job and isinstance(results, list):
            try:
                more = self._rehearsing.receive(results[0])
            except RehearsalError as error:
                raise BatchError(str(error)) from None
            self.queue.extend(more)
            self._progress.done -= len(more)
            self._progress.kept -= len(more)
            return
        if isinstance(results, list):
            for result in results:
                self._save(self._rehearsing.hold(result) if self._rehearsing else result)
        elif isinstance(job, RunJob):
            self._save_run(job, results)
        self._progress.done += 1
        self._pace.done(job.kind, seconds)

    def lose(self, job: Job | RunJob, problem: str) -> None:
        """Whoever was at it is gone: it gets another try, then is not graded."""
        self._attempts[job] = self._attempts.get(job, 0) + 1
        if self._attempts[job] >= ATTEMPTS:
            self.give_up(job, problem)
        elif job is not self.first:
            self.queue.append(job)

    def give_up(self, job: Job | RunJob, problem: str) -> None:
        """It is not graded, through no fault of the submission's."""
        lost = job.lost(self._task, self._assignment, problem)
        self.finish(job, [lost] if isinstance(lost, Result) else lost)

    def report(self, slots: int, running: Iterable[str], at: Iterable[Job | RunJob] = ()) -> None:
        """Tell how far the batch is.

        Args:
            slots: how many jobs are done at a time.
            running: what is at work, in words.
            at: the jobs that somebody is at.
        """
        now = time.monotonic()
        left = self._pace.left(slots, [(job.kind, now - self._since[job]) for job in at])
        self._progress.running = list(running)
        self._progress.end = None if left is None else now + left
        self._tell(self._progress)
