"""What a page about one submission shows, arranged by part and question.

The student's template receives these views and never the result itself. Whatever is for the TA
alone sits in `Internals` and `Backstage`, which the student's views do not have, so a slip in a
template cannot show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.assignment import Assignment, Kind
from grader.marks.rounding import FINEST, rounded, split
from grader.report.causes import cause_of, is_shared
from grader.report.runs import RunView, run_views
from grader.results import (
    Check,
    Environment,
    Outcome,
    QuestionMark,
    Result,
    RuleFinding,
    Status,
)

NOT_GRADED_NOTE = "We could not grade this question. That is our fault and not a zero."


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
class CauseView:
    """Failed checks that have one cause; `help` only where the page tells of it first."""

    sentence: str
    help: str
    checks: tuple[CheckView, ...]

    @property
    def marks(self) -> float:
        return sum(check.marks for check in self.checks)


@dataclass(frozen=True)
class CodeView:
    """The student's own definition of a contract; `line` is 0 where lines tell nothing."""

    contract: str
    file: str
    line: int
    text: str


@dataclass(frozen=True)
class QuestionView:
    """One question with its checks.

    Attributes:
        checks: those that are told one by one.
        causes: of the others, which failed.
        code: the definitions to be read beside failed checks; empty on the student's page.
    """

    id: str
    title: str
    kind: Kind
    marks: float
    awarded: float | None
    note: str
    contracts: tuple[str, ...]
    about: str
    checks: tuple[CheckView, ...]
    causes: tuple[CauseView, ...]
    runs: tuple[RunView, ...]
    code: tuple[CodeView, ...]

    @property
    def anchor(self) -> str:
        return f"question-{self.id}"

    @property
    def share(self) -> float:
        """Earned share of the marks, between 0 and 1."""
        return earned_share(self.awarded or 0.0, self.marks)

    @property
    def is_ours(self) -> bool:
        """Whether it is undecided through a fault of the harness."""
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
    """A file of the assignment, what was taken for it, and what was noticed on the way."""

    expected: str
    taken: str | None
    others: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Backstage:
    """What the TA sees of a submission besides the student's view of it."""

    source: str
    source_digest: str
    assignment_digest: str
    secret_id: str
    concerns: tuple[str, ...]
    output: str
    environment: Environment | None
    seconds: float


@dataclass(frozen=True)
class SubmissionView:
    """One submission. `backstage` is None on the student's page.

    Attributes:
        packed: the name of the file that everything was in; empty where it was several.
        notes: what was noticed that is about none of `files`.
    """

    id: str
    name: str
    status: Status
    problem: str
    graded_at: str
    parts: tuple[PartView, ...]
    packed: str
    files: tuple[FileView, ...]
    notes: tuple[str, ...]
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
    told: set[str] = set()
    questions = [
        _question(assignment, result, q, checks[q.id], runs.get(q.id, ()), told, for_ta)
        for q in result.questions
    ]
    files, notes = _files(assignment, result)
    # What went wrong on our side is not the student's to repair, and may name our folders.
    problem = result.problem if for_ta or result.status == "unreadable" else ""
    return SubmissionView(
        id=result.submission,
        name=result.who,
        status=result.status,
        problem=problem,
        graded_at=result.graded_at,
        parts=tuple(_parts(assignment, questions)),
        packed=_packed(result.source),
        files=files,
        notes=notes,
        rules=tuple(result.rules),
        awarded=result.awarded,
        decided_marks=result.decided_marks,
        total_marks=result.total_marks,
        rehearsal=result.rehearsal,
        other_runs=runs.get("", ()),
        backstage=_backstage(result) if for_ta else None,
    )


