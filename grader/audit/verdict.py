"""What the audit asks of each submission it makes, and what it found."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from grader.assignment import Assignment
from grader.audit.rates import ErrorRate
from grader.audit.rates import problems as rate_problems
from grader.audit.rubbish import Kept
from grader.catalogue import Entry
from grader.marks.scoring import BY_THE_CATALOGUE
from grader.results import Result

SCHEMA_VERSION = 1
# What a mistake that is marked central has to cost of its question, at the least.
LEAST_OF_CENTRAL = 1 / 3


class Verdict(BaseModel):
    """One made-up submission and whether the suite did right by it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str  # 'reference', 'template', 'mistake' or 'variant'
    replaces: str
    question: str
    lost: dict[str, float]  # marks lost, by question, where any
    failed: list[str]  # checks that failed
    problems: list[str]  # why the suite is wrong; empty when it is right
    text: str = ""
    place: str = ""
    by_the_catalogue: bool = False  # that it is an attempt would not be seen otherwise


class Audit(BaseModel):
    """The whole audit, as `grader audit --json` prints it."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    assignment: str
    assignment_digest: str
    secret_id: str
    submissions: int
    asked: int  # checks that were asked of mistakes and variants
    verdicts: list[Verdict]
    checks: dict[str, str]  # id and question of every check
    weak_checks: list[str]  # checks that no mistake fails
    uncovered: list[str]  # contracts without any mistake or without any variant
    rates: list[ErrorRate]  # of the statistical tests
    rubbish: list[Kept] = []  # what each kind of rubbish keeps
    seconds: float

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, a line each; of a reference that fails, that alone, since
        every entry is made from it."""
        if failing := [f"reference: {p}" for v in self._of("reference") for p in v.problems]:
            return [*failing, "all entries are made from the reference, so nothing else is listed"]
        lines = [f"template: {p}" for v in self._of("template") for p in v.problems]
        lines += [
            f"{v.kind} {v.name}: {p}"
            for kind in ("mistake", "variant")
            for v in self._of(kind)
            for p in v.problems
        ]
        lines += [f"rubbish {k.name}: {p}" for k in self.rubbish for p in k.problems]
        return [*lines, *rate_problems(self.rates), *self.uncovered]

    def _of(self, kind: str) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.kind == kind]


def verdict_on(assignment: Assignment, entry: Entry | None, result: Result) -> Verdict:
    """Whether the suite did right by a submission.

    Args:
        assignment: whose suite.
        entry: the entry it was made from; None for the reference and the template.
        result: what the suite said.
    """
    units = [q for q in result.questions if q.kind == "unit"]
    kind = entry.kind if entry else result.submission
    problems = [f"{q.id}: not graded ({q.note})" for q in units if q.awarded is None]
    lost = {
        q.id: q.marks - q.awarded for q in units if q.awarded is not None and q.awarded < q.marks
    }
    failed = [c.id for c in result.checks if c.outcome != "passed"]
    if result.problem:
        problems.append(result.problem)
    if kind in ("reference", "variant"):
        problems += [f"{q}: lost {marks:.3g} marks" for q, marks in lost.items()]
        problems += [f"{c.id}: {c.rationale}" for c in result.checks if c.id in failed]
    elif kind == "template":
        problems += [f"{q.id}: got {q.awarded:.3g} marks" for q in units if q.awarded]
    elif entry is not None:
        problems += _judge_mistake(assignment, entry, lost, result)
    return Verdict(
        name=entry.name if entry else result.submission,
        kind=kind,
        replaces=entry.replaces if entry else "",
        question=entry.question(assignment) if entry else "",
        lost=lost,
        failed=failed,
        problems=problems,
        text=entry.text if entry else "",
        place=entry.place if entry else "",
        by_the_catalogue=BY_THE_CATALOGUE in result.notes,
    )


def _judge_mistake(
    assignment: Assignment, entry: Entry, lost: dict[str, float], result: Result
) -> list[str]:
    question = entry.question(assignment)
    problems = [
        f"{q}: lost {marks:.3g} marks for a mistake in {question}"
        for q, marks in lost.items()
        if q != question
    ]
    problems += [
        f"{c.id}: {c.rationale}"
        for c in result.checks
        if c.outcome != "passed" and c.question != question
    ]
    marks = assignment.question(question).marks
    if question not in lost:
        problems.append(f"{question}: lost nothing")
    elif entry.group.central and lost[question] < LEAST_OF_CENTRAL * marks:
        problems.append(
            f"{question}: lost {lost[question]:.3g} of {marks:g} marks for what the question is "
            "about; a third is the least"
        )
    own = [c for c in result.checks if c.question == question]
    known = {name for c in own for name in _names(c.id)}
    problems += [
        f"names {name}, which is not a check of {question}; its checks are "
        + ", ".join(dict.fromkeys(test_name(c.id).partition("[")[0] for c in own))
        for name in entry.fails
        if name not in known
    ]
    if not any(_names(c.id) & set(entry.fails) and c.outcome != "passed" for c in own):
        problems.append("fails none of the checks it names: " + ", ".join(entry.fails))
    return problems


def extremes(verdicts: Sequence[Verdict]) -> dict[str, tuple[Verdict, Verdict]]:
    """Of each question the mistake that costs most of it, and the one that costs least."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.kind == "mistake":
            groups.setdefault(verdict.question, []).append(verdict)

    def cost(verdict: Verdict) -> float:
        return verdict.lost.get(verdict.question, 0.0)

    return {q: (max(some, key=cost), min(some, key=cost)) for q, some in groups.items()}


def test_name(check_id: str) -> str:
    """`test_x[a]` of `test_file.py::test_x[a]`."""
    return check_id.rpartition("::")[2]


def _names(check_id: str) -> set[str]:
    """What an entry may call a check: with its class or without, with its parameters or without."""
    inside = check_id.partition("::")[2]
    names = {inside, test_name(check_id)}
    return names | {name.partition("[")[0] for name in names}


def weak_checks(verdicts: Sequence[Verdict], checks: Sequence[str]) -> list[str]:
    """Checks that no mistake fails: they may be testing nothing."""
    killed = {c for v in verdicts if v.kind == "mistake" for c in v.failed}
    return [c for c in checks if c not in killed]


def uncovered(
    assignment: Assignment, entries: Sequence[Entry], questions: frozenset[str] | None = None
) -> list[str]:
    """Contracts of unit questions for which the catalogue lacks a mistake or a variant.

    Args:
        assignment: whose questions.
        entries: of the catalogue.
        questions: the questions to look at; None: all.
    """
    contracts = [
        c
        for q in assignment.description.questions
        if q.kind == "unit" and (questions is None or q.id in questions)
        for c in q.contracts
    ]
    return [
        f"{contract} has no {kind}"
        for contract in contracts
        for kind in ("mistake", "variant")
        if not any(e.kind == kind and e.replaces == contract for e in entries)
    ]
