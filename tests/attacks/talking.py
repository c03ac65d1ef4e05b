"""Attacks that talk: to the network, to other submissions, to services of this machine."""

from __future__ import annotations

from tests.attacks.attack import Attack, in_total

DROP = """
import constants

PLACES = [os.environ["TMPDIR"], "/tmp", "/var/tmp", "/dev/shm", "/dev", "/dev/mqueue", "/dev/pts",
          "/scratch", "/submission", "/given", "/run", "/", os.path.dirname(__file__),
          os.path.dirname(constants.__file__)]
NAME = "drop-" + MARKER

def leave():
    for place in PLACES:
        try:
            with open(os.path.join(place, NAME), "w") as file:
                file.write("the answer is 42")
            os.mkdir(os.path.join(place, NAME + "-folder"))
        except OSError:
            continue

def look():
    for place in PLACES:
        try:
            if NAME in os.listdir(place):
                breach("found a file in " + place)
        except OSError:
            pass
        if os.path.exists(os.path.join(place, NAME)):
            breach("found " + place)
    # A key that others know; IPC_CREAT is left out.
    segment = libc.shmget(0x6D61726B, 4096, 0o666)
    if segment >= 0:
        breach("found shared memory")
    queue = libc.msgget(0x6D61726B, 0o666)
    if queue >= 0:
        breach("found a message queue")

@once
def total(x):
    look()
    leave()
    libc.shmget(0x6D61726B, 4096, 0o1666)
    libc.msgget(0x6D61726B, 0o1666)
"""

OWN_FOLDERS = {
    "bubblewrap": "mounts and IPC of its own for each cell",
    "landlock": "folders of its own; seccomp",
}

TALKING: list[Attack] = [
    in_total(
        "talk_tcp_and_udp",
        "reach the network by TCP, UDP, DNS, raw sockets, netlink and vsock",
        {"bubblewrap": "no network; seccomp", "landlock": "seccomp"},
        """
        import socket
        import urllib.request

        def connect(family, kind, address):
            with socket.socket(family, kind) as s:
                s.settimeout(0.3)
                s.connect(address)
                return address

        @once
        def total(x):
            attempt("tcp", connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", @PORT@))
            attempt("udp", connect, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 53))
            attempt("tcp6", connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", @PORT@))
            attempt("dns", socket.getaddrinfo, "localhost", 80)
            attempt("raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
            attempt("netlink", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)
            attempt("packet", socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
            attempt("vsock", socket.socket, 40, socket.SOCK_STREAM)
            attempt("listen", socket.create_server, ("127.0.0.1", 0))
            attempt("web", urllib.request.urlopen, "http://127.0.0.1:@PORT@/", None, 0.5)
        """,
    ),
    in_total(
        "talk_to_local_services",
        "reach services of this machine by unix sockets: named, abstract, agents, buses",
        {"bubblewrap": "not mounted; network namespace", "landlock": "seccomp"},
        """
        import socket

        def connect(address):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(0.3)
                s.connect(address)
                return address

        @once
        def total(x):
            attempt("named", connect, "@SOCKET@")
            attempt("abstract", connect, "\\0@ABSTRACT@")
            attempt("bus", connect, "/run/dbus/system_bus_socket")
            attempt("docker", connect, "/var/run/docker.sock")
        """,
    ),
    in_total(
        "mail_drop_first",
        "leave files, shared memory and queues for the next submission",
        OWN_FOLDERS,
        DROP,
    ),
    in_total(
        "mail_drop_second",
        "find what an earlier submission left",
        OWN_FOLDERS,
        DROP,
    ),
    in_total(
        "change_given_files",
        "change its own code, the given files and Python itself, for itself or for the next",
        {"bubblewrap": "mounted read-only", "landlock": "may not be written"},
        """
        import importlib.util

        @once
        def total(x):
            import json
            for path in (__file__, json.__file__, sys.executable, "/given/constants.py",
                         os.__file__, "/usr/bin/env", "/wall/behind/worker.py", "/dev/null/x"):
                attempt("write " + path, open, path, "a")
                attempt("replace " + path, os.rename, path, path + ".old")
            for folder in (os.path.dirname(__file__), os.path.dirname(os.__file__), "/given", "/",
                           "/dev", "/usr", "/var/tmp"):
                attempt("create in " + folder, open, os.path.join(folder, "evil.py"), "w")
        """,
    ),
    in_total(
        "watch_others_work",
        "watch files of others with inotify and leases",
        {"bubblewrap": "not mounted", "landlock": "seccomp"},
        """
        @once
        def total(x):
            number = libc.inotify_init()
            for path in ("@NEIGHBOUR@", "@STORE@/results", "@HOME@"):
                if libc.inotify_add_watch(number, path.encode(), 0xFFF) >= 0:
                    breach("watches " + path)
        """,
    ),
    in_total(
        "terminal_tricks",
        "write to the terminal, put characters into its input, become its owner",
        "no terminal",
        """
        import fcntl

        @once
        def total(x):
            attempt("tty", open, "/dev/tty", "w")
            for number in (0, 1, 2):
                attempt("input", fcntl.ioctl, number, 0x5412, b"x")
            attempt("console", open, "/dev/console", "w")
        """,
    ),
]
