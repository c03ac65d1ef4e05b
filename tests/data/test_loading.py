"""Which data set one gets, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade import pixels, write_binarized, write_cifar, write_idx

from grader.data import NAMES, DataError, DataSet, data_root, load, real, survey


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADER_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny set of each kind, but no planar points."""
    for folder in ("MNIST", "FashionMNIST"):
        write_idx(tmp_path, folder, "train", 12)
        write_idx(tmp_path, folder, "t10k", 4)
    write_idx(tmp_path, "KMNIST", "t10k", 4, packed=True)
    monkeypatch.setattr(real, "CIFAR_MD5S", write_cifar(tmp_path))
    write_binarized(tmp_path / "binarized_mnist" / "binarized_mnist_packed.npz")
    (tmp_path / "tiny_shakespeare").mkdir()
    (tmp_path / "tiny_shakespeare" / "input.txt").write_text("To be, or not to be.\n")
    return tmp_path


def test_without_a_folder_the_data_are_embedded() -> None:
    assert data_root() is None
    assert {load(name).kind for name in NAMES} == {"embedded"}


def test_the_option_comes_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("GRADER_DATA", str(tmp_path / "a"))
    assert data_root() == tmp_path / "a"
    assert data_root(tmp_path / "b") == tmp_path / "b"


def test_a_folder_that_is_not_there_is_an_error_and_never_embedded_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_DATA", str(tmp_path / "nosuch"))
    with pytest.raises(DataError, match=r"nosuch: GRADER_DATA names it.*grader data prepare"):
        load("mnist")
    assert load("mnist", embedded=True).kind == "embedded"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"no data set 'emnist'.*fashion_mnist"):
        load("emnist")


def test_a_folder_gives_real_data(root: Path) -> None:
    found = {a.name: a for a in survey(root)}
    drawn = {"planar_arcs", "planar_sine"}
    assert {n for n, a in found.items() if a.state == "real"} == set(NAMES) - drawn
    assert {n for n, a in found.items() if a.state == "embedded"} == drawn
    assert found["mnist"].explanation == "MNIST: 12 train and 4 test images of 28 x 28."


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("planar")])
def test_real_and_embedded_sets_have_the_same_form(root: Path, name: str) -> None:
    real_set, stand_in = load(name, root=root), load(name, embedded=True)
    assert real_set.kind == "real" and stand_in.kind == "embedded"
    assert set(real_set.arrays) == set(stand_in.arrays)
    for split, values in real_set.arrays.items():
        assert values.dtype == stand_in.arrays[split].dtype == np.uint8
        assert values.shape[1:] == stand_in.arrays[split].shape[1:]


def test_a_missing_set_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    states = {a.name: a for a in survey(tmp_path)}
    for name in NAMES:
        if name.startswith("planar"):
            continue
        assert states[name].state == "missing"
        assert str(tmp_path) in states[name].explanation
        assert "grader data prepare" in states[name].explanation


def test_published_points_are_taken_where_they_are(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    (tmp_path / "flow").mkdir()
    np.save(tmp_path / "flow" / "data_arcs.npy", points)
    found = load("planar_arcs", root=tmp_path)
    assert found.kind == "real"
    np.testing.assert_array_equal(found.arrays["points"], points)
    assert load("planar_sine", root=tmp_path).kind == "embedded"


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((3, 2)), "float64"),
        (np.zeros((3, 3), np.float32), "shape"),
        (np.full((3, 2), np.nan, np.float32), "finite"),
        (np.array([None]), "cannot be read"),
    ],
)
def test_bad_points_are_an_error_and_not_replaced(
    tmp_path: Path, points: np.ndarray, reason: str
) -> None:
    (tmp_path / "flow").mkdir()
    np.save(tmp_path / "flow" / "data_sine.npy", points)
    with pytest.raises(DataError, match=rf"data_sine.npy: .*{reason}"):
        load("planar_sine", root=tmp_path)


def test_loading_writes_nothing(root: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    survey(root)
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


def test_arrays_cannot_be_changed_and_the_callers_stay_as_they_were() -> None:
    mine = pixels(2, 3)
    dataset = DataSet("mnist", "real", "", {"train": mine})
    with pytest.raises(ValueError, match="read-only"):
        dataset.arrays["train"][0] = 0
    with pytest.raises(TypeError):
        dataset.arrays["test"] = mine  # type: ignore[index]
    mine[0] = 0


def test_the_digest_follows_values_shapes_types_and_splits() -> None:
    base = np.arange(6, dtype=np.int16)
    same = DataSet("a", "real", "one", {"x": base})
    again = DataSet("b", "embedded", "two", {"x": base.astype(">i2")})
    assert same.digest == again.digest
    others = [
        DataSet("a", "real", "one", {"x": base + 1}),
        DataSet("a", "real", "one", {"x": base.reshape(2, 3)}),
        DataSet("a", "real", "one", {"x": base.astype(np.uint16)}),
        DataSet("a", "real", "one", {"y": base}),
        DataSet("a", "real", "one", {"x": base}, alphabet="ab"),
    ]
    assert len({same.digest, *(o.digest for o in others)}) == 6


def test_text_is_what_was_encoded(root: Path) -> None:
    found = load("tiny_shakespeare", root=root)
    assert found.alphabet == "\n ,.Tbenort"
    assert found.text("train") + found.text("valid") == "To be, or not to be.\n"
    assert len(found.text("train")) == 18
    with pytest.raises(DataError, match="is not text"):
        load("mnist", root=root).text("train_images")


@pytest.mark.parametrize("content", [b"", b"caf\xc3\xa9 and more"])
def test_what_is_no_ascii_text_is_refused(root: Path, content: bytes) -> None:
    (root / "tiny_shakespeare" / "input.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"input.txt: .*grader data prepare"):
        load("tiny_shakespeare", root=root)
