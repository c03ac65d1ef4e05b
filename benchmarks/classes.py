"""A whole class through the batch, with its slots, its processes and its queue."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from grader.batch.engine import grade_all
from grader.batch.task import Job, Task
from grader.intake import Candidate
from grader.results import Result
from grader.wall.isolation import WallKind

SECRET = "benchmark"


@dataclass(frozen=True)
class ClassTimes:
    """How long a class took, in seconds: in all, and from the first result to the last."""

    size: int
    jobs: int
    in_all: float
    first_to_last: float
    not_graded: int

    @property
    def rate(self) -> float:
        """Submissions per second, start-up included."""
        return self.size / self.in_all

    @property
    def steady_rate(self) -> float:
        """Submissions per second once the first results are there."""
        return (self.size - self.jobs) / self.first_to_last


def measure(
    assignment: Path, reference: Path, submission: Path, wall: WallKind, size: int, jobs: int
) -> ClassTimes:
    """Grade `size` copies of a submission over `jobs` slots."""
    done: list[float] = []
    not_graded = 0

    def save(result: Result) -> None:
        nonlocal not_graded
        done.append(time.perf_counter())
        not_graded += result.status != "graded"

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        todo = []
        for number in range(size):
            home = Path(folder, f"student_{number:03}")
            shutil.copytree(submission, home, ignore=shutil.ignore_patterns("__pycache__"))
            todo.append(Job(Candidate(home.name, home), SECRET))
        started = time.perf_counter()
        grade_all(Task(assignment, reference, wall, SECRET), todo, jobs=jobs, save=save)
        ended = time.perf_counter()
    return ClassTimes(size, jobs, ended - started, done[-1] - done[jobs - 1], not_graded)
