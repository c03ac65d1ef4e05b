"""Training behind the wall with functions that are right, slow, broken or hostile."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from grader.assignment import Assignment, Profile, Run
from grader.runs import train as training
from grader.runs.train import Trained, seed_of, train
from grader.wall import isolation
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT

MEAN = RIGHT["mean.py"]
PAUSES = "import time\n\ndef mean(x):\n    time.sleep(0.02)\n    return x.mean(dim=1)\n"
# Behaves until its third call; BAD then takes the place of what it returns.
THIRD = """
calls = 0

def mean(x):
    global calls
    calls += 1
    return x.mean(dim=1) if calls < 3 else bad(x)

def bad(x):
    {}
"""


def run_of(toy: Assignment, **changes: Any) -> Run:
    """The toy's run, its smoke profile changed."""
    run = toy.run("fit")
    smoke = run.profiles["smoke"].model_copy(update=changes)
    return run.model_copy(update={"profiles": {"smoke": Profile.model_validate(dict(smoke))}})


def fit(
    toy: Assignment,
    warm: Warm,
    mean: str = MEAN,
    seed: int = 1,
    files: dict[str, str] | None = None,
    **changes: Any,
) -> Trained:
    texts = {**RIGHT, "mean.py": mean, **(files or {})}
    content = {name: text.encode() for name, text in texts.items() if text}
    run = run_of(toy, **changes)
    return train(warm, toy, content, run, "fast", "smoke", seed)


def weights(trained: Trained) -> Any:
    assert trained.artefacts is not None, trained.problem
    return trained.artefacts.weights["fit"]["at"]


def problem(trained: Trained) -> str:
    assert trained.artefacts is None
    return trained.problem


def test_it_finds_the_mean_behind_each_wall(
    toy_with_run: Assignment, warms: dict[isolation.WallKind, Warm], wall: isolation.WallKind
) -> None:
    trained = fit(toy_with_run, warms[wall])
    assert np.abs(weights(trained)).max() < 0.5
    assert trained.artefacts is not None and trained.steps == 300 and trained.seconds > 0
    assert trained.artefacts.arrays["path"].shape == (300, 2)
    assert len(trained.artefacts.curves["training"]["step"]) == 300


def test_a_seed_decides_everything(toy_with_run: Assignment, warm: Warm) -> None:
    first, again, other = (fit(toy_with_run, warm, seed=seed) for seed in (1, 1, 2))
    assert first.artefacts is not None and again.artefacts is not None
    np.testing.assert_array_equal(
        first.artefacts.arrays["path"], again.artefacts.arrays["path"], strict=True
    )
    assert not np.array_equal(weights(first), weights(other))


def test_progress_is_told_and_never_goes_back(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.1)
    told: list[tuple[int, int]] = []
    files = {**RIGHT, "mean.py": PAUSES}
    content = {name: text.encode() for name, text in files.items()}
    trained = train(
        warm,
        toy_with_run,
        content,
        run_of(toy_with_run, steps=40),
        "fast",
        "smoke",
        1,
        lambda step, steps: told.append((step, steps)),
    )
    assert trained.artefacts is not None
    assert len(told) >= 3 and told == sorted(told)
    assert all(0 < step <= 40 and steps == 40 for step, steps in told)


def test_slices_do_not_change_what_is_trained(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(toy_with_run, warm)
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.001)
    np.testing.assert_array_equal(weights(whole), weights(fit(toy_with_run, warm)))


def test_the_limit_is_processor_time(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.1)
    busy = (
        "import time\n\ndef mean(x):\n    end = time.process_time() + 0.05\n"
        "    while time.process_time() < end:\n        pass\n    return x.mean(dim=1)\n"
    )
    text = problem(fit(toy_with_run, warm, busy, seconds=1.0))
    assert re.match(r"stopped at step \d+ of 300, after \d+ s of processor time", text)
    assert "1 s of processor time are allowed" in text


def test_sleeping_does_not_go_on_for_ever(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.1)
    monkeypatch.setattr(training, "PATIENCE", 0.01)
    assert "stopped at step" in problem(fit(toy_with_run, warm, PAUSES, seconds=50.0))


