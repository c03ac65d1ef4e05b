"""The reference, and the reference with a part replaced, in this process."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import random
import sys
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from grader.assignment import Assignment
from grader.suite import driving
from grader.suite.calls import Ask, Call
from grader.wall.behind import wire


class ReferenceFailed(Exception):
    """The reference failed on what a test asked: the suite's fault, which is never a zero."""


class SharedAnswers:
    """Answers of one implementation, shared by the processes of a batch: each is computed once.

    Args:
        folder: of this implementation, readable by nobody else. Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(
        self, key: bytes, compute: Callable[[], bytes | ReferenceFailed]
    ) -> bytes | ReferenceFailed:
        """The answer of this key, computed here if no process has computed it yet."""
        path = self._folder / key.hex()
        if (known := _read_answer(path)) is not None:
            return known
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (known := _read_answer(path)) is not None:
                return known
            answer = compute()
            temporary = path.with_suffix(".new")
            temporary.write_bytes(_written(answer))
            temporary.replace(path)
        return answer


def _written(answer: bytes | ReferenceFailed) -> bytes:
    if isinstance(answer, ReferenceFailed):
        return b"\0" + str(answer).encode()
    return b"\1" + answer


def _read_answer(path: Path) -> bytes | ReferenceFailed | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if content[:1] == b"\0":
        return ReferenceFailed(content[1:].decode())
    return content[1:]


class Local:
    """Trusted modules, in this process: the reference, or the reference with one part replaced.

    Its answers are remembered, since all submissions get the same inputs.

    Args:
        modules: gives what tests call, by name; asked when the first answer has to be computed.
        probes: the assignment's probes.
        answers: where answers are remembered beyond this process.
    """

    def __init__(
        self,
        modules: Callable[[], Mapping[str, types.ModuleType]],
        probes: types.ModuleType,
        answers: SharedAnswers | None = None,
    ) -> None:
        self._make_modules = modules
        self.probes = probes
        self._shared = answers
        self._answers: dict[bytes, bytes | ReferenceFailed] = {}
        self.ask_log = Ask()

    @classmethod
    def reference(cls, assignment: Assignment) -> Local:
        """The assignment's reference.

        Raises:
            ReferenceFailed: a file of it cannot be imported.
        """
        modules = {
            f.name: load_file(
                assignment.reference / f.path, f"reference_{assignment.name}_{f.name}"
            )
            for f in assignment.description.files
        }
        return cls(lambda: modules, load_probes(assignment))

    @functools.cached_property
    def modules(self) -> dict[str, types.ModuleType]:
        """What tests call, by name.

        Raises:
            ReferenceFailed: a file cannot be imported.
        """
        return dict(self._make_modules())

    def begin(self, check: str, question: str) -> None:
        """A new check starts, of this question."""
        self.ask_log.begin(check)

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Ask; see `Implementation`.

        Raises:
            ReferenceFailed: it raised.
        """
        call = Call(operation, target, arguments, self.ask_log.seed())
        self.ask_log.calls.append(call)
        call.value = self.answer(call)
        return call.value

    def answer(self, call: Call) -> Any:
        """What this implementation gives for a call, whoever it was put to first.

        Raises:
            ReferenceFailed: it raised.
        """
        request = wire.encode(call.request())
        key = hashlib.sha256(request).digest()
        if key not in self._answers:
            if self._shared is None:
                self._answers[key] = self._attempt(call, request)
            else:
                self._answers[key] = self._shared.get(key, lambda: self._attempt(call, request))
        answer = self._answers[key]
        if isinstance(answer, ReferenceFailed):
            # Another one each time: what is raised holds every frame that it passed, and so all
            # that a submission answered.
            raise ReferenceFailed(str(answer))
        # A copy through the wire: what a test does to a value must not reach the next test.
        return _split(answer)["value"]

    def _attempt(self, call: Call, request: bytes) -> bytes | ReferenceFailed:
        try:
            return self._compute(call, request)
        except ReferenceFailed as failure:
            return ReferenceFailed(str(failure))

    def _compute(self, call: Call, request: bytes) -> bytes:
        message = _split(request)
        random.seed(call.seed)
        np.random.seed(call.seed)
        torch.default_generator.manual_seed(call.seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a mistake may well deserve one of torch's
                value = self._call(call, message)
        except Exception as error:
            raise ReferenceFailed(
                f"the reference failed on {call.target}: {type(error).__name__}: {error}"
            ) from error
        return wire.encode({"value": value})

    def _call(self, call: Call, message: dict[str, Any]) -> Any:
        if call.operation == "probe":
            probe = find_probe(self.probes, call.target)
            return probe(types.SimpleNamespace(**self.modules), **message["kwargs"])
        function: Any = types.SimpleNamespace(**self.modules)
        for name in call.target.split("."):
            function = getattr(function, name)
        return function(*message["args"], **message["kwargs"])


def load_file(path: Path, name: str) -> types.ModuleType:
    """A trusted module from its file, under a private name.

    Raises:
        ReferenceFailed: it cannot be imported.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ReferenceFailed(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ReferenceFailed(f"{path} cannot be imported: {error}") from error
    return module


def load_probes(assignment: Assignment) -> types.ModuleType:
    """The assignment's probes, on the trusted side, and those of the harness beside them.

    The files of a folder `probes/` are attributes by their stems.
    """
    name = f"probes_{assignment.name}"
    found = types.ModuleType(name)
    for key, path in assignment.probe_files.items():
        stem = key.partition(".")[2]
        if stem:
            setattr(found, stem, load_file(path, f"{name}.{stem}"))
        else:
            found = load_file(path, name)
    for key in driving.PROBES:
        if not hasattr(found, key):
            setattr(found, key, getattr(driving, key))
    return found


def find_probe(probes: types.ModuleType, target: str) -> Callable[..., Any]:
    """A probe by what it is asked by; see `proxies.probe_name`."""
    room, _, name = target.rpartition(".")
    if room == "driving":
        return cast(Callable[..., Any], getattr(driving, name))
    found = getattr(probes, room.removeprefix("probes.")) if room else probes
    return cast(Callable[..., Any], getattr(found, name))


def load_text(text: str, name: str) -> types.ModuleType:
    """A trusted module from its text, under a private name.

    Raises:
        ReferenceFailed: it cannot be executed.
    """
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    except Exception as error:
        raise ReferenceFailed(f"{name} cannot be imported: {error}") from error
    return module


def _split(frame: bytes) -> dict[str, Any]:
    header, payload = wire.sizes(frame[: wire.PREFIX.size], max_payload=2**40)
    start = wire.PREFIX.size
    return wire.decode(
        frame[start : start + header], frame[start + header : start + header + payload]
    )
