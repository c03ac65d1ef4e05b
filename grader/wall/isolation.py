"""Which wall this machine can give, and the command that starts a process behind it."""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from grader.wall.behind import kernel
from grader.wall.errors import WallError

WallKind = Literal["bubblewrap", "landlock", "none"]
WallChoice = Literal["auto", "bubblewrap", "landlock", "none"]

PACKAGE = Path(__file__).resolve().parent / "behind"
INSIDE_PACKAGE = "/wall/behind"
INSIDE_GIVEN = "/given"
INSIDE_DATA = "/data"
INSIDE_SUBMISSION = "/submission"
INSIDE_SCRATCH = "/scratch"

# Landlock cannot keep one process of a user from signalling another before this version.
LANDLOCK_ABI_WITH_SIGNALS = kernel.ABI_WITH_SIGNALS
# Names in site-packages that must never be seen behind the wall: the harness and what it holds.
OURS = ("grader", "grader-", "_grader", "__editable__.grader", "__editable___grader")
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/alternatives")
PROBE_SECONDS = 20
# Have glibc ask for huge pages, of which a fork has fewer to copy: a tenth of a small submission's
# processor time. It looks there for whether the kernel gives any. Source: The GNU C Library
# manual, "Memory Allocation Tunables".
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
HUGE_PAGES_STATE = "/sys/kernel/mm/transparent_hugepage"
NOTHING: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True)
class Finding:
    """Whether one wall works here, and what would help if it does not."""

    wall: WallKind
    works: bool
    explanation: str


def choose(choice: WallChoice = "auto") -> WallKind:
    """The wall to use.

    Raises:
        WallError: the wall that was asked for, or any at all, does not work here.
    """
    if choice == "none":
        return "none"
    wanted = [choice] if choice != "auto" else ["bubblewrap", "landlock"]
    findings = [finding for finding in survey() if finding.wall in wanted]
    for finding in findings:
        if finding.works:
            return finding.wall
    reasons = "; ".join(f"{f.wall}: {f.explanation}" for f in findings)
    raise WallError(
        f"student code cannot be walled off on this machine ({reasons}). "
        "Run `grader doctor` for help. To grade without a wall all the same, which lets student "
        "code read and change whatever you can, give --isolation none"
    )


@functools.cache
def survey() -> tuple[Finding, ...]:
    """Try each wall, the best first."""
    return (_try_bubblewrap(), _try_landlock())


def _try_bubblewrap() -> Finding:
    if sys.platform != "linux":
        return Finding("bubblewrap", False, f"there is none on {sys.platform}; use Linux or WSL 2")
    program = shutil.which("bwrap")
    if program is None:
        return Finding(
            "bubblewrap", False, "not installed; on Debian and Ubuntu: apt install bubblewrap"
        )
    script = (
        f"import sys; sys.path.insert(0, {str(Path(INSIDE_PACKAGE).parent)!r})\n"
        "import os, ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        # The cell of each submission needs namespaces inside this one.
        "flags = 0x20000000 | 0x20000 | 0x08000000\n"
        "root = open('/proc/self/status').read().split('CapEff:')[1].split()[0]\n"
        "flags |= 0 if int(root, 16) >> 21 & 1 else 0x10000000\n"
        "sys.exit(0 if libc.unshare(flags) == 0 else ctypes.get_errno())\n"
    )
    command = [*bubblewrap_command(None), sys.executable, "-I", "-c", script]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("bubblewrap", False, f"could not be run: {error}")
    if done.returncode == 0:
        version = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False
        )
        return Finding("bubblewrap", True, version.stdout.strip())
    reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return Finding(
        "bubblewrap",
        False,
        f"{reason[0]}; user namespaces may be switched off: see `sysctl kernel."
        "unprivileged_userns_clone`, `kernel.apparmor_restrict_unprivileged_userns`, or run as "
        "root, or start the container with --privileged",
    )


def _try_landlock() -> Finding:
    if sys.platform != "linux":
        return Finding("landlock", False, f"there is none on {sys.platform}; use Linux or WSL 2")
    abi = kernel.landlock_abi()
    if abi == 0:
        return Finding("landlock", False, "this kernel has none; it needs Linux 5.13 with Landlock")
    if not kernel.seccomp_available():
        return Finding(
            "landlock", False, "its system call filter is not written for this processor"
        )
    if abi < LANDLOCK_ABI_WITH_SIGNALS and os.getuid() != 0:
        return Finding(
            "landlock",
            False,
            f"ABI {abi} cannot stop signals between processes of one user; it takes ABI "
            f"{LANDLOCK_ABI_WITH_SIGNALS} (Linux 6.12), or root, who can use another user",
        )
    return Finding("landlock", True, f"ABI {abi}")