def test_a_file_that_the_run_does_not_need_is_not_imported(
    toy_with_run: Assignment, warm: Warm
) -> None:
    whole = fit(toy_with_run, warm)
    hanging = fit(toy_with_run, warm, files={"total.py": "while True:\n    pass\n"})
    np.testing.assert_array_equal(weights(whole), weights(hanging))


def test_a_file_that_a_needed_one_imports_comes_with_it(
    toy_with_run: Assignment, warm: Warm
) -> None:
    through = "import total\n\ndef mean(x):\n    return x.mean(dim=1) + total.total(x) * 0\n"
    assert np.abs(weights(fit(toy_with_run, warm, through))).max() < 0.5


def test_a_step_that_hangs_is_stopped(
    toy_with_run: Assignment, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SLICE_SECONDS", 0.5)
    hangs = THIRD.format("import time\n    time.sleep(600)")
    trained = fit(toy_with_run, warm, hangs, step_seconds=0.5)
    assert trained.hung
    assert problem(trained) == ("training for 300 steps gave no answer within 1 s and was stopped")


def test_an_exception_is_told_with_its_step_and_place(toy_with_run: Assignment, warm: Warm) -> None:
    trained = fit(toy_with_run, warm, THIRD.format('raise ValueError("no")'))
    assert problem(trained) == (
        "training after step 2 of 300 raised ValueError in mean.py, line 10, in bad: no"
    )
    assert trained.steps == 2 and "ValueError: no" in trained.detail


@pytest.mark.parametrize("leaving", ["SystemExit", "StopIteration", "KeyboardInterrupt"])
def test_no_exception_passes_for_the_end_of_the_training(
    toy_with_run: Assignment, warm: Warm, leaving: str
) -> None:
    text = problem(fit(toy_with_run, warm, THIRD.format(f"raise {leaving}")))
    assert text.startswith("training after step 2 of 300 raised")


def test_a_process_that_ends_itself(toy_with_run: Assignment, warm: Warm) -> None:
    text = problem(fit(toy_with_run, warm, THIRD.format("import os; os._exit(0)")))
    assert "the Python process ended during training" in text


@pytest.mark.parametrize("junk", ["'text'", "None", "object()", "[1, 2, 3]"])
def test_junk_that_a_function_returns_is_told_as_such(
    toy_with_run: Assignment, warm: Warm, junk: str
) -> None:
    text = problem(fit(toy_with_run, warm, THIRD.format(f"return {junk}")))
    assert "training after step 2 of 300 raised TypeError in the given code" in text


def test_nan_is_no_failure_of_the_training(toy_with_run: Assignment, warm: Warm) -> None:
    trained = fit(toy_with_run, warm, THIRD.format("return x.mean(dim=1) * float('nan')"))
    assert np.isnan(weights(trained)).all()


def test_a_function_that_is_not_filled_in(toy_with_run: Assignment, warm: Warm) -> None:
    text = problem(fit(toy_with_run, warm, "def mean(x):\n    raise NotImplementedError\n"))
    assert "not written yet (NotImplementedError in mean.py, line 2)" in text


def test_a_function_that_is_not_there(toy_with_run: Assignment, warm: Warm) -> None:
    trained = fit(toy_with_run, warm, "def means(x):\n    return x\n")
    assert problem(trained) == "mean.py has no mean; it has means"


def test_a_file_that_was_not_handed_in(toy_with_run: Assignment, warm: Warm) -> None:
    assert problem(fit(toy_with_run, warm, "")) == "mean.py was not handed in"


def test_a_file_that_the_run_does_not_need_may_be_missing(
    toy_with_run: Assignment, warm: Warm
) -> None:
    assert weights(fit(toy_with_run, warm, files={"total.py": ""})).shape == (2,)


def test_a_module_that_cannot_be_imported(toy_with_run: Assignment, warm: Warm) -> None:
    text = problem(fit(toy_with_run, warm, "import nothing_of_that_name.at_all\n1 / 0\n"))
    assert text == (
        "mean.py cannot be imported: ZeroDivisionError: division by zero in mean.py, line 2; "
        "not installed where grading runs: nothing_of_that_name"
    )


def test_memory_is_limited(toy_with_run: Assignment, warm: Warm) -> None:
    # A mebibyte of ones in each of so many pieces; the run may hold 4 GiB.
    bomb = THIRD.format("import torch\n    return torch.ones(2**20, 8, 2**10).mean(dim=0)[0]")
    text = problem(fit(toy_with_run, warm, bomb))
    assert "in mean.py, line 11" in text or "memory allowed" in text


def test_artefacts_that_are_too_large(toy_with_run: Assignment, warm: Warm) -> None:
    run = run_of(toy_with_run, steps=100).model_copy(update={"reply_mib": 1})
    grows = "def mean(x):\n    return x.new_zeros(100_000, 2)\n"  # 80 MB of path, 64 may be sent
    content = {"mean.py": grows.encode()}
    trained = train(warm, toy_with_run, content, run, "fast", "smoke", 1)
    assert "WireError: the arrays are larger than may be sent" in trained.detail
    assert problem(trained).startswith("training ")


def test_the_given_code_is_the_given_code(toy_with_run: Assignment, warm: Warm) -> None:
    own = {"constants.py": "ZERO = 100.0\n"}
    imports = "import constants\n\nassert constants.ZERO == 100.0\n" + MEAN
    trained = fit(toy_with_run, warm, imports, files=own)
    np.testing.assert_array_equal(weights(trained), weights(fit(toy_with_run, warm)))


def test_what_is_not_mounted_cannot_be_read(
    toy_with_run: Assignment, warms: dict[isolation.WallKind, Warm], wall: isolation.WallKind
) -> None:
    paths = [toy_with_run.measures, toy_with_run.runs, toy_with_run.hidden / "test_toy.py"]
    paths.append(toy_with_run.reference / "mean.py")
    reads = (
        "def mean(x):\n    found = []\n"
        f"    for path in {[str(p) for p in paths]!r}:\n"
        "        try:\n            open(path).read()\n            found.append(path)\n"
        "        except OSError:\n            pass\n"
        "    assert not found, found\n    return x.mean(dim=1)\n"
    )
    assert all(path.exists() for path in paths)
    assert weights(fit(toy_with_run, warms[wall], reads)).shape == (2,)


def test_data_cannot_be_changed(
    toy_with_run: Assignment, warms: dict[isolation.WallKind, Warm], wall: isolation.WallKind
) -> None:
    folder = warms[wall].data_inside()["planar_arcs"]
    writes = (
        "from pathlib import Path\n\ndef mean(x):\n"
        f"    for path in Path({folder!r}).iterdir():\n"
        "        try:\n            path.write_bytes(b'')\n            raise ValueError\n"
        "        except OSError:\n            pass\n    return x.mean(dim=1)\n"
    )
    assert weights(fit(toy_with_run, warms[wall], writes)).shape == (2,)


def test_seeds_come_from_the_secret(toy_with_run: Assignment) -> None:
    run = toy_with_run.run("fit")
    seed = seed_of(run, "slow", "secret", "alice_20201234")
    assert seed == seed_of(run, "slow", "secret", "alice_20201234") and 0 <= seed < 2**31
    others = {
        seed_of(run, "fast", "secret", "alice_20201234"),
        seed_of(run, "slow", "another", "alice_20201234"),
        seed_of(run, "slow", "secret", "bob_20201234"),
        seed_of(run.model_copy(update={"id": "other"}), "slow", "secret", "alice_20201234"),
    }
    assert len(others) == 4 and seed not in others


def test_seeds_that_are_the_students_number(toy_with_run: Assignment) -> None:
    run = toy_with_run.run("fit").model_copy(update={"seed": "student"})
    for name in ("alice_20201234", "a3-20201234-late", "20201234", "x1_20201234_7654321"):
        assert seed_of(run, "slow", "secret", name) == 20201234
        assert seed_of(run, "fast", "another", name) == 20201234
    assert seed_of(run, "slow", "secret", "9" * 30) < 2**31


def test_who_has_no_number_has_a_seed_of_the_name(toy_with_run: Assignment) -> None:
    run = toy_with_run.run("fit").model_copy(update={"seed": "student"})
    seeds = {seed_of(run, "slow", "secret", name) for name in ("alice", "bob", "group_1234")}
    assert len(seeds) == 3
    assert seed_of(run, "slow", "a", "alice") == seed_of(run, "slow", "b", "alice")
