"""Stand-ins for packages that are not installed here, so that an idle `import tqdm` costs nothing.

A student's file often imports a progress bar or a plotting package that no graded function uses. A
stand-in takes whatever is done to it and does nothing; what relies on its results gets no right
value from it. Which ones were needed, and by which file, is reported.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import dis
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

LIBRARIES = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
IMPORTERS = ("<frozen importlib", sysconfig.get_path("stdlib") + "/importlib/")
MISSING_IS_FINE = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
GIVES_UP = frozenset({"exit", "quit", "_exit"})
# A name as close to one of the assignment's as this is a slip, not a package.
NEAR = 0.85
DECORATED = (types.FunctionType, type, classmethod, staticmethod, nn.Module)
REFLECTED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
SHIFTS = ("lshift", "rshift")


class Nothing:
    """Takes whatever is done to it; a loop over its call runs over the call's first argument."""

    def __init__(self, name: str, wrapped: Any = None) -> None:
        self.__name__ = name
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = _part(self.__name__, name)
        # The same each time, so that a class is itself when an object is asked whether it is one.
        self.__dict__[name] = found
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 3 and isinstance(args[2], dict) and "__qualname__" in args[2]:
            return type(*args)  # as a metaclass
        # As a decorator it leaves a function as it is; as a progress bar it hands its items on.
        if len(args) == 1 and not kwargs and isinstance(args[0], DECORATED):
            return args[0]
        if args and all(isinstance(a, int) for a in args):
            return Nothing(self.__name__, range(*args[:3]))  # as `trange(n)`
        first = args[0] if args else kwargs.get("iterable", kwargs.get("sequence"))
        items = hasattr(first, "__iter__") and not isinstance(first, (str, bytes))
        return Nothing(self.__name__, first if items else None)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        first = next(base for base in bases if isinstance(base, Nothing))
        if any(_makes_itself(base) for base in bases):
            return ()  # a dictionary, say, whose arguments are not for a network
        together: list[Any] = [Base if b is first else b for b in bases if not _dropped(b, first)]
        return (Base,) if first is self and _go_together(*together) else ()

    def __instancecheck__(self, value: Any) -> bool:
        return self.__subclasscheck__(type(value))

    def __subclasscheck__(self, kind: type) -> bool:
        return any(self in vars(k).get("__orig_bases__", ()) for k in kind.__mro__)

    def __iter__(self) -> Iterator[Any]:
        if count := _unpacked(sys._getframe(1)):
            return iter([Nothing(self.__name__) for _ in range(count)])
        return iter(self._wrapped if self._wrapped is not None else ())

    def __next__(self) -> Nothing:
        return Nothing(self.__name__)

    def __len__(self) -> int:
        return len(self._wrapped) if hasattr(self._wrapped, "__len__") else 0

    def __bool__(self) -> bool:
        return False

    def __contains__(self, _item: Any) -> bool:
        return False

    def __getitem__(self, _key: Any) -> Nothing:
        return Nothing(self.__name__)

    def __setitem__(self, _key: Any, _value: Any) -> None:
        return None

    def __delitem__(self, _key: Any) -> None:
        return None

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __str__(self) -> str:
        return str(self.__name__)

    __repr__ = __str__

    def __format__(self, _spec: str) -> str:
        return str(self)

    def __int__(self) -> int:
        return 0

    __index__ = __int__

    def __float__(self) -> float:
        return 0.0

    def __complex__(self) -> complex:
        return 0j

    def __round__(self, _digits: int | None = None) -> Nothing:
        return self

    def _computed(self, *_others: Any) -> Nothing:
        return Nothing(self.__name__)

    def _compared(self, _other: Any) -> bool:
        return False

    for _name in (*REFLECTED, *SHIFTS):
        for _form in ("", "r", "i"):
            locals()[f"__{_form}{_name}__"] = _computed
    for _name in ("neg", "pos", "abs", "invert"):
        locals()[f"__{_name}__"] = _computed
    for _name in ("lt", "le", "gt", "ge"):
        locals()[f"__{_name}__"] = _compared
    del _name, _form


# Python's own messages and a value's type name it; the words of this file mean nothing there.
Nothing.__module__ = "package"
Nothing.__name__ = Nothing.__qualname__ = "not_installed"


class Base(nn.Module):
    """What a class gets that is derived from a stand-in: a network, as Lightning's modules are."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Base:
        made = super().__new__(cls)
        # Some set attributes before they call `super().__init__()`, and some never call it.
        nn.Module.__init__(made)
        return made

    def __init__(self, *_args: Any, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):
                raise
            return Nothing(name)


Base.__module__ = "package"


class StandInModule(types.ModuleType):
    """A package that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return _wanted_by_star(self)
        if name.startswith("__"):
            raise AttributeError(name)
        found = _part(self.__name__, name)
        self.__dict__[name] = found
        return found


