"""The table of marks on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from grader.assignment import Assignment, Question
from grader.cli.app import console
from grader.marks.rounding import decimals, written
from grader.report.display import column
from grader.results import QuestionMark, Result

# Columns of the table besides those of the questions.
NARROW = 36


def marks_table(assignment: Assignment, results: Sequence[Result]) -> Table:
    """Marks per question and in all, a row for each submission; per part if space is short.

    Questions of kind `run` are shown once one of the results has marks for them.
    """
    shown = _shown(assignment, results)
    runs = any(q.kind == "run" for q in shown)
    counted = {q.id for q in _shown(assignment, results, rehearsed=False)}
    title = f"{assignment.description.title}: unit-tested questions"
    title += " and training runs" if runs else ""
    if sentence := rehearsed_only(results):
        title += f"\nin brackets: {sentence}"
    if console.width < NARROW + 7 * len(shown):
        counting = [q for q in shown if q.id in counted]
        return _table_of_parts(assignment, counting, results, title.replace("in brackets: ", ""))
    step = assignment.description.rounding
    table = Table("submission", title=title)
    for question in shown:
        table.add_column(question.id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    table.add_row(
        "(out of)",
        *(f"{q.marks:g}" for q in shown),
        f"{sum(q.marks for q in shown if q.id in counted):g}",
        "",
        style="dim",
    )
    for result in results:
        marks = {q.id: q for q in result.questions}
        cells = [_cell_of(marks.get(q.id), q.marks, step) for q in shown]
        total = _total(result, step)
        table.add_row(Text(result.submission), *cells, total, f"{result.seconds:.1f}")
    return table


def _shown(
    assignment: Assignment, results: Sequence[Result], *, rehearsed: bool = True
) -> list[Question]:
    decided = {
        q.id
        for result in results
        for q in result.questions
        if q.awarded is not None or (rehearsed and q.rehearsed is not None)
    }
    return [
        q
        for q in assignment.description.questions
        if q.kind == "unit" or (q.kind == "run" and q.id in decided)
    ]


def _table_of_parts(
    assignment: Assignment, shown: Sequence[Question], results: Sequence[Result], title: str
) -> Table:
    step = assignment.description.rounding
    table = Table("submission", title=title)
    parts = [
        (part.id, [q for q in assignment.description.questions_of(part.id) if q in shown])
        for part in assignment.description.parts
    ]
    for part_id, _ in parts:
        table.add_column(part_id, justify="right")
    table.add_column("sum", justify="right", style="bold")
    table.add_column("s", justify="right", style="dim")
    sums = [sum(q.marks for q in questions) for _, questions in parts]
    table.add_row("(out of)", *(f"{s:g}" for s in sums), f"{sum(sums):g}", "", style="dim")
    for result in results:
        marks = {q.id: q.awarded for q in result.questions}
        cells = []
        for (_, questions), total in zip(parts, sums, strict=True):
            decided = [marks.get(q.id) for q in questions]
            known = [m for m in decided if m is not None]
            cells.append(_cell(sum(known) if len(known) == len(decided) else None, total, step))
        whole = _total(result, step)
        table.add_row(Text(result.submission), *cells, whole, f"{result.seconds:.1f}")
    return table


def _total(result: Result, step: float) -> Text:
    words = {"unreadable": "unreadable", "not_graded": "not graded"}
    return Text(words.get(result.status) or column(result.awarded, decimals(step), step))


def rehearsed_only(results: Sequence[Result]) -> str:
    """What was only rehearsed, in the words that the pages have; of several the longest."""
    return max((result.rehearsal for result in results), key=len, default="")


def _cell_of(mark: QuestionMark | None, marks: float, step: float) -> Text:
    if mark is not None and mark.awarded is None and mark.rehearsed is not None:
        return Text(f"({_cell(mark.rehearsed, marks, step).plain})", style="dim")
    return _cell(mark.awarded if mark else None, marks, step)


def _cell(awarded: float | None, marks: float, step: float) -> Text:
    if awarded is None:
        return Text("-", style="dim")
    style = "green" if awarded == marks else "red" if awarded == 0 else "yellow"
    return Text(written(awarded, step), style=style)
