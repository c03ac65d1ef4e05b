"""The statements of a notebook, each with its text and with what it binds and needs."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from grader.intake.cells import exported_cells, module_of, read_cells, statements_of
from grader.intake.compiled import compiles_to_too_much
from grader.intake.kinds import is_definition
from grader.intake.limits import Notes, shown
from grader.intake.needs import Names, names_of
from grader.intake.source import parse


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a code cell.

    Attributes:
        cell: number of the code cell, from 1.
        text: as it was typed.
        node: the statement.
        names: what it binds and needs.
    """

    cell: int
    text: str
    node: ast.stmt
    names: Names

    @property
    def place(self) -> tuple[int, int]:
        return self.cell, self.node.lineno

    @property
    def is_constant(self) -> bool:
        return isinstance(self.node, (ast.Assign, ast.AnnAssign))

    @property
    def is_future(self) -> bool:
        """Must it stand at the beginning of the module?"""
        return isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"


def read_statements(content: bytes, name: str, notes: Notes) -> list[Statement]:
    found = exported_cells(content) or read_cells(content)
    cells = [cell.source for cell in found if cell.is_code]
    written = {module_of(cell) for cell in cells} - {""}
    statements = []
    for number, cell in enumerate(cells, start=1):
        body = statements_of(cell)
        if body is None:
            notes.add(f"{shown(name)}: code cell {number} is not valid Python; left out")
            continue
        lines, nodes = body
        sound = not _compile_problem(nodes)
        for node, crowded in zip(nodes, _crowded(nodes), strict=True):
            if isinstance(node, ast.ImportFrom) and node.module in written:
                continue  # its definitions are in another cell
            place = f"{shown(name)}: code cell {number}: line {node.lineno}"
            try:
                text, names = _text(lines, node, crowded), names_of(node)
                problem = "" if sound else _compile_problem([node])
            except (RecursionError, MemoryError):
                notes.add(f"{place} is left out: it is nested too deeply")
                continue
            if problem:
                if is_definition(node):
                    notes.add(f"{place} is left out: {problem}")
                continue
            statements.append(Statement(number, text, node, names))
    return statements


def _compile_problem(statements: list[ast.stmt]) -> str:
    """Why Python refuses statements that it can parse; empty if it does not.

    In a notebook such a statement fails alone; in a module it would take all others with it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if any(map(compiles_to_too_much, statements)):
                return "would take too much to be compiled"
            compile(ast.Module(statements, []), "<cell>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return f"is not valid Python ({shown(str(getattr(error, 'msg', error)))})"
        except (RecursionError, MemoryError):
            return "is nested too deeply"
    return ""


def _text(lines: list[str], statement: ast.stmt, crowded: bool) -> str:
    """The statement as it was typed; rewritten where it shares its lines with another."""
    if crowded:
        return ast.unparse(statement)
    typed = "\n".join(lines[_first_line(statement) - 1 : statement.end_lineno])
    again = parse(typed)
    alone = again is not None and len(again.body) == 1
    return typed if alone else ast.unparse(statement)


def _crowded(statements: Sequence[ast.stmt]) -> list[bool]:
    """Of each, whether it shares a line with the one before or after it.

    Found out once for all of them: to parse a line anew for each of the thousands of statements
    that may be on it takes hours.
    """
    shared = [
        _first_line(following) <= (statement.end_lineno or statement.lineno)
        for statement, following in pairwise(statements)
    ]
    edges = zip([False, *shared], [*shared, False], strict=True)
    return [before or after for before, after in edges][: len(statements)]


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(node.lineno for node in decorators)])
