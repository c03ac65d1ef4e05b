"""Disks that are full, folders that are closed, stores that are locked or cut off."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.store import Store, StoreError, store
from tests.attacks.setting import ORDINARY_UID
from tests.faults.conftest import Results
from tests.faults.course import SECRET, Course

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600)]

SMALL_FILES = (
    "import resource; "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY)); "
    "from grader.cli import main; main()"
)


@pytest.fixture
def copy(graded: Course, tmp_path: Path) -> Course:
    """The same course with an output folder of its own."""
    shutil.copytree(graded.out, tmp_path / "out")
    return Course(graded.home, graded.submissions, tmp_path / "out")


def toy(course: Course) -> Assignment:
    return Assignment(course.home / "assignments" / "toy", course.home / "reference" / "toy")


@pytest.mark.parametrize("size", [4096, 40_000])
def test_a_full_disk_is_said_and_costs_nothing(
    course: Course, undisturbed: Results, size: int
) -> None:
    status, said = course.grade(code=SMALL_FILES.replace("LIMIT,", f"{size},"))
    assert status == 2
    assert "grades.sqlite" in said.replace("\n", "") and "Traceback" not in said
    status, said = course.grade()
    assert status == 0, said
    assert course.results() == course.pages() == undisturbed


def test_a_json_file_that_could_not_be_written_is_written_later(
    copy: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(copy.out, toy(copy), SECRET) as opened:
        result = opened.results()[0].model_copy(update={"problem": "newer"})

        def full(*args: object, **kwargs: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch, pytest.raises(StoreError, match="cannot be saved"):
            patch.setattr(Path, "write_text", full)
            opened.save(result)
    with Store(copy.out, toy(copy), SECRET):
        pass
    assert copy.pages() == copy.results()
    assert copy.results()[result.submission]["problem"] == "newer"


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "half renamed"])
def test_a_json_file_that_was_cut_off_is_written_again(copy: Course, damage: str) -> None:
    path = copy.out / "results" / "c_value.json"
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "half renamed":
        path.rename(path.with_suffix(".tmp"))
        path.with_suffix(".tmp").write_bytes(content[:100])
    else:
        path.write_bytes(content[: 100 if damage == "cut" else 0])
    with Store(copy.out, toy(copy), SECRET):
        pass
    assert path.read_bytes() == content
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".json"] * len(copy.results())


def test_a_power_cut_within_a_transaction_is_rolled_back(copy: Course, tmp_path: Path) -> None:
    before = copy.results()
    database = sqlite3.connect(copy.out / "grades.sqlite", isolation_level=None)
    database.execute("PRAGMA cache_size=1")  # so that pages reach the disk before the end
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE submissions SET status='not_graded', result=result || ' '")
    database.execute("UPDATE batch SET value='another' WHERE key='secret'")
    cut = tmp_path / "cut"
    shutil.copytree(copy.out, cut)
    database.execute("ROLLBACK")
    database.close()
    assert (cut / "grades.sqlite-journal").exists()
    assert (cut / "grades.sqlite").read_bytes() != (copy.out / "grades.sqlite").read_bytes()
    after = Course(copy.home, copy.submissions, cut)
    with Store(cut, toy(copy)) as opened:
        assert opened.secret == SECRET
    assert after.results() == after.pages() == before


@pytest.mark.parametrize("size", [0, 100, 512])
def test_a_journal_that_never_reached_the_disk_is_no_harm(copy: Course, size: int) -> None:
    before = copy.results()
    (copy.out / "grades.sqlite-journal").write_bytes(bytes(size))
    with Store(copy.out, toy(copy), SECRET) as opened:
        assert len(opened.results()) == len(before)
    assert copy.results() == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_store_that_is_cut_off_is_never_taken_for_whole(copy: Course, share: float) -> None:
    path = copy.out / "grades.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    status, said = copy.grade()
    assert status == 2
    assert "grades.sqlite" in said.replace("\n", "") and "Traceback" not in said


def test_two_batches_do_not_share_a_folder(course: Course, undisturbed: Results) -> None:
    first = course.start()
    while not (course.out / "grades.sqlite").exists():
        time.sleep(0.02)
    status, said = course.grade()
    _, of_first = first.communicate()
    assert status == 2
    assert "another batch is writing there" in " ".join(said.split())
    assert first.returncode == 0, of_first
    assert course.results() == course.pages() == undisturbed


def _hold(path: str, ready: multiprocessing.synchronize.Event, seconds: float) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    ready.set()
    time.sleep(seconds)
    database.execute("ROLLBACK")


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_a_store_that_another_program_locks(
    copy: Course, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    if seconds > 10:
        monkeypatch.setattr(store, "LOCK_SECONDS", 0.5)
    with Store(copy.out, toy(copy), SECRET) as opened:
        result = opened.results()[0]
        context = multiprocessing.get_context("fork")
        ready = context.Event()
        holder = context.Process(target=_hold, args=(str(opened.path), ready, seconds))
        holder.start()
        ready.wait()
        try:
            if seconds > 10:
                with pytest.raises(StoreError, match=r"grades\.sqlite.*locked"):
                    opened.save(result)
            else:
                opened.save(result)
        finally:
            holder.kill()
            holder.join()
    with Store(copy.out, toy(copy), SECRET) as again:
        assert result in again.results()


def test_a_store_that_is_locked_from_the_start_says_so(
    copy: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.2)
    database = sqlite3.connect(copy.out / "grades.sqlite", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match="locked") as caught:
            Store(copy.out, toy(copy), SECRET)
    finally:
        database.close()
    assert "not a store" not in str(caught.value)


@pytest.mark.skipif(os.getuid() != 0, reason="takes root to become another user")
@pytest.mark.parametrize("what", ["folder", "store"])
def test_a_folder_that_may_not_be_written_is_said(copy: Course, what: str) -> None:
    copy.out.chmod(0o555 if what == "folder" else 0o777)
    for path in copy.out.rglob("*"):
        path.chmod(
            0o555 if path.is_dir() and what == "folder" else 0o777 if path.is_dir() else 0o444
        )
    (copy.out / ".lock").chmod(0o666 if what == "store" else 0o444)
    for place in (copy.out, copy.home):
        for folder in (place.parent, *place.parents):
            if folder.stat().st_uid == os.getuid() and folder.parent != folder:
                folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.ordinary", str(ORDINARY_UID), *copy.command()],
        env=copy.environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    said = done.stderr.replace("\n", "")
    assert str(copy.out) in said and "Traceback" not in said
    assert "written" in said or "readonly" in said
