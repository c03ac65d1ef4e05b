"""How the tests of `reference/` get hold of the modules there.

The reference is no package: its files are the students' files, flat folders whose module names
(`gan`, `train`, `utils`) occur in several assignments. So no test imports them by name.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parents[2] / "reference"

LoadReference = Callable[[str, str], ModuleType]


@pytest.fixture(scope="session")
def load_reference() -> LoadReference:
    """Load `reference/<assignment>/<name>.py` by its path, under a private name, once."""

    def load(assignment: str, name: str) -> ModuleType:
        private_name = f"_reference_{assignment}_{name}"
        if private_name not in sys.modules:
            path = REFERENCE / assignment / f"{name}.py"
            spec = importlib.util.spec_from_file_location(private_name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            # Dataclasses look their module up here while it is still being executed.
            sys.modules[private_name] = module
            spec.loader.exec_module(module)
        return sys.modules[private_name]

    return load


@pytest.fixture
def load_with_siblings(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadReference]:
    """Import a file that imports its neighbours, as `python <name>.py` would find them.

    The neighbours are forgotten after the test, for the next assignment may have the same names.
    """
    imported: set[str] = set()

    def load(assignment: str, name: str) -> ModuleType:
        folder = REFERENCE / assignment
        monkeypatch.syspath_prepend(str(folder))
        imported.update(path.stem for path in folder.glob("*.py"))
        return importlib.import_module(name)

    yield load
    for name in imported:
        sys.modules.pop(name, None)
