"""What a slot is told, and the results that need no slot. The batch itself needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment
from grader.intake import Candidate
from grader.marks.scoring import nothing
from grader.results import Result
from grader.store.store import secret_id
from grader.wall.isolation import WallKind

Suite = Literal["hidden", "public"]


@dataclass(frozen=True)
class Task:
    """What a slot needs to know; it is sent to another process."""

    assignment: Path
    reference: Path
    wall: WallKind
    secret: str
    suite: Suite = "hidden"

    def load(self) -> Assignment:
        """The assignment, read in this process."""
        return Assignment(self.assignment, self.reference)

    def with_secret(self, secret: str) -> Task:
        """The same with inputs drawn from another secret."""
        return replace(self, secret=secret)


@dataclass(frozen=True)
class Job:
    """One submission to be graded with one secret.

    Attributes:
        questions: the questions to grade; None: all.
    """

    candidate: Candidate
    secret: str
    questions: frozenset[str] | None = None


def blank(task: Task, assignment: Assignment, candidate: Candidate) -> Result:
    """A result in which nothing is decided."""
    return Result(
        assignment=assignment.name,
        assignment_digest=assignment.digest,
        secret_id=secret_id(task.secret),
        submission=candidate.id,
        source=str(candidate.path),
        source_digest="",
        status="not_graded",
        questions=nothing(assignment, None, "not graded"),
        graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
    )


def unreadable(task: Task, assignment: Assignment, candidate: Candidate, problem: str) -> Result:
    """The result of what could not be opened: no marks, and somebody has to look."""
    return blank(task, assignment, candidate).model_copy(
        update={
            "status": "unreadable",
            "problem": problem,
            "questions": nothing(assignment, 0.0, "the submission could not be read"),
        }
    )


def not_graded(task: Task, assignment: Assignment, candidate: Candidate, problem: str) -> Result:
    """The result after a fault of ours, which is never a zero."""
    return blank(task, assignment, candidate).model_copy(update={"problem": problem})


def enter_slot(connection: Connection, task: Task) -> None:
    """Where a slot's process starts; only there is torch imported."""
    from grader.batch.slot import run_slot

    run_slot(connection, task)
