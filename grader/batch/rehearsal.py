"""The reference is graded before anybody, as a submission is: every result is held against that.

What the reference fails is not graded for anybody, and a result with fewer checks than the
reference had is a fault of the harness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from grader.assignment import Assignment
from grader.batch.task import Job, Task
from grader.intake import Candidate
from grader.marks.scoring import excuse
from grader.results import Check, Result
from grader.store.store import secret_id
from grader.version import harness_version

# What it is called while it is graded; its result is not stored.
NAME = "the reference"
ATTEMPTS = 2


class RehearsalError(Exception):
    """The reference cannot be graded, and so nobody can."""


class Rehearsal(BaseModel):
    """How the reference fared.

    Attributes:
        key: of everything that it depends on.
        checks: ids of all checks of the suite.
        faults: why a check is not graded, by its id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    checks: frozenset[str]
    faults: Mapping[str, str]

    def agrees(self, result: Result) -> bool:
        """Whether a result has every check of the suite, and no marks from one that is at fault."""
        if result.status == "unreadable":
            return True
        outcomes = {c.id: c.outcome for c in result.checks}
        return outcomes.keys() == self.checks and all(
            outcomes[check] == "not_graded" for check in self.faults
        )

    def hold(self, assignment: Assignment, result: Result) -> Result:
        """A result without marks where the suite is at fault."""
        if not result.checks:
            return result
        missing = self.checks - {c.id for c in result.checks}
        if missing:
            problem = (
                f"{len(result.checks)} of {len(self.checks)} checks were run; {min(missing)} is "
                "one that was not"
            )
            return excuse(assignment, result, dict.fromkeys((c.id for c in result.checks), problem))
        return excuse(assignment, result, self.faults)


def key_of(assignment: Assignment, secret: str, suite: str = "hidden") -> str:
    """Names everything that decides how the reference fares."""
    parts = (assignment.digest, harness_version(), secret_id(secret), suite)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Rehearsing:
    """Sees to it that a batch grades the reference first, and once.

    Args:
        task: what is graded, how.
        assignment: whose reference.
        known: how it fared in an earlier batch; None: it has to be graded.
        learned: told how it fared when that is new; the jobs that this calls for.

    Attributes:
        job: the reference, while it has to be graded; then None.
    """

    def __init__(
        self,
        task: Task,
        assignment: Assignment,
        known: Rehearsal | None = None,
        learned: Callable[[Rehearsal], Sequence[Job]] = lambda rehearsal: (),
    ) -> None:
        self._assignment = assignment
        self._suite = task.suite
        self._learned = learned
        self._attempts = 0
        self.known = known
        self.job = None if known else Job(Candidate(NAME, assignment.reference), task.secret)

    def receive(self, result: Result) -> Sequence[Job]:
        """Learn from the reference's result; the jobs that this calls for.

        It stays to be done if the machine was at fault, which may not be so a second time.

        Raises:
            RehearsalError: it cannot be graded.
        """
        assert self.job is not None
        self._attempts += 1
        if result.status != "graded" and self._attempts < ATTEMPTS:
            return ()
        if not result.checks:
            raise RehearsalError(
                f"the reference cannot be graded, so nobody is: {result.problem}; "
                f"look at {self._assignment.reference}"
            )
        self.known = Rehearsal(
            key=key_of(self._assignment, self.job.secret, self._suite),
            checks=frozenset(c.id for c in result.checks),
            faults={c.id: _reason(c) for c in result.checks if c.outcome != "passed"},
        )
        self.job = None
        return self._learned(self.known)

    def hold(self, result: Result) -> Result:
        """A result without marks where the suite is at fault."""
        return self.known.hold(self._assignment, result) if self.known else result


def _reason(check: Check) -> str:
    """What is wrong, in a line, for whoever mends it."""
    said = check.detail.partition("\n")[0]
    if check.outcome == "failed":
        said = f"{check.rationale} ({said})" if said else check.rationale
    return f"the reference fails this check: {said}"
