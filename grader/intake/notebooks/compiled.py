"""How much Python would make of a statement, asked before it is compiled."""

from __future__ import annotations

import ast

# Nodes of one statement, counted as often as they are compiled.
MAX_COMPILED = 200_000


def compiles_to_too_much(statement: ast.stmt) -> bool:
    """Would compiling the statement take more time and memory than any honest one does?

    A `finally` is compiled once for each way into it, so nested ones double what is in them: some
    lines of text would take all the memory that there is.

    Raises:
        RecursionError: it is nested too deeply.
    """
    return _size(statement)[0] > MAX_COMPILED


def _size(node: ast.AST) -> tuple[int, int]:
    """How many nodes are compiled, and how many of them leave the blocks that they are in."""
    size, exits, again = 1, int(isinstance(node, (ast.Return, ast.Break, ast.Continue))), 0
    final: set[int] = set()
    if isinstance(node, (ast.Try, ast.TryStar)):
        final = {id(statement) for statement in node.finalbody}
    for child in ast.iter_child_nodes(node):
        more, leaving = _size(child)
        size, exits = size + more, exits + leaving
        again += more if id(child) in final else 0
    return min(size + again * (1 + exits), MAX_COMPILED + 1), exits
