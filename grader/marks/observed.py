"""What a suite expects of every submission, and what one submission's run reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.results import Ending, Hint, Outcome

# A backstop for a check that hangs on our side. Student code has limits of its own, which a busy
# machine stretches.
TEST_SECONDS = 1200.0
NOT_RUN = "this check could not be run, through no fault of the submission"


@dataclass(frozen=True)
class Expected:
    """A check that every submission must report on."""

    id: str
    question: str
    weight: float
    title: str
    reason: str
    contract: str = ""
    # Of knowledge of the task, if it passes. What shows less than 1 pays for an attempt only: see
    # `suite.attempts`.
    shows: float = 1.0


@dataclass
class Observed:
    """How a check went for one submission."""

    # Nothing that a submission does keeps a check from being reported.
    outcome: Outcome = "not_graded"
    rationale: str = NOT_RUN
    help: str = ""
    detail: str = "the check did not report"
    ending: Ending = "returned"
    # Whether the submission shows knowledge of what the contract is about: without it, what a check
    # of form says does not count.
    attempted: bool = True
    seconds: float = 0.0
    hints: list[Hint] = field(default_factory=list)
    findings: list[Any] = field(default_factory=list)  # of grader.suite.stats.Finding
    calls: list[Any] = field(default_factory=list)  # of calls.Call
