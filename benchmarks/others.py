"""Other graders on the same twenty tests, where they happen to be installed.

Both get the set as one test that runs all twenty cases, which is the fastest that they can do it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

OTHERS = {"otter-grader": "otter", "nbgrader": "nbgrader"}
STUDENT = "student"
TIMEOUT_SECONDS = 300
POINTS = 20

# Runs the plain test file in a namespace `SPACE` that holds the student's functions.
PROGRAM = """\
import types
right = {{}}
for text in {reference!r}:
    exec(text, right)
student, expected = types.SimpleNamespace(**SPACE), types.SimpleNamespace(**right)
tests = {{
    "likelihoods": student,
    "measures": student,
    "right_likelihoods": expected,
    "right_measures": expected,
}}
exec({tests!r}, tests)
for name, function in list(tests.items()):
    if name.startswith("test_"):
        names, cases = function.pytestmark[0].args
        for case in cases:
            values = case if isinstance(case, tuple) else (case,)
            function(**dict(zip(names.split(", "), values)))
"""
OTTER_TEST = """\
from otter.test_files import test_case

OK_FORMAT = False
name = "twenty"
points = {points}


@test_case()
def test_all(env):
    SPACE = env
    exec({program!r}, {{"SPACE": env}})
"""


class OtherFailed(Exception):
    """Another grader did not grade; the message is the last of what it said."""


def remarks() -> list[str]:
    """A line for each grader that is not here to be compared."""
    return [
        f"{name} is not installed here, so it is not compared."
        for name, module in OTHERS.items()
        if importlib.util.find_spec(module) is None
    ]


def measure(twenty: Path, n: int) -> dict[str, list[float] | str]:
    """Seconds per submission for every other grader that is installed, or why there are none."""
    ways: dict[str, Callable[[Path, Path, int], list[float]]] = {
        "otter-grader": _otter,
        "nbgrader": _nbgrader,
    }
    found: dict[str, list[float] | str] = {}
    for name, way in ways.items():
        if importlib.util.find_spec(OTHERS[name]) is None:
            continue
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            try:
                found[name] = way(twenty, Path(folder), n)
            except (OtherFailed, OSError, ValueError) as error:
                found[name] = f"{name} is installed, but did not grade: {error}"
    return found


def _program(twenty: Path) -> str:
    plain = (twenty / "plain" / "test_twenty.py").read_text(encoding="utf-8")
    plain = re.sub(r"^(import|from) (likelihoods|measures|expected).*\n", "", plain, flags=re.M)
    return PROGRAM.format(reference=_sources(twenty), tests=plain)


def _sources(twenty: Path) -> list[str]:
    return [p.read_text(encoding="utf-8") for p in sorted((twenty / "reference").glob("*.py"))]


def _otter(twenty: Path, folder: Path, n: int) -> list[float]:
    (folder / "tests").mkdir()
    test = OTTER_TEST.format(points=POINTS, program=_program(twenty))
    (folder / "tests" / "twenty.py").write_text(test, encoding="utf-8")
    _run(folder, "otter", "generate", "-t", "tests", "-o", "autograder.zip")
    _write_notebook(folder / "submission.ipynb", [_cell(text) for text in _sources(twenty)])
    seconds = []
    for _ in range(n):
        command = ("otter", "run", "-a", "autograder.zip", "-o", ".", "submission.ipynb")
        seconds.append(_run(folder, *command))
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        _full(sum(test.get("score", 0.0) for test in results["tests"]))
    return seconds


def _nbgrader(twenty: Path, folder: Path, n: int) -> list[float]:
    cells = [
        _cell("\n\n".join(_sources(twenty)), _role("answer")),
        _cell("SPACE = dict(globals())\n" + _program(twenty), _role("tests")),
    ]
    for place in (Path("source", "twenty"), Path("submitted", STUDENT, "twenty")):
        (folder / place).mkdir(parents=True)
        _write_notebook(folder / place / "twenty.ipynb", cells)
    _run(folder, "nbgrader", "generate_assignment", "twenty")
    seconds = []
    for _ in range(n):
        command = ("nbgrader", "autograde", "twenty", "--student", STUDENT, "--force")
        seconds.append(_run(folder, *command))
    with sqlite3.connect(folder / "gradebook.db") as database:
        (score,) = database.execute("SELECT SUM(auto_score) FROM grade").fetchone()
    _full(score or 0.0)
    return seconds


def _role(kind: Literal["answer", "tests"]) -> dict[str, Any]:
    """What a cell is to nbgrader."""
    role: dict[str, Any] = {"grade_id": kind, "schema_version": 3, "task": False}
    if kind == "answer":
        return role | {"grade": False, "locked": False, "solution": True}
    return role | {"grade": True, "locked": True, "solution": False, "points": POINTS}


def _cell(text: str, role: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"nbgrader": role} if role else {},
        "outputs": [],
        "source": text,
    }


def _write_notebook(path: Path, cells: list[dict[str, Any]]) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    path.write_text(json.dumps(notebook), encoding="utf-8")


def _full(score: float) -> None:
    if abs(score - POINTS) > 1e-6:
        raise OtherFailed(f"it gave the reference {score:g} of {POINTS} points")


def _run(folder: Path, program: str, *arguments: str) -> float:
    """Seconds that a program of this installation takes."""
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])
    started = time.perf_counter()
    done = subprocess.run(
        [shutil.which(program, path=path) or program, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise OtherFailed((done.stderr or done.stdout).strip()[-300:])
    return seconds
