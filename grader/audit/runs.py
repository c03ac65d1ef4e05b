"""What wrong and right runs keep of the marks: the audit of thresholds and measures.

A run whose contracts were changed is trained behind the wall, in the same batch as students' work.
Artefacts that an entry made, and those of trivial solutions, are measured as if a run had left
them. Figures become marks by the same rule; in a rehearsal, which gives none, by what they would
be.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from grader.assignment import Assignment, ProfileName, Run
from grader.batch import engine
from grader.batch.ledger import BatchError, Progress
from grader.batch.plan import planned, run_task
from grader.batch.task import RunJob, Task
from grader.calibrate.trivial import measured_trivial
from grader.catalogue import CatalogueError, RunEntry, grafted_file, read_runs
from grader.intake import Candidate
from grader.marks.judging import decide, judge
from grader.marks.scoring import nothing
from grader.marks.thresholds import read_thresholds
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import MeasureError
from grader.results import Result, RunResult
from grader.runs.artefacts import Artefacts
from grader.runs.loading import load_parts
from grader.runs.measured import Measured
from grader.runs.measuring import Measurer
from grader.runs.train import seed_of
from grader.wall.isolation import WallKind

# What a run may keep that learnt nothing.
MOST_OF_TRIVIAL = 0.05
REFERENCE = "reference"
# Of a share of the marks.
ROUNDING = 1e-9


class RunVerdict(BaseModel):
    """One entry, in the run that it is tried in.

    Attributes:
        kind: "reference", "trivial", "wrong run" or "right run".
        kept: the share of the marks of the run's questions; None where none of them is decided in
            this size.
        keeps: the share that it may keep at most, or, of a right run, has to keep.
        lost: the judgement of each figure that has not its full share.
        problems: why measures or thresholds are wrong; empty when they are right.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str
    run: str
    kept: float | None
    keeps: float
    lost: list[str]
    problems: list[str]
    text: str = ""
    place: str = ""


