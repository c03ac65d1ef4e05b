"""A slot that is told to end, whatever code it is in."""

from __future__ import annotations

import subprocess
import sys

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
