"""A real Dask cluster on this machine: a scheduler, and workers that are processes of their own."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_SECONDS = 120.0


@dataclass
class Cluster:
    """A scheduler and its workers.

    Attributes:
        folder: where they work and log.
        environment: of every worker.
    """

    folder: Path
    environment: dict[str, str]
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that run."""
        return [process for process in self.processes[1:] if process.poll() is None]

    def start_scheduler(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def start_worker(self, *options: str) -> subprocess.Popen[bytes]:
        rest = ("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", *options)
        place = ("--local-directory", str(self.folder / f"worker-{len(self.processes)}"))
        return self._start("worker", self.address, *place, *rest)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker as a power cut would, and its nanny, which would start another one."""
        for process in psutil.Process(worker.pid).children():
            if "slot_process" not in " ".join(process.cmdline()):
                process.kill()
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self.processes)}-{what}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "distributed.cli.dask_" + what, *options],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process


@contextmanager
def cluster(
    folder: Path, workers: int = 0, options: tuple[str, ...] = (), **environment: str
) -> Iterator[Cluster]:
    """A cluster with some workers that have come up; all of it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    root = str(Path(__file__).parents[2])
    found = Cluster(folder, {**os.environ, "PYTHONPATH": root, **environment})
    try:
        found.start_scheduler()
        for _ in range(workers):
            found.start_worker(*options)
        wait_for(found, workers)
        yield found
    finally:
        for process in reversed(found.processes):
            process.terminate()
        for process in found.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(cluster: Cluster, workers: int) -> None:
    """Wait until so many workers are known to the scheduler."""
    from distributed import Client

    deadline = time.monotonic() + START_SECONDS
    while True:
        # A client that could not connect closes itself when it is collected. Where that happens
        # while the next one starts, Dask waits for itself for ever.
        gc.collect()
        try:
            with Client(cluster.address, timeout=5, set_as_default=False) as client:
                while len(client.nthreads()) < workers:
                    if time.monotonic() > deadline:
                        raise AssertionError(f"no {workers} workers came: {cluster.logs()}")
                    time.sleep(0.2)
                return
        except (OSError, TimeoutError):
            if time.monotonic() > deadline:
                raise AssertionError(f"no scheduler came: {cluster.logs()}") from None
