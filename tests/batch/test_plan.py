"""Which runs are left to do, and what becomes of their results, in whatever order they come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.batch.plan import planned, run_jobs, run_task
from grader.batch.saving import Saver
from grader.batch.task import RunJob, Task, blank
from grader.data import DataError
from grader.intake import Candidate
from grader.marks.thresholds import Calibrated, Thresholds, write_thresholds
from grader.results import Figure, Result, RunResult
from grader.store import Store
from grader.store.store import read_results
from tests.conftest import RIGHT, WITH_RUN, write_tree

SECRET = "a secret of the test"
ALICE, BOB = Candidate("alice", Path("alice")), Candidate("bob", Path("bob"))


@pytest.fixture
def toy(toy_with_run: Assignment) -> Assignment:
    """The toy with a run, calibrated: the distance must be 1 at most."""
    figures = [
        Calibrated(profile=p, run="fit", case=c, measure=m, mean=x, sd=0.0, n=3)
        for p in ("smoke", "cpu", "full")
        for c in ("slow", "fast")
        for m, x in (("distance", 1.0), ("score", -1.0))
    ]
    write_thresholds(toy_with_run, Thresholds(figures=tuple(figures)))
    return toy_with_run


@pytest.fixture
def store(toy: Assignment, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "out", toy, SECRET) as opened:
        yield opened


def unit(toy: Assignment, candidate: Candidate = ALICE, **changes: Any) -> Result:
    """A unit result with full marks for q1.1 and nothing else."""
    result = blank(Task(toy.folder, toy.reference, "none", SECRET), toy, candidate)
    questions = [
        q.model_copy(update={"awarded": 4.0}) if q.id == "q1.1" else q for q in result.questions
    ]
    about = {"status": "graded", "source_digest": "d", "questions": questions}
    return result.model_copy(update={**about, **changes})


def case(job: RunJob, distance: float = 0.5, **changes: Any) -> RunResult:
    figures = [
        Figure(measure=m, title=m, unit="", question="q1.4", value=v, weight=w)
        for m, v, w in (("distance", distance, 2), ("score", -distance, 1), ("length", 1.0, 1))
    ]
    about = {"title": "t", "profile": "smoke", "origin": "trained", "status": "finished"}
    return RunResult.model_validate(
        {"run": job.run, "case": job.case, "figures": figures, **about, **changes}
    )


def jobs_of(store: Store, toy: Assignment, *candidates: Candidate, **more: Any) -> list[RunJob]:
    return run_jobs(store, toy, candidates or (ALICE,), more.pop("runs", "smoke"), **more)


def names(jobs: Sequence[RunJob]) -> list[tuple[str, str]]:
    return [(job.candidate.id, job.case) for job in jobs]


def mark(store: Store, submission: str = "alice", question: str = "q1.4") -> float | None:
    result = store.result(submission)
    assert result is not None
    found = next(q for q in result.questions if q.id == question)
    return found.awarded if found.rehearsed is None else found.rehearsed


def cases(store: Store, submission: str = "alice") -> list[tuple[str, str]]:
    result = store.result(submission)
    assert result is not None
    return [(r.profile, r.case) for r in result.runs]


def keep(store: Store, toy: Assignment, distance: float = 0.5, **changes: Any) -> None:
    """All of alice's runs that are left, done."""
    jobs = jobs_of(store, toy, runs=changes.get("profile", "smoke"))
    saver = Saver(store, toy, jobs)
    for job in jobs:
        saver.save_run(job, case(job, distance, **changes))


def test_every_case_is_planned_in_the_sizes_that_it_has(toy: Assignment) -> None:
    run = toy.run("fit")
    every = [(run, "slow"), (run, "fast")]
    assert planned(toy, "none") == []
    assert planned(toy, "smoke") == planned(toy, "submitted") == every
    assert planned(toy, "smoke", ["other"]) == [] and planned(toy, "cpu", ["fit"]) == every
    smaller = run.profiles["smoke"].model_copy(update={"cases": ("fast",)})
    only = run.model_copy(update={"profiles": {"smoke": smaller}, "submitted": None})
    toy.description = toy.description.model_copy(update={"runs": (only,)})
    assert planned(toy, "smoke") == [(only, "fast")]
    assert planned(toy, "cpu") == planned(toy, "submitted") == []


def test_runs_join_the_unit_result_when_all_have_come(store: Store, toy: Assignment) -> None:
    jobs = jobs_of(store, toy)
    assert names(jobs) == [("alice", "slow"), ("alice", "fast")]
    saver = Saver(store, toy, jobs)
    saver.save(unit(toy))
    assert mark(store) is None and cases(store) == []
    saver.save_run(jobs[1], case(jobs[1]))
    assert mark(store) is None and cases(store) == []
    saver.save_run(jobs[0], case(jobs[0]))
    assert mark(store) == 2.0 and mark(store, question="q1.1") == 4.0
    assert cases(store) == [("smoke", "slow"), ("smoke", "fast")]  # as the assignment has them
    assert jobs_of(store, toy) == []


def test_runs_that_come_before_the_unit_result_are_not_lost(store: Store, toy: Assignment) -> None:
    jobs = jobs_of(store, toy, ALICE, BOB)
    saver = Saver(store, toy, jobs)
    for job in jobs[:3]:
        saver.save_run(job, case(job))
    saver.save(unit(toy))
    saver.save(unit(toy, BOB))
    assert mark(store) == 2.0 and mark(store, "bob") is None
    saver.save_run(jobs[3], case(jobs[3], distance=9.0))
    assert mark(store, "bob") == pytest.approx(2 * (4 + 1) / 8)


