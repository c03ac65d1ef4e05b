"""How a student's files are executed: each from a fresh state, whose changes stay its own."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .state import Changes, Key, State


class StudentFiles(importlib.abc.MetaPathFinder):
    """The first finder: finds the files of the submission.

    Args:
        submission: the folder of the student's files.
        state: what a file changes is recorded there, under the name of its module.

    Attributes:
        ended: line in which a module ended itself, as by `exit()`, by the module's name.
        depth: of files that are being executed, one importing the other.
    """

    def __init__(self, submission: str, state: State) -> None:
        self._submission = submission + "/"
        self.state = state
        self.ended: dict[str, int] = {}
        self.depth = 0

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a student's module; None for all others."""
        if path is not None and not any(self._holds(entry) for entry in path):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not self._holds(spec.origin):
            return None
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.origin, self)
        return spec

    def _holds(self, place: str) -> bool:
        return (place + "/").startswith(self._submission)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, files: StudentFiles) -> None:
        super().__init__(name, path)
        self._files = files

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the file; one that ends itself keeps what it had defined by then."""
        state = self._files.state
        before = state.changes()
        known = {name: made for name, made in state.of_files.items() if name in sys.modules}
        for name in _imported(self.path) if known else ():
            # It will not be executed again, and what it sets is part of importing it.
            state.make({**state.changes(), **known.get(name, {})})
        self._files.depth += 1
        try:
            super().exec_module(module)
        except SystemExit as end:
            trace, line = end.__traceback__, 0
            while trace is not None:
                if trace.tb_frame.f_code.co_filename == self.path:
                    line = trace.tb_lineno
                trace = trace.tb_next
            self._files.ended[module.__name__] = line
        finally:
            self._files.depth -= 1
            after = state.changes()
            own = {key: value for key, value in after.items() if not _equal(before, key, value)}
            if own:
                state.keep(module.__name__, own)
            if not self._files.depth:
                state.restore_builtins()  # Python's own import goes on after this


def _equal(before: Changes, key: Key, value: Any) -> bool:
    try:
        return key in before and (before[key] is value or bool(before[key] == value))
    except Exception:
        return False  # it cannot be compared


def _imported(path: str) -> set[str]:
    """Names of the modules that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
