"""The names that a statement binds and needs, and when it needs them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.intake.notebooks.source import Function

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Names:
    """The names that a statement has to do with.

    Attributes:
        binds: those that it defines; `*` for a star import, which may define any.
        executes: those that must exist when it is executed, annotations of functions aside.
        annotates: those in annotations of functions.
        mentions: those that must exist when what it defines is called.
    """

    binds: frozenset[str]
    executes: frozenset[str]
    annotates: frozenset[str]
    mentions: frozenset[str]


def names_of(statement: ast.stmt) -> Names:
    """What a statement binds, and what it needs when."""
    at_once = list(evaluated(statement))
    binds = set(_bound(statement))
    executes = loaded(at_once)
    for node in at_once:
        if isinstance(node, ast.ClassDef):
            executes -= {name for inner in node.body for name in _bound(inner)}
    if isinstance(statement, (ast.If, ast.Try, ast.With)):
        executes -= binds  # bound before it is used, mostly
    functions = [n for n in at_once if isinstance(n, (*_FUNCTIONS, ast.Lambda))]
    annotations = [a for f in functions for _, a in annotations_of(f)]
    return Names(
        frozenset(binds),
        frozenset(executes),
        frozenset(loaded(n for a in annotations for n in ast.walk(a))),
        frozenset(name for function in functions for name in free_names(function)),
    )


def rebound(statement: ast.stmt) -> set[str]:
    """Names that are something else, or gone, after a statement: bound, deleted or imported."""
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    gone = {
        node.id
        for node in evaluated(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    }
    return set(_bound(statement)) | gone


def loaded(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are read among the nodes, without those of comprehensions among them."""
    nodes = list(nodes)
    targets = [t for n in nodes if isinstance(n, ast.comprehension) for t in ast.walk(n.target)]
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - {
        t.id for t in targets if isinstance(t, ast.Name)
    }


def annotations_of(function: Function | ast.Lambda) -> Iterator[tuple[ast.AST, ast.expr]]:
    """The annotations of a function, each with the argument or the function that it is of."""
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None and argument.annotation is not None:
            yield argument, argument.annotation
    if not isinstance(function, ast.Lambda) and function.returns is not None:
        yield function, function.returns


def evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is evaluated with it: of functions no bodies and no annotations."""
    yield node
    children: Iterable[ast.AST | None] = ast.iter_child_nodes(node)
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        children = [*getattr(node, "decorator_list", ()), *node.args.defaults]
        children += node.args.kw_defaults
    for child in children:
        if child is not None:
            yield from evaluated(child)


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that executing a node binds where it stands."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, (ast.Lambda, ast.comprehension)):
        if isinstance(node, ast.ExceptHandler) and node.name is not None:
            yield node.name
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def free_names(function: Function | ast.Lambda) -> set[str]:
    """Names that a function uses when it is called and does not bind itself."""
    nodes = list(ast.walk(function))
    names = [n for n in nodes if isinstance(n, ast.Name)]
    bound = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    for node in nodes:
        if node is not function and isinstance(node, _NAMED):
            bound |= set(_bound(node))
    shared = {name for n in nodes if isinstance(n, ast.Global) for name in n.names}
    return ({n.id for n in names if isinstance(n.ctx, ast.Load)} - bound) | shared
