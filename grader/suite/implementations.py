"""The two sides that a test asks in the same way: the submission and the reference.

Both take the same calls and give back the same plain data, so that a test cannot tell them apart
except by their values.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import random
import sys
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from grader.assignment import Assignment
from grader.results import Ending
from grader.suite.expect import CheckFailed, show
from grader.wall.behind import wire
from grader.wall.errors import CallTimeout, CellLost, WallError
from grader.wall.process import CellHandle, Warm

# A function that hung once is asked again, for no other mark may suffer, but not for as long.
SECOND_HANG_SHARE = 0.2
MIN_SECONDS = 1.0
MAX_SHOWN = 400
# After so many cells in a row that could not be started, the rest is not graded either.
MAX_FAULTS = 3


class SubmissionFailed(CheckFailed):
    """The student's code gave no value: it raised, hung, crashed or is not there."""

    def __init__(
        self, rationale: str, help: str = "", detail: str = "", ending: Ending = "raised"
    ) -> None:
        super().__init__(rationale, help, detail)
        self.ending = ending


class ReferenceFailed(Exception):
    """The reference failed on what a test asked: a fault of ours, which is never a zero."""


@dataclass
class Call:
    """One question that a test put to an implementation, and what came back."""

    operation: str  # 'call' or 'probe'
    target: str
    arguments: dict[str, Any]
    seed: int
    value: Any = None
    problem: str = ""

    def request(self) -> dict[str, Any]:
        """The message that goes over the wall."""
        return {"op": self.operation, "target": self.target, "seed": self.seed, **self.arguments}

    def outline(self) -> str:
        """The call without values: safe for the student."""
        parts = [_outline(a) for a in self.arguments.get("args", ())]
        parts += [f"{k}={_outline(v)}" for k, v in self.arguments.get("kwargs", {}).items()]
        return f"{self.target}({', '.join(parts)})"

    def full(self) -> str:
        """The call with values: for the TA."""
        lines = [self.outline()]
        for i, argument in enumerate(self.arguments.get("args", ())):
            lines.append(f"  argument {i + 1} = {_value(argument)}")
        for name, argument in self.arguments.get("kwargs", {}).items():
            lines.append(f"  {name} = {_value(argument)}")
        lines.append(f"  gave {self.problem or _value(self.value)}")
        return "\n".join(lines)


