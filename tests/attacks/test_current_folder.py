"""Grading from within a folder of submissions: nothing there may be imported by the harness."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.interpreter import COMMON_NAMES
from tests.conftest import RIGHT, write_tree

GRADER = Path(sys.executable).parent / "grader"


@pytest.mark.needs_wall
@pytest.mark.skipif(not GRADER.exists(), reason="the console script is not installed")
def test_nothing_is_imported_from_the_current_folder(toy_home: Path, tmp_path: Path) -> None:
    trap, folder = tmp_path / "trap", tmp_path / "class" / "student"
    spring = f"open({str(trap)!r}, 'a').write(__name__ + '\\n')\nraise SystemExit(0)\n"
    names = [*COMMON_NAMES, "multiprocessing", "importlib", "re", "os", "io", "typing", "psutil"]
    write_tree(folder, {f"{name}.py": spring for name in names} | RIGHT)
    write_tree(folder, {"sitecustomize.py": spring, "conftest.py": spring})
    command = [str(GRADER), "grade", "toy", ".", "--out", str(tmp_path / "out"), "--jobs", "1"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [*command, "--layout", "single"],
        cwd=folder,
        env=environment | {"GRADER_HOME": str(toy_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not trap.exists(), trap.read_text()
    assert done.returncode == 0, done.stderr
