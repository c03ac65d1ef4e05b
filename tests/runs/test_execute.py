"""What is trained, what is measured, and what is found in the cache instead."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as safetensors

from grader.assignment import Assignment
from grader.intake import Candidate, Submission, read_submission
from grader.results import Figure, RunResult
from grader.runs import execute as executing
from grader.runs import train as training
from grader.runs.execute import Executor
from grader.runs.train import Trained
from grader.suite.local import ReferenceFailed
from grader.wall import isolation
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT, write_tree

SECRET = "a secret of the test"


class Room:
    """A folder for a batch, and a count of what is trained in it."""

    def __init__(self, toy: Assignment, warm: Warm, root: Path) -> None:
        self.toy, self.warm, self.root = toy, warm, root
        self.trainings: list[str] = []

    def submission(self, name: str = "alice", **files: str) -> Submission:
        folder = write_tree(self.root / "class" / name, {**RIGHT, **files})
        return read_submission(Candidate(name, folder), self.toy)

    def executor(self, profile: Any = "smoke") -> Executor:
        # Read again, as every batch does.
        self.toy = Assignment(self.toy.folder, self.toy.reference)
        return Executor(self.toy, profile, self.root / "out", None, self.warm)

    def execute(
        self, submission: Submission | None = None, profile: Any = "smoke", secret: str = SECRET
    ) -> RunResult:
        chosen = submission or self.submission()
        return self.executor(profile).execute(
            chosen, "fit", "fast", secret, tell=lambda step, steps: None
        )

    def cached(self, result: RunResult) -> Path:
        return self.root / "out" / "artefacts" / result.key

    def change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture
def room(
    toy_with_run: Assignment, warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Room:
    made = Room(toy_with_run, warm, tmp_path)
    real = training.train

    def counted(*args: Any) -> Trained:
        made.trainings.append(args[4])
        return real(*args)

    monkeypatch.setattr(executing, "train", counted)
    return made


def figures(result: RunResult) -> dict[str, Figure]:
    assert result.status == "finished", result.problem
    return {figure.measure: figure for figure in result.figures}


def test_a_run_is_trained_and_measured_once(room: Room) -> None:
    first = room.execute()
    found = figures(first)
    assert set(found) == {"distance", "score", "length"}
    distance, score = found["distance"], found["score"]
    assert distance.value is not None and 0 < distance.value < 0.5
    assert score.value == -distance.value and found["length"].value == 1.0
    assert (score.unit, score.question, score.standard_error) == ("nats", "q1.4", 0.001)
    assert distance.claim == pytest.approx(distance.value, abs=0.05)
    assert (first.origin, first.profile, first.case, first.steps) == (
        "trained",
        "smoke",
        "fast",
        300,
    )
    assert first.title == "Fit a mean: fast" and first.seconds > 0
    assert first.data and "5,000 points" in first.data[0]
    assert first.environment is not None and first.environment.wall == isolation.choose()
    picture = room.root / "out" / first.pictures[0].file
    assert picture.read_bytes() == b"\x89PNG of the toy"
    again = room.execute()
    assert again == first and room.trainings == ["fast"]


def test_profiles_of_one_size_share_what_was_trained(room: Room) -> None:
    cpu, full = room.execute(profile="cpu"), room.execute(profile="full")
    assert (cpu.profile, full.profile) == ("cpu", "full") and cpu.key == full.key
    assert figures(cpu) == figures(full) and len(room.trainings) == 1
    assert room.execute(profile="smoke").key != cpu.key and len(room.trainings) == 2


@pytest.mark.parametrize("what", ["measures.py", "assignment.toml", "reference"])
def test_what_only_measures_is_measured_again_without_training(room: Room, what: str) -> None:
    before = room.execute()
    if what == "measures.py":
        room.change(room.toy.measures, "-distance().value", "-2 * distance().value")
    elif what == "assignment.toml":
        room.change(room.toy.folder / what, '"Closeness"', '"Nearness"')
    else:
        room.change(room.toy.reference / "mean.py", "Means", "All means")
    marker = room.cached(before) / "result.json"
    known = json.loads(marker.read_text()) | {"measured_seconds": -1.0}
    marker.write_text(json.dumps(known))
    after = room.execute()
    assert room.trainings == ["fast"]
    assert after.measured_seconds >= 0 and after.steps == 300 and after.seconds == before.seconds
    old, new = figures(before)["score"], figures(after)["score"]
    assert old.value is not None
    assert new.value == pytest.approx((2 if what == "measures.py" else 1) * old.value)
    assert new.title == ("Nearness" if what == "assignment.toml" else "Closeness")


def submitted_anew(room: Room) -> RunResult:
    return room.execute(room.submission(**{"mean.py": RIGHT["mean.py"] + "\n# again\n"}))


def another_loop(room: Room) -> RunResult:
    room.change(room.toy.runs, "0.05", "0.04")
    return room.execute()


def another_given_file(room: Room) -> RunResult:
    room.change(room.toy.reference / "constants.py", "0.0", "0.00")
    return room.execute()


def another_size(room: Room) -> RunResult:
    room.change(room.toy.folder / "assignment.toml", "batch = 32", "batch = 31")
    return room.execute()


def another_environment(room: Room) -> RunResult:
    before = room.warm.environment
    room.warm.environment = {**before, "torch": "99.0"}
    try:
        return room.execute()
    finally:
        room.warm.environment = before


def other_data(room: Room) -> RunResult:
    # The key must not tell apart by the name alone.
    executor = room.executor()
    known = executor._measurer.data_set("planar_arcs", room.toy.run("fit").profiles["smoke"])
    object.__setattr__(known, "digest", "of another set")
    return executor.execute(room.submission(), "fit", "fast", SECRET, tell=lambda *_: None)


def another_student(room: Room) -> RunResult:
    return room.execute(room.submission("bob"))


def another_secret(room: Room) -> RunResult:
    return room.execute(secret="another")


@pytest.mark.parametrize(
    "other",
    [
        submitted_anew,
        another_loop,
        another_given_file,
        another_size,
        another_environment,
        other_data,
        another_student,
        another_secret,
    ],
    ids=lambda f: f.__name__,
)
def test_what_decides_the_artefacts_trains_again(
    room: Room, other: Callable[[Room], RunResult]
) -> None:
    first = room.execute()
    second = other(room)
    assert len(room.trainings) == 2 and second.key != first.key
    figures(second)


def test_a_failure_is_kept_like_a_result(room: Room) -> None:
    broken = room.submission(**{"mean.py": "def mean(x):\n    return x.mean(5)\n"})
    first = room.execute(broken)
    assert first.status == "failed" and "mean.py, line 2" in first.problem
    assert not first.figures and "IndexError" in first.detail
    assert room.execute(broken) == first and len(room.trainings) == 1


def test_a_failure_under_other_limits_is_tried_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.0)
    room.change(room.toy.folder / "assignment.toml", "seconds = 20", "seconds = 0.001")
    assert "processor time" in room.execute().problem
    room.change(room.toy.folder / "assignment.toml", "seconds = 0.001", "seconds = 20")
    figures(room.execute())
    assert len(room.trainings) == 2


@pytest.mark.parametrize("file", ["result.json", "trained.json", "claims.json", "weights"])
@pytest.mark.parametrize("content", ["", "[]", "{", None])
def test_a_damaged_cache_costs_time_and_nothing_else(
    room: Room, file: str, content: str | None
) -> None:
    first = room.execute()
    folder = room.cached(first)
    (folder / "result.json").unlink()
    path = folder / file
    if path.is_dir():
        shutil.rmtree(path)
        if content is not None:
            path.write_text(content)
    elif content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(content)
    second = room.execute()
    assert figures(second) == figures(first)
    assert len(room.trainings) == (1 if file == "result.json" else 2)


def test_a_measure_without_a_figure_leaves_the_others(room: Room) -> None:
    # Three calls of a batch of NaN, and the point is lost.
    nan = room.submission(**{"mean.py": "def mean(x):\n    return x.mean(1) * float('nan')\n"})
    found = figures(room.execute(nan))
    assert found["distance"].value is None and "not finite" in found["distance"].note
    assert found["length"].value == 1.0
    # Once more from the cache, whose JSON has no NaN.
    assert figures(room.execute(nan))["distance"].value is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def fit(", "def fitted(", "there is no function fit; there are none"),
        ("context.data(", "context.nosuch(", "no attribute 'nosuch'"),
        (
            'measurement("length"',
            'measurement("width"',
            r"gives a figure 'width', which \[runs.measures\] of this run does not declare in "
            "assignment.toml; declared are distance, score, length",
        ),
    ],
)
def test_an_error_of_ours_is_never_the_students(room: Room, old: str, new: str, words: str) -> None:
    room.change(room.toy.measures, old, new)
    with pytest.raises(ReferenceFailed, match=words) as failure:
        room.execute()
    assert "measures.py" in str(failure.value)
    room.change(room.toy.measures, new, old)
    figures(room.execute())
    assert room.trainings == ["fast"]


# --- what was handed in ---------------------------------------------------------------------------


def handed_in(room: Room, **changes: Any) -> Submission:
    """A submission with the point as a student's run left it."""
    submission = room.submission("carol")
    folder = room.root / "class" / "carol" / "results" / "run 1"
    folder.mkdir(parents=True)
    files = {
        "fit-fast.safetensors": safetensors({"at": np.array([0.1, 0.0], dtype=np.float32)}),
        "fit-fast.json": b'{"distance": 0.11}',
        **changes,
    }
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return read_submission(Candidate("carol", submission.source), room.toy)


