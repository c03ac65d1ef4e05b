"""What a worker on another machine needs to grade, as bytes: it shares nothing with us but Dask.

The assignment goes there once per worker; each submission goes with its job, already read, so that
no archive of a student is opened anywhere but here.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.assignment import Assignment
from grader.batch.plan import Runs, profile_of, run_task
from grader.batch.task import RunTask, Task
from grader.version import harness_version
from grader.wall import isolation


class UnfitError(Exception):
    """A worker cannot grade this batch; the message says what it lacks."""


@dataclass(frozen=True)
class Shipment:
    """A batch, as a worker gets it. It holds the secret and the hidden suite.

    Attributes:
        batch: tells batches on one cluster apart.
        task: what slots are told; the worker puts in its own folders, wall and data.
        name: of the assignment.
        digest: of the assignment, to be found again after unpacking.
        harness: the version that the worker must have too.
        files: of the assignment and its reference, by path below `assignments` and `reference`.
        choice: the wall that was asked for.
        runs: which kind of runs.
        only: ids of runs; none: all of them.
        sign: a file in the output folder, by which a worker that does runs knows that it sees the
            same folder; None without runs.
    """

    batch: str
    task: Task
    name: str
    digest: str
    harness: str
    files: Mapping[str, bytes]
    choice: isolation.Choice
    runs: Runs = "none"
    only: Sequence[str] = ()
    sign: Path | None = None

    def unpack(self, root: Path) -> Task:
        """Make ready to grade below a folder of the worker's; what its slots are told.

        Raises:
            UnfitError: the harness, the wall, or for runs the folder or the data are not there.
            WallError, DataError: likewise.
        """
        if (ours := harness_version()) != self.harness:
            raise UnfitError(
                f"has version {ours} of the harness, and the batch {self.harness}; "
                "install the same on both"
            )
        for path, content in self.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        assignment = Assignment(root / "assignments" / self.name, root / "reference" / self.name)
        if assignment.digest != self.digest:
            raise UnfitError("did not receive the assignment as it was sent")
        if self.sign is not None and not self.sign.exists():
            raise UnfitError(
                f"does not see {self.sign.parent}; training runs need an --out that all workers "
                "share under the same path"
            )
        answers = root / "answers"
        answers.mkdir()
        training = None
        if self.task.runs is not None:
            out, data = self.task.runs.out, self.task.runs.data
            training = run_task(assignment, self.runs, out, data, self.only)
        return replace(
            self.task,
            assignment=assignment.folder,
            reference=assignment.reference,
            wall=isolation.choose(self.choice),
            runs=training,
            answers=answers,
        )


def files_of(assignment: Assignment) -> dict[str, bytes]:
    """What `Assignment.digest` is made of, as `Shipment.files`."""
    return {
        f"{kind}/{assignment.name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for kind, folder in (
            ("assignments", assignment.folder),
            ("reference", assignment.reference),
        )
        for path in assignment.content_of(folder)
    }


@contextlib.contextmanager
def shipped(
    assignment: Assignment,
    secret: str,
    choice: isolation.Choice,
    *,
    out: Path,
    data: Path | None = None,
    runs: Runs = "none",
    only: Sequence[str] = (),
) -> Iterator[Shipment]:
    """A batch, packed for workers, while it lasts.

    Args:
        assignment: what is graded.
        secret: what inputs are drawn from.
        choice: the wall that every worker has to have.
        out: the output folder, which workers must see too if there are runs.
        data: the folder of real data sets, likewise; None: the embedded ones.
        runs: which kind of runs.
        only: ids of runs; none: all of them.
    """
    batch = secrets.token_hex(8)
    profile, training, sign = profile_of(runs), None, None
    if profile is not None:
        training = RunTask(profile, runs != "submitted", out.resolve(), data, {})
        sign = out.resolve() / f".batch-{batch}"
        sign.touch()
    # Of the wall, only "none" is known here; what stands where is each worker's to find out.
    wall: isolation.WallKind = "none" if choice == "auto" else choice
    task = Task(assignment.folder, assignment.reference, wall, secret, runs=training)
    try:
        yield Shipment(
            batch=batch,
            task=task,
            name=assignment.name,
            digest=assignment.digest,
            harness=harness_version(),
            files=files_of(assignment),
            choice=choice,
            runs=runs,
            only=tuple(only),
            sign=sign,
        )
    finally:
        if sign is not None:
            sign.unlink(missing_ok=True)
