"""The standard streams as student code finds them, whatever it did to them before."""

from __future__ import annotations

import contextlib
import io
import os
import sys

NUMBERS = (0, 1, 2)


class Terminal:
    """Standard input, output and error of a cell; output goes where descriptors 1 and 2 go now."""

    def __init__(self) -> None:
        self._kept = [os.dup(number) for number in NUMBERS]
        self._places = [_place(number) for number in NUMBERS]
        self._streams: tuple[io.TextIOWrapper, ...] = ()
        self.renew()

    def renew(self) -> None:
        """Make streams that nobody holds; what is wrapped around the last ones may close those."""
        self._streams = (_stream(0), _stream(1), _stream(2))
        self._install()

    def restore(self) -> None:
        """Put the streams and the descriptors back; a test runner does so for each test, too."""
        for number, kept, place in zip(NUMBERS, self._kept, self._places, strict=True):
            if _place(number) != place:
                os.dup2(kept, number)
        self._install()
        # What stood there is gone only now, and may have closed what it was wrapped around.
        if not all(map(_usable, self._streams)):
            self.renew()

    def _install(self) -> None:
        sys.stdin, sys.stdout, sys.stderr = self._streams
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc]

    def flush(self) -> None:
        """Send on what was printed, through our streams and through what took their place."""
        for stream in (sys.stdout, sys.stderr, *self._streams[1:]):
            # A student's own stream may do anything.
            with contextlib.suppress(BaseException):
                stream.flush()


def _stream(number: int) -> io.TextIOWrapper:
    if number == 0:
        return open(number, errors="replace", closefd=False)
    return open(number, "w", buffering=1, errors="replace", closefd=False)


def _place(number: int) -> tuple[int, int]:
    try:
        status = os.fstat(number)
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)


def _usable(stream: io.TextIOWrapper) -> bool:
    try:
        return not stream.closed
    except ValueError:
        return False  # its buffer was detached
