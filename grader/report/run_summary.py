"""How a class did in its training runs: every measure over the submissions, case by case."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from grader.assignment import REHEARSALS, Assignment, Measure, ProfileName
from grader.marks.bounds import allowed
from grader.marks.words import asked
from grader.report import display
from grader.results import Figure, Result, RunResult


@dataclass(frozen=True)
class Cell:
    """One measure in one case, over the submissions that have a figure.

    Attributes:
        values: by submission, in the order of the results.
        reached: how many earned all of the measure's marks.
        judged: how many there was a threshold for, those without a figure among them.
        threshold: None where there is none.
        asked: the same in words.
    """

    values: tuple[tuple[str, float], ...]
    reached: int
    judged: int
    threshold: float | None
    asked: str

    @property
    def low(self) -> float | None:
        return min((v for _, v in self.values), default=None)

    @property
    def median(self) -> float | None:
        return statistics.median(v for _, v in self.values) if self.values else None

    @property
    def high(self) -> float | None:
        return max((v for _, v in self.values), default=None)

    @property
    def share(self) -> float | None:
        """Of those that were judged, how many reached the threshold."""
        return self.reached / self.judged if self.judged else None


@dataclass(frozen=True)
class MeasureSummary:
    """A measure over the cases of its run, in their order."""

    name: str
    title: str
    unit: str
    question: str | None
    cells: tuple[tuple[str, Cell], ...]

    @property
    def asked(self) -> str:
        """What is asked where that is the same in all cases."""
        texts = {cell.asked for _, cell in self.cells}
        return texts.pop() if len(texts) == 1 else ""


@dataclass(frozen=True)
class Incident:
    """A submission's run in which something is to be looked at."""

    submission: str
    case: str
    text: str


@dataclass(frozen=True)
class RunSummary:
    """A run, in one profile and one origin, over the class.

    Attributes:
        submissions: how many have it.
        finished: how many cases finished, of all submissions together.
        total: how many cases there are.
    """

    id: str
    title: str
    profile: str
    origin: str
    smaller: str
    submissions: int
    finished: int
    total: int
    cases: tuple[str, ...]
    measures: tuple[MeasureSummary, ...]
    claims: tuple[Incident, ...]
    failed: tuple[Incident, ...]
    absent: tuple[Incident, ...]
    not_graded: tuple[Incident, ...]

    @property
    def rehearsal(self) -> bool:
        """Whether what its figures earn is shown, and is not marks."""
        return self.origin == "trained" and self.profile in REHEARSALS

    @property
    def name(self) -> str:
        """Unique in a page, fit for an id."""
        return f"class-{self.id}-{self.profile}-{self.origin}"

    @property
    def incidents(self) -> tuple[tuple[str, str, tuple[Incident, ...]], ...]:
        """Lists of what went wrong: kind of icon, heading, who."""
        kinds = (
            ("failed", "Claims that are not borne out", self.claims),
            ("failed", "Failed", self.failed),
            ("warning", "Not graded: our fault and not a zero", self.not_graded),
            ("waiting", "Not handed in", self.absent),
        )
        return tuple(kind for kind in kinds if kind[2])


def run_summaries(assignment: Assignment, results: Sequence[Result]) -> tuple[RunSummary, ...]:
    """The runs of a class, in the order of the assignment.

    Runs of different profiles have different thresholds, and are kept apart.
    """
    grouped: defaultdict[tuple[str, str, str], list[tuple[str, RunResult]]] = defaultdict(list)
    for result in results:
        for run in result.runs:
            grouped[run.run, run.profile, run.origin].append((result.submission, run))
    order = [run.id for run in assignment.description.runs]
    keys = sorted(
        grouped, key=lambda k: (order.index(k[0]) if k[0] in order else len(order), *k[1:])
    )
    return tuple(_summary(assignment, grouped[key]) for key in keys)


def _summary(assignment: Assignment, same: Sequence[tuple[str, RunResult]]) -> RunSummary:
    first = same[0][1]
    about = next((r for r in assignment.description.runs if r.id == first.run), None)
    order = list(about.cases) if about else []
    cases = sorted(
        {run.case for _, run in same},
        key=lambda case: (order.index(case) if case in order else len(order), case),
    )
    measures = [m for m in assignment.description.measures if m.run == first.run]
    profile = about.profiles.get(first.profile) if about else None
    return RunSummary(
        id=first.run,
        title=about.title if about else first.title,
        profile=first.profile,
        origin=first.origin,
        smaller=profile.note if profile and first.origin == "trained" else "",
        submissions=len({submission for submission, _ in same}),
        finished=sum(run.status == "finished" for _, run in same),
        total=len(same),
        cases=tuple(cases),
        measures=tuple(
            summary for m in measures if (summary := _measure(m, cases, same)) is not None
        ),
        claims=tuple(
            Incident(submission, run.case, contradiction(figure))
            for submission, run in same
            for figure in run.figures
            if figure.claim_is_borne_out is False
        ),
        failed=_incidents(same, "failed"),
        absent=_incidents(same, "absent"),
        not_graded=_incidents(same, "not_graded"),
    )


def _incidents(same: Sequence[tuple[str, RunResult]], status: str) -> tuple[Incident, ...]:
    return tuple(
        Incident(submission, run.case, run.problem)
        for submission, run in same
        if run.status == status
    )


def contradiction(figure: Figure) -> str:
    """A claim with the figure that does not bear it out."""
    return (
        f"{figure.title}: stated {display.number(figure.claim)}, "
        f"measured {display.measured(figure.value, figure.standard_error)}"
    )


def _measure(
    measure: Measure, cases: Sequence[str], same: Sequence[tuple[str, RunResult]]
) -> MeasureSummary | None:
    """The measure over the class; None where it was never taken."""
    cells = []
    for case in cases:
        figures = [
            (submission, figure)
            for submission, run in same
            if run.case == case
            for figure in run.figures
            if figure.measure == measure.name
        ]
        if figures:
            cells.append((case, _cell(measure, same[0][1].profile, figures)))
    if not cells:
        return None
    first = same[0][1]
    marked = {measure.question_in(first.profile, case) for case, _ in cells} - {None}
    question = next(iter(marked), None)
    return MeasureSummary(measure.name, measure.title, measure.unit, question, tuple(cells))


def _cell(measure: Measure, profile: ProfileName, figures: Sequence[tuple[str, Figure]]) -> Cell:
    judged = [f for _, f in figures if f.share is not None]
    threshold = next((f.threshold for f in judged if f.threshold is not None), None)
    # Each figure's own error of measuring comes to it, and is told on its own page.
    within = allowed(measure, profile) if measure.better == "near" else None
    return Cell(
        values=tuple((s, f.value) for s, f in figures if f.value is not None),
        reached=sum(f.share == 1.0 for f in judged),
        judged=len(judged),
        threshold=threshold,
        asked=asked(measure, threshold, within),
    )
