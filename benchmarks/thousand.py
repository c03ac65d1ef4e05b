"""A class of a thousand different submissions, made of the catalogue, from Ctrl-C to the last mark.

Every submission takes each contract from the reference, from a variant or from a mistake, so they
cost as much as real ones, and no two are the same.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from grader.assignment import Assignment
from grader.catalogue import Entry, read_catalogue
from grader.store.store import read_results
from grader.wall.isolation import WallKind

SEED = 6135
MISTAKEN, VARIED = 0.15, 0.35  # shares of the contracts of a submission
INTERRUPTED_AT = 0.1  # of the class
MIB = 2**20
SAMPLES = 100
MARKS = (0.25, 0.5, 0.75)


@dataclass
class Thousand:
    """What grading the class showed.

    Attributes:
        size: submissions.
        kept: results that were there when Ctrl-C had ended the first batch.
        status: the exit status of that batch.
        seconds: of the second batch, from its first result to its last.
        per_submission: seconds of a slot per submission, for each tenth of the second batch.
        memory: of the batch's own process, MiB, for each tenth.
        slots_memory: of all processes of the batch together, likewise.
        estimates: for some shares that were done: the seconds that were said to be left, over
            those that were.
        statuses: how many submissions have which status in the end.
        different: how many different submissions the class has.
    """

    size: int
    jobs: int
    kept: int = 0
    status: int = 0
    seconds: float = 0.0
    per_submission: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    slots_memory: list[float] = field(default_factory=list)
    estimates: dict[float, float] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    different: int = 0


def measure(assignment: Assignment, wall: WallKind, size: int, jobs: int) -> Thousand:
    """Write a class, grade it, stop that with Ctrl-C, and grade the rest while watching."""
    found = Thousand(size, jobs)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder, out = Path(scratch, "class"), Path(scratch, "out")
        found.different = write_class(assignment, folder, size)
        found.status = _start_and_stop(assignment, folder, out, wall, size, jobs)
        found.kept = _stored(out)
        _go_on(found, assignment, folder, out, wall)
        results = read_results(out)[1]
        found.statuses = Counter(result.status for result in results)
    return found


def write_class(assignment: Assignment, folder: Path, size: int) -> int:
    """Write so many submissions; how many of them are different."""
    entries = read_catalogue(assignment)
    chance = random.Random(SEED)
    seen = set()
    for number in range(size):
        home = folder / f"student_{number:04}"
        home.mkdir(parents=True)
        chosen = _choose(assignment, entries, chance)
        whole = []
        for source in assignment.description.files:
            text = (assignment.reference / source.path).read_text(encoding="utf-8")
            for entry in chosen:
                if entry.module == source.name:
                    text = entry.graft(text)
            (home / source.path).write_text(f"# Student {number}\n{text}", encoding="utf-8")
            whole.append(text)
        seen.add("\0".join(whole))
    return len(seen)


def _choose(assignment: Assignment, entries: Sequence[Entry], chance: random.Random) -> list[Entry]:
    """At most one entry for each contract."""
    by_contract: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        by_contract.setdefault(entry.replaces, {}).setdefault(entry.kind, []).append(entry)
    chosen = []
    for kinds in by_contract.values():
        draw = chance.random()
        kind = "mistake" if draw < MISTAKEN else "variant" if draw < MISTAKEN + VARIED else ""
        if kinds.get(kind):
            chosen.append(chance.choice(kinds[kind]))
    return chosen


def _start_and_stop(
    assignment: Assignment, folder: Path, out: Path, wall: WallKind, size: int, jobs: int
) -> int:
    """Give the command, and press Ctrl-C when a share is done; its exit status."""
    command = [sys.executable, "-P", "-c", "from grader.cli import main; main()", "grade"]
    options = ["--out", str(out), "--layout", "class", "--isolation", wall, "--jobs", str(jobs)]
    process = subprocess.Popen(
        [*command, assignment.name, str(folder), *options, "--no-report"],
        env={**os.environ, "GRADER_HOME": str(assignment.folder.parents[1])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and _stored(out) < INTERRUPTED_AT * size:
        time.sleep(0.2)
    if process.poll() is None:
        # As a terminal does: to every process of the batch at once.
        os.killpg(process.pid, signal.SIGINT)
    return process.wait()


def _stored(out: Path) -> int:
    return len(list((out / "results").glob("*.json")))


def _go_on(
    found: Thousand, assignment: Assignment, folder: Path, out: Path, wall: WallKind
) -> None:
    """Grade the rest in a process of its own, and look at it from here."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, assignment.folder, assignment.reference, folder, out, wall, found.jobs)
    process = context.Process(target=_enter, args=arguments)
    process.start()
    theirs.close()
    watched = psutil.Process(process.pid)
    told: list[tuple[float, int, float | None]] = []
    memory: list[tuple[int, float, float]] = []
    while True:
        try:
            now, done, end = ours.recv()
        except EOFError:
            break
        told.append((now, done, end))
        # Counting the pages of all slots takes a while, so not after every submission.
        if not memory or done >= memory[-1][0] + max(1, found.size // SAMPLES):
            memory.append((done, *_memory(watched)))
    process.join()
    _evaluate(found, told, memory)


def _memory(batch: psutil.Process) -> tuple[float, float]:
    """MiB of a process alone, and of it with all that it started, shared pages counted once."""
    own, whole = 0.0, 0.0
    try:
        own = batch.memory_info().rss / MIB
        whole = own
        for child in batch.children(recursive=True):
            try:
                whole += child.memory_full_info().pss / MIB
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return own, whole


def _enter(
    connection: Connection,
    folder: Path,
    reference: Path,
    submissions: Path,
    out: Path,
    wall: WallKind,
    jobs: int,
) -> None:
    from grader.batch import engine
    from grader.batch.ledger import Progress
    from grader.batch.task import Job, Task
    from grader.intake import find_submissions
    from grader.store import Store

    assignment = Assignment(folder, reference)
    candidates, _ = find_submissions([submissions], assignment, "class")

    def tell(progress: Progress) -> None:
        connection.send((time.monotonic(), progress.done - progress.kept, progress.end))

    with Store(out, assignment) as store:
        todo = engine.remaining(store, assignment, candidates)
        task = Task(folder, reference, wall, store.secret)
        units = [Job(candidate, store.secret) for candidate in todo]
        kept = len(candidates) - len(todo)
        engine.grade_all(task, units, jobs=jobs, save=store.save, tell=tell, kept=kept)


def _evaluate(
    found: Thousand,
    told: Sequence[tuple[float, int, float | None]],
    memory: Sequence[tuple[int, float, float]],
) -> None:
    when: dict[int, float] = {}
    said: dict[int, float | None] = {}
    for now, done, end in told:
        when.setdefault(done, now)
        said[done] = end
    last = max(when, default=0)
    if last < 10:
        return
    found.seconds = when[last] - when[1]
    bounds = [max(1, round(last * tenth / 10)) for tenth in range(11)]
    for start, stop in itertools.pairwise(bounds):
        found.per_submission.append((when[stop] - when[start]) * found.jobs / (stop - start))
        here = [(own, whole) for done, own, whole in memory if start <= done < stop and own]
        if here:
            found.memory.append(statistics.median(own for own, _ in here))
            found.slots_memory.append(statistics.median(whole for _, whole in here))
    for share in MARKS:
        done = round(share * last)
        if (end := said.get(done)) is not None:
            found.estimates[share] = (end - when[done]) / (when[last] - when[done])
