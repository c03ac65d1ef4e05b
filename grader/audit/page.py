"""The audit as a page of the docs: what is caught by what, with a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from grader.assignment import Assignment
from grader.audit.verdict import Audit, Verdict, test_name

CELL_INCHES = 0.13
DPI = 110


def write_page(assignment: Assignment, found: Audit, folder: Path) -> Path:
    """Write `<name>.md` and `<name>.png` into a folder of the docs.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{assignment.name}.png"
    mistakes = [v for v in found.verdicts if v.kind == "mistake"]
    draw_matrix(mistakes, found.checks, picture)
    page = folder / f"{assignment.name}.md"
    page.write_text(_page(assignment, found, mistakes, picture.name), encoding="utf-8")
    return page


def draw_matrix(mistakes: Sequence[Verdict], checks: dict[str, str], path: Path) -> None:
    """The kill matrix: a row for each mistake, a column for each check, dark where it fails."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    import numpy as np

    columns = list(checks)
    matrix = np.array([[c in v.failed for c in columns] for v in mistakes], dtype=float)
    matrix = matrix.reshape(len(mistakes), len(columns))
    width, height = len(columns) * CELL_INCHES + 4.2, len(mistakes) * CELL_INCHES + 1.0
    with mpl.rc_context({"font.size": 7, "font.family": "DejaVu Sans"}):
        figure, axes = plt.subplots(figsize=(width, height), dpi=DPI, layout="constrained")
        # A faint tint marks where a mistake may fail checks: in its own question.
        own = np.array([[0.12 * (checks[c] == v.question) for c in columns] for v in mistakes])
        axes.imshow(
            np.maximum(matrix, own.reshape(matrix.shape)),
            cmap="Blues",
            vmin=0,
            vmax=1.15,
            aspect="equal",
            interpolation="nearest",
        )
        axes.set_yticks(range(len(mistakes)), [v.name for v in mistakes])
        ticks, labels, edge = [], [], 0
        for question, group in groupby(columns, key=lambda c: checks[c]):
            size = len(list(group))
            ticks.append(edge + (size - 1) / 2)
            labels.append(question)
            edge += size
            axes.axvline(edge - 0.5, color="0.6", linewidth=0.6)
        axes.set_xticks(ticks, labels)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        # Tight, so that the longest name fits.
        figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)


def _page(assignment: Assignment, found: Audit, mistakes: list[Verdict], picture: str) -> str:
    variants = [v for v in found.verdicts if v.kind == "variant"]
    lines = [
        f"# Audit of {assignment.name}",
        "",
        f"Written by `grader audit {assignment.name} --docs docs/audit`. "
        f"{len(mistakes)} mistakes, {len(variants)} variants, {len(found.checks)} checks, "
        f"{len(found.problems)} problems.",
        "",
        "A row is a catalogued mistake, a column is a check of the hidden suite, grouped by",
        "question. Dark: the mistake fails the check. A faint tint marks the mistake's own",
        "question; nothing outside it may be dark.",
        "",
        f"![Which mistake fails which check]({picture})",
        "",
        "## Mistakes",
        "",
        "| question | mistake | checks that catch it | marks lost | what the student reads |",
        "| --- | --- | --- | --- | --- |",
    ]
    for v in mistakes:
        caught = ", ".join(f"`{test_name(c)}`" for c in v.failed[:3])
        more = f" and {len(v.failed) - 3} more" if len(v.failed) > 3 else ""
        lost = f"{sum(v.lost.values()):.2f}"
        row = f"{v.question} | `{v.name}` | {caught}{more} | {lost} | {v.text}"
        lines.append(f"| {row} |")
    lines += [
        "",
        "## Variants",
        "",
        "| question | variant | why it is right |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {v.question} | `{v.name}` | {v.text} |" for v in variants]
    if found.rates:
        lines += ["", "## Error rates of the statistical tests", ""]
        lines += [
            "Promised rates follow from distributions; the measured ones are of the reference",
            "under fresh secrets. Uniformity is the p-value of the p-values, where they are exact.",
            "",
            "| check | test | catches | false-fail | miss | measured | failures | smallest p "
            "| uniformity |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for r in found.rates:
            uniformity = "a bound" if r.uniformity is None else f"{r.uniformity:.2f}"
            lines.append(
                f"| `{test_name(r.check)}` | {r.test} | {r.effect} | {r.false_fail:.1e} "
                f"| {r.miss:.1e} | {r.measured} | {r.failures} | {r.smallest_p:.1e} "
                f"| {uniformity} |"
            )
    if found.rubbish:
        lines += ["", "## Rubbish", ""]
        lines += [
            "Each kind stands in the place of all contracts at once. It has the form of what is",
            "asked for and computes nothing of it.",
            "",
            "| kind | what it gives | keeps of all | dearest question | keeps of it |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{k.name}` | {k.text} | {k.share:.1%} | {k.dearest} | {k.dearest_share:.1%} |"
            for k in found.rubbish
        ]
    if found.weak_checks:
        lines += ["", "## Checks that no mistake fails", ""]
        lines += [f"* `{test_name(check)}` ({found.checks[check]})" for check in found.weak_checks]
    if found.problems:
        lines += ["", "## Problems", "", *(f"* {problem}" for problem in found.problems)]
    return "\n".join(lines) + "\n"
