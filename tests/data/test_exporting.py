"""Files for mounting behind the wall."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from handmade import pixels

from grader.data import DataError, DataSet, cache_folder, cached_export, export, load, writing


@pytest.fixture
def dataset() -> DataSet:
    arrays = {"train": pixels(4, 3), "valid": pixels(2, 3)}
    return DataSet("toy", "embedded", "A toy.", arrays, alphabet="abc")


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_arrays_come_back_and_everybody_may_read_them(tmp_path: Path, dataset: DataSet) -> None:
    previous = os.umask(0o077)
    try:
        folder = export(dataset, tmp_path / "a" / "b")
    finally:
        os.umask(previous)
    assert {p.name for p in folder.iterdir()} == {
        *("toy-train.npy", "toy-valid.npy", "toy-alphabet.npy", "toy.json")
    }
    for split, values in dataset.arrays.items():
        np.testing.assert_array_equal(np.load(folder / f"toy-{split}.npy"), values)
    assert bytes(np.load(folder / "toy-alphabet.npy")) == b"abc"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o644}


def test_a_second_export_writes_nothing(tmp_path: Path, dataset: DataSet) -> None:
    export(dataset, tmp_path)
    before = _state(tmp_path)
    export(dataset, tmp_path)
    assert _state(tmp_path) == before


@pytest.mark.parametrize("damage", ["truncated", "gone", "marker"])
def test_a_damaged_export_is_made_again(tmp_path: Path, dataset: DataSet, damage: str) -> None:
    export(dataset, tmp_path)
    if damage == "truncated":
        os.truncate(tmp_path / "toy-train.npy", 130)
    elif damage == "gone":
        (tmp_path / "toy-train.npy").unlink()
    else:
        (tmp_path / "toy.json").write_text("[]")
        (tmp_path / "toy-train.npy").write_bytes(b"")
    export(dataset, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "toy-train.npy"), dataset.arrays["train"])


def test_other_values_take_the_place_of_the_old_ones(tmp_path: Path, dataset: DataSet) -> None:
    export(dataset, tmp_path)
    changed = {split: values + 1 for split, values in dataset.arrays.items()}
    export(DataSet("toy", "real", "Another.", changed), tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "toy-train.npy"), changed["train"])


def test_two_sets_share_a_folder(tmp_path: Path, dataset: DataSet) -> None:
    export(dataset, tmp_path)
    before = _state(tmp_path)
    export(DataSet("other", "real", "", dict(dataset.arrays)), tmp_path)
    assert before.items() <= _state(tmp_path).items()


def test_a_full_disk_leaves_no_marker_and_no_rubbish(
    tmp_path: Path, dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(DataError, match=r"toy-train.npy: .*the disk is full"):
        export(dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), writing.replacing(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_cache_follows_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: DataSet
) -> None:
    monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "cache"))
    folder = cached_export(dataset)
    assert folder.parent == tmp_path / "cache" and dataset.digest[:16] in folder.name
    assert cached_export(dataset) == folder
    monkeypatch.delenv("GRADER_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert cache_folder() == tmp_path / ".cache" / "grader"
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert tmp_path not in cache_folder().parents


def test_sets_with_equal_arrays_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_CACHE", str(tmp_path))
    folders = {cached_export(load(n, embedded=True)) for n in ("mnist", "fashion_mnist")}
    assert len(folders) == 2


def _export_often(folder: Path, barrier: object) -> None:
    dataset = DataSet("toy", "real", "", {"train": pixels(500, 784)})
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(20):
        export(dataset, folder)
        found = np.load(folder / "toy-train.npy")
        np.testing.assert_array_equal(found, dataset.arrays["train"])
        (folder / "toy.json").unlink(missing_ok=True)


def test_two_processes_may_export_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    both = [context.Process(target=_export_often, args=(tmp_path, barrier)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
