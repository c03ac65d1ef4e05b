"""What the terminal shows while a batch is at work."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from grader.batch import ledger
from grader.batch.grade import Batch, Tone, grade_batch
from grader.cli.app import errors, stop
from grader.results import Result

# Lines of the progress display that say what is being graded.
MOST_LINES = 8
STYLES: dict[Tone, str | None] = {"plain": None, "warning": "yellow", "alarm": "bold red"}


class _Left(ProgressColumn):
    """The time that is left, as the batch itself works it out.

    Rich's own estimate takes all steps for equal, and a training is not a unit test.
    """

    def render(self, task: Task) -> Text:
        end = task.fields.get("end")
        if end is None:
            return Text("-:--:--", style="progress.remaining")
        left = timedelta(seconds=max(0, round(end - time.monotonic())))
        return Text(str(left), style="progress.remaining")


class ProgressDisplay:
    """A bar with the time that is left, and what is being graded right now."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            _Left(),
            console=errors,
        )
        self._task = self._bar.add_task("grading", total=None)
        self._running = Text("starting", style="dim")
        self._live = Live(
            Group(self._bar, self._running), console=errors, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> Callable[[ledger.Progress], None]:
        return self._tell

    def __exit__(self, *details: object) -> None:
        self._live.stop()

    def _tell(self, progress: ledger.Progress) -> None:
        self._live.start()
        self._bar.update(
            self._task, total=progress.total, completed=progress.done, end=progress.end
        )
        lines = [line[:100] for line in progress.running[:MOST_LINES]]
        self._running.plain = "\n".join(lines) or "starting"


def graded_or_stop(batch: Batch) -> list[Result]:
    """Grade a batch with its progress on the terminal; ends the program if something forbids it."""
    try:
        with ProgressDisplay() as tell:
            return grade_batch(batch, tell, _say)
    except ledger.BatchError as error:
        stop(str(error), error.status)


def _say(text: str, tone: Tone) -> None:
    errors.print(text, style=STYLES[tone], markup=False, highlight=False, soft_wrap=True)
