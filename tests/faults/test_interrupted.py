"""Ctrl-C: the terminal sends it to every process of the batch at once."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from grader.store import StoreError
from grader.store.store import read_results
from tests.attacks.batch import left_over
from tests.faults.conftest import Results
from tests.faults.course import Course

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600)]


def stored(course: Course) -> int:
    with contextlib.suppress(StoreError):
        return len(read_results(course.out)[1])
    return 0


@pytest.mark.parametrize("results", [0, 1, 4])
def test_ctrl_c_leaves_a_store_that_resumes(
    course: Course, undisturbed: Results, results: int
) -> None:
    process = course.start()
    while process.poll() is None and (stored(course) < results or not course.out.exists()):
        time.sleep(0.02)
    before = course.results() if results else {}
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "the same command goes on from here" in " ".join(said.split())
    assert left_over("") == []
    assert len(before) >= results and all(undisturbed[name] == r for name, r in before.items())
    status, said = course.grade()
    assert status == 0, said
    if before:
        assert "are graded already" in said
    assert course.results() == course.pages() == undisturbed
