"""`grader audit`: grades the graders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from grader.assignment import Assignment, ProfileName
from grader.batch.ledger import BatchError
from grader.catalogue import CatalogueError
from grader.cli.app import (
    app,
    assignment_or_stop,
    console,
    errors,
    print_table,
    runs_or_stop,
    stop,
)
from grader.cli.options import IsolationOption, JobsOption
from grader.cli.progress import ProgressDisplay
from grader.data import DataError, cache_folder, data_root
from grader.wall import isolation as walls
from grader.wall.errors import WallError

if TYPE_CHECKING:
    from grader.audit.runs import RunsAudit
    from grader.audit.verdict import Audit


@app.command("audit")
def audit_(
    name: Annotated[str, typer.Argument(help="Name of the assignment.")],
    jobs: JobsOption = 0,
    isolation: IsolationOption = "auto",
    only: Annotated[
        str | None,
        typer.Option(help="Audit the entries and the rubbish with this text in their names."),
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(help="Audit this question alone; give it again for others."),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough", help="Ask every entry every check, not only those that can reach it."
        ),
    ] = False,
    repeat: Annotated[
        int,
        typer.Option(
            min=0, help="Hunt for flakes: grade reference and variants under this many secrets."
        ),
    ] = 0,
    secret: Annotated[
        str | None, typer.Option(help="The secret that inputs are drawn from.")
    ] = None,
    runs: Annotated[
        ProfileName | None,
        typer.Option(help="Audit the training runs instead, in this size."),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(help="With --runs: this run alone, by its id; may be repeated."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of real data sets; else GRADER_DATA.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON.")] = False,
    docs: Annotated[
        Path | None, typer.Option(help="Folder in which to write the audit as a page.")
    ] = None,
) -> None:
    """Grade the graders: full marks for the reference and every right variant, none for the
    template, every catalogued mistake caught on its own question and nowhere else, and next to
    none for rubbish, which has the form of what is asked for and computes nothing of it.

    An entry is asked the checks that can reach what it changes, and some entries of each question
    are asked all of them.

    With --runs, grade the measures and thresholds of training runs: all marks for the reference
    and every right run, next to none for trivial solutions, and for each wrong run no more than it
    may keep. What was trained stays in the cache.

    Example: grader audit ift6135_a3

    Example: grader audit ift6135_a3 --question q1.3

    Example: grader audit ift6135_a3 --runs smoke --run dirac
    """
    # It needs scipy's distributions, for which no other command should wait.
    from grader.audit.grading import audit
    from grader.audit.page import write_page
    from grader.suite.local import ReferenceFailed

    assignment = assignment_or_stop(name)
    questions = _questions_or_stop(assignment, question or [])
    jobs = jobs or len(os.sched_getaffinity(0))
    try:
        wall = walls.choose(isolation)
        if runs is not None:
            _audit_runs(assignment, runs, wall, jobs, data, run or [], only, secret, as_json)
            return
        if repeat:
            _hunt(assignment, wall, jobs, repeat)
            return
        with ProgressDisplay() as tell:
            found = audit(
                assignment,
                wall=wall,
                jobs=jobs,
                secret=secret,
                only=only,
                questions=questions,
                thorough=thorough,
                tell=tell,
            )
    except (CatalogueError, WallError, BatchError, DataError, ReferenceFailed) as error:
        stop(str(error))
    if docs is not None:
        write_page(assignment, found, docs)
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(1)


def _audit_runs(
    assignment: Assignment,
    profile: ProfileName,
    wall: walls.WallKind,
    jobs: int,
    data: Path | None,
    only_runs: list[str],
    only: str | None,
    secret: str | None,
    as_json: bool,
) -> None:
    from grader.audit.runs import audit_runs

    with ProgressDisplay() as tell:
        found = audit_runs(
            assignment,
            profile=profile,
            wall=wall,
            jobs=jobs,
            out=cache_folder() / "audit" / assignment.name,
            # Always the same unless one is given, so that what was trained is found again.
            secret=secret or "audit",
            data=data_root(data),
            runs=runs_or_stop(assignment, only_runs),
            only=only,
            tell=tell,
        )
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        _show_runs(found)
    if found.problems:
        raise typer.Exit(1)


def _show_runs(found: RunsAudit) -> None:
    table = Table(
        Column("run", no_wrap=True),
        Column("what was tried", overflow="fold"),
        Column("kind", no_wrap=True),
        Column("keeps", justify="right"),
        Column("may keep", justify="right"),
        title=f"What runs keep of their marks, profile {found.profile}",
    )
    for v in found.verdicts:
        kept = Text("open", style="dim")
        if v.kept is not None:
            kept = Text(f"{v.kept:.0%}", style="bold red" if v.problems else "green")
        table.add_row(v.run, v.name, v.kind, kept, f"{v.keeps:.0%}")
    print_table(table)
    for line in found.problems:
        console.print(Text(line, style="red"), soft_wrap=True)
    undecided = sum(v.kept is None for v in found.verdicts)
    console.print(
        f"{len(found.verdicts)} runs, {undecided} without marks in this size, "
        f"{len(found.problems)} problems, {found.seconds:.0f} s",
        highlight=False,
    )


def _questions_or_stop(assignment: Assignment, asked: list[str]) -> frozenset[str] | None:
    """The questions that were asked for, None for all; ends the program if one has no checks."""
    known = [q.id for q in assignment.description.questions if q.kind == "unit"]
    for question in asked:
        if question not in known:
            stop(f"--question {question}: no unit question; there are {', '.join(known)}")
    return frozenset(asked) or None


def _hunt(assignment: Assignment, wall: walls.WallKind, jobs: int, repeat: int) -> None:
    from grader.audit.grading import hunt_flakes

    with ProgressDisplay() as tell:
        count, failures = hunt_flakes(assignment, wall=wall, jobs=jobs, repeat=repeat, tell=tell)
    for failure in failures:
        console.print(Text(failure, style="red"), soft_wrap=True)
    console.print(f"{count} checks over {repeat} secrets: {len(failures)} failures")
    if failures:
        raise typer.Exit(1)


def _show(found: Audit) -> None:
    table = Table("question", "mistakes", "caught", "variants", "accepted", "checks")
    for question in sorted({v.question for v in found.verdicts if v.question}, key=_natural):
        rows = [v for v in found.verdicts if v.question == question]
        mistakes = [v for v in rows if v.kind == "mistake"]
        variants = [v for v in rows if v.kind == "variant"]
        table.add_row(
            question,
            str(len(mistakes)),
            _share(sum(not v.problems for v in mistakes), len(mistakes)),
            str(len(variants)),
            _share(sum(not v.problems for v in variants), len(variants)),
            str(sum(q == question for q in found.checks.values())),
        )
    print_table(table)
    print_table(_extremes(found))
    if found.rates:
        print_table(_rates(found))
    if found.rubbish:
        print_table(_rubbish(found))
    for line in found.problems:
        console.print(Text(line, style="red"), soft_wrap=True)
    if found.weak_checks:
        errors.print("No catalogued mistake fails: " + ", ".join(found.weak_checks), markup=False)
    kinds = [v.kind for v in found.verdicts]
    if known := sum(v.by_the_catalogue for v in found.verdicts):
        console.print(
            f"{known} mistakes keep marks for their form because they are catalogued: nothing "
            "else shows that they are an attempt",
            highlight=False,
        )
    asked = found.asked / max(1, len(found.checks) * sum(bool(v.question) for v in found.verdicts))
    console.print(
        f"{kinds.count('mistake')} mistakes, {kinds.count('variant')} variants, "
        f"{len(found.checks)} checks ({asked:.0%} of them asked), "
        f"{len(found.problems)} problems, {found.seconds:.0f} s",
        highlight=False,
    )


def _extremes(found: Audit) -> Table:
    from grader.audit.verdict import extremes

    table = Table(
        "question",
        Column("dearest mistake", overflow="fold"),
        Column("costs", justify="right"),
        Column("cheapest mistake", overflow="fold"),
        Column("costs", justify="right"),
        title="What mistakes cost of their questions",
    )
    both = extremes(found.verdicts)
    for question in sorted(both, key=_natural):
        row = [question]
        for verdict in both[question]:
            row += [verdict.name, f"{verdict.lost.get(question, 0.0):.2f}"]
        table.add_row(*row)
    return table


def _rates(found: Audit) -> Table:
    # Few columns, so that nothing is cut on a terminal of 80.
    table = Table(
        Column("check, statistical test", overflow="fold"),
        Column("promised", no_wrap=True),
        Column("measured", no_wrap=True),
        title="Error rates: promised, and measured",
        show_lines=True,
    )
    for rate in found.rates:
        uniformity = "a bound" if rate.uniformity is None else f"{rate.uniformity:.2f}"
        table.add_row(
            # As text: the parameters of a test, in brackets, are not markup.
            Text(f"{rate.check.partition('::')[2]}\n{rate.test}; catches {rate.effect}"),
            f"false-fail {rate.false_fail:.1e}\nmiss       {rate.miss:.1e}",
            f"{rate.failures} of {rate.measured} failed\nsmallest p {rate.smallest_p:.1e}\n"
            f"uniformity {uniformity}",
        )
    return table


def _rubbish(found: Audit) -> Table:
    table = Table(
        Column("rubbish", no_wrap=True),
        Column("keeps of all", justify="right"),
        Column("dearest question"),
        Column("keeps of it", justify="right"),
        title="What rubbish keeps of the marks",
    )
    for kept in sorted(found.rubbish, key=lambda k: -k.share):
        style = "bold red" if kept.problems else "green"
        shares = (Text(f"{share:.1%}", style=style) for share in (kept.share, kept.dearest_share))
        table.add_row(kept.name, next(shares), kept.dearest, next(shares))
    return table


def _share(good: int, all_: int) -> Text:
    return Text(str(good), style="green" if good == all_ else "bold red")


def _natural(question: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdigit() else (0, p) for p in question.split(".")]