def measure(room: Room, submission: Submission) -> RunResult:
    return room.executor("full").submitted(submission, "fit", "fast", SECRET)


def test_what_was_handed_in_is_measured_and_nothing_is_trained(room: Room) -> None:
    submission = handed_in(room)
    result = measure(room, submission)
    found = figures(result)
    assert result.origin == "submitted" and not room.trainings
    assert found["distance"].value == pytest.approx(0.1124, abs=1e-3)
    assert found["distance"].claim == 0.11 and found["score"].claim is None
    assert "length" not in found  # there is no path to measure
    assert measure(room, submission) == result


def test_arrays_come_along(room: Room) -> None:
    path = room.root / "path.npy"
    np.save(path, np.zeros((200, 2)))
    result = measure(room, handed_in(room, **{"fit-fast-path.npy": path.read_bytes()}))
    assert figures(result)["length"].value == 0.5


def test_whoever_hands_in_nothing_is_told_the_name(room: Room) -> None:
    result = measure(room, room.submission())
    assert (result.status, result.figures) == ("absent", [])
    wanted = "no fit-fast.safetensors was handed in, nor an array fit-fast-NAME.npy"
    assert result.problem == wanted


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "results/run 1/fit-fast.safetensors: the file, of 0 bytes"),
        (safetensors({"at": np.zeros(2)})[:-4], "cut off"),
        (b"\x80\x04pickle and more", "torch.save"),
        (safetensors({"to": np.zeros(2)}), "one tensor called `at`"),
        (safetensors({"at": np.zeros(3)}), "shape (3,); (2,) is wanted"),
    ],
)
def test_weights_that_cannot_be_measured_get_a_sentence(
    room: Room, content: bytes, words: str
) -> None:
    result = measure(room, handed_in(room, **{"fit-fast.safetensors": content}))
    assert result.status == "failed" and words in result.problem and not result.figures


def test_weights_of_nan_have_no_figure(room: Room) -> None:
    content = safetensors({"at": np.array([np.nan, 0.0])})
    found = figures(measure(room, handed_in(room, **{"fit-fast.safetensors": content})))
    assert found["distance"].value is None and "not finite" in found["distance"].note


def test_claims_that_cannot_be_read_get_a_sentence(room: Room) -> None:
    result = measure(room, handed_in(room, **{"fit-fast.json": b'{"distance": NaN}'}))
    assert result.status == "failed" and "fit-fast.json" in result.problem
    assert json.loads((room.cached(result) / "result.json").read_text())
