"""Serves one submission: imports its modules and answers calls, until the trusted side hangs up."""

from __future__ import annotations

import importlib
import random
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from .described import MissingModule, MissingName, describe
from .homes import Homes
from .importing import StudentFiles
from .standins import Parts, StandIns
from .state import Libraries, State, main_module
from .stream import Stream
from .terminal import Terminal
from .wire import WireError
from .witness import Witness


class Implementation:
    """The student's modules as attributes: what a probe gets as `impl`.

    Args:
        enter: called with the name of a module that is about to be used, so that it finds the
            process as its own import left it.
    """

    __slots__ = ("__dict__", "_enter")

    def __init__(self, enter: Callable[[str], None]) -> None:
        self._enter = enter

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if type(found) is types.ModuleType:
            object.__getattribute__(self, "_enter")(found.__name__)
        return found

    def __getattr__(self, name: str) -> types.ModuleType:
        raise MissingModule(name)


class Worker:
    """Answers requests about one submission.

    Args:
        stream: the connection to the trusted side.
        submission: the folder of the student's files.
        scratch: the folder that can be written.
        given: a folder of files that every student has; the submission's own come first.
        sources: text of the harness's probes and of the assignment's `probes` and `adapters`, in
            the order in which they may import each other.
        own: names of the assignment's files, which no stand-in may replace.
        libraries: as they were before any student code.
    """

    def __init__(
        self,
        stream: Stream,
        submission: str,
        scratch: str,
        given: str,
        sources: dict[str, str],
        own: frozenset[str],
        libraries: Libraries,
    ) -> None:
        self._stream = stream
        self._submission = submission
        self._given = given
        self._run: Iterator[Any] = iter(())
        self._failure: BaseException | None = None
        here = str(Path(__file__).resolve().parents[1])
        sys.path[:] = [submission, *(p for p in sys.path if p != here), given]
        importlib.invalidate_caches()
        self._extra = {name: _module_of(f"grader_{name}", text) for name, text in sources.items()}
        self._terminal = Terminal()
        sys.modules["__main__"] = main_module(submission)
        self._homes = Homes(submission, scratch)
        self._folders: dict[str, str] = {}
        self._state = State(libraries)
        self._implementation = Implementation(self._enter)
        self._files = StudentFiles(submission, self._state)
        self._stand_ins = StandIns(own)
        self._operations: dict[str, Callable[[dict[str, Any]], Any]] = {
            "load": self._load,
            "adapt": self._adapt,
            "call": self._call,
            "probe": self._probe,
            "start": self._start_run,
            "advance": self._advance_run,
            "changed": self._changed,
        }
        drivers = {"worker": vars(self), "worker.operations": self._operations}
        self._witness = Witness(self._extra.values(), drivers)

    def serve(self) -> None:
        """Answer until the connection ends."""
        while True:
            try:
                request = self._stream.receive()
            except EOFError:
                return
            self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            if "seed" in request:
                _seed(request["seed"])
            self._terminal.restore()
            value = self._operations[request["op"]](request)
            reply = {"ok": True, "value": value}
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: they cost the call and nothing else.
            failure = error
            reply = {}
        # A run goes on where it was, within whatever it has entered.
        if request["op"] != "advance" or not reply or reply["value"]["done"]:
            self._state.restore(everything=request["op"] == "load")
        self._terminal.flush()
        if not reply:
            reply = {"ok": False, "error": self._described(failure)}
        try:
            self._stream.send(reply)
        except (WireError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            # It is too large, or a tensor that cannot be read.
            self._stream.send({"ok": False, "error": self._described(error)})

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Import a module of the student's, as a process that does nothing else would."""
        name = request["module"]
        folder, _, file = request["file"].rpartition("/")
        self._folders[file] = folder
        self._at_home(folder)
        self._terminal.renew()
        sys.argv = [f"{file}.py"]
        self._state.accept("arguments")
        _seed(0)
        finders = (self._files, Parts(self._stand_ins))
        sys.meta_path[:0] = finders
        sys.meta_path.append(self._stand_ins)
        try:
            setattr(self._implementation, name, self._import(folder, file))
        finally:
            for finder in (*finders, self._stand_ins):
                sys.meta_path.remove(finder)
        return {"stood_in": self._stood_in(), "ended": self._files.ended.get(file, 0)}

    def _enter(self, module: str) -> None:
        """Have a file find its folder, and the process as its own import left it."""
        self._at_home(self._folders.get(module, ""))
        self._state.enter(module)

    def _at_home(self, folder: str) -> None:
        if self._homes.enter(folder):
            self._state.accept("working folder")
            self._state.accept("path")

    def _stood_in(self) -> list[list[str]]:
        """Packages that are not installed, each with the student's file that needs it."""
        used = self._stand_ins.used.items()
        return [[package, self._relative(file)] for package, file in sorted(used)]

    def _relative(self, file: str) -> str:
        return file.removeprefix(self._submission + "/")

    def _described(self, error: BaseException) -> dict[str, Any]:
        return describe(error, self._submission) | {"stood_in": self._stood_in()}

    def _import(self, folder: str, file: str) -> types.ModuleType:
        """The module; with the files that it opens beside it, or as seen from a folder around it.

        Some students start their programs in the folder above.
        """
        for place in self._homes.around(folder):
            self._homes.work_in(place)
            try:
                return importlib.import_module(file)
            except FileNotFoundError as error:
                missing = error
        self._homes.work_in(folder)
        raise missing

    def _adapt(self, _request: dict[str, Any]) -> None:
        self._extra["adapters"].adapt(self._implementation)

    def _call(self, request: dict[str, Any]) -> Any:
        module_name, *path = request["target"].split(".")
        module = vars(self._implementation).get(module_name)
        if module is None:
            raise MissingModule(module_name)
        target: Any = module
        for name in path:
            if not hasattr(target, name):
                raise MissingName(request["target"])
            target = getattr(target, name)
        self._enter(module.__name__)
        return target(*request["args"], **request["kwargs"])

    def _probe(self, request: dict[str, Any]) -> Any:
        room, _, name = request["target"].rpartition(".")
        probe = getattr(self._extra[room or "probes"], name)
        return probe(self._implementation, **request["kwargs"])

    def _start_run(self, request: dict[str, Any]) -> None:
        """Make ready to train: a run is a generator that yields after each of its steps."""
        self._given_first()
        modules = [_module_of(name, text) for name, text in request["sources"].items()]
        run = getattr(modules[-1], request["target"])
        self._run = run(self._implementation, **request["kwargs"])

    def _advance_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Go on for some seconds: how far the run is, or at its end what it leaves.

        A step that raises is told of in the next answer, so that this one can say which it was.
        """
        if self._failure is not None:
            raise self._failure
        until = monotonic() + request["seconds"]
        progress, stepped = 0, False
        try:
            while not stepped or monotonic() < until:
                progress, stepped = next(self._run), True
        except StopIteration as stop:
            return {"done": True, "artefacts": stop.value}
        except BaseException as error:
            if not stepped:
                raise
            self._failure = error
        return {"done": False, "progress": progress}

    def _changed(self, _request: dict[str, Any]) -> dict[str, list[str]]:
        """Names that stand for something else than before the submission was imported, among what
        drives it; and those that it has replaced in a library, for a while or for good."""
        return {"drivers": self._witness.changed(), "libraries": self._state.replaced()}

    def _given_first(self) -> None:
        """A run's networks and loops are the given ones, whatever lies beside the submission."""
        sys.path.insert(0, self._given)
        for path in Path(self._given).glob("*.py"):
            sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()
        self._state.accept("path")


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # What torch.manual_seed does for the CPU, without asking after GPUs.
    torch.default_generator.manual_seed(seed)


def _module_of(name: str, text: str) -> types.ModuleType:
    """A module of the assignment's, from its text: its file is not mounted here."""
    module = types.ModuleType(name)
    module.__package__ = name.rpartition(".")[0]  # for what it imports relatively
    sys.modules[name] = module
    exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    return module
