"""A slot as a program, for a process that may have no children by `multiprocessing`.

A Dask worker is one: its nanny makes it a daemon. The connection is an inherited file descriptor.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

from grader.batch.task import Task, enter_slot

ENDING_SECONDS = 10.0


class SlotProcess:
    """A slot, seen from the process that started it.

    Attributes:
        connection: says what `grader.batch.slot.run_slot` says.
    """

    def __init__(self, task: Task) -> None:
        ours, theirs = socket.socketpair()
        # -P: else Python looks for its modules in the current folder first.
        command = [sys.executable, "-P", "-m", "grader.batch.slot_process", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Small tests get several times slower with more than one OpenMP thread.
                env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONSAFEPATH": "1"},
            )
        self.connection = Connection(ours.detach())
        self.connection.send(task)

    @property
    def pid(self) -> int:
        return self._process.pid

    def let_go(self) -> None:
        """Ask it to end; it ends by itself when nobody listens any more."""
        self._process.terminate()
        self.connection.close()

    def end(self) -> None:
        """Wait for its end; kill it if it takes too long."""
        self.let_go()
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main() -> None:
    """Serve the connection whose file descriptor is the program's argument."""
    connection = Connection(int(sys.argv[1]))
    try:
        task: Task = connection.recv()
    except EOFError:
        return
    enter_slot(connection, task)


if __name__ == "__main__":
    main()
