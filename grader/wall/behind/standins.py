"""Stand-ins for packages that are not installed here, so that an idle `import tqdm` costs nothing.

A student's file often imports a progress bar or a plotting package that no graded function uses. A
stand-in takes any attribute, call or loop and does nothing; whatever relies on its results gets no
right value from it. Which ones were needed is reported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import sysconfig
import types
from collections.abc import Iterator, Sequence
from typing import Any

LIBRARIES = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
IMPORTERS = ("<frozen importlib", sysconfig.get_path("stdlib") + "/importlib/")


class Nothing:
    """Takes whatever is done to it; a loop over its call runs over the call's first argument."""

    def __init__(self, name: str, wrapped: Any = None) -> None:
        self.__name__ = name
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(f"{self.__name__}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # As a decorator it leaves a function as it is; as a progress bar it hands its items on.
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType):
            return args[0]
        return Nothing(self.__name__, args[0] if args else None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._wrapped if self._wrapped is not None else ())

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class StandInModule(types.ModuleType):
    """A package that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(f"{self.__name__}.{name}")


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: makes a stand-in where every other finder found nothing.

    Attributes:
        used: top-level names that were stood in for.
    """

    def __init__(self, own: frozenset[str]) -> None:
        """Args: own: names that are the assignment's, of which no stand-in is ever made."""
        self._own = own
        self.used: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for a name that nobody knows; None for what must fail as it does."""
        top = fullname.partition(".")[0]
        parent = sys.modules.get(top)
        if top in self._own or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        if parent is not None and not isinstance(parent, StandInModule):
            return None  # a part that a real package does not have
        if _asked_by_a_library():
            return None  # it knows how to do without; a stand-in would have it take another way
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The stand-in."""
        self.used.add(spec.name.partition(".")[0])
        return StandInModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to execute."""


def _asked_by_a_library() -> bool:
    """Whether the import under way stands in an installed package, not in a student's file."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith(IMPORTERS):
            return file.startswith(LIBRARIES)
        frame = frame.f_back
    return False
