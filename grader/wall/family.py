"""The processes of a warm process and of its cell: what they use, and how to end the cell."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


class Family:
    """A warm process and everything below it.

    Args:
        pid: of the outermost process, which has no cell yet.

    Attributes:
        innermost: the process that forks cells.
        resident: the memory that all hold without a cell.
    """

    def __init__(self, pid: int) -> None:
        self._outermost = psutil.Process(pid)
        self._seen: dict[psutil.Process, tuple[float, float]] = {}
        self._lost = 0.0
        family = self.all()
        self.innermost = family[-1]
        self.resident = resident(family)

    def all(self) -> list[psutil.Process]:
        """The outermost process and everything below it, parents before children."""
        return [self._outermost, *self._outermost.children(recursive=True)]

    def begin_cell(self) -> None:
        """Another cell begins: what the one before has used is not its."""
        self._seen, self._lost = {}, 0.0

    def kill_cell(self) -> None:
        """End the first process of the cell, and by that the cell, from any thread."""
        with contextlib.suppress(psutil.Error):
            for first in self._first_processes():
                first.kill()

    def cell_usage(self) -> float:
        """Processor time of the cell so far, in seconds.

        A process that nobody waits for takes what it used with it. What was seen of it counts,
        unless the children of others have used as much more since.
        """
        now: dict[psutil.Process, tuple[float, float]] = {}
        still = [process for process in self._seen if process.is_running()]
        for process in {*self._cell_family(), *still}:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                now[process] = (times.user + times.system, _of_children(times))
        gone = sum(sum(used) for process, used in self._seen.items() if process not in now)
        handed_on = sum(
            children - self._seen.get(process, (0.0, 0.0))[1]
            for process, (_, children) in now.items()
        )
        self._lost += max(0.0, gone - handed_on)
        self._seen = now
        return self._lost + sum(map(sum, now.values()))

    def cell_delay(self) -> float | None:
        """Seconds for which the cell was ready and others had the processor; None: not known."""
        delay = 0.0
        for process in self._cell_family():
            try:
                for task in Path(f"/proc/{process.pid}/task").iterdir():
                    delay += delay_of(task)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since
            except (OSError, ValueError, IndexError):
                return None
        return delay

    def _cell_family(self) -> list[psutil.Process]:
        # Twice, since psutil takes a child for a stranger if the clock is set while it looks.
        for _ in range(2):
            with contextlib.suppress(psutil.Error):
                # All in one look, which reads the whole of /proc; keepers do not count.
                below = self.innermost.children(recursive=True)
                family = [process for process in below if process.ppid() != self.innermost.pid]
                if family:
                    return family
        return []

    def _first_processes(self) -> list[psutil.Process]:
        return [first for keeper in self.innermost.children() for first in keeper.children()]


def _of_children(times: Any) -> float:
    return float(times.children_user + times.children_system)


def delay_of(task: Path) -> float:
    """Seconds for which a task was ready to run and did not, by its folder in /proc."""
    return int((task / "schedstat").read_text().split()[1]) / 1e9


@dataclass(frozen=True)
class Resident:
    """Memory in bytes of a warm process by itself: what its forks share with it."""

    largest: int = 0  # resident size of its largest process
    exact: int | None = None  # of all of it, shared pages counted once; None: may not be read


def resident(family: Sequence[psutil.Process]) -> Resident:
    """What a warm process without a cell holds."""
    return Resident(max(map(_resident_size, family)), _exact(family))


def exceeds(family: Sequence[psutil.Process], before: Resident, allowed: float) -> bool:
    """Whether a family of processes holds more bytes than allowed beyond what it did as `before`.

    Resident sizes count shared pages many times, but they are cheap: only when even their sum is
    too large is the exact figure worth reading, for which the kernel walks through all pages.
    Where it may not be read (it takes root, or one's own namespace), each process counts for what
    it has grown beyond the process that it was forked from, which is too little rather than too
    much.
    """
    sizes = [_resident_size(process) for process in family]
    if before.exact is not None:
        if sum(sizes) - before.exact <= allowed:
            return False
        exact = _exact(family)
        if exact is not None:
            return exact - before.exact > allowed
    return sum(max(0, size - before.largest) for size in sizes) > allowed


def _exact(family: Sequence[psutil.Process]) -> int | None:
    """Proportional set size of all processes; None if the kernel does not tell."""
    total = 0
    for process in family:
        try:
            total += int(process.memory_full_info().pss)
        except psutil.AccessDenied:
            return None
        except psutil.Error:
            continue
    return total


def _resident_size(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
