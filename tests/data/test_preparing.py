"""`grader data prepare`, on tiny published sets of the tests' own."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets
from handmade import write_binarized, write_cifar, write_idx
from typer.testing import CliRunner

from grader.cli import app as cli
from grader.cli import data as commands
from grader.data import DataError, amat, binarized, cifar, load, preparing, real, sources
from grader.data.published import PublishedFile, PublishedSet


def _published(root: Path, *paths: Path) -> tuple[PublishedFile, ...]:
    return tuple(
        PublishedFile(
            str(path.relative_to(root)),
            path.stat().st_size,
            hashlib.md5(path.read_bytes()).hexdigest(),
        )
        for path in paths
    )


def _below(root: Path, folder: str) -> tuple[PublishedFile, ...]:
    return _published(root, *sorted(p for p in (root / folder).rglob("*") if p.is_file()))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four small sets, which are the published ones for as long as the test runs."""
    monkeypatch.delenv("GRADER_DATA", raising=False)
    root = tmp_path / "source"
    for folder in ("MNIST", "FashionMNIST"):
        write_idx(root, folder, "train", 30)
        write_idx(root, folder, "t10k", 20)
    monkeypatch.setattr(real, "CIFAR_MD5S", write_cifar(root))
    packed = root / "binarized_mnist" / binarized.PACKED
    rows = write_binarized(packed)
    digests = {s: hashlib.sha256(amat.text(r)).hexdigest() for s, r in rows.items()}
    monkeypatch.setattr(amat, "SHA256S", digests)
    sets = (
        PublishedSet("mnist", _below(root, "MNIST"), torchvision="MNIST"),
        PublishedSet("fashion_mnist", _below(root, "FashionMNIST"), torchvision="FashionMNIST"),
        PublishedSet("cifar10", _below(root, cifar.ARCHIVE), archives=("a.tar.xz", "b.tar.gz")),
        PublishedSet("binarized_mnist", _published(root, packed), hint="ask somebody"),
        PublishedSet("planar_arcs", (PublishedFile("flow/data_arcs.npy", 1, "0"),), optional=True),
    )
    monkeypatch.setattr(preparing, "SETS", sets)
    return root


def _prepare(source: Path | None, target: Path, *names: str) -> dict[str, preparing.Outcome]:
    found = preparing.prepare(preparing.chosen(names), target, source)
    return {outcome.name: outcome for outcome in found}


def _states(outcomes: dict[str, preparing.Outcome]) -> dict[str, str]:
    return {name: outcome.state for name, outcome in outcomes.items()}


ALL_WELL = {
    "mnist": "ready",
    "fashion_mnist": "ready",
    "cifar10": "ready",
    "binarized_mnist": "ready",
    "planar_arcs": "drawn",
}


