"""Which of a student's functions a probe drives: read from its source, since it runs elsewhere."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

DOTTED = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")


@functools.lru_cache(maxsize=8)
def driven(source: str, modules: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """The functions that each probe calls, itself or through others, as `module.name`.

    Args:
        source: text of the assignment's probes.
        modules: names of the files that students fill in.

    Returns:
        By the probe's name. `module.{name}` means that the probe's argument `name` says which.
    """
    functions = {
        node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
    }
    own = {name: tuple(dict.fromkeys(_names(node, modules))) for name, node in functions.items()}
    used = {
        name: [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in functions]
        for name, node in functions.items()
    }

    def reached(name: str, seen: set[str]) -> Iterator[str]:
        seen.add(name)
        yield from own[name]
        for other in used[name]:
            if other not in seen:
                yield from reached(other, seen)

    return {name: tuple(dict.fromkeys(reached(name, set()))) for name in functions}


def _names(function: ast.FunctionDef, modules: frozenset[str]) -> Iterator[str]:
    aliases = {
        target.id: node.value.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
        for target in node.targets
        if isinstance(target, ast.Name) and node.value.attr in modules
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            owner, name = node.args[:2]
            module = owner.attr if isinstance(owner, ast.Attribute) else ""
            asks = getattr(node.func, "id", "") == "getattr" and isinstance(name, ast.Name)
            if asks and module in modules:
                yield f"{module}.{{{getattr(name, 'id', '')}}}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if DOTTED.fullmatch(node.value) and node.value.split(".")[0] in modules:
                yield node.value
        elif isinstance(node, ast.Attribute):
            owner = node.value
            if node.attr.startswith("__"):
                continue
            if isinstance(owner, ast.Attribute) and owner.attr in modules:
                yield f"{owner.attr}.{node.attr}"
            elif isinstance(owner, ast.Name) and owner.id in aliases:
                yield f"{aliases[owner.id]}.{node.attr}"


def named(functions: tuple[str, ...], arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The functions that a probe drives with these arguments."""
    found: list[str] = []
    if isinstance(told := arguments.get("function"), str):
        found.append(told)
    for function in functions:
        module, _, name = function.partition(".")
        if name.startswith("{"):
            told = arguments.get(name.strip("{}"))
            found += [f"{module}.{told}"] if isinstance(told, str) else []
        else:
            found.append(function)
    return tuple(dict.fromkeys(found))
