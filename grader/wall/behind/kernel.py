"""The few Linux calls that Python does not have, with their sources in the man pages.

Everything here reports failure by raising `OSError`, so that a missing protection is never silent.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
# Every namespace flag of clone(2), of which student code gets none.
CLONE_NEW_ANY = 0x7E020080

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_RELATIME = 0x400, 0x800, 0x1000, 0x200000
ST_RELATIME = 0x1000  # of statvfs(3); its other flags have the values of mount(2)
MS_REC_PRIVATE = 0x4000 | 0x40000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

# Of malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, MAPPED_BYTES = 2**28, 2**25

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SYS_ADMIN = 21
LINUX_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def keep_freed_memory() -> None:
    """Have this process and its forks use freed memory again instead of giving it back.

    glibc maps each block of more than 128 KiB anew and unmaps it when it is freed; training frees
    and takes the same blocks in every step, and the kernel clears each page every time: a third of
    the time of a small network's step. See mallopt(3); other C libraries have no such call.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(ctypes.c_int(M_MMAP_THRESHOLD), ctypes.c_int(MAPPED_BYTES))
        mallopt(ctypes.c_int(M_TRIM_THRESHOLD), ctypes.c_int(KEPT_BYTES))


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _check(result, f"mount {target}")


def freeze_metadata(path: str) -> None:
    """Keep the mode and the times of a mounted file as they are; a device works as before.

    Raises:
        OSError: it is not a mount point.
    """
    now = os.statvfs(path).f_flag
    # What the parent namespace has set may not be left out.
    kept = now & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    if now & ST_RELATIME:
        kept |= MS_RELATIME
    mount("none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def prctl(option: int, argument: int = 0) -> None:
    """prctl(2) with one argument."""
    zero = ctypes.c_ulong(0)
    _check(
        _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero),
        f"prctl {option}",
    )


def holds(capability: int) -> bool:
    """Whether this process may use a capability now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def set_capabilities(keep: Iterable[int] = ()) -> None:
    """Give up every capability but those to keep; capset(2)."""
    mask = sum(1 << c for c in keep)
    header = struct.pack("<Ii", LINUX_CAPABILITY_VERSION_3, 0)
    low = mask & 0xFFFFFFFF
    data = struct.pack("<6I", low, low, 0, mask >> 32, mask >> 32, 0)
    _check(_libc.capset(header, data), "capset")


def drop_bounding_set() -> None:
    """Make sure that no program run later can gain a capability."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)


# --- seccomp: refuse the calls through which kernels are usually attacked -------------------------

