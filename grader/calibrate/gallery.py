"""What the reference's runs leave, as a page of the docs: pictures, figures and what they cost."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from grader.assignment import Assignment, ProfileName
from grader.marks.thresholds import Thresholds, read_thresholds
from grader.report import display
from grader.results import Figure, RunResult


def write_gallery(
    assignment: Assignment,
    results: Sequence[RunResult],
    profile: ProfileName,
    pictures: Path,
    folder: Path,
) -> Path:
    """Write `<name>.md` and a folder of pictures, `<name>/`, into a folder of the docs.

    Args:
        assignment: whose runs.
        results: of the reference, one for each case.
        profile: in which size they were run.
        pictures: what the results' pictures are relative to.
        folder: for the page; the pictures of an earlier page are removed.

    Returns:
        The page.

    Raises:
        AssignmentError: `thresholds.csv` or `costs.csv` is damaged.
    """
    beside = folder / assignment.name
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    lines = [
        f"# What the reference of {assignment.name} reaches",
        "",
        f"{assignment.description.title}. Written by "
        f"`grader gallery {assignment.name} --profile {profile}`; every picture is drawn and every "
        "figure measured by the harness, from what the reference left behind the wall.",
        "",
    ]
    order = {
        (run.id, case): number
        for number, (run, case) in enumerate(
            (run, case)
            for run in assignment.description.runs
            for case in run.cases_of(profile)
            if profile in run.profiles
        )
    }
    results = sorted(results, key=lambda r: order[r.run, r.case])
    thresholds = read_thresholds(assignment)
    for _, group in itertools.groupby(results, key=lambda r: r.run):
        cases = list(group)
        lines += _heading(assignment, cases[0], profile)
        for result in cases:
            lines += _case(result, pictures, beside)
        lines += _over_seeds(assignment, cases, thresholds)
    lines += _side_by_side(assignment, results)
    page = folder / f"{assignment.name}.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return page


def _heading(assignment: Assignment, result: RunResult, profile: ProfileName) -> list[str]:
    run = assignment.run(result.run)
    size = run.profiles[profile]
    about = [run.about, f"Smaller than asked: {size.note}." if size.note else ""]
    text = " ".join(text for text in about if text)
    return [f"## {run.title}", "", *([text, ""] if text else [])]


def _case(result: RunResult, pictures: Path, beside: Path) -> list[str]:
    lines = [f"### {result.title}", ""] if result.case else []
    cost = f"{display.count(result.steps, 'step')}, {result.seconds:.0f} s of processor time"
    data = "; ".join(result.data).rstrip(".") or "none"
    lines += [f"{cost}; data: {data}.", ""]
    if result.figures:
        lines += ["| figure | value | |", "| --- | ---: | --- |"]
        lines += [_row(figure) for figure in result.figures]
        lines.append("")
    for number, picture in enumerate(result.pictures, start=1):
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{result.run}-{result.case}-{number}").strip("-_")
        shutil.copyfile(pictures / picture.file, beside / f"{stem}.png")
        text = picture.alternative or picture.title
        lines += [f"**{picture.title}**", "", f"![{text}]({beside.name}/{stem}.png)", ""]
    return lines


def _over_seeds(
    assignment: Assignment, cases: Sequence[RunResult], thresholds: Thresholds
) -> list[str]:
    """What was calibrated of a run with several cases, a row for each: their order, and its luck.

    The pictures above are of one seed.
    """
    if len(cases) < 2:
        return []
    run = assignment.run(cases[0].run)
    measures = [m for m in assignment.description.measures if m.run == run.id]
    rows = {
        case.case: [thresholds.find(case.profile, run.id, case.case, m.name) for m in measures]
        for case in cases
    }
    seeds = sorted({found.n for row in rows.values() for found in row if found})
    if not seeds:
        return []
    some = " or ".join(map(str, seeds))
    return [
        f"### {run.title}: all cases",
        "",
        f"Mean ± standard deviation over {some} seeds, as `grader calibrate` found them.",
        "",
        f"| case | {' | '.join(m.title for m in measures)} |",
        "| --- |" + " ---: |" * len(measures),
        *(
            f"| {case} | {' | '.join(display.measured(f.mean, f.sd) if f else '' for f in row)} |"
            for case, row in rows.items()
        ),
        "",
    ]


def _row(figure: Figure) -> str:
    value = f"{display.measured(figure.value, figure.standard_error)} {figure.unit}"
    return f"| {figure.title} | {value} | {figure.note} |".replace("  ", " ")


def _side_by_side(assignment: Assignment, results: Sequence[RunResult]) -> list[str]:
    """The figures that several runs have in common, a column for each of these runs."""
    found: dict[str, dict[str, Figure]] = {}
    for result in results:
        if not result.case:
            for figure in result.figures:
                found.setdefault(figure.title, {})[result.run] = figure
    common = {title: figures for title, figures in found.items() if len(figures) > 1}
    if not common:
        return []
    runs = list(dict.fromkeys(run for figures in common.values() for run in figures))
    head = " | ".join(assignment.run(run).title for run in runs)
    lines = ["## Side by side", "", f"| figure | {head} |", "| --- |" + " ---: |" * len(runs)]
    for title, figures in common.items():
        values = (
            display.measured(figures[run].value, figures[run].standard_error)
            if run in figures
            else ""
            for run in runs
        )
        lines.append(f"| {title} | {' | '.join(values)} |")
    return [*lines, ""]
