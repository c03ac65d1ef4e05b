"""Runs the audit: every entry of the catalogue goes through the same batch as students' work."""

from __future__ import annotations

import random
import secrets as random_secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment
from grader.audit.rates import error_rates
from grader.audit.reach import record
from grader.audit.rubbish import grade_rubbish
from grader.audit.verdict import Audit, Verdict, uncovered, verdict_on, weak_checks
from grader.batch import engine
from grader.batch.ledger import BatchError, Progress
from grader.batch.task import Job, Task
from grader.catalogue import CatalogueError, Entry, grafted_file, read_catalogue
from grader.intake import Candidate
from grader.marks.scoring import completed
from grader.publish.skeleton import cut
from grader.results import Result
from grader.store.store import secret_id
from grader.suite.failures import SubmissionFailed
from grader.suite.local import ReferenceFailed
from grader.suite.plugin import SuiteError
from grader.wall.isolation import WallKind

# Secrets that one cell is graded with where one submission is graded with many.
PORTION = 20


@dataclass(frozen=True)
class _Work:
    """A submission by name, the secrets that one cell is graded with, what it is asked, and whether
    it is a mistake of the catalogue."""

    name: str
    secrets: Sequence[str]
    questions: frozenset[str] | None = None
    checks: frozenset[str] | None = None
    catalogued: bool = False


