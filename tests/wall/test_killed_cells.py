"""What is killed from outside costs nobody a mark; what kills itself does so again, and pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch

from grader.assignment import Assignment
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import Remote
from grader.wall.errors import WallError
from grader.wall.isolation import WallKind
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT

SLOW = "import time\n\ndef total(x):\n    time.sleep(1.0)\n    return x.sum()\n"
SLOW_TO_IMPORT = "import time\n\ntime.sleep(1.0)\n" + RIGHT["total.py"]
KILLS_ITSELF = "import os\n\ndef total(x):\n    os.kill(os.getpid(), 9)\n    os._exit(9)\n"


@pytest.fixture
def warm(wall: WallKind, toy: Assignment, tmp_path: Path) -> Iterator[Warm]:
    given = tmp_path / "given"
    given.mkdir()
    for folder in (given, *given.parents[:4]):
        folder.chmod(0o755)
    (given / "constants.py").write_text("ZERO = 0.0\n")
    with Warm(wall, toy.about.limits, given) as started:
        started.start()
        yield started


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
def test_what_stands_behind_a_cell_is_no_fault_of_the_submission(
    asked: Callable[[str], Remote], warm: Warm, who: str
) -> None:
    remote = asked(SLOW)
    remote.require("total")
    victim = warm.family.innermost if who == "warm" else keeper(warm)
    timer = soon(victim.kill)
    with pytest.raises(WallError, match="a cell was lost"):
        total(remote)
    timer.join()
    assert total(remote) == 3
