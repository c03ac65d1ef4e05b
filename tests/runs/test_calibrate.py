"""What the reference reaches: which runs are asked for, and how their figures are summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.batch import engine
from grader.batch.task import RunJob, Task
from grader.calibrate.reference import CalibrationError, calibrate, summed_up
from grader.intake import read_submission
from grader.results import Environment, Figure, RunResult
from grader.runs.train import seed_of


def result(job: RunJob, distance: float | None, **changes: Any) -> RunResult:
    figure = Figure(measure="distance", title="Distance", unit="", value=distance, weight=1,
                    question="q1.4", note="" if distance is not None else "NaN")  # fmt: skip
    about = {"title": f"Fit: {job.case}", "profile": "smoke", "origin": "trained"}
    environment = Environment(
        wall="none", python="3", torch="2.9", numpy="2", cpu="AVX2", threads=1
    )
    more = {"status": "finished", "seconds": 1.5, "data": ["points"], "environment": environment}
    return RunResult.model_validate(
        {"run": job.run, "case": job.case, "figures": [figure], **about, **more, **changes}
    )


class Batch:
    """Stands for the engine: gives the distances 1, 2, 4 to the seeds, a tenth in case fast."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs: list[RunJob] = []
        self.task: Task | None = None
        self.answer: Callable[[RunJob], RunResult] = self.usual
        monkeypatch.setattr(engine, "grade_all", self.grade_all)

    def usual(self, job: RunJob) -> RunResult:
        distance = {"seed-1": 1.0, "seed-2": 2.0, "seed-3": 4.0}[job.candidate.id]
        return result(job, distance / (10 if job.case == "fast" else 1))

    def grade_all(self, task: Task, todo: Sequence[RunJob], *, save_run: Any, **_: Any) -> None:
        self.task = task
        for job in todo:
            self.jobs.append(job)
            save_run(job, self.answer(job))


@pytest.fixture
def toy_with_run(toy_with_run: Assignment) -> Assignment:
    """The toy, whose run declares the one figure that `result` gives."""
    run = toy_with_run.run("fit")
    one = run.model_copy(update={"measures": {"distance": run.measures["distance"]}})
    toy_with_run.description = toy_with_run.description.model_copy(update={"runs": (one,)})
    return toy_with_run


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    return Batch(monkeypatch)


def run_it(toy: Assignment, out: Path, seeds: int = 3, **more: Any) -> Any:
    about = {"profile": "smoke", "wall": "none", "jobs": 1, **more}
    return calibrate(toy, seeds=seeds, out=out, **about)


def test_mean_and_spread_of_each_case_over_the_seeds(
    toy_with_run: Assignment, tmp_path: Path, batch: Batch
) -> None:
    figures, costs = run_it(toy_with_run, tmp_path / "out")
    slow, fast = figures
    assert (slow.case, slow.measure, slow.n) == ("slow", "distance", 3)
    assert slow.mean == pytest.approx(7 / 3)
    assert slow.sd == pytest.approx((7 / 3) ** 0.5)  # (16 + 1 + 25) / 9 over n - 1 = 2
    assert fast.mean == pytest.approx(slow.mean / 10)
    assert [(c.case, c.steps, c.seconds, c.n, c.data) for c in costs] == [
        ("slow", 300, 1.5, 3, "points"),
        ("fast", 300, 1.5, 3, "points"),
    ]
    assert costs[0].environment == "torch 2.9, AVX2, 1 thread"


def test_the_reference_is_handed_in_once_for_each_seed(
    toy_with_run: Assignment, tmp_path: Path, batch: Batch
) -> None:
    run_it(toy_with_run, tmp_path / "out")
    # One seed of every case before the second of any.
    assert [(j.candidate.id, j.case) for j in batch.jobs] == [
        (f"seed-{n}", case) for n in (1, 2, 3) for case in ("slow", "fast")
    ]
    submission = read_submission(batch.jobs[0].candidate, toy_with_run)
    assert submission.files["mean.py"] == (toy_with_run.reference / "mean.py").read_bytes()
    for kind in ("secret", "student"):
        run = toy_with_run.run("fit").model_copy(update={"seed": kind})
        seeds = {seed_of(run, j.case, j.secret, j.candidate.id) for j in batch.jobs}
        assert len(seeds) == (6 if kind == "secret" else 3)
    assert batch.task is not None and batch.task.runs is not None and batch.task.runs.train


def test_a_run_of_the_reference_that_fails_is_an_error(
    toy_with_run: Assignment, tmp_path: Path, batch: Batch
) -> None:
    batch.answer = lambda job: result(job, None, status="failed", figures=[], problem="it raised")
    with pytest.raises(CalibrationError, match="fails in Fit: slow: it raised"):
        run_it(toy_with_run, tmp_path / "out")
    batch.answer = lambda job: result(job, None)
    with pytest.raises(CalibrationError, match="Fit: slow: Distance cannot be measured: NaN"):
        run_it(toy_with_run, tmp_path / "out")


def test_a_figure_that_is_declared_and_never_given_is_named(
    toy_with_run: Assignment, tmp_path: Path, batch: Batch
) -> None:
    run = toy_with_run.run("fit")
    misspelt = {"distance": run.measures["distance"], "distanse": run.measures["distance"]}
    run = run.model_copy(update={"measures": misspelt})
    toy_with_run.description = toy_with_run.description.model_copy(update={"runs": (run,)})
    words = r"runs.measures.distanse of run fit: .* never gives that figure; it gives distance\."
    with pytest.raises(CalibrationError, match=words):
        run_it(toy_with_run, tmp_path / "out")


def test_no_run_of_that_size_is_an_error(
    toy_with_run: Assignment, tmp_path: Path, batch: Batch
) -> None:
    run = toy_with_run.description.runs[0]
    smaller = run.model_copy(update={"profiles": {"smoke": run.profiles["smoke"]}})
    toy_with_run.description = toy_with_run.description.model_copy(update={"runs": (smaller,)})
    with pytest.raises(CalibrationError, match="toy: no run has profile cpu"):
        run_it(toy_with_run, tmp_path / "out", profile="cpu")
    assert batch.jobs == []


def test_nothing_to_sum_up(toy_with_run: Assignment) -> None:
    assert summed_up(toy_with_run, []) == ([], [])
