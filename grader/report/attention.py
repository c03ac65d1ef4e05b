"""Which submissions a person should look at before marks go out, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.assignment import Assignment
from grader.report import display
from grader.results import Result

_NO_REASON = "no reason was recorded"


@dataclass(frozen=True)
class Attention:
    """A submission to look at; the lower the urgency's number, the sooner."""

    submission: str
    urgency: int
    reasons: tuple[str, ...]


def who_needs_attention(assignment: Assignment, results: Sequence[Result]) -> list[Attention]:
    """Submissions with anything unusual, the most urgent first."""
    noticed = []
    for result in results:
        reasons = list(_reasons(assignment, result))
        if reasons:
            texts = tuple(text for _, text in reasons)
            noticed.append(Attention(result.submission, min(u for u, _ in reasons), texts))
    return sorted(noticed, key=lambda a: (a.urgency, a.submission))


def _reasons(assignment: Assignment, result: Result) -> list[tuple[int, str]]:
    """Pairs (urgency, reason) for one submission."""
    if result.status == "not_graded":
        return [(0, f"Not graded, and no zero: {result.problem or _NO_REASON}")]
    if result.status == "unreadable":
        return [(1, f"Could not be read: {result.problem or _NO_REASON}")]
    reasons = []
    undecided = [q.id for q in result.questions if q.kind == "unit" and q.awarded is None]
    if undecided:
        what = "Question" if len(undecided) == 1 else "Questions"
        reasons.append((0, f"{what} not graded, and no zero: {', '.join(undecided)}"))
    paths = {f.name: f.path for f in assignment.about.files}
    missing = [paths.get(f.name, f.name) for f in result.files if f.taken is None]
    if missing:
        reasons.append((2, f"Not handed in: {', '.join(missing)}"))
    if result.decided_marks > 0 and result.awarded == 0:
        reasons.append((2, "No marks in any question decided so far"))
    hung = sum(c.ending == "hung" for c in result.checks)
    if hung:
        reasons.append((3, f"Ran out of time in {display.count(hung, 'check')}"))
    crashed = sum(c.ending == "crashed" for c in result.checks)
    if crashed:
        reasons.append((3, f"The process died in {display.count(crashed, 'check')}"))
    return reasons
