"""The reference is graded before anybody: what it fails costs nobody a mark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.batch import engine
from grader.batch.rehearsal import Rehearsal, RehearsalError, Rehearsing
from grader.batch.slot_process import environment
from grader.batch.task import Job, Task, not_graded
from grader.intake import Candidate
from grader.results import Check, Result
from grader.store import Store
from grader.store.store import read_results
from tests.conftest import RIGHT, write_tree

SECRET = "a secret of the test"
BROKEN = '''
import pytest


@pytest.mark.question("q1.2")
def test_total_has_the_right_odds(submission, stats, expect, draw):
    """A name that is misspelt."""
    submission.total.total(draw.normal(3))
    expect.plausible(stats.frequencys([1, 2], [0.5, 0.5]), "odds")


@pytest.mark.question("q1.2")
def test_total_asks_for_too_much(submission, reference, expect, draw):
    """The reference does not do this."""
    expect.close(submission.total.total(draw.normal(3)), 7.0)


@pytest.mark.question("q1.2")
def test_total_with_a_fixture_that_is_misspelt(submission, stat):
    """A fixture that is misspelt."""
'''


def command(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a shell would start it in the folder of the home."""
    return subprocess.run(
        [sys.executable, "-P", "-c", "from grader.cli import main; main()", *arguments],
        env=os.environ | {"GRADER_HOME": str(home), "COLUMNS": "400"} | variables,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def grade(home: Path, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    options = ["--out", "out", "--layout", "class", "--no-report", "--jobs", "1"]
    return command(
        home, "grade", "toy", "class", *options, "--isolation", "none", *more, **variables
    )


def stored(home: Path) -> dict[str, Result]:
    return {r.submission: r for r in read_results(home / "out")[1]}


def marks(result: Result) -> dict[str, float | None]:
    return {q.id: q.awarded for q in result.questions if q.kind == "unit"}


def test_what_the_reference_fails_is_not_graded_for_anybody(toy_home: Path) -> None:
    write_tree(toy_home, {"assignments/toy/hidden/test_broken.py": BROKEN})
    write_tree(toy_home / "class" / "right", RIGHT)
    wrong = RIGHT | {"total.py": "def total(x):\n    return x.mean()\n"}
    write_tree(toy_home / "class" / "wrong", wrong)
    done = grade(toy_home)
    assert done.returncode == 3, done.stderr
    for words in (
        "Needs attention:",
        "hidden/test_broken.py::test_total_has_the_right_odds: the reference fails this check",
        "has no attribute 'frequencys' (test_broken.py, line 8)",
        "hidden/test_broken.py::test_total_asks_for_too_much: the reference fails this check",
        "no fixture 'stat'; is 'stats' meant?",
    ):
        assert words in done.stderr
    for result in stored(toy_home).values():
        assert result.status == "not_graded" and "test_broken.py::" in result.problem
        assert marks(result) == {"q1.1": 4.0, "q1.2": None}
        broken = [c for c in result.checks if "test_broken.py" in c.id]
        assert [c.outcome for c in broken] == ["not_graded"] * 3
        assert all("no fault of the submission" in c.rationale and not c.help for c in broken)
        assert "7" not in "".join(c.rationale + c.help for c in broken)

    # Mended, the same command grades them all.
    (toy_home / "assignments/toy/hidden/test_broken.py").unlink()
    done = grade(toy_home)
    assert done.returncode == 0, done.stderr
    assert marks(stored(toy_home)["right"]) == {"q1.1": 4.0, "q1.2": 3.0}
    lost = marks(stored(toy_home)["wrong"])
    assert lost["q1.1"] == 4.0 and lost["q1.2"] == 1.5


def test_nothing_of_the_shell_reaches_the_suite(toy_home: Path) -> None:
    write_tree(
        toy_home / "class" / "wrong", {**RIGHT, "mean.py": "def mean(x):\n    return x.sum(1)\n"}
    )
    # In the folder where the batch is started, in a parent of the assignment, and beside the suite.
    ruinous = "def pytest_collection_modifyitems(items):\n    del items[1:]\n"
    for place in ("conftest.py", "assignments/conftest.py", "assignments/toy/conftest.py"):
        write_tree(toy_home, {place: ruinous})
    write_tree(toy_home, {"pytest.ini": "[pytest]\naddopts = -k shape\n"})
    write_tree(toy_home, {"ruinous_plugin.py": ruinous})
    done = grade(
        toy_home,
        PYTEST_ADDOPTS="-k shape --no-such-option",
        PYTEST_PLUGINS="ruinous_plugin",
        PYTHONPATH=os.pathsep.join([str(toy_home), os.environ.get("PYTHONPATH", "")]),
        PYTHONWARNINGS="error",
        PYTHONOPTIMIZE="2",
        OMP_NUM_THREADS="5",
    )
    assert done.returncode == 0, done.stderr
    result = stored(toy_home)["wrong"]
    assert len(result.checks) == 5
    assert marks(result) == {"q1.1": 2.0, "q1.2": 3.0}


def test_a_slot_gets_a_known_environment() -> None:
    shell = {
        "PATH": "/usr/bin",
        "GRADER_DATA": "/data",
        "PYTEST_ADDOPTS": "-k jsd",
        "TORCH_SHOW_CPP_STACKTRACES": "1",
        "CUDA_VISIBLE_DEVICES": "0",
        "MKL_NUM_THREADS": "7",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "Asia/Tokyo",
        "PYTHONOPTIMIZE": "2",
    }
    one, other = environment(shell), environment({"PATH": "/usr/bin", "GRADER_DATA": "/data"})
    assert one == other
    assert one["PATH"] == "/usr/bin" and one["GRADER_DATA"] == "/data"


def test_what_was_graded_with_fewer_checks_is_graded_again(toy_home: Path) -> None:
    write_tree(toy_home / "class" / "right", RIGHT)
    assert grade(toy_home).returncode == 0

    toy = Assignment(toy_home / "assignments" / "toy", toy_home / "reference" / "toy")
    with Store(toy_home / "out", toy, None) as store:
        whole = store.result("right")
        assert whole is not None
        store.save(whole.model_copy(update={"checks": whole.checks[:1]}))
        assert store.remembered("rehearsal")
    # The store knows how the reference fared, and then it does not.
    for forgotten in (False, True):
        with Store(toy_home / "out", toy, None) as store:
            store.save(whole.model_copy(update={"checks": whole.checks[:1]}))
            if forgotten:
                store.remember("rehearsal", "")
        done = grade(toy_home)
        assert done.returncode == 0, done.stderr
        assert len(stored(toy_home)["right"].checks) == len(whole.checks)
    done = grade(toy_home)
    assert "1 of 1 are graded already and stay as they are" in done.stderr
    assert stored(toy_home)["right"].graded_at != whole.graded_at


def test_check_says_what_is_wrong_with_a_public_test(toy_home: Path) -> None:
    write_tree(toy_home / "right", RIGHT)
    public = toy_home / "assignments/toy/public/test_public.py"
    public.write_text(public.read_text().replace("expect.close(", "expect.clos("))
    done = command(
        toy_home,
        "check",
        "right",
        "--assignment",
        "toy",
        "--isolation",
        "none",
        "--json",
        PYTEST_ADDOPTS="-k nothing",
    )
    result = Result.model_validate(json.loads(done.stdout))
    assert result.status == "not_graded"
    assert "has no attribute 'clos'" in result.problem and "test_public.py::" in result.problem


def result_of(toy: Assignment, task: Task, **outcomes: str) -> Result:
    """A result with these checks of q1.2."""
    checks = [
        Check(
            id=name,
            question="q1.2",
            title="",
            reason="",
            outcome=outcome,
            weight=1,
            marks=1,
            awarded=0,
        )  # type: ignore[arg-type]
        for name, outcome in outcomes.items()
    ]
    status = "not_graded" if not checks or "not_graded" in outcomes.values() else "graded"
    blank = not_graded(task, toy, Candidate("x", toy.reference), "the wall fell")
    return blank.model_copy(update={"checks": checks, "status": status})


@pytest.fixture
def task(toy: Assignment) -> Task:
    return Task(toy.folder, toy.reference, "none", SECRET)


def test_a_machine_at_fault_gets_a_second_attempt(toy: Assignment, task: Task) -> None:
    learned: list[Rehearsal] = []
    rehearsing = Rehearsing(task, toy, None, lambda r: learned.append(r) or ())
    rehearsing.receive(result_of(toy, task, a="passed", b="not_graded"))
    assert rehearsing.job is not None and not learned
    rehearsing.receive(result_of(toy, task, a="passed", b="passed"))
    assert rehearsing.job is None
    assert learned == [rehearsing.known] and learned[0].checks == {"a", "b"}
    assert not learned[0].faults


def test_a_reference_that_cannot_be_graded_stops_the_batch(toy: Assignment, task: Task) -> None:
    rehearsing = Rehearsing(task, toy)
    rehearsing.receive(result_of(toy, task))
    with pytest.raises(RehearsalError, match="the wall fell"):
        rehearsing.receive(result_of(toy, task))


def test_fewer_checks_than_the_suite_has_are_a_fault_of_ours(toy: Assignment, task: Task) -> None:
    rehearsing = Rehearsing(task, toy)
    rehearsing.receive(result_of(toy, task, a="passed", b="passed"))
    held = rehearsing.hold(result_of(toy, task, a="passed"))
    assert held.status == "not_graded" and "1 of 2 checks were run; b is" in held.problem
    assert next(q.awarded for q in held.questions if q.id == "q1.2") is None
    whole = result_of(toy, task, a="passed", b="failed")
    assert rehearsing.hold(whole) == whole


def test_the_reference_is_graded_once(toy: Assignment, task: Task, tmp_path: Path) -> None:
    write_tree(tmp_path / "right", RIGHT)
    job = Job(Candidate("right", tmp_path / "right"), SECRET)
    learned: list[Rehearsal] = []
    for known in (False, True):
        results: list[Result] = []
        rehearsing = Rehearsing(
            task, toy, learned[0] if known else None, lambda r: learned.append(r) or ()
        )
        engine.grade_all(task, [job], jobs=2, save=results.append, rehearsing=rehearsing)
        assert [r.submission for r in results] == ["right"]
        assert results[0].status == "graded"
    assert len(learned) == 1 and len(learned[0].checks) == 5
