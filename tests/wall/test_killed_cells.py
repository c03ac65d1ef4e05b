"""What is killed from outside costs nobody a mark; what kills itself does so again, and pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import torch

from grader.assignment import Assignment
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import Remote
from grader.wall.cell import CellHandle
from grader.wall.isolation import WallKind
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT, SharedWarm

SLOW = "import time\n\ndef total(x):\n    time.sleep(1.0)\n    return x.sum()\n"
SLOW_TO_IMPORT = "import time\n\ntime.sleep(1.0)\n" + RIGHT["total.py"]
KILLS_ITSELF = "import os\n\ndef total(x):\n    os.kill(os.getpid(), 9)\n    os._exit(9)\n"


@pytest.fixture
def warm(wall: WallKind, shared_warm: SharedWarm, toy: Assignment) -> Warm:
    started = shared_warm(wall, toy.description.limits)
    started.start()
    return started


@pytest.fixture
def asked(warm: Warm, toy: Assignment) -> Iterator[Callable[[str], Remote]]:
    made: list[Remote] = []

    def asked(total: str) -> Remote:
        files = {name: text.encode() for name, text in {**RIGHT, "total.py": total}.items()}
        made.append(Remote(warm, toy, files))
        return made[-1]

    yield asked
    for remote in made:
        remote.close()


def total(remote: Remote) -> object:
    return remote.ask("call", "total.total", {"args": [torch.ones(3)], "kwargs": {}})


def keeper(warm: Warm) -> psutil.Process:
    return warm.family.innermost.children()[0]


def soon(kill: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(0.4, kill)
    timer.start()
    return timer


def test_a_call_whose_cell_is_killed_is_made_again(
    asked: Callable[[str], Remote], warm: Warm
) -> None:
    remote = asked(SLOW)
    remote.require("total")
    timer = soon(warm.family.kill_cell)
    assert total(remote) == 3
    timer.join()


def test_a_file_whose_cell_is_killed_is_imported_again(
    asked: Callable[[str], Remote], warm: Warm
) -> None:
    def kill() -> None:
        while not warm.family._first_processes():
            time.sleep(0.01)
        time.sleep(0.5)
        warm.family.kill_cell()

    timer = soon(kill)
    assert total(asked(SLOW_TO_IMPORT)) == 3
    timer.join()


def test_code_that_kills_itself_pays(asked: Callable[[str], Remote]) -> None:
    remote = asked(KILLS_ITSELF)
    with pytest.raises(SubmissionFailed, match="the Python process ended") as failed:
        total(remote)
    assert failed.value.ending == "crashed"
    mean = remote.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
    assert mean.tolist() == [1, 1]


@pytest.mark.parametrize("who", ["warm", "keeper"])
def test_a_call_that_what_is_behind_its_cell_did_not_survive_is_made_again(
    asked: Callable[[str], Remote], warm: Warm, who: str
) -> None:
    remote = asked(SLOW)
    remote.require("total")
    victim = warm.family.innermost if who == "warm" else keeper(warm)
    timer = soon(victim.kill)
    assert total(remote) == 3
    timer.join()
    assert remote.concerns == []


def test_a_call_that_nothing_behind_its_cell_survives_pays(
    asked: Callable[[str], Remote], warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = asked(SLOW)
    remote.require("total")
    answer = remote._answer

    def kill_and_answer(message: dict[str, object], seconds: float) -> dict[str, object]:
        remote.require("total")
        timer = soon(keeper(warm).kill)
        try:
            return answer(message, seconds)
        finally:
            timer.join()

    monkeypatch.setattr(remote, "_answer", kill_and_answer)
    with pytest.raises(SubmissionFailed, match="3 times in a row") as failed:
        total(remote)
    assert failed.value.ending == "crashed"
    assert len(remote.concerns) == 1
    mean = remote.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
    assert mean.tolist() == [1, 1]


def test_a_file_whose_import_nothing_behind_its_cell_survives_pays(
    asked: Callable[[str], Remote], warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = asked(SLOW_TO_IMPORT)
    remote.begin("first", "q1.2")
    fork, lost = warm.fork, []

    def fork_and_kill(*args: Any, **more: Any) -> CellHandle:
        cell = fork(*args, **more)
        if len(lost) < 3:
            lost.append(soon(keeper(warm).kill))
        return cell

    monkeypatch.setattr(warm, "fork", fork_and_kill)
    for _ in range(2):
        with pytest.raises(SubmissionFailed, match="3 times in a row"):
            remote.require("total")
    assert len(remote.concerns) == 1 and "total.py" in remote.concerns[0]
    remote.begin("second", "q1.1")
    mean = remote.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
    assert mean.tolist() == [1, 1]
