"""The warm process, seen from the trusted side."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from mmap import PAGESIZE
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from grader.assignment import Limits
from grader.wall import isolation
from grader.wall.behind.confine import Cell
from grader.wall.cell import MIB, CellHandle, Ended, ended_by
from grader.wall.clearing import clear_away
from grader.wall.errors import WallError
from grader.wall.family import Family
from grader.wall.isolation import WallKind

START_SECONDS = 120.0
SETUP_SECONDS = 30.0
END_SECONDS = 30.0
# Ordinary users that exist nowhere: a range that no distribution hands out.
FIRST_UID, UIDS = 1_879_048_192, 2**24


class Warm:
    """A process behind the wall in which torch is imported; it forks one cell at a time.

    Args:
        wall: which wall, as `isolation.choose` gives it.
        limits: what each cell may use.
        given: folder of the files that every student has.
        hide: what must not be seen even where it lies in a folder that Python or the system needs.
        data: folders of data sets that runs may read, by name.

    Attributes:
        family: its processes and those of its cell, from `start` on.

    Raises:
        WallError: it does not start.
    """

    family: Family

    def __init__(
        self,
        wall: WallKind,
        limits: Limits,
        given: Path,
        data: Mapping[str, Path] = isolation.NOTHING,
        hide: Sequence[Path] = (),
    ) -> None:
        self.wall = wall
        self.limits = limits
        self.given = given
        self.hide = (Path(isolation.__file__).resolve().parents[1], *hide)
        self.data = dict(data)
        self.environment: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.scratch: Path | None = None  # of the cell, where it is a folder of the machine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the outermost process, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, if it is not running, and wait until torch is imported."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package = isolation.INSIDE_PACKAGE if self.wall == "bubblewrap" else str(isolation.PACKAGE)
        root, name = str(Path(package).parent), Path(package).name
        code = f"import sys; sys.path.insert(0, {root!r}); from {name}.warm import start; start()"
        settings = json.dumps({"wall": self.wall})
        command = [sys.executable, "-I", "-c", code, str(theirs.fileno()), settings]
        if self.wall == "bubblewrap":
            command = [
                *isolation.bubblewrap_command(self.given, self.hide, self.data),
                *command,
            ]
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            # Asks for a GPU without starting CUDA, which a process that forks must not have done.
            # Source: PyTorch, "CUDA semantics".
            "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
            **isolation.HUGE_PAGES,
        }
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                umask=0o022,
            )
        except OSError as error:
            raise WallError(f"the warm process could not be started: {error}") from None
        finally:
            theirs.close()
        self._control = ours
        try:
            self.environment = self._event("ready", START_SECONDS)["environment"]
        except WallError as error:
            text = self._last_words()
            self.close()
            raise WallError(f"{error}{': ' + text if text else ''}") from None
        self.family = Family(self._process.pid)

    def fork(
        self,
        files: Mapping[str, bytes],
        sources: Mapping[str, str],
        *,
        cpu_seconds: int,
        own: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> CellHandle:
        """A fresh cell with these files.

        Args:
            files: the submission, by relative path.
            sources: text of probes and `adapters`, by name; see `suite.remote.sources_of`.
            cpu_seconds: processor time for the whole cell.
            own: names of the assignment's files, which no stand-in may replace.
            limits: what it may use, where that is not what all cells may.

        Raises:
            WallError: the cell could not be set up.
        """
        self.start()
        limits = limits or self.limits
        assert self._control is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        read, write = os.pipe()
        copied = sum(-(-len(content) // PAGESIZE) * PAGESIZE for content in files.values())
        cell = self._cell(limits, cpu_seconds, copied)
        try:
            message = json.dumps({"op": "fork", "cell": asdict(cell)}).encode()
            socket.send_fds(self._control, [message], [theirs.fileno(), write])
        except OSError as error:
            ours.close()
            os.close(read)
            raise WallError(f"the warm process is gone: {error}") from None
        finally:
            theirs.close()
            os.close(write)
        self.family.begin_cell()
        scratch = None if self.scratch is None else self.scratch / "scratch"
        handle = CellHandle(self.family, limits, ours, read, scratch, copied, self._end_cell)
        try:
            self._event("forked", SETUP_SECONDS)
            handle.setup(files, sources, own, self._given_inside())
        except BaseException:
            handle.close()
            raise
        return handle

    def data_inside(self) -> dict[str, str]:
        """Where a cell finds the data sets."""
        if self.wall == "bubblewrap":
            return {name: f"{isolation.INSIDE_DATA}/{name}" for name in self.data}
        return {name: str(folder) for name, folder in self.data.items()}

    def _given_inside(self) -> str:
        return isolation.INSIDE_GIVEN if self.wall == "bubblewrap" else str(self.given)

    def _cell(self, limits: Limits, cpu_seconds: int, copied: int) -> Cell:
        uid = FIRST_UID + secrets.randbelow(UIDS) if os.getuid() == 0 else None
        submission, scratch = isolation.INSIDE_SUBMISSION, isolation.INSIDE_SCRATCH
        if self.wall != "bubblewrap":
            self.scratch = Path(tempfile.mkdtemp(prefix="cell-"))
            self.scratch.chmod(0o755)
            for folder in ("submission", "scratch"):
                (self.scratch / folder).mkdir()
                (self.scratch / folder).chmod(0o755)
            if uid is not None and self.wall == "landlock":
                os.chown(self.scratch / "scratch", uid, uid)
            submission = str(self.scratch / "submission")
            scratch = str(self.scratch / "scratch")
        return Cell(
            wall=self.wall,
            submission=submission,
            scratch=scratch,
            uid=uid,
            memory_mib=limits.memory_mib,
            scratch_mib=limits.scratch_mib + -(-copied // MIB),
            processes=limits.processes,
            cpu_seconds=cpu_seconds,
            readable=isolation.landlock_readable((self.given, *self.data.values()), self.hide)
            if self.wall == "landlock"
            else (),
        )

    def _end_cell(self) -> Ended:
        """End the cell and wait until nothing of it is left; says how it ended.

        A warm process that does not manage that is ended itself: the next fork starts another.
        """
        ended = Ended("the warm process is gone", fault=True)
        try:
            assert self._control is not None
            self._control.send(b'{"op": "end"}')
            # One that ended by itself has been reported already, and again as an answer to this.
            ended = ended_by(self._event("ended", END_SECONDS)["status"])
            self._drain()
        except (OSError, WallError, AssertionError):
            self.close()
        if self.scratch is not None:
            clear_away(self.scratch)
            self.scratch = None
        return ended

    def _drain(self) -> None:
        """Swallow a report that crossed ours on the way, so that the next answer is the next."""
        assert self._control is not None
        self._control.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            self._control.recv(65536)

    def _event(self, wanted: str, seconds: float) -> dict[str, Any]:
        assert self._control is not None
        self._control.settimeout(seconds)
        try:
            while True:
                data = self._control.recv(65536)
                if not data:
                    raise WallError("the warm process ended")
                message: dict[str, Any] = json.loads(data)
                if message["event"] == wanted:
                    return message
        except TimeoutError:
            raise WallError(f"the warm process gave no answer within {seconds:g} s") from None
        except OSError as error:
            raise WallError(f"the warm process is gone: {error}") from None

    def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return ""
        self._process.kill()
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End the warm process and whatever cell it has."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(0.5 if self._process.poll() is None else 0)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None
