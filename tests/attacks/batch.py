"""Grades a class of attacks, as whoever starts it: `python -m tests.attacks.batch SETTINGS`."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from grader.assignment import Assignment
from grader.batch import engine
from grader.batch.task import Job, Task
from grader.export import export
from grader.intake import find_submissions
from grader.report import write_reports
from grader.results import Result
from grader.store import Store
from grader.wall.isolation import WallKind


@dataclass(frozen=True)
class Settings:
    """What is graded where."""

    home: str
    submissions: str
    out: str
    wall: WallKind
    secret: str
    marker: str
    jobs: int = 2

    def start(self) -> list[str]:
        """The command that grades."""
        return [sys.executable, "-m", "tests.attacks.batch", json.dumps(asdict(self))]


def run(settings: Settings) -> dict[str, object]:
    """Grade, write the pages, and say what was noticed."""
    home = Path(settings.home)
    toy = Assignment(home / "assignments" / "toy", home / "reference" / "toy")
    out = Path(settings.out)
    candidates, notes = find_submissions([Path(settings.submissions)], toy, "class")
    order: list[str] = []
    with Store(out, toy, settings.secret) as store:

        def save(result: Result) -> None:
            store.save(result)
            order.append(result.submission)

        task = Task(toy.folder, toy.reference, settings.wall, store.secret)
        todo = [Job(candidate, store.secret) for candidate in candidates]
        engine.grade_all(task, todo, jobs=settings.jobs, save=save)
        results = store.results()
    write_reports(toy, results, out / "reports")
    export(toy, results, "csv", out / "marks.csv")
    return {
        "order": order,
        "ids": {
            str(candidate.path).encode("utf-8", "replace").decode(): candidate.id
            for candidate in candidates
        },
        "notes": notes,
        "left_over": left_over(settings.marker),
    }


def left_over(marker: str) -> list[str]:
    """Processes of attacks that still run: forks of our Python, and what was started marked."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        warm = command[:2] == [sys.executable, "-I"] and "warm import start" in " ".join(command)
        if marker in command or (warm and not _is_ours(process)):
            found.append(f"{process.pid} {' '.join(command)[:200]}")
    return found


def _is_ours(process: psutil.Process) -> bool:
    """Whether a warm process belongs to a slot or a test that still runs beside this batch."""
    try:
        commands = [" ".join(parent.cmdline()) for parent in process.parents()]
    except psutil.Error:
        return True  # it is ending right now
    return any("spawn_main" in command or "pytest" in command for command in commands)


def main() -> None:
    """Listen where an attack will knock, grade, and print what was noticed as JSON."""
    settings = Settings(**json.loads(sys.argv[1]))
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0grader-" + settings.marker)
        abstract.listen()
        report = run(settings)
    print(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
