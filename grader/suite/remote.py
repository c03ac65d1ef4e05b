"""The submission, behind the wall."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.assignment import Assignment
from grader.results import Ending
from grader.suite.calls import Ask, Call
from grader.suite.expect import CheckFailed
from grader.wall.cell import CellHandle
from grader.wall.errors import CallTimeout, CellLost, WallError
from grader.wall.warm import Warm

# A function that hung once is asked again, for no other mark may suffer, but not for as long.
SECOND_HANG_SHARE = 0.2
MIN_SECONDS = 1.0
# After so many cells in a row that could not be started, the rest is not graded either.
MAX_FAULTS = 3


class SubmissionFailed(CheckFailed):
    """The student's code gave no value: it raised, hung, crashed or is not there."""

    def __init__(
        self, rationale: str, help: str = "", detail: str = "", ending: Ending = "raised"
    ) -> None:
        super().__init__(rationale, help, detail)
        self.ending = ending


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


def _name(text: Any) -> str:
    """A name that the student's side gave, cut to what a name may be."""
    return str(text)[:60] if str(text).isidentifier() else "(odd name)"
