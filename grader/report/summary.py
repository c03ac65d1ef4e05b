"""The figures of a whole class: spreads, pass rates, frequent failures, misconceptions."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from grader.assignment import Assignment, Kind, Question
from grader.marks.rounding import decimals, rounded
from grader.report.attention import Attention, who_needs_attention
from grader.report.run_summary import RunSummary, run_summaries
from grader.report.submission import earned_share
from grader.results import Check, Result

# The bands of a question's marks, from nothing to everything.
BANDS = ("no marks", "under half", "half or more", "full marks")
_FULL = 1 - 1e-9


@dataclass(frozen=True)
class Spread:
    """How a list of numbers is spread; `sd` is None for fewer than two."""

    mean: float
    sd: float | None
    low: float
    lower_quartile: float
    median: float
    upper_quartile: float
    high: float
    total: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """The spread of some numbers; None when there are none."""
        if not values:
            return None
        alone = len(values) == 1
        lower, median, upper = (
            (values[0],) * 3 if alone else statistics.quantiles(values, method="inclusive")
        )
        return cls(
            mean=statistics.fmean(values),
            sd=None if alone else statistics.stdev(values),
            low=min(values),
            lower_quartile=lower,
            median=median,
            upper_quartile=upper,
            high=max(values),
            total=math.fsum(values),
        )


@dataclass(frozen=True)
class QuestionSummary:
    """How the class did in one question; `bands` counts submissions as `BANDS` names them."""

    id: str
    title: str
    kind: Kind
    marks: float
    bands: tuple[int, ...]
    mean: float | None

    @property
    def decided(self) -> int:
        return sum(self.bands)


@dataclass(frozen=True)
class CheckSummary:
    """How the class did in one check; what we could not grade counts on neither side."""

    question: str
    title: str
    passed: int
    failed: int
    not_graded: int

    @property
    def rate(self) -> float | None:
        """Share of the graded submissions that pass; None when none was graded."""
        graded = self.passed + self.failed
        return self.passed / graded if graded else None


@dataclass(frozen=True)
class Failure:
    """Submissions that failed one check with the same rationale."""

    question: str
    title: str
    rationale: str
    count: int


@dataclass(frozen=True)
class Misconception:
    """Submissions whose output equals that of one catalogued mistake."""

    mistake: str
    text: str
    questions: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class ClassSummary:
    """Everything that the class page says in numbers, worked out from the results on demand."""

    assignment: Assignment
    results: tuple[Result, ...]

    @cached_property
    def graded(self) -> int:
        """How many submissions could be read and graded."""
        return sum(r.status == "graded" for r in self.results)

    @cached_property
    def marked(self) -> tuple[Result, ...]:
        """Graded results with a decided question; only these enter the statistics of marks."""
        return tuple(r for r in self.results if r.status == "graded" and r.decided_marks > 0)

    @cached_property
    def marks(self) -> Spread | None:
        return Spread.of([r.awarded for r in self.marked])

    @cached_property
    def scale(self) -> float:
        """Marks that could be earned so far."""
        return max((r.decided_marks for r in self.marked), default=0.0)

    @cached_property
    def decimals(self) -> int:
        """How many decimals a column of marks needs: none while all are whole."""
        step = self.assignment.description.rounding
        whole = all(rounded(r.awarded, step) % 1 == 0 for r in self.results)
        return 0 if whole else decimals(step)

    @cached_property
    def seconds(self) -> Spread | None:
        return Spread.of([r.seconds for r in self.results])

    @cached_property
    def attention(self) -> list[Attention]:
        return who_needs_attention(self.assignment, self.results)

    @cached_property
    def questions(self) -> list[QuestionSummary]:
        return [self._question(question) for question in self.assignment.description.questions]

    @cached_property
    def checks(self) -> list[CheckSummary]:
        """Every check, the one that fewest pass first."""
        order = {q.id: n for n, q in enumerate(self.assignment.description.questions)}
        grouped: defaultdict[tuple[str, str], list[Check]] = defaultdict(list)
        for check in self._all_checks():
            grouped[check.question, check.id].append(check)
        summaries = [_check(same) for same in grouped.values()]
        return sorted(
            summaries,
            key=lambda c: (
                2.0 if c.rate is None else c.rate,
                order.get(c.question, len(order)),
                c.title,
            ),
        )

    @cached_property
    def failures(self) -> list[Failure]:
        """What went wrong in the same words for the same check, the most frequent first."""
        titles: dict[tuple[str, str], str] = {}
        counts: Counter[tuple[str, str, str]] = Counter()
        for check in self._all_checks():
            if check.outcome == "failed":
                titles.setdefault((check.question, check.id), check.title)
                counts[check.question, check.id, check.rationale] += 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [
            Failure(question, titles[question, check], rationale, count)
            for (question, check, rationale), count in ranked
        ]

    @cached_property
    def misconceptions(self) -> list[Misconception]:
        """Catalogued mistakes by the number of submissions that show them."""
        texts: dict[str, str] = {}
        where: defaultdict[str, set[str]] = defaultdict(set)
        counts: Counter[str] = Counter()
        for result in self.results:
            made = set()
            for check in result.checks:
                for hint in check.hints:
                    texts.setdefault(hint.mistake, hint.text)
                    where[hint.mistake].add(check.question)
                    made.add(hint.mistake)
            counts.update(made)
        return [
            Misconception(mistake, texts[mistake], tuple(sorted(where[mistake])), count)
            for mistake, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]

    @cached_property
    def runs(self) -> tuple[RunSummary, ...]:
        return run_summaries(self.assignment, self.results)

    @cached_property
    def rehearsal(self) -> str:
        """What was only rehearsed; of several submissions the longest list."""
        return max((result.rehearsal for result in self.results), key=len, default="")

    @cached_property
    def without_wall(self) -> int:
        """Submissions whose code ran with nothing between it and us."""
        return sum(r.environment is not None and r.environment.wall == "none" for r in self.results)

    @cached_property
    def versions(self) -> int:
        """How many pairs of hidden suite and secret there are; one is as it should be."""
        return len({(r.assignment_digest, r.secret_id) for r in self.results})

    def _all_checks(self) -> Iterable[Check]:
        return (check for result in self.results for check in result.checks)

    def _question(self, question: Question) -> QuestionSummary:
        shares = [
            earned_share(mark.awarded, mark.marks)
            for result in self.marked
            for mark in result.questions
            if mark.id == question.id and mark.awarded is not None
        ]
        counts = Counter(_band(share) for share in shares)
        return QuestionSummary(
            id=question.id,
            title=question.title,
            kind=question.kind,
            marks=question.marks,
            bands=tuple(counts[n] for n in range(len(BANDS))),
            mean=statistics.fmean(shares) * question.marks if shares else None,
        )


def _band(share: float) -> int:
    if share <= 0:
        return 0
    if share < 0.5:
        return 1
    return 3 if share >= _FULL else 2


def _check(same: Sequence[Check]) -> CheckSummary:
    """Sum up one check over the class."""
    outcomes = Counter(check.outcome for check in same)
    return CheckSummary(
        question=same[0].question,
        title=same[0].title,
        passed=outcomes["passed"],
        failed=outcomes["failed"],
        not_graded=outcomes["not_graded"],
    )
