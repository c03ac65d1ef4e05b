"""Attacks with what training runs leave, and with weights and arrays that are handed in."""

from __future__ import annotations

import json

from tests.attacks.attack import Attack

ARTEFACTS = "artefacts are checked before anything is made of them"

# Goes on in place of the given loop and leaves whatever it likes, as a reply could say as well.
HIJACK = """
import sys
import time

import numpy as np
import torch


def mean(x):
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "_advance_run"):
        frame = frame.f_back
        if frame is None:
            return x.mean(dim=1)
    frame.f_locals["self"]._run = go_on()
    return x.mean(dim=1)


def leaves(**parts):
    at = {"at": torch.zeros(2)}
    return {"weights": {"fit": at}, "arrays": {"path": np.zeros((300, 2))}} | parts

"""


def trained(name: str, tries: str, stopped_by: str, code: str, says: str) -> Attack:
    """An attack in `mean.py`, whose mean is right outside of a training run."""
    files: dict[str, str | bytes] = {"mean.py": HIJACK + code}
    return Attack(name, tries, stopped_by, files, marks=(4, 3), says=says, runs="smoke")


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def safetensors(header: bytes, content: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + content


def handed_in(name: str, tries: str, says: str, *, header: bytes = b"", **arrays: bytes) -> Attack:
    """An attack in weights and arrays; both cases of the run find the same ones."""
    right = {"at": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    weights = safetensors(header or json.dumps(right).encode(), bytes(8))
    files: dict[str, str | bytes] = {}
    for case in ("slow", "fast"):
        files[f"fit-{case}.safetensors"] = weights
        files |= {f"fit-{case}-{key}.npy": content for key, content in arrays.items()}
    return Attack(name, tries, ARTEFACTS, files, marks=(4, 3), says=says, runs="submitted")


EMPTY = "{'descr': '<f4', 'fortran_order': %s, 'shape': %s, }"
SAME_TWICE = b"{" + b",".join(b'"%x":0' % n for n in range(400_000)) + b',"z":0,"z":1}'

RUNNING: list[Attack] = [
    trained(
        "curve_without_end",
        "leave a curve of millions of points, which would be gigabytes of text",
        ARTEFACTS,
        """
def go_on():
    column = np.zeros(20_000_000, dtype=np.int8)
    return leaves(curves={"training": {"step": column, "loss": column}})
    yield
""",
        "holds more than 500000 numbers",
    ),
    trained(
        "curves_of_a_thousand_columns",
        "leave a curve of thousands of columns, which take minutes to draw",
        ARTEFACTS,
        """
def go_on():
    return leaves(curves={"training": {f"y{n}": [1.0, 2.0] for n in range(4000)}})
    yield
""",
        "have 4000 names; at most 64",
    ),
    trained(
        "networks_without_end",
        "leave thousands of networks, each of which would be measured",
        ARTEFACTS,
        """
def go_on():
    return leaves(weights={f"fit-{n}": {"at": torch.zeros(2)} for n in range(4000)})
    yield
""",
        "have 4000 names; at most 64",
    ),
    trained(
        "sleep_through_the_run",
        "train in small steps and sleep in between, which costs no processor time",
        "the time limits of a run",
        """
def go_on():
    for step in range(1, 10**9):
        time.sleep(0.05)
        yield step
""",
        "stopped at step|another case of this run hung",
    ),
    trained(
        "progress_that_lies",
        "tell of progress that is negative, of thousands of digits, or no number",
        "what is told is cut to what can be",
        """
def go_on():
    for step in (-5, 10**4000):
        yield step
        time.sleep(1.05)  # a slice of the run, so that each is told
    yield [torch.full((3,), float("nan"))]
    raise ValueError("done")
""",
        "raised ValueError",
    ),
    handed_in(
        "names_that_come_twice",
        "hand in weights of which the last of hundreds of thousands of names comes twice",
        "have the name `z` twice",
        header=SAME_TWICE,
    ),
    handed_in(
        "arrays_that_no_array_is",
        "hand in empty arrays of exabytes, of a hundred axes, of axes that are not numbers",
        "no array has the shape",
        path=npy(EMPTY % ("True", f"(0, {2**62})")),
        more=npy(EMPTY % ("False", "(" + "0, " * 100 + ")")),
    ),
]
