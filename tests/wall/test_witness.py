"""What a submission changes of that which drives it is told, and costs no mark."""

from __future__ import annotations

import pytest

from grader.assignment import Assignment
from grader.suite.remote import Remote
from grader.wall.isolation import WallKind
from tests.conftest import RIGHT, SharedWarm

HONEST = "\ndef mean(x):\n    return x.mean(dim=1)\n"
PROBES = "import sys\nprobes = sys.modules['grader_probes']\n"
DRIVING = "import sys\ndriving = sys.modules['grader_driving']\n"
CHANGES = {
    "grader_probes.mean_and_input": f"{PROBES}probes.mean_and_input = lambda impl, x: x",
    "grader_driving.plain": f"{DRIVING}driving.plain.__code__ = (lambda value: value).__code__",
    "grader_driving.slopes": f"{DRIVING}driving.slopes.__kwdefaults__ = {{'seed': 1, 'result': 1}}",
    "grader_driving.WatchedSGD.step": f"{DRIVING}driving.WatchedSGD.step = print",
    "behind.worker.Worker._call": "import sys\n"
    "sys.modules['behind.worker'].Worker._call = lambda *_: 1",
    "worker.operations.call": "import gc, sys\n"
    "kind = sys.modules['behind.worker'].Worker\n"
    "own = next(o for o in gc.get_objects() if type(o) is kind)\n"
    "own._operations['call'] = lambda request: 1",
}


def concerns(warm: SharedWarm, wall: WallKind, toy: Assignment, code: str) -> list[str]:
    """What is said of a submission whose `mean.py` begins with this code."""
    files = {**RIGHT, "mean.py": code + HONEST}
    content = {name: text.encode() for name, text in files.items()}
    remote = Remote(warm(wall, toy.description.limits), toy, content)
    remote.begin("first", "q1.1")
    remote.require("mean")
    remote.close()
    return remote.concerns


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_drives_a_submission_is_told_by_name(
    name: str, wall: WallKind, shared_warm: SharedWarm, toy: Assignment
) -> None:
    (said,) = concerns(shared_warm, wall, toy, CHANGES[name])
    assert said.startswith(f"mean.py: what drives the submission was changed, {name}: ")


def test_what_probes_use_is_told_and_accuses_nobody(
    wall: WallKind, shared_warm: SharedWarm, toy: Assignment
) -> None:
    code = "import torch\ntorch.manual_seed = lambda seed: None\ntorch.hann_window = None\n"
    (said,) = concerns(shared_warm, wall, toy, code)
    assert "replaces torch.manual_seed, which probes use" in said
    assert "may be harmless" in said


def test_nothing_is_said_of_others(
    wall: WallKind, shared_warm: SharedWarm, toy: Assignment
) -> None:
    code = "import torch\ntorch.manual_seed(3)\ntorch.set_default_dtype(torch.float64)\n"
    assert concerns(shared_warm, wall, toy, code) == []
