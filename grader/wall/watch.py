"""Watches over a cell: its time, and the memory of all its processes together."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import psutil

from grader.assignment import Limits
from grader.wall.clearing import usage
from grader.wall.family import Family, delay_of, exceeds

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
        family: whose cell.
        seconds: the limit.
    """

    def __init__(self, family: Family, seconds: float) -> None:
        self._family = family
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
            self._watched, self._watched_from = OwnTime(self._family), now
        if now < self._end:
            if self._watched is not None:
                self._watched.note()
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
        family: whose cell.
    """

    def __init__(self, family: Family) -> None:
        self._family = family
        self._start = self._noted = time.monotonic()
        self._used_before = self._used = family.cell_usage()
        kept = family.cell_delay()
        self._kept_before = self._kept = kept or 0.0
        self._ours = self._from_outside()
        self.known = kept is not None and self._ours is not None

    def note(self) -> None:
        """Look now and then at what is used: a process that ends unseen takes it with it."""
        if time.monotonic() - self._noted > WATCH_SECONDS:
            self._noted = time.monotonic()
            self._used = max(self._used, self._family.cell_usage())

    def seconds(self) -> float:
        """Both together, in seconds."""
        idle = self.idle()
        return self._used - self._used_before + idle

    def idle(self) -> float:
        """What it waited of its own accord, in seconds."""
        # What processes that have ended had is not lost.
        self._used = max(self._used, self._family.cell_usage())
        now, delay = self._from_outside(), self._family.cell_delay()
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
    scratch folder is not a file system of its own.

    Args:
        family: whose cell.
        limits: what it may use.
        scratch: the folder that it can write, where that is a folder of the machine.
        copied: bytes of the copy of the submission there, which is not counted.

    Attributes:
        fired: what the cell did, if it was ended for it.
    """

    def __init__(self, family: Family, limits: Limits, scratch: Path | None, copied: int) -> None:
        self.fired = ""
        self._limits = limits
        # One process may reach its own limit and get its MemoryError before this steps in.
        self._allowed = (1.5 * limits.memory_mib + 2 * limits.scratch_mib) * MIB
        self._scratch = scratch
        # As long as a file is being written its blocks may be counted generously.
        self._most = 2 * limits.scratch_mib * MIB + copied
        self._stop = threading.Event()
        self._family = family
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more watching."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            with contextlib.suppress(psutil.Error, OSError):
                self.fired = self.fired or self._too_much()
                if self.fired:
                    self._family.kill_cell()

    def _too_much(self) -> str:
        limits = self._limits
        if exceeds(self._family.all(), self._family.resident, self._allowed):
            return f"it used more than the {limits.memory_mib} MiB of memory allowed"
        if self._scratch is not None:
            most = self._most
            held_bytes, files = usage(self._scratch, most_bytes=most, most_files=MAX_FILES)
            if held_bytes > most or files > MAX_FILES:
                return (
                    f"it kept more than {limits.scratch_mib} MiB or {MAX_FILES} files in its "
                    "scratch folder"
                )
        return ""
