"""`grader doctor`: what this machine can do, and how to make it better."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.table import Table

from grader import data
from grader.cli.app import app, console
from grader.wall import isolation

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pytest", "pydantic", "jinja2", "matplotlib")
GIB = 2**30
# A slot is two processes with torch, and what a submission may use on top.
GIB_PER_SLOT = 3


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Show which wall this machine offers, how many slots fit, and the installed versions.

    Example: grader doctor
    """
    findings = isolation.survey()
    chosen = next((f.wall for f in findings if f.works), None)
    memory = psutil.virtual_memory()
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    root, sets = _data()
    facts = {
        "wall": chosen,
        "walls": [
            {"wall": f.wall, "works": f.works, "explanation": f.explanation} for f in findings
        ],
        "processors": processors,
        "memory_gib": round(memory.total / GIB, 1),
        "slots": max(1, min(processors, int(memory.available / GIB / GIB_PER_SLOT))),
        "disk_free_gib": round(shutil.disk_usage(Path.cwd()).free / GIB, 1),
        "data": root,
        "data_sets": sets,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        _show(facts, findings)
    if chosen is None:
        raise typer.Exit(1)


def _show(facts: dict[str, object], findings: tuple[isolation.Finding, ...]) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for finding in findings:
        mark = "works" if finding.works else "does not work"
        table.add_row(finding.wall, f"{mark}: {finding.explanation}")
    table.add_row("wall in use", str(facts["wall"] or "none: grading is refused"))
    table.add_row("processors", f"{facts['processors']} (grade with --jobs {facts['slots']})")
    table.add_row("memory", f"{facts['memory_gib']} GiB")
    table.add_row("free disk here", f"{facts['disk_free_gib']} GiB")
    table.add_row("data", _data_line(facts))
    table.add_row("system", f"{facts['system']}, Python {facts['python']}")
    packages = facts["packages"]
    assert isinstance(packages, dict)
    table.add_row("packages", ", ".join(f"{name} {version}" for name, version in packages.items()))
    console.print(table)


def _data() -> tuple[str | None, dict[str, str]]:
    """The data folder, and whether each data set is real, embedded or missing."""
    states = {found.name: found.state for found in data.survey()}
    try:
        root = data.data_root()
    except data.DataError:
        return os.environ["GRADER_DATA"], dict(states)
    return str(root) if root else None, dict(states)


def _data_line(facts: dict[str, object]) -> str:
    sets = facts["data_sets"]
    assert isinstance(sets, dict)
    if facts["data"] is None:
        return "embedded only; GRADER_DATA is not set (`grader data prepare` makes a folder)"
    missing = ", ".join(name for name, state in sets.items() if state == "missing")
    real = sum(state == "real" for state in sets.values())
    why = f"; missing: {missing} (`grader data list` says why)" if missing else ""
    return f"{real} real sets in {facts['data']}{why}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
