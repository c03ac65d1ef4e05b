"""What code can change for everybody in its process, and how each file keeps its changes to itself.

All files of a submission live in one process, which was forked from one that imported torch long
ago. Each of them must find what it would find in a process of its own: what another file set, or
replaced in a library, is taken back, and a file's own settings hold for its own functions alone.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import functools
import gc
import importlib
import inspect
import io
import json
import linecache
import locale
import logging
import math
import multiprocessing.context
import os
import random
import signal
import socket
import struct
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.modules import module as torch_modules
from torch.optim import optimizer as torch_optimizer

# What the worker itself needs to describe and to send an answer: looked at after every request.
USED_HERE: tuple[Any, ...] = (builtins, time, json, struct, traceback, linecache, math, random,
                              socket.socket, torch.Tensor)  # fmt: skip
# Looked at after every import.
LIBRARIES: tuple[Any, ...] = (
    *(os, io, inspect, importlib, logging, warnings, copy, contextlib, functools),
    *(torch, torch.nn, torch.nn.functional, torch.autograd, torch.random, torch.linalg),
    *(torch.optim, torch.optim.Optimizer, torch.nn.Module, torch.nn.Parameter, torch.nn.Linear),
    *(torch.distributions, torch.distributions.Distribution, torch.distributions.Normal),
    *(np, np.random, np.linalg),
)
HOOKS: tuple[dict[Any, Any], ...] = tuple(
    value
    for module in (torch_modules, torch_optimizer)
    for name, value in vars(module).items()
    if name.startswith("_global_") and isinstance(value, dict)
)
NO_HOOKS: tuple[dict[Any, Any], ...] = tuple({} for _ in HOOKS)
SYSTEM_HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook", "exit")
SIGNALS = (signal.SIGALRM, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
MISSING = object()

# What differs from a fresh process: settings by name, and names in a library's namespace.
Key = tuple[str, int, str]
Changes = dict[Key, Any]
NO_CHANGES: Changes = {}


class Setting(NamedTuple):
    """Something that a process has one of; values are compared, so `get` gives copies."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], Any]


def _set_device(device: str | None) -> None:
    torch.set_default_device(None)
    # Others of its kind were entered by hand, and nobody else leaves them.
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    if device is not None:
        torch.set_default_device(device)


def _device() -> str | None:
    return str(torch.get_default_device()) if torch._C._len_torch_function_stack() else None


