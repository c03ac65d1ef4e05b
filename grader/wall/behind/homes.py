"""Where the student's files lie: the working folder and the path of imports, as they had them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


class Homes:
    """The folders of a submission's files, one of which is at home at a time.

    At home means: it is the working folder, and imports look there first, then in the folders
    around it, then where else files of the assignment lie. Modules of one name in two homes are
    two modules.

    Args:
        submission: the folder of the student's files, which cannot be written.
        scratch: where a copy of them is made to work in, which can.
    """

    def __init__(self, submission: str, scratch: str) -> None:
        self._submission = submission
        self._work = str(Path(scratch, "work"))
        with contextlib.suppress(OSError):
            shutil.copytree(submission, self._work, copy_function=shutil.copyfile)
        self._known: list[str] = []
        self._here: str | None = None
        self._modules: dict[str, dict[str, types.ModuleType]] = {}

    def enter(self, folder: str) -> bool:
        """Be at home in a folder, given by its path in the submission; was that another before?"""
        if folder == self._here:
            return False
        if folder not in self._known:
            self._known.append(folder)
        if self._here is not None:
            own = {name: m for name, m in list(sys.modules.items()) if self._is_students(m)}
            self._modules[self._here] = own
            for name in own:
                del sys.modules[name]
        sys.modules.update(self._modules.get(folder, {}))
        self._here = folder
        first = next((i for i, p in enumerate(sys.path) if self._is_inside(p)), 0)
        others = [path for path in sys.path if not self._is_inside(path)]
        searched = [*_and_around(folder), *self._known]
        inside = [str(Path(self._submission, place)) for place in dict.fromkeys(searched)]
        sys.path[:] = [*others[:first], *inside, *others[first:]]
        self.work_in(folder)
        return True

    def work_in(self, folder: str) -> None:
        """Make a folder the working folder."""
        with contextlib.suppress(OSError):  # none could be made, or the code removed it
            os.chdir(Path(self._work, folder))

    def around(self, folder: str) -> list[str]:
        """The folder and those around it, from the inside out."""
        return list(_and_around(folder))

    def _is_inside(self, path: str) -> bool:
        return path == self._submission or path.startswith(self._submission + "/")

    def _is_students(self, module: types.ModuleType) -> bool:
        # Not by getattr: some libraries' modules import more when they are asked.
        file = getattr(module, "__dict__", {}).get("__file__")
        return isinstance(file, str) and self._is_inside(file)


def _and_around(folder: str) -> Iterator[str]:
    path = PurePosixPath(folder)
    for place in (path, *path.parents):
        yield "" if str(place) == "." else str(place)
