"""What a page about one submission shows, arranged by part and question.

The student's template receives these views and never the result itself. Whatever is for the TA
alone sits in `Internals` and `Backstage`, which the student's views do not have, so a slip in a
template cannot show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from grader.assignment import Assignment, Kind
from grader.report.runs import RunView, run_views
from grader.results import (
    Check,
    Environment,
    Outcome,
    QuestionMark,
    Result,
    RuleFinding,
    Status,
    TakenFile,
)

NOT_GRADED_NOTE = "We could not grade this question. That is our fault and no zero."


@dataclass(frozen=True)
class Internals:
    """What the TA sees of a check besides the student's view of it."""

    id: str
    detail: str
    ending: str
    seconds: float


@dataclass(frozen=True)
class CheckView:
    """One check. `internals` is None on the student's page."""

    title: str
    outcome: Outcome
    marks: float
    awarded: float
    rationale: str
    help: str
    reason: str
    hints: tuple[str, ...]
    internals: Internals | None


@dataclass(frozen=True)
class QuestionView:
    """One question with its checks."""

    id: str
    title: str
    kind: Kind
    marks: float
    awarded: float | None
    note: str
    contracts: tuple[str, ...]
    about: str
    checks: tuple[CheckView, ...]
    runs: tuple[RunView, ...]

    @property
    def anchor(self) -> str:
        return f"question-{self.id}"

    @property
    def share(self) -> float:
        """Earned share of the marks, between 0 and 1."""
        return earned_share(self.awarded or 0.0, self.marks)

    @property
    def is_ours(self) -> bool:
        """Whether it is undecided through a fault of ours."""
        if self.awarded is not None:
            return False
        cases = [case for run in self.runs for case in run.cases]
        return self.kind == "unit" or any(case.status == "not_graded" for case in cases)

    def having(self, outcome: Outcome) -> tuple[CheckView, ...]:
        """The checks of one outcome."""
        return tuple(c for c in self.checks if c.outcome == outcome)


@dataclass(frozen=True)
class PartView:
    """A part of the assignment with its questions."""

    title: str
    marks: float
    questions: tuple[QuestionView, ...]

    @property
    def awarded(self) -> float | None:
        """Marks earned so far; None while no question is decided."""
        decided = [q.awarded for q in self.questions if q.awarded is not None]
        return sum(decided) if decided else None


@dataclass(frozen=True)
class FileView:
    """A file of the assignment, and what stands for it in the submission."""

    expected: str
    taken: str | None
    others: tuple[str, ...]


@dataclass(frozen=True)
class Backstage:
    """What the TA sees of a submission besides the student's view of it."""

    source: str
    source_digest: str
    assignment_digest: str
    secret_id: str
    notes: tuple[str, ...]
    output: str
    environment: Environment | None
    seconds: float


@dataclass(frozen=True)
class SubmissionView:
    """One submission. `backstage` is None on the student's page."""

    id: str
    status: Status
    problem: str
    graded_at: str
    parts: tuple[PartView, ...]
    files: tuple[FileView, ...]
    rules: tuple[RuleFinding, ...]
    awarded: float
    decided_marks: float
    total_marks: float
    rehearsal: str
    other_runs: tuple[RunView, ...]
    backstage: Backstage | None

    @property
    def questions(self) -> tuple[QuestionView, ...]:
        return tuple(q for part in self.parts for q in part.questions)

    @property
    def has_runs(self) -> bool:
        return bool(self.other_runs) or any(q.runs for q in self.questions)

    @property
    def missing(self) -> tuple[str, ...]:
        """Files of the assignment for which the submission has none."""
        return tuple(f.expected for f in self.files if f.taken is None)

    @property
    def share(self) -> float:
        return earned_share(self.awarded, self.decided_marks)


def student_view(
    assignment: Assignment, result: Result, pictures: Path | None = None
) -> SubmissionView:
    """What the student may know about their submission.

    Args:
        pictures: the folder that pictures of runs lie in; None: none are shown.
    """
    return _view(assignment, result, pictures, for_ta=False)


