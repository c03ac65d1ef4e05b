"""Each question has a cell with its own files, and time of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from grader.assignment import Assignment
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import SHARED_FOR, Remote
from grader.wall.isolation import WallKind
from tests.conftest import RIGHT, SharedWarm

SEES = "import sys\n\ndef total(x):\n    return float('mean' in sys.modules)\n"
SENDS = """
import json, os, socket, struct

def total(x):
    for number in range(3, 64):
        try:
            wire = socket.socket(fileno=os.dup(number))
            break
        except OSError:
            continue
    body = json.dumps({"d": [["ok", True], ["value", 7.0]]}).encode()
    magic = b"GWF2" if x.sum() > 0 else b"HTTP"
    wire.sendall((magic + struct.pack("<IQ", len(body), 0) + body) * 3)
    return x.sum()
"""
ASKS_MEAN = "import mean\n\ndef total(x):\n    return mean.mean(x).sum()\n"

Start = Callable[..., Remote]


@pytest.fixture
def start(wall: WallKind, shared_warm: SharedWarm, toy: Assignment) -> Iterator[Start]:
    started: list[Remote] = []

    def begin(question_seconds: float = 30.0, apart: bool = True, **files: str) -> Remote:
        own = {**RIGHT, **{f"{name}.py": text for name, text in files.items()}}
        limits = toy.description.limits.model_copy(update={"question_seconds": question_seconds})
        warm = shared_warm(wall, toy.description.limits)
        content = {name: text.encode() for name, text in own.items()}
        started.append(Remote(warm, toy, content, limits, apart=apart))
        return started[-1]

    yield begin
    for remote in started:
        remote.close()


def ask(remote: Remote, function: str) -> float:
    value = remote.ask("call", function, {"args": [torch.ones(1, 3)], "kwargs": {}})
    return float(torch.as_tensor(value))


def test_a_question_is_asked_beside_the_files_of_its_own_contracts(start: Start) -> None:
    remote = start(total=SEES)
    remote.begin("first", "q1.1")
    assert ask(remote, "mean.mean") == 1
    remote.begin("second", "q1.2")
    assert ask(remote, "total.total") == 0
    remote.begin("third", "")  # no question: all files
    assert ask(remote, "total.total") == 1


def test_checks_of_one_question_share_a_cell_until_much_of_its_time_is_used(start: Start) -> None:
    remote = start()
    cells = []
    for check, question in (("a", "q1.1"), ("b", "q1.1"), ("c", "q1.2"), ("d", "q1.2")):
        remote.begin(check, question)
        ask(remote, "mean.mean" if question == "q1.1" else "total.total")
        cells.append(remote._cell)
    assert cells[0] is cells[1] is not cells[2] is cells[3]
    remote._spent_in_cell = 2 * SHARED_FOR * 30.0
    remote.begin("e", "")
    assert remote._cell is None


def test_a_file_that_another_one_imports_is_there(start: Start) -> None:
    remote = start(total=ASKS_MEAN)
    remote.begin("first", "q1.2")
    assert ask(remote, "total.total") == 1


def test_a_probe_that_needs_another_file_gets_it(start: Start) -> None:
    remote = start()
    remote.begin("first", "q1.2")
    asked = {"args": [], "kwargs": {"x": torch.ones(2, 3)}}
    found = remote.ask("probe", "mean_and_input", asked)
    assert torch.equal(found["mean"], torch.ones(2))
    cell = remote._cell
    assert ask(remote, "total.total") == 3
    assert remote._cell is cell


def test_the_time_of_one_question_is_not_taken_from_another(start: Start) -> None:
    remote = start(1.0)
    remote.begin("first", "q1.1")
    remote._spent["q1.1"] = 2.0
    with pytest.raises(SubmissionFailed, match="time for this question, 1 s, was used up"):
        ask(remote, "mean.mean")
    remote.begin("second", "q1.2")
    assert ask(remote, "total.total") == 3


def test_answers_in_advance_and_frames_that_are_none_cost_their_own_question_alone(
    start: Start,
) -> None:
    remote = start(apart=False, total=SENDS)
    remote.begin("first", "q1.2")
    assert ask(remote, "total.total") == 7
    remote.begin("second", "q1.1")
    assert ask(remote, "mean.mean") == 1
    remote.begin("third", "q1.2")
    with pytest.raises(SubmissionFailed, match="not an answer"):
        remote.ask("call", "total.total", {"args": [-torch.ones(3)], "kwargs": {}})
    remote.begin("fourth", "q1.1")
    assert ask(remote, "mean.mean") == 1
