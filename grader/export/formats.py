"""All export formats behind one function."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from grader.assignment import Assignment
from grader.export.gradebooks import write_canvas, write_csv, write_moodle
from grader.export.gradescope import gradescope_results
from grader.report.names import file_names
from grader.results import SCHEMA_VERSION, Result

Format = Literal["csv", "gradescope", "moodle", "canvas", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)


def export(
    assignment: Assignment, results: Sequence[Result], format: Format, path: Path
) -> list[Path]:
    """Write the marks of a class in one format.

    Formats:
        csv: a table with a column per question, see `write_csv`.
        gradescope: a folder with `<id>/results.json` for each submission, see
            `gradescope_results`.
        moodle: a grading worksheet, see `write_moodle`.
        canvas: a gradebook, see `write_canvas`.
        json: one object with `schema_version`, `assignment` (its name), `total_marks` and
            `results`, a list of all we know as `grader schema` describes it. For staff only: it
            holds the hidden inputs and the output.

    Args:
        assignment: what was graded.
        results: one per submission; written in the order of their ids.
        format: one of `FORMATS`.
        path: the file to write, for `gradescope` the folder.

    Returns:
        The files that were written.

    Raises:
        ValueError: there is no such format, or two results have the same submission id.
    """
    writer = _WRITERS.get(format)
    if writer is None:
        raise ValueError(f"there is no export format {format!r}; known: {', '.join(FORMATS)}")
    ordered = sorted(results, key=lambda result: result.submission)
    return writer(assignment, ordered, path)


def _one_file(
    write: Callable[[Assignment, Sequence[Result], Path], None],
) -> Callable[[Assignment, Sequence[Result], Path], list[Path]]:
    def writer(assignment: Assignment, results: Sequence[Result], path: Path) -> list[Path]:
        write(assignment, results, path)
        return [path]

    return writer


def _write_gradescope(assignment: Assignment, results: Sequence[Result], path: Path) -> list[Path]:
    names = file_names([r.submission for r in results])
    written = []
    for result in results:
        target = path / names[result.submission] / "results.json"
        _write_json(gradescope_results(assignment, result), target)
        written.append(target)
    return written


def _write_all(assignment: Assignment, results: Sequence[Result], path: Path) -> None:
    content = {
        "schema_version": SCHEMA_VERSION,
        "assignment": assignment.name,
        "total_marks": assignment.total_marks,
        "results": [_finite(result.model_dump(mode="python")) for result in results],
    }
    _write_json(content, path)


def _finite(value: Any) -> Any:
    """The same without numbers that JSON has not, as a claim that is NaN: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json(content: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # ASCII, so that half a surrogate pair in a file name is written as an escape, not refused.
    path.write_text(
        json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8", newline="\n"
    )


_WRITERS: dict[str, Callable[[Assignment, Sequence[Result], Path], list[Path]]] = {
    "csv": _one_file(write_csv),
    "gradescope": _write_gradescope,
    "moodle": _one_file(write_moodle),
    "canvas": _one_file(write_canvas),
    "json": _one_file(_write_all),
}
