"""Runs the audit: every entry of the catalogue goes through the same batch as students' work."""

from __future__ import annotations

import secrets as random_secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from grader.assignment import Assignment
from grader.audit.rates import error_rates
from grader.audit.verdict import Audit, judge, uncovered, weak_checks
from grader.batch import engine
from grader.batch.ledger import Progress
from grader.batch.task import Job, Task
from grader.catalogue import CatalogueError, Entry, grafted_file, read_catalogue
from grader.intake import Candidate
from grader.publish.skeleton import cut
from grader.results import Result
from grader.store.store import secret_id
from grader.wall.isolation import WallKind

# Secrets that one cell is graded with in a hunt for flakes.
PORTION = 20
# How the reference is called when one of its files is taken away.
WITHOUT = "reference without "


def audit(
    assignment: Assignment,
    *,
    wall: WallKind,
    jobs: int,
    secret: str | None = None,
    only: str | None = None,
    measure: int = 30,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Audit:
    """Grade the reference, the template and the whole catalogue, and judge the suite by it.

    A question that the reference keeps when a file is taken away does not depend on that file, so
    entries that replace a part of it are not asked that question again.

    Args:
        assignment: whose suite.
        wall: as for any batch.
        jobs: submissions at a time.
        secret: what inputs are drawn from; by default a new one.
        only: audit entries whose name contains this, besides reference and template.
        measure: secrets under which the statistical tests are measured on the reference.
        tell: is told of progress.

    Raises:
        CatalogueError: an entry is malformed.
        BatchError: the suite cannot be run.
    """
    started = time.monotonic()
    secret = secret or random_secrets.token_hex(16)
    entries = [e for e in read_catalogue(assignment) if only is None or only in e.name]
    made = _made_up(assignment, entries)
    # Of the secret as well, so that an audit can be repeated exactly.
    fresh = [f"{secret} {number}" for number in range(0 if only else measure)]
    bare = {
        f"{WITHOUT}{f.name}": _without(made["reference"], f.path) for f in assignment.about.files
    }
    first = {name: made[name] for name in ("reference", "template")} | bare
    todo = [(name, [secret]) for name in first] + [("reference", [s]) for s in fresh]
    graded = _grade(assignment, first, wall, jobs, todo, tell)
    whole = graded["reference", secret]
    depending = {
        f.name: _lost(whole, graded[f"{WITHOUT}{f.name}", secret]) for f in assignment.about.files
    }
    results = {name: graded[name, secret] for name in ("reference", "template")}
    if entries:
        asked = {e.name: depending[e.module] for e in entries}
        more = [(e.name, [secret]) for e in entries]
        some = _grade(assignment, made, wall, jobs, more, tell, asked)
        results |= {name: _completed(some[name, secret], whole, asked[name]) for name in asked}
        todo += more
    by_name = {e.name: e for e in entries}
    verdicts = [judge(assignment, by_name.get(name), result) for name, result in results.items()]
    checks = {c.id: c.question for c in results["reference"].checks}
    return Audit(
        assignment=assignment.name,
        assignment_digest=assignment.digest,
        secret_id=secret_id(secret),
        submissions=len(todo),
        verdicts=verdicts,
        checks=checks,
        weak_checks=[] if only else weak_checks(verdicts, list(checks)),
        uncovered=[] if only else uncovered(assignment, entries),
        rates=error_rates(result for (name, _), result in graded.items() if name == "reference"),
        seconds=time.monotonic() - started,
    )


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
    # Our own code keeps nothing from one secret to the next, so one cell serves for several.
    portions = [wanted[n : n + PORTION] for n in range(0, repeat, PORTION)]
    todo = [(name, portion) for portion in portions for name in made]
    graded = _grade(assignment, made, wall, jobs, todo, tell, own)
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


def _without(files: Mapping[str, str], path: str) -> dict[str, str]:
    return {name: text for name, text in files.items() if name != path}


def _lost(whole: Result, bare: Result) -> frozenset[str]:
    """Questions with a check that is not as it was, once something had been taken away."""
    before = {c.id: c.outcome for c in whole.checks}
    lost = {c.question for c in bare.checks if before.get(c.id) != c.outcome}
    # Nothing could be read: everything depends on it.
    return frozenset(lost if bare.checks else {c.question for c in whole.checks})


def _completed(result: Result, whole: Result, asked: frozenset[str]) -> Result:
    """The result with the reference's marks and checks in the questions that were not asked."""
    return result.model_copy(
        update={
            "questions": [
                mine if mine.id in asked else theirs
                for mine, theirs in zip(result.questions, whole.questions, strict=True)
            ],
            "checks": [
                *result.checks,
                *(c for c in whole.checks if c.question not in asked),
            ],
        }
    )


def _made_up(assignment: Assignment, entries: list[Entry]) -> dict[str, dict[str, str]]:
    """Files of every submission of the audit, by name."""
    reference = {
        f.path: (assignment.reference / f.path).read_text(encoding="utf-8")
        for f in assignment.about.files
    }
    made = {
        "reference": reference,
        "template": {
            f.path: cut(reference[f.path], f.name, f.path).text for f in assignment.about.files
        },
    }
    for entry in entries:
        if entry.name in made:
            raise CatalogueError(f"{entry.place}: the name {entry.name} is taken")
        path = next(f.path for f in assignment.about.files if f.name == entry.module)
        made[entry.name] = {**reference, path: grafted_file(assignment, entry)}
    return made


def _grade(
    assignment: Assignment,
    made: dict[str, dict[str, str]],
    wall: WallKind,
    jobs: int,
    todo: list[tuple[str, list[str]]],
    tell: Callable[[Progress], None],
    questions: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> dict[tuple[str, str], Result]:
    """Results by name and secret, in the order of `todo`; of some names, certain questions alone.

    Args:
        todo: names, each with the secrets that one cell is graded with.
    """
    with tempfile.TemporaryDirectory(prefix="grader-audit-") as scratch:
        candidates = {name: _write(Path(scratch), name, files) for name, files in made.items()}
        found: dict[tuple[str, str], Result] = {}

        def save(result: Result) -> None:
            found[result.secret_id, result.submission] = result

        task = Task(assignment.folder, assignment.reference, wall, todo[0][1][0])
        work = [
            Job(candidates[name], first, questions.get(name), tuple(more))
            for name, (first, *more) in todo
        ]
        engine.grade_all(task, work, jobs=jobs, save=save, tell=tell)
    return {
        (name, secret): found[secret_id(secret), name]
        for name, secrets in todo
        for secret in secrets
    }


def _write(root: Path, name: str, files: dict[str, str]) -> Candidate:
    folder = root / name
    folder.mkdir()
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    return Candidate(name, folder)
