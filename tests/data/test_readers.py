"""The published formats, whole and damaged."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from handmade import batch_bytes, idx_bytes, old_batch_bytes, pixels, write_binarized, write_cifar
from handmade import write_idx as write

from grader.data import DataError, binarized, cifar, idx, npy


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_plain_and_compressed(tmp_path: Path, packed: bool) -> None:
    write(tmp_path, "MNIST", "train", 11, packed=packed)
    images, labels = idx.read_part(tmp_path / "MNIST" / "raw", "train")
    np.testing.assert_array_equal(images, pixels(11, 28, 28, seed=11))
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


IMAGES = idx_bytes(pixels(3, 28, 28))
DAMAGED = {
    "empty": (b"", "ends within its header"),
    "half a header": (IMAGES[:9], "ends within its header"),
    "truncated": (IMAGES[:-1], "promises"),
    "too long": (IMAGES + b"\0", "promises"),
    "labels": (idx_bytes(pixels(30)), "begins with"),
    "another size": (idx_bytes(pixels(3, 32, 32)), "begins with"),
    "nothing": (idx_bytes(pixels(0, 28, 28)), "promises 0 items"),
    "a lie": (struct.pack(">4I", 2051, 2**32 - 1, 28, 28), "promises 4294967295 items"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_images_are_refused(tmp_path: Path, damage: str, packed: bool) -> None:
    content, reason = DAMAGED[damage]
    name = "t10k-images-idx3-ubyte"
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}.*{reason}.*grader data prepare"):
        idx.read_images(tmp_path, "t10k")


@pytest.mark.parametrize(
    "content",
    [b"no gzip at all", gzip.compress(IMAGES)[:-20], gzip.compress(IMAGES)[:12] + b"x" * 90],
)
def test_damaged_compression_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"ubyte.gz: .*grader data prepare"):
        idx.read_images(tmp_path, "t10k")


def test_a_label_beyond_nine_is_refused(tmp_path: Path) -> None:
    labels = np.array([0, 10], dtype=np.uint8)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    with pytest.raises(DataError, match="a label is 10"):
        idx.read_labels(tmp_path, "train")


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(IMAGES)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(2, np.uint8)))
    with pytest.raises(DataError, match="3 images but 2 labels"):
        idx.read_part(tmp_path, "train")


def test_a_batch_written_by_python_2_is_read_channels_first() -> None:
    data = pixels(2, 3072)
    images, labels = cifar.parse(old_batch_bytes(data, [7, 1]), Path("batch"))
    assert labels.tolist() == [7, 1] and labels.dtype == np.uint8
    # Row by row: red of the top left pixel comes first, blue of the bottom right one last.
    assert images[1, 0, 0, 0] == data[1, 0] and images[1, 2, 31, 31] == data[1, 3071]
    assert images[0, 1, 2, 5] == data[0, 1024 + 2 * 32 + 5]


def test_six_batches_are_joined_in_order(tmp_path: Path) -> None:
    arrays = cifar.read(tmp_path / cifar.ARCHIVE, write_cifar(tmp_path, count=2))
    assert arrays["train_images"].shape == (10, 3, 32, 32)
    assert arrays["train_labels"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    np.testing.assert_array_equal(arrays["test_images"].reshape(2, -1), pixels(2, 3072, seed=5))


class _Evil:
    """Leaves a trace when it is unpickled by a trusting reader."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_a_changed_batch_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    md5s = write_cifar(tmp_path)
    path = tmp_path / cifar.ARCHIVE / "data_batch_3"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=r"data_batch_3: is not the published file \(MD5"):
        cifar.read(path.parent, md5s)


def test_unpickling_runs_nothing(tmp_path: Path) -> None:
    content = pickle.dumps(_Evil(tmp_path / "trace"), protocol=2)
    pickle.loads(content)
    assert (tmp_path / "trace").exists(), "the test's own pickle does what it should"
    (tmp_path / "trace").unlink()
    with pytest.raises(DataError, match="it asks for"):
        cifar.parse(content, tmp_path / "batch")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02]q\x00.",
        old_batch_bytes(pixels(2, 3072), [1, 2])[:-200],
        old_batch_bytes(pixels(2, 3071), [1, 2]),
        old_batch_bytes(pixels(2, 3072), [1]),
        old_batch_bytes(pixels(2, 3072), [1, 10]),
        old_batch_bytes(pixels(2, 3072), [1, -1]),
        batch_bytes(pixels(2, 3072), [1, 2]),
    ],
)
def test_what_is_no_batch_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="batch: is not a batch of CIFAR-10"):
        cifar.parse(content, Path("batch"))


def test_binarised_rows_come_back_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    rows = write_binarized(path)
    for split, values in binarized.read(path).items():
        np.testing.assert_array_equal(values, rows[split])


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        ({"train": (3, 98), "valid": (3, 98)}, "test.npy"),
        ({"train": (3, 98), "valid": (3, 97), "test": (3, 98)}, "valid.npy is uint8 of shape"),
        ({"train": (0, 98), "valid": (3, 98), "test": (3, 98)}, "train.npy is uint8 of shape"),
    ],
)
def test_wrong_splits_are_refused(
    tmp_path: Path, splits: dict[str, tuple[int, ...]], reason: str
) -> None:
    path = tmp_path / "packed.npz"
    np.savez(path, **{s: pixels(*shape) for s, shape in splits.items()})
    with pytest.raises(DataError, match=rf"packed.npz: .*{reason}.*grader data prepare"):
        binarized.read(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    write_binarized(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-40], whole[:200] + b"x" * 100 + whole[300:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"packed.npz: .*grader data prepare"):
            binarized.read(path)


def test_no_memory_is_taken_on_the_word_of_a_header(tmp_path: Path) -> None:
    header = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 98)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(tmp_path / "packed.npz", "w") as archive:
        archive.writestr("train.npy", header.getvalue() + b"\0" * 98)
    with pytest.raises(DataError, match="cannot be read"):
        binarized.read(tmp_path / "packed.npz")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_are_read_in_both_orders(order: str) -> None:
    values = np.asarray(np.arange(12.0).reshape(3, 4), order=order)  # type: ignore[call-overload]
    file = io.BytesIO()
    np.save(file, values)
    np.testing.assert_array_equal(npy.parse(file.getvalue()), values)
    with pytest.raises(ValueError):
        npy.parse(file.getvalue()[:-8])


def test_npy_files_with_objects_are_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        npy.parse(file.getvalue())
