"""Serves one submission: imports its modules and answers calls, until the trusted side hangs up."""

from __future__ import annotations

import importlib
import linecache
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .homes import Homes
from .standins import StandIns
from .stream import Stream
from .wire import WireError

MAX_TEXT = 2000
MAX_FRAMES = 8


class MissingName(Exception):
    """The submission has no function of this name."""


class MissingModule(Exception):
    """A probe asked for a module that is not there or cannot be imported; the text is its name."""


class Implementation:
    """The student's modules as attributes: what a probe gets as `impl`.

    Args:
        homes: of each module its folder is entered when it is asked for.
    """

    def __init__(self, homes: Homes) -> None:
        self._homes = homes
        self._loaded: dict[str, tuple[str, types.ModuleType]] = {}

    def __getattr__(self, name: str) -> types.ModuleType:
        if name.startswith("__") or name not in self._loaded:
            raise MissingModule(name)
        folder, module = self._loaded[name]
        self._homes.enter(folder)
        return module


class Worker:
    """Answers requests about one submission.

    Args:
        stream: the connection to the trusted side.
        submission: the folder of the student's files.
        scratch: the folder that can be written.
        given: a folder of files that every student has; the submission's own come first.
        sources: text of the assignment's `probes` and `adapters`.
        own: names of the assignment's files, which no stand-in may replace.
    """

    def __init__(
        self,
        stream: Stream,
        submission: str,
        scratch: str,
        given: str,
        sources: dict[str, str],
        own: frozenset[str],
    ) -> None:
        self._stream = stream
        self._submission = submission
        self._given = given
        self._run: Iterator[Any] = iter(())
        self._failure: BaseException | None = None
        self._homes = Homes(submission, scratch)
        self._implementation = Implementation(self._homes)
        here = str(Path(__file__).resolve().parents[1])
        sys.path[:] = [submission, *(p for p in sys.path if p != here), given]
        importlib.invalidate_caches()
        self._extra = {name: _module_of(f"grader_{name}", text) for name, text in sources.items()}
        self._stand_ins = StandIns(own)
        self._operations: dict[str, Callable[[dict[str, Any]], Any]] = {
            "load": self._load,
            "adapt": self._adapt,
            "call": self._call,
            "probe": self._probe,
            "start": self._start_run,
            "advance": self._advance_run,
        }

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
            value = self._operations[request["op"]](request)
            reply = {"ok": True, "value": value}
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: they cost the call and nothing else.
            reply = {"ok": False, "error": self._describe(error)}
        sys.stdout.flush()
        try:
            self._stream.send(reply)
        except WireError as error:
            self._stream.send({"ok": False, "error": self._describe(error)})

    def _load(self, request: dict[str, Any]) -> list[str]:
        """Import a module of the student's; the packages that had to be stood in for so far.

        Stand-ins are made only now: libraries that look for optional packages must not find them.
        """
        folder, _, file = request["file"].rpartition("/")
        self._homes.enter(folder)
        sys.meta_path.append(self._stand_ins)
        try:
            self._implementation._loaded[request["module"]] = folder, self._import(folder, file)
        finally:
            sys.meta_path.remove(self._stand_ins)
        return sorted(self._stand_ins.used)

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
        target: Any = getattr(self._implementation, module_name)
        for name in path:
            if not hasattr(target, name):
                raise MissingName(f"{request['target']} is not defined")
            target = getattr(target, name)
        return target(*request["args"], **request["kwargs"])

    def _probe(self, request: dict[str, Any]) -> Any:
        probe = getattr(self._extra["probes"], request["target"])
        return probe(self._implementation, **request["kwargs"])

    def _start_run(self, request: dict[str, Any]) -> None:
        """Make ready to train: a run is a generator that yields after each of its steps."""
        self._given_first()
        runs = _module_of("grader_runs", request["source"])
        self._run = getattr(runs, request["target"])(self._implementation, **request["kwargs"])

    def _advance_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Go on for some seconds: how far the run is, or at its end what it leaves.

        A step that raises is told of in the next answer, so that this one can say which it was.
        """
        if self._failure is not None:
            raise self._failure
        until = time.monotonic() + request["seconds"]
        progress, stepped = 0, False
        try:
            while not stepped or time.monotonic() < until:
                progress, stepped = next(self._run), True
        except StopIteration as stop:
            return {"done": True, "artefacts": stop.value}
        except BaseException as error:
            if not stepped:
                raise
            self._failure = error
        return {"done": False, "progress": progress}

    def _given_first(self) -> None:
        """A run's networks and loops are the given ones, whatever lies beside the submission."""
        sys.path.insert(0, self._given)
        for path in Path(self._given).glob("*.py"):
            sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()

    def _describe(self, error: BaseException) -> dict[str, Any]:
        """An exception as plain data: its type, its text, where in the student's files it was."""
        frames = [
            {
                "file": frame.filename[len(self._submission) + 1 :],
                "line": frame.lineno or 0,
                "function": frame.name,
                "text": linecache.getline(frame.filename, frame.lineno or 0).strip()[:200],
            }
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(self._submission)
        ]
        if isinstance(error, SyntaxError) and error.filename:
            frames.append(
                {
                    "file": error.filename.removeprefix(self._submission + "/"),
                    "line": error.lineno or 0,
                    "function": "",
                    "text": (error.text or "").strip()[:200],
                }
            )
        try:
            text = str(error.msg if isinstance(error, SyntaxError) else error)[:MAX_TEXT]
        except BaseException:
            text = "(its text cannot be shown)"
        return {"type": type(error).__name__[:200], "text": text, "frames": frames[-MAX_FRAMES:]}


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # What torch.manual_seed does for the CPU, without asking after GPUs.
    torch.default_generator.manual_seed(seed)


def _module_of(name: str, text: str) -> types.ModuleType:
    """A module of the assignment's, from its text: its file is not mounted here."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    return module
