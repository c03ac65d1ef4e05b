"""Weights, claims and arrays: what is right goes in, and each wrong thing gets its own sentence."""

import io
import json
import math
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import Tensor, nn

from grader.measures.weights import (
    ArtefactError,
    load_weights,
    read_array,
    read_claims,
    read_safetensors,
)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def state() -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network().state_dict().items()}


def header(entries: Any, payload: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + payload


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_any_width_are_loaded(dtype: torch.dtype) -> None:
    wanted = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state().items()}
    module = network()
    load_weights(module, read_safetensors(save(wanted)))
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, wanted[name].to(tensor.dtype))


def test_arrays_are_as_good_as_tensors() -> None:
    arrays = {name: tensor.numpy() for name, tensor in state().items()}
    module = network()
    load_weights(module, arrays)
    assert np.array_equal(module.state_dict()["0.weight"].numpy(), arrays["0.weight"])


def test_the_names_of_wrappers_are_taken_off() -> None:
    wanted = state()
    module = network()
    load_weights(module, {f"module._orig_mod.{name}": t for name, t in wanted.items()})
    assert torch.equal(module.state_dict()["0.weight"], wanted["0.weight"])
    with pytest.raises(ArtefactError, match=r"lack `0\.weight`"):
        load_weights(module, {f"module.{n}": t for n, t in wanted.items()}, allow_prefixes=())


def change(**changed: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tensors: tensors.update({n.replace("__", "."): t for n, t in changed.items()})


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda t: t.pop("0.bias"), "lack `0.bias`"),
        (lambda t: t.clear(), "`1.running_mean` and 2 more"),
        (change(extra=torch.zeros(1)), "have `extra`"),
        (change(**{"0__weight": torch.zeros(4, 2)}), r"`0.weight` has shape \(4, 2\);.*\(4, 3\)"),
        (change(**{"0__weight": torch.zeros(4, 3).long()}), "dtype int64; floats are wanted"),
        (change(**{"0__weight": torch.zeros(4, 3) + 0j}), "dtype complex64"),
        (change(**{"0__weight": np.array([["x"] * 3] * 4)}), "floats are wanted"),
        (change(**{"1__num_batches_tracked": torch.zeros(())}), "an integer is wanted"),
        (change(**{"0__bias": torch.full((4,), math.nan)}), "`0.bias` has 4 of 4 .* NaN"),
        (
            change(**{"0__bias": torch.full((4,), 1e300, dtype=torch.float64)}),
            "4 of 4",
        ),  # too large here
        (change(**{"0__weight": torch.zeros(600, 600)}), "1.4 MiB; at most 1 MiB"),
    ],
)
def test_wrong_weights_get_a_sentence_and_change_nothing(
    spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    tensors: dict[str, Any] = dict(state())
    spoil(tensors)
    module = network()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(ArtefactError, match=sentence):
        load_weights(module, tensors, max_mib=1)
    assert all(torch.equal(before[n], t) for n, t in module.state_dict().items())


def test_a_file_is_read_as_its_content(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(state(), path)
    assert read_safetensors(path).keys() == read_safetensors(path.read_bytes()).keys()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "of 0 bytes, is not in"),
        (b"PK\x03\x04 and so on", "torch.save.*safetensors.torch.save_file"),
        (pickle.dumps({"0.bias": 1}), "torch.save"),
        (b"this is a text, not weights", "not in the safetensors format"),
        (b"\xff" * 40, "not in the safetensors format"),
        (header(b"{not json}"), "are not JSON"),
        (header(b'{"a":' + b"[" * 100_000), "are not JSON"),
        (
            header(
                b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
                bytes(8),
            ),
            "`a` twice",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(4)),
            "cut off",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)),
            "damaged",
        ),
        (header({"a": {"dtype": "Q9", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)), "damaged"),
        (header({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}), "cut off|damaged"),
        (header({"a": 3}), "damaged"),
    ],
)
def test_what_is_no_safetensors_file_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ArtefactError, match=sentence):
        read_safetensors(data)


@pytest.mark.parametrize("length", [0x80, 0x280, 0x4B50, 0x500])
def test_a_header_whose_length_looks_like_a_pickle_or_a_zip_is_read(length: int) -> None:
    """0x280 is how a pickle of protocol 2 begins, and 0x4B50 is `PK`."""
    data = save({"a": torch.ones(1)})
    text = data[8 : 8 + int.from_bytes(data[:8], "little")].ljust(length)
    found = read_safetensors(len(text).to_bytes(8, "little") + text + data[-4:])
    assert found["a"].item() == 1.0


