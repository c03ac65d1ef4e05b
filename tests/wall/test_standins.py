"""Who gets a stand-in for a package that is not installed."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.wall.behind import standins
from grader.wall.behind.standins import StandIns

OPTIONAL = """
try:
    import no_such_optional
except ImportError:
    no_such_optional = None
"""


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Finders as a student's import has them, and a folder for files of the student's."""
    library, student = tmp_path / "library", tmp_path / "student"
    for folder in (library, student):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(standins, "LIBRARIES", (*standins.LIBRARIES, f"{library}/"))
    (library / "some_library.py").write_text(OPTIONAL)
    finder = StandIns(frozenset())
    sys.meta_path.append(finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        for name in ("some_library", "some_answer", "no_such_optional", "no_such_bar"):
            sys.modules.pop(name, None)


def imported(tmp_path: Path, text: str) -> object:
    (tmp_path / "student" / "some_answer.py").write_text(text)
    return importlib.import_module("some_answer")


def test_a_students_import_gets_one(stand_ins: StandIns, tmp_path: Path) -> None:
    module = imported(tmp_path, "import no_such_bar\nnumbers = list(no_such_bar.bar(range(3)))\n")
    assert vars(module)["numbers"] == [0, 1, 2]
    assert stand_ins.used == {"no_such_bar"}


def test_import_module_in_a_students_file_gets_one(stand_ins: StandIns, tmp_path: Path) -> None:
    imported(tmp_path, "import importlib\nbar = importlib.import_module('no_such_bar')\n")
    assert stand_ins.used == {"no_such_bar"}


def test_a_librarys_optional_import_finds_nothing(stand_ins: StandIns, tmp_path: Path) -> None:
    """A library that believes in a package that is not there would go on to use it."""
    module = imported(tmp_path, "import some_library\n")
    assert vars(module)["some_library"].no_such_optional is None
    assert stand_ins.used == set()


def test_installed_packages_are_libraries() -> None:
    assert sysconfig.get_path("purelib") + "/" in standins.LIBRARIES
    assert Path(importlib.__file__).is_relative_to(sysconfig.get_path("stdlib"))
