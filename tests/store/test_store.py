"""The store: nothing lost, nothing mixed up, clear words when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.batch.task import Task, blank, unreadable
from grader.intake import Candidate
from grader.store import Store, StoreError
from grader.store.store import read_results, secret_id


def candidate(name: str = "alice") -> Candidate:
    return Candidate(name, Path("/nowhere") / name)


def task(toy: Assignment, store: Store) -> Task:
    return Task(toy.folder, toy.reference, "none", store.secret)


def test_results_come_back_as_they_were(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy) as store:
        result = blank(task(toy, store), toy, candidate())
        store.save(result)
        assert store.results() == [result]
    name, results = read_results(tmp_path)
    assert (name, results) == ("toy", [result])
    assert (tmp_path / "results" / "alice.json").exists()


def test_a_result_replaces_the_one_before(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy) as store:
        store.save(blank(task(toy, store), toy, candidate()))
        second = unreadable(task(toy, store), toy, candidate(), "broken.zip: not a zip")
        store.save(second)
        assert store.results() == [second]


def test_only_the_same_content_and_suite_count_as_finished(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy) as store:
        result = unreadable(task(toy, store), toy, candidate(), "x")
        store.save(result.model_copy(update={"source_digest": "d"}))
        assert store.finished("alice", "d", toy.digest)
        assert not store.finished("alice", "e", toy.digest)
        assert not store.finished("alice", "d", "another suite")
        assert not store.finished("bob", "d", toy.digest)
        store.save(blank(task(toy, store), toy, candidate()))
        assert not store.finished("alice", "", toy.digest)  # not graded is not finished


def test_the_secret_is_made_once_and_kept(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy) as store:
        secret = store.secret
    with Store(tmp_path, toy) as store:
        assert store.secret == secret
        assert secret not in store.secret_id and store.secret_id == secret_id(secret)
    assert (tmp_path / "grades.sqlite").stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="another secret"):
        Store(tmp_path, toy, "something else")
    with Store(tmp_path / "new", toy, "given") as store:
        assert store.secret == "given"


def test_two_batches_cannot_share_a_folder(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy), pytest.raises(StoreError, match="another batch"):
        Store(tmp_path, toy)


def test_a_folder_that_cannot_be_used_says_why(toy: Assignment, tmp_path: Path) -> None:
    (tmp_path / "grades.sqlite").write_text("this is no database, and long enough to tell so")
    with pytest.raises(StoreError, match="not a store"):
        Store(tmp_path, toy)
    with pytest.raises(StoreError, match="no such file"):
        read_results(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file", toy)


def test_another_assignment_is_refused(toy: Assignment, tmp_path: Path) -> None:
    Store(tmp_path, toy).close()
    other = Assignment(toy.folder, toy.reference)
    other.description = toy.description.model_copy(update={"name": "other"})
    with pytest.raises(StoreError, match="toy"):
        Store(tmp_path, other)
