"""How a slot is started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.batch.slot_process import SlotProcess, interrupts_later
from grader.batch.task import Task
from grader.wall import isolation


def signals(pid: int, field: str) -> set[int]:
    """The signals of a field of a process's status: SigBlk or SigIgn."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith(field)).split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_ctrl_c_while_a_slot_starts_comes_after_it_and_not_to_it(
    toy: Assignment, wall: isolation.WallKind
) -> None:
    slot = None
    try:
        with pytest.raises(KeyboardInterrupt), interrupts_later():
            os.kill(os.getpid(), signal.SIGINT)
            slot = SlotProcess(Task(toy.folder, toy.reference, wall, "secret"))
            os.kill(slot.pid, signal.SIGINT)
        assert slot is not None
        while signal.SIGINT not in signals(slot.pid, "SigIgn"):
            time.sleep(0.01)
        while signal.SIGINT in signals(slot.pid, "SigBlk"):
            time.sleep(0.01)
    finally:
        if slot is not None:
            slot.let_go()
            slot.end()
    assert signal.SIGINT not in signals(os.getpid(), "SigBlk")
