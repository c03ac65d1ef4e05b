"""Which submissions a person should look at before marks go out, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.assignment import Assignment
from grader.report import display
from grader.report.run_summary import contradiction
from grader.results import Result

_SHOWN = 3
_NO_REASON = "no reason was recorded"
NOT_GIVEN = "Not in the class that was given last"


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
    reasons = [(2, concern) for concern in result.concerns]
    if not result.given_last:
        reasons.append((2, f"{NOT_GIVEN}; `grader drop` removes it"))
    if result.status == "not_graded":
        return [(0, f"Not graded (not a zero): {result.problem or _NO_REASON}"), *reasons]
    if result.status == "unreadable":
        return [(1, f"Could not be read: {result.problem or _NO_REASON}"), *reasons]
    ours = {run.run for run in result.runs if run.status == "not_graded"}
    deciding = {m.question for m in assignment.description.measures if m.run in ours}
    undecided = [
        q.id
        for q in result.questions
        if q.awarded is None and (q.kind == "unit" or q.id in deciding)
    ]
    if undecided:
        what = "Question" if len(undecided) == 1 else "Questions"
        reasons.append((0, f"{what} not graded (not a zero): {', '.join(undecided)}"))
    paths = {f.name: f.path for f in assignment.description.files}
    missing = [paths.get(f.name, f.name) for f in result.files if f.taken is None]
    if missing:
        reasons.append((2, f"Not handed in: {', '.join(missing)}"))
    if result.decided_marks > 0 and result.awarded == 0:
        reasons.append((2, "No marks in any question decided so far"))
    hung = sum(c.ending == "hung" for c in result.checks)
    if hung:
        reasons.append((3, f"Ran out of time in {display.count(hung, 'check')}"))
    reasons += _of_runs(result)
    crashed = sum(c.ending == "crashed" for c in result.checks)
    if crashed:
        reasons.append((3, f"The process died in {display.count(crashed, 'check')}"))
    broken = [rule.rule for rule in result.rules if not rule.kept]
    if broken:
        reasons.append((4, f"Not as the course asks of notebooks: {_some(broken, '; ')}"))
    return reasons


def _of_runs(result: Result) -> list[tuple[int, str]]:
    reasons = []
    claims = [
        (f"{run.title}: " if run.case else "") + contradiction(figure)
        for run in result.runs
        for figure in run.figures
        if figure.claim_is_borne_out is False
    ]
    if claims:
        heading = "A claim is not borne out" if len(claims) == 1 else "Claims are not borne out"
        reasons.append((2, f"{heading}: {_some(claims, '; ')}"))
    for status, urgency, what in (
        ("not_graded", 0, "not graded (not a zero)"),
        ("failed", 3, "failed"),
    ):
        titles = [run.title for run in result.runs if run.status == status]
        if titles:
            number = display.count(len(titles), "training run")
            reasons.append((urgency, f"{number} {what}: {_some(titles, ', ')}"))
    return reasons


def _some(texts: Sequence[str], separator: str) -> str:
    """The first of some texts, and how many more there are."""
    shown = separator.join(texts[:_SHOWN])
    return f"{shown} and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else shown
