"""Turns a skeleton into a notebook: text before every code cell, one cell for each definition."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader.assignment import Assignment, SourceFile

_SEED = """\
import numpy as np
import torch

SEED = {seed}
np.random.seed(SEED)
torch.manual_seed(SEED)"""
_HOW = (
    "Fill in every function that raises `NotImplementedError`, and keep its name and parameters. "
    "Cells of your own that load data, train or plot are welcome anywhere. `python -m pytest` in "
    "this folder runs the public tests; it takes imports, functions, classes and constants from "
    "here, and runs no loop of yours."
)


def as_notebook(assignment: Assignment, source: SourceFile, skeleton: str) -> str:
    """A notebook with the content of a skeleton.

    Args:
        assignment: whose questions are named before each contract.
        source: the file.
        skeleton: its text, without solutions.

    Returns:
        The notebook's JSON, the same each time.
    """
    tree = ast.parse(skeleton)
    title = ast.get_docstring(tree) or source.path
    cells = [new_markdown_cell(f"# {title}\n\n{_HOW}")]  # type: ignore[no-untyped-call]
    seed = assignment.description.notebook_rules.seed
    if seed is not None:
        cells += _pair("## The seed of everything random", _SEED.format(seed=seed))
    for heading, code in _sections(skeleton, tree):
        cells += _pair(_heading(assignment, source, heading), code)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # nbformat draws them
    notebook = new_notebook(  # type: ignore[no-untyped-call]
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def _pair(text: str, code: str) -> list[nbformat.NotebookNode]:
    return [
        new_markdown_cell(text),  # type: ignore[no-untyped-call]
        new_code_cell(code),  # type: ignore[no-untyped-call]
    ]


def _sections(skeleton: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and code of each cell: a function or class, or, without a name, what is between."""
    lines = skeleton.splitlines()
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    begin = tree.body[0].end_lineno or 0 if body is not tree.body else 0
    plain_from = begin
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            begin = node.end_lineno or begin
            continue
        if code := _joined(lines[plain_from:begin]):
            yield "", code
        end = node.end_lineno or begin
        # Comments above a definition go with it.
        yield node.name, _joined(lines[begin:end])
        plain_from = begin = end
    if code := _joined(lines[plain_from:]):
        yield "", code


def _joined(lines: list[str]) -> str:
    return inspect.cleandoc("\n".join(["", *lines])) if any(map(str.strip, lines)) else ""


def _heading(assignment: Assignment, source: SourceFile, name: str) -> str:
    if not name:
        return "What the functions below need."
    asked = [
        f"{q.id} {q.title} ({q.marks:g} {'mark' if q.marks == 1 else 'marks'})"
        for q in assignment.description.questions
        if any(c.split(".")[:2] == [source.name, name] for c in q.contracts)
    ]
    return "\n\n".join([f"## `{name}`", *([f"Question {'; '.join(asked)}."] if asked else [])])
