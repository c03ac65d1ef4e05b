"""A slot grades one submission after another: a process with the suite collected, and a warm wall.

Everything that costs seconds (torch, pytest's collection, the reference's answers) is paid once per
slot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import starmap
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import torch

from grader.assignment import Assignment
from grader.batch.task import Delivery, Job, RunJob, Task, blank, not_graded
from grader.data import DataError
from grader.intake import Candidate, IntakeError, Submission, read_submission
from grader.intake.excerpts import excerpts
from grader.marks.scoring import BY_THE_CATALOGUE, score
from grader.results import Environment, Result, RunResult
from grader.runs.execute import Executor
from grader.suite.hints import Misconceptions
from grader.suite.local import ReferenceFailed
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.remote import Remote
from grader.wall.behind import kernel
from grader.wall.errors import WallError
from grader.wall.warm_handle import Warm

# What a slot may take of the machine's memory: half, but enough for torch and a reference.
OWN_SHARE = 0.5
MIN_OWN_BYTES = 4 * 2**30
# A slot that grades says so about as often, once a check is through.
SILENT_SECONDS = 5.0
# Modules of an assignment's behind the wall, and the ways from a function to its callers.
REACHING = (
    *("grader_driving", "grader_probes", "grader_adapters", "grader_runs"),
    *("_getframe", "gc.get_objects"),
)


class Slot:
    """Grades submissions with a suite that is collected and a warm process that is started.

    Args:
        task: what is graded, how.
        plugin: the collected suite.
        warm: the warm process.
        here: the folder that paths of submissions are relative to.
    """

    def __init__(self, task: Task, plugin: SuitePlugin, warm: Warm, here: Path = Path()) -> None:
        self._task = task
        self._here = here
        self._assignment = task.load()
        self._plugin = plugin
        self._warm = warm
        self._misconceptions = Misconceptions(
            self._assignment, plugin.reference_implementation, task.answers
        )
        self._executor: Executor | None = None
        if task.runs is not None:
            self._executor = Executor(
                self._assignment, task.runs.profile, task.runs.out, task.runs.data, warm
            )

    def execute(
        self, job: RunJob, tell: Callable[[str], None], read: Submission | None = None
    ) -> RunResult:
        """The result of one case of a run, whatever the submission holds.

        Args:
            job: which one.
            tell: is told how far it is.
            read: the submission, if it has been read already.
        """
        assert self._executor is not None and self._task.runs is not None
        what = f"{job.run} {job.case}".rstrip()

        started = time.monotonic()

        def step(now: int, steps: int) -> None:
            left = (time.monotonic() - started) * (steps - now) / max(now, 1)
            tell(f"{what}, step {now} of {steps}, {timedelta(seconds=round(left))} left")

        try:
            submission = read or self._read(job.candidate)
            if not self._task.runs.train:
                return self._executor.submitted(submission, job.run, job.case, job.secret)
            tell(what)
            return self._executor.execute(submission, job.run, job.case, job.secret, tell=step)
        except IntakeError as error:
            return job.unreadable(self._task, self._assignment, str(error))
        except (WallError, ReferenceFailed, DataError, OSError) as error:
            return job.lost(self._task, self._assignment, str(error))

    def grade_repeatedly(
        self,
        job: Job,
        tell: Callable[[str], None] = lambda text: None,
        read: Submission | None = None,
    ) -> list[Result]:
        """One result for each of the job's secrets.

        Args:
            job: what to grade.
            tell: is told now and then that it goes on.
            read: the submission, if it has been read already.
        """
        candidate, task = job.candidate, self._task.with_secret(job.secret)
        try:
            submission = read or self._read(candidate)
        except IntakeError as error:
            return job.unreadable(self._task, self._assignment, str(error))
        try:
            self._warm.start()
        except WallError as error:
            return [not_graded(task, self._assignment, candidate, str(error))]
        remote = Remote(
            self._warm,
            self._assignment,
            submission.files,
            places=submission.modules,
            otherwise=submission.definitions_of,
        )
        try:
            return [
                self._grade_with(self._task.with_secret(secret), job, submission, remote, tell)
                for secret in (job.secret, *job.more_secrets)
            ]
        finally:
            remote.close()

    def _read(self, candidate: Candidate) -> Submission:
        with contextlib.chdir(self._here):
            return read_submission(candidate, self._assignment)

    def _grade_with(
        self,
        task: Task,
        job: Job,
        submission: Submission,
        remote: Remote,
        tell: Callable[[str], None],
    ) -> Result:
        started = time.monotonic()
        try:
            result = self._run(task, job, submission, remote, tell)
        except WallError as error:
            result = not_graded(task, self._assignment, job.candidate, str(error))
        return result.model_copy(update={"seconds": time.monotonic() - started})

    def _run(
        self,
        task: Task,
        job: Job,
        submission: Submission,
        remote: Remote,
        tell: Callable[[str], None],
    ) -> Result:
        expected = self._plugin.of(job.questions, job.checks)
        told = time.monotonic()

        def checked() -> None:
            nonlocal told
            if time.monotonic() > told + SILENT_SECONDS:
                told = time.monotonic()
                tell("")

        observed = self._plugin.run(remote, task.secret, expected, checked)
        notes = list(submission.notes)
        if job.catalogued and not all(seen.attempted for seen in observed.values()):
            notes.append(BY_THE_CATALOGUE)
            for seen in observed.values():
                seen.attempted = True
        if job.hints:
            self._misconceptions.explain(expected, observed)
        printed = remote.printed
        remote.look()
        missing = starmap(_not_installed, remote.stood_in.items())
        notes = [*remote.fallen_back, *notes, *missing]
        questions, checks = score(self._assignment, expected, observed)
        faults = [c for c in checks if c.outcome == "not_graded"]
        problem = f"{faults[0].id}: {faults[0].detail.splitlines()[0]}" if faults else ""
        result = blank(task, self._assignment, job.candidate)
        return result.model_copy(
            update={
                "source_digest": submission.digest,
                "status": "not_graded" if faults else "graded",
                "problem": problem,
                "notes": notes,
                "concerns": [*submission.doubts, *remote.concerns, *_reaching(submission.files)],
                "code": excerpts(submission.files, submission.taken, self._assignment),
                "files": list(submission.taken),
                "rules": list(submission.rules),
                "questions": questions,
                "checks": checks,
                "output": printed,
                "environment": Environment(wall=task.wall, **self._warm.environment),
            }
        )


def _not_installed(package: str, file: str) -> str:
    return (
        f"{file} imports {package}, which is not installed where grading runs and was not handed "
        "in; an empty stand-in took its place"
    )


def _reaching(files: Mapping[str, bytes]) -> list[str]:
    """Notes on code that names what it takes to reach what drives it, as no exercise asks for.

    No mark depends on it: names can be put together, so that none is found.
    """
    return [
        f"{name}: names {', '.join(found)}, through which code can forge what probes report of it; "
        "somebody should read it"
        for name, content in files.items()
        if name.endswith(".py")
        and (found := [word for word in REACHING if word.encode() in content])
    ]


def given_folder(assignment: Assignment, parent: Path) -> Path:
    """A folder with copies of the files that every student has, readable behind the wall."""
    folder = parent / "given"
    folder.mkdir()
    parent.chmod(0o755)
    folder.chmod(0o755)
    for name in assignment.description.given:
        source = assignment.reference / name
        if source.exists():
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(0o444)
    return folder


def limit_memory(share: float = OWN_SHARE) -> None:
    """Keep this process from taking the whole machine when a test computes with a huge answer.

    A test that goes beyond it gets an exception and fails, like any that cannot compare.
    """
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = max(MIN_OWN_BYTES, int(share * psutil.virtual_memory().total))
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def leave_when_told() -> None:
    """End this process at SIGTERM by an exception, so that folders are removed on the way out.

    Python swallows an exception that is raised in a finalizer or in the callback of a weak
    reference. A timer asks once more then, until the exception gets through.
    """

    def leave(*_: object) -> None:
        sys.exit(1)

    def swallowed(ignored: sys.UnraisableHookArgs) -> None:
        if issubclass(ignored.exc_type, SystemExit):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            sys.__unraisablehook__(ignored)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGALRM, leave)
    sys.unraisablehook = swallowed


def run_slot(connection: Connection, task: Task) -> None:
    """A slot's process: says ('ready', None), then a result for each job it receives.

    Whatever goes wrong for the slot as a whole is said as ('fault', message).
    """
    leave_when_told()
    torch.set_num_threads(1)
    kernel.keep_freed_memory()
    limit_memory()
    # What tests and the reference name must not depend on where the batch was started.
    here = Path.cwd()
    os.chdir("/")
    try:
        connection.send(("step", "starting the wall"))
        assignment = task.load()
        suite = assignment.hidden if task.suite == "hidden" else assignment.public
        with tempfile.TemporaryDirectory(prefix="grader-slot-") as scratch:
            given = given_folder(assignment, Path(scratch))
            mounted = task.runs.mounted if task.runs else {}
            hide = (task.assignment, task.reference)
            with Warm(task.wall, assignment.description.limits, given, mounted, hide) as warm:
                warm.start()
                connection.send(("step", "collecting the suite"))
                serve_suite(
                    assignment,
                    suite,
                    lambda plugin: _serve(connection, Slot(task, plugin, warm, here)),
                )
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        name = type(error).__name__
        text = str(error) or traceback.format_exc()[-2000:]
        connection.send(("fault", text if name.endswith("Error") else f"{name}: {text}"))


def _serve(connection: Connection, slot: Slot) -> None:
    def tell(text: str) -> None:
        connection.send(("step", text))

    connection.send(("ready", None))
    while True:
        received = connection.recv()
        if received is None:
            return
        job, read = received, None
        if isinstance(received, Delivery):
            job, read = received.job, received.submission
        if isinstance(job, RunJob):
            connection.send(("result", slot.execute(job, tell, read)))
        else:
            connection.send(("result", slot.grade_repeatedly(job, tell, read)))
