"""Frames over a socket, on the side behind the wall."""

from __future__ import annotations

import socket
from typing import Any

from . import wire


class Stream:
    """Reads and writes whole frames; blocking."""

    def __init__(self, connection: socket.socket, max_payload: int) -> None:
        self._connection = connection
        self._max_payload = max_payload

    def receive(self) -> dict[str, Any]:
        """The next message.

        Raises:
            EOFError: the other side is gone.
            wire.WireError: what came is not a message.
        """
        # What the trusted side sends is ours and is not capped.
        header, payload = wire.sizes(self._read(wire.PREFIX.size), max_payload=2**40)
        return wire.decode(self._read(header), self._read(payload))

    def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises:
            wire.WireError: it is larger than the other side takes.
        """
        self._connection.sendall(wire.encode(message, max_payload=self._max_payload))

    def _read(self, count: int) -> bytes:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            got = self._connection.recv_into(view)
            if got == 0:
                raise EOFError
            view = view[got:]
        return bytes(buffer)
