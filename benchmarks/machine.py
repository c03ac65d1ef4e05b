"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import psutil

from grader.wall import isolation

PACKAGES = ("torch", "numpy", "pytest")
GIB = 2**30


def facts() -> dict[str, str]:
    """The machine in a few words; no host name and no paths."""
    one, five, fifteen = os.getloadavg()
    walls = ", ".join(
        f.wall if f.works else f"no {f.wall} ({f.explanation})" for f in isolation.survey()
    )
    return {
        "processor": f"{_processor()}, {len(cores())} cores for this run",
        "memory": f"{psutil.virtual_memory().total / GIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}",
        "packages": ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES),
        "walls": walls,
        "load at the start": f"{one:.1f} {five:.1f} {fifteen:.1f} (1, 5, 15 min); "
        "well below the number of cores is best",
    }


def cores() -> list[int]:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin_to_one_core() -> None:
    """From here on this process and its children share one core, as a slot does in a full batch."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {cores()[-1]})


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()