class RunsAudit(BaseModel):
    """The whole audit of runs, as `grader audit --runs --json` prints it."""

    model_config = ConfigDict(extra="forbid")

    assignment: str
    assignment_digest: str
    profile: ProfileName
    verdicts: list[RunVerdict]
    seconds: float

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, a line each."""
        return [f"{v.kind} {v.name}: {p}" for v in self.verdicts for p in v.problems]


def audit_runs(
    assignment: Assignment,
    *,
    profile: ProfileName,
    wall: WallKind,
    jobs: int,
    out: Path,
    secret: str,
    data: Path | None = None,
    runs: Sequence[str] = (),
    only: str | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> RunsAudit:
    """Grade the reference, trivial solutions, and every wrong and right run of the catalogue.

    Args:
        assignment: whose runs.
        profile: in which size.
        wall: as for any batch.
        jobs: runs at a time.
        out: a folder for artefacts; what is there already is not trained again.
        secret: what seeds are drawn from.
        data: folder of the real data sets.
        runs: ids of runs; none: all of them.
        only: audit entries whose name contains this.
        tell: is told of progress.

    Raises:
        CatalogueError: an entry is malformed.
        DataError: a data set is missing.
        ReferenceFailed: measures or entries cannot be imported, or fail.
        BatchError: the batch cannot start, or a run could not be graded.
    """
    started = time.monotonic()
    wanted = {run.id: run for run, _ in planned(assignment, profile, runs)}
    entries = [
        entry
        for entry in read_runs(assignment)
        if entry.run in wanted and (only is None or only in entry.name)
    ]
    found: dict[tuple[str, str], list[RunResult]] = defaultdict(list)
    said: dict[tuple[str, str], RunEntry | str] = {}
    if only is None or only in REFERENCE:
        said |= {(run, REFERENCE): REFERENCE for run in wanted}
    said |= {(entry.run, entry.name): entry for entry in entries}
    for place, result in _trained(
        assignment,
        profile,
        said,
        wall=wall,
        jobs=jobs,
        out=out,
        secret=secret,
        data=data,
        tell=tell,
    ):
        found[place].append(result)
    measurer = Measurer(assignment, profile, data)
    for run, case, solutions in measured_trivial(assignment, profile, data, runs):
        for name, measured in solutions.items():
            if only is None or only in name:
                said[run.id, name] = "trivial"
                figures = measurer.figures(run, measured)
                found[run.id, name].append(_result(run, case, profile, figures=figures))
    for entry in entries:
        if entry.changed is None:
            found[entry.run, entry.name] += _made(assignment, entry, measurer, profile, secret)
    verdicts = [
        _verdict(assignment, wanted[place[0]], place[1], what, found[place])
        for place, what in said.items()
    ]
    order = list(wanted)
    return RunsAudit(
        assignment=assignment.name,
        assignment_digest=assignment.digest,
        profile=profile,
        verdicts=sorted(verdicts, key=lambda v: order.index(v.run)),
        seconds=time.monotonic() - started,
    )


def _trained(
    assignment: Assignment,
    profile: ProfileName,
    said: dict[tuple[str, str], RunEntry | str],
    *,
    wall: WallKind,
    jobs: int,
    out: Path,
    secret: str,
    data: Path | None,
    tell: Callable[[Progress], None],
) -> list[tuple[tuple[str, str], RunResult]]:
    """The results of the reference and of entries that change a contract."""
    candidates: dict[str, Candidate] = {}
    todo = []
    for (run, name), what in said.items():
        entry = None if isinstance(what, str) else what.changed
        if entry is None and what != REFERENCE:
            continue
        if name not in candidates:
            folder = out / "submissions" / name
            folder.mkdir(parents=True, exist_ok=True)
            for file in assignment.description.files:
                text = (assignment.reference / file.path).read_text(encoding="utf-8")
                if entry is not None and entry.module == file.name:
                    text = grafted_file(assignment, entry)
                (folder / file.path).write_text(text, encoding="utf-8")
            candidates[name] = Candidate(name, folder)
        todo += [
            RunJob(candidates[name], secret, run, case)
            for _, case in planned(assignment, profile, [run])
        ]
    training = run_task(assignment, profile, out, data, sorted({job.run for job in todo}))
    results = []

    def save(job: RunJob, result: RunResult) -> None:
        if result.status == "not_graded":
            raise BatchError(f"{job.candidate.id}, {result.title}: {result.problem}")
        results.append(((job.run, job.candidate.id), result))

    def no_units(result: Result) -> None:
        raise AssertionError(f"no unit was asked for, got {result.submission}")

    task = Task(assignment.folder, assignment.reference, wall, secret, runs=training)
    if todo:
        engine.grade_all(task, todo, jobs=jobs, save=no_units, save_run=save, tell=tell)
    return results


def _made(
    assignment: Assignment, entry: RunEntry, measurer: Measurer, profile: ProfileName, secret: str
) -> Iterable[RunResult]:
    """The results of an entry that makes artefacts."""
    what = "wrong_runs" if entry.kind == "wrong run" else "right_runs"
    parts = load_parts(assignment, what)  # type: ignore[arg-type]
    make: Any = next(vars(m)[entry.name] for m in parts.values() if entry.name in vars(m))
    for run, case in planned(assignment, profile, [entry.run]):
        context = measurer.context(run, case, seed_of(run, case, secret, entry.name))
        artefacts = make(context)
        if not isinstance(artefacts, Artefacts):
            raise CatalogueError(f"{entry.place}: {entry.name} returns no Artefacts")
        try:
            measured: Measured = measurer.measure(run, artefacts, context)
        except (ArtefactError, MeasureError) as error:
            yield _result(run, case, profile, status="failed", problem=str(error))
        else:
            figures = measurer.figures(run, measured)
            yield _result(run, case, profile, figures=figures)


def _result(run: Run, case: str, profile: ProfileName, **more: Any) -> RunResult:
    return RunResult.model_validate(
        {
            "run": run.id,
            "case": case,
            "title": f"{run.title}: {case}" if case else run.title,
            "profile": profile,
            "origin": "trained",
            "status": "finished",
            **more,
        }
    )


def _verdict(
    assignment: Assignment,
    run: Run,
    name: str,
    what: RunEntry | str,
    results: Sequence[RunResult],
) -> RunVerdict:
    judged = judge(assignment, read_thresholds(assignment), results)
    decided = [
        (question, worth)
        for question in decide(assignment, nothing(assignment, None, ""), judged)
        if (worth := _worth(question.awarded, question.rehearsed)) is not None
    ]
    total = sum(question.marks for question, _ in decided)
    kept = sum(worth for _, worth in decided) / total if total else None
    entry = None if isinstance(what, str) else what
    kind = what if isinstance(what, str) else what.kind
    right = kind in (REFERENCE, "right run")
    keeps = 1.0 if right else entry.keeps if entry else MOST_OF_TRIVIAL
    lost = [f"{r.title}: {r.problem}" for r in judged if r.status != "finished"]
    lost += [
        f"{r.title}: {figure.title}: {figure.judgement}"
        for r in judged
        for figure in r.figures
        if figure.share is not None and figure.share < 1
    ]
    problems = []
    if kept is not None and right and kept < 1 - ROUNDING:
        problems = [f"keeps {kept:.0%} of the marks of run {run.id}: {'; '.join(lost)}"]
    elif kept is not None and not right and kept > keeps + ROUNDING:
        problems = [f"keeps {kept:.0%} of the marks of run {run.id}; it may keep {keeps:.0%}"]
    return RunVerdict(
        name=name,
        kind=kind,
        run=run.id,
        kept=kept,
        keeps=keeps,
        lost=lost,
        problems=problems,
        text=entry.text if entry else "",
        place=entry.place if entry else "",
    )


def _worth(awarded: float | None, rehearsed: float | None) -> float | None:
    """What a question gives, or would give were it no rehearsal."""
    return awarded if awarded is not None else rehearsed
