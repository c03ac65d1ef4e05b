"""Writes a data set as .npy files, for mounting read-only behind the wall.

A folder holds `<name>-<split>.npy` for each array, for text also `<name>-alphabet.npy` (the ASCII
codes of the alphabet's characters, uint8), and `<name>.json`, which is written last: what it says
is there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from grader.data.dataset import Array, DataError, DataSet
from grader.data.writing import FOLDER_MODE, make_folder, replacing

VARIABLE = "GRADER_CACHE"


def export(dataset: DataSet, folder: Path) -> Path:
    """Write the arrays into a folder, which everybody may then read; gives the folder.

    Nothing is written where the folder has this very data set already. Two processes may do this
    at once.

    Raises:
        DataError: the disk is full, or the folder cannot be written to.
    """
    files = {f"{dataset.name}-{split}.npy": a for split, a in dataset.arrays.items()}
    if dataset.alphabet is not None:
        letters = np.frombuffer(dataset.alphabet.encode("ascii"), dtype=np.uint8)
        files[f"{dataset.name}-alphabet.npy"] = letters
    marker = folder / f"{dataset.name}.json"
    if _is_there(marker, dataset.digest, files):
        return folder
    try:
        make_folder(folder)
        folder.chmod(FOLDER_MODE)
        marker.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror})") from None
    sizes = {name: _write(folder / name, values) for name, values in files.items()}
    about = {
        "name": dataset.name,
        "kind": dataset.kind,
        "description": dataset.description,
        "digest": dataset.digest,
        "bytes": sizes,
    }
    with replacing(marker) as file:
        file.write(json.dumps(about, indent=1).encode())
    return folder


def cached_export(dataset: DataSet) -> Path:
    """The folder below `cache_folder()` that holds this very data set, made if need be."""
    return export(dataset, cache_folder() / f"{dataset.name}-{dataset.digest[:16]}")


def cache_folder() -> Path:
    """GRADER_CACHE, else `~/.cache/grader`, for root `/var/cache/grader`.

    Everything in it can be made again. Root's home is closed to the ordinary user that student
    code runs as.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given).resolve()
    if hasattr(os, "getuid") and os.getuid() == 0:
        return Path("/var/cache/grader")
    return Path.home() / ".cache" / "grader"


def _is_there(marker: Path, digest: str, names: dict[str, Array]) -> bool:
    """Whether the marker is of this data set, and the files have the sizes that it says."""
    try:
        about = json.loads(marker.read_bytes())
        sizes = about["bytes"]
        return (
            about["digest"] == digest
            and set(sizes) == set(names)
            and all((marker.parent / name).stat().st_size == sizes[name] for name in names)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(path: Path, values: Array) -> int:
    """Write a .npy file; gives its size in bytes."""
    with replacing(path) as file:
        np.lib.format.write_array(file, values, allow_pickle=False)
        return file.tell()
