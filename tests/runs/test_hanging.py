"""What a submission that hangs costs."""

from __future__ import annotations

import pytest
import torch

from grader.assignment import Assignment
from grader.suite import remote
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import Remote
from grader.wall.warm import Warm
from tests.conftest import RIGHT

# Hangs for large inputs alone.
HANGS = "def total(x):\n    while x.numel() > 3:\n        pass\n    return x.sum()\n"


def ask(asked: Remote, size: int) -> object:
    return asked.ask("call", "total.total", {"args": [torch.ones(size)], "kwargs": {}})


def test_a_function_that_hangs_again_and_again_is_called_no_more(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MIN_SECONDS", 0.2)
    limits = toy_with_run.about.limits.model_copy(update={"call_seconds": 0.5})
    files = {name: text.encode() for name, text in {**RIGHT, "total.py": HANGS}.items()}
    asked = Remote(warm, toy_with_run, files, limits)
    try:
        for _ in range(remote.MAX_HANGS - 1):
            with pytest.raises(SubmissionFailed, match="gave no answer within"):
                ask(asked, 5)
            # Calls that it can answer are answered, and do not count.
            assert ask(asked, 2) == 2
        with pytest.raises(SubmissionFailed, match="gave no answer within"):
            ask(asked, 5)
        with pytest.raises(SubmissionFailed, match="was not tried: 3 times before") as failed:
            ask(asked, 5)
        assert failed.value.ending == "hung"
        assert asked._cell is None
        mean = asked.ask("call", "mean.mean", {"args": [torch.ones(2, 3)], "kwargs": {}})
        assert mean.tolist() == [1, 1]
    finally:
        asked.close()
