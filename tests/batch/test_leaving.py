"""A slot that is told to end, whatever code it is in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grader.assignment import Assignment
from grader.suite.plugin import serve_suite

FINALIZER = """
import os, signal, sys, time
from grader.batch.slot import leave_when_told

class Busy:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(100))

leave_when_told()
try:
    busy = Busy()
    del busy
    time.sleep(60)
finally:
    print("folders removed")
"""


def test_a_signal_that_arrives_in_a_finalizer_still_ends_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FINALIZER], capture_output=True, text=True, check=False, timeout=50
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "folders removed\n", "")


def test_a_running_suite_keeps_the_hook_that_ends_the_slot(
    toy: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hook(_: sys.UnraisableHookArgs) -> None: ...

    monkeypatch.setattr(sys, "unraisablehook", hook)
    found = []
    serve_suite(toy, toy.hidden, lambda _: found.append(sys.unraisablehook))
    assert found == [hook]
