"""What a page about one submission shows of its training runs, below the questions they decide.

As in `submission`, what is for the TA alone sits in a view that the student's page does not have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.assignment import REHEARSALS, Assignment
from grader.marks.bounds import CONFIDENCE, REFERENCE_FAILS
from grader.marks.judging import CLAIM_SLACK
from grader.marks.words import told
from grader.report import display
from grader.report.pictures import Pictures, PictureView
from grader.results import Environment, Figure, Result, RunResult, RunStatus

Sign = Literal["passed", "partial", "failed", "neutral"]

NOT_GRADED = "We could not carry out this run. That is our fault and not a zero."
NO_THRESHOLD = "There is no threshold for it yet, so it is not judged."
# More cases than this are a list of rows that open, not one block after another.
LONG = 3

RULE = (
    "A figure is measured on finitely many images or draws, so it has a standard error; where "
    "we trained, chance in the training adds the spread that the reference shows over several "
    f"seeds. Both give an interval of {CONFIDENCE:.0%}. If all of it is on the right side of "
    "the threshold, the figure earns its full marks, if none of it is, nothing, and between "
    "them the share of it that is. The threshold is what the assignment asks for, or else "
    f"what the reference itself misses in {REFERENCE_FAILS:.0%} of its runs, and more than "
    "what a trivial solution reaches, as an untrained network does; the latter allows "
    "for bad luck already, so a figure that reaches it earns full marks, and the interval "
    "counts only in favour of one that does not. A figure that must be near a value earns its "
    "marks within the distance that is stated, in which the error of measuring is included. "
    "Marks follow what we measure. A "
    "figure that the submission states itself earns nothing; it is flagged where it is "
    f"further from ours than chance and {CLAIM_SLACK:.1%} of rounding explain."
)


@dataclass(frozen=True)
class FigureView:
    """A figure with its judgement; texts are ready to be read.

    Attributes:
        question: the one it counts towards; empty: it is only shown.
        worth: the marks it counts for.
        marks: the same; None while they are not decided, or where none do.
        share: of them that is earned; None while there is no threshold.
        claim: the submission's own figure.
        contradicted: whether that claim is not borne out.
    """

    title: str
    measured: str
    unit: str
    n: int
    note: str
    claim: str
    contradicted: bool
    asked: str
    judgement: str
    question: str
    worth: float
    marks: float | None
    share: float | None

    @property
    def awarded(self) -> float | None:
        if self.marks is None or self.share is None:
            return None
        return self.marks * self.share

    @property
    def sign(self) -> Sign:
        """The sign before the figure; neutral where no marks depend on it or none are known."""
        if self.share is None or not self.question:
            return "neutral"
        if self.share >= 1.0:
            return "passed"
        return "failed" if self.share <= 0.0 else "partial"


@dataclass(frozen=True)
class RunInternals:
    """What the TA sees of a case besides the student's view of it."""

    seed: int
    key: str
    detail: str
    measured_seconds: float
    environment: Environment | None


@dataclass(frozen=True)
class CaseView:
    """One case of a run, with the figures of one question.

    Attributes:
        worth: the marks that the case counts for.
        marks: the same; None while they are not decided.
    """

    name: str
    status: RunStatus
    problem: str
    steps: int
    seconds: float
    figures: tuple[FigureView, ...]
    pictures: tuple[PictureView, ...]
    worth: float
    marks: float | None
    awarded: float | None
    internals: RunInternals | None

    @property
    def contradicted(self) -> bool:
        return any(figure.contradicted for figure in self.figures)

    @property
    def marked(self) -> tuple[FigureView, ...]:
        return tuple(figure for figure in self.figures if figure.marks is not None)

    @property
    def full(self) -> bool:
        """Whether nothing on it went wrong."""
        return self.status == "finished" and all(f.share in (None, 1.0) for f in self.figures)


@dataclass(frozen=True)
class RunView:
    """A run below one of its questions.

    Attributes:
        home: id of the question at which the run is described; empty at that question itself.
        smaller: what is smaller in this profile than the assignment says.
        rehearsal: whether what its figures earn is shown, and is not marks.
    """

    id: str
    title: str
    about: str
    profile: str
    smaller: str
    origin: str
    data: tuple[str, ...]
    cases: tuple[CaseView, ...]
    home: str = ""
    rehearsal: bool = False

    @property
    def anchor(self) -> str:
        return f"run-{self.id}"

    @property
    def long(self) -> bool:
        return len(self.cases) > LONG

    @property
    def has_pictures(self) -> bool:
        return any(picture.source for case in self.cases for picture in case.pictures)

    @property
    def finished(self) -> int:
        return sum(case.status == "finished" for case in self.cases)


def run_views(
    assignment: Assignment, result: Result, folder: Path | None, *, for_ta: bool
) -> dict[str, tuple[RunView, ...]]:
    """The runs of a submission by the question below which they are shown.

    A run is described at the first question that it counts towards, with its pictures; at the
    others only their figures are shown. Runs that decide no question are under the empty id.

    Args:
        folder: what the pictures' paths are relative to; None: no pictures.
    """
    grouped: defaultdict[str, list[RunResult]] = defaultdict(list)
    for run in result.runs:
        grouped[run.run].append(run)
    homes = {run_id: _questions_of(assignment, run_id) for run_id in grouped}
    order = [q.id for q in assignment.description.questions]
    shown = sorted(
        (run for run in result.runs if folder is not None),
        key=lambda run: order.index(homes[run.run][0]) if homes[run.run] else len(order),
    )
    pictures = Pictures(folder or Path(), (p for run in shown for p in run.pictures))
    views: defaultdict[str, list[RunView]] = defaultdict(list)
    builder = _Builder(assignment, result, pictures if folder is not None else None, for_ta)
    for run_id, cases in grouped.items():
        questions = homes[run_id] or [""]
        for question in questions:
            views[question].append(builder.run(run_id, cases, question, questions[0]))
    return {question: tuple(runs) for question, runs in views.items()}