def test_a_file_that_is_cut_off_anywhere_gets_a_sentence() -> None:
    data = save(state())
    for end in range(0, len(data), 7):
        with pytest.raises(ArtefactError):
            read_safetensors(data[:end])


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no disk, and would take all memory
    with pytest.raises(ArtefactError, match=r"1048576\.0 MiB; at most 256 MiB"):
        read_safetensors(path)
    with pytest.raises(ArtefactError, match=r"at most 0\.5 MiB"):
        read_safetensors(bytes(1 << 20), max_mib=0.5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_or_a_folder_or_nothing_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, sentence in [("pipe", "is not a file"), ("none", "cannot be read"), ("", "not a f")]:
        done = threading.Event()

        def read(name: str = name, sentence: str = sentence, done: Any = done) -> None:
            with pytest.raises(ArtefactError, match=sentence):
                read_safetensors(tmp_path / name)
            done.set()

        threading.Thread(target=read, daemon=True).start()
        assert done.wait(10)


def test_claims_are_names_and_numbers() -> None:
    claims = read_claims(b'{"elbo": -101.5, "steps": 5000}')
    assert claims == {"elbo": -101.5, "steps": 5000.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"[1]", "one JSON object"),
        (b"{", "are not JSON"),
        (b"\xff\xfe", "are not JSON"),
        (b"[" * 60_000, "are not JSON"),
        (b'{"a": NaN}', "`a` is nan"),
        (b'{"a": -Infinity}', "`a` is -inf"),
        (b'{"a": 1e999}', "`a` is inf"),
        (b'{"a": 1' + b"0" * 400 + b"}", "`a` is inf"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "are not JSON|`a` is inf"),
        (b'{"a": true}', "`a` is not a number"),
        (b'{"a": "-80"}', "`a` is not a number"),
        (b'{"a": [1]}', "`a` is not a number"),
        (b'{"a": 1, "a": 2}', "`a` twice"),
        (b'{"": 1}', "1 to 80"),
        (b'{"a\\u001b[2J": 1}', "printable"),
        (json.dumps({"a" * 81: 1}).encode(), "1 to 80"),
        (json.dumps({str(i): i for i in range(101)}).encode(), "101 claims; at most 100"),
        (b" " * (64 << 10) + b"{}", "at most 65536"),
    ],
)
def test_other_claims_get_a_sentence(text: bytes, sentence: str) -> None:
    with pytest.raises(ArtefactError, match=sentence):
        read_claims(text)


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4, dtype=">f4"),
        np.array(3, dtype=np.int8),
        np.zeros((0, 5)),
        np.array([True, False]),
        np.array([math.nan]),
    ],
)
def test_an_array_comes_back_as_it_was(array: Any) -> None:
    found = read_array(npy(array))
    assert found.shape == array.shape
    assert found.dtype.isnative
    assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


def crafted(shape: str, descr: str = "'<f8'", payload: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + payload


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a .npy"),
        (b"PK\x03\x04", "npz"),
        (b"1.0 2.0 3.0", "not a .npy"),
        (npy(np.array([{}], dtype=object), allow_pickle=True), "dtype is object"),
        (npy(np.array(["text"])), "numbers are wanted"),
        (npy(np.zeros(2, dtype=[("a", "f4")])), "numbers are wanted"),
        (npy(np.zeros(2) + 1j), "dtype is complex128"),
        (npy(np.zeros(5))[:-1], "takes 40 bytes, and the file has 39"),
        (npy(np.zeros(5)) + b"x", "has 41"),
        (crafted("(1000000000000,)"), "takes 8000000000000 bytes"),
        (crafted("(-1, -1)", payload=bytes(8)), "shape"),
        (crafted("(2 ** 9 ** 9 ** 9,)"), "not a .npy"),
        (crafted("(1,)", descr="'|O'", payload=bytes(8)), "dtype is object"),
        (crafted("(" + "(" * 300), "not a .npy"),
        (b"\x93NUMPY\x07\x00" + crafted("(0,)")[8:], "version 7.0"),
        (npy(np.zeros(200_000)), "at most 1 MiB"),
    ],
)
def test_other_arrays_get_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ArtefactError, match=sentence):
        read_array(data, max_mib=1)


@given(st.binary(max_size=200))
def test_no_bytes_make_a_reader_fail_in_another_way(data: bytes) -> None:
    for read in (read_safetensors, read_claims, read_array):
        for prefix in (b"", b"\x93NUMPY\x01\x00", len(data).to_bytes(8, "little") + b"{"):
            try:
                read(prefix + data)
            except ArtefactError as error:
                assert str(error)
