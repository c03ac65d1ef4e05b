"""What a suite expects of every submission, and what one submission's run reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.results import Ending, Hint, Outcome


@dataclass(frozen=True)
class Expected:
    """A check that every submission must report on."""

    id: str
    question: str
    weight: float
    title: str
    reason: str


@dataclass
class Observed:
    """How a check went for one submission."""

    outcome: Outcome = "failed"
    rationale: str = "the check did not report"
    help: str = ""
    detail: str = ""
    ending: Ending = "returned"
    seconds: float = 0.0
    hints: list[Hint] = field(default_factory=list)
    findings: list[Any] = field(default_factory=list)  # of grader.stats.Finding
    calls: list[Any] = field(default_factory=list)  # of calls.Call
