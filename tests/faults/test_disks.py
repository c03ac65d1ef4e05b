"""Real disks that fill up or may not be written, made of memory and mounted for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Results
from tests.faults.course import Course

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600)]

Mount = Callable[[str], Path]


def _mount(*arguments: str) -> bool:
    program = shutil.which("mount")
    if program is None or os.getuid() != 0:
        return False
    return subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(course: Course) -> Iterator[Mount]:
    """Gives the course an output folder that is a disk of its own, of a size."""
    mounted = []

    def mount(size: str) -> Path:
        course.out.mkdir()
        options = ("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(course.out))
        if not _mount(*options):
            pytest.skip("takes root and the right to mount")
        mounted.append(course.out)
        return course.out

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.mark.parametrize("size", ["16k", "48k", "96k"])
def test_a_disk_that_fills_up_loses_nothing(
    course: Course, undisturbed: Results, disk: Mount, size: str
) -> None:
    out = disk(size)
    status, said = course.grade()
    assert status == 2 and "grades.sqlite" in said.replace("\n", ""), said
    assert "Traceback" not in said
    assert _mount("-o", "remount,size=64m", str(out))
    status, said = course.grade()
    assert status == 0, said
    assert course.results() == course.pages() == undisturbed


def test_a_disk_that_may_only_be_read_is_said(
    course: Course, undisturbed: Results, disk: Mount
) -> None:
    out = disk("64m")
    status, said = course.grade("--only", "a_right")
    assert status == 0, said
    assert _mount("-o", "remount,ro", str(out))
    status, said = course.grade()
    assert status == 2 and "Traceback" not in said
    assert str(out) in said.replace("\n", "") and "Read-only file system" in " ".join(said.split())
    assert _mount("-o", "remount,rw", str(out))
    status, said = course.grade()
    assert status == 0, said
    assert course.results() == course.pages() == undisturbed
