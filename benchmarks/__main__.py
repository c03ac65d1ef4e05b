"""`python -m benchmarks`: prints what grading costs, as medians and ratios of one run."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks import alone, classes, epochs, machine, others, slots, thousand
from benchmarks.figures import Figure, Section, Timing
from grader.assignment import Assignment, AssignmentError, find_assignment
from grader.publish.skeleton import cut
from grader.wall import isolation
from grader.wall.isolation import WallKind

TWENTY = Path(__file__).resolve().parent / "twenty"
REAL = "ift6135_a3"
JOBS = (1, 2)
SMALL_BAR_S = 0.15
SUITE_BAR_S = 1.5
WALL_FACTOR = 1.5
WALL_EXTRA_S = 0.15


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and end with 0 whatever the figures are."""
    options = _options(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console(width=None if Console().is_terminal else 110)
    walls: list[WallKind] = [f.wall for f in isolation.survey() if f.works]
    facts = machine.facts()
    _print_facts(console, facts)
    sections = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        twenty = Assignment(TWENTY, TWENTY / "reference")
        healthy = _healthy(twenty, Path(scratch, "twenty"))
        steps: list[Callable[[], Section]] = [lambda: _twenty(twenty, healthy, walls, options)]
        real, why_not = _real() if options.real else (None, "as asked")
        if real is None:
            console.print(f"{REAL} is left out: {why_not}", style="yellow", highlight=False)
        else:
            healthy_real = _healthy(real, Path(scratch, real.name))
            steps.append(lambda: _real_suite(real, healthy_real, walls, options))
            if options.epochs:
                steps.append(lambda: _epoch(real, options.epochs))
        if walls and options.size:
            steps.append(lambda: _class(twenty, healthy, walls[0], options))
            if real is not None:
                steps.append(lambda: _class(real, healthy_real, walls[0], options))
        if walls and options.thousand and real is not None:
            steps.append(lambda: _thousand(real, walls[0], options.thousand))
        for step in steps:
            section = step()
            sections.append(section)
            _print_section(console, section)
    if options.json:
        content = {"machine": facts, "sections": [s.as_json() for s in sections]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("-n", type=int, default=20, help="submissions to the small set")
    parser.add_argument("--real", type=int, default=7, help=f"submissions to {REAL}; 0: none")
    parser.add_argument("--alone", type=int, default=5, help="runs of plain pytest")
    parser.add_argument("--size", type=int, default=50, help="of the class; 0: no class")
    parser.add_argument(
        "--thousand", type=int, default=1000, help="of the class of different ones; 0: none"
    )
    parser.add_argument(
        "--no-others", action="store_true", help="install no other grader to compare with"
    )
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each loop; 0: none")
    options = parser.parse_args(arguments)
    if 0 < options.size <= max(JOBS):
        parser.error(f"--size: a class needs more than {max(JOBS)} submissions")
    return options


def _healthy(assignment: Assignment, folder: Path) -> Path:
    """A right submission: the reference's files, and nothing that Python has cached of them."""
    folder.mkdir()
    for source in assignment.description.files:
        shutil.copy(assignment.reference / source.path, folder)
    return folder


def _unfilled(assignment: Assignment, folder: Path) -> Path:
    """The files as students get them: in most checks they raise NotImplementedError."""
    for source in assignment.description.files:
        text = (assignment.reference / source.path).read_text(encoding="utf-8")
        skeleton = cut(text, source.name, source.path).text
        (folder / source.path).write_text(skeleton, encoding="utf-8")
    return folder


def _real() -> tuple[Assignment | None, str]:
    """The real assignment, or why it cannot be timed."""
    try:
        assignment = find_assignment(REAL)
    except AssignmentError as error:
        return None, str(error).splitlines()[0]
    if not any(assignment.hidden.glob("test_*.py")):
        return None, f"{assignment.hidden.name}/ holds no test"
    return assignment, ""


# --- the sections ---------------------------------------------------------------------------------


def _twenty(
    assignment: Assignment, healthy: Path, walls: list[WallKind], options: argparse.Namespace
) -> Section:
    times = slots.measure(assignment.folder, assignment.reference, healthy, None, walls, options.n)
    section = Section(f"{times.checks or 20} small value tests over 8 functions, per submission")
    rows = _steady(section, times)
    try:
        plain = alone.measure(
            assignment.folder / "plain" / "test_twenty.py",
            healthy,
            assignment.reference,
            options.alone,
        )
    except RuntimeError as error:
        section.remarks.append(str(error))
    else:
        rows["plain"] = section.timing("one plain pytest process each", plain)
    compared = {} if options.no_others else others.measure(assignment.folder, options.alone)
    for name, found in compared.items():
        if isinstance(found, str):
            section.remarks.append(found)
        else:
            rows[name] = section.timing(name, found)
    for wall in walls:
        ours = rows.get(slots.walled(wall))
        if ours is None:
            continue
        section.figures.append(Figure(f"{wall}, median", ours.median, "s", SMALL_BAR_S))
        if "plain" in rows:
            ratio = rows["plain"].median / ours.median
            section.figures.append(Figure(f"plain pytest / {wall}", ratio, "x"))
        for name in others.OTHERS:
            if name in rows:
                ratio = rows[name].median / ours.median
                section.figures.append(Figure(f"{name} / {wall}", ratio, "x"))
    _startup(section, times)
    return section


def _real_suite(
    assignment: Assignment, healthy: Path, walls: list[WallKind], options: argparse.Namespace
) -> Section:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        template = _unfilled(assignment, Path(scratch))
        times = slots.measure(
            assignment.folder, assignment.reference, healthy, template, walls, options.real
        )
    section = Section(f"the hidden suite of {assignment.name}, {times.checks} checks")
    rows = _steady(section, times)
    if times.unfilled:
        section.timing(f"the unfilled template behind {walls[0]}", times.unfilled)
    bare = rows.get(slots.DIRECT)
    if bare is not None:
        section.figures.append(
            Figure("without isolation, median, one core", bare.median, "s", SUITE_BAR_S)
        )
        for wall in walls:
            ours = rows[slots.walled(wall)]
            allowed = WALL_FACTOR * bare.median + WALL_EXTRA_S
            section.figures += [
                Figure(f"{wall} / without isolation", ours.median / bare.median, "x"),
                Figure(
                    f"{wall}, against {WALL_FACTOR:g} x without + {WALL_EXTRA_S:g} s",
                    ours.median,
                    "s",
                    allowed,
                ),
            ]
    _startup(section, times)
    return section


def _class(
    assignment: Assignment, healthy: Path, wall: WallKind, options: argparse.Namespace
) -> Section:
    section = Section(f"a class of {options.size}, {assignment.name}, behind {wall}")
    steady = {}
    for jobs in JOBS:
        times = classes.measure(
            assignment.folder, assignment.reference, healthy, wall, options.size, jobs
        )
        steady[jobs] = times.steady_rate
        section.figures += [
            Figure(f"--jobs {jobs}, start-up included", times.rate, "submissions/s"),
            Figure(f"--jobs {jobs}, once started", times.steady_rate, "submissions/s"),
        ]
        if times.not_graded:
            section.remarks.append(f"--jobs {jobs}: {times.not_graded} were not graded")
    section.figures.append(Figure("2 jobs / 1 job, once started", steady[2] / steady[1], "x"))
    if len(machine.cores()) < 2:
        section.remarks.append("this run has one core, so two jobs share it")
    return section


def _thousand(assignment: Assignment, wall: WallKind, size: int) -> Section:
    jobs = min(max(JOBS), len(machine.cores()))
    found = thousand.measure(assignment, wall, size, jobs)
    title = f"{size} submissions made of variants and mistakes, {assignment.name}, behind {wall}"
    section = Section(f"{title}, --jobs {jobs}")
    section.remarks.append(
        f"{found.different} of them are different; Ctrl-C ended the first batch with status "
        f"{found.status} and {found.kept} results, and the second kept those; in the end "
        + ", ".join(f"{count} {status}" for status, count in sorted(found.statuses.items()))
    )
    if not found.per_submission:
        section.remarks.append("too few were left for figures")
        return section
    tenths = [f"{seconds:.2f}" for seconds in found.per_submission]
    section.remarks.append(f"seconds of a slot per submission, by tenths: {' '.join(tenths)}")
    section.figures += [
        Figure("in all, from the first result to the last", found.seconds, "s"),
        Figure(
            "one submission in a slot, median of the tenths",
            statistics.median(found.per_submission),
            "s",
        ),
        Figure(
            "cost of a submission, last tenth / first", _last_by_first(found.per_submission), "x"
        ),
        Figure("memory of the batch, last tenth", found.memory[-1], "MiB"),
        Figure("memory of the batch, last tenth / first", _last_by_first(found.memory), "x"),
        Figure("memory with all slots, last tenth", found.slots_memory[-1], "MiB"),
        Figure(
            "memory with all slots, last tenth / first", _last_by_first(found.slots_memory), "x"
        ),
    ]
    section.figures += [
        Figure(f"time left as said / as it was, {share:.0%} done", ratio, "x")
        for share, ratio in found.estimates.items()
    ]
    return section


def _last_by_first(values: Sequence[float]) -> float:
    return values[-1] / values[0]


def _epoch(assignment: Assignment, repeats: int) -> Section:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        times = epochs.measure(assignment, Path(scratch), repeats)
    section = Section(f"one epoch of the VAE on {times.images} images, seconds an epoch")
    ours = section.timing("tensors in memory, as in the run", times.ours)
    notebook = section.timing("DataLoader over torchvision, as in a notebook", times.notebook)
    section.figures.append(Figure("notebook / ours", notebook.median / ours.median, "x"))
    section.remarks.append(times.data)
    return section


def _steady(section: Section, times: slots.SlotTimes) -> dict[str, Timing]:
    if times.problem:
        section.remarks.append(f"not measured: {times.problem}")
        return {}
    return {name: section.timing(name, seconds) for name, seconds in times.steady.items()}


def _startup(section: Section, times: slots.SlotTimes) -> None:
    for name, seconds in times.processor.items():
        section.figures.append(Figure(f"processor time: {name}", seconds, "s"))
    for name, seconds in times.startup.items():
        section.figures.append(Figure(f"once per slot: {name}", seconds, "s"))
    for name, seconds in times.first.items():
        section.figures.append(Figure(f"first submission: {name}", seconds, "s"))


# --- printing -------------------------------------------------------------------------------------


def _print_facts(console: Console, facts: dict[str, str]) -> None:
    table = Table(show_header=False, box=None)
    for name, text in facts.items():
        table.add_row(Text(name, style="bold"), Text(text))
    console.print(table)


def _print_section(console: Console, section: Section) -> None:
    console.print()
    console.print(Text(section.title, style="bold"))
    if section.timings:
        table = Table("seconds per submission")
        for name in ("n", "median", "lowest", "highest"):
            table.add_column(name, justify="right")
        for row in section.timings:
            numbers = (row.median, min(row.seconds), max(row.seconds))
            table.add_row(row.name, str(row.n), *(f"{value:.3f}" for value in numbers))
        console.print(table)
    if section.figures:
        table = Table("figure")
        table.add_column("value", justify="right")
        table.add_column("bar", justify="right")
        table.add_column("")
        for figure in section.figures:
            table.add_row(figure.name, _value(figure.value, figure.unit), *_bar(figure))
        console.print(table)
    for remark in section.remarks:
        console.print(Text(remark, style="yellow"))


def _value(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit != "s" else f"{value:.3f} s"


def _bar(figure: Figure) -> tuple[str, Text]:
    if figure.bar is None:
        return "", Text("")
    sign = ">=" if figure.at_least else "<="
    word = Text("met", style="green") if figure.met else Text("missed", style="red")
    return f"{sign} {_value(figure.bar, figure.unit)}", word


if __name__ == "__main__":
    raise SystemExit(main())
