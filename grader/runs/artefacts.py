"""What a run leaves: plain arrays and numbers, checked when they come, kept as files.

A folder of artefacts holds `weights/<group>.safetensors`, `arrays/<name>.npy`,
`curves/<name>.csv`, `claims.json`, and in `files.json` the size of each of them. Nothing in it can
hold code.
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file

from grader.measures.artefacts import ArtefactError

Array = npt.NDArray[Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
TENSOR_NAME = re.compile(r"[\w.\-]{1,200}")
MAX_ENTRIES = 4096
# Artefacts of a kind, each of which is a file or a network to be measured; columns of a curve.
MAX_NAMED = 64
# Numbers in a curve, which is kept as text and drawn; honest ones hold some hundreds.
MAX_VALUES = 500_000
FILES = "files.json"


@dataclass(frozen=True)
class Artefacts:
    """Everything that one case of a run left.

    Attributes:
        weights: state dictionaries by name of the network.
        arrays: samples, trajectories, values on a grid.
        curves: columns of equal length by name, e.g. `step` and `loss`.
        claims: figures that the submission's own functions gave.
    """

    weights: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    claims: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_plain(cls, value: Any) -> Artefacts:
        """What came over the wire, whatever it is.

        Raises:
            ArtefactError: it is not what a run leaves; the message says where.
        """
        parts = _mapping(value, "what the run left")
        unknown = sorted(set(parts) - {"weights", "arrays", "curves", "claims"})
        if unknown:
            raise ArtefactError(f"the run left {unknown[0]!r}, which is not a kind of artefact")
        return cls(
            weights={
                name: {
                    _tensor_name(k): _array(v, f"weights {name}.{k}")
                    for k, v in _mapping(group, f"weights {name}").items()
                }
                for name, group in _named(parts.get("weights", {}), "weights")
            },
            arrays={
                name: _array(v, f"array {name}")
                for name, v in _named(parts.get("arrays", {}), "arrays")
            },
            curves={
                name: _curve(v, f"curve {name}")
                for name, v in _named(parts.get("curves", {}), "curves")
            },
            claims={
                name: _number(v, f"claim {name}")
                for name, v in _named(parts.get("claims", {}), "claims")
            },
        )

    def save(self, folder: Path) -> None:
        """Write all files; the folder is there as a whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
            new = Path(scratch) / folder.name
            for part in ("weights", "arrays", "curves"):
                (new / part).mkdir(parents=True)
            for name, tensors in self.weights.items():
                whole = {k: np.asarray(v, order="C") for k, v in tensors.items()}
                save_file(whole, new / "weights" / f"{name}.safetensors")
            for name, array in self.arrays.items():
                np.save(new / "arrays" / f"{name}.npy", array, allow_pickle=False)
            for name, columns in self.curves.items():
                _write_csv(new / "curves" / f"{name}.csv", columns)
            (new / "claims.json").write_text(json.dumps(dict(self.claims), indent=1))
            (new / FILES).write_text(json.dumps(_sizes(new), indent=1))
            if folder.exists():
                shutil.rmtree(folder)
            new.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> Artefacts:
        """Read what `save` wrote.

        Raises:
            ArtefactError: a file is damaged or missing.
        """
        try:
            for name, size in json.loads((folder / FILES).read_text()).items():
                if (folder / name).stat().st_size != size:
                    raise ValueError(f"{name} has not the {size} bytes that it had")
            return cls(
                weights={
                    p.stem: load_file(p) for p in sorted((folder / "weights").glob("*.safetensors"))
                },
                arrays={
                    p.stem: np.load(p, allow_pickle=False)
                    for p in sorted((folder / "arrays").glob("*.npy"))
                },
                curves={p.stem: _read_csv(p) for p in sorted((folder / "curves").glob("*.csv"))},
                claims=json.loads((folder / "claims.json").read_text()),
            )
        except Exception as error:
            raise ArtefactError(
                f"{folder}: damaged artefacts ({error}); remove the folder"
            ) from None


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_ENTRIES:
        raise ArtefactError(f"{what} is not a table of named values")
    if not all(isinstance(key, str) for key in value):
        raise ArtefactError(f"{what} has a name that is not text")
    return value


def _named(value: Any, what: str) -> list[tuple[str, Any]]:
    """Entries whose names are fit to be names of files."""
    entries = list(_mapping(value, what).items())
    if len(entries) > MAX_NAMED:
        raise ArtefactError(f"{what} have {len(entries)} names; at most {MAX_NAMED} are kept")
    for name, _ in entries:
        if not NAME.fullmatch(name):
            raise ArtefactError(f"{what} have a name that cannot be that of a file: {name[:80]!r}")
    return entries


def _tensor_name(name: str) -> str:
    # The one name that the safetensors format keeps for itself.
    if not TENSOR_NAME.fullmatch(name) or name == "__metadata__":
        raise ArtefactError(f"no tensor of a network is called {name[:80]!r}")
    return name


def _array(value: Any, what: str) -> Array:
    if isinstance(value, torch.Tensor):
        value = value.float() if value.dtype == torch.bfloat16 else value
        value = value.detach().numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise ArtefactError(f"{what} is not an array of numbers")
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        array = _array(np.asarray(value) if isinstance(value, np.generic) else value, what)
        value = array.item() if array.size == 1 else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArtefactError(f"{what} is not a number")
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf


def _curve(value: Any, what: str) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    left = MAX_VALUES
    for name, column in _named(value, what):
        # Asked first: a byte of the answer would become a number of eight, and a line of text.
        held = column if isinstance(column, list) else _array(column, f"{what}.{name}").reshape(-1)
        left -= len(held)
        if left < 0:
            raise ArtefactError(f"{what} holds more than {MAX_VALUES} numbers")
        if isinstance(column, list):
            column = np.array([_number(entry, f"{what}.{name}") for entry in column])
        columns[name] = _array(column, f"{what}.{name}").astype(np.float64)
    if not columns:
        raise ArtefactError(f"{what} has no columns")
    lengths = {column.shape for column in columns.values()}
    if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
        raise ArtefactError(f"{what}: its columns must be of one length")
    return columns


def _write_csv(path: Path, columns: Mapping[str, Array]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def _read_csv(path: Path) -> dict[str, Array]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(cell) for cell in row] for row in rows]).reshape(-1, len(header))
    return {name: values[:, n] for n, name in enumerate(header)}