def _parts(assignment: Assignment, questions: list[QuestionView]) -> Iterable[PartView]:
    titles = {part.id: part.title for part in assignment.description.parts}
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
    result: Result,
    question: QuestionMark,
    checks: list[Check],
    runs: tuple[RunView, ...],
    told: set[str],
    for_ta: bool,
) -> QuestionView:
    """One question; `told` are the causes that the page has explained, and is added to."""
    asked = next((q for q in assignment.description.questions if q.id == question.id), None)
    views = _check_views(question, checks, for_ta)
    by_cause: defaultdict[str, list[Check]] = defaultdict(list)
    for check in checks:
        by_cause[cause_of(assignment, check, result.code)].append(check)
    causes, grouped = [], set()
    for cause, same in by_cause.items():
        if is_shared(cause, len(same)):
            help = "" if cause in told else same[0].help
            causes.append(CauseView(cause, help, tuple(views[c.id] for c in same)))
            grouped |= {c.id for c in same}
            told.add(cause)
    failed = any(c.outcome == "failed" for c in checks)
    view = QuestionView(
        id=question.id,
        title=question.title,
        kind=question.kind,
        marks=question.marks,
        awarded=question.awarded,
        note=question.note,
        contracts=asked.contracts if asked else (),
        about=asked.about if asked else "",
        checks=tuple(views[c.id] for c in checks if c.id not in grouped),
        causes=tuple(causes),
        runs=runs,
        code=_code(result, asked.contracts if asked else ()) if for_ta and failed else (),
    )
    decided = question.awarded is not None or question.rehearsed is not None
    if for_ta or decided or question.kind == "written":
        return view
    # Why it is not decided is told in words about our machine, or names our commands.
    return replace(view, note=NOT_GRADED_NOTE if view.is_ours else "")


def _check_views(
    question: QuestionMark, checks: Sequence[Check], for_ta: bool
) -> dict[str, CheckView]:
    """The views of a question's checks by id, with marks that add up to the question's."""
    awarded = None if question.awarded is None else float(rounded(question.awarded, FINEST))
    worth = split(awarded, question.marks, [(c.awarded, c.marks) for c in checks])
    return {
        check.id: CheckView(
            title=check.title,
            outcome=check.outcome,
            marks=marks,
            awarded=earned if awarded is not None else check.awarded,
            # A check that we could not run says why in words about our machine.
            rationale=check.rationale if for_ta or check.outcome != "not_graded" else "",
            help=check.help if for_ta or check.outcome != "not_graded" else "",
            reason=check.reason,
            hints=tuple(hint.text for hint in check.hints),
            internals=Internals(check.id, check.detail, check.ending, check.seconds)
            if for_ta
            else None,
        )
        for check, (earned, marks) in zip(checks, worth, strict=True)
    }


def _code(result: Result, contracts: Sequence[str]) -> tuple[CodeView, ...]:
    return tuple(
        CodeView(e.contract, e.file, e.first if e.file.endswith(".py") else 0, e.text)
        for e in result.code
        if e.contract in contracts
    )


def _files(assignment: Assignment, result: Result) -> tuple[tuple[FileView, ...], tuple[str, ...]]:
    """Each file of the assignment with the notes about it, and the notes about none of them."""
    paths = {f.name: f.path for f in assignment.description.files}
    notes = list(result.notes)
    views = []
    for file in result.files:
        expected = paths.get(file.name, file.name)
        starts = tuple(f"{path}: " for path in (expected, file.taken) if path)
        own = [note for note in notes if note.startswith(starts)]
        notes = [note for note in notes if note not in own]
        # The table itself says so.
        said = (
            f"{expected}: not found in the submission",
            f"{expected}: {file.taken} was taken for it",
            f"{expected}: {file.taken} was taken, not ",
        )
        own = [note for note in own if not note.startswith(said)]
        views.append(FileView(expected, file.taken, tuple(file.others), tuple(own)))
    return tuple(views), tuple(notes)


def _packed(source: str) -> str:
    """The name of the archive that was handed in; nothing of the folder that it lies in."""
    name = source.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return name if name.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")) else ""


def _backstage(result: Result) -> Backstage:
    return Backstage(
        source=result.source,
        source_digest=result.source_digest,
        assignment_digest=result.assignment_digest,
        secret_id=result.secret_id,
        concerns=tuple(result.concerns),
        output=result.output,
        environment=result.environment,
        seconds=result.seconds,
    )
