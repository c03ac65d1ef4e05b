"""Changes that let a definition of a notebook stand in a module and mean the same."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.intake.notebooks.needs import annotations_of, evaluated, free_names, loaded
from grader.intake.notebooks.places import mark
from grader.intake.notebooks.source import Function, parse
from grader.intake.notebooks.statements import Statement


def marked(statement: Statement) -> str:
    """The statement as it is, under a comment that says where it was."""
    return f"{mark(statement.where, statement.line, statement.whole)}\n{statement.text}"


def guarded(statement: Statement, otherwise: str = "pass") -> str:
    """The statement as source text that goes on, and says so, where it raises.

    Its lines follow each other as they did, so that a traceback finds them.
    """
    told = f"{statement.place} failed when the module was imported:"
    return (
        f"try:  {mark(statement.where, statement.line, statement.whole)}\n"
        f"{_indented(statement)}\n"
        "except (Exception, SystemExit) as _problem:\n"
        f"    print({told!r}, type(_problem).__name__, _problem)\n"
        f"    {otherwise}"
    )


def attempt(text: str, otherwise: str) -> str:
    """A line that goes on with another one, without a word, where it raises."""
    return f"try:\n    {text}\nexcept Exception:\n    {otherwise}"


def _indented(statement: Statement) -> str:
    """The text, four columns further in, except within strings, whose value it would change."""
    within = set()
    for node in ast.walk(statement.node):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
        ):
            within |= set(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
    lines = statement.text.split("\n")
    return "\n".join(
        line if statement.base + index in within or not line else "    " + line
        for index, line in enumerate(lines)
    )


def edited(statement: Statement, edits: Sequence[tuple[ast.expr, str]]) -> Statement:
    """The statement with other text in the place of some of its expressions.

    The lines stay where they are if that can be done; else all of it is written anew.
    """
    if not edits:
        return statement
    lines = [line.encode() for line in statement.text.split("\n")]
    ordered = sorted(edits, key=lambda e: (e[0].lineno, e[0].col_offset), reverse=True)
    sound = True
    for node, text in ordered:
        first, last = node.lineno - statement.base, (node.end_lineno or 0) - statement.base
        if not 0 <= first <= last < len(lines) or node.end_col_offset is None:
            sound = False
            break
        old = lines[first : last + 1]
        if isinstance(node, ast.Name) and (
            old[0][node.col_offset : node.end_col_offset] != node.id.encode()
        ):
            sound = False  # within an f-string, whose places some versions of Python do not know
            break
        end = old[-1][node.end_col_offset :]
        new = old[0][: node.col_offset] + text.encode() + (end if first == last else b"")
        blank = [b""] * max(last - first - 1, 0)
        lines[first : last + 1] = [new, *blank, *([end] if first != last else [])]
    text = b"\n".join(lines).decode(errors="replace")
    again = parse(text) if sound else None
    if again is not None and len(again.body) == 1:
        return replace(statement, text=text, node=again.body[0], base=1)
    by_place = {id(node): text for node, text in edits}

    class Changed(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if id(node) in by_place:
                return ast.Name(by_place[id(node)], ast.Load())
            visited: ast.AST = self.generic_visit(node)
            return visited

    anew = ast.unparse(ast.fix_missing_locations(Changed().visit(statement.node)))
    again = parse(anew)
    whole = again.body[0] if again is not None else statement.node
    return replace(statement, text=anew, node=whole, base=1, whole=True)


@dataclass
class Constants:
    """The constants that a name is given in turn.

    Attributes:
        places: cell and line of each, in order.
        values: the statements.
        last_change: from which of them on all are the same.
    """

    places: list[tuple[int, int]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    last_change: int = 0

    def add(self, statement: Statement) -> None:
        if self.values and self.values[-1] != statement.text:
            self.last_change = len(self.values)
        self.places.append(statement.at)
        self.values.append(statement.text)

    def changes_after(self, place: tuple[int, int]) -> bool:
        """Has the name one value above a place and another one below it?"""
        below = bisect_left(self.places, place)
        if below in (0, len(self.values)):
            return False
        return below < self.last_change or self.values[below - 1] != self.values[-1]


def constants_of(
    statements: Sequence[Statement], defining: Collection[int]
) -> dict[str, Constants]:
    found: dict[str, Constants] = {}
    for statement in statements:
        if id(statement) in defining and statement.is_constant:
            for name in statement.names.binds:
                found.setdefault(name, Constants()).add(statement)
    return found


def fix_constants(
    statement: Statement, mentioned: Collection[str], constants: Mapping[str, Constants]
) -> tuple[Statement, dict[str, str]]:
    """Has a definition keep the constants that stand above it where others stand below.

    In the notebook it was used before the next part set them anew: `latent = 16` before one
    network, `latent = 64` before another.

    Args:
        statement: the definition.
        mentioned: names that it uses.
        constants: what names are given.

    Returns:
        The statement, and under which name it uses each of them now.
    """
    cell, line = statement.at
    fixed = {
        name: f"_{name}_{cell}_{line}"
        for name in sorted(set(mentioned) & constants.keys())
        if constants[name].changes_after(statement.at)
    }
    edits: dict[int, tuple[ast.expr, str]] = {}
    for function in list(evaluated(statement.node)) if fixed else ():
        if not isinstance(function, (Function, ast.Lambda)):
            continue
        inside = list(ast.walk(function))
        names = free_names(function) - {
            name for n in inside if isinstance(n, ast.Global) for name in n.names
        }
        for node in inside:
            if isinstance(node, ast.Name) and node.id in names and node.id in fixed:
                edits[id(node)] = (node, fixed[node.id])
    return edited(statement, list(edits.values())), fixed


def brought_out(statement: Statement, fragile: Collection[str]) -> tuple[Statement, list[str]]:
    """Takes what may fail out of a definition, so that it is made all the same.

    Defaults and values in the body of a class become names, and annotations None.

    Args:
        statement: the definition.
        fragile: names that may be missing when it is made.

    Returns:
        The statement, and what gives these names their values, or None, as source text.
    """
    before: list[str] = []
    edits: list[tuple[ast.expr, str]] = []

    def bring_out(value: ast.expr | None) -> None:
        if value is None or not loaded(evaluated(value)) & set(fragile):
            return
        name = f"_given_{statement.cell}_{statement.line}_{len(before)}"
        before.append(attempt(f"{name} = {ast.unparse(value)}", f"{name} = None"))
        edits.append((value, name))

    for node in list(evaluated(statement.node)):
        if isinstance(node, Function):
            for value in (*node.args.defaults, *node.args.kw_defaults):
                bring_out(value)
            for _, annotation in annotations_of(node):
                if loaded(ast.walk(annotation)) & set(fragile):
                    edits.append((annotation, "None"))
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, (ast.Assign, ast.AnnAssign)):
                    bring_out(inner.value)
    return edited(statement, edits), before
