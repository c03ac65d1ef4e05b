"""Turns a fresh fork of the warm process into a cell for one submission, before its code is read.

Two ways: `namespaces` under bubblewrap, and `landlock` where there is no bubblewrap. The order of
the steps matters: what needs a privilege comes before the privilege is given up.
"""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kernel

MIB = 2**20
OPEN_FILES = 256
# Those that bubblewrap mounts one by one: their modes and times are the machine's own.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True)
class Cell:
    """Where a worker lives and what it may use."""

    wall: str  # 'bubblewrap', 'landlock' or 'none'
    submission: str  # folder of the student's files, read-only
    scratch: str  # the only folder that can be written
    uid: int | None  # ordinary user to become; None: stay
    memory_mib: int
    scratch_mib: int
    processes: int
    cpu_seconds: int
    readable: tuple[str, ...] = ()  # landlock: what else may be read

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Cell:
        """The cell that the trusted side asks for."""
        return cls(**{**message, "readable": tuple(message["readable"])})


def new_namespaces() -> None:
    """From here on, children live in process, mount and IPC namespaces of their own."""
    flags = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
    if not kernel.holds(kernel.CAP_SYS_ADMIN):
        uid, gid = os.getuid(), os.getgid()
        # A process that may not be traced may not write its own maps either. No student code
        # lives yet that could make use of the moment.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        kernel.unshare(flags | kernel.CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    else:
        kernel.unshare(flags)


def mount_cell(cell: Cell) -> None:
    """A fresh /proc, a fresh scratch of limited size, no terminals, and devices that keep no mark;
    runs as the first process of the cell."""
    kernel.mount("none", "/", None, kernel.MS_REC_PRIVATE)
    safe = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("proc", "/proc", "proc", safe | kernel.MS_NOEXEC)
    size = f"size={cell.scratch_mib}m,nr_inodes=16384,mode=1777"
    kernel.mount("scratch", cell.scratch, "tmpfs", safe, size)
    kernel.mount("shm", "/dev/shm", "tmpfs", safe, size)
    kernel.mount("submission", cell.submission, "tmpfs", safe, "size=64m,mode=0755")
    if Path("/dev/pts").is_dir():
        kernel.mount("pts", "/dev/pts", "tmpfs", safe | kernel.MS_RDONLY, "size=4k,mode=0755")
    for name in DEVICES:
        if Path(f"/dev/{name}").is_char_device():
            kernel.freeze_metadata(f"/dev/{name}")


def write_files(folder: str, files: dict[str, Any]) -> None:
    """Put files (bytes as uint8 arrays) into a folder; names were checked by the trusted side."""
    for name, content in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
        path.chmod(0o444)


def seal_submission(cell: Cell) -> None:
    """Make the submission's folder read-only."""
    flags = kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("submission", cell.submission, "tmpfs", flags)


def limit_resources(cell: Cell) -> None:
    """Memory, processes, files and processor time, for this process and its children."""
    # A slot limits itself, and what it starts inherits that.
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    # What torch maps is shared and read-only for the most part; the limit is for what comes on top.
    address_space = pages * resource.getpagesize() + cell.memory_mib * MIB
    for what, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_NPROC, cell.processes + _others_of_this_user(cell)),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, cell.scratch_mib * MIB),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CPU, cell.cpu_seconds),
    ):
        _, hard = resource.getrlimit(what)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (allowed, allowed))


def give_up_privileges(cell: Cell) -> None:
    """Become an ordinary user without any capability, for good."""
    if cell.uid is not None or cell.wall == "bubblewrap":
        kernel.drop_bounding_set()
    keep: tuple[int, ...] = ()
    if cell.uid is not None:
        if cell.wall == "landlock" and not _open_to_others(os.__file__):
            # Python lies in a folder of root's. Landlock still says what may be read and written
            # at all. Containers have the second of these rights and not the first.
            rights = (kernel.CAP_DAC_READ_SEARCH, kernel.CAP_DAC_OVERRIDE)
            keep = tuple(right for right in rights if kernel.holds(right))[:1]
            kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(cell.uid, cell.uid, cell.uid)
        os.setresuid(cell.uid, cell.uid, cell.uid)
    kernel.set_capabilities(keep)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # Becoming another user clears this, so it comes after.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)


def close_all_but(*keep: int) -> None:
    """Close every inherited descriptor that student code has no business with."""
    open_now = sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    for descriptor in open_now:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the one that listed the folder


def redirect_output(output: int) -> None:
    """Standard output and error go to the descriptor `output`; standard input is empty."""
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def confine(cell: Cell, files: dict[str, Any], connection: socket.socket, output: int) -> None:
    """Everything, in order; after it returns, student code may run.

    Raises:
        OSError: a protection could not be set up. Nothing of the student's has run then.
    """
    redirect_output(output)
    close_all_but(connection.fileno())
    os.umask(0o022)  # the submission must be readable for another user, whoever grades it
    if cell.wall == "bubblewrap":
        mount_cell(cell)
        write_files(cell.submission, files)
        seal_submission(cell)
    else:
        write_files(cell.submission, files)
    os.chdir(cell.scratch)
    os.umask(0o077)
    os.environ.clear()
    os.environ.update(
        HOME=cell.scratch,
        LOGNAME="student",
        TMPDIR=cell.scratch,
        PATH="/usr/bin:/bin",
        LANG="C.UTF-8",
        OMP_NUM_THREADS="1",
        MPLBACKEND="agg",
        MPLCONFIGDIR=cell.scratch,
    )
    if cell.wall == "none":
        return
    limit_resources(cell)
    give_up_privileges(cell)
    if cell.wall == "landlock":
        kernel.landlock([*cell.readable, cell.submission], [cell.scratch, os.devnull])
    if kernel.seccomp_available():
        kernel.refuse_dangerous_calls(same_file_system=cell.wall == "landlock")


def _others_of_this_user(cell: Cell) -> int:
    """Processes and threads that count towards the user's limit and are none of the cell's.

    A cell that has a user or a user namespace of its own shares its limit with nobody.
    """
    if cell.wall != "landlock" or cell.uid is not None:
        return 0
    count = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text(errors="replace").splitlines()
        except OSError:
            continue  # it has ended since
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if int(fields["Uid"].split()[0]) == os.getuid():
            count += int(fields["Threads"])
    return count


def _open_to_others(path: str) -> bool:
    resolved = Path(path).resolve()
    return all(p.stat().st_mode & 0o001 for p in resolved.parents)
