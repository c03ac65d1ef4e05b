"""A time limit is about the student's code, not about how busy the machine is."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from grader.wall import watch
from grader.wall.family import Family
from grader.wall.watch import MOST_PATIENCE, PATIENCE, Deadline, OwnTime

SECONDS = 5.0


class Machine:
    """A clock that stands for a machine, on which a cell computes and waits.

    Args:
        computes: processor time that the cell gets for each second that passes.
        kept: seconds for which it is ready while others have the processor, likewise.
        tells: whether the kernel says so.
    """

    def __init__(self, computes: float, kept: float = 0.0, tells: bool = True) -> None:
        self.now = self.used = self.delayed = 0.0
        self.computes, self.kept, self.tells = computes, kept, tells

    def monotonic(self) -> float:
        return self.now

    def cell_usage(self) -> float:
        return self.used

    def cell_delay(self) -> float | None:
        return self.delayed if self.tells else None

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.used += self.computes * seconds
        self.delayed += self.kept * seconds


@pytest.fixture
def deadline_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], Deadline]:
    """Starts a call on a machine."""
    # What keeps this process waiting is a matter of the machine that the test runs on.
    monkeypatch.setattr(OwnTime, "_from_outside", lambda self: 0.0)

    def start(machine: Machine) -> Deadline:
        monkeypatch.setattr(watch, "time", machine)
        return Deadline(cast(Family, machine), SECONDS)

    return start


def over_after(machine: Machine, deadline: Deadline) -> float:
    """The wall time after which the call is stopped."""
    while deadline.remaining() > 0:
        machine.pass_time(0.05)
    return machine.now


@pytest.mark.parametrize(
    ("computes", "kept", "tells", "seconds", "starved"),
    [
        pytest.param(1.0, 0.0, True, SECONDS, False, id="spins on an idle machine"),
        pytest.param(0.0, 0.0, True, SECONDS, False, id="sleeps"),
        pytest.param(0.4, 0.0, True, SECONDS, False, id="does both"),
        pytest.param(4.0, 0.0, True, SECONDS, False, id="spins in four processes"),
        pytest.param(0.125, 0.875, True, 8 * SECONDS, False, id="spins among seven others"),
        pytest.param(0.0, 1.0, True, MOST_PATIENCE * SECONDS, True, id="gets nothing at all"),
        pytest.param(1.0, 0.0, False, SECONDS, False, id="spins, and the kernel does not tell"),
        pytest.param(0.0, 0.0, False, PATIENCE * SECONDS, False, id="sleeps, and it does not"),
    ],
)
def test_a_call_is_stopped_when_it_has_had_its_own_time(
    deadline_on: Callable[[Machine], Deadline],
    computes: float,
    kept: float,
    tells: bool,
    seconds: float,
    starved: bool,
) -> None:
    machine = Machine(computes, kept, tells)
    deadline = deadline_on(machine)
    assert over_after(machine, deadline) == pytest.approx(seconds, rel=0.05)
    assert deadline.starved == starved


def test_half_of_the_limit_is_enough_for_half_of_it_at_any_load(
    deadline_on: Callable[[Machine], Deadline],
) -> None:
    for others in (1, 8, 50):
        machine = Machine(1 / others, 1 - 1 / others)
        deadline = deadline_on(machine)
        while machine.used < SECONDS / 2:
            assert deadline.remaining() > 0
            machine.pass_time(0.05)
        assert deadline.spent() == pytest.approx(SECONDS / 2, rel=0.05)


def test_the_limit_that_was_applied_is_known(deadline_on: Callable[[Machine], Deadline]) -> None:
    for tells, limit in ((True, SECONDS), (False, PATIENCE * SECONDS)):
        machine = Machine(0.0, tells=tells)
        deadline = deadline_on(machine)
        over_after(machine, deadline)
        assert deadline.limit == limit