def ta_view(assignment: Assignment, result: Result, pictures: Path | None = None) -> SubmissionView:
    """Everything that is known about a submission; the arguments are those of `student_view`."""
    return _view(assignment, result, pictures, for_ta=True)


def earned_share(awarded: float, marks: float) -> float:
    """Share of the marks that was earned, between 0 and 1; 0 where there are none to earn."""
    return min(1.0, max(0.0, awarded / marks)) if marks > 0 else 0.0


def _view(
    assignment: Assignment, result: Result, pictures: Path | None, *, for_ta: bool
) -> SubmissionView:
    checks: defaultdict[str, list[Check]] = defaultdict(list)
    for check in result.checks:
        checks[check.question].append(check)
    runs = run_views(assignment, result, pictures, for_ta=for_ta)
    questions = [
        _question(assignment, q, checks[q.id], runs.get(q.id, ()), for_ta) for q in result.questions
    ]
    # What went wrong on our side is not the student's to repair, and may name our folders.
    problem = result.problem if for_ta or result.status == "unreadable" else ""
    return SubmissionView(
        id=result.submission,
        status=result.status,
        problem=problem,
        graded_at=result.graded_at,
        parts=tuple(_parts(assignment, questions)),
        files=tuple(_file(assignment, f) for f in result.files),
        rules=tuple(result.rules),
        awarded=result.awarded,
        decided_marks=result.decided_marks,
        total_marks=result.total_marks,
        rehearsal=result.rehearsal,
        other_runs=runs.get("", ()),
        backstage=_backstage(result) if for_ta else None,
    )


def _parts(assignment: Assignment, questions: list[QuestionView]) -> Iterable[PartView]:
    titles = {part.id: part.title for part in assignment.about.parts}
    by_part: defaultdict[str, list[QuestionView]] = defaultdict(list)
    for question in questions:
        by_part[question.id.split(".")[0]].append(question)
    for part_id, members in by_part.items():
        yield PartView(
            title=titles.get(part_id, part_id),
            marks=sum(q.marks for q in members),
            questions=tuple(members),
        )


def _question(
    assignment: Assignment,
    question: QuestionMark,
    checks: list[Check],
    runs: tuple[RunView, ...],
    for_ta: bool,
) -> QuestionView:
    asked = next((q for q in assignment.about.questions if q.id == question.id), None)
    view = QuestionView(
        id=question.id,
        title=question.title,
        kind=question.kind,
        marks=question.marks,
        awarded=question.awarded,
        note=question.note,
        contracts=asked.contracts if asked else (),
        about=asked.about if asked else "",
        checks=tuple(_check(c, for_ta) for c in checks),
        runs=runs,
    )
    told = question.awarded is not None or question.rehearsed is not None
    if for_ta or told or question.kind == "written":
        return view
    # Why it is not decided is told in words about our machine, or names our commands.
    return replace(view, note=NOT_GRADED_NOTE if view.is_ours else "")


def _check(check: Check, for_ta: bool) -> CheckView:
    return CheckView(
        title=check.title,
        outcome=check.outcome,
        marks=check.marks,
        awarded=check.awarded,
        # A check that we could not run says why in words about our machine.
        rationale=check.rationale if for_ta or check.outcome != "not_graded" else "",
        help=check.help if for_ta or check.outcome != "not_graded" else "",
        reason=check.reason,
        hints=tuple(hint.text for hint in check.hints),
        internals=Internals(check.id, check.detail, check.ending, check.seconds)
        if for_ta
        else None,
    )


def _file(assignment: Assignment, file: TakenFile) -> FileView:
    expected = next((f.path for f in assignment.about.files if f.name == file.name), file.name)
    return FileView(expected=expected, taken=file.taken, others=tuple(file.others))


def _backstage(result: Result) -> Backstage:
    return Backstage(
        source=result.source,
        source_digest=result.source_digest,
        assignment_digest=result.assignment_digest,
        secret_id=result.secret_id,
        notes=tuple(result.notes),
        output=result.output,
        environment=result.environment,
        seconds=result.seconds,
    )
