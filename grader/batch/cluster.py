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
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from grader.assignment import Assignment
from grader.batch.ledger import BatchError, Ledger, Progress
from grader.batch.rehearsal import Rehearsing
from grader.batch.shipment import Shipment
from grader.batch.task import Delivery, Job, RunJob
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
    ledger = Ledger(shipment.task, assignment, todo, save, save_run, tell, kept, rehearsing)
    ledger.report(1, ())
    with _client(scheduler) as client:
        _check_workers(client, scheduler, shipment.harness)
        cluster = _Cluster(client, shipment, assignment, ledger, jobs)
        with _workshops(client, shipment):
            try:
                cluster.run()
            finally:
                cluster.cancel()


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


class _Cluster:
    def __init__(
        self,
        client: Client,
        shipment: Shipment,
        assignment: Assignment,
        ledger: Ledger,
        jobs: int,
    ) -> None:
        self._client = client
        self._shipment = shipment
        self._assignment = assignment
        self._ledger = ledger
        self._jobs = jobs
        self._room = 1
        self._out: dict[Future[Any], Job | RunJob] = {}
        self._avoid: dict[Job | RunJob, str] = {}
        self._bound: dict[Future[Any], set[str]] = {}

    def run(self) -> None:
        """Keep every thread of the cluster at work, and no more than that waiting.

        So memory here and there stays flat, and the death of a worker is held against no
        submission but those that it was grading.
        """
        last_seen = time.monotonic()
        while self._ledger.queue or self._out or self._ledger.first:
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
            if first := self._ledger.first:
                if not self._out:
                    self._submit(first, threads)
            else:
                while self._ledger.queue and len(self._out) < room:
                    self._submit(self._ledger.queue.popleft(), threads)
            self._hear()

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
            self._finish(job, job.unreadable(self._shipment.task, self._assignment, str(error)))
            return
        self._ledger.begin(job)
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
                if job is not self._ledger.first:
                    self._ledger.queue.appendleft(job)
                future.cancel()

    def _hear(self) -> None:
        from distributed import KilledWorker, wait

        if not self._out:
            time.sleep(TURN_SECONDS if self._ledger.queue else 0.0)
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
            self._ledger.give_up(job, "one worker after another died while grading it")
            self._report()
        else:
            self._lose(job, f"{type(error).__name__}: {error}".splitlines()[0])

    def _lose(self, job: Job | RunJob, problem: str) -> None:
        self._ledger.lose(job, problem)
        self._report()

    def _finish(self, job: Job | RunJob, results: list[Result] | RunResult) -> None:
        self._ledger.finish(job, results)
        self._report()

    def _report(self) -> None:
        jobs = list(self._out.values())
        self._ledger.report(self._room, [job.candidate.id for job in jobs], jobs)
