"""Runs a batch over several slots on this machine, and loses nothing when one of them dies."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

from grader.assignment import Assignment
from grader.batch.ledger import BatchError, Ledger, Progress
from grader.batch.rehearsal import Rehearsal, Rehearsing
from grader.batch.slot_process import SlotProcess, interrupts_later
from grader.batch.task import Job, RunJob, Task
from grader.intake import Candidate, IntakeError, read_submission
from grader.results import Result, RunResult
from grader.store.store import Store

START_SECONDS = 180.0
# How many slots may fail to start one after another.
FAILED_STARTS = 2


@dataclass
class _Slot:
    process: SlotProcess
    deadline: float
    job: Job | RunJob | None = None
    ready: bool = False
    says: str = ""


def remaining(
    store: Store,
    assignment: Assignment,
    candidates: Iterable[Candidate],
    rehearsal: Rehearsal | None = None,
) -> list[Candidate]:
    """Candidates that have no valid result in the store yet.

    Args:
        store: what is known.
        assignment: what is graded.
        candidates: the submissions.
        rehearsal: how the reference fared, which valid results agree with; None: not known.
    """
    todo = []
    for candidate in candidates:
        if store.known(candidate.id):
            try:
                digest = read_submission(candidate, assignment).digest
            except IntakeError:
                digest = ""
            if store.finished(candidate.id, digest, assignment.digest) and (
                rehearsal is None or agrees(rehearsal, store, candidate)
            ):
                continue
        todo.append(candidate)
    return todo


def agrees(rehearsal: Rehearsal, store: Store, candidate: Candidate) -> bool:
    """Whether a stored result agrees with how the reference fared."""
    result = store.result(candidate.id)
    return result is not None and rehearsal.agrees(result)


def grade_all(
    task: Task,
    todo: Sequence[Job | RunJob],
    *,
    jobs: int,
    save: Callable[[Result], None],
    save_run: Callable[[RunJob, RunResult], None] = lambda job, result: None,
    tell: Callable[[Progress], None] = lambda progress: None,
    kept: int = 0,
    rehearsing: Rehearsing | None = None,
) -> None:
    """Grade over `jobs` slots; what comes of each job is saved as soon as it is there.

    Args:
        task: what is graded, how.
        todo: what to do, in this order.
        jobs: slots at a time.
        save: keeps the result of a submission; called from this process only.
        save_run: keeps the result of a run, likewise.
        tell: is told of progress.
        kept: results that were there already, for the progress.
        rehearsing: what every result is held against; None: nothing, as for an audit.

    Raises:
        BatchError: no slot can start, or the reference cannot be graded.
    """
    with tempfile.TemporaryDirectory(prefix="grader-batch-") as scratch:
        task = replace(task, answers=Path(scratch))
        assignment = task.load()
        ledger = Ledger(task, assignment, todo, save, save_run, tell, kept, rehearsing)
        slots = _Slots(task, assignment, ledger, jobs)
        try:
            slots.run()
        finally:
            slots.close()


class _Slots:
    def __init__(self, task: Task, assignment: Assignment, ledger: Ledger, jobs: int) -> None:
        self._task = task
        self._assignment = assignment
        self._ledger = ledger
        self._jobs = jobs
        self._slots: list[_Slot] = []
        self._failed_starts = 0

    def run(self) -> None:
        self._report()
        while self._ledger.queue or self._busy() or self._ledger.first:
            wanted = max(len(self._ledger.queue) + self._busy(), 1)
            while len(self._slots) < min(self._jobs, wanted):
                with interrupts_later():
                    process = SlotProcess(self._task)
                    self._slots.append(_Slot(process, time.monotonic() + START_SECONDS))
                self._report()
            for slot in list(self._slots):
                # One that waits for the reference, or had nothing more to do when another was lost.
                if slot.ready and slot.job is None:
                    self._feed(slot)
            if not self._slots:
                continue
            waiting = [s.process.connection for s in self._slots]
            end = min(s.deadline for s in self._slots)
            ready = wait(waiting, None if end == math.inf else max(0.0, end - time.monotonic()))
            for slot in list(self._slots):
                if slot.process.connection in ready:
                    self._hear(slot)
                elif time.monotonic() > slot.deadline:
                    self._lose(slot, "the grader's own process gave no sign of life")

    def close(self) -> None:
        for slot in self._slots:
            slot.process.let_go()
        for slot in self._slots:
            slot.process.end()
        self._slots.clear()

    def _busy(self) -> int:
        return sum(s.job is not None for s in self._slots)

    def _hear(self, slot: _Slot) -> None:
        try:
            kind, value = slot.process.connection.recv()
        except (EOFError, OSError):
            self._lose(slot, "the grader's own process ended unexpectedly")
            return
        if kind == "fault":
            self._lose(slot, str(value))
            return
        if kind == "step":
            slot.says = str(value)
            if slot.job is not None:
                slot.deadline = time.monotonic() + self._patience(slot.job)
            self._report()
            return
        if kind == "ready":
            slot.ready = True
            self._failed_starts = 0
        elif slot.job is not None:
            job, slot.job = slot.job, None
            self._ledger.finish(job, value)
            self._report()
        self._feed(slot)

    def _patience(self, job: Job | RunJob) -> float:
        return job.seconds(self._task, self._assignment)

    def _feed(self, slot: _Slot) -> None:
        slot.job = self._next()
        if slot.job is None:
            slot.deadline = math.inf
            return
        slot.says = ""
        self._ledger.begin(slot.job)
        slot.deadline = time.monotonic() + self._patience(slot.job)
        try:
            slot.process.connection.send(slot.job)
        except OSError:
            self._lose(slot, "the grader's own process ended unexpectedly")
            return
        self._report()

    def _next(self) -> Job | RunJob | None:
        first = self._ledger.first
        if first is not None:
            return None if any(s.job is first for s in self._slots) else first
        return self._ledger.queue.popleft() if self._ledger.queue else None

    def _report(self) -> None:
        running = [f"{s.job.candidate.id} {s.says}".rstrip() for s in self._slots if s.job] + [
            f"slot {number} of {len(self._slots)}: {s.says or 'importing torch'}"
            for number, s in enumerate(self._slots, start=1)
            if not s.ready
        ]
        self._ledger.report(self._jobs, running, [s.job for s in self._slots if s.job])

    def _lose(self, slot: _Slot, problem: str) -> None:
        """A slot is gone; its job gets another try."""
        self._slots.remove(slot)
        slot.process.kill()
        if not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise BatchError(f"grading cannot start: {problem}")
        elif slot.job is not None:
            self._ledger.lose(slot.job, problem)
            self._report()
