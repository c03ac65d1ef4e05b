"""The warm process: imports torch once, then forks a cell for each submission.

It runs no student code itself. It talks to the trusted side over a control socket in small JSON
messages; the sockets of the cells are handed to it as descriptors.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import platform
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import confine, kernel
from .state import Libraries, settle
from .stream import Stream
from .worker import Worker

CONTROL_BYTES = 65536
MIB = 2**20
LARGE_MODULES = (
    "torch._dynamo",
    "torch.distributions",
    "torch.nested",
    "scipy.special",
    "scipy.stats",
)


def main(control: int, settings: dict[str, Any]) -> None:
    """Serve forks until the control socket closes."""
    kernel.keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    connection = socket.socket(fileno=control)
    _import_what_tests_touch()
    libraries = settle()
    gc.collect()
    gc.freeze()  # else every collection in a child would copy the pages of what is shared
    if settings["wall"] != "none":
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    # Behind a wall there is no GPU, and nothing need look for one.
    gpu = settings["wall"] == "none" and torch.cuda.is_available()
    _tell(connection, {"event": "ready", "environment": environment(gpu)})
    keeper: int | None = None
    while True:
        ready = select.select([connection], [], [], 0.05 if keeper else None)[0]
        if keeper:
            pid, status = os.waitpid(keeper, os.WNOHANG)
            if pid:
                _tell(connection, {"event": "ended", "status": os.waitstatus_to_exitcode(status)})
                keeper = None
        if not ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(connection, CONTROL_BYTES, 2)
        if not data:
            _end(keeper)
            return
        message = json.loads(data)
        if message["op"] == "fork":
            keeper = _fork(connection, message["cell"], descriptors, libraries)
            for descriptor in descriptors:
                os.close(descriptor)
            _tell(connection, {"event": "forked"})
        elif message["op"] == "end":
            status = _end(keeper)
            keeper = None
            _tell(connection, {"event": "ended", "status": status})


def environment(gpu: bool = False) -> dict[str, Any]:
    """What torch's results depend on here; `gpu`: whether runs will find one."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability() + (" and CUDA" if gpu else ""),
        "threads": torch.get_num_threads(),
    }


def _tell(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.send(json.dumps(message).encode())


def _end(keeper: int | None) -> int:
    """End the cell and wait until nothing of it is left; its exit status."""
    if keeper is None:
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGTERM)
    _, status = os.waitpid(keeper, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(
    connection: socket.socket,
    cell: dict[str, Any],
    descriptors: list[int],
    libraries: Libraries,
) -> int:
    """Fork the keeper of a new cell; it stands between the cell and the warm process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            connection.close()
            code = _keep(confine.Cell.from_message(cell), libraries, *descriptors)
        finally:
            os._exit(code)
    return pid


def _keep(cell: confine.Cell, libraries: Libraries, data: int, output: int) -> int:
    """Start the first process of the cell, and see that nothing survives it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    # Not SIGKILL: without namespaces the orphans have to be ended before this process goes.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    if cell.wall == "bubblewrap":
        confine.new_namespaces()
    scoped = cell.wall == "landlock" and kernel.landlock_abi() >= kernel.ABI_WITH_SIGNALS
    if scoped:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.landlock_signals()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            # A group and a session of its own: what is done to a group (signals, priorities) ends
            # with the cell.
            os.setsid()
            _live(cell, data, output, libraries)
            code = 0
        finally:
            os._exit(code)
    os.close(data)
    os.close(output)
    while True:
        caught = signal.sigwait({signal.SIGTERM, signal.SIGCHLD})
        if caught == signal.SIGTERM:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            break
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        _reap_orphans(pid)
    if cell.wall != "bubblewrap":  # else the kernel has ended them with their namespace
        _kill_descendants(cell.uid, scoped)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _live(cell: confine.Cell, data: int, output: int, libraries: Libraries) -> None:
    connection = socket.socket(fileno=data)
    stream = Stream(connection, max_payload=2**40)
    setup = stream.receive()
    stream = Stream(connection, max_payload=setup["reply_mib"] * MIB)
    try:
        confine.confine(cell, setup["files"], connection, output)
    except OSError as error:
        stream.send({"ok": False, "error": {"type": "OSError", "text": str(error), "frames": []}})
        return
    own = frozenset(setup["own"])
    worker = Worker(
        stream,
        cell.submission,
        cell.scratch,
        setup["given"],
        setup["sources"],
        own,
        libraries,
    )
    stream.send({"ok": True, "value": None})
    worker.serve()


def _reap_orphans(first: int) -> None:
    """Collect children that were left to us, other than the first process of the cell."""
    for pid in _children():
        if pid != first:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _children() -> list[int]:
    """Processes whose parent this is. Under namespaces the kernel has ended them already."""
    me = os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == me:
                found.append(int(entry.name))
    return found


def _kill_descendants(uid: int | None = None, scoped: bool = False) -> None:
    """Without a process namespace orphans come to us, layer by layer; end them all.

    One that forks and ends without a pause is gone under the number that was read, so whatever can
    be ended at once is: all of the cell's own user, or all that Landlock lets us signal.
    """
    while children := _children():
        if uid is not None:
            _kill_user(uid)
        elif scoped:
            _kill_everybody_in_reach()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _kill_user(uid: int) -> None:
    """End every process of a user that exists for one cell alone."""
    killer = os.fork()
    if killer == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(killer, 0)


def _kill_everybody_in_reach() -> None:
    """End every process that this one may signal, if Landlock does keep it from all others."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


def _import_what_tests_touch() -> None:
    """Import what torch loads lazily, so that no submission pays for it.

    A throw-away child does what submissions do and tells which modules that brought in: the warm
    process itself must not start autograd or OpenMP before it forks. The large ones are imported
    first by name, which saves the child from importing them a second time.
    """
    for name in LARGE_MODULES:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            before = set(sys.modules)
            _exercise()
            names = [name for name in sys.modules if name not in before]
            os.write(write, json.dumps(names).encode()[: 2**16 - 1])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    for name in json.loads(text or b"[]"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _exercise() -> None:
    from torch import distributions, nn, optim

    layer = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU())
    for optimiser in (optim.SGD(layer.parameters(), 0.1), optim.Adam(layer.parameters())):
        x = torch.randn(3, 2, requires_grad=True)
        out = layer(x).sum()
        torch.autograd.grad(out, x, create_graph=True)[0].pow(2).sum().backward()
        optimiser.step()
    torch.autograd.functional.jacobian(lambda v: v * 2, torch.ones(2))
    torch.einsum("ij,ij->i", torch.ones(2, 2), torch.ones(2, 2))
    normal = distributions.Normal(0.0, 1.0)
    distributions.kl_divergence(normal, normal)
    distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
    import scipy.special
    import scipy.stats  # noqa: F401


def start() -> None:
    """Entry: `python -I -c "...; start()" CONTROL SETTINGS`."""
    # A signal to the whole group (Ctrl-C at the terminal) is the trusted side's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
    os._exit(0)  # without the second that torch takes to tear itself down
