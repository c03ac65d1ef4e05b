"""One batch, from what was asked for to the results in its store.

It needs no terminal: what there is to say goes to the caller, and what forbids the batch is an
error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from grader.assignment import Assignment, AssignmentError
from grader.batch import engine
from grader.batch.ledger import BatchError, Progress
from grader.batch.plan import Runs, run_jobs, run_task
from grader.batch.rehearsal import Rehearsal, Rehearsing, key_of
from grader.batch.saving import Saver
from grader.batch.shipment import shipped
from grader.batch.task import Job, RunJob, Task
from grader.data import DataError, data_root
from grader.intake import Candidate
from grader.results import Result
from grader.store import Store, StoreError, shards
from grader.store.people import Member, settle_class
from grader.store.shards import Shard
from grader.wall import isolation as walls
from grader.wall.errors import WallError

# Under which a store remembers how the reference fared.
REHEARSAL = "rehearsal"

Tone = Literal["plain", "warning", "alarm"]
Tell = Callable[[Progress], None]
Say = Callable[[str, Tone], None]


@dataclass(frozen=True)
class Batch:
    """What is to be graded, where to, and how.

    Attributes:
        candidates: the whole class, also where a shard grades a share of it.
        only: ids of the submissions to grade; none: all of them.
        whole: whether a class was given, not single submissions of it.
        out: the output folder; that of a shard lies in it.
        jobs: slots at a time; 0: one for each processor, or all that the cluster has.
        again: grade even what is graded.
        only_runs: ids of runs; none: all of them.
        shard: the share to grade; None: everything.
        scheduler: address of a Dask scheduler; None: slots on this machine.
    """

    assignment: Assignment
    candidates: Sequence[Candidate]
    out: Path
    jobs: int = 0
    isolation: walls.Choice = "auto"
    secret: str | None = None
    again: bool = False
    runs: Runs = "none"
    only_runs: Sequence[str] = ()
    data: Path | None = None
    shard: Shard | None = None
    scheduler: str | None = None
    only: Sequence[str] = ()
    whole: bool = False

    @property
    def mine(self) -> list[Candidate]:
        """The submissions that this batch grades."""
        return [
            c
            for c in self.candidates
            if (self.shard is None or self.shard.owns(c.id))
            and (not self.only or c.id in self.only)
        ]

    @property
    def folder(self) -> Path:
        """Where its store lies."""
        return self.out if self.shard is None else self.shard.folder(self.out)


def grade_batch(batch: Batch, tell: Tell, say: Say) -> list[Result]:
    """Grade what is left to grade; every result in the store.

    A folder in which shards have settled a secret is graded with that one.

    Args:
        batch: what to grade.
        tell: is told of progress, from the moment on that there is something to do.
        say: is told what a person should know of the batch.

    Raises:
        BatchError: something forbids the batch; the message says what to do about it.
    """
    try:
        if batch.scheduler is None:
            walls.choose(batch.isolation)  # before a store is made; workers look for themselves
        if batch.isolation == "none":
            say("No wall: student code can read and change whatever you can.", "alarm")
        if batch.shard is None:
            secret = batch.secret or shards.settled(batch.out)
        else:
            secret = shards.agree(batch.out, batch.secret)
        with Store(batch.folder, batch.assignment, secret) as store:
            if batch.shard is not None:
                seen = {
                    c.id: "/".join((c.path.name, *c.within, *c.members)) for c in batch.candidates
                }
                shards.begin(store, batch.shard, seen)
            _say_who_is_gone(batch, store, say)
            _grade(batch, store, tell, say)
            if batch.shard is not None:
                shards.complete(store)
            return store.results()
    except (StoreError, WallError, DataError, AssignmentError) as error:
        raise BatchError(str(error)) from error


def _say_who_is_gone(batch: Batch, store: Store, say: Say) -> None:
    given = {c.id: Member(c.key, c.name, c.handed) for c in batch.candidates}
    gone = settle_class(store, given, whole=batch.whole)
    if gone:
        more = f" and {len(gone) - 10} more" if len(gone) > 10 else ""
        say(
            f"Not in the class that was given now, and still in the marks: {', '.join(gone[:10])}"
            f"{more}. To remove: grader drop {batch.folder} {gone[0]}",
            "warning",
        )


def _grade(batch: Batch, store: Store, tell: Tell, say: Say) -> None:
    assignment, mine = batch.assignment, batch.mine
    known = _known(store, assignment)
    todo = mine if batch.again else engine.remaining(store, assignment, mine, known)
    ids = {candidate.id for candidate in todo}
    kept = [candidate for candidate in mine if candidate.id not in ids]
    if kept:
        say(f"{len(kept)} of {len(mine)} are graded already and stay as they are.", "plain")
    units = [Job(candidate, store.secret) for candidate in todo]
    # A submission that is graded anew has its runs looked at anew: those that are still valid are
    # found in the cache.
    trainings = run_jobs(store, assignment, mine, batch.runs, batch.only_runs, ids)
    work: list[Job | RunJob] = [*units, *trainings]
    if not work and known is not None:
        return

    def learned(rehearsal: Rehearsal) -> list[Job]:
        store.remember(REHEARSAL, rehearsal.model_dump_json())
        stale = [c for c in kept if not engine.agrees(rehearsal, store, c)]
        if stale:
            say(
                f"{len(stale)} of the {len(kept)} were graded with other checks than the suite "
                "has, or with one that the reference fails; they are graded again.",
                "plain",
            )
        return [Job(candidate, store.secret) for candidate in stale]

    # Of tasks, it only asks what is graded with which secret.
    task = Task(assignment.folder, assignment.reference, "none", store.secret)
    rehearsing = Rehearsing(task, assignment, known, learned)
    saver = Saver(store, assignment, trainings)
    if batch.scheduler is None:
        _grade_here(batch, store.secret, work, saver, tell, len(kept), rehearsing)
    else:
        _grade_there(batch, batch.scheduler, store.secret, work, saver, tell, len(kept), rehearsing)
    if rehearsing.known is not None:
        _say_faults(assignment, rehearsing.known, say)


def _known(store: Store, assignment: Assignment) -> Rehearsal | None:
    """How the reference fared in an earlier batch, if nothing has changed since."""
    text = store.remembered(REHEARSAL)
    try:
        known = Rehearsal.model_validate_json(text or "")
    except ValidationError:
        return None
    return known if known.key == key_of(assignment, store.secret) else None


def _say_faults(assignment: Assignment, rehearsal: Rehearsal, say: Say) -> None:
    """Say loudly which checks nobody is graded by."""
    for check, why in rehearsal.faults.items():
        say(
            f"Needs attention: {assignment.hidden / check}: {why}. It is not graded for anybody; "
            "mend the test or the reference, then give the same command.",
            "alarm",
        )


def _grade_here(
    batch: Batch,
    secret: str,
    work: list[Job | RunJob],
    saver: Saver,
    tell: Tell,
    kept: int,
    rehearsing: Rehearsing,
) -> None:
    assignment = batch.assignment
    root = None if batch.runs == "none" else data_root(batch.data)
    training = run_task(assignment, batch.runs, batch.folder, root, batch.only_runs)
    wall = walls.choose(batch.isolation)
    engine.grade_all(
        Task(assignment.folder, assignment.reference, wall, secret, runs=training),
        work,
        jobs=batch.jobs or len(os.sched_getaffinity(0)),
        save=saver.save,
        save_run=saver.save_run,
        tell=tell,
        kept=kept,
        rehearsing=rehearsing,
    )


def _grade_there(
    batch: Batch,
    scheduler: str,
    secret: str,
    work: list[Job | RunJob],
    saver: Saver,
    tell: Tell,
    kept: int,
    rehearsing: Rehearsing,
) -> None:
    from grader.batch.cluster import grade_on_cluster

    root = None if batch.runs == "none" else data_root(batch.data)
    with shipped(
        batch.assignment,
        secret,
        batch.isolation,
        out=batch.folder,
        data=root,
        runs=batch.runs,
        only=batch.only_runs,
    ) as shipment:
        grade_on_cluster(
            shipment,
            batch.assignment,
            work,
            scheduler=scheduler,
            jobs=batch.jobs,
            save=saver.save,
            save_run=saver.save_run,
            tell=tell,
            kept=kept,
            rehearsing=rehearsing,
        )