_MACHINES: dict[str, dict[str, Any]] = {
    # audit architecture, then system call numbers
    "x86_64": {
        "arch": 0xC000003E,
        "socket": 41,
        "socketpair": 53,
        "clone": 56,
        "clone3": 435,
        "prlimit": 302,
        "refused": (
            *(101, 103, 135, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 175, 176, 179),
            *(172, 173, 227, 246, 248, 249, 250, 272, 298, 300, 303, 304, 305, 308, 310, 311),
            *(312, 313, 320, 321, 323),
            *(425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 443, 447, 448, 467),
            # Memory that no process maps, and that can outlive them all: memfd, System V, POSIX.
            *(319, 29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245),
        ),
        # What Landlock lets through: modes, owners, times, attributes, watches, priorities.
        "unwatched": (
            *(90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, 280),
            *(452, 463, 466, 469, 253, 254, 294, 141, 142, 144, 203, 251, 256, 279, 314),
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7,
        "socket": 198,
        "socketpair": 199,
        "clone": 220,
        "clone3": 435,
        "prlimit": 261,
        "refused": (
            *(39, 40, 41, 51, 60, 89, 92, 97, 104, 105, 106, 112, 116, 117, 142, 170, 171),
            *(217, 218, 219, 224, 225, 241, 262, 264, 265, 266, 268, 270, 271, 272, 273, 280),
            *(282, 294),
            *(425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 443, 447, 448, 467),
            *(279, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193),
            *(194, 195, 196),
        ),
        "unwatched": (
            *(5, 6, 7, 14, 15, 16, 26, 27, 30, 52, 53, 54, 55, 88, 118, 119, 122, 140, 238),
            *(239, 274, 452, 463, 466, 469),
        ),
    },
}
_LOAD_NUMBER, _LOAD_ARCH, _LOAD_ARGUMENT = 0, 4, (16, 24)
_LD, _JEQ, _JSET, _JGE, _RET = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_X32_BIT = 0x40000000

_Instruction = tuple[int, int, int, int]


def seccomp_available() -> bool:
    """Whether this machine's system call numbers are known here."""
    return platform.machine() in _MACHINES


def refuse_dangerous_calls(*, same_file_system: bool) -> None:
    """Install the filter: tracing, mounting, namespaces, keyrings, io_uring and sockets are out.

    Args:
        same_file_system: files and services of others can be named here (no mount namespace), so
            that what Landlock does not look at has to be refused as well: changing modes, owners,
            times and attributes, watching files, other processes' limits and priorities.
    """
    program = _filter(_MACHINES[platform.machine()], same_file_system)
    code = b"".join(struct.pack("<HBBI", op, yes, no, k) for op, yes, no, k in program)
    buffer = ctypes.create_string_buffer(code)
    # struct sock_fprog: the count, padding, and a pointer to the program.
    fprog = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(fprog)
    result = _libc.prctl(
        ctypes.c_int(PR_SET_SECCOMP),
        ctypes.c_ulong(2),
        ctypes.c_void_p(ctypes.addressof(holder)),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    _check(result, "seccomp")


def _filter(machine: dict[str, Any], same_file_system: bool) -> list[_Instruction]:
    # What is sent over a socket and not read is memory of no process: gigabytes of it.
    refused = [*machine["refused"], machine["socket"], machine["socketpair"]]
    conditional = [
        # glibc falls back from clone3 to clone, whose flags can be looked at.
        *_refuse_if(machine["clone"], 0, (_JSET, CLONE_NEW_ANY), wanted=True),
        *_refuse_if(machine["prlimit"], 0, (_JEQ, 0), wanted=False),  # of other processes
    ]
    if same_file_system:
        refused += machine["unwatched"]
    return [
        (_LD, 0, 0, _LOAD_ARCH),
        (_JEQ, 1, 0, machine["arch"]),
        (_RET, 0, 0, _KILL),
        (_LD, 0, 0, _LOAD_NUMBER),
        (_JGE, 0, 1, _X32_BIT),
        (_RET, 0, 0, _ERRNO | _EPERM),
        *(
            instruction
            for number in refused
            for instruction in ((_JEQ, 0, 1, number), (_RET, 0, 0, _ERRNO | _EPERM))
        ),
        (_JEQ, 0, 1, machine["clone3"]),
        (_RET, 0, 0, _ERRNO | _ENOSYS),
        *conditional,
        (_RET, 0, 0, _ALLOW),
    ]


def _refuse_if(
    number: int, argument: int, test: tuple[int, int], *, wanted: bool
) -> list[_Instruction]:
    """Refuse a call if a test of one of its arguments (the lower half) comes out as `wanted`."""
    operation, value = test
    return [
        (_JEQ, 0, 4, number),
        (_LD, 0, 0, _LOAD_ARGUMENT[argument]),
        (operation, *((0, 1) if wanted else (1, 0)), value),
        (_RET, 0, 0, _ERRNO | _EPERM),
        (_LD, 0, 0, _LOAD_NUMBER),
    ]


# --- Landlock: landlock(7) ------------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read a file, read a folder
_WRITE = sum(1 << bit for bit in (1, 4, 5, 7, 8, 9, 10, 12))
_FILE_ONLY = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14)
_SCOPE_SIGNALS = 0b10
# Landlock cannot keep signals from processes outside before this version.
ABI_WITH_SIGNALS = 6
# How many of the file system rights each ABI knows.
_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}


def landlock_abi() -> int:
    """Version of Landlock in this kernel; 0 where there is none."""
    result = _libc.syscall(
        ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(1)
    )
    return max(int(result), 0)


def landlock(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Let this process and its children reach these paths and nothing else.

    TCP, abstract sockets and signals to processes outside go too where the kernel's ABI has them.
    """
    abi = landlock_abi()
    rights = (1 << _RIGHTS_OF_ABI.get(abi, 16)) - 1
    attributes = [rights]
    if abi >= 4:
        attributes.append(0b11)  # bind and connect TCP
    if abi >= 6:
        attributes.append(0b11)  # abstract unix sockets, signals
    ruleset = _new_ruleset(attributes)
    for paths, allowed in ((readable, _READ), (writable, _READ | _WRITE | (1 << 14))):
        for path in paths:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            granted = allowed & rights
            if not Path(path).is_dir():
                granted &= _FILE_ONLY
            rule = struct.pack("<Qi", granted, descriptor)
            _check(
                _libc.syscall(
                    ctypes.c_long(_ADD_RULE),
                    ctypes.c_int(ruleset),
                    ctypes.c_int(1),
                    rule,
                    ctypes.c_uint32(0),
                ),
                f"landlock_add_rule {path}",
            )
            os.close(descriptor)
    _restrict(ruleset)


def landlock_signals() -> None:
    """From here on, this process and its children can signal each other and nobody else."""
    _restrict(_new_ruleset([0, 0, _SCOPE_SIGNALS]))


def _new_ruleset(attributes: Sequence[int]) -> int:
    packed = struct.pack(f"<{len(attributes)}Q", *attributes)
    return _check(
        _libc.syscall(
            ctypes.c_long(_CREATE_RULESET), packed, ctypes.c_size_t(len(packed)), ctypes.c_uint32(0)
        ),
        "landlock_create_ruleset",
    )


def _restrict(ruleset: int) -> None:
    _check(
        _libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint32(0)),
        "landlock_restrict_self",
    )
    os.close(ruleset)