def _set_warnings(filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters.extend(filters)  # type: ignore[attr-defined]


def _set_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _set_hooks(hooks: tuple[dict[Any, Any], ...]) -> None:
    for registered, wanted in zip(HOOKS, hooks, strict=True):
        registered.clear()
        registered.update(wanted)


def _set_logging(value: tuple[list[logging.Handler], int, int]) -> None:
    logging.root.handlers[:], logging.root.level, logging.root.manager.disable = value


def _set_signals(handlers: tuple[Any, ...]) -> None:
    for number, handler in zip(SIGNALS, handlers, strict=True):
        signal.signal(number, handler)


def _set_system_hooks(hooks: tuple[Any, ...]) -> None:
    for name, hook in zip(SYSTEM_HOOKS, hooks, strict=True):
        setattr(sys, name, hook)


def _set_working_folder(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _set_path(path: list[str]) -> None:
    sys.path[:] = path


def _set_arguments(arguments: list[str]) -> None:
    sys.argv = list(arguments)


def _set_start_method(context: Any) -> None:
    multiprocessing.context._default_context._actual_context = context  # type: ignore[attr-defined]


def _set_anomaly(value: tuple[bool, bool]) -> None:
    torch.autograd.set_detect_anomaly(*value)


# Looked at after every request, since they change values.
OF_VALUES = (
    Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("default device", _device, _set_device),
    Setting("gradients", torch.is_grad_enabled, torch._C._set_grad_enabled),
    Setting(
        "deterministic", torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode
    ),
    Setting(
        "anomaly mode",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        _set_anomaly,
    ),
    Setting("precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Setting(
        "autocast",
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
    ),
    Setting("hooks", lambda: tuple(map(dict, HOOKS)) if any(HOOKS) else NO_HOOKS, _set_hooks),
    Setting("numpy's errors", np.geterr, lambda errors: np.seterr(**errors)),
    Setting("warnings", lambda: list(warnings.filters), _set_warnings),
    Setting("working folder", os.getcwd, _set_working_folder),
    Setting("path", lambda: list(sys.path), _set_path),
    Setting("recursion", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("tracing", sys.gettrace, sys.settrace),
    Setting("profiling", sys.getprofile, sys.setprofile),
    Setting(
        "timer",
        lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        lambda _: signal.setitimer(signal.ITIMER_REAL, 0),
    ),
    Setting("environment", lambda: dict(os.environ), _set_environment),
    Setting("arguments", lambda: list(sys.argv), _set_arguments),
    Setting(
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda value: locale.setlocale(locale.LC_ALL, value),
    ),
)
# Looked at after every import.
OTHERS = (
    Setting(
        "torch's printing",
        lambda: dict(vars(torch._tensor_str.PRINT_OPTS)),
        lambda options: vars(torch._tensor_str.PRINT_OPTS).update(options),
    ),
    Setting(
        "numpy's printing", np.get_printoptions, lambda options: np.set_printoptions(**options)
    ),
    Setting(
        "logging",
        lambda: (list(logging.root.handlers), logging.root.level, logging.root.manager.disable),
        _set_logging,
    ),
    Setting("switching", sys.getswitchinterval, sys.setswitchinterval),
    Setting(
        "hooks of Python",
        lambda: tuple(getattr(sys, name, None) for name in SYSTEM_HOOKS),
        _set_system_hooks,
    ),
    Setting("collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting("signals", lambda: tuple(map(signal.getsignal, SIGNALS)), _set_signals),
    Setting(
        "start of processes",
        lambda: multiprocessing.context._default_context._actual_context,  # type: ignore[attr-defined]
        _set_start_method,
    ),
)


class Libraries:
    """What the libraries' names stand for before any student code has run.

    Made in the warm process, so that every cell has it for nothing.
    """

    def __init__(self) -> None:
        self.used_here = len(USED_HERE)
        self.spaces = [(owner, dict(vars(owner))) for owner in (*USED_HERE, *LIBRARIES)]

    def changes(self, count: int) -> Changes:
        """Names of the first `count` namespaces that mean something else now, or are gone.

        Names that came since are kept for all: parts of a library that was imported later.
        """
        # Until the first one has been looked at, nothing of `builtins` may be used here.
        found: Changes = {}
        for number in _numbers[:count]:
            owner, saved = self.spaces[number]
            now = owner.__dict__
            if _same(now, saved):
                continue
            for name, value in saved.items():
                other = now.get(name, MISSING)
                if other is not value:
                    found["name", number, name] = other
            for name in now.keys() - saved.keys():
                if isinstance(owner, type) and hasattr(owner.__base__, name):
                    found["name", number, name] = now[name]  # it hides what the class inherits
                else:
                    saved[name] = now[name]
        return found

    def put(self, number: int, name: str, value: Any) -> None:
        """Bind a name in a library's namespace; `MISSING` unbinds it."""
        owner, _ = self.spaces[number]
        if value is MISSING:
            _delete(owner, name)
        elif isinstance(owner, type):
            type.__setattr__(owner, name, value)
        else:
            owner.__dict__[name] = value

    def owner(self, number: int) -> str:
        """The dotted name of a namespace: of a module, or of a class within it."""
        owner, _ = self.spaces[number]
        own = owner.__name__
        return f"{owner.__module__}.{own}" if isinstance(owner, type) else str(own)

    def original(self, number: int, name: str) -> Any:
        """What the name meant; `MISSING` where nothing was there to hide what is inherited."""
        return self.spaces[number][1].get(name, MISSING)


_builtins = vars(builtins)
_numbers = tuple(range(len(USED_HERE) + len(LIBRARIES)))


def _same(now: Any, saved: dict[str, Any]) -> bool:
    try:
        return bool(now == saved)
    except Exception:
        return False  # what a name was bound to cannot be compared, as tensors cannot


def _delete(owner: Any, name: str) -> None:
    with contextlib.suppress(AttributeError):
        delattr(owner, name)


class State:
    """The state of one cell: fresh, or as one of the student's files left it at its import.

    Args:
        libraries: as they were in the warm process.

    Attributes:
        of_files: what each file has changed, by the name of its module.
    """

    def __init__(self, libraries: Libraries) -> None:
        self._libraries = libraries
        self._builtins = dict(_builtins)
        self._settings = {s.name: s for s in (*OF_VALUES, *OTHERS)}
        self._fresh = {name: s.get() for name, s in self._settings.items()}
        self.of_files: dict[str, Changes] = {}
        self._now = NO_CHANGES
        self._seen: set[Key] = set()

    def restore(self, everything: bool = False) -> None:
        """Make it that of a fresh process again, whatever student code did.

        Args:
            everything: look at all libraries, not only at what the worker itself uses.
        """
        self.restore_builtins()
        count = len(_numbers) if everything or self._now else self._libraries.used_here
        for key in self._libraries.changes(count):
            self._seen.add(key)
            self._reset(key)
        for name, get, _ in self._settings.values() if everything or self._now else OF_VALUES:
            try:
                if get() == self._fresh[name]:
                    continue
            except Exception:  # what it was set to cannot be read or compared
                pass
            self._reset(("setting", 0, name))
        torch.set_flush_denormal(False)
        self._now = NO_CHANGES

    def changes(self) -> Changes:
        """What differs from a fresh process now, in all libraries and settings."""
        # Read with Python's own names, and then put back what was there.
        replaced = dict(_builtins)
        self.restore_builtins()
        found = {
            ("name", 0, name): value
            for name, value in replaced.items()
            if name in self._builtins and value is not self._builtins[name]
        }
        found |= self._libraries.changes(len(_numbers))
        for name, setting in self._settings.items():
            with contextlib.suppress(Exception):
                value = setting.get()
                if value != self._fresh[name]:
                    found["setting", 0, name] = value
        _builtins.update(replaced)
        return found

    def keep(self, module: str, changes: Changes) -> None:
        """From now on, `enter(module)` makes these changes."""
        self.of_files[module] = changes
        self._seen |= changes.keys()

    def replaced(self) -> list[str]:
        """Names of libraries that were found to mean something else, at an import or after."""
        keys = [(number, name) for kind, number, name in self._seen if kind == "name"]
        return sorted(f"{self._libraries.owner(number)}.{name}" for number, name in keys)

    def accept(self, setting: str) -> None:
        """Take a setting as it is now for that of a fresh process."""
        self._fresh[setting] = self._settings[setting].get()

    def enter(self, module: str) -> None:
        """Make the state that of a file. Nothing that no file has changed is touched."""
        self.make(self.of_files.get(module, NO_CHANGES))

    def make(self, changes: Changes) -> None:
        """Take back the changes that are made now, and make these."""
        if changes is self._now or (not changes and not self._now):
            return
        for key in self._now.keys() - changes.keys():
            self._reset(key)
        for (kind, number, name), value in changes.items():
            with contextlib.suppress(Exception):
                if kind == "name":
                    self._libraries.put(number, name, value)
                else:
                    self._settings[name].set(value)
        self._now = changes

    def restore_builtins(self) -> None:
        """Have Python's own names mean what they meant, and nothing else."""
        # No name of `builtins` may be used in here.
        for name, value in self._builtins.items():
            if _builtins.get(name, MISSING) is not value:
                _builtins[name] = value

    def _reset(self, key: Key) -> None:
        kind, number, name = key
        with contextlib.suppress(Exception):
            if kind == "name":
                self._libraries.put(number, name, self._libraries.original(number, name))
            else:
                self._settings[name].set(self._fresh[name])


def settle() -> Libraries:
    """Make the warm process what a fresh one would be, and say what its libraries are like.

    It has used up what can be set once, and compiles nothing: there is no compiler behind the wall.
    """
    torch.set_num_interop_threads = torch.set_num_threads = _set_threads  # type: ignore[assignment]
    torch.compile = _compile
    return Libraries()


def _set_threads(count: int) -> None:
    """Stands for torch's: the number of threads is pinned, because results change with it."""
    if not isinstance(count, int) or count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")


def _compile(model: Any = None, **_options: Any) -> Any:
    """Stands for `torch.compile`: the function as it is, which gives the same values."""
    return (lambda function: function) if model is None else model


def main_module(file: str) -> types.ModuleType:
    """An empty `__main__`, instead of the one that started the warm process."""
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.argv = [file]
    return module
