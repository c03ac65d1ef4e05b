"""The same suite behind each wall and without one, turn by turn in one process.

A module-level import of torch would hide what it costs, so imports are inside the functions.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks import machine

if TYPE_CHECKING:
    from grader.assignment import Assignment
    from grader.suite.plugin import SuitePlugin
    from grader.wall.isolation import WallKind
    from grader.wall.warm_handle import Warm

SECRET = "benchmark"
UNFILLED_ROUNDS = 3
DIRECT = "one warm process, no isolation"


@dataclass
class SlotTimes:
    """What a slot measured, in seconds.

    Attributes:
        startup: what is paid once, by name.
        first: the first submission, which also pays for the reference's answers, by way.
        steady: the submissions after it, by way.
        unfilled: the template as it is handed out, in which every check fails.
        processor: processor time of one submission on both sides of the wall, by way.
        checks: how many checks the suite has.
        problem: why there is nothing more; empty if all went well.
    """

    startup: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    steady: dict[str, list[float]] = field(default_factory=dict)
    unfilled: list[float] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)
    checks: int = 0
    problem: str = ""


def walled(wall: str) -> str:
    """The name of a way."""
    return f"our slot behind {wall}"


def measure(
    assignment: Path,
    reference: Path,
    submission: Path,
    template: Path | None,
    walls: list[WallKind],
    n: int,
) -> SlotTimes:
    """Grade one submission `n` times in each way, in a fresh process on one core.

    Args:
        assignment: its folder.
        reference: the folder of its reference.
        submission: a folder with the files of the assignment, all right.
        template: a folder with the files as students get them, if that is to be timed too.
        walls: the walls to try.
        n: how often, after a first time.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, assignment, reference, submission, template, walls, n)
    process = context.Process(target=_enter, args=arguments)
    process.start()
    theirs.close()
    try:
        times: SlotTimes = ours.recv()
    except EOFError:
        times = SlotTimes(problem="the process that measures ended unexpectedly")
    process.join()
    return times


def _enter(connection: Connection, *arguments: Any) -> None:
    times = SlotTimes()
    try:
        _measure(times, *arguments)
    except Exception as error:
        times.problem = f"{type(error).__name__}: {error}".splitlines()[0]
    connection.send(times)


def _measure(
    times: SlotTimes,
    folder: Path,
    reference: Path,
    submission: Path,
    template: Path | None,
    walls: list[WallKind],
    n: int,
) -> None:
    machine.pin_to_one_core()
    with _clock(times, "import torch, on our side"):
        import torch
    torch.set_num_threads(1)
    with _clock(times, "import the rest of the harness"):
        from grader.assignment import Assignment
        from grader.batch.slot import given_folder
        from grader.suite.plugin import serve_suite
        from grader.wall.warm_handle import Warm

    # Every submission is compiled afresh, as it would be if it were another one.
    sys.dont_write_bytecode = True
    assignment = Assignment(folder, reference)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        given = given_folder(assignment, scratch)
        warms = []
        for wall in walls:
            with _clock(times, f"start the warm process behind {wall}"):
                warm = stack.enter_context(Warm(wall, assignment.description.limits, given))
                warm.start()
            warms.append(warm)
        started = time.perf_counter()

        def serve(plugin: SuitePlugin) -> None:
            times.startup["collect the suite, import the reference"] = time.perf_counter() - started
            times.checks = len(plugin.expected)
            ways = {walled(w.wall): _behind(w, assignment, plugin, submission) for w in warms}
            ways[DIRECT] = _direct(assignment, plugin, submission, given)
            _take_turns(times, ways, n, lambda: time.process_time() + sum(map(_used, warms)))
            if template is not None and warms:
                grade = _behind(warms[0], assignment, plugin, template, right=False)
                times.unfilled = [_seconds(grade) for _ in range(UNFILLED_ROUNDS)]

        serve_suite(assignment, assignment.hidden, serve)


def _take_turns(
    times: SlotTimes, ways: dict[str, Callable[[], None]], n: int, processor: Callable[[], float]
) -> None:
    """Each way once per round, so that a busy moment of the machine hits all of them."""
    names = list(ways)
    used = dict.fromkeys(names, 0.0)
    for name in names:
        times.first[name] = _seconds(ways[name])
        times.steady[name] = []
    for turn in range(n):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            before = processor()
            times.steady[name].append(_seconds(ways[name]))
            used[name] += processor() - before
    times.processor = {name: total / n for name, total in used.items()}


def _used(warm: Warm) -> float:
    """Processor time of a warm process and of the cells that it had."""
    spent = warm.family.all()[-1].cpu_times()
    return float(spent.user + spent.system + spent.children_user + spent.children_system)


def _behind(
    warm: Warm,
    assignment: Assignment,
    plugin: SuitePlugin,
    submission: Path,
    *,
    right: bool = True,
) -> Callable[[], None]:
    from grader.batch.slot import Slot
    from grader.batch.task import Job, Task
    from grader.intake import Candidate

    task = Task(assignment.folder, assignment.reference, warm.wall, SECRET)
    slot = Slot(task, plugin, warm)
    job = Job(Candidate("timed", submission), SECRET)

    def grade() -> None:
        result = slot.grade_repeatedly(job)[0]
        if result.status != "graded":
            raise RuntimeError(f"not graded behind {warm.wall}: {result.problem}")
        if right:
            _all_passed({c.id: c.outcome for c in result.checks}, warm.wall)

    return grade


def _direct(
    assignment: Assignment, plugin: SuitePlugin, submission: Path, given: Path
) -> Callable[[], None]:
    from benchmarks.direct import Direct
    from grader.suite.local import load_probes
    from grader.suite.remote import Remote

    probes = load_probes(assignment)

    def grade() -> None:
        direct = Direct(assignment, submission, given, probes)
        try:
            observed = plugin.run(cast(Remote, direct), SECRET, plugin.expected)
        finally:
            direct.close()
        _all_passed({i: o.outcome for i, o in observed.items()}, "no wall")

    return grade


def _all_passed(outcomes: dict[str, str], where: str) -> None:
    """Times of a suite that fails would be times of something else."""
    failed = sorted(name for name, outcome in outcomes.items() if outcome != "passed")
    if failed:
        raise RuntimeError(
            f"{len(failed)} checks fail on the reference with {where}, {failed[0]} first"
        )


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@contextlib.contextmanager
def _clock(times: SlotTimes, name: str) -> Any:
    started = time.perf_counter()
    yield
    times.startup[name] = time.perf_counter() - started
