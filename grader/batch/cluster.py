"""Runs a batch on an existing Dask cluster. The store stays here; workers send results as JSON.

A worker that dies takes nothing with it: Dask gives its jobs to another one. A submission whose
workers die again and again is given up as not graded, after as many deaths as the scheduler allows
(`distributed.scheduler.allowed-failures`).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from grader.assignment import Assignment
from grader.batch.engine import ATTEMPTS, BatchError, Progress
from grader.batch.pace import Pace
from grader.batch.rehearsal import RehearsalError, Rehearsing
from grader.batch.shipment import Delivery, Shipment
from grader.batch.task import Job, RunJob
from grader.intake import IntakeError, read_submission
from grader.results import Result, RunResult
from grader.store.store import secret_id
from grader.version import harness_version

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 20.0
# How long a cluster may have no worker, at the start and later.
WORKERLESS_SECONDS = 120.0
TURN_SECONDS = 1.0


def grade_on_cluster(
    shipment: Shipment,
    assignment: Assignment,
    todo: Sequence[Job | RunJob],
    *,
    scheduler: str,
    jobs: int = 0,
    save: Callable[[Result], None],
    save_run: Callable[[RunJob, RunResult], None] = lambda job, result: None,
    tell: Callable[[Progress], None] = lambda progress: None,
    kept: int = 0,
    rehearsing: Rehearsing | None = None,
) -> None:
    """Grade on the workers of a cluster; what comes of each job is saved as soon as it is there.

    Args:
        shipment: the batch, as workers get it.
        assignment: what is graded.
        todo: what to do, in this order.
        scheduler: address of the scheduler.
        jobs: at most so many at a time; 0: as many as the workers have threads.
        save, save_run, tell, kept, rehearsing: as for `engine.grade_all`.

    Raises:
        BatchError: no cluster can be had there, or its workers cannot grade this.
    """
    with _client(scheduler) as client:
        _check_workers(client, scheduler, shipment.harness)
        batch = _ClusterBatch(
            client, shipment, assignment, todo, jobs, save, save_run, tell, kept, rehearsing
        )
        with _workshops(client, shipment):
            try:
                batch.run()
            except RehearsalError as error:
                raise BatchError(str(error)) from None
            finally:
                batch.cancel()


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise BatchError(
            "--engine dask needs Dask, which is not installed here: pip install 'grader[cluster]'"
        ) from None
    # It tells of every lost connection, at length; what matters is said by us.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, name="grader")
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BatchError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({reason}); start one with "
            "`dask scheduler` and give the address that it prints, e.g. tcp://10.0.0.7:8786"
        ) from None
    try:
        yield client
    finally:
        client.close(timeout=CONNECT_SECONDS)


def _check_workers(client: Client, scheduler: str, harness: str) -> None:
    """Refuse workers that could not grade before any is asked to."""
    deadline = time.monotonic() + WORKERLESS_SECONDS
    while not client.nthreads():
        if time.monotonic() > deadline:
            raise BatchError(
                f"{scheduler} has no workers; start some with `dask worker {scheduler}`"
            )
        time.sleep(TURN_SECONDS)
    for address, version in client.run(
        importlib.metadata.version, "grader", on_error="return"
    ).items():
        if isinstance(version, BaseException):
            raise BatchError(
                f"worker {address} has no grader installed; install the same version there as here"
            )
    for address, version in client.run(harness_version, on_error="return").items():
        if version != harness:
            raise BatchError(
                f"worker {address} has version {version} of the harness, and this is {harness}; "
                "install the same on both"
            )


@contextlib.contextmanager
def _workshops(client: Client, shipment: Shipment) -> Iterator[None]:
    from grader.batch.cluster_worker import Opening

    opening = Opening(shipment)
    client.register_plugin(opening)
    try:
        yield
    finally:
        # If the scheduler is gone there is nobody to tell, and the reason is on its way already.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            client.unregister_worker_plugin(opening.name)


class _ClusterBatch:
    def __init__(
        self,
        client: Client,
        shipment: Shipment,
        assignment: Assignment,
        todo: Sequence[Job | RunJob],
        jobs: int,
        save: Callable[[Result], None],
        save_run: Callable[[RunJob, RunResult], None],
        tell: Callable[[Progress], None],
        kept: int,
        rehearsing: Rehearsing | None,
    ) -> None:
        self._client = client
        self._shipment = shipment
        self._task = shipment.task
        self._assignment = assignment
        self._queue = deque(todo)
        self._jobs = jobs
        self._save = save
        self._save_run = save_run
        self._tell = tell
        self._progress = Progress(total=len(todo) + kept, done=kept, kept=kept)
        self._pace = Pace(job.kind for job in todo)
        self._rehearsing = rehearsing
        self._room = 1
        self._out: dict[Future[Any], Job | RunJob] = {}
        self._since: dict[Job | RunJob, float] = {}
        self._attempts: dict[Job | RunJob, int] = {}
        self._avoid: dict[Job | RunJob, str] = {}
        self._bound: dict[Future[Any], set[str]] = {}

    def run(self) -> None:
        """Keep every thread of the cluster at work, and no more than that waiting.

        So memory here and there stays flat, and the death of a worker is held against no
        submission but those that it was grading.
        """
        self._report()
        last_seen = time.monotonic()
        while self._queue or self._out or self._first():
            threads: dict[str, int] = self._client.nthreads()
            if threads:
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > WORKERLESS_SECONDS:
                raise BatchError(
                    "the cluster has no workers left; start some and give the same command again"
                )
            room = sum(threads.values())
            room = min(room, self._jobs) if self._jobs else room
            self._room = max(1, room)
            self._free(threads)
            # Nobody is graded before the reference.
            if first := self._first():
                if not self._out:
                    self._submit(first, threads)
            else:
                while self._queue and len(self._out) < room:
                    self._submit(self._queue.popleft(), threads)
            self._hear()

    def _first(self) -> Job | None:
        return self._rehearsing.job if self._rehearsing else None

    def cancel(self) -> None:
        """Take back what is still out."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._client.cancel(list(self._out))
        self._out.clear()

    def _submit(self, job: Job | RunJob, threads: dict[str, int]) -> None:
        from grader.batch.cluster_worker import do

        try:
            submission = read_submission(job.candidate, self._assignment)
        except IntakeError as error:
            self._finish(job, job.unreadable(self._task, self._assignment, str(error)))
            return
        self._since[job] = time.monotonic()
        where: dict[str, Any] = {}
        elsewhere = set(threads) - {self._avoid[job]} if job in self._avoid else set()
        if elsewhere:
            # Not merely preferred: an idle worker would steal it back from one that still starts.
            where = {"workers": sorted(elsewhere)}
        future = self._client.submit(
            do, self._shipment.batch, Delivery(job, submission), pure=False, **where
        )
        self._out[future] = job
        if elsewhere:
            self._bound[future] = elsewhere
        self._report()

    def _free(self, threads: dict[str, int]) -> None:
        """Submit anew what waits for workers that are gone.

        While no worker is left, Dask's scheduler puts a job aside, and then gives it to none but
        the workers that it was submitted for, `allow_other_workers` or not.
        """
        for future in [f for f in self._out if f in self._bound]:
            if self._bound[future].isdisjoint(threads) and not future.done():
                del self._bound[future]
                job = self._out.pop(future)
                if job is not self._first():
                    self._queue.appendleft(job)
                future.cancel()

    def _hear(self) -> None:
        from distributed import KilledWorker, wait

        if not self._out:
            time.sleep(TURN_SECONDS if self._queue else 0.0)
            return
        try:
            wait(list(self._out), timeout=TURN_SECONDS, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return
        for future in [f for f in self._out if f.done()]:
            status = future.status
            if status == "finished":
                # Its worker can die with the result; then the scheduler has it done again.
                with contextlib.suppress(TimeoutError, KilledWorker):
                    reply = future.result(timeout=CONNECT_SECONDS)
                    self._receive(self._out.pop(future), reply)
            elif status == "error":
                self._receive_error(self._out.pop(future), future.exception())
            elif status == "cancelled":
                raise BatchError(
                    "the scheduler dropped what it was to do, or is gone; "
                    "give the same command again and it goes on where it was"
                )

    def _receive(self, job: Job | RunJob, reply: Any) -> None:
        if reply.kind == "unfit":
            raise BatchError(f"worker {reply.worker}: {reply.texts[0]}")
        if reply.kind == "lost":
            self._avoid[job] = reply.worker
            self._lose(job, reply.texts[0])
            return
        try:
            self._finish(job, self._read(job, reply.texts))
        except ValidationError as error:
            what = error.errors()[0]["msg"]
            self._lose(job, f"worker {reply.worker} sent no result of our schema: {what}")

    def _read(self, job: Job | RunJob, texts: Sequence[str]) -> list[Result] | RunResult:
        if isinstance(job, RunJob):
            run = RunResult.model_validate_json(texts[0])
            if (run.run, run.case) != (job.run, job.case):
                raise BatchError(f"a worker answered {run.run} {run.case} for {job.run} {job.case}")
            return run
        results = [Result.model_validate_json(text) for text in texts]
        wanted = (job.candidate.id, self._assignment.digest, secret_id(job.secret))
        for result in results:
            if (result.submission, result.assignment_digest, result.secret_id) != wanted:
                raise BatchError(
                    f"a worker answered for {result.submission} instead of {wanted[0]}"
                )
        return results

    def _receive_error(self, job: Job | RunJob, error: BaseException | None) -> None:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            self._give_up(job, "one worker after another died while grading it")
        else:
            self._lose(job, f"{type(error).__name__}: {error}".splitlines()[0])

    def _lose(self, job: Job | RunJob, problem: str) -> None:
        """It gets another try, elsewhere if there is an elsewhere, then is not graded."""
        self._attempts[job] = self._attempts.get(job, 0) + 1
        if self._attempts[job] < ATTEMPTS:
            if job is not self._first():
                self._queue.append(job)
        else:
            self._give_up(job, problem)

    def _give_up(self, job: Job | RunJob, problem: str) -> None:
        lost = job.lost(self._task, self._assignment, problem)
        self._finish(job, [lost] if isinstance(lost, Result) else lost)

    def _finish(self, job: Job | RunJob, results: list[Result] | RunResult) -> None:
        if self._rehearsing and job is self._rehearsing.job and isinstance(results, list):
            more = self._rehearsing.receive(results[0])
            self._queue.extend(more)
            self._progress.done -= len(more)
            self._progress.kept -= len(more)
            return
        if isinstance(results, list):
            for result in results:
                self._save(self._rehearsing.hold(result) if self._rehearsing else result)
        elif isinstance(job, RunJob):
            self._save_run(job, results)
        self._progress.done += 1
        now = time.monotonic()
        self._pace.done(job.kind, now - self._since.get(job, now))
        self._report()

    def _report(self) -> None:
        self._progress.running = [job.candidate.id for job in self._out.values()]
        now = time.monotonic()
        running = [(job.kind, now - self._since[job]) for job in self._out.values()]
        left = self._pace.left(self._room, running)
        self._progress.end = None if left is None else now + left
        self._tell(self._progress)
