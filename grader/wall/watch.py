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
# How many times its limit a call may take where the kernel does not tell who had the processor.
PATIENCE = 5.0
# And where it does tell: a call that got so little is not graded, for the machine is at fault.
MOST_PATIENCE = 60.0
# The share of its limit after which a call is watched: most calls take a millisecond.
WATCHED_FROM = 0.1
# What a scratch folder may hold; a file system of its own has as many inodes.
MAX_FILES = 16384


class Deadline:
    """A limit of a call's own time, which a busy machine does not shorten.

    Its own time is what the cell computes and what it waits of its own accord, together at most
    the wall time. While others have the processor, the call waits at nobody's expense.

    Args:
        warm: whose cell.
        seconds: the limit.
    """

    def __init__(self, warm: Warm, seconds: float) -> None:
        self._warm = warm
        self._seconds = seconds
        self._start = time.monotonic()
        self._end = self._start + seconds
        self._watched: OwnTime | None = None
        self._watched_from = 0.0

    @property
    def limit(self) -> float:
        """The limit in seconds; where the kernel tells too little, that of the wall time."""
        return self._seconds if self._told else PATIENCE * self._seconds

    @property
    def starved(self) -> bool:
        """Whether the call is over though it has not had its time: the machine is too busy."""
        waited = time.monotonic() - self._start
        return self._told and waited >= self._most and self.spent() < self._seconds

    def spent(self) -> float:
        """The call's own time so far, in seconds; that of a short one is its wall time."""
        waited = time.monotonic() - self._start
        if self._watched is None:
            return waited
        # Before it was watched it had the same share of the processor as since then.
        since = time.monotonic() - self._watched_from
        share = self._watched.seconds() / since if since > 0 else 1.0
        return waited * min(1.0, share)

    def remaining(self) -> float:
        """Seconds until it has to be looked at again; zero or less when the call is over."""
        now = time.monotonic()
        waited = now - self._start
        if self._watched is None and waited > WATCHED_FROM * self._seconds:
            self._watched, self._watched_from = OwnTime(self._warm), now
        if now < self._end:
            return self._end - now
        left = self._most - waited
        self._end = now + min(left, self._seconds - self.spent())
        return self._end - now

    @property
    def _told(self) -> bool:
        return self._watched is None or self._watched.known

    @property
    def _most(self) -> float:
        return (MOST_PATIENCE if self._told else PATIENCE) * self._seconds


class OwnTime:
    """What a cell computes, and what it waits of its own accord, from now on.

    The latter is wall time less what it computed, what others kept it from computing, and what it
    waited for us. Where the kernel does not tell, it is nothing: nobody is blamed for a busy
    machine.

    Args:
        warm: whose cell.
    """

    def __init__(self, warm: Warm) -> None:
        self._warm = warm
        self._start = time.monotonic()
        self._used_before = self._used = warm.cell_usage()
        kept = warm.cell_delay()
        self._kept_before = self._kept = kept or 0.0
        self._ours = self._from_outside()
        self.known = kept is not None and self._ours is not None

    def seconds(self) -> float:
        """Both together, in seconds."""
        idle = self.idle()
        return self._used - self._used_before + idle

    def idle(self) -> float:
        """What it waited of its own accord, in seconds."""
        # What processes that have ended had is not lost.
        self._used = max(self._used, self._warm.cell_usage())
        now, delay = self._from_outside(), self._warm.cell_delay()
        if now is None or self._ours is None or delay is None:
            self.known = False
            return 0.0
        self._kept = max(self._kept, delay)
        waited = time.monotonic() - self._start
        used, kept = self._used - self._used_before, self._kept - self._kept_before
        return max(0.0, waited - used - kept - (now - self._ours))

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
