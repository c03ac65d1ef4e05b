"""What runs in a Dask worker: a workshop for each batch, with a warm slot for each thread.

Dask's own messages are pickles; they pass between the harness's own processes only. What a
student's code answers never gets so far: it ends in the slot, which makes plain text of it.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from distributed import Worker, WorkerPlugin, get_worker

from grader.assignment import Assignment, AssignmentError
from grader.batch.engine import START_SECONDS
from grader.batch.shipment import Shipment, UnfitError
from grader.batch.slot_process import SlotProcess
from grader.batch.task import Delivery, Task
from grader.data import DataError
from grader.wall.errors import WallError

_WORKSHOPS: dict[str, Workshop] = {}


class SlotLost(Exception):
    """The grader's own process ended, or could not be used any more."""


@dataclass(frozen=True)
class Reply:
    """What becomes of a job.

    Attributes:
        kind: results as JSON; or the slot was lost; or this worker cannot grade the batch.
        worker: the worker's address.
    """

    kind: Literal["results", "lost", "unfit"]
    worker: str
    texts: tuple[str, ...]


class Opening(WorkerPlugin):
    """Opens a workshop on every worker, also on those that come later, and closes it at the end."""

    def __init__(self, shipment: Shipment) -> None:
        self.name = plugin_name(shipment.batch)
        self._shipment = shipment

    def setup(self, worker: Worker) -> None:
        """Only note it: a worker that cannot grade says so when it is asked to."""
        shop = Workshop(self._shipment, Path(worker.local_directory))
        _WORKSHOPS[self._shipment.batch] = shop

    def teardown(self, worker: Worker) -> None:
        shop = _WORKSHOPS.pop(self._shipment.batch, None)
        if shop is not None:
            shop.close()


def plugin_name(batch: str) -> str:
    """The name under which Dask keeps the workshop of a batch."""
    return f"grader-{batch}"


def do(batch: str, delivery: Delivery) -> Reply:
    """Do a job in this worker."""
    worker = get_worker().address
    shop = _WORKSHOPS.get(batch)
    if shop is None:
        return Reply("lost", worker, ("the worker was told nothing of the batch",))
    try:
        return Reply("results", worker, shop.do(delivery))
    except SlotLost as error:
        return Reply("lost", worker, (str(error),))
    except (UnfitError, WallError, DataError, AssignmentError) as error:
        return Reply("unfit", worker, (str(error),))


class Workshop:
    """The slots of one batch in one worker.

    Args:
        shipment: the batch.
        parent: a folder that goes when the worker goes.
    """

    def __init__(self, shipment: Shipment, parent: Path) -> None:
        self._shipment = shipment
        self._parent = parent
        self._lock = threading.Lock()
        self._root: Path | None = None
        self._task: Task | None = None
        self._assignment: Assignment | None = None
        self._idle: list[SlotProcess] = []
        self._all: set[SlotProcess] = set()
        self._closed = False

    def do(self, delivery: Delivery) -> tuple[str, ...]:
        """The results of a job, as JSON.

        Raises:
            SlotLost: its slot died over it or gave no sign of life.
            UnfitError, WallError, DataError, AssignmentError: this worker cannot grade the batch.
        """
        task, assignment = self._open()
        slot = self._take(task)
        try:
            slot.connection.send(delivery)
            kind = "step"
            while kind == "step":
                kind, value = _hear(slot, delivery.job.seconds(task, assignment))
            if kind == "fault":
                raise SlotLost(str(value))
        except (OSError, SlotLost) as error:
            self._drop(slot)
            raise SlotLost(str(error) or "the grader's own process ended unexpectedly") from None
        with self._lock:
            self._idle.append(slot)
        results = value if isinstance(value, list) else [value]
        return tuple(result.model_dump_json() for result in results)

    def close(self) -> None:
        """Let every slot go. It does not wait, because Dask's own loop calls it."""
        with self._lock:
            self._closed = True
            slots, self._all, self._idle = self._all, set(), []
        for slot in slots:
            slot.let_go()
        threading.Thread(target=self._clear_away, args=(slots,)).start()

    def _clear_away(self, slots: set[SlotProcess]) -> None:
        for slot in slots:
            slot.end()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def _open(self) -> tuple[Task, Assignment]:
        with self._lock:
            if self._task is None or self._assignment is None:
                root = Path(tempfile.mkdtemp(prefix="grader-", dir=self._parent))
                self._root = root
                try:
                    self._task = self._shipment.unpack(root)
                    self._assignment = self._task.load()
                except BaseException:
                    shutil.rmtree(root, ignore_errors=True)
                    raise
            return self._task, self._assignment

    def _take(self, task: Task) -> SlotProcess:
        with self._lock:
            if self._closed:
                raise SlotLost("the batch is over")
            if self._idle:
                return self._idle.pop()
            slot = SlotProcess(task)
            self._all.add(slot)
        try:
            kind = "step"
            while kind == "step":
                kind, value = _hear(slot, START_SECONDS)
        except SlotLost:
            self._drop(slot)
            raise
        if kind != "ready":
            self._drop(slot)
            raise UnfitError(f"grading cannot start: {value}")
        return slot

    def _drop(self, slot: SlotProcess) -> None:
        with self._lock:
            self._all.discard(slot)
        with contextlib.suppress(OSError):
            slot.end()


def _hear(slot: SlotProcess, seconds: float) -> tuple[str, Any]:
    """The next message of a slot.

    Raises:
        SlotLost: there is none in time, or never will be.
    """
    deadline = time.monotonic() + seconds
    try:
        if not slot.connection.poll(max(0.0, deadline - time.monotonic())):
            raise SlotLost("the grader's own process gave no sign of life")
        kind, value = slot.connection.recv()
    except (EOFError, OSError):
        raise SlotLost("the grader's own process ended unexpectedly") from None
    return kind, value
