"""A batch of toy submissions through real slots and the real wall."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.batch import engine
from grader.batch.task import Job, Task
from grader.intake import find_submissions
from grader.results import Check, Result
from grader.store import Store, StoreError
from grader.store.store import read_results
from grader.suite.plugin import SuiteError, serve_suite
from grader.wall import isolation
from tests.conftest import RIGHT, write_tree

SECRET = "a secret of the test"

CLASS = {
    "right": RIGHT,
    "shape": RIGHT | {"mean.py": "def mean(x):\n    return x.mean(1, keepdim=True)\n"},
    "value": RIGHT | {"mean.py": "def mean(x):\n    return x.sum(1)\n"},
    "mutates": RIGHT | {"mean.py": "def mean(x):\n    x /= x.shape[1]\n    return x.sum(1)\n"},
    "raises": RIGHT | {"mean.py": "def mean(x):\n    raise ValueError(x)\n"},
    "hangs": RIGHT | {"total.py": "def total(x):\n    while True:\n        pass\n"},
    "hangs_at_import": RIGHT | {"total.py": "while True:\n    pass\n"},
    "quits": RIGHT | {"total.py": "import os\n\ndef total(x):\n    os._exit(0)\n"},
    "quits_at_import": RIGHT | {"total.py": "import os\nos._exit(0)\n"},
    "syntax": RIGHT | {"mean.py": "def mean(x)\n    return x\n"},
    "missing": {"mean.py": RIGHT["mean.py"]},
    "alias": {"average.py": RIGHT["mean.py"], "total.py": RIGHT["total.py"]},
    "object": RIGHT | {"total.py": "class A:\n    pass\n\ndef total(x):\n    return A()\n"},
    "nothing_of_ours": {"other.py": "x = 1\n"},
}

# Marks of q1.1 (4: value 2, shape 1, input 1) and q1.2 (3).
MARKS = {
    "right": (4, 3),
    "shape": (3, 3),
    "value": (2, 3),
    "mutates": (3, 3),
    "raises": (0, 3),
    "hangs": (4, 0),
    "hangs_at_import": (4, 0),
    "quits": (4, 0),
    "quits_at_import": (4, 0),
    "syntax": (0, 3),
    "missing": (4, 0),
    "alias": (4, 3),
    "object": (4, 0),
    "nothing_of_ours": (0, 0),
}


def make_class(root: Path, names: list[str] | None = None) -> Path:
    for name in names or CLASS:
        write_tree(root / name, CLASS[name])
    return root


def grade(
    toy: Assignment, folder: Path, out: Path, wall: isolation.WallKind, jobs: int = 1
) -> dict[str, Result]:
    candidates, _ = find_submissions([folder], toy, "class")
    with Store(out, toy, SECRET) as store:
        todo = engine.remaining(store, toy, candidates)
        task = Task(toy.folder, toy.reference, wall, store.secret)
        todo_jobs = [Job(candidate, store.secret) for candidate in todo]
        engine.grade_all(task, todo_jobs, jobs=jobs, save=store.save)
        return {r.submission: r for r in store.results()}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The whole class, graded once behind the best wall there is."""
    from tests.conftest import TOY

    home = write_tree(tmp_path_factory.mktemp("home"), TOY)
    toy = Assignment(home / "assignments" / "toy", home / "reference" / "toy")
    folder = make_class(tmp_path_factory.mktemp("class"))
    return grade(toy, folder, tmp_path_factory.mktemp("out"), isolation.choose(), jobs=2)


def marks(result: Result) -> tuple[float | None, float | None]:
    by_id = {q.id: q.awarded for q in result.questions}
    return by_id["q1.1"], by_id["q1.2"]


def check(result: Result, part: str) -> Check:
    return next(c for c in result.checks if part in c.id)


@pytest.mark.parametrize("name", sorted(CLASS))
def test_every_submission_gets_the_marks_of_what_is_right(
    graded: dict[str, Result], name: str
) -> None:
    assert marks(graded[name]) == pytest.approx(MARKS[name])


def test_written_questions_stay_open(graded: dict[str, Result]) -> None:
    for result in graded.values():
        assert result.questions[-1].awarded is None
        assert result.total_marks == 10 and result.decided_marks == 7


def test_every_failure_says_what_happened(graded: dict[str, Result]) -> None:
    for result in graded.values():
        for item in result.checks:
            if item.outcome != "passed":
                assert item.rationale and item.rationale != "the check did not report"
    assert "no answer within" in check(graded["hangs"], "total").rationale
    assert check(graded["hangs"], "total").ending == "hung"
    assert "ended" in check(graded["quits"], "total").rationale
    assert check(graded["quits"], "total").ending == "crashed"
    assert "importing total.py" in check(graded["hangs_at_import"], "total").rationale
    assert "SyntaxError" in check(graded["syntax"], "value").rationale
    assert "cannot be imported" in check(graded["syntax"], "input").rationale
    assert "not handed in" in check(graded["missing"], "total").rationale
    assert "type Opaque" not in check(graded["object"], "total").rationale
    assert graded["nothing_of_ours"].status == "unreadable"


def test_students_never_read_hidden_inputs(graded: dict[str, Result]) -> None:
    item = check(graded["raises"], "value")
    assert "tensor([" in item.detail
    assert "tensor([" not in item.rationale + item.help + item.reason