def bubblewrap_command(
    given: Path | None, hide: Sequence[Path] = (), data: Mapping[str, Path] = NOTHING
) -> list[str]:
    """`bwrap` with everything that stands behind the wall, up to the program to run.

    Args:
        given: folder of the files that every student has, or None.
        hide: folders to be empty even if they lie in one that Python or the system needs.
        data: folders of data sets, by the name that they have behind the wall.
    """
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if os.getuid() == 0:
        # Root's own rights, cut to those that the warm process needs to build cells as root and
        # to become an ordinary user in them.
        command += ["--cap-drop", "ALL"]
        for capability in ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL"):
            command += ["--cap-add", capability]
    else:
        command += ["--unshare-user"]
    command += ["--die-with-parent", "--new-session", "--hostname", "cell", "--clearenv"]
    mounts: dict[str, list[str]] = {}
    for folder in SYSTEM_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            mounts[folder] = ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            mounts[folder] = ["--ro-bind", folder, folder]
    for name in SYSTEM_FILES:
        mounts[name] = ["--ro-bind-try", name, name]
    for above in reversed(Path(HUGE_PAGES_STATE).parents[:-1]):
        mounts[str(above)] = ["--perms", "0111", "--dir", str(above)]  # nothing to list
    mounts[HUGE_PAGES_STATE] = ["--ro-bind-try", HUGE_PAGES_STATE, HUGE_PAGES_STATE]
    for path in python_folders():
        if not str(path).startswith("/usr/"):
            mounts[str(path)] = ["--ro-bind", str(path), str(path)]
    mounts[INSIDE_PACKAGE] = ["--ro-bind", str(PACKAGE), INSIDE_PACKAGE]
    if given is not None:
        mounts[INSIDE_GIVEN] = ["--ro-bind", str(given), INSIDE_GIVEN]
    for name, folder_of_data in data.items():
        inside = f"{INSIDE_DATA}/{name}"
        mounts[inside] = ["--ro-bind", str(folder_of_data), inside]
    # bwrap makes parents that are missing readable by their owner alone.
    made: set[str] = set()
    for target in sorted(mounts):
        for parent in reversed(Path(target).parents):
            covered = any(
                parent == Path(m) or Path(m) in parent.parents for m in mounts if m != target
            )
            if str(parent) != "/" and str(parent) not in made and not covered:
                made.add(str(parent))
                command += ["--perms", "0755", "--dir", str(parent)]
        command += mounts[target]
    for path in (*hidden_entries(), *_within(hide, mounts)):
        command += (
            ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
        )
    command += ["--proc", "/proc", "--dev", "/dev"]
    # An ordinary user owns that folder: what one cell wrote there the next would find.
    command += ["--remount-ro", "/dev"]
    # The warm process needs somewhere to write; each cell mounts a scratch of its own over it.
    command += ["--perms", "1777", "--size", str(16 * 2**20), "--tmpfs", INSIDE_SCRATCH]
    if not any(target.startswith("/tmp/") for target in mounts):
        # Unless Python itself lies there, in a checkout below /tmp.
        command += ["--symlink", INSIDE_SCRATCH, "/tmp"]
    command += ["--perms", "0755", "--dir", INSIDE_SUBMISSION]
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        command += ["--setenv", name, "1"]
    for name, value in HUGE_PAGES.items():
        command += ["--setenv", name, value]
    for name in ("HOME", "TMPDIR"):
        command += ["--setenv", name, INSIDE_SCRATCH]
    command += ["--setenv", "PATH", "/usr/bin:/bin"]
    # torch asks for the user's name, and there is no /etc/passwd to look it up in.
    command += ["--setenv", "LANG", "C.UTF-8", "--setenv", "LOGNAME", "student"]
    command += ["--remount-ro", "/", "--chdir", "/", "--"]
    return command


def python_folders() -> list[Path]:
    """What the running Python consists of: its prefixes and its site-packages."""
    paths = {
        Path(p)
        for p in (
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
            sysconfig.get_config_var("LIBDIR"),
        )
        if p
    }
    paths |= set(site_folders())
    paths |= {Path(sys.executable).parent, Path(os.path.realpath(sys.executable)).parent}
    configuration = Path(sys.prefix) / "pyvenv.cfg"
    if configuration.exists():
        paths.add(configuration)
    # Not Path.exists, which raises where a folder on the way cannot be entered.
    kept = [p for p in paths if os.access(p, os.R_OK)]
    return sorted(p for p in kept if not any(q in p.parents for q in kept))


def site_folders() -> list[Path]:
    """Folders of installed packages, under the names by which Python and the kernel know them."""
    named = [Path(p) for p in site.getsitepackages()]
    return sorted({*named, *(Path(os.path.realpath(p)) for p in named)})


def _within(paths: Iterable[Path], roots: Iterable[str]) -> list[Path]:
    """The paths that lie in one of the roots, by their real names."""
    real = [Path(os.path.realpath(root)) for root in roots]
    resolved = [Path(os.path.realpath(path)) for path in paths]
    return [path for path in resolved if any(root in path.parents for root in real)]


def hidden_entries() -> list[Path]:
    """Entries of site-packages that hold or point to the harness, its suites or its reference."""
    return [
        entry
        for folder in {Path(os.path.realpath(p)) for p in site_folders()}
        if folder.is_dir()
        for entry in sorted(folder.iterdir())
        if entry.name.lower().startswith(OURS)
        or entry.name.lower() in ("grader",)
        or (entry.suffix == ".pth" and "grader" in entry.read_text(errors="replace"))
    ]


@functools.cache
def landlock_readable(folders: tuple[Path, ...], hide: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """Paths that a Landlock cell may read: Python without the harness, libraries, and `folders`.

    Args:
        folders: of given files and data sets.
        hide: what must not be readable even if it lies in a folder that is.
    """
    wanted = [*SYSTEM_FOLDERS, *map(str, python_folders())]
    hidden = {Path(os.path.realpath(p)) for p in (*hidden_entries(), *hide)}
    readable = [*SYSTEM_FILES, *map(str, folders), "/dev/urandom", "/dev/zero"]
    # By their real names: /lib may be a link into /usr, where something is left out.
    for folder in sorted({Path(os.path.realpath(path)) for path in wanted}):
        if folder.exists():
            readable += map(str, _all_but(folder, hidden))
    return tuple(path for path in readable if Path(path).exists())


def _all_but(path: Path, hidden: set[Path]) -> list[Path]:
    """The path, or its children opened up as far as needed to leave out the hidden ones."""
    if path in hidden:
        return []
    if not any(path in other.parents for other in hidden):
        return [path]
    return [found for entry in sorted(path.iterdir()) for found in _all_but(entry, hidden)]