def audit(
    assignment: Assignment,
    *,
    wall: WallKind,
    jobs: int,
    secret: str | None = None,
    only: str | None = None,
    questions: frozenset[str] | None = None,
    thorough: bool = False,
    measure: int = 30,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Audit:
    """Grade reference, template, the whole catalogue and rubbish, and judge the suite by them.

    An entry is asked the checks that can reach what it changes; of every question a mistake and a
    variant, drawn by the secret, are asked all of them.

    Args:
        assignment: whose suite.
        wall: as for any batch.
        jobs: submissions at a time.
        secret: what inputs are drawn from; by default a new one.
        only: audit entries and rubbish whose name contains this, besides reference and template.
        questions: audit these questions alone, their entries and their checks; None: all.
        thorough: ask every entry every check, and grade every kind of rubbish.
        measure: secrets under which the statistical tests are measured on the reference.
        tell: is told of progress.

    Raises:
        CatalogueError: an entry is malformed.
        BatchError: the suite cannot be run.
    """
    started = time.monotonic()
    secret = secret or random_secrets.token_hex(16)
    entries = [
        e
        for e in read_catalogue(assignment)
        if (only is None or only in e.name)
        and (questions is None or e.question(assignment) in questions)
    ]
    made = _made_up(assignment, entries)
    tell(Progress(total=len(made), running=["which contracts each check reaches"]))
    task = Task(assignment.folder, assignment.reference, wall, secret)
    try:
        reach = record(assignment, task, questions)
        tell(Progress(total=len(made), running=["rubbish"]))
        rubbish = grade_rubbish(assignment, secret, only, questions, thorough=thorough, jobs=jobs)
    except (SuiteError, SubmissionFailed, ReferenceFailed) as error:
        raise BatchError(f"grading cannot start: {error}") from None
    mistakes = {e.name for e in entries if e.kind == "mistake"}
    able = {e.name: reach.of_entry(assignment, e) for e in entries}
    whole = frozenset(reach.checks)
    sample = {e.name for e in entries} if thorough else _sample(assignment, entries, secret)
    # Of the secret as well, so that an audit can be repeated exactly.
    fresh = [f"{secret} {number}" for number in range(0 if only else measure)]
    todo = [
        # First, because they take longest.
        *(
            _Work("reference", portion, questions, reach.statistical)
            for portion in _portions(fresh)
            if reach.statistical
        ),
        _Work("reference", [secret], questions),
        _Work("template", [secret], questions),
        *(
            _Work(name, [secret], questions, whole if name in sample else checks, name in mistakes)
            for name, checks in able.items()
        ),
    ]
    graded = _grade(assignment, made, wall, jobs, todo, tell)
    reference = graded["reference", secret]
    verdicts = []
    for name, entry in {
        "reference": None,
        "template": None,
        **{e.name: e for e in entries},
    }.items():
        result = graded[name, secret]
        if result.status == "graded":
            result = completed(assignment, result, reference)
        verdict = verdict_on(assignment, entry, _limited(result, questions))
        if entry is not None and name in sample:
            verdict.problems += _unforeseen(verdict, entry, able[name])
        verdicts.append(verdict)
    return Audit(
        assignment=assignment.name,
        assignment_digest=assignment.digest,
        secret_id=secret_id(secret),
        submissions=sum(len(work.secrets) for work in todo),
        asked=sum(len(graded[name, secret].checks) for name in able),
        verdicts=verdicts,
        checks=reach.checks,
        weak_checks=[] if only else weak_checks(verdicts, list(reach.checks)),
        uncovered=[] if only else uncovered(assignment, entries, questions),
        rates=error_rates(result for (name, _), result in graded.items() if name == "reference"),
        rubbish=rubbish,
        seconds=time.monotonic() - started,
    )


def _sample(assignment: Assignment, entries: Sequence[Entry], secret: str) -> set[str]:
    """Names of a mistake and a variant of each question."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        groups.setdefault((entry.question(assignment), entry.kind), []).append(entry.name)
    return {
        random.Random(f"{secret} {question} {kind}").choice(names)
        for (question, kind), names in groups.items()
    }


def _unforeseen(verdict: Verdict, entry: Entry, able: frozenset[str]) -> list[str]:
    """Checks that fail for an entry though the record says that they do not reach it."""
    return [
        f"{check}: fails, but when the reference was graded it did not call {entry.replaces}; let "
        "it ask the contract itself, or audit with --thorough, which asks every check"
        for check in verdict.failed
        if check not in able
    ]


def _limited(result: Result, questions: frozenset[str] | None) -> Result:
    """The result without the questions that were not asked."""
    if questions is None:
        return result
    asked = [q for q in result.questions if q.id in questions]
    return result.model_copy(update={"questions": asked})


def _portions(secrets: Sequence[str]) -> list[Sequence[str]]:
    """Our own code keeps nothing from one secret to the next, so one cell serves for several."""
    return [secrets[n : n + PORTION] for n in range(0, len(secrets), PORTION)]


def hunt_flakes(
    assignment: Assignment,
    *,
    wall: WallKind,
    jobs: int,
    repeat: int,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> tuple[int, list[str]]:
    """Grade the reference and all variants under `repeat` fresh secrets.

    A variant is the reference outside its own question, so only that is graded of it.

    Returns:
        How many checks were run, and every failure with the secret that shows it again.
    """
    entries = [e for e in read_catalogue(assignment) if e.kind == "variant"]
    made = {k: v for k, v in _made_up(assignment, entries).items() if k != "template"}
    wanted = [random_secrets.token_hex(16) for _ in range(repeat)]
    count, failures = 0, []
    own = {e.name: frozenset({e.question(assignment)}) for e in entries}
    todo = [_Work(name, portion, own.get(name)) for portion in _portions(wanted) for name in made]
    graded = _grade(assignment, made, wall, jobs, todo, tell)
    for (name, secret), result in graded.items():
        count += len(result.checks)
        failures += [
            f"{name}, secret {secret}, {c.id}: {c.rationale}"
            for c in result.checks
            if c.outcome != "passed"
        ]
        if result.problem:
            failures.append(f"{name}, secret {secret}: {result.problem}")
    return count, failures


def _made_up(assignment: Assignment, entries: list[Entry]) -> dict[str, dict[str, str]]:
    """Files of every submission of the audit, by name."""
    reference = {
        f.path: (assignment.reference / f.path).read_text(encoding="utf-8")
        for f in assignment.description.files
    }
    made = {
        "reference": reference,
        "template": {
            f.path: cut(reference[f.path], f.name, f.path).text
            for f in assignment.description.files
        },
    }
    for entry in entries:
        if entry.name in made:
            raise CatalogueError(f"{entry.place}: the name {entry.name} is taken")
        path = next(f.path for f in assignment.description.files if f.name == entry.module)
        made[entry.name] = {**reference, path: grafted_file(assignment, entry)}
    return made


def _grade(
    assignment: Assignment,
    made: Mapping[str, Mapping[str, str]],
    wall: WallKind,
    jobs: int,
    todo: Sequence[_Work],
    tell: Callable[[Progress], None],
) -> dict[tuple[str, str], Result]:
    """Results by name and secret, in the order of `todo`."""
    with tempfile.TemporaryDirectory(prefix="grader-audit-") as scratch:
        candidates = {name: _write(Path(scratch), name, files) for name, files in made.items()}
        found: dict[tuple[str, str], Result] = {}

        def save(result: Result) -> None:
            found[result.secret_id, result.submission] = result

        task = Task(assignment.folder, assignment.reference, wall, todo[0].secrets[0])
        # Verdicts look at outcomes and marks, and hints take long to find.
        work = [
            Job(
                candidates[w.name],
                w.secrets[0],
                w.questions,
                w.checks,
                hints=False,
                catalogued=w.catalogued,
                more_secrets=tuple(w.secrets[1:]),
            )
            for w in todo
        ]
        engine.grade_all(task, work, jobs=jobs, save=save, tell=tell)
    return {
        (w.name, secret): found[secret_id(secret), w.name] for w in todo for secret in w.secrets
    }


def _write(root: Path, name: str, files: Mapping[str, str]) -> Candidate:
    folder = root / name
    folder.mkdir()
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    return Candidate(name, folder)
