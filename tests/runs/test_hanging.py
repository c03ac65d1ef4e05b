"""What a submission that hangs costs: its own checks, and a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grader.assignment import Assignment
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import MAX_HUNG_CHECKS, Remote
from grader.wall.cell import CellHandle
from grader.wall.errors import CallTimeout, WallError
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT

LIMIT = 0.5
# For large inputs alone, in two manners; and always.
SPINS = "def total(x):\n    while x.numel() > 3:\n        pass\n    return x.sum()\n"
SLEEPS = (
    "import time\n\ndef total(x):\n    if x.numel() > 3:\n        time.sleep(60)\n"
    "    return x.sum()\n"
)
NEVER = "def total(x):\n    while True:\n        pass\n"

Start = Callable[..., Remote]


@pytest.fixture
def start(toy_with_run: Assignment, warm: Warm) -> Iterator[Start]:
    """Starts a submission with a `total`."""
    started = []

    def begin(total: str, question_seconds: float = 30.0) -> Remote:
        limits = {"call_seconds": LIMIT, "question_seconds": question_seconds}
        changed = toy_with_run.description.limits.model_copy(update=limits)
        files = {name: text.encode() for name, text in {**RIGHT, "total.py": total}.items()}
        started.append(Remote(warm, toy_with_run, files, changed))
        return started[-1]

    yield begin
    for remote in started:
        remote.close()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What cells are asked to call, as it happens."""
    seen: list[str] = []
    request = CellHandle.request

    def noted(self: CellHandle, message: dict[str, object], seconds: float) -> dict[str, object]:
        if message.get("op") == "call":
            seen.append(str(message["target"]))
        return request(self, message, seconds)

    monkeypatch.setattr(CellHandle, "request", noted)
    return seen


def ask(remote: Remote, size: int, seed: int = 0) -> object:
    x = torch.full((size,), 1.0 + seed)
    return remote.ask("call", "total.total", {"args": [x], "kwargs": {}})


@pytest.mark.parametrize("total", [SPINS, SLEEPS])
def test_a_function_that_hangs_for_some_values_answers_for_all_others(
    start: Start, total: str
) -> None:
    remote = start(total)
    remote.ask_log.begin("first")
    assert ask(remote, 2) == 2
    for number in range(MAX_HUNG_CHECKS + 2):
        remote.ask_log.begin(f"check {number}")
        with pytest.raises(SubmissionFailed, match=f"gave no answer within {LIMIT:g} s") as failed:
            ask(remote, 5)
        assert failed.value.ending == "hung"
        assert ask(remote, 2) == 2


def test_what_hung_is_not_asked_again_in_the_same_check(start: Start, requests: list[str]) -> None:
    remote = start(SPINS)
    remote.ask_log.begin("first")
    for _ in range(3):
        with pytest.raises(SubmissionFailed, match=f"no answer within {LIMIT:g} s"):
            ask(remote, 5)
    assert len(requests) == 1
    with pytest.raises(SubmissionFailed):
        ask(remote, 5, seed=1)
    assert len(requests) == 2
    remote.ask_log.begin("second")
    with pytest.raises(SubmissionFailed):
        ask(remote, 5)
    assert len(requests) == 3


def test_a_function_that_never_answers_is_called_no_more(start: Start, requests: list[str]) -> None:
    remote = start(NEVER)
    for number in range(MAX_HUNG_CHECKS):
        remote.ask_log.begin(f"check {number}")
        # Ways in which one check asks are not counted apart.
        for seed in range(2):
            with pytest.raises(SubmissionFailed, match=f"no answer within {LIMIT:g} s"):
                ask(remote, 2, seed)
    remote.ask_log.begin("last")
    with pytest.raises(SubmissionFailed, match="has never answered, and 3 checks waited") as failed:
        ask(remote, 2)
    assert failed.value.ending == "hung"
    assert len(requests) == 2 * MAX_HUNG_CHECKS
    mean = remote.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
    assert isinstance(mean, torch.Tensor) and mean.tolist() == [1, 1]


def test_the_time_of_a_submission_is_bounded_at_the_cost_of_what_hangs(
    start: Start, requests: list[str]
) -> None:
    remote = start(SPINS, question_seconds=4 * LIMIT)
    remote.ask_log.begin("first")
    assert ask(remote, 2) == 2
    for number in range(8):
        remote.ask_log.begin(f"check {number}")
        with pytest.raises(SubmissionFailed):
            ask(remote, 5)
    assert len(requests) == 1 + 5
    mean = remote.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
    assert isinstance(mean, torch.Tensor) and mean.tolist() == [1, 1]


def test_slow_answers_use_up_the_time_of_a_submission(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = start(RIGHT["total.py"], question_seconds=1.0)
    assert ask(remote, 2) == 2
    cell = remote._cell
    assert cell is not None
    request = cell.request

    def slowly(message: dict[str, object], seconds: float) -> dict[str, object]:
        reply = request(message, seconds)
        cell.spent = 0.4
        return reply

    monkeypatch.setattr(cell, "request", slowly)
    for _ in range(3):
        assert ask(remote, 2) == 2
    with pytest.raises(SubmissionFailed, match="this question, 1 s, was used up"):
        ask(remote, 2)


def test_the_limit_in_the_message_is_the_one_that_was_applied(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = start(RIGHT["total.py"])

    request = CellHandle.request

    def too_late(self: CellHandle, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        if message["op"] == "call":
            raise CallTimeout("too late", 5 * seconds)
        return request(self, message, seconds)

    remote.require("total")
    monkeypatch.setattr(CellHandle, "request", too_late)
    with pytest.raises(SubmissionFailed, match=f"no answer within {5 * LIMIT:g} s"):
        ask(remote, 2)


def test_a_machine_that_is_too_busy_costs_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = start(NEVER)
    monkeypatch.setattr("grader.wall.watch.Deadline.starved", True)
    with pytest.raises(WallError, match="the machine is too busy"):
        ask(remote, 2)
