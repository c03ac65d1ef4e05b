"""Artefacts that a student handed in: found by their names, read as the strangers' bytes they are.

For a run whose files have the stem `vae`: `vae.safetensors` holds the weights, `vae.json` the
claims, `vae-NAME.npy` arrays; of one case of several, `vae-CASE.safetensors` and so on. Weights or
arrays are enough: which of them a run is measured by, its measures say.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from grader.assignment import Run
from grader.intake import Submission
from grader.measures.artefacts import ArtefactError, read_array, read_claims
from grader.measures.weights import read_safetensors
from grader.runs.artefacts import Artefacts

T = TypeVar("T")

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")


class NothingSubmittedError(ArtefactError):
    """There is nothing of this run; the message names the file that was looked for."""


@dataclass(frozen=True)
class Submitted:
    """What was found, and the paths of the files."""

    artefacts: Artefacts
    paths: tuple[str, ...]


def find_submitted(submission: Submission, run: Run, case: str) -> Submitted:
    """The artefacts of one case of a run in a submission.

    Raises:
        NothingSubmittedError: there are neither weights nor arrays, or weights that are not opened.
        ArtefactError: a file is damaged, too large, or not of the kind that it should be.
    """
    stem = f"{run.submitted}-{case}" if case else str(run.submitted)
    arrays, paths = {}, []
    for path in sorted(submission.handed_in):
        name = posixpath.basename(path)
        if name.startswith(f"{stem}-") and name.endswith(".npy"):
            arrays[name[len(stem) + 1 : -4]] = _read(path, read_array, submission)
            paths.append(path)
    file = _find(submission, f"{stem}.safetensors")
    if file is None and (not arrays or _pickled(submission, stem)):
        raise NothingSubmittedError(_missing(submission, stem))
    tensors = {}
    if file is not None:
        tensors = _read(file, read_safetensors, submission)
        paths.append(file)
    claims: dict[str, float] = {}
    if told := _find(submission, f"{stem}.json"):
        claims = _read(told, read_claims, submission)
        paths.append(told)
    # numpy has no bfloat16, nor what is smaller.
    weights = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in tensors.items()
    }
    artefacts = Artefacts(
        weights={run.id: weights} if weights else {}, arrays=arrays, claims=claims
    )
    return Submitted(artefacts, tuple(paths))


def _read(path: str, reader: Callable[[bytes], T], submission: Submission) -> T:
    try:
        return reader(submission.handed_in[path])
    except ArtefactError as error:
        raise ArtefactError(f"{path}: {error}") from None


def _find(submission: Submission, name: str) -> str | None:
    """The path of the file with that name, the one that lies highest if there are several."""
    paths = [p for p in submission.handed_in if posixpath.basename(p).lower() == name.lower()]
    return min(paths, key=lambda p: (p.count("/"), p), default=None)


def _pickled(submission: Submission, stem: str) -> str | None:
    """The path of a pickle that may hold the weights."""
    for path in submission.unread:
        name, ending = posixpath.splitext(posixpath.basename(path).lower())
        if ending in PICKLES and name == stem.lower():
            return path
    return None


def _missing(submission: Submission, stem: str) -> str:
    wanted = f"{stem}.safetensors"
    if path := _pickled(submission, stem):
        return (
            f"{path} is a pickle, which can run code when it is opened, and is not opened; "
            f"save the weights with safetensors.torch.save_file(model.state_dict(), {wanted!r})"
        )
    return f"no {wanted} was handed in, nor an array {stem}-NAME.npy"