class Implementation(Protocol):
    """What a proxy needs."""

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Call a function ('call') or run a probe ('probe')."""


class Proxy:
    """What tests see: `submission.gan.jsd(cp, cq)` and `submission(probes.some_probe, seed=3)`."""

    def __init__(self, implementation: Implementation, modules: tuple[str, ...]) -> None:
        self._implementation = implementation
        self._modules = modules

    def __getattr__(self, name: str) -> _Path:
        if name not in self._modules:
            raise AttributeError(f"the assignment has no file {name!r}; it has {self._modules}")
        return _Path(self._implementation, name)

    def __call__(self, probe: Callable[..., Any], **kwargs: Any) -> Any:
        return self._implementation.ask("probe", probe.__name__, {"kwargs": kwargs})


class _Path:
    """A dotted name inside a module; calling it asks the implementation."""

    def __init__(self, implementation: Implementation, path: str) -> None:
        self._implementation = implementation
        self._path = path

    def __getattr__(self, name: str) -> _Path:
        return _Path(self._implementation, f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._implementation.ask("call", self._path, {"args": list(args), "kwargs": kwargs})


@dataclass
class Ask:
    """What one test has asked so far; seeds follow from the test and the count of calls."""

    test: str = ""
    secret: str = ""
    calls: list[Call] = field(default_factory=list)

    def begin(self, test: str) -> None:
        """A new test starts."""
        self.test = test
        self.calls = []

    def seed(self) -> int:
        """Seed for the next call, in [0, 2**31): the same for whoever is asked this question."""
        text = f"{self.secret}\0{self.test}\0{len(self.calls)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


class Remote:
    """A submission behind the wall. One that crashes or hangs gets a fresh cell for the next call.

    Args:
        warm: the warm process of this slot.
        assignment: what is graded.
        files: the submission's files, by relative path.
    """

    def __init__(self, warm: Warm, assignment: Assignment, files: Mapping[str, bytes]) -> None:
        self._warm = warm
        self._assignment = assignment
        self._limits = assignment.about.limits
        self._files = dict(files)
        self._modules = {f.name: f.path for f in assignment.about.files}
        self._sources = {
            name: path.read_text(encoding="utf-8")
            for name, path in (("probes", assignment.probes), ("adapters", assignment.adapters))
            if path.exists()
        }
        given = [name.removesuffix(".py") for name in assignment.about.given]
        self._own_names = [*self._modules, *given]
        self.stood_in: list[str] = []
        self._cell: CellHandle | None = None
        self._broken: dict[str, tuple[str, str, str, Ending]] = {
            name: (
                f"{path} was not handed in",
                f"Hand in a file called {path}.",
                "",
                "raised",
            )
            for name, path in self._modules.items()
            if path not in self._files
        }
        self._hung: set[str] = set()
        self._faults = 0
        self._deadline = time.monotonic() + self._limits.submission_seconds
        self._printed = bytearray()
        self.ask_log = Ask()

    @property
    def printed(self) -> str:
        """What the code printed, up to the limit."""
        printed = self._printed + (self._cell.printed if self._cell else b"")
        return bytes(printed[: self._limits.output_kib * 1024]).decode(errors="replace")

    def close(self) -> None:
        """End whatever of the submission still runs."""
        self._drop_cell()

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Ask the submission; see `Implementation`.

        Raises:
            SubmissionFailed: it gave no value; the message can be shown to the student.
            WallError: a fault of ours.
        """
        call = Call(operation, target, arguments, self.ask_log.seed())
        self.ask_log.calls.append(call)
        try:
            call.value = self._ask(call)
        except SubmissionFailed as failure:
            call.problem = failure.detail or failure.rationale
            raise
        return call.value

    def _ask(self, call: Call) -> Any:
        operation, target = call.operation, call.target
        if time.monotonic() > self._deadline:
            raise SubmissionFailed(
                f"the time for the whole submission, {self._limits.submission_seconds:g} s, "
                "was used up before this check",
                "Something earlier took very long; see the checks that ran out of time.",
            )
        if operation == "call":
            self._refuse_broken(target.split(".")[0])
        cell = self._ready_cell()
        if operation == "call":
            self._refuse_broken(target.split(".")[0])
        seconds = self._limits.call_seconds
        if target in self._hung:
            seconds = max(MIN_SECONDS, SECOND_HANG_SHARE * seconds)
        seconds = max(MIN_SECONDS, min(seconds, self._deadline - time.monotonic()))
        outline = call.outline() if operation == "call" else target.replace("_", " ")
        try:
            reply = cell.request(call.request(), seconds)
        except CallTimeout:
            self._drop_cell()
            self._hung.add(target)
            raise SubmissionFailed(
                f"{outline} gave no answer within {seconds:g} s and was stopped",
                "Is there a loop that never ends, or one over every element?",
                ending="hung",
            ) from None
        except CellLost as lost:
            self._drop_cell()
            raise SubmissionFailed(
                f"the Python process ended during {outline}: {lost}",
                "A function must return; it must not end the program or use memory without bound.",
                ending="crashed",
            ) from None
        if reply.get("ok") is True:
            return reply.get("value")
        raise self._raised(outline, reply.get("error"), operation)

    def _refuse_broken(self, module: str) -> None:
        if module in self._broken:
            raise SubmissionFailed(*self._broken[module])

    def _ready_cell(self) -> CellHandle:
        """A cell in which everything that can be imported is imported."""
        while self._cell is None:
            if self._faults >= MAX_FAULTS:
                raise WallError("cells could not be started again and again; not tried any more")
            self._faults += 1
            cpu = int(self._limits.submission_seconds) + 1
            cell = self._warm.fork(self._files, self._sources, cpu_seconds=cpu, own=self._own_names)
            self._faults = 0
            self._cell = cell
            for name in self._modules:
                if name not in self._broken and not self._load(cell, name):
                    break
            else:
                self._adapt(cell)
        return self._cell

    def _load(self, cell: CellHandle, name: str) -> bool:
        """Import one module; False when that cost the cell. Done before any input is seen."""
        path = self._modules[name]
        try:
            reply = cell.request(
                {"op": "load", "module": name, "file": Path(path).stem}, self._limits.import_seconds
            )
        except CallTimeout:
            self._broken[name] = (
                f"importing {path} took longer than {self._limits.import_seconds:g} s",
                "Put what trains or plots under `if __name__ == '__main__':`.",
                "",
                "hung",
            )
        except CellLost as lost:
            self._broken[name] = (
                f"importing {path} ended the Python process: {lost}",
                "Look at what runs when the file is imported.",
                "",
                "crashed",
            )
        else:
            stood_in = reply.get("value")
            if reply.get("ok") is True and isinstance(stood_in, list):
                self.stood_in = sorted({*self.stood_in, *map(_name, stood_in)})
            if reply.get("ok") is not True:
                error = _Error.read(reply.get("error"))
                # No input has been seen yet, so the message gives nothing away.
                self._broken[name] = (
                    f"{path} cannot be imported: {error.type}: {error.text}{error.place()}",
                    "Run `python -c 'import " + name + "'` beside the file.",
                    error.full(),
                    "raised",
                )
            return True
        self._drop_cell()
        return False

    def _adapt(self, cell: CellHandle) -> None:
        if "adapters" in self._sources:
            with contextlib.suppress(CellLost):
                cell.request({"op": "adapt"}, self._limits.import_seconds)
                return
            self._drop_cell()
            # What an adapter cannot cope with is tested as it is.
            del self._sources["adapters"]

    def _drop_cell(self) -> None:
        if self._cell is not None:
            self._cell.close()
            self._printed += self._cell.printed
            self._cell = None

    def _raised(self, outline: str, raw: Any, operation: str) -> SubmissionFailed:
        error = _Error.read(raw)
        if error.type == "MissingModule" and error.text in self._broken:
            return SubmissionFailed(*self._broken[error.text])
        if error.type == "NotImplementedError":
            what = error.text if operation == "probe" and len(error.text) < 100 else outline
            rationale = f"{what}: not written yet (NotImplementedError{error.place()})"
            if operation == "probe":
                rationale = f"{outline}: a function is not written yet{error.place()}"
            return SubmissionFailed(rationale, "Fill in the function.", error.full())
        if error.type == "MissingName":
            return SubmissionFailed(
                f"{outline.split('(')[0]} is not defined", "Keep the names of the template."
            )
        # The message may quote hidden inputs, so the student sees the type and the place alone.
        return SubmissionFailed(
            f"{outline} raised {error.type}{error.place()}",
            "Run the function on an input of this shape and read the traceback.",
            error.full(),
        )


