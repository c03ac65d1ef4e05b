"""Processes are killed at random moments: nothing is lost, nothing is there twice.

`GRADER_KILLS=50` kills fifty of each kind, which takes half an hour or more; `GRADER_KILLS_SEED`
repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest

from tests.attacks.batch import left_over
from tests.faults.conftest import Results
from tests.faults.course import Course

EACH = int(os.environ.get("GRADER_KILLS", "3"))
SEED = int(os.environ.get("GRADER_KILLS_SEED", str(random.randrange(10**6))))
# The batch, the process of a slot, any process behind its wall, the one that keeps a cell.
TARGETS = ("batch", "slot", "warm", "keeper")
pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600 + 60 * EACH * len(TARGETS))]


def test_kills_at_random_moments_change_nothing(course: Course, undisturbed: Results) -> None:
    print(f"GRADER_KILLS_SEED={SEED}")
    chance = random.Random(SEED)
    process = course.start()
    left = dict.fromkeys(TARGETS, EACH)
    starts, regrades = 1, 0
    while any(left.values()):
        if process.poll() is not None:
            _drain(process)
            # Once all is graded there is nothing to disturb, so all of it is graded again.
            whole = process.returncode == 0
            process = course.start(*(["--again"] if whole else []))
            starts, regrades = starts + 1, regrades + whole
        time.sleep(chance.uniform(0.0, 2.5))
        target = chance.choice([name for name, count in left.items() if count])
        left[target] -= _kill(process.pid, target, chance)
    process.wait()
    _drain(process)
    last = 1
    status, said = course.grade()
    while status == 3 and last < 3:  # what was killed twice is left for the next run, by design
        status, said = course.grade()
        last += 1
    assert status == 0, said
    print(
        f"{EACH} kills of each kind ({', '.join(TARGETS)}); {starts} starts, {regrades} of them "
        f"with a class that was whole; {last} undisturbed to end with"
    )
    assert course.results() == undisturbed
    assert course.pages() == undisturbed
    assert left_over("") == []


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    process.stderr.close()


def _kill(batch: int, target: str, chance: random.Random) -> int:
    """Kill one process of this kind; how many were killed."""
    try:
        if target == "batch":
            os.kill(batch, signal.SIGKILL)
            return 1
        family = psutil.Process(batch).children(recursive=True)
        found = [p for p in family if _is_one(target)(" ".join(p.cmdline()))]
        if target == "keeper":
            found = [p for p in found if p.children()][-1:]
        if not found:
            return 0
        chance.choice(found).kill()
    except (psutil.Error, ProcessLookupError):
        return 0
    return 1


def _is_one(target: str) -> Callable[[str], bool]:
    words = "slot_process" if target == "slot" else "warm import start"
    return lambda command: words in command
