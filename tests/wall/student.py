"""Student code that tries things; it is sent behind the wall as it stands."""

import os
import signal
import socket
import sys
import time

import constants
import torch


def double(x):
    return 2 * x


def given():
    return constants.ANSWER


def noise():
    return torch.randn(3)


def train():
    layer = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(3, 2)).sum().backward()
    optimiser.step()
    return layer.weight.detach()


def boom():
    raise ValueError("no")


def leave():
    sys.exit(0)


def hang():
    while True:
        pass


def quit_at_once():
    os._exit(3)


def crash():
    import ctypes

    ctypes.string_at(0)


def swallow_memory():
    kept = []
    while True:
        kept.append(bytearray(2**24))


def swallow_memory_together():
    for _ in range(8):
        if os.fork() == 0:
            kept = bytearray(os.urandom(2**20)) * 300
            time.sleep(60)
            os._exit(len(kept) % 2)
    time.sleep(60)


def fork_many():
    count = 0
    try:
        while count < 1000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except OSError:
        pass
    return count


def leave_orphan():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(0.1)
        os._exit(0)
    return pid


def _places():
    return [os.environ["TMPDIR"], "/tmp", "/dev/shm", "/var/tmp", os.getcwd()]


def leave_traces():
    written = False
    for place in _places():
        try:
            with open(os.path.join(place, "grader-trace-of-a-test"), "w") as f:
                f.write("I was here")
            written = True
        except OSError:
            continue
    return written


def find_traces():
    return [p for p in _places() if os.path.exists(os.path.join(p, "grader-trace-of-a-test"))]


def reach_network():
    reached = []
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 22)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 53)),
        (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 22)),
        (socket.AF_NETLINK, socket.SOCK_RAW, (0, 0)),
    ):
        try:
            socket.socket(family, kind)
            reached.append(str(address))
        except OSError:
            continue
    return reached


def read_files(paths):
    found = []
    for path in paths:
        try:
            with open(path, "rb") as f:
                f.read(1)
            found.append(path)
        except OSError:
            continue
    return found


def environment():
    return sorted(os.environ)


def identity():
    import ctypes
    import struct

    libc = ctypes.CDLL(None)
    header = struct.pack("<Ii", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    libc.capget(header, data)
    words = struct.unpack("<6I", data.raw)
    return [os.getuid(), words[0] | words[3] << 32, libc.prctl(39, 0, 0, 0, 0)]


def dangerous_calls():
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    done = []
    for name, attempt in (
        ("unshare", lambda: libc.unshare(0x10000000)),
        ("ptrace", lambda: libc.ptrace(0, 0, 0, 0)),
        ("mount", lambda: libc.mount(b"none", os.environ["TMPDIR"].encode(), b"tmpfs", 0, None)),
        ("keyctl", lambda: libc.syscall(250, 0, 0, 0, 0)),
        ("bpf", lambda: libc.syscall(321, 0, 0, 0)),
        ("io_uring", lambda: libc.syscall(425, 1, 0)),
        ("clone newuser", lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)),
    ):
        if attempt() >= 0:
            done.append(name)
    return done


def write_beside_the_code():
    for path in (__file__, os.path.join(os.path.dirname(__file__), "new.py")):
        try:
            with open(path, "a"):
                return True
        except OSError:
            continue
    return False