@dataclass(frozen=True)
class _Error:
    """An exception of the student's, as the worker describes it; every field is theirs to forge."""

    type: str
    text: str
    frames: tuple[tuple[str, int, str, str], ...]

    @classmethod
    def read(cls, raw: Any) -> _Error:
        raw = raw if isinstance(raw, dict) else {}
        frames = []
        listed = raw.get("frames")
        for frame in listed if isinstance(listed, list) else []:
            if isinstance(frame, dict):
                line = frame.get("line")
                frames.append(
                    (
                        str(frame.get("file", ""))[:200],
                        line if isinstance(line, int) else 0,
                        str(frame.get("function", ""))[:100],
                        str(frame.get("text", ""))[:200],
                    )
                )
        kind = str(raw.get("type", "an exception"))[:100]
        if not kind.isidentifier():
            kind = "an exception"
        return cls(kind, str(raw.get("text", ""))[:2000], tuple(frames[:16]))

    def place(self) -> str:
        """File and line, which are the student's own."""
        if not self.frames:
            return ""
        file, line, _, _ = self.frames[-1]
        return f" in {file[:100]}, line {line}"

    def full(self) -> str:
        lines = [
            f"  {file}, line {line}, in {function}: {text}"
            for file, line, function, text in self.frames
        ]
        return "\n".join([f"{self.type}: {self.text}", *lines])


class Local:
    """Modules of ours, in this process: the reference, or the reference with one part replaced.

    Its answers are remembered, since all submissions get the same inputs.

    Args:
        modules: what tests call, by name.
        probes: the assignment's probes.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], probes: types.ModuleType) -> None:
        self._namespace = types.SimpleNamespace(**modules)
        self._probes = probes
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
            for f in assignment.about.files
        }
        return cls(modules, load_probes(assignment))

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
            ReferenceFailed: it raised; its cause is what it raised.
        """
        request = wire.encode(call.request())
        key = hashlib.sha256(request).digest()
        if key not in self._answers:
            try:
                self._answers[key] = self._compute(call, request)
            except ReferenceFailed as failure:
                self._answers[key] = failure
        answer = self._answers[key]
        if isinstance(answer, ReferenceFailed):
            raise answer
        # A copy through the wire: what a test does to a value must not reach the next test.
        return _split(answer)["value"]

    def _compute(self, call: Call, request: bytes) -> bytes:
        message = _split(request)
        random.seed(call.seed)
        np.random.seed(call.seed)
        torch.manual_seed(call.seed)
        try:
            if call.operation == "probe":
                value = getattr(self._probes, call.target)(self._namespace, **message["kwargs"])
            else:
                function: Any = self._namespace
                for name in call.target.split("."):
                    function = getattr(function, name)
                value = function(*message["args"], **message["kwargs"])
        except Exception as error:
            raise ReferenceFailed(
                f"the reference failed on {call.target}: {type(error).__name__}: {error}"
            ) from error
        return wire.encode({"value": value})


def _name(text: Any) -> str:
    """A name that the student's side gave, cut to what a name may be."""
    return str(text)[:60] if str(text).isidentifier() else "(odd name)"


def _split(frame: bytes) -> dict[str, Any]:
    header, payload = wire.sizes(frame[: wire.PREFIX.size], max_payload=2**40)
    start = wire.PREFIX.size
    return wire.decode(
        frame[start : start + header], frame[start + header : start + header + payload]
    )


def load_file(path: Path, name: str) -> types.ModuleType:
    """A module of ours from its file, under a private name.

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
    """The assignment's probes, on the trusted side; an empty module where it has none."""
    if not assignment.probes.exists():
        return types.ModuleType("no_probes")
    return load_file(assignment.probes, f"probes_{assignment.name}")


def _outline(value: Any) -> str:
    """A value without its content."""
    if isinstance(value, torch.Tensor):
        return f"tensor{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, np.ndarray):
        return f"array{value.shape} {value.dtype}"
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return repr(value)[:40]
    return type(value).__name__


def _value(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        value = value.float() if value.dtype == torch.bfloat16 else value
        return f"{_outline(value)} {show(value.detach().numpy())}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_value(v)}" for k, v in list(value.items())[:20]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in list(value)[:20]) + "]"
    return repr(value)[:MAX_SHOWN]


def load_text(text: str, name: str) -> types.ModuleType:
    """A module of ours from its text, under a private name.

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
