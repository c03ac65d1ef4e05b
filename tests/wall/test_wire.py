"""Frames: what goes in comes out, and nothing else gets through."""

from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.wall.behind import wire


def decode(frame: bytes) -> dict[str, object]:
    header, payload = wire.sizes(frame[: wire.PREFIX.size], max_payload=2**30)
    body = frame[wire.PREFIX.size :]
    assert len(body) == header + payload
    return wire.decode(body[:header], body[header:])


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_data_survives_the_round_trip(value: object) -> None:
    assert decode(wire.encode({"value": value})) == {"value": value}


@pytest.mark.parametrize("name", sorted(wire.DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_tensors_keep_their_dtype_shape_and_values(name: str, shape: tuple[int, ...]) -> None:
    tensor = (torch.arange(math.prod(shape)).reshape(shape) % 2).to(wire.DTYPES[name][1])
    back = decode(wire.encode({"x": tensor}))["x"]
    assert isinstance(back, torch.Tensor)
    assert back.dtype == tensor.dtype and back.shape == tensor.shape
    assert torch.equal(back, tensor)


def test_numpy_arrays_stay_numpy_arrays() -> None:
    array = np.arange(6.0).reshape(2, 3)[:, ::-1]
    back = decode(wire.encode({"x": array, "y": np.float64(2.5)}))
    assert isinstance(back["x"], np.ndarray)
    np.testing.assert_array_equal(back["x"], array)
    assert back["y"] == np.asarray(2.5)


def test_nan_and_infinities_survive() -> None:
    back = decode(wire.encode({"a": float("nan"), "b": float("-inf")}))
    assert isinstance(back["a"], float) and math.isnan(back["a"])
    assert back["b"] == -math.inf


def test_tensors_lose_their_graph_and_their_class() -> None:
    class Mine(torch.Tensor):
        pass

    tensor = torch.ones(2).as_subclass(Mine).requires_grad_(True)
    back = decode(wire.encode({"x": tensor}))["x"]
    assert type(back) is torch.Tensor and not back.requires_grad


def test_objects_become_their_type_name() -> None:
    back = decode(wire.encode({"x": torch.nn.Linear(1, 1), "y": len}))
    assert isinstance(back["x"], wire.Opaque) and back["x"].type_name.endswith("Linear")
    assert isinstance(back["y"], wire.Opaque)


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(wire.WireError, match="larger"):
        wire.encode({"x": torch.zeros(1000)}, max_payload=3999)
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    with pytest.raises(wire.WireError, match="nested"):
        wire.encode({"x": deep})


def frame(header: object, payload: bytes = b"") -> tuple[bytes, bytes]:
    return json.dumps(header).encode(), payload


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b"", b""),
        (b"\xff", b""),
        (b"[" * 100_000, b""),
        (b'{"d":[["a",NaN]]}', b""),
        (b"1" * 10_000, b""),
        frame({"d": [["a", {"x": ["float32", [10]]}]]}, b"1234"),
        frame({"d": [["a", {"x": ["float32", [2**31]]}]]}),
        frame({"d": [["a", {"x": ["float32", [-1]]}]]}),
        frame({"d": [["a", {"x": ["float32", [True]]}]]}, b"1234"),
        frame({"d": [["a", {"x": ["object", [1]]}]]}, b"1234"),
        frame({"d": [["a", {"x": ["float32", [1] * 40]}]]}, b"1234"),
        frame({"d": [["a", {"x": ["float32", [1]]}]]}, b"12345678"),
        frame({"d": [["a", {"?": 1}]]}),
        frame({"d": [["a", {"s": 1}]]}),
        frame({"d": [[["a"], 1]]}),
        frame({"d": ["a"]}),
        frame({"l": []}),
        frame({"d": [["a", {"f": "1"}]]}),
    ],
)
def test_malformed_frames_are_refused(header: bytes, payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(header, payload)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_noise_never_does_more_than_be_refused(header: bytes, payload: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.decode(header, payload)


@given(st.binary(min_size=16, max_size=16))
def test_prefixes_of_noise_are_refused(prefix: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.sizes(b"GWF0" + prefix[4:], max_payload=10)


def test_announced_sizes_are_capped() -> None:
    big = wire.PREFIX.pack(wire.MAGIC, wire.MAX_HEADER_BYTES + 1, 0)
    with pytest.raises(wire.WireError, match="header"):
        wire.sizes(big, max_payload=10)
    with pytest.raises(wire.WireError, match="arrays"):
        wire.sizes(wire.PREFIX.pack(wire.MAGIC, 2, 11), max_payload=10)


def test_a_boolean_that_is_neither_becomes_true() -> None:
    header, payload = frame({"d": [["a", {"n": ["bool", [2]]}]]}, b"\x02\x00")
    back = wire.decode(header, payload)["a"]
    assert back.view(np.uint8).tolist() == [1, 0]
