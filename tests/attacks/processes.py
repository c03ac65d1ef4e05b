"""Attacks with processes, signals and limits."""

from __future__ import annotations

from tests.attacks.attack import HONEST, Attack, in_total

NAMESPACE = {"bubblewrap": "a process namespace of its own", "landlock": "Landlock, other user"}
CELL_ONLY = "it costs the call that did it"

PROCESSES: list[Attack] = [
    in_total(
        "exit_at_once",
        "end the process with os._exit, with success and without",
        CELL_ONLY,
        "def total(x):\n    os._exit(0 if len(x) == 1 else 7)\n",
        says="ended during",
    ),
    in_total(
        "raise_exits",
        "raise SystemExit, KeyboardInterrupt and GeneratorExit through the worker",
        CELL_ONLY,
        """
        KINDS = [SystemExit(0), KeyboardInterrupt(), GeneratorExit()]

        def total(x):
            raise KINDS.pop(0)
        """,
        says="raised SystemExit",
    ),
    in_total(
        "crash_the_interpreter",
        "crash with a null pointer, an abort, an unknown signal and an endless recursion",
        CELL_ONLY,
        """
        def total(x):
            if len(x) == 1:
                ctypes.string_at(0)
            os.kill(os.getpid(), 9) if os.getpid() != 1 else os.abort()
        """,
        says="ended by signal",
    ),
    Attack(
        "exit_while_importing",
        "end, hang or fail while it is imported",
        CELL_ONLY,
        {
            "mean.py": "import os\nos.kill(os.getpid(), 19)\nos._exit(3)\n",
            "total.py": HONEST["total.py"],
        },
        marks=(0, 3),
        says="importing mean.py",
    ),
    in_total(
        "signal_everybody",
        "signal its parent, its group, every process, and the harness by its number",
        NAMESPACE,
        """
        import signal

        @once
        def total(x):
            for pid in (@PID@, os.getppid(), 1):
                for number in (0, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
                    if pid > 1 or os.getpid() != 1:
                        attempt(f"signal {number} to {pid}", os.kill, pid, number)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
                try:
                    os.kill(-1, number)
                    os.killpg(0, 0)
                except OSError:
                    pass
        """,
    ),
    in_total(
        "trace_the_warm_process",
        "take the warm process over with ptrace, /proc/PID/mem and process_vm_writev",
        {"bubblewrap": "a process namespace of its own; seccomp", "landlock": "seccomp"},
        """
        @once
        def total(x):
            for pid in (@PID@, os.getppid(), 1):
                if pid == os.getpid():
                    continue
                attempt("attach", system_call, 101, 16, pid, 0, 0)
                attempt("seize", system_call, 101, 0x4206, pid, 0, 0)
                attempt("memory", open, f"/proc/{pid}/mem", "r+b")
                attempt("write", system_call, 311, pid, b"x" * 16, 1, b"x" * 16, 1, 0)
                attempt("read", system_call, 310, pid, b"x" * 16, 1, b"x" * 16, 1, 0)
            attempt("take a descriptor", system_call, 438, 3, 0, 0)
        """,
    ),
    in_total(
        "limit_others",
        "give other processes of the grader's user other limits, priorities and processors",
        {"bubblewrap": "a process namespace of its own", "landlock": "seccomp"},
        """
        import resource

        @once
        def total(x):
            for pid in (@PID@, os.getppid() or @PID@):
                attempt("limit", resource.prlimit, pid, resource.RLIMIT_NOFILE, (3, 3))
                attempt("processor", os.sched_setaffinity, pid, {0})
                attempt("class", os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
                attempt("priority", os.setpriority, os.PRIO_PROCESS, pid, 19)
            if os.getpid() != 1:
                attempt("priority of a user", os.setpriority, os.PRIO_USER, 0, 19)
        """,
    ),
    in_total(
        "leave_orphans",
        "leave daemons behind: setsid, two forks, signals ignored, output closed",
        {"bubblewrap": "they end with their namespace", "landlock": "hunted and killed"},
        """
        import signal
        import time

        def total(x):
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        for number in range(1, 65):
                            try:
                                signal.signal(number, signal.SIG_IGN)
                            except (OSError, ValueError):
                                pass
                        os.execv("/bin/sleep", ["sleep", MARKER])
                    os._exit(0)
            time.sleep(0.2)
            os._exit(0)
        """,
    ),
    in_total(
        "leave_a_comet",
        "leave a process that forks and ends, over and over, so that nobody catches it",
        {"bubblewrap": "it ends with its namespace", "landlock": "killed all at once"},
        """
        SHELL = "f() { ( f ) & exit; }; while :; do ( : & ) ; sh -c ': " + MARKER + "' & done"

        def total(x):
            for _ in range(6):
                if os.fork() == 0:
                    os.setsid()
                    while True:
                        try:
                            if os.fork() > 0:
                                os._exit(0)
                        except OSError:
                            pass
            os._exit(0)
        """,
    ),
    in_total(
        "leave_a_fast_comet",
        "the same with a program of a few instructions, thousands of times a second",
        {"bubblewrap": "it ends with its namespace", "landlock": "killed all at once"},
        """
        # fork; a parent exits, a child starts again; a fork that fails is tried again.
        CODE = bytes.fromhex("b8390000000f0585c074f578f331ffb83c0000000f05")

        def run():
            import mmap
            memory = mmap.mmap(-1, 4096, prot=7)
            memory.write(CODE)
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            ctypes.CFUNCTYPE(None)(address)()

        def small():
            # Fewer mappings make a fork cheaper.
            path = os.environ["TMPDIR"] + "/comet"
            head = (
                b"\\x7fELF\\x02\\x01\\x01" + bytes(9) + bytes.fromhex("02003e0001000000")
                + (0x400078).to_bytes(8, "little") + (64).to_bytes(8, "little") + bytes(8)
                + bytes.fromhex("00000000400038000100000000000000")
                + bytes.fromhex("0100000005000000") + bytes(8)
                + (0x400000).to_bytes(8, "little") * 2
                + (0x78 + len(CODE)).to_bytes(8, "little") * 2 + (0x1000).to_bytes(8, "little")
            )
            with open(path, "wb") as file:
                file.write(head + CODE)
            os.chmod(path, 0o700)
            os.execv(path, ["comet", MARKER])

        def total(x):
            for _ in range(6):
                if os.fork() == 0:
                    os.setsid()
                    try:
                        small()
                    except OSError:
                        run()
            os._exit(0)
        """,
    ),
    in_total(
        "stop_itself",
        "stop itself with SIGSTOP, so that it neither answers nor ends",
        "the time limit of a call",
        """
        def total(x):
            if os.getpid() == 1:
                import time
                time.sleep(60)
            os.kill(os.getpid(), 19)
        """,
        says="no answer within",
    ),
    in_total(
        "sleep_and_burn",
        "use the time of every call up, asleep and with every processor",
        "the time limits of a call and of a submission",
        """
        def total(x):
            for _ in range(4):
                if os.fork() == 0:
                    while True:
                        pass
            while True:
                pass
        """,
        says="no answer within",
    ),
    in_total(
        "fork_bomb",
        "fork without end",
        "a limit of processes",
        """
        def total(x):
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """,
    ),
    in_total(
        "thread_bomb",
        "start threads without end",
        "a limit of processes",
        """
        import threading
        import time

        def total(x):
            count = 0
            try:
                while count < 5000:
                    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                    count += 1
            except RuntimeError:
                pass
            if count >= 5000:
                breach("threads")
            return None
        """,
    ),
    in_total(
        "memory_bomb",
        "take memory without end in one process",
        "a limit of memory",
        """
        def total(x):
            kept = []
            while True:
                kept.append(bytearray(2**24))
        """,
        says="memory|MemoryError|ended",
    ),
    in_total(
        "memory_bomb_of_many",
        "take memory in many processes, each below the limit",
        "a limit of the sum of memory",
        """
        import time

        def total(x):
            if len(x) > 1:
                return None
            for _ in range(12):
                if os.fork() == 0:
                    kept = bytearray(os.urandom(2**20)) * 200
                    time.sleep(60)
            time.sleep(60)
        """,
        says="memory|no answer within",
    ),
    in_total(
        "memory_nobody_counts",
        "keep memory that no process maps: memfd, shared memory, secret memory",
        "seccomp",
        """
        import mmap

        @once
        def total(x):
            attempt("memfd", os.memfd_create, "hoard")
            attempt("secret memory", system_call, 447, 0)
            attempt("shared memory", system_call, 29, 0, 2**20, 0o1666)
            attempt("message queue", system_call, 68, 0, 0o1666)
            attempt("semaphores", system_call, 64, 0, 1, 0o1666)
            attempt("posix queue", system_call, 240, b"hoard", 0o102, 0o666, None)
        """,
    ),
    in_total(
        "fill_the_disk",
        "fill the disk with one large file and with many small ones",
        {"bubblewrap": "a file system of limited size", "landlock": "watched and ended"},
        """
        import signal

        def total(x):
            if len(x) > 1:
                return None
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            written = 0
            for number in range(200):
                try:
                    with open(os.environ["TMPDIR"] + f"/{number}", "wb", 0) as file:
                        for _ in range(1000):
                            written += file.write(bytes(2**20))
                except OSError:
                    continue
            if written > 100 * 2**20:
                breach(f"{written} bytes")
            return None
        """,
    ),
    in_total(
        "fill_the_inodes",
        "make empty files without end",
        {"bubblewrap": "a file system of limited size", "landlock": "watched and ended"},
        """
        def total(x):
            if len(x) > 1:
                return None
            count = 0
            try:
                for count in range(400_000):
                    os.close(os.open(os.environ["TMPDIR"] + f"/{count}", os.O_CREAT))
            except OSError:
                pass
            if count > 300_000:
                breach(f"{count} files")
            return None
        """,
    ),
    in_total(
        "folders_nobody_can_remove",
        "leave thousands of nested folders, and folders that may not be entered",
        {"bubblewrap": "gone with their file system", "landlock": "removed level by level"},
        """
        @once
        def total(x):
            os.chdir(os.environ["TMPDIR"])
            os.mkdir("closed-" + MARKER, 0o700)
            os.mkdir("closed-" + MARKER + "/inner", 0)
            try:
                os.chmod("closed-" + MARKER, 0)
            except OSError:
                pass
            for _ in range(3000):
                os.mkdir("d" * 40, 0o700)
                os.chdir("d" * 40)
        """,
    ),
    in_total(
        "open_everything",
        "open file descriptors without end",
        "a limit of open files",
        """
        def total(x):
            count = 0
            try:
                while count < 100_000:
                    os.open("/dev/null", os.O_RDONLY)
                    count += 1
            except OSError:
                pass
            if count > 1000:
                breach(f"{count} descriptors")
            return None
        """,
    ),
    in_total(
        "flood_the_output",
        "print without end, text and bytes, from several threads",
        "what is printed is read and dropped beyond a limit",
        """
        import threading

        def flood():
            while True:
                os.write(1, b"\\x1b]0;owned\\x07\\xff" * 4096)
                os.write(2, b"\\0" * 65536)

        def total(x):
            for _ in range(3):
                threading.Thread(target=flood, daemon=True).start()
            flood()
        """,
        says="no answer within",
    ),
    in_total(
        "raise_its_own_limits",
        "raise its own limits and privileges: rlimits, setuid, capabilities, set-uid programs",
        "hard limits, no new privileges",
        """
        import resource
        import subprocess

        def total(x):
            for what in (resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
                soft, hard = resource.getrlimit(what)
                attempt("limit", resource.setrlimit, what, (hard + 1, hard + 1))
            for uid in (0, 65534):
                attempt("uid", os.setuid, uid) if os.getuid() != uid else breach("root")
            attempt("groups", os.setgroups, [0])
            for program in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/newgrp", "/bin/ping"):
                if os.path.exists(program):
                    done = subprocess.run([program, "-c", "id -u"], capture_output=True,
                                          stdin=subprocess.DEVNULL, text=True)
                    if done.stdout.strip() == "0":
                        breach(program)
            return None
        """,
    ),
    in_total(
        "dangerous_system_calls",
        "namespaces, mounts, io_uring, userfaultfd, bpf, perf, keyrings, 32-bit calls, modules",
        "seccomp",
        """
        @once
        def total(x):
            buffer = ctypes.create_string_buffer(4096)
            for name, number, args in (
                ("unshare", 272, (0x10000000,)),
                ("clone", 56, (0x10000000 | 17, 0, 0, 0, 0)),
                ("mount", 165, (b"none", b"/tmp", b"tmpfs", 0, None)),
                ("fsopen", 430, (b"tmpfs", 0)),
                ("open_tree", 428, (-100, b"/", 1)),
                ("setns", 308, (3, 0)),
                ("pivot_root", 155, (b"/", b"/")),
                ("io_uring", 425, (4, buffer)),
                ("userfaultfd", 323, (1,)),
                ("bpf", 321, (0, buffer, 64)),
                ("perf", 298, (buffer, 0, -1, -1, 0)),
                ("add_key", 248, (b"user", b"grader", b"x", 1, -5)),
                ("request_key", 249, (b"user", b"grader", b"x", -5)),
                ("keyctl", 250, (0, -3, 1)),
                ("init_module", 175, (buffer, 10, b"")),
                ("kexec", 246, (0, 0, 0, 0)),
                ("syslog", 103, (3, buffer, 100)),
                ("personality", 135, (0x0040000,)),
                ("acct", 163, (b"/tmp/acct",)),
                ("swapon", 167, (b"/tmp/x", 0)),
                ("fanotify", 300, (0, 0)),
                ("x32 getpid", 0x40000000 + 39, ()),
            ):
                attempt(name, system_call, number, *args)
            attempt("open tree attr", system_call, 467, -100, b"/", 1, None, 0)
        """,
    ),
    in_total(
        "signal_by_descriptor",
        "have the kernel send SIGKILL to others, as owners of a pipe that becomes readable",
        NAMESPACE,
        """
        import fcntl
        import signal
        import time

        SET_SIGNAL = 10

        @once
        def total(x):
            for owner in (@PID@, os.getppid(), 1):
                if owner in (0, os.getpid()):
                    continue
                read, write = os.pipe()
                try:
                    fcntl.fcntl(read, fcntl.F_SETOWN, owner)
                    fcntl.fcntl(read, SET_SIGNAL, signal.SIGKILL)
                    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
                except OSError as error:
                    print("refused:", owner, error)
                os.write(write, b"now")
            time.sleep(0.1)
        """,
    ),
    in_total(
        "leave_what_is_stopped",
        "leave processes that are stopped, have no parent and outlive who started them",
        {"bubblewrap": "they end with their namespace", "landlock": "hunted and killed"},
        """
        import signal

        NO_DEATH_SIGNAL, ADOPT_ORPHANS, TRACEABLE = (1, 0), (36, 1), (4, 1)

        def total(x):
            for option, value in (NO_DEATH_SIGNAL, ADOPT_ORPHANS, TRACEABLE):
                libc.prctl(option, value, 0, 0, 0)
            for _ in range(2):
                if os.fork() == 0:
                    libc.prctl(1, 0, 0, 0, 0)
                    os.setsid()
                    child = os.fork()
                    if child == 0:
                        os.execv("/bin/sleep", ["sleep", MARKER])
                    os.kill(child, signal.SIGSTOP)
                    os.execv("/bin/sleep", ["sleep", MARKER])
            return x.sum()
        """,
        marks=(4, 3),
    ),
    in_total(
        "fill_sockets",
        "keep gigabytes in the buffers of sockets, which are memory of no process",
        "seccomp",
        """
        import socket

        @once
        def total(x):
            attempt("a pair", socket.socketpair)
            attempt("a pair that keeps messages", socket.socketpair, type=socket.SOCK_SEQPACKET)
            for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_NETLINK, socket.AF_ALG):
                attempt(f"a socket of family {family}", socket.socket, family, socket.SOCK_DGRAM)
        """,
    ),
    in_total(
        "turn_the_machine",
        "set the clock, the host's name and the swap; reboot; reach ports, logs and modules",
        "no capabilities",
        """
        import time

        @once
        def total(x):
            attempt("the clock", time.clock_settime, time.CLOCK_REALTIME, time.time() + 100)
            attempt("the host's name", system_call, 170, b"evil", 4)
            attempt("the domain's name", system_call, 171, b"evil", 4)
            attempt("another clock", system_call, 305, 0, bytes(208))
            attempt("the time", system_call, 164, bytes(16), 0)
            attempt("reboot", system_call, 169, 0xFEE1DEAD, 672274793, 0x1234567, 0)
            attempt("hang up", system_call, 153)
            attempt("ports", system_call, 173, 0x80, 1, 1)
            attempt("all ports", system_call, 172, 3)
            attempt("the log", system_call, 103, 3, bytes(64), 64)
            attempt("accounts", system_call, 163, b"/scratch/account")
            attempt("swap", system_call, 168, b"/swap")
            attempt("modules", system_call, 176, b"loop", 0)
        """,
    ),
    in_total(
        "open_devices",
        "open devices of the machine, make some, and write to what steers the kernel",
        {"bubblewrap": "not mounted; no capabilities", "landlock": "may not be read"},
        """
        NAMES = "mem kmem port kmsg fuse kvm nvidia0 nvidiactl dri/card0 dri/renderD128 net/tun"
        NAMES += " loop-control loop0 vda sda nvme0n1 uinput rtc0 watchdog vsock userfaultfd"
        FILES = "sysrq-trigger sys/kernel/core_pattern sys/vm/drop_caches 1/oom_score_adj"
        FILES += " sys/fs/binfmt_misc/register self/uid_map kcore kmsg sys/kernel/hostname"

        @once
        def total(x):
            for name in NAMES.split():
                attempt(name, os.open, "/dev/" + name, os.O_RDONLY)
                attempt(name, os.open, "/dev/" + name, os.O_WRONLY)
            for name in FILES.split():
                attempt(name, os.open, "/proc/" + name, os.O_WRONLY)
            for kind, number in ((0o060600, (8, 0)), (0o020600, (1, 1))):
                attempt("a device of its own", os.mknod, "node", kind, os.makedev(*number))
            try:
                with open("/proc/self/oom_score_adj", "w") as file:
                    file.write("-1000")
                breach("others are killed for want of memory")
            except OSError:
                pass
        """,
    ),
]
