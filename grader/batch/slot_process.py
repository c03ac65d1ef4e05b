"""A slot as a program: a new Python that gets nothing of the shell but what it has to know.

Whatever else there is in the environment, in the options of the Python that starts it, or in the
current folder, could change a mark. The connection is an inherited file descriptor.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from grader.batch.task import Task

ENDING_SECONDS = 10.0
# Where programs, libraries and folders are. GRADER_HOME and the like are kept too.
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
ALWAYS = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    # Small tests get several times slower with more than one OpenMP thread.
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    # Else Python looks for its modules in the current folder first.
    "PYTHONSAFEPATH": "1",
}


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Ctrl-C waits here until the end; a slot that is started meanwhile begins without it."""
    # A new program takes over the mask of the thread that starts it, but not the handlers.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    arrived: list[int] = []
    first = threading.current_thread() is threading.main_thread()
    # Another thread, which does not block the signal, may receive it for this one.
    handler = signal.signal(signal.SIGINT, lambda *_: arrived.append(1)) if first else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if first:
            signal.signal(signal.SIGINT, handler)
        if arrived:
            signal.raise_signal(signal.SIGINT)


class SlotProcess:
    """A slot, seen from the process that started it.

    Attributes:
        connection: says what `grader.batch.slot.run_slot` says.
    """

    def __init__(self, task: Task) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "grader.batch.slot_process", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment(os.environ),
            )
        self.connection = Connection(ours.detach())
        self.connection.send(_anywhere(task))

    @property
    def pid(self) -> int:
        return self._process.pid

    def let_go(self) -> None:
        """Ask it to end; it ends by itself when nobody listens any more."""
        self._process.terminate()
        self.connection.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self.connection.close()

    def end(self) -> None:
        """Wait for its end; kill it if it takes too long."""
        self.let_go()
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment(shell: Mapping[str, str]) -> dict[str, str]:
    """What a slot gets of the environment of the shell."""
    kept = {k: v for k, v in shell.items() if k in KEPT or k.startswith("GRADER_")}
    # The harness itself may be found by it.
    found = [str(Path(p).absolute()) for p in shell.get("PYTHONPATH", "").split(os.pathsep) if p]
    return kept | ALWAYS | ({"PYTHONPATH": os.pathsep.join(found)} if found else {})


def _anywhere(task: Task) -> Task:
    """The same for a process that works in another folder."""
    runs = task.runs
    if runs is not None and runs.data is not None:
        runs = replace(runs, data=runs.data.absolute())
    folders = task.assignment.absolute(), task.reference.absolute()
    return replace(task, assignment=folders[0], reference=folders[1], runs=runs)


def main() -> None:
    """Serve the connection whose file descriptor is the program's argument."""
    # Ctrl-C at the terminal is the batch's to handle; it closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    connection = Connection(int(sys.argv[1]))
    try:
        task: Task = connection.recv()
    except EOFError:
        return
    # Only here is torch imported.
    from grader.batch.slot import run_slot

    run_slot(connection, task)


if __name__ == "__main__":
    main()
