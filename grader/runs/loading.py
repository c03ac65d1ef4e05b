"""An assignment's own code for its runs: `runs`, `measures` and `trivial`, as trusted modules.

Each is a file, or a folder with a file for each part of the assignment. A function has the id of
its run. Files import each other relatively: `from ..runs.q2 import REGULARIZERS` in
`measures/q2.py`, `from .runs import REGULARIZERS` in `measures.py`. So a constant of a run is
written once, and the measures read our copy of it, which no submission can reach.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from grader.assignment import Assignment
from grader.suite.local import ReferenceFailed

What = Literal["runs", "measures", "trivial", "wrong_runs", "right_runs"]
# What the files of a folder of runs are called behind the wall.
BEHIND = "grader_runs"


def files_of(path: Path) -> list[Path]:
    """The files of `runs.py` or of `runs/`, sorted."""
    return sorted(path.glob("*.py")) if path.is_dir() else [path]


def load_parts(assignment: Assignment, what: What) -> dict[str, types.ModuleType]:
    """The modules by the stems of their files, read afresh, as is what they import beside them.

    Raises:
        ReferenceFailed: a file cannot be imported.
    """
    folder = str(assignment.folder.resolve())
    package = f"grader_assignment_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    sys.modules[package] = types.ModuleType(package)
    sys.modules[package].__path__ = [folder]
    importlib.invalidate_caches()
    found = {}
    path: Path = getattr(assignment, what)
    for file in files_of(path):
        inside = [what, file.stem] if path.is_dir() else [what]
        try:
            found[file.stem] = importlib.import_module(".".join([package, *inside]))
        except Exception as error:
            raise ReferenceFailed(f"{file} cannot be imported: {error}") from error
    return found


def load_functions(assignment: Assignment, what: What) -> dict[str, Callable[..., Any]]:
    """The functions of the runs, by the ids of the runs that have one.

    Raises:
        ReferenceFailed: a file cannot be imported, or two files have the function of one run.
    """
    found: dict[str, Callable[..., Any]] = {}
    parts = load_parts(assignment, what)
    for run in assignment.description.runs:
        having = [stem for stem, module in parts.items() if callable(vars(module).get(run.id))]
        if len(having) > 1:
            raise ReferenceFailed(
                f"{getattr(assignment, what)}: both {having[0]}.py and {having[1]}.py have a "
                f"function {run.id}; a run has one"
            )
        if having:
            found[run.id] = vars(parts[having[0]])[run.id]
    return found


def sources_of(assignment: Assignment, run_id: str) -> dict[str, str]:
    """The texts that the run needs behind the wall, by the names of their modules.

    The last one has the function of the run; those before it are what it imports relatively.

    Raises:
        ReferenceFailed: no file has such a function, or one that is imported is not there.
    """
    path = assignment.runs
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files_of(path)}
    for stem, text in texts.items():
        if run_id in _defined(text):
            if not path.is_dir():
                return {BEHIND: text}
            names = [*_needed(path, texts, stem), stem]
            return {BEHIND: ""} | {f"{BEHIND}.{name}": texts[name] for name in names}
    raise ReferenceFailed(f"{path}: there is no function {run_id}, as the run of this id needs")


def _defined(text: str) -> set[str]:
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def _needed(path: Path, texts: dict[str, str], stem: str) -> list[str]:
    """The files that one imports, `from .training import Curve`, each after what it needs."""
    found: list[str] = []
    for node in ast.parse(texts[stem]).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            if node.module not in texts:
                raise ReferenceFailed(f"{path / stem}.py imports .{node.module}: no such file")
            found += [*_needed(path, texts, node.module), node.module]
    return list(dict.fromkeys(found))