def test_results_are_the_same_again_and_with_another_number_of_slots(
    toy: Assignment, tmp_path: Path, wall: isolation.WallKind, graded: dict[str, Result]
) -> None:
    names = ["right", "shape", "quits", "raises"]
    folder = make_class(tmp_path / "class", names)
    again = grade(toy, folder, tmp_path / "out", wall)
    for name in names:
        assert marks(again[name]) == marks(graded[name])
        assert [c.detail for c in again[name].checks] == [c.detail for c in graded[name].checks]


def test_a_batch_goes_on_where_it_was(toy: Assignment, tmp_path: Path) -> None:
    folder, out = make_class(tmp_path / "class", ["right", "shape"]), tmp_path / "out"
    first = grade(toy, folder, out, isolation.choose())
    stored = {name: r.graded_at + str(r.seconds) for name, r in first.items()}
    make_class(folder, ["value"])
    write_tree(folder / "shape", {"mean.py": RIGHT["mean.py"]})
    second = grade(toy, folder, out, isolation.choose())
    assert marks(second["value"]) == (2, 3)
    assert marks(second["shape"]) == (4, 3)  # handed in again, so graded again
    assert second["right"].graded_at + str(second["right"].seconds) == stored["right"]


def test_a_batch_that_is_killed_loses_nothing(
    toy_home: Path, toy: Assignment, tmp_path: Path
) -> None:
    folder, out = tmp_path / "class", tmp_path / "out"
    for i in range(6):
        slow = "import time\n\ndef total(x):\n    time.sleep(0.4)\n    return x.sum()\n"
        write_tree(folder / f"s{i}", RIGHT | {"total.py": slow})
    command = [sys.executable, "-c", "from grader.cli import main; main()", "grade", "toy"]
    command += [str(folder), "--out", str(out), "--jobs", "1", "--secret", SECRET]
    process = subprocess.Popen(
        command,
        env=os.environ | {"GRADER_HOME": str(toy_home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and _stored(out) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _stored(out)
    assert 2 <= before < 6
    # The slot of the dead batch lets go of the folder when it finds its parent gone.
    results = grade(toy, folder, out, isolation.choose())
    assert sorted(results) == [f"s{i}" for i in range(6)]
    assert all(marks(r) == (4, 3) for r in results.values())


def _stored(out: Path) -> int:
    try:
        return len(read_results(out)[1])
    except (StoreError, sqlite3.Error):
        return 0


def test_results_are_json_files_of_the_schema(toy: Assignment, tmp_path: Path) -> None:
    folder, out = make_class(tmp_path / "class", ["right"]), tmp_path / "out"
    results = grade(toy, folder, out, isolation.choose())
    text = (out / "results" / "right.json").read_text()
    assert Result.model_validate_json(text) == results["right"]
    assert json.loads(text)["environment"]["wall"] == isolation.choose()


def test_no_wall_works_when_asked_for(toy: Assignment, tmp_path: Path) -> None:
    folder = make_class(tmp_path / "class", ["right", "quits"])
    results = grade(toy, folder, tmp_path / "out", "none")
    assert marks(results["right"]) == (4, 3) and marks(results["quits"]) == (4, 0)
    assert results["right"].environment is not None
    assert results["right"].environment.wall == "none"


def test_a_suite_that_cannot_be_collected_says_so(toy: Assignment, tmp_path: Path) -> None:
    (toy.hidden / "test_broken.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(SuiteError, match="nothing_of_that_name"):
        serve_suite(toy, toy.hidden, lambda plugin: None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def test_x():\n    pass\n", "no question"),
        ("import pytest\n\n@pytest.mark.question('q9')\ndef test_x():\n    pass\n", "'q9'"),
        (
            "import pytest\n\n@pytest.mark.question('q1.1', weight=0)\ndef test_x():\n    pass\n",
            "weight",
        ),
    ],
)
def test_a_test_without_a_proper_question_says_so(toy: Assignment, text: str, words: str) -> None:
    (toy.hidden / "test_more.py").write_text(text)
    with pytest.raises(SuiteError, match=words):
        serve_suite(toy, toy.hidden, lambda plugin: None)


def test_a_fault_of_the_reference_is_never_a_zero(toy: Assignment, tmp_path: Path) -> None:
    (toy.reference / "mean.py").write_text("def mean(x):\n    raise RuntimeError('ours')\n")
    toy = Assignment(toy.folder, toy.reference)
    results = grade(toy, make_class(tmp_path / "class", ["right"]), tmp_path / "out", "none")
    assert results["right"].status == "not_graded"
    assert marks(results["right"]) == (None, 3)
    assert "ours" in results["right"].problem


def test_skips_and_missing_reports_count_as_failed(toy: Assignment, tmp_path: Path) -> None:
    (toy.hidden / "test_more.py").write_text(
        "import pytest\n\n@pytest.mark.question('q1.2', weight=2)\n"
        "def test_skipped():\n    pytest.skip('no')\n"
    )
    toy = Assignment(toy.folder, toy.reference)
    results = grade(toy, make_class(tmp_path / "class", ["right"]), tmp_path / "out", "none")
    assert marks(results["right"]) == (4, 1.5)
