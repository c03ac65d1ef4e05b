"""What one does without a harness: a fresh `pytest` process for every submission."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(tests: Path, submission: Path, reference: Path, n: int) -> list[float]:
    """Seconds of `python -m pytest` on a folder with the submission and the tests, `n` times.

    One OpenMP thread and no plugins but pytest's own: the fastest that plain pytest gets.

    Args:
        tests: a plain test file; it imports the student's modules, and `expected`.
        submission: the student's files.
        reference: becomes the package `expected`.
        n: how often.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    seconds = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        here = Path(folder)
        for path in (tests, *submission.glob("*.py")):
            shutil.copy(path, here)
        shutil.copytree(reference, here / "expected")
        for _ in range(n):
            started = time.perf_counter()
            done = subprocess.run(
                command, cwd=here, env=environment, capture_output=True, text=True, check=False
            )
            seconds.append(time.perf_counter() - started)
            if done.returncode != 0:
                raise RuntimeError(f"plain pytest failed: {done.stdout[-300:]}")
    return seconds