def _questions_of(assignment: Assignment, run_id: str) -> list[str]:
    """Ids of the questions that a run counts towards, in the order of the assignment."""
    deciding = {m.question for m in assignment.description.measures if m.run == run_id}
    return [q.id for q in assignment.description.questions if q.id in deciding]


class _Builder:
    """Makes the views of one submission's runs."""

    def __init__(
        self, assignment: Assignment, result: Result, pictures: Pictures | None, for_ta: bool
    ) -> None:
        self._assignment = assignment
        self._pictures = pictures
        self._for_ta = for_ta
        self._measures = {(m.run, m.name): m for m in assignment.description.measures}
        self._mark_of_weight = {
            q.id: _mark_of_weight(assignment, q.id, q.marks, result.runs)
            for q in result.questions
            if q.kind == "run"
        }
        self._decided = {
            q.id for q in result.questions if q.awarded is not None or q.rehearsed is not None
        }

    def run(self, run_id: str, cases: Sequence[RunResult], question: str, home: str) -> RunView:
        about = next((r for r in self._assignment.description.runs if r.id == run_id), None)
        first = cases[0]
        profile = about.profiles.get(first.profile) if about else None
        trained = first.origin == "trained"
        return RunView(
            id=run_id,
            title=about.title if about else first.title,
            about=about.about if about else "",
            profile=first.profile,
            # What was handed in was trained by the student, in whatever size.
            smaller=profile.note if profile and trained else "",
            origin="trained here" if trained else "handed in",
            data=tuple(dict.fromkeys(text for case in cases for text in case.data)),
            cases=tuple(self._case(case, question, question == home) for case in cases),
            home="" if question == home else home,
            rehearsal=trained and first.profile in REHEARSALS,
        )

    def _case(self, run: RunResult, question: str, at_home: bool) -> CaseView:
        figures = [f for f in run.figures if f.question == (question or None)]
        if at_home:
            figures += [f for f in run.figures if f.question is None and question]
        unit = self._mark_of_weight.get(question, 0.0)
        worth = unit * sum(weights_of(self._assignment, run, question))
        awarded = unit * sum(f.weight * (f.share or 0) for f in figures if f.question)
        decided = question in self._decided
        problem = run.problem
        if run.status == "not_graded" and not self._for_ta:
            problem = NOT_GRADED
        return CaseView(
            name=run.case or run.title,
            status=run.status,
            problem=problem,
            steps=run.steps,
            seconds=run.seconds,
            figures=tuple(self._figure(run, figure) for figure in figures),
            pictures=self._pictures.of(run.pictures) if self._pictures and at_home else (),
            worth=worth,
            marks=worth if decided else None,
            awarded=awarded if decided else None,
            internals=_internals(run) if self._for_ta and at_home else None,
        )

    def _figure(self, run: RunResult, figure: Figure) -> FigureView:
        measure = self._measures.get((run.run, figure.measure))
        worth = self._mark_of_weight.get(figure.question or "", 0.0) * figure.weight
        measured, asked = told(
            measure, figure.value, figure.standard_error, figure.threshold, figure.within
        )
        judgement = figure.judgement
        if figure.share is None:
            # The sentence names a command, which is for those who can run it.
            wanted = figure.question is not None
            judgement = (judgement if self._for_ta else NO_THRESHOLD) if wanted else ""
        return FigureView(
            title=figure.title,
            measured=measured,
            unit=figure.unit if figure.value is not None else "",
            n=figure.n,
            # Why there is no figure is part of the judgement.
            note=figure.note if figure.value is not None or not judgement else "",
            claim=display.number(figure.claim) if figure.claim is not None else "",
            contradicted=figure.claim_is_borne_out is False,
            asked=asked,
            judgement=judgement,
            question=figure.question or "",
            worth=worth,
            marks=worth if figure.question in self._decided else None,
            share=figure.share,
        )


def weights_of(assignment: Assignment, run: RunResult, question: str) -> list[float]:
    """Weights of what one case of a run can earn in a question.

    A measure that a finished run has no figure of does not apply to the case.
    """
    had = {figure.measure for figure in run.figures}
    return [
        m.weight
        for m in assignment.description.measures
        if m.run == run.run
        and m.question_in(run.profile, run.case) == question
        and (run.status != "finished" or m.name in had)
    ]


def _mark_of_weight(
    assignment: Assignment, question: str, marks: float, runs: Iterable[RunResult]
) -> float:
    """Marks that a measure of weight 1 is worth."""
    total = sum(sum(weights_of(assignment, run, question)) for run in runs)
    return marks / total if total > 0 else 0.0


def _internals(run: RunResult) -> RunInternals:
    return RunInternals(run.seed, run.key, run.detail, run.measured_seconds, run.environment)