def fill_scratch():
    """Whole MiB that could be written, to one file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    count = 0
    try:
        with open(os.path.join(os.environ["TMPDIR"], "filler"), "wb", buffering=0) as f:
            while count < 1000:
                f.write(b"\0" * 2**20)
                count += 1
    except OSError:
        pass
    return count


IOPRIO_GET, IOPRIO_SET, PERSONALITY = 252, 251, 135  # system calls of x86-64
DUMPABLE, TIMERSLACK, SUBREAPER = 3, 30, 37  # what prctl(2) reads


def state():
    """Everything that a process, a device node or a namespace keeps, as text by name."""
    import ctypes
    import resource

    libc = ctypes.CDLL(None, use_errno=True)
    mask = os.umask(0o22)
    os.umask(mask)
    reaper = ctypes.c_int()
    libc.prctl(SUBREAPER, ctypes.byref(reaper))
    found = {
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": os.sched_getscheduler(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "io priority": libc.syscall(IOPRIO_GET, 1, 0),
        "umask": mask,
        "dumpable": libc.prctl(DUMPABLE),
        "timer slack": libc.prctl(TIMERSLACK),
        "reaper": reaper.value,
        "personality": libc.syscall(PERSONALITY, 0xFFFFFFFF),
        "leads its session": os.getsid(0) == os.getpgid(0) == os.getpid(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "ignored": [s for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN],
        "environment": sorted((k, v) for k, v in os.environ.items() if "/cell-" not in v),
        "terminals": _listed("/dev/pts"),
    }
    for name in sorted(n for n in dir(resource) if n.startswith("RLIMIT_")):
        if name not in ("RLIMIT_AS", "RLIMIT_NPROC"):  # which follow what the machine does
            found[name] = resource.getrlimit(getattr(resource, name))
    for path in ("/proc/self/oom_score_adj", "/proc/self/autogroup", "/proc/self/coredump_filter"):
        try:
            text = open(path).read()
        except OSError as error:
            text = type(error).__name__
        # Every session has a group of its own; its number is another one.
        found[path] = text.split()[1:] if "autogroup" in path else text
    for node in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "shm", "pts"):
        try:
            info = os.stat(f"/dev/{node}")
        except OSError as error:
            found[node] = type(error).__name__
        else:
            found[node] = (info.st_mode, info.st_uid)
            if node not in ("shm", "pts"):  # which are new for each cell
                found[node] += (info.st_atime_ns, info.st_mtime_ns, info.st_ctime_ns)
    return {name: repr(value) for name, value in found.items()}


def spoil():
    """Changes whatever may be changed of what `state` reads, for every process in reach."""
    import ctypes
    import pty
    import resource

    libc = ctypes.CDLL(None, use_errno=True)
    group, user = 2, 3  # of ioprio_set(2)
    attempts = [
        lambda: os.setpriority(os.PRIO_PGRP, 0, 19),
        lambda: os.setpriority(os.PRIO_USER, 0, 19),
        lambda: libc.syscall(IOPRIO_SET, group, 0, 3 << 13),
        lambda: libc.syscall(IOPRIO_SET, user, 0, 3 << 13),
        lambda: [os.sched_setscheduler(p, os.SCHED_IDLE, os.sched_param(0)) for p in _processes()],
        lambda: [os.sched_setaffinity(p, {min(os.sched_getaffinity(p))}) for p in _processes()],
        lambda: [resource.prlimit(p, resource.RLIMIT_CORE, (0, 0)) for p in _processes()],
        lambda: [resource.prlimit(p, resource.RLIMIT_NOFILE, (64, 64)) for p in _processes()],
        lambda: open("/proc/self/autogroup", "w").write("19"),
        lambda: [open(f"/proc/{p}/oom_score_adj", "w").write("500") for p in _processes()],
        lambda: pty.openpty(),
        lambda: libc.personality(0x0040000),
        lambda: os.umask(0),
    ]
    for node in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts/ptmx"):
        attempts += [
            lambda node=node: os.chmod(f"/dev/{node}", 0o600),
            lambda node=node: os.utime(f"/dev/{node}"),
            lambda node=node: os.utime(f"/dev/{node}", (1, 1)),
            lambda node=node: os.open(f"/dev/{node}", os.O_RDWR | os.O_NOCTTY),
        ]
    for attempt in attempts:
        try:
            attempt()
        except (OSError, ValueError, AttributeError):
            continue


def kill_the_group():
    os.kill(0, signal.SIGKILL)


def kill_everybody():
    os.kill(-1, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _listed(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        return type(error).__name__


def _processes():
    return [0, os.getppid(), *(int(name) for name in os.listdir("/proc") if name.isdigit())]


def size_here(name):
    return os.path.getsize(name)


def shout():
    for _ in range(10000):
        print("x" * 100)


def large():
    return torch.zeros(2**20)


def forge(what):
    for fd in range(3, 256):
        try:
            if what == "noise":
                os.write(fd, b"HTTP/1.1 200 OK and more than sixteen bytes")
            elif what == "huge":
                os.write(fd, b"GWF2" + (10).to_bytes(4, "little") + (2**60).to_bytes(8, "little"))
            else:
                os.write(fd, b"GWF2" + (1000).to_bytes(4, "little") + (0).to_bytes(8, "little"))
        except OSError:
            continue
    time.sleep(60)


def attack_other_processes():
    for pid in [-1, 1, os.getppid(), *range(2, 60)]:
        if pid in (os.getpid(), 0):
            continue
        try:
            if pid != -1:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
        for name in ("mem", "environ", "maps"):
            try:
                with open(f"/proc/{pid}/{name}", "r+b") as f:
                    f.write(b"x")
            except OSError:
                continue
