"""Answers that the processes of a batch share: each is computed once, failures too."""

from __future__ import annotations

import gc
import multiprocessing
import stat
import time
import types
import weakref
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.batch import engine
from grader.batch.task import Job, Task
from grader.intake import find_submissions
from grader.results import Result
from grader.suite.local import Local, ReferenceFailed, SharedAnswers
from grader.wall import isolation
from tests.conftest import RIGHT, write_tree

KEYS = [bytes([n]) * 32 for n in range(4)]


def _ask(folder: Path, log: Path, order: int) -> None:
    """Ask for every key, in an order of its own; each computation leaves a line."""
    answers = SharedAnswers(folder)
    for key in KEYS[order:] + KEYS[:order]:

        def compute(key: bytes = key) -> bytes:
            with log.open("a") as file:
                file.write(f"{key[0]}\n")
            time.sleep(0.05)
            return b"answer " + key

        assert answers.get(key, compute) == b"answer " + key


def test_two_processes_compute_each_answer_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_ask, args=(tmp_path / "a", log, n)) for n in (0, 1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert sorted(log.read_text().split()) == ["0", "1", "2", "3"]


def test_a_failure_is_shared_like_an_answer(tmp_path: Path) -> None:
    computed = []

    def fail() -> ReferenceFailed:
        computed.append(1)
        return ReferenceFailed("the reference failed on mean.mean: ValueError: no, ñ")

    for answers in (SharedAnswers(tmp_path / "a"), SharedAnswers(tmp_path / "a")):
        answer = answers.get(KEYS[0], fail)
        assert isinstance(answer, ReferenceFailed) and str(answer).endswith("ValueError: no, ñ")
    assert len(computed) == 1


def test_an_answer_that_could_not_be_computed_is_not_kept(tmp_path: Path) -> None:
    def interrupted() -> bytes:
        raise KeyboardInterrupt

    answers = SharedAnswers(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        answers.get(KEYS[0], interrupted)
    assert answers.get(KEYS[0], lambda: b"") == b""
    assert answers.get(KEYS[0], lambda: b"other") == b""  # an empty answer is one


@pytest.mark.parametrize("shared", [False, True])
def test_a_remembered_failure_holds_nothing_of_who_asked(tmp_path: Path, shared: bool) -> None:
    module = types.ModuleType("mean")
    exec("def mean(x):\n    raise ValueError(x)\n", module.__dict__)
    answers = SharedAnswers(tmp_path / "a") if shared else None
    local = Local(lambda: {"mean": module}, types.ModuleType("no_probes"), answers)

    class Answer:
        pass

    def ask() -> weakref.ref[Answer]:
        answer = Answer()
        with pytest.raises(ReferenceFailed, match="ValueError: 3"):
            local.ask("call", "mean.mean", {"args": [3], "kwargs": {}})
        return weakref.ref(answer)

    held = [ask() for _ in range(3)]
    gc.collect()
    assert [reference() for reference in held] == [None] * 3


def test_answers_are_nobody_elses(tmp_path: Path) -> None:
    SharedAnswers(tmp_path / "deep" / "a").get(KEYS[0], lambda: b"1")
    assert stat.S_IMODE((tmp_path / "deep" / "a").stat().st_mode) == 0o700


@pytest.mark.timeout(900)
def test_hints_are_the_same_with_one_slot_and_with_two(toy: Assignment, tmp_path: Path) -> None:
    texts = {
        "sums": "def mean(x):\n    return x.sum(1)\n",
        "axis": "def mean(x):\n    return x.mean(0)\n",
        "odd": "def mean(x):\n    return x.mean(1) + 1\n",
    }
    for name, text in texts.items():
        for copy in ("a", "b"):
            write_tree(tmp_path / "class" / f"{name}_{copy}", RIGHT | {"mean.py": text})
    candidates, _ = find_submissions([tmp_path / "class"], toy, "class")
    task = Task(toy.folder, toy.reference, isolation.choose(), "a secret of the test")
    hints = []
    for slots in (1, 2):
        results: list[Result] = []
        todo = [Job(candidate, task.secret) for candidate in candidates]
        engine.grade_all(task, todo, jobs=slots, save=results.append)
        hints.append(
            {(r.submission, c.id): [h.mistake for h in c.hints] for r in results for c in r.checks}
        )
    assert hints[0] == hints[1]
    value = "test_toy.py::test_mean_has_the_right_value"
    for copy in ("a", "b"):
        assert hints[0][f"sums_{copy}", value] == ["mean_is_a_sum"]
        assert hints[0][f"axis_{copy}", value] == ["mean_over_the_wrong_axis"]
        assert hints[0][f"odd_{copy}", value] == []
