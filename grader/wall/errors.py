"""How a request over the wall can fail."""

from __future__ import annotations


class WallError(Exception):
    """A fault of the harness or the machine: what was asked is not graded, never a zero."""


class KeeperLost(WallError):
    """The warm process or the keeper ended during a call, by chance or by what was called."""


class CellLost(Exception):
    """The student's process is gone; the message says how. It cost the call that did it."""


class CellKilled(CellLost):
    """It was ended by SIGKILL, and not by us: by itself, or by somebody or something outside."""


class CallTimeout(CellLost):
    """No answer within the time limit, which is `seconds`."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class BadReply(CellLost):
    """What came back is not what the protocol says, or is larger than it allows."""