def _compress(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def _archive(source: Path, name: str, mode: str) -> Path:
    folder = source / cifar.ARCHIVE
    with tarfile.open(source / name, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, arcname=f"./{folder.name}")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return source / name


def test_plain_files_are_copied(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    assert _states(_prepare(source, target)) == ALL_WELL
    assert load("mnist", root=target).digest == load("mnist", root=source).digest
    assert load("cifar10", root=target).digest == load("cifar10", root=source).digest


@pytest.mark.parametrize(("name", "mode"), [("a.tar.xz", "w:xz"), ("b.tar.gz", "w:gz")])
def test_compressed_files_and_archives_are_unpacked(
    source: Path, tmp_path: Path, name: str, mode: str
) -> None:
    expected = {n: load(n, root=source).digest for n in ("mnist", "cifar10")}
    for path in (source / "MNIST" / "raw").iterdir():
        _compress(path)
    _archive(source, name, mode)
    target = tmp_path / "target"
    assert _states(_prepare(source, target)) == ALL_WELL
    assert (target / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file()
    assert {n: load(n, root=target).digest for n in expected} == expected


def test_a_second_time_writes_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    _prepare(source, target)
    before = {p: p.stat().st_ino for p in target.rglob("*")}
    assert _states(_prepare(source, target)) == ALL_WELL
    assert {p: p.stat().st_ino for p in target.rglob("*")} == before


def test_a_damaged_target_is_mended(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    _prepare(source, target)
    path = target / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x05")
    assert _prepare(source, target)["mnist"].state == "ready"
    assert load("mnist", root=target).digest == load("mnist", root=source).digest


def test_a_folder_is_verified_in_place(source: Path) -> None:
    assert _states(_prepare(source, source)) == ALL_WELL


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 7)


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", [_flip, _cut, _nothing])
def test_one_damaged_file_costs_its_own_set_only(
    source: Path, tmp_path: Path, damage: object, packed: bool
) -> None:
    path = source / "MNIST" / "raw" / "train-images-idx3-ubyte"
    if packed:
        path = _compress(path)
    damage(path)  # type: ignore[operator]
    found = _prepare(source, tmp_path / "target")
    assert _states(found) == ALL_WELL | {"mnist": "failed"}
    assert str(path) in found["mnist"].explanation
    assert "get it again" in found["mnist"].explanation
    assert not (tmp_path / "target" / "MNIST" / "raw" / "train-images-idx3-ubyte").exists()


@pytest.mark.parametrize("damage", [_halve, _nothing, lambda p: p.write_bytes(b"no archive" * 99)])
def test_a_damaged_archive_costs_its_own_set_only(
    source: Path, tmp_path: Path, damage: object
) -> None:
    damage(_archive(source, "a.tar.xz", "w:xz"))  # type: ignore[operator]
    found = _prepare(source, tmp_path / "target")
    assert _states(found) == ALL_WELL | {"cifar10": "failed"}
    assert "a.tar.xz" in found["cifar10"].explanation


def test_a_changed_file_in_an_archive_is_refused(source: Path, tmp_path: Path) -> None:
    _flip(source / cifar.ARCHIVE / "data_batch_2")
    _archive(source, "a.tar.xz", "w:xz")
    found = _prepare(source, tmp_path / "target")
    assert found["cifar10"].state == "failed"
    assert "data_batch_2 in " in found["cifar10"].explanation
    assert "is not the published file" in found["cifar10"].explanation


def test_an_archive_puts_nothing_where_it_is_not_wanted(source: Path, tmp_path: Path) -> None:
    archive = source / "c.tar"
    with tarfile.open(archive, "w") as members:
        for name in ("../escaped", "/escaped", f"{cifar.ARCHIVE}/other"):
            members.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo(f"{cifar.ARCHIVE}/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        members.addfile(link)
    target = tmp_path / "target"
    assert sources.unpack(archive, _below(source, cifar.ARCHIVE), target) == set()
    assert not target.exists()


def test_a_missing_file_is_named(source: Path, tmp_path: Path) -> None:
    (source / "MNIST" / "raw" / "t10k-images-idx3-ubyte").unlink()
    (source / "binarized_mnist" / binarized.PACKED).unlink()
    found = _prepare(source, tmp_path / "target")
    assert _states(found) == ALL_WELL | {"mnist": "missing", "binarized_mnist": "missing"}
    assert "MNIST/raw does not have t10k-images-idx3-ubyte" in found["mnist"].explanation
    assert found["binarized_mnist"].explanation.endswith("ask somebody")


def test_a_full_disk_costs_the_sets_that_do_not_fit(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A file on a disk with room for 60,000 bytes."""

        def __init__(self, file: io.BufferedWriter) -> None:
            self.file = file

        def write(self, content: bytes) -> int:
            if len(content) > 60_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(content)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    fdopen = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *a: Full(fdopen(*a)) if a[1] == "wb" else fdopen(*a))
    found = _prepare(source, tmp_path / "target", "mnist", "cifar10", "planar_arcs")
    assert (found["mnist"].state, found["cifar10"].state) == ("ready", "ready")
    write_idx(source, "MNIST", "train", 100)
    sets = (PublishedSet("mnist", _below(source, "MNIST")), *preparing.SETS[2:])
    monkeypatch.setattr(preparing, "SETS", sets)
    found = _prepare(source, tmp_path / "other", "mnist", "cifar10")
    assert (found["mnist"].state, found["cifar10"].state) == ("failed", "ready")
    assert "the disk is full" in found["mnist"].explanation
    raw = tmp_path / "other" / "MNIST" / "raw"
    assert not [p for p in raw.iterdir() if p.name.startswith(".")]


def test_a_target_that_is_a_file_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    found = _prepare(source, tmp_path / "target", "mnist")
    assert found["mnist"].state == "failed"
    assert "cannot be written" in found["mnist"].explanation


def _write_amat(source: Path) -> None:
    packed = source / "binarized_mnist" / binarized.PACKED
    for split, rows in binarized.read(packed).items():
        lines = [" ".join(map(str, row)) for row in rows]
        amat.path_of(packed.parent, split).write_text("\n".join(lines) + "\n")
    packed.unlink()


def test_the_published_texts_are_packed(source: Path, tmp_path: Path) -> None:
    expected = load("binarized_mnist", root=source).digest
    _write_amat(source)
    target = tmp_path / "target"
    assert _prepare(source, target, "binarized_mnist")["binarized_mnist"].state == "ready"
    assert load("binarized_mnist", root=target).digest == expected


def test_rows_that_were_packed_otherwise_are_taken(source: Path, tmp_path: Path) -> None:
    path = source / "binarized_mnist" / binarized.PACKED
    with np.load(path) as packed:
        np.savez(path, **dict(packed))
    outcome = _prepare(source, tmp_path / "target", "binarized_mnist")["binarized_mnist"]
    assert outcome.state == "ready"


@pytest.mark.parametrize("damage", [_flip, _cut, Path.unlink])
def test_damaged_texts_are_refused(source: Path, tmp_path: Path, damage: object) -> None:
    _write_amat(source)
    damage(amat.path_of(source / "binarized_mnist", "valid"))  # type: ignore[operator]
    outcome = _prepare(source, tmp_path / "target", "binarized_mnist")["binarized_mnist"]
    assert outcome.state == "failed"
    assert "binarized_mnist_valid.amat" in outcome.explanation


@pytest.fixture
def mirror(source: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for torchvision's download: gives MNIST out, and nothing else."""
    asked: list[str] = []

    def give(root: str, *, train: bool, download: bool) -> None:
        print("downloading")
        asked.append("MNIST")
        for path in (source / "MNIST" / "raw").iterdir():
            copy = Path(root) / "MNIST" / "raw" / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                copy.write_bytes(path.read_bytes())

    def refuse(root: str, *, train: bool, download: bool) -> None:
        raise URLError("no route to\nhost")

    monkeypatch.setattr(torchvision.datasets, "MNIST", give)
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", refuse)
    return asked


def test_without_a_folder_torchvision_downloads_what_it_knows(
    mirror: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _prepare(None, tmp_path / "target")
    assert found["mnist"].state == "ready"
    assert found["fashion_mnist"].state == "failed"
    assert "no route to host" in found["fashion_mnist"].explanation
    assert found["binarized_mnist"].explanation == "torchvision does not have it; ask somebody"
    assert found["planar_arcs"].state == "drawn"
    assert capsys.readouterr().out == "", "JSON on stdout stays whole"


def test_what_is_whole_is_not_downloaded_again_and_what_is_damaged_is(
    mirror: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "target"
    _prepare(None, target, "mnist")
    _prepare(None, target, "mnist")
    assert mirror == ["MNIST"]
    _flip(target / "MNIST" / "raw" / "t10k-labels-idx1-ubyte")
    assert _prepare(None, target, "mnist")["mnist"].state == "ready"
    assert mirror == ["MNIST", "MNIST"]


def test_a_download_is_verified(source: Path, mirror: list[str], tmp_path: Path) -> None:
    _flip(source / "MNIST" / "raw" / "t10k-images-idx3-ubyte")
    outcome = _prepare(None, tmp_path / "target", "mnist")["mnist"]
    assert outcome.state == "failed" and "is not the published file" in outcome.explanation


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(DataError, match="no data set 'emnist'"):
        preparing.chosen(["mnist", "emnist"])


def _run(*arguments: str | Path, status: int = 0) -> str:
    done = CliRunner().invoke(
        cli.app, ["data", *map(str, arguments)], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert done.exit_code == status, done.output
    return done.stdout if status != 2 else done.stderr


@pytest.mark.parametrize(
    "command", [c.name or "prepare" for c in commands.group.registered_commands]
)
def test_commands_have_help_with_an_example(command: str) -> None:
    assert f"Example: grader data {command}" in " ".join(_run(command, "--help").split())


def test_the_command_says_what_is_there_and_what_is_wrong(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "with space"
    text = _run("prepare", "--from", source, "--to", target)
    assert "MNIST: 30 train and 20 test" in text and f"export GRADER_DATA='{target}'" in text
    _flip(source / "MNIST" / "raw" / "t10k-images-idx3-ubyte")
    made = tmp_path / "again"
    answer = json.loads(_run("prepare", "--from", source, "--to", made, "--json", status=1))
    assert answer["root"] == str(made)
    assert {s["name"]: s["state"] for s in answer["sets"]} == ALL_WELL | {"mnist": "failed"}
    assert "failed" in _run("prepare", "--from", source, "--to", made, "mnist", status=1)
    assert "not a folder" in _run("prepare", "--from", tmp_path / "nosuch", status=2)
    assert "no data set 'emnist'" in _run("prepare", "emnist", status=2)


def test_list_says_which_sets_are_real(source: Path, tmp_path: Path) -> None:
    answer = json.loads(_run("list", "--json"))
    assert answer["root"] is None
    assert {s["state"] for s in answer["sets"]} == {"embedded"}
    assert "all data are embedded" in _run("list")
    answer = json.loads(_run("list", "--data", source, "--json"))
    states = {s["name"]: s["state"] for s in answer["sets"]}
    assert states["mnist"] == states["cifar10"] == "real"
    assert states["tiny_shakespeare"] == "missing" and states["planar_sine"] == "embedded"
    assert "input.txt" in _run("list", "--data", source)
    assert "not a folder" in _run("list", "--data", tmp_path / "nosuch", status=2)
