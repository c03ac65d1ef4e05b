"""Artefacts as they come over the wall, whatever comes, and as files."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grader.measures.artefacts import ArtefactError
from grader.runs.artefacts import MAX_ENTRIES, Artefacts
from grader.wall.behind import wire
from grader.wall.behind.wire import Opaque

PLAIN = {
    "weights": {
        "net": {
            "layer.0.weight": torch.randn(3, 4),
            "layer.0.half": torch.randn(2).half(),
            "layer.0.brain": torch.randn(2).bfloat16(),
            "norm.num_batches_tracked": torch.tensor(7),
            "mask": torch.tensor([True, False]),
            "none": torch.empty(0, 3),
        },
        "net-100": {"w": np.arange(3.0)},
    },
    "arrays": {"path": np.random.default_rng(0).normal(size=(4, 3)), "one": np.array(2.5)},
    "curves": {"training": {"step": [1, 2, 3], "loss": [0.1, math.nan, -math.inf]}},
    "claims": {"elbo": -101.25, "count": 3},
}


def over_the_wire(value: Any) -> Any:
    frame = wire.encode({"value": value})
    header, _ = wire.sizes(frame[: wire.PREFIX.size], max_payload=2**30)
    start = wire.PREFIX.size
    return wire.decode(frame[start : start + header], frame[start + header :])["value"]


def assert_same(left: Artefacts, right: Artefacts) -> None:
    assert left.claims == right.claims
    pairs = [(left.arrays, right.arrays)]
    for mine, other in ((left.weights, right.weights), (left.curves, right.curves)):
        assert set(mine) == set(other)
        pairs += [(mine[name], other[name]) for name in mine]
    for mine, other in pairs:
        assert set(mine) == set(other)
        for name in mine:
            assert (mine[name].shape, mine[name].dtype) == (other[name].shape, other[name].dtype)
            np.testing.assert_array_equal(mine[name], other[name])


def test_what_came_over_the_wire_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    artefacts = Artefacts.from_plain(over_the_wire(PLAIN))
    artefacts.save(tmp_path / "a" / "key")
    again = Artefacts.load(tmp_path / "a" / "key")
    assert_same(artefacts, again)
    # Scalars too: a counter of shape (1,) would not fit its place in the architecture.
    assert again.weights["net"]["norm.num_batches_tracked"].shape == ()
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["key"]


def test_files_are_those_that_other_programs_read(tmp_path: Path) -> None:
    Artefacts.from_plain(PLAIN).save(tmp_path / "key")
    names = {p.relative_to(tmp_path / "key").as_posix() for p in tmp_path.rglob("*.*")}
    assert {"weights/net.safetensors", "weights/net-100.safetensors", "arrays/path.npy"} <= names
    lines = (tmp_path / "key" / "curves" / "training.csv").read_text().splitlines()
    assert lines == ["step,loss", "1.0,0.1", "2.0,nan", "3.0,-inf"]


def test_saving_again_replaces_everything(tmp_path: Path) -> None:
    Artefacts.from_plain(PLAIN).save(tmp_path / "key")
    second = Artefacts.from_plain({"arrays": {"other": np.zeros(2)}})
    second.save(tmp_path / "key")
    assert_same(second, Artefacts.load(tmp_path / "key"))


def test_nothing_at_all_is_an_artefact_too(tmp_path: Path) -> None:
    Artefacts.from_plain({}).save(tmp_path / "key")
    assert_same(Artefacts(), Artefacts.load(tmp_path / "key"))


def test_a_curve_that_was_never_drawn_is_kept(tmp_path: Path) -> None:
    empty = Artefacts.from_plain({"curves": {"training": {"step": [], "loss": []}}})
    empty.save(tmp_path / "key")
    assert_same(empty, Artefacts.load(tmp_path / "key"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "what the run left is not a table"),
        ([1, 2], "what the run left is not a table"),
        (Opaque("student.Model"), "what the run left is not a table"),
        ({"state": {}}, "'state', which is not a kind of artefact"),
        ({"weights": [torch.zeros(1)]}, "weights is not a table"),
        ({"weights": {"net": torch.zeros(1)}}, "weights net is not a table"),
        ({"weights": {"../net": {}}}, "cannot be that of a file: '../net'"),
        ({"weights": {".hidden": {}}}, "cannot be that of a file"),
        ({"weights": {"a\n": {}}}, "cannot be that of a file"),
        ({"weights": {"a" * 81: {}}}, "cannot be that of a file"),
        ({"weights": {"net": {"a/b": torch.zeros(1)}}}, "no tensor of a network is called 'a/b'"),
        ({"weights": {"net": {"": torch.zeros(1)}}}, "no tensor of a network is called ''"),
        ({"weights": {"net": {"__metadata__": torch.zeros(1)}}}, "is called '__metadata__'"),
        ({"weights": {"net": {1: torch.zeros(1)}}}, "weights net has a name that is not text"),
        ({"weights": {"net": {"w": 1.0}}}, "weights net.w is not an array"),
        ({"weights": {"net": {"w": "text"}}}, "weights net.w is not an array"),
        ({"weights": {"net": {"w": Opaque("x")}}}, "weights net.w is not an array"),
        (
            {"weights": {"net": {"w": torch.zeros(1, dtype=torch.complex64)}}},
            "not an array of numbers",
        ),
        ({"arrays": {"a/b": np.zeros(1)}}, "arrays have a name"),
        ({"arrays": {"a": [1.0, 2.0]}}, "array a is not an array"),
        ({"arrays": {"a": np.zeros(1, dtype=complex)}}, "array a is not an array of numbers"),
        ({"arrays": dict.fromkeys(map(str, range(MAX_ENTRIES + 1)), 0)}, "arrays is not a table"),
        ({"arrays": {f"a{n}": np.zeros(1) for n in range(65)}}, "arrays have 65 names; at most 64"),
        (
            {"curves": {"c": {"x": np.zeros(500_001, bool)}}},
            "curve c holds more than 500000 numbers",
        ),
        ({"curves": {"c": {"x": [1.0] * 250_001, "y": [1] * 250_001}}}, "c holds more than 500000"),
        ({"curves": {"c": [1.0]}}, "curve c is not a table"),
        ({"curves": {"c": {}}}, "curve c has no columns"),
        ({"curves": {"c": {"x": [1.0], "y": [1.0, 2.0]}}}, "curve c: its columns must be of one"),
        ({"curves": {"c": {"x": np.zeros((2, 2))}}}, "curve c: its columns must be of one"),
        ({"curves": {"c": {"x": 3.0}}}, "curve c.x is not an array"),
        ({"curves": {"c": {"x": ["1"]}}}, "curve c.x is not a number"),
        ({"curves": {"c": {"x": [True]}}}, "curve c.x is not a number"),
        ({"curves": {"c": {"x,\n": [1.0]}}}, "cannot be that of a file"),
        ({"curves": {"c": {"x": np.zeros(2, dtype=complex)}}}, "curve c.x is not an array"),
        ({"claims": {"elbo": "-80"}}, "claim elbo is not a number"),
        ({"claims": {"elbo": True}}, "claim elbo is not a number"),
        ({"claims": {"elbo": torch.tensor(True)}}, "claim elbo is not a number"),
        ({"claims": {"elbo": None}}, "claim elbo is not a number"),
        ({"claims": {"elbo": [1.0]}}, "claim elbo is not a number"),
        ({"claims": {"elbo": torch.zeros(2)}}, "claim elbo is not a number"),
        ({"claims": {"elbo": np.array(1j)}}, "claim elbo is not an array of numbers"),
        ({"claims": {"a b": 1.0}}, "claims have a name"),
    ],
)
def test_what_is_no_artefact_is_refused_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(ArtefactError, match=re.escape(words)):
        Artefacts.from_plain(value)


@pytest.mark.parametrize(
    ("claim", "number"),
    [
        (torch.tensor(2.5), 2.5),
        (torch.tensor([3]), 3.0),
        (np.float32(0.5), 0.5),
        (-math.inf, -math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
    ],
    ids=["tensor", "of shape (1,)", "numpy", "infinite", "huge", "huge and negative"],
)
def test_a_claim_is_any_one_number(claim: Any, number: float) -> None:
    assert Artefacts.from_plain({"claims": {"x": claim}}).claims["x"] == number


def test_nan_stays_what_it_is_for_the_measure_to_say(tmp_path: Path) -> None:
    plain = {"claims": {"x": math.nan}, "weights": {"net": {"w": torch.tensor([math.nan])}}}
    Artefacts.from_plain(over_the_wire(plain)).save(tmp_path / "key")
    again = Artefacts.load(tmp_path / "key")
    assert math.isnan(again.claims["x"]) and np.isnan(again.weights["net"]["w"]).all()


@pytest.mark.parametrize(
    "file",
    ["weights/net.safetensors", "arrays/path.npy", "curves/training.csv", "claims.json"],
)
@pytest.mark.parametrize("damage", ["cut off", "other bytes", "empty", "removed"])
def test_a_damaged_folder_is_never_taken_for_what_a_student_left(
    tmp_path: Path, file: str, damage: str
) -> None:
    Artefacts.from_plain(PLAIN).save(tmp_path / "key")
    path = tmp_path / "key" / file
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        parts = {"cut off": content[:-3], "other bytes": b"\x00\xff" * 20, "empty": b""}
        path.write_bytes(parts[damage])
    with pytest.raises(ArtefactError, match=r"damaged artefacts .*; remove the folder"):
        Artefacts.load(tmp_path / "key")


def test_a_folder_that_is_not_there_is_damaged_too(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="damaged"):
        Artefacts.load(tmp_path / "nothing")
