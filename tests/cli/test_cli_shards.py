"""A class graded in shards, as people type it, against the same class graded in one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.report import write_reports
from grader.results import Result
from grader.store import StoreError
from grader.store.store import read_results
from tests.faults.course import CLASS, MAIN, Course, timeless

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(900)]

OF = 2


def grader(course: Course, *arguments: str | Path, status: int = 0) -> str:
    """What a command says."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", MAIN, *map(str, arguments)],
        env=course.environment | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def grade(course: Course, *options: str | Path, status: int = 0) -> str:
    place = ("--out", course.out, "--layout", "class", "--jobs", "1")
    return grader(course, "grade", "toy", course.submissions, *place, *options, status=status)


def pages(out: Path) -> dict[str, bytes]:
    """Every page of the reports."""
    found = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.html"))}
    assert "reports/class.html" in found and len(found) == 1 + 2 * len(CLASS)
    return found


def with_times_of(result: Result, other: Result) -> Result:
    """A result as if it had been made when another was."""
    checks = [
        check.model_copy(update={"seconds": timed.seconds})
        for check, timed in zip(result.checks, other.checks, strict=True)
    ]
    times = {"seconds": other.seconds, "graded_at": other.graded_at}
    return result.model_copy(update={"checks": checks, **times})


def test_shards_and_merge_are_one_batch(tmp_path: Path) -> None:
    course = Course.make(tmp_path)
    for number in range(1, OF + 1):
        said = grade(course, "--shard", f"{number}/{OF}")
        assert f"grader merge {course.out}" in said and "Class report" not in said
    assert "Class report" in grader(course, "merge", course.out)
    secret = (course.out / "secret").read_text()
    one = Course(course.home, course.submissions, tmp_path / "one")
    grade(one, "--secret", secret)
    assert course.results() == course.pages() == one.results()
    assert set(one.results()) == set(CLASS)
    assert (course.out / "marks.csv").read_bytes() == (one.out / "marks.csv").read_bytes()
    merged, whole = (read_results(out)[1] for out in (course.out, one.out))
    timed = [with_times_of(a, b) for a, b in zip(whole, merged, strict=True)]
    toy = Assignment(course.home / "assignments" / "toy", course.home / "reference" / "toy")
    write_reports(toy, timed, tmp_path / "timed" / "reports")
    assert pages(course.out) == pages(tmp_path / "timed")
    # From here it is a batch like any other: nothing is left to do in it.
    assert f"{len(CLASS)} of {len(CLASS)} are graded already" in grade(course)


def test_a_shard_that_is_killed_is_not_merged_and_goes_on(tmp_path: Path) -> None:
    course = Course.make(tmp_path)
    command = [sys.executable, "-P", "-c", MAIN, "grade", "toy", str(course.submissions)]
    command += ["--out", str(course.out), "--jobs", "1", "--shard", "1/1"]
    process = subprocess.Popen(
        command, env=course.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder, before = course.out / "shard-1-of-1", 0
    while process.poll() is None and not before:
        time.sleep(0.02)
        try:
            before = len(read_results(folder)[1])
        except StoreError:
            continue
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 1 <= before < len(CLASS)
    assert "was interrupted" in grader(course, "merge", course.out, status=2)
    kept = {r.submission: r for r in read_results(folder)[1]}
    said = grade(course, "--shard", "1/1")
    assert "are graded already" in said
    grader(course, "merge", course.out, "--no-report")
    after = {r.submission: r for r in read_results(course.out)[1]}
    assert set(after) == set(CLASS)
    assert all(timeless(after[name]) == timeless(result) for name, result in kept.items())


@pytest.mark.parametrize("text", ["0/4", "5/4", "x"])
def test_a_text_that_is_no_shard_is_refused(tmp_path: Path, text: str) -> None:
    said = grade(Course.make(tmp_path), "--shard", text, status=2)
    assert f"--shard '{text}' is not a shard; the shards of four are 1/4, 2/4, 3/4 and 4/4" in said


def test_only_and_shard_do_not_go_together(tmp_path: Path) -> None:
    said = grade(Course.make(tmp_path), "--shard", "1/2", "--only", "a_right", status=2)
    assert "give one of them" in said


def test_shards_of_two_places_need_a_place_for_the_whole(tmp_path: Path) -> None:
    course = Course.make(tmp_path)
    grade(course, "--shard", "1/1")
    assert "--out" in grader(course, "merge", course.out / "shard-1-of-1", status=2)
    whole = tmp_path / "whole"
    grader(course, "merge", course.out / "shard-1-of-1", "--out", whole, "--no-report")
    assert len(read_results(whole)[1]) == len(CLASS)
