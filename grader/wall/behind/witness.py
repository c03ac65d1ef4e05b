"""Tells whether what drives a submission is still what it was before any student code ran."""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch

HERE = __name__.rpartition(".")[0] + "."
MISSING = object()
Members = Mapping[Any, Any]


class Witness:
    """What names stand for in the probes and in this package, and the code of their functions.

    It sees functions, classes and tables of functions that were replaced, and code that was. It
    does not see code that replaces the witness as well.

    Args:
        modules: the probes, before a file of the submission was imported.
        tables: further members to look at, by the name of what they belong to.
    """

    def __init__(
        self, modules: Collection[types.ModuleType], tables: Mapping[str, Members]
    ) -> None:
        for module in modules:
            _settle(module)
        own = [module for name, module in sys.modules.items() if name.startswith(HERE)]
        spaces = dict(tables)
        for module in (*modules, *own):
            spaces |= _spaces(module.__name__, vars(module), module.__name__)
        # The objects themselves: one that is held here cannot leave its place to another.
        self._spaces = [(name, members, dict(members)) for name, members in spaces.items()]
        self._functions = {
            f"{name}.{key}": (value, *_code(value))
            for name, _, saved in self._spaces
            for key, value in saved.items()
            if isinstance(value, types.FunctionType)
        }

    def changed(self) -> list[str]:
        """Dotted names that stand for something else now."""
        found = []
        for name, now, before in self._spaces:
            if _same(now, before):
                continue
            for key in before.keys() | now.keys():
                was, value = before.get(key, MISSING), now.get(key, MISSING)
                if was is not value and (_runs(was) or _runs(value)):
                    found.append(f"{name}.{key}")
        for name, (function, *was) in self._functions.items():
            if any(one is not other for one, other in zip(_code(function), was, strict=True)):
                found.append(name)
        return sorted(set(found))


def _settle(module: types.ModuleType) -> None:
    """Have torch wrap the steps of a module's optimisers now, as it does when it makes the first
    one of a class."""
    for value in vars(module).values():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and issubclass(value, torch.optim.Optimizer):
            torch.optim.Optimizer._patch_step_function(value.__new__(value))


def _spaces(path: str, members: Members, module: str) -> Iterator[tuple[str, Members]]:
    """Some members, and those of the module's own classes and tables among them."""
    yield path, members
    for key, value in members.items():
        if isinstance(value, type) and value.__module__ == module:
            yield from _spaces(f"{path}.{key}", vars(value), module)
        elif isinstance(value, dict) and not str(key).startswith("_"):
            yield from _spaces(f"{path}.{key}", value, module)


def _code(function: Any) -> tuple[Any, ...]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _same(now: Members, before: Members) -> bool:
    try:
        return bool(now == before)
    except Exception:
        return False  # what a name stands for cannot be compared


def _runs(value: Any) -> bool:
    """Whether calling or reading it may run code."""
    return callable(value) or isinstance(value, types.ModuleType | property | classmethod)
