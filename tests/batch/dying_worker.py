"""Loaded into a Dask worker before it works: one submission goes wrong in it, again and again.

Environment: BAD_FOR is the submission; BAD_WAYS says how it goes wrong each time, the last way from
then on (`die`: the worker dies; `lose`: its slot is lost; `hang`: it never ends); VISITS is a file
that gets a line for each time. All is well while there is no such file.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from grader.batch.cluster_worker import SlotLost, Workshop
from grader.batch.task import Delivery


def dask_setup(worker: Any) -> None:
    """Called by Dask."""
    do, visits = Workshop.do, Path(os.environ["VISITS"])
    ways = os.environ["BAD_WAYS"].split()

    def go_wrong(self: Workshop, delivery: Delivery) -> tuple[str, ...]:
        if delivery.job.candidate.id == os.environ["BAD_FOR"] and visits.exists():
            with visits.open("a") as file:
                file.write(f"{os.getpid()}\n")
            way = ways[min(len(visits.read_text().split()), len(ways)) - 1]
            if way == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if way == "lose":
                raise SlotLost("lost on purpose")
            threading.Event().wait()
        return do(self, delivery)

    Workshop.do = go_wrong  # type: ignore[method-assign]