def test_runs_of_files_that_were_handed_in_again_are_not_lost(
    store: Store, toy: Assignment
) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy, distance=9.0)
    assert mark(store) == 0.5
    jobs = jobs_of(store, toy, anew={"alice"})
    assert len(jobs) == 2
    saver = Saver(store, toy, jobs)
    for job in jobs:
        saver.save_run(job, case(job))
    saver.save(unit(toy, source_digest="another"))
    assert mark(store) == 2.0
    result = store.result("alice")
    assert result is not None and result.source_digest == "another" and len(result.runs) == 2


def test_runs_of_other_files_are_forgotten(store: Store, toy: Assignment) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy)
    Saver(store, toy, []).save(unit(toy, source_digest="another"))
    assert mark(store) is None and cases(store) == []


def test_runs_stay_when_the_units_are_graded_again(store: Store, toy: Assignment) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy)
    Saver(store, toy, []).save(unit(toy))
    assert mark(store) == 2.0 and len(cases(store)) == 2


def test_what_was_not_graded_keeps_the_question_open_and_is_tried_again(
    store: Store, toy: Assignment
) -> None:
    jobs = jobs_of(store, toy)
    saver = Saver(store, toy, jobs)
    saver.save(unit(toy))
    lost = jobs[0].lost(
        Task(toy.folder, toy.reference, "none", SECRET, runs=run_task(toy, "smoke", Path(), None)),
        toy,
        "the disk was full",
    )
    saver.save_run(jobs[0], lost)
    saver.save_run(jobs[1], case(jobs[1]))
    assert mark(store) is None and len(cases(store)) == 2
    again = jobs_of(store, toy)
    assert names(again) == [("alice", "slow")]
    Saver(store, toy, again).save_run(again[0], case(again[0]))
    assert mark(store) == 2.0 and cases(store) == [("smoke", "slow"), ("smoke", "fast")]


def test_another_size_takes_the_place_of_the_one_before(store: Store, toy: Assignment) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy)
    assert names(jobs_of(store, toy, runs="cpu")) == [("alice", "slow"), ("alice", "fast")]
    keep(store, toy, distance=9.0, profile="cpu")
    assert cases(store) == [("cpu", "slow"), ("cpu", "fast")] and mark(store) == 0.5


def test_what_was_handed_in_is_not_what_was_trained(store: Store, toy: Assignment) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy, profile="full")
    assert len(jobs_of(store, toy, runs="submitted")) == 2
    jobs = jobs_of(store, toy, runs="submitted")
    saver = Saver(store, toy, jobs)
    for job in jobs:
        absent = case(job, profile="full", origin="submitted", status="absent", figures=[])
        saver.save_run(job, absent)
    assert mark(store) == 0.0 and jobs_of(store, toy, runs="submitted") == []


def test_a_changed_assignment_does_everything_again(store: Store, toy: Assignment) -> None:
    Saver(store, toy, []).save(unit(toy))
    keep(store, toy)
    (toy.folder / "handout.md").write_text("other words\n")
    assert len(jobs_of(store, Assignment(toy.folder, toy.reference))) == 2


def test_a_profile_of_real_data_names_what_is_missing(toy: Assignment, tmp_path: Path) -> None:
    text = (toy.folder / "assignment.toml").read_text()
    changed = text.replace("steps = 400\nseconds = 20", 'steps = 400\ndata = "real"\nseconds = 20')
    (toy.folder / "assignment.toml").write_text(changed)
    toy = Assignment(toy.folder, toy.reference)
    with pytest.raises(DataError, match=r"planar_arcs.*--data or GRADER_DATA"):
        run_task(toy, "cpu", tmp_path, None)
    assert run_task(toy, "none", tmp_path, None) is None
    smoke = run_task(toy, "smoke", tmp_path, None)
    assert smoke is not None and smoke.train
    assert (smoke.mounted["planar_arcs"] / "planar_arcs-points.npy").is_file()


@pytest.mark.timeout(900)  # two batches from the start, on a machine that may be busy
def test_a_batch_that_is_killed_trains_only_what_is_left(tmp_path: Path) -> None:
    home = write_tree(tmp_path / "home", WITH_RUN)
    slow = "import time\n\ndef mean(x):\n    time.sleep(0.01)\n    return x.mean(dim=1)\n"
    write_tree(tmp_path / "class" / "alice", RIGHT | {"mean.py": slow})
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from grader.cli import main; main()", "grade", "toy"]
    command += [str(tmp_path / "class"), "--out", str(out), "--jobs", "1", "--runs", "smoke"]
    command += ["--no-report", "--layout", "class"]
    environment = os.environ | {"GRADER_HOME": str(home), "GRADER_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not _trained(out):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _trained(out)
    assert len(before) == 1 and cases_in(out) == []
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = _trained(out)
    assert len(after) == 2 and {key: after[key] for key in before} == before
    assert cases_in(out) == ["slow", "fast"]


def cases_in(out: Path) -> list[str]:
    (result,) = read_results(out)[1]
    return [run.case for run in result.runs]


def _trained(out: Path) -> dict[str, int]:
    """When each training was finished, by its key."""
    found = (out / "artefacts").glob("*/trained.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}
