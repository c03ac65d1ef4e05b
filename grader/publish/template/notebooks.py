"""Makes the notebooks of this folder importable: their definitions, and no training cell.

`python notebooks.py SCRIPT ARGUMENT ...` runs a script of this folder that imports them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import runpy
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parent
TESTS = ROOT / "tests"


class NotebookLoader(importlib.abc.InspectLoader):
    """Loads what is defined in one notebook."""

    def get_source(self, fullname: str) -> str:
        """What grading takes out of the notebook too."""
        sys.path.insert(0, str(TESTS))
        try:
            from intake.limits import Notes  # type: ignore[import-not-found]
            from intake.notebook import definitions  # type: ignore[import-not-found]
        finally:
            sys.path.remove(str(TESTS))
        about = json.loads((TESTS / "assignment.json").read_text(encoding="utf-8"))
        path = f"{fullname}.ipynb"
        names = {name for name, file in about["files"].items() if file == path}
        wanted = {c.split(".")[1] for c in about["contracts"] if c.split(".")[0] in names}
        notes = Notes()
        source: str = definitions((ROOT / path).read_bytes(), path, notes, wanted).decode()
        for note in notes.texts:
            warnings.warn(note, stacklevel=1)
        return source

    def get_code(self, fullname: str) -> CodeType:
        source, name = self.get_source(fullname), f"<{fullname}.ipynb>"
        # Where tracebacks look for lines.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        return compile(source, name, "exec")

    def is_package(self, fullname: str) -> bool:
        return False


class NotebookFinder(importlib.abc.MetaPathFinder):
    """Finds a notebook of the name that is imported; asked before any other finder."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is not None or not (ROOT / f"{fullname}.ipynb").is_file():
            return None
        return importlib.util.spec_from_loader(fullname, NotebookLoader())


def install() -> None:
    """From here on, `import NAME` finds NAME.ipynb in this folder."""
    if not any(isinstance(finder, NotebookFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, NotebookFinder())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python notebooks.py SCRIPT ARGUMENT ...")
    install()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
