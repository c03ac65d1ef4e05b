"""What a slot is told, and the results that need no slot. The batch itself needs no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment, ProfileName
from grader.intake import Candidate, Submission
from grader.marks.observed import TEST_SECONDS
from grader.marks.scoring import nothing
from grader.results import Result, RunResult
from grader.store.store import secret_id
from grader.version import harness_version
from grader.wall.isolation import WallKind

Suite = Literal["hidden", "public"]

# Beyond one check: intake, and our side of what is asked afterwards.
GRACE_SECONDS = 300.0
# A slice of training, or the measures of a run, which give no sign of life in between.
MEASURE_SECONDS = 3600.0


@dataclass(frozen=True)
class RunTask:
    """What a slot needs to know about runs.

    Attributes:
        profile: the size of the runs, or that in which what was handed in is judged.
        train: whether to train, or to measure what was handed in.
        out: the output folder.
        data: folder of the real data sets; None: the embedded ones.
        mounted: folders that the runs may read, by name of the data set.
    """

    profile: ProfileName
    train: bool
    out: Path
    data: Path | None
    mounted: Mapping[str, Path]


@dataclass(frozen=True)
class Task:
    """What a slot needs to know; it is sent to another process.

    Attributes:
        answers: a folder in which slots share what they worked out for hints.
    """

    assignment: Path
    reference: Path
    wall: WallKind
    secret: str
    suite: Suite = "hidden"
    runs: RunTask | None = None
    answers: Path | None = None

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
        checks: the checks of these questions to grade; None: all.
        hints: whether failed checks name the mistakes that give the same answers.
        catalogued: whether it is a mistake of the catalogue, and so an attempt.
        more_secrets: secrets with which the same cell is graded again. Only for trusted code,
            which keeps nothing from one time to the next.
    """

    candidate: Candidate
    secret: str
    questions: frozenset[str] | None = None
    checks: frozenset[str] | None = None
    hints: bool = True
    catalogued: bool = False
    more_secrets: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Jobs of one kind take about as long as each other."""
        return "unit"

    def seconds(self, task: Task, assignment: Assignment) -> float:
        """How long its slot may give no sign of life: it tells of checks."""
        return TEST_SECONDS + GRACE_SECONDS

    def lost(self, task: Task, assignment: Assignment, problem: str) -> Result:
        """What there is to say when no slot could do it."""
        return not_graded(task.with_secret(self.secret), assignment, self.candidate, problem)

    def unreadable(self, task: Task, assignment: Assignment, problem: str) -> list[Result]:
        """What there is to say when the submission cannot be read."""
        return [unreadable(task.with_secret(self.secret), assignment, self.candidate, problem)]


@dataclass(frozen=True)
class RunJob:
    """One case of a run of one submission."""

    candidate: Candidate
    secret: str
    run: str
    case: str

    @property
    def kind(self) -> str:
        """Jobs of one kind take about as long as each other."""
        return f"{self.run} {self.case}"

    def seconds(self, task: Task, assignment: Assignment) -> float:
        """How long its slot may give no sign of life: it tells of steps, not of measures."""
        return MEASURE_SECONDS

    def lost(self, task: Task, assignment: Assignment, problem: str) -> RunResult:
        """What there is to say when no slot could do it."""
        assert task.runs is not None
        run = assignment.run(self.run)
        return RunResult(
            run=self.run,
            case=self.case,
            title=f"{run.title}: {self.case}" if self.case else run.title,
            profile=task.runs.profile,
            origin="trained" if task.runs.train else "submitted",
            status="not_graded",
            problem=problem,
        )

    def unreadable(self, task: Task, assignment: Assignment, problem: str) -> RunResult:
        """What there is to say when the submission cannot be read."""
        return self.lost(task, assignment, problem).model_copy(update={"status": "absent"})


@dataclass(frozen=True)
class Delivery:
    """A job with what was handed in."""

    job: Job | RunJob
    submission: Submission


def blank(task: Task, assignment: Assignment, candidate: Candidate) -> Result:
    """A result in which nothing is decided."""
    return Result(
        assignment=assignment.name,
        assignment_digest=assignment.digest,
        secret_id=secret_id(task.secret),
        harness=harness_version(),
        submission=candidate.id,
        name=candidate.name,
        handed=candidate.handed,
        concerns=list(candidate.doubts),
        # A name that is not UTF-8 could not be stored.
        source=os.fsencode(candidate.path).decode(errors="replace"),
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
            "notes": list(candidate.notes),
            "questions": nothing(assignment, 0.0, "the submission could not be read"),
        }
    )


def not_graded(task: Task, assignment: Assignment, candidate: Candidate, problem: str) -> Result:
    """The result after a fault of the harness, which is never a zero."""
    return blank(task, assignment, candidate).model_copy(update={"problem": problem})
