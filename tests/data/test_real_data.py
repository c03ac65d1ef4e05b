"""The published sets themselves, where GRADER_DATA has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from grader.data import DataSet, amat, data_root, load, preparing, real, sources
from grader.data.published import SETS

pytestmark = pytest.mark.real_data


def _load(name: str) -> DataSet:
    root = data_root()
    if root is None:
        pytest.skip("GRADER_DATA is not set; `grader data prepare` makes a folder for it")
    published = next(s for s in SETS if s.name == name)
    for file in published.files:
        if not any((root / f"{file.path}{end}").exists() for end in ("", ".gz")):
            pytest.skip(f"GRADER_DATA={root} does not have {file.path}")
    return load(name, root=root)


def _root() -> Path:
    root = data_root()
    assert root is not None
    return root


SIZES = {
    "mnist": {"train_images": 60_000, "train_labels": 60_000, "test_images": 10_000},
    "fashion_mnist": {"train_images": 60_000, "train_labels": 60_000, "test_images": 10_000},
    "kmnist_test": {"test_images": 10_000, "test_labels": 10_000},
    "cifar10": {"train_images": 50_000, "train_labels": 50_000, "test_images": 10_000},
    "binarized_mnist": {"train": 50_000, "valid": 10_000, "test": 10_000},
    "tiny_shakespeare": {"train": 1_003_854, "valid": 111_540},
    "planar_arcs": {"points": 5_000},
    "planar_sine": {"points": 5_000},
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_checksums_are_the_published_ones(name: str) -> None:
    dataset = _load(name)
    assert dataset.kind == "real"
    for split, count in SIZES[name].items():
        assert len(dataset.arrays[split]) == count
    published = next(s for s in SETS if s.name == name)
    for file in published.files:
        if (_root() / file.path).exists():
            assert sources.is_whole(_root() / file.path, file)


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist_test", "cifar10"])
def test_classes_are_equally_many(name: str) -> None:
    counts = np.bincount(_load(name).arrays["test_labels"])
    assert counts.tolist() == [1000] * 10


@pytest.mark.parametrize(
    ("name", "reader"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_torchvision_reads_the_same_digits(name: str, reader: str) -> None:
    arrays = _load(name).arrays
    theirs = getattr(torchvision.datasets, reader)(str(_root()), train=False)
    np.testing.assert_array_equal(theirs.data.numpy(), arrays["test_images"])
    np.testing.assert_array_equal(theirs.targets.numpy(), arrays["test_labels"])


def test_torchvision_reads_the_same_pictures() -> None:
    arrays = _load("cifar10").arrays
    theirs = torchvision.datasets.CIFAR10(str(_root()), train=False)
    np.testing.assert_array_equal(theirs.data.transpose(0, 3, 1, 2), arrays["test_images"])
    assert theirs.targets == arrays["test_labels"].tolist()


def test_binarised_rows_are_the_published_text() -> None:
    _load("binarized_mnist")
    assert amat.matches(real.path_of("binarized_mnist", _root()))


def test_binarised_test_rows_stand_in_class_order() -> None:
    """What the description says: ones have the least ink, and they stand in the second tenth."""
    arrays = _load("binarized_mnist").arrays
    tenths = arrays["test"].reshape(10, 1000, 784).sum(2).mean(1)
    assert tenths.argmin() == 1 and tenths.max() - tenths.min() > 50
    mixed = arrays["valid"].reshape(10, 1000, 784).sum(2).mean(1)
    assert mixed.max() - mixed.min() < 10


def test_shakespeare_begins_as_it_does() -> None:
    dataset = _load("tiny_shakespeare")
    assert dataset.text("train").startswith("First Citizen:\nBefore we proceed any further")
    assert dataset.alphabet is not None and len(dataset.alphabet) == 65


@pytest.mark.parametrize("name", ["mnist", "binarized_mnist", "tiny_shakespeare"])
def test_a_set_is_prepared_from_what_is_there(name: str, tmp_path: Path) -> None:
    expected = _load(name).digest
    (outcome,) = preparing.prepare(preparing.chosen([name]), tmp_path, _root())
    assert outcome.state == "ready"
    assert load(name, root=tmp_path).digest == expected
