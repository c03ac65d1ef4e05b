"""Attacks that look for what they must not see."""

from __future__ import annotations

from tests.attacks.attack import Attack, in_total

NOT_THERE = {"bubblewrap": "not mounted", "landlock": "may not be read"}

READING: list[Attack] = [
    in_total(
        "read_hidden_suite",
        "read the hidden suite, knowing where it lies",
        NOT_THERE,
        """
        @once
        def total(x):
            attempt("hidden", read, "@HIDDEN@")
            attempt("listing", os.listdir, os.path.dirname("@HIDDEN@"))
            for folder, _, names in os.walk("/"):
                for name in names:
                    if name == "test_toy.py":
                        breach("found " + folder)
                if folder.count("/") > 4:
                    break
        """,
    ),
    in_total(
        "read_reference",
        "read and import the reference",
        NOT_THERE,
        """
        import importlib.util

        def load():
            spec = importlib.util.spec_from_file_location("answers", "@REFERENCE@")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module

        @once
        def total(x):
            attempt("reference", read, "@REFERENCE@")
            attempt("import", load)
            sys.path.insert(0, os.path.dirname("@REFERENCE@"))
            attempt("hard link", os.link, "@REFERENCE@", os.environ["TMPDIR"] + "/link")
            os.symlink("@REFERENCE@", os.environ["TMPDIR"] + "/soft")
            attempt("soft link", read, os.environ["TMPDIR"] + "/soft")
        """,
    ),
    in_total(
        "read_and_change_store",
        "read the secret from the store and write marks into it",
        NOT_THERE,
        """
        import sqlite3

        def query(uri, text):
            with sqlite3.connect(uri, uri=True) as database:
                return database.execute(text).fetchall()

        @once
        def total(x):
            attempt("store", read, "@STORE@/grades.sqlite")
            attempt("results", os.listdir, "@STORE@/results")
            attempt("secret", query, "file:@STORE@/grades.sqlite", "SELECT * FROM batch")
            attempt("marks", query, "file:@STORE@/grades.sqlite",
                    "UPDATE submissions SET awarded=99")
            attempt("report", open, "@STORE@/reports/index.html", "a")
            attempt("truncate", os.truncate, "@STORE@/grades.sqlite", 0)
            attempt("remove", os.remove, "@STORE@/grades.sqlite")
        """,
    ),
    in_total(
        "read_and_change_neighbour",
        "read, change and remove another student's submission",
        NOT_THERE,
        """
        import shutil

        @once
        def total(x):
            attempt("read", read, "@NEIGHBOUR@/mean.py")
            attempt("append", open, "@NEIGHBOUR@/mean.py", "a")
            attempt("create", open, "@NEIGHBOUR@/constants.py", "w")
            attempt("rename", os.rename, "@NEIGHBOUR@/mean.py", "@NEIGHBOUR@/old.py")
            attempt("remove", os.remove, "@NEIGHBOUR@/mean.py")
            attempt("remove all", shutil.rmtree, "@NEIGHBOUR@")
            attempt("list the class", os.listdir, os.path.dirname("@NEIGHBOUR@"))
        """,
    ),
    in_total(
        "change_modes_and_times",
        "change modes, owners, times and attributes of files of others",
        {"bubblewrap": "not mounted", "landlock": "seccomp"},
        """
        PATHS = ["@NEIGHBOUR@/mean.py", "@NEIGHBOUR@", "@HIDDEN@", "@STORE@/grades.sqlite",
                 "@HOME@/canary.txt", "@HOME@"]

        @once
        def total(x):
            for path in PATHS:
                attempt("chmod", os.chmod, path, 0)
                attempt("utime", os.utime, path, (0, 0))
                attempt("chown", os.chown, path, os.getuid(), os.getgid())
                attempt("xattr", os.setxattr, path, "user.mark", b"10")
        """,
    ),
    in_total(
        "read_home",
        "read keys and files in the grader's home folder and the system's user list",
        NOT_THERE,
        """
        @once
        def total(x):
            for path in ("@HOME@/canary.txt", os.path.expanduser("~/.ssh/id_rsa"),
                         "/root/.bashrc", "/etc/passwd", "/etc/shadow", "/etc/hostname"):
                attempt("file " + path, read, path)
            for folder in ("@HOME@", "/home", "/var", "/run", "/sys", "/etc/ssh", "/mnt", "/opt"):
                attempt("folder " + folder, os.listdir, folder)
        """,
    ),
    in_total(
        "read_other_processes",
        "read memory, environment, files and arguments of other processes through /proc",
        {"bubblewrap": "a process namespace of its own", "landlock": "/proc may not be read"},
        """
        @once
        def total(x):
            mine = {os.getpid(), os.getppid()} if os.getpid() == 1 else {os.getpid()}
            for pid in [p for p in [*range(1, 400), *range(@PID@ - 50, @PID@ + 200)]]:
                if pid in mine or pid < 1:
                    continue
                for name in ("environ", "mem", "maps", "cmdline", "fd", "cwd/", "root/", "status"):
                    path = f"/proc/{pid}/{name}"
                    try:
                        os.listdir(path) if name in ("fd", "cwd/", "root/") else read(path)
                    except OSError:
                        continue
                    breach(path)
            print("looked", flush=True)
        """,
        says="looked",
    ),
    in_total(
        "read_environment",
        "find secrets in the environment, its own and that it was started with",
        "the environment is emptied",
        """
        @once
        def total(x):
            print(dict(os.environ), flush=True)
            for path in ("/proc/self/environ", "/proc/1/environ", "/proc/self/cmdline"):
                try:
                    print(read(path), flush=True)
                except OSError:
                    pass
            libc.getenv.restype = ctypes.c_char_p
            print(libc.getenv(b"CANARY"), flush=True)
        """,
    ),
    in_total(
        "read_harness",
        "import the harness itself and read its files",
        NOT_THERE,
        """
        def load():
            import grader.suite.plugin
            return grader.__path__

        def content(path):
            if os.path.isdir(path) and not os.listdir(path):
                raise FileNotFoundError(path)
            return os.listdir(path) if os.path.isdir(path) else read(path) or 1 / 0

        @once
        def total(x):
            attempt("grader", load)
            attempt("file", read, "@HARNESS@/suite/plugin.py")
            sys.path.insert(0, os.path.dirname("@HARNESS@"))
            attempt("grader again", load)
            for folder in sys.path:
                try:
                    names = os.listdir(folder or ".")
                except OSError:
                    continue
                for name in names:
                    if name.startswith(("grader", "__editable__.grader", "_grader")):
                        attempt(name, content, os.path.join(folder, name))
        """,
    ),
    in_total(
        "read_descriptors",
        "use file descriptors that were left open",
        "every inherited descriptor is closed",
        """
        import stat

        @once
        def total(x):
            for number in range(3, 300):
                try:
                    info = os.fstat(number)
                except OSError:
                    continue
                if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
                    breach(f"descriptor {number} {info}")
                attempt("parent of it", os.open, "..", os.O_RDONLY, dir_fd=number)
        """,
    ),
    in_total(
        "climb_out",
        "leave its folders by .., handles, magic links and chroot",
        {"bubblewrap": "not mounted; no capabilities", "landlock": "may not be read"},
        """
        NAMES = ["/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../../../..", "../../.."]

        @once
        def total(x):
            for name in NAMES:
                attempt(name, read, name + "@HIDDEN@")
            attempt("chroot", os.chroot, os.environ["TMPDIR"])
            handle = ctypes.create_string_buffer(128)
            handle[0] = b"\\x08"
            attempt("handle", system_call, 304, -100, handle, os.O_RDONLY)
            attempt("name to handle", system_call, 303, -100, b"@HIDDEN@", handle, handle, 0)
        """,
    ),
    in_total(
        "search_own_memory",
        "search its memory and the garbage collector for secrets of the trusted side",
        "nothing secret is sent over the wire",
        """
        import gc

        @once
        def total(x):
            word = "CAN" + "ARY-"
            for thing in gc.get_objects():
                try:
                    text = repr(thing) if isinstance(thing, (dict, list, tuple, set)) else ""
                except BaseException:
                    continue
                if word in text and "word in text" not in text:
                    breach(text[:200])
            try:
                lines = open("/proc/self/maps").read().splitlines()
                memory = open("/proc/self/mem", "rb", 0)
            except OSError:
                return
            for line in lines:
                if "rw-p" not in line or "[vvar" in line:
                    continue
                start, end = (int(n, 16) for n in line.split()[0].split("-"))
                try:
                    memory.seek(start)
                    content = memory.read(min(end - start, 2**24))
                except (OSError, OverflowError, ValueError):
                    continue
                place = content.find(b"CAN" + b"ARY-STORE")
                if place >= 0:
                    breach(content[place : place + 60].hex())
        """,
    ),
]
