"""The statements of a notebook, each with its text and with what it binds and needs."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from grader.intake.limits import MAX_PARSED, Notes, shown
from grader.intake.notebooks.cells import (
    Cell,
    exported_cells,
    is_notebook,
    problem_of,
    read_cells,
    statements_of,
)
from grader.intake.notebooks.compiled import compiles_to_too_much
from grader.intake.notebooks.kinds import is_definition
from grader.intake.notebooks.magics import written_file
from grader.intake.notebooks.needs import Names, names_of
from grader.intake.notebooks.source import code_size, parse

_DEFINES = re.compile(r"^[ \t]{0,3}(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z_]\w{0,60})", re.M)
_SHOWN_NAMES = 8


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a code cell.

    Attributes:
        cell: index of the cell.
        where: file and cell, for people.
        line: on which its text begins, in the cell or in the script.
        text: as it was typed.
        node: the statement.
        base: the node's line on which the text begins.
        whole: the text was written anew, so its lines are not the student's.
        names: what it binds and needs.
    """

    cell: int
    where: str
    line: int
    text: str
    node: ast.stmt
    base: int
    whole: bool
    names: Names

    @property
    def at(self) -> tuple[int, int]:
        return self.cell, self.line

    @property
    def place(self) -> str:
        return f"{self.where}, line {self.line}"

    @property
    def is_constant(self) -> bool:
        return isinstance(self.node, (ast.Assign, ast.AnnAssign))

    @property
    def is_future(self) -> bool:
        """Must it stand at the beginning of the module?"""
        return isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"


@dataclass
class Statements:
    """What was read of a notebook.

    Attributes:
        kept: in the order of the cells.
        lost: of names in cells that Python cannot read, the reason, with the place.
    """

    kept: list[Statement] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)


def cells_of(content: bytes) -> list[Cell]:
    """The cells of a notebook or of a script, which is a single one where it is not divided.

    Raises:
        UnreadableEntryError: it is neither.
    """
    if found := exported_cells(content):
        return found
    is_json = is_notebook(content) or content.lstrip().startswith((b"{", b"["))
    if not is_json and (tree := parse(content)) is not None and tree.body:
        return [Cell("code", content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n"))]
    return read_cells(content)


def read_statements(content: bytes, name: str, notes: Notes) -> Statements:
    """The statements of all cells that Python can read.

    Args:
        content: a notebook or a script.
        name: what to call it in notes.
        notes: told of every cell that is left out.

    Raises:
        UnreadableEntryError: it is neither.
    """
    cells = [cell for cell in cells_of(content) if cell.is_code]
    written = {f.module for cell in cells if (f := written_file(cell.source))} - {""}
    result, room = Statements(), MAX_PARSED
    for index, cell in enumerate(cells):
        where = ", ".join(filter(None, (shown(name), cell.label)))
        size = code_size(cell.source)
        body = statements_of(cell.source) if size <= room else None
        if body is None:
            line, problem = problem_of(cell.source)
            if size > room:
                problem = "the notebook holds more code than is read"
            reason = f"{where}, line {line + cell.line - 1}: {shown(problem)}"
            names = list(dict.fromkeys(_DEFINES.findall(cell.source[:MAX_PARSED])))
            result.lost |= dict.fromkeys(names, reason)
            notes.add(f"{reason}; the cell was left out{_with_it(names)}")
            continue
        room -= size
        lines, nodes = body
        sound = not _compile_problem(nodes)
        for node, crowded in zip(nodes, _crowded(nodes), strict=True):
            if isinstance(node, ast.ImportFrom) and node.module in written:
                continue  # its definitions are in another cell
            line = cell.line + (0 if cell.moved else first_line(node) - 1)
            place = f"{where}, line {line}"
            try:
                problem = "" if sound else _compile_problem([node])
                if not problem:
                    result.kept.append(
                        _statement(lines, node, crowded, index, where, line, cell.moved)
                    )
            except (RecursionError, MemoryError):
                problem = "is nested too deeply"
            if problem and is_definition(node):
                bound = getattr(node, "name", "")
                if bound:
                    result.lost[bound] = f"{place}: {problem}"
                notes.add(f"{place} is left out: {problem}")
    for statement in result.kept:
        for bound in statement.names.binds & result.lost.keys():
            del result.lost[bound]
    return result


def _with_it(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = len(names) - _SHOWN_NAMES
    return (
        ", and with it "
        + ", ".join(names[:_SHOWN_NAMES])
        + (f" and {more} more" if more > 0 else "")
    )


def _statement(
    lines: list[str],
    node: ast.stmt,
    crowded: bool,
    cell: int,
    where: str,
    line: int,
    moved: bool,
) -> Statement:
    text, base = _typed(lines, node, crowded), first_line(node)
    whole = moved
    if text is None:
        text, base, whole = ast.unparse(node), 1, True
        again = parse(text)
        if again is not None:
            node = again.body[0]
    return Statement(cell, where, line, text, node, base, whole, names_of(node))


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


def _typed(lines: list[str], statement: ast.stmt, crowded: bool) -> str | None:
    """The statement as it was typed; None where it shares its lines with another."""
    if crowded:
        return None
    typed = "\n".join(lines[first_line(statement) - 1 : statement.end_lineno])
    again = parse(typed)
    return typed if again is not None and len(again.body) == 1 else None


def _crowded(statements: Sequence[ast.stmt]) -> list[bool]:
    """Of each, whether it shares a line with the one before or after it.

    Found out once for all of them: to parse a line anew for each of the thousands of statements
    that may be on it takes hours.
    """
    shared = [
        first_line(following) <= (statement.end_lineno or statement.lineno)
        for statement, following in pairwise(statements)
    ]
    edges = zip([False, *shared], [*shared, False], strict=True)
    return [before or after for before, after in edges][: len(statements)]


def first_line(statement: ast.stmt) -> int:
    """Of the node's lines, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(node.lineno for node in decorators)])
