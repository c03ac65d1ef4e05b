"""Changes that let a definition of a notebook stand in a module and mean the same."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from grader.intake.needs import annotations_of, evaluated, free_names, loaded
from grader.intake.source import Function
from grader.intake.statements import Statement


def attempt(statement: ast.stmt, otherwise: ast.stmt | None = None) -> str:
    """The statement as source text that goes on, with the other one, where it raises."""
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [otherwise or ast.Pass()])
    return ast.unparse(ast.fix_missing_locations(ast.Try([statement], [handler], [], [])))


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
        self.places.append(statement.place)
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
) -> dict[str, str]:
    """Has a definition keep the constants that stand above it where others stand below.

    In the notebook it was used before the next part set them anew: `latent = 16` before one
    network, `latent = 64` before another.

    Args:
        statement: it is changed.
        mentioned: names that it uses.
        constants: what names are given.

    Returns:
        Under which name it uses each of them now.
    """
    cell, line = statement.place
    fixed = {
        name: f"_{name}_{cell}_{line}"
        for name in sorted(set(mentioned) & constants.keys())
        if constants[name].changes_after(statement.place)
    }
    for function in list(evaluated(statement.node)) if fixed else ():
        if not isinstance(function, (Function, ast.Lambda)):
            continue
        inside = list(ast.walk(function))
        names = free_names(function) - {
            name for n in inside if isinstance(n, ast.Global) for name in n.names
        }
        for node in inside:
            if isinstance(node, ast.Name) and node.id in names:
                node.id = fixed.get(node.id, node.id)
    return fixed


def brought_out(statement: Statement, fragile: Collection[str]) -> list[str]:
    """Takes what may fail out of a definition, so that it is made all the same.

    Defaults and values in the body of a class become names, and annotations go.

    Args:
        statement: it is changed.
        fragile: names that may be missing when it is made.

    Returns:
        What gives these names their values, or None, as source text.
    """
    before: list[str] = []

    def bring_out(value: ast.expr) -> ast.expr:
        if not loaded(evaluated(value)) & set(fragile):
            return value
        name = f"_given_{statement.cell}_{statement.node.lineno}_{len(before)}"
        given, nothing = (
            ast.Assign([ast.Name(name, ast.Store())], v) for v in (value, ast.Constant(None))
        )
        before.append(attempt(given, nothing))
        return ast.Name(name, ast.Load())

    for node in list(evaluated(statement.node)):
        if isinstance(node, Function):
            node.args.defaults = [bring_out(value) for value in node.args.defaults]
            node.args.kw_defaults = [v and bring_out(v) for v in node.args.kw_defaults]
            for owner, annotation in list(annotations_of(node)):
                if loaded(ast.walk(annotation)) & set(fragile):
                    setattr(owner, "returns" if owner is node else "annotation", None)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, (ast.Assign, ast.AnnAssign)) and inner.value:
                    inner.value = bring_out(inner.value)
    return before
