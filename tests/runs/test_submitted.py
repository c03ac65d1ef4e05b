"""What students hand in of a run: found by its name, wherever it lies, and read with care."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from grader.assignment import Assignment, Run
from grader.intake import Candidate, Submission, read_submission
from grader.measures.artefacts import ArtefactError
from grader.runs.submitted import NothingSubmittedError, find_submitted
from tests.conftest import RIGHT

TENSORS = {"layer.weight": torch.randn(3, 2), "layer.bias": torch.randn(3)}
WEIGHTS = save(TENSORS)


def npy(array: Any, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


@pytest.fixture
def run(toy_with_run: Assignment) -> Run:
    """A run of one case."""
    return toy_with_run.run("fit").model_copy(update={"cases": ()})


def submission(toy: Assignment, root: Path, files: dict[str, bytes]) -> Submission:
    for name, content in ({k: v.encode() for k, v in RIGHT.items()} | files).items():
        path = root / "alice" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return read_submission(Candidate("alice", root / "alice"), toy)


@pytest.fixture
def found(toy_with_run: Assignment, run: Run, tmp_path: Path) -> Any:
    def find(files: dict[str, bytes], case: str = "") -> Any:
        return find_submitted(submission(toy_with_run, tmp_path, files), run, case)

    return find


@pytest.mark.parametrize("folder", ["", "models/", "q1/results of run 3/"])
def test_weights_claims_and_arrays_are_found_anywhere(found: Any, folder: str) -> None:
    got = found(
        {
            f"{folder}fit.safetensors": WEIGHTS,
            f"{folder}fit.json": b'{"elbo": -101.5}',
            f"{folder}fit-samples.npy": npy(np.ones((2, 3))),
        }
    )
    (weights,) = got.artefacts.weights.values()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(weights[name], tensor.numpy())
    assert got.artefacts.claims == {"elbo": -101.5}
    np.testing.assert_array_equal(got.artefacts.arrays["samples"], np.ones((2, 3)))
    assert sorted(got.paths) == sorted(
        folder + name for name in ("fit.safetensors", "fit.json", "fit-samples.npy")
    )


def test_files_in_an_archive_count_too(toy_with_run: Assignment, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "alice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in RIGHT.items():
            archive.writestr(f"alice/{name}", text)
        archive.writestr("alice/weights/Fit.safetensors", WEIGHTS)
    got = find_submitted(read_submission(Candidate("alice", path), toy_with_run), run, "")
    assert len(got.artefacts.weights["fit"]) == 2 and got.artefacts.claims == {}


def test_weights_alone_are_enough_and_the_highest_counts(found: Any) -> None:
    other = save({"old": torch.zeros(1)})
    got = found({"fit.safetensors": WEIGHTS, "attic/fit.safetensors": other})
    assert got.paths == ("fit.safetensors",)


def test_arrays_are_taken_for_what_they_are(found: Any) -> None:
    """A run that leaves no weights needs no file of weights."""
    got = found({"fit-samples.npy": npy(np.ones((2, 3))), "fit.json": b'{"rate": 0.5}'})
    assert list(got.artefacts.arrays) == ["samples"] and got.artefacts.claims == {"rate": 0.5}
    assert got.artefacts.weights == {}
    with pytest.raises(NothingSubmittedError, match=r"fit\.pt is a pickle"):
        found({"fit.pt": b"anything"})


def test_claims_alone_are_nothing_that_could_be_measured(found: Any) -> None:
    with pytest.raises(NothingSubmittedError, match=r"nor an array fit-NAME\.npy"):
        found({"fit.json": b'{"rate": 0.5}'})


def test_every_case_has_files_of_its_own(found: Any) -> None:
    files = {
        "fit-a-1.safetensors": save({"x": torch.ones(1)}),
        "fit-a-10.safetensors": save({"x": torch.ones(10)}),
        "fit-a-10.json": b'{"x": 10}',
        "fit-a-10-path.npy": npy(np.ones(3)),
    }
    one, ten = found(files, "a-1"), found(files, "a-10")
    assert one.artefacts.weights["fit"]["x"].shape == (1,)
    assert one.artefacts.claims == {} and one.artefacts.arrays == {}
    assert ten.artefacts.claims == {"x": 10.0} and list(ten.artefacts.arrays) == ["path"]
    with pytest.raises(NothingSubmittedError, match=r"no fit-b\.safetensors was handed in"):
        found(files, "b")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64])
def test_weights_of_any_width_are_read(found: Any, dtype: torch.dtype) -> None:
    got = found({"fit.safetensors": save({"x": torch.tensor([1, 2], dtype=dtype)})})
    assert got.artefacts.weights["fit"]["x"].tolist() == [1, 2]


@pytest.mark.parametrize("ending", ["pt", "pth", "pkl", "ckpt", "bin"])
def test_a_pickle_is_named_with_the_remedy_and_never_opened(found: Any, ending: str) -> None:
    stream = io.BytesIO()
    torch.save({"x": torch.ones(1)}, stream)
    with pytest.raises(NothingSubmittedError) as failure:
        found({f"q1/fit.{ending}": stream.getvalue()})
    text = str(failure.value)
    assert text.startswith(f"q1/fit.{ending} is a pickle, which can run code")
    assert "safetensors.torch.save_file(model.state_dict(), 'fit.safetensors')" in text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"fit.safetensors": WEIGHTS[:-1]}, "fit.safetensors: the safetensors file is cut off"),
        ({"fit.safetensors": b"\x80\x02pickle"}, "was written by `torch.save` or `pickle`"),
        ({"fit.safetensors": WEIGHTS, "fit.json": b"["}, "fit.json: the claims are not JSON"),
        ({"fit.safetensors": WEIGHTS, "fit.json": b"[1]"}, "fit.json: the claims must be one"),
        (
            {"fit.safetensors": WEIGHTS, "fit.json": json.dumps({"elbo": "-80"}).encode()},
            "fit.json: the claim `elbo` is not a number",
        ),
        (
            {"fit.safetensors": WEIGHTS, "a/fit-x.npy": npy([object()], pickled=True)},
            "a/fit-x.npy: the array's dtype is object",
        ),
        ({"fit.safetensors": WEIGHTS, "fit-x.npy": b"no array"}, "fit-x.npy: the file is not a"),
    ],
)
def test_what_cannot_be_read_is_named(found: Any, files: dict[str, bytes], words: str) -> None:
    with pytest.raises(ArtefactError, match=re.escape(words)) as failure:
        found(files)
    assert not isinstance(failure.value, NothingSubmittedError)
