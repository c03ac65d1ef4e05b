"""Watches over a cell: its time, and the memory of all its processes together."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from grader.assignment import Limits
from grader.wall.clearing import usage

if TYPE_CHECKING:
    from grader.wall.warm import Warm

MIB = 2**20
WATCH_SECONDS = 0.25
# How many times its limit a call may take when the machine gives it too little processor time.
PATIENCE = 5.0
# What a scratch folder may hold; a file system of its own has as many inodes.
MAX_FILES = 16384


class Deadline:
    """A time limit that a busy machine does not make unfair.

    It is wall time. But a cell that still wants the processor when the limit is over, and has got
    less of it than the limit, was kept waiting by others: it may go on until it has had its time,
    or until `PATIENCE` times the limit.

    Args:
        warm: whose cell.
        seconds: the limit.
    """

    def __init__(self, warm: Warm, seconds: float) -> None:
        self._warm = warm
        self._seconds = seconds
        self._start = time.monotonic()
        self._end = self._start + seconds
        # Only asked for when the limit is near: most calls take a millisecond.
        self._used_before: float | None = None

    def remaining(self) -> float:
        """Seconds that are left; zero or less when it is over."""
        now = time.monotonic()
        if self._used_before is None and now - self._start > 0.1 * self._seconds:
            self._used_before = self._warm.cell_usage()[0]
        if now < self._end or now > self._start + PATIENCE * self._seconds:
            return min(self._end, self._start + PATIENCE * self._seconds) - now
        used, wants = self._warm.cell_usage()
        missing = 0.9 * self._seconds - (used - (self._used_before or 0.0))
        if wants and missing > 0:
            self._end = now + missing
        return self._end - now


class Idleness:
    """How long a cell has done nothing of its own accord.

    That is wall time less what it computed, what others kept it from computing, and what it waited
    for us. Where the kernel does not tell, it is nothing: nobody is blamed for a busy machine.

    Args:
        warm: whose cell; it is counted from now on.
    """

    def __init__(self, warm: Warm) -> None:
        self._warm = warm
        self._start = time.monotonic()
        self._used = self._kept = 0.0
        self._ours = self._from_outside()

    def seconds(self) -> float:
        """Seconds so far."""
        now = self._from_outside()
        delay = self._warm.cell_delay()
        if now is None or self._ours is None or delay is None:
            return 0.0
        # What processes that have ended had is not lost.
        self._used = max(self._used, self._warm.cell_usage()[0])
        self._kept = max(self._kept, delay)
        waited = time.monotonic() - self._start
        return max(0.0, waited - self._used - self._kept - (now - self._ours))

    def _from_outside(self) -> float | None:
        """Seconds in which this thread was kept waiting, or another machine had the processor."""
        try:
            stolen = int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])
            ticks = os.sysconf("SC_CLK_TCK")
            return delay_of(Path("/proc/thread-self")) + stolen / ticks
        except (OSError, ValueError, IndexError):
            return None


class Watch:
    """Ends a cell whose processes together hold too much memory, or whose files are too large.

    RLIMIT_AS bounds each process and gives it a clean MemoryError; RLIMIT_FSIZE bounds each file.
    This bounds their sums, at a quarter of a second's resolution. Files need it only where the
    scratch folder is no file system of its own.

    Attributes:
        fired: what the cell did, if it was ended for it.
    """

    def __init__(self, warm: Warm, limits: Limits) -> None:
        self.fired = ""
        self._limits = limits
        # One process may reach its own limit and get its MemoryError before this steps in.
        self._allowed = (1.5 * limits.memory_mib + 2 * limits.scratch_mib) * MIB
        self._stop = threading.Event()
        self._warm = warm
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more watching."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            with contextlib.suppress(psutil.Error, AssertionError, OSError):
                self.fired = self.fired or self._too_much()
                if self.fired:
                    self._warm.kill_cell()

    def _too_much(self) -> str:
        limits = self._limits
        if exceeds(self._warm.family(), self._warm.resident, self._allowed):
            return f"it used more than the {limits.memory_mib} MiB of memory allowed"
        if self._warm.scratch is not None:
            most = limits.scratch_mib * MIB
            # As long as a file is being written its blocks may be counted generously.
            held_bytes, files = usage(self._warm.scratch, most_bytes=2 * most, most_files=MAX_FILES)
            if held_bytes > 2 * most or files > MAX_FILES:
                return (
                    f"it kept more than {limits.scratch_mib} MiB or {MAX_FILES} files in its "
                    "scratch folder"
                )
        return ""


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
