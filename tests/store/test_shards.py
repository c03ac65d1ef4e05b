"""Shards: who grades what, and how they come to one secret without talking to each other."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.assignment import Assignment
from grader.store import Store, StoreError
from grader.store.shards import Shard, agree, begin, complete, read_seen, settled
from grader.store.store import read_batch

CALLERS = 8


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "x", "1/0", "", "1", "1/2/3", "-1/4", "1.0/4", "¹/4"]
)
def test_what_is_no_shard_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="1/4, 2/4, 3/4 and 4/4"):
        Shard.parse(text)


@settings(deadline=None)
@given(of=st.integers(1, 40), data=st.data())
def test_texts_and_folders_name_the_same_shard(of: int, data: st.DataObject) -> None:
    shard = Shard(data.draw(st.integers(1, of)), of)
    assert Shard.parse(str(shard)) == shard
    assert Shard.of_folder(shard.folder(Path("out"))) == shard


@settings(deadline=None)
@given(of=st.integers(1, 40), submission=st.text(min_size=1))
def test_every_submission_is_one_shards_and_no_others(of: int, submission: str) -> None:
    assert sum(Shard(n, of).owns(submission) for n in range(1, of + 1)) == 1


def test_shards_are_about_as_large_as_each_other() -> None:
    names = [f"student_{n:04}" for n in range(1000)]
    sizes = [sum(Shard(n, 8).owns(name) for name in names) for n in range(1, 9)]
    assert sum(sizes) == 1000 and min(sizes) > 85 and max(sizes) < 165  # 125, four deviations


def _agree(out: Path, start: multiprocessing.synchronize.Barrier, answers: object) -> None:
    start.wait()
    answers.put(agree(out, None))  # type: ignore[attr-defined]


def test_shards_that_start_at_once_come_to_one_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(20):
        out = tmp_path / str(attempt)
        start, answers = context.Barrier(CALLERS), context.Queue()
        callers = [
            context.Process(target=_agree, args=(out, start, answers)) for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        found = {answers.get(timeout=60) for _ in callers}
        for caller in callers:
            caller.join()
        assert found == {settled(out)} and len(found.pop()) == 32
        assert [path.name for path in out.iterdir()] == ["secret"]


def test_a_secret_is_the_owners_alone_and_stays(tmp_path: Path) -> None:
    assert settled(tmp_path) is None
    secret = agree(tmp_path, "given")
    assert secret == agree(tmp_path, None) == agree(tmp_path, "given") == "given"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="another secret"):
        agree(tmp_path, "another")


def test_a_folder_that_was_graded_in_one_keeps_its_secret(toy: Assignment, tmp_path: Path) -> None:
    with Store(tmp_path, toy) as store:
        secret = store.secret
    assert agree(tmp_path, None) == secret


def test_a_folder_without_hard_links_needs_the_secret_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreError, match="the same --secret"):
        agree(tmp_path, None)
    assert agree(tmp_path, "given") == "given"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    with pytest.raises(StoreError, match="is empty"):
        agree(tmp_path, None)


def test_a_shard_is_complete_when_it_says_so(toy: Assignment, tmp_path: Path) -> None:
    shard = Shard(2, 3)
    for seen, done in (({"a": "a.zip"}, True), ({"b": "b"}, False)):
        with Store(tmp_path, toy) as store:
            begin(store, shard, seen)
            assert store.remembered("complete") == "no"
            if done:
                complete(store)
        assert read_batch(tmp_path)["complete"] == ("yes" if done else "no")
    assert read_batch(tmp_path)["shard"] == "2/3"
    assert read_seen(read_batch(tmp_path)) == {"a": "a.zip", "b": "b"}
