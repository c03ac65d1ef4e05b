"""One cell, seen from the trusted side: requests go in, plain data comes out."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grader.assignment import Limits
from grader.wall.behind import wire
from grader.wall.errors import BadReply, CallTimeout, CellKilled, CellLost, KeeperLost, WallError
from grader.wall.family import Family
from grader.wall.watch import MOST_PATIENCE, WATCH_SECONDS, Deadline, Watch

MIB = 2**20
SETUP_SECONDS = 30.0


@dataclass(frozen=True)
class Ended:
    """How a cell ended.

    Attributes:
        how: in words.
        killed: its first process by SIGKILL.
        fault: with the warm process or with the keeper, which nothing in a cell can reach.
    """

    how: str
    killed: bool = False
    fault: bool = False


class CellHandle:
    """One cell: requests go in, plain data comes out.

    Nothing else may be read from it, and once a request failed with `CellLost` it is over.

    Args:
        family: its processes, with those of the warm process.
        limits: what it may use.
        connection: to its worker.
        output: file descriptor of what it prints.
        scratch: the folder that it can write, where that is a folder of the machine.
        copied: bytes that the copy of the submission takes there.
        end: ends it, and says how it ended.

    Attributes:
        closed: whether it is over.
        spent: own time of the last request that was answered, in seconds.
    """

    def __init__(
        self,
        family: Family,
        limits: Limits,
        connection: socket.socket,
        output: int,
        scratch: Path | None,
        copied: int,
        end: Callable[[], Ended],
    ) -> None:
        self._family = family
        self._end = end
        self._limits = limits
        self._connection = connection
        self._output = output
        self.closed = False
        self.printed = bytearray()
        self.spent = 0.0
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        os.set_blocking(output, False)
        self._selector.register(output, selectors.EVENT_READ)
        self._watch = Watch(family, limits, scratch, copied)

    def setup(
        self, files: Mapping[str, bytes], sources: Mapping[str, str], own: Sequence[str], given: str
    ) -> None:
        """Send the submission; raises WallError if the cell could not be closed off."""
        message = {
            "files": {k: np.frombuffer(v, dtype=np.uint8) for k, v in files.items()},
            "sources": dict(sources),
            "own": list(own),
            "given": given,
            "reply_mib": self._limits.reply_mib,
        }
        try:
            reply = self.request(message, SETUP_SECONDS)
        except CellLost as error:
            raise WallError(f"a cell could not be set up: {error}") from None
        if not reply.get("ok"):
            raise WallError(f"a cell could not be set up: {reply.get('error')}")

    @property
    def speaks_unasked(self) -> bool:
        """Whether something has come that nobody asked for: an answer in advance, or the end."""
        if self.closed:
            return False
        try:
            self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def request(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and wait for the answer.

        Args:
            message: plain data, tensors and arrays.
            seconds: own time of the cell until the answer is here; see `Deadline`.

        Raises:
            CallTimeout: it took longer. The cell is closed.
            BadReply: the answer is malformed or too large. The cell is closed.
            CellKilled: the process was ended by SIGKILL, not by us. The cell is closed.
            CellLost: the process ended otherwise. The cell is closed.
            KeeperLost: the warm process or the keeper ended, and the cell with it.
            WallError: the machine is too busy.
        """
        deadline = Deadline(self._family, seconds)
        try:
            self._send(wire.encode(message), deadline)
            prefix = self._receive(wire.PREFIX.size, deadline)
            header, payload = wire.sizes(prefix, max_payload=self._limits.reply_mib * MIB)
            reply = wire.decode(self._receive(header, deadline), self._receive(payload, deadline))
            self.spent = deadline.spent()
            return reply
        except wire.WireError as error:
            self.close()
            raise BadReply(str(error)) from None
        except TimeoutError:
            starved, spent = deadline.starved, deadline.spent()
            self.close()
            if starved:
                raise WallError(
                    f"the machine is too busy: a call with a limit of {seconds:g} s had "
                    f"{spent:.2g} s of it in {MOST_PATIENCE * seconds:g} s; grade with fewer --jobs"
                ) from None
            raise CallTimeout(f"no answer within {deadline.limit:g} s", deadline.limit) from None
        except (EOFError, ConnectionError):
            self._read_output()
            ended = self.close()
            if self._watch.fired or ended is None:
                raise CellLost(self._watch.fired or "it is over") from None
            if ended.fault:
                raise KeeperLost(f"a cell was lost: {ended.how}") from None
            raise (CellKilled if ended.killed else CellLost)(ended.how) from None

    def _send(self, frame: bytes, deadline: Deadline) -> None:
        self._connection.settimeout(WATCH_SECONDS)
        view = memoryview(frame)
        while view:
            if deadline.remaining() <= 0:
                raise TimeoutError
            with contextlib.suppress(TimeoutError):
                view = view[self._connection.send(view) :]

    def _receive(self, count: int, deadline: Deadline) -> bytes:
        buffer = bytearray(count)
        view = memoryview(buffer)
        self._connection.settimeout(None)
        while view:
            remaining = deadline.remaining()
            if remaining <= 0:
                raise TimeoutError
            for key, _ in self._selector.select(min(remaining, WATCH_SECONDS)):
                if key.fileobj == self._output:
                    self._read_output()
                else:
                    got = self._connection.recv_into(view)
                    if got == 0:
                        raise EOFError
                    view = view[got:]
        return bytes(buffer)

    def _read_output(self) -> None:
        """Keep what was printed up to the limit, and let the rest go."""
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._output)
            return
        room = self._limits.output_kib * 1024 - len(self.printed)
        self.printed += data[: max(room, 0)]

    def close(self) -> Ended | None:
        """End the cell; says how it ended, and None if it was over."""
        if self.closed:
            return None
        self.closed = True
        self._watch.stop()
        self._selector.close()
        ended = self._end()
        os.close(self._output)
        self._connection.close()
        return ended


def ended_by(status: int) -> Ended:
    """How a cell ended, by the exit status of its keeper, negative for a signal."""
    if status < 0:
        return Ended(f"the keeper of the cell was ended by {_signal(-status)}", fault=True)
    if status == 0:
        return Ended("its process ended by itself (exit status 0)")
    if status > 128:
        number = status - 128
        words = f"its process was ended by signal {_signal(number)}"
        return Ended(words, killed=number == signal.SIGKILL)
    return Ended(f"its process ended with exit status {status}")


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else str(number)
