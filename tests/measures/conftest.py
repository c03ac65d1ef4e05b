"""The reference's games, for comparison with the closed form."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parents[2] / "reference" / "ift6135_a3"


@pytest.fixture
def run_exp(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The reference's `run_exp.py`, with its neighbours, which are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(REFERENCE))
    yield importlib.import_module("run_exp")
    for path in REFERENCE.glob("*.py"):
        sys.modules.pop(path.stem, None)
