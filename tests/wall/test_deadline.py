"""A time limit is about the student's code, not about how busy the machine is."""

from __future__ import annotations

import time
from typing import cast

import pytest

from grader.wall.warm import Warm
from grader.wall.watch import PATIENCE, Deadline

SECONDS = 0.2


class Machine:
    """Stands for a warm process whose cell gets a share of a processor."""

    def __init__(self, share: float, wants: bool) -> None:
        self._start, self._share, self._wants = time.monotonic(), share, wants

    def cell_usage(self) -> tuple[float, bool]:
        return self._share * (time.monotonic() - self._start), self._wants


@pytest.mark.parametrize(
    ("share", "wants", "factor"),
    [
        (1.0, True, 1.0),  # spins on an idle machine
        (0.0, False, 1.0),  # sleeps
        (0.5, True, 2.0),  # spins on a machine that is busy with something else
        (0.0, True, PATIENCE),  # gets nothing at all
    ],
)
def test_a_call_gets_its_processor_time(share: float, wants: bool, factor: float) -> None:
    deadline = Deadline(cast(Warm, Machine(share, wants)), SECONDS)
    started = time.monotonic()
    while (left := deadline.remaining()) > 0:
        time.sleep(min(left, 0.01))
    took = (time.monotonic() - started) / SECONDS
    assert 0.8 * factor <= took
    assert took <= 1.5 * factor + 1.0