StandInModule.__name__ = StandInModule.__qualname__ = "module"


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: makes a stand-in where every other finder found nothing.

    Args:
        own: names that are the assignment's, of which no stand-in is ever made, nor of a slip.

    Attributes:
        used: top-level names that were stood in for, and the file whose import needed each first.
    """

    def __init__(self, own: Collection[str]) -> None:
        self._own = frozenset(own)
        self.used: dict[str, str] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for a name that nobody knows; None for what must fail as it does."""
        top = fullname.partition(".")[0]
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if top.startswith("_") or self._is_a_slip(top):
            return None
        if parent is not None and not isinstance(parent, StandInModule):
            return None  # a part that a real package does not have
        frame = _importer()
        if frame is None or _of_a_library(frame) or _knows_how_to_do_without(frame):
            return None  # a stand-in would have it take another way
        self.used.setdefault(top, frame.f_code.co_filename)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The stand-in."""
        return StandInModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to execute."""

    def _is_a_slip(self, name: str) -> bool:
        plain = {own.lower().replace("_", ""): own for own in self._own}
        name = name.lower().replace("_", "")
        return bool(difflib.get_close_matches(name, plain, n=1, cutoff=NEAR))


class Parts(importlib.abc.MetaPathFinder):
    """An early finder: parts of installed packages that need a package which is not installed.

    `torch.utils.tensorboard` is the best known. It stands in for the part that the student asked
    for, so that the library itself never sees a stand-in.

    Args:
        stand_ins: where the missing package is noted.
    """

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec that forgives a missing package; None where a library asks."""
        frame = _importer()
        if path is None or frame is None or _of_a_library(frame):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        if spec.origin is None or not spec.origin.startswith(LIBRARIES):
            return None
        if not _knows_how_to_do_without(frame):
            spec.loader = _Forgiving(fullname, spec.origin, self._stand_ins, frame)
        return spec


class _Forgiving(importlib.machinery.SourceFileLoader):
    def __init__(
        self, name: str, path: str, stand_ins: StandIns, importer: types.FrameType
    ) -> None:
        super().__init__(name, path)
        self._stand_ins = stand_ins
        self._file = importer.f_code.co_filename

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the part, or make it a stand-in if what it needs is not installed."""
        try:
            super().exec_module(module)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if not missing or missing in sys.modules:
                raise
            self._stand_ins.used.setdefault(missing, self._file)
            for name in [n for n in vars(module) if not n.startswith("__")]:
                del module.__dict__[name]
            module.__class__ = StandInModule


def _dropped(base: Any, first: Nothing) -> bool:
    return isinstance(base, Nothing) and base is not first


def _makes_itself(base: Any) -> bool:
    if not isinstance(base, type) or issubclass(base, nn.Module):
        return False
    return any("__new__" in vars(kind) for kind in base.__mro__[:-1])  # the last is object


def _go_together(*bases: type) -> bool:
    try:
        type("Together", bases, {})
    except TypeError:
        return False
    return True


def _part(package: str, name: str) -> Any:
    if name.endswith(("Error", "Exception", "Warning")):
        return type(name, (Exception,), {"__module__": package})  # it must do in `except`
    return Nothing(f"{package}.{name}")


def _unpacked(frame: types.FrameType) -> int:
    """How many values the caller unpacks: `figure, axes = subplots()`; 0 if it loops."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti and instruction.opname.startswith("UNPACK"):
            after_the_star = (instruction.arg or 0) >> 8
            return ((instruction.arg or 0) & 0xFF) + after_the_star
    return 0


def _wanted_by_star(module: types.ModuleType) -> list[str]:
    """Names for `from package import *`: whatever its importer uses and nobody defines."""
    frame = _importer()
    if frame is None:
        return []
    used: set[str] = set()
    bound: set[str] = set(frame.f_globals) | set(vars(builtins))
    codes = [frame.f_code]
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                used.add(instruction.argval)
            elif instruction.opname in ("STORE_NAME", "STORE_GLOBAL"):
                bound.add(instruction.argval)
    names = sorted(name for name in used - bound if not name.startswith("_"))
    for name in names:
        getattr(module, name)
    return names


def _importer() -> types.FrameType | None:
    """The frame whose import is under way; None for one that only asks whether a module exists."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code is importlib.util.find_spec.__code__:
            return None
        if file != __file__ and not file.startswith(IMPORTERS):
            return frame
        frame = frame.f_back
    return None


def _of_a_library(frame: types.FrameType) -> bool:
    return frame.f_code.co_filename.startswith(LIBRARIES)


def _knows_how_to_do_without(frame: types.FrameType) -> bool:
    """Whether the import is in a `try` that goes on without the package."""
    try:
        tree = ast.parse(Path(frame.f_code.co_filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.Try)
        and node.body[0].lineno <= frame.f_lineno <= (node.body[-1].end_lineno or 0)
        and any(map(_goes_on, node.handlers))
        for node in ast.walk(tree)
    )


def _goes_on(handler: ast.ExceptHandler) -> bool:
    caught = set(MISSING_IS_FINE)
    if handler.type is not None:
        caught &= {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)}
    for node in (node for statement in handler.body for node in ast.walk(statement)):
        if isinstance(node, ast.Raise):
            return False
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in GIVES_UP:
                return False
    return bool(caught)
