"""A slot grades one submission after another: a process with the suite collected, and a warm wall.

Everything that costs seconds (torch, pytest's collection, the reference's answers) is paid once per
slot.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from grader.assignment import Assignment
from grader.batch.task import Job, Task, blank, not_graded, unreadable
from grader.intake import IntakeError, Submission, read_submission
from grader.marks.scoring import score
from grader.results import Environment, Result
from grader.suite.hints import Misconceptions
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.remote import Remote
from grader.wall.errors import WallError
from grader.wall.warm import Warm


class Slot:
    """Grades submissions with a suite that is collected and a warm process that is started.

    Args:
        task: what is graded, how.
        plugin: the collected suite.
        warm: the warm process.
    """

    def __init__(self, task: Task, plugin: SuitePlugin, warm: Warm) -> None:
        self._task = task
        self._assignment = task.load()
        self._plugin = plugin
        self._warm = warm
        self._misconceptions = Misconceptions(self._assignment, plugin.reference_implementation)

    def grade(self, job: Job) -> Result:
        """The result of one submission, whatever it holds."""
        started = time.monotonic()
        candidate, task = job.candidate, self._task.with_secret(job.secret)
        try:
            submission = read_submission(candidate, self._assignment)
        except IntakeError as error:
            return unreadable(task, self._assignment, candidate, str(error))
        try:
            result = self._run(task, job, submission)
        except WallError as error:
            result = not_graded(task, self._assignment, candidate, str(error))
        return result.model_copy(update={"seconds": time.monotonic() - started})

    def _run(self, task: Task, job: Job, submission: Submission) -> Result:
        self._warm.start()
        remote = Remote(self._warm, self._assignment, submission.files)
        try:
            expected = self._plugin.of(job.questions)
            observed = self._plugin.run(remote, task.secret, expected)
            self._misconceptions.explain(expected, observed)
            printed = remote.printed
            notes = [*submission.notes, *map(_not_installed, remote.stood_in)]
        finally:
            remote.close()
        questions, checks = score(self._assignment, expected, observed)
        faults = [c for c in checks if c.outcome == "not_graded"]
        result = blank(task, self._assignment, job.candidate)
        return result.model_copy(
            update={
                "source_digest": submission.digest,
                "status": "not_graded" if faults else "graded",
                "problem": faults[0].detail.splitlines()[0] if faults else "",
                "notes": notes,
                "files": list(submission.taken),
                "questions": questions,
                "checks": checks,
                "output": printed,
                "environment": Environment(wall=task.wall, **self._warm.environment),
            }
        )


def _not_installed(name: str) -> str:
    return (
        f"imports {name}, which is not installed where grading runs and was not handed in; "
        "an empty stand-in took its place"
    )


def given_folder(assignment: Assignment, parent: Path) -> Path:
    """A folder with copies of the files that every student has, readable behind the wall."""
    folder = parent / "given"
    folder.mkdir()
    parent.chmod(0o755)
    folder.chmod(0o755)
    for name in assignment.about.given:
        source = assignment.reference / name
        if source.exists():
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(0o444)
    return folder


def run_slot(connection: Connection, task: Task) -> None:
    """A slot's process: says ('ready', None), then a result for each job it receives.

    Whatever goes wrong for the slot as a whole is said as ('fault', message).
    """
    # Ctrl-C at the terminal is the batch's to handle; it closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An exception, so that folders are removed and the warm process ends on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    torch.set_num_threads(1)
    try:
        assignment = task.load()
        suite = assignment.hidden if task.suite == "hidden" else assignment.public
        with tempfile.TemporaryDirectory(prefix="grader-slot-") as scratch:
            given = given_folder(assignment, Path(scratch))
            with Warm(task.wall, assignment.about.limits, given) as warm:
                warm.start()
                serve_suite(
                    assignment, suite, lambda plugin: _serve(connection, task, plugin, warm)
                )
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        name = type(error).__name__
        text = str(error) or traceback.format_exc()[-2000:]
        connection.send(("fault", text if name.endswith("Error") else f"{name}: {text}"))


def _serve(connection: Connection, task: Task, plugin: SuitePlugin, warm: Warm) -> None:
    slot = Slot(task, plugin, warm)
    connection.send(("ready", None))
    while True:
        job = connection.recv()
        if job is None:
            return
        connection.send(("result", slot.grade(job)))
