"""Other graders on the same twenty tests, each installed in an environment of its own.

otter-grader and nbgrader get the set as one test that runs all twenty cases, which is the fastest
that they can do it; gradescope-utils has no other way than one test each. torch is shared with this
installation, because it is the same for everybody and large.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

# What is installed for each. otter-grader runs notebooks, but brings no kernel to run them in.
OTHERS = {
    "otter-grader": ("otter-grader", "ipykernel"),
    "nbgrader": ("nbgrader",),
    "gradescope-utils": ("gradescope-utils",),
}
INSTALL_SECONDS = 600
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


# What an autograder for Gradescope does: unittest, with marks per test, in one process.
GRADESCOPE = """\
import unittest

from gradescope_utils.autograder_utils.decorators import weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner

import test_twenty as plain


class Twenty(unittest.TestCase):
    pass


def method(function, arguments):
    @weight(1)
    def run(self):
        function(**arguments)

    return run


for name, function in list(vars(plain).items()):
    if name.startswith("test_"):
        names, cases = function.pytestmark[0].args
        for number, case in enumerate(cases):
            values = case if isinstance(case, tuple) else (case,)
            arguments = dict(zip(names.split(", "), values))
            setattr(Twenty, f"{name}_{number}", method(function, arguments))

suite = unittest.defaultTestLoader.loadTestsFromTestCase(Twenty)
with open("results.json", "w") as file:
    JSONTestRunner(visibility="visible", stream=file).run(suite)
"""


class OtherFailed(Exception):
    """Another grader did not grade; the message is the last of what it said."""


def measure(twenty: Path, n: int) -> dict[str, list[float] | str]:
    """Seconds per submission for every other grader, or why there are none."""
    ways: dict[str, Callable[[Path, Path, Path, int], list[float]]] = {
        "otter-grader": _otter,
        "nbgrader": _nbgrader,
        "gradescope-utils": _gradescope,
    }
    found: dict[str, list[float] | str] = {}
    for name in OTHERS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            home, work = Path(folder, "home"), Path(folder, "work")
            work.mkdir()
            try:
                programs = _install(name, home)
            except (OtherFailed, OSError, subprocess.SubprocessError) as error:
                found[name] = f"{name} does not install here, so it is not compared: {error}"
                continue
            try:
                found[name] = ways[name](programs, twenty, work, n)
            except (OtherFailed, OSError, ValueError, subprocess.SubprocessError) as error:
                found[name] = f"{name} is installed, but did not grade: {error}"
    return found


def _install(name: str, home: Path) -> Path:
    """Install a grader into an environment of its own; the folder of its programs."""
    venv.create(home, with_pip=True)
    scheme = {"base": str(home), "platbase": str(home)}
    own, programs = (sysconfig.get_path(kind, "venv", scheme) for kind in ("purelib", "scripts"))
    # Last on the path, so that only what is not installed there comes from here.
    Path(own, "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    command = [str(Path(programs, "python")), "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", *OTHERS[name]],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OtherFailed((said or ["pip failed"])[-1])
    return Path(programs)


def _program(twenty: Path) -> str:
    plain = (twenty / "plain" / "test_twenty.py").read_text(encoding="utf-8")
    plain = re.sub(r"^(import|from) (likelihoods|measures|expected).*\n", "", plain, flags=re.M)
    return PROGRAM.format(reference=_sources(twenty), tests=plain)


def _sources(twenty: Path) -> list[str]:
    return [p.read_text(encoding="utf-8") for p in sorted((twenty / "reference").glob("*.py"))]


def _otter(programs: Path, twenty: Path, folder: Path, n: int) -> list[float]:
    (folder / "tests").mkdir()
    test = OTTER_TEST.format(points=POINTS, program=_program(twenty))
    (folder / "tests" / "twenty.py").write_text(test, encoding="utf-8")
    _run(programs, folder, "otter", "generate", "-t", "tests", "-o", "autograder.zip")
    _write_notebook(folder / "submission.ipynb", [_cell(text) for text in _sources(twenty)])
    seconds = []
    for _ in range(n):
        command = ("otter", "run", "-a", "autograder.zip", "-o", ".", "submission.ipynb")
        seconds.append(_run(programs, folder, *command))
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        _full(sum(test.get("score", 0.0) for test in results["tests"]))
    return seconds


def _nbgrader(programs: Path, twenty: Path, folder: Path, n: int) -> list[float]:
    cells = [
        _cell("\n\n".join(_sources(twenty)), _role("answer")),
        _cell("SPACE = dict(globals())\n" + _program(twenty), _role("tests")),
    ]
    for place in (Path("source", "twenty"), Path("submitted", STUDENT, "twenty")):
        (folder / place).mkdir(parents=True)
        _write_notebook(folder / place / "twenty.ipynb", cells)
    _run(programs, folder, "nbgrader", "generate_assignment", "twenty")
    seconds = []
    for _ in range(n):
        command = ("nbgrader", "autograde", "twenty", "--student", STUDENT, "--force")
        seconds.append(_run(programs, folder, *command))
    with sqlite3.connect(folder / "gradebook.db") as database:
        (score,) = database.execute("SELECT SUM(auto_score) FROM grade").fetchone()
    _full(score or 0.0)
    return seconds


def _gradescope(programs: Path, twenty: Path, folder: Path, n: int) -> list[float]:
    for path in (twenty / "plain" / "test_twenty.py", *(twenty / "reference").glob("*.py")):
        shutil.copy(path, folder)
    shutil.copytree(twenty / "reference", folder / "expected")
    (folder / "run_tests.py").write_text(GRADESCOPE, encoding="utf-8")
    seconds = []
    for _ in range(n):
        seconds.append(_run(programs, folder, "python", "run_tests.py"))
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        _full(sum(test.get("score", 0.0) for test in results["tests"]))
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


def _run(programs: Path, folder: Path, program: str, *arguments: str) -> float:
    """Seconds that a program of an environment takes."""
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    # Notebooks run in the kernel of that environment, not in one of the user's.
    jupyter = str(programs.parent / "share" / "jupyter")
    started = time.perf_counter()
    done = subprocess.run(
        [str(programs / program), *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "JUPYTER_PATH": jupyter},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise OtherFailed((done.stderr or done.stdout).strip()[-300:])
    return seconds
