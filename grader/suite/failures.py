"""What the student and the TA read when a submission gave no value."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from grader.intake.places import left_out, original
from grader.results import Ending
from grader.suite.expect import CheckFailed

# Errors that libraries raise; others are in `builtins` or in the student's own files.
OTHER_ERRORS = frozenset(
    {"LinAlgError", "_LinAlgError", "AxisError", "EinopsError", "OutOfMemoryError", "WireError"}
)
HANG_HELP = "Is there a loop that never ends, or one over every element?"


class SubmissionFailed(CheckFailed):
    """The student's code gave no value: it raised, hung, crashed or is not there."""

    def __init__(
        self, rationale: str, help: str = "", detail: str = "", ending: Ending = "raised"
    ) -> None:
        super().__init__(rationale, help, detail)
        self.ending = ending


@dataclass(frozen=True)
class StudentError:
    """An exception of the student's, as the worker describes it; every field is theirs to forge."""

    type: str
    text: str
    frames: tuple[tuple[str, int, str, str], ...]
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, raw: Any, files: Mapping[str, bytes]) -> StudentError:
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
        return cls(kind, str(raw.get("text", ""))[:2000], tuple(frames[:16]), files)

    @property
    def shown_type(self) -> str:
        """The type, if it was not made up when the inputs were known."""
        word = self.type.encode()
        known = isinstance(getattr(builtins, self.type, None), type) or self.type in OTHER_ERRORS
        return self.type if known or any(word in c for c in self.files.values()) else "an exception"

    def place(self) -> str:
        """File and line, where they are the student's own."""
        file, line = self.frames[-1][:2] if self.frames else ("", 0)
        if not 1 <= line <= self.files.get(file, b"").count(b"\n") + 1:
            return ""
        return f" in {self._line(file, line)}"

    def failure(self, outline: str, operation: str) -> SubmissionFailed:
        """What the student and the TA read of this exception.

        Args:
            outline: what was asked.
            operation: of the message that it answers.
        """
        if self.type == "NotImplementedError":
            what = self.text if operation == "probe" and len(self.text) < 100 else outline
            rationale = f"{what}: not written yet (NotImplementedError{self.place()})"
            if operation == "probe":
                rationale = f"{outline}: a function is not written yet{self.place()}"
            return SubmissionFailed(rationale, "Fill in the function.", self.full())
        if self.type == "MissingName":
            name = outline.split("(")[0]
            why = filter(None, (left_out(c, name.split(".")[1]) for c in self.files.values()))
            return SubmissionFailed(
                f"{name} is not defined" + "".join(f"; {reason}" for reason in islice(why, 1)),
                "Keep the names of the template.",
            )
        if operation == "advance" and not self.frames:
            return SubmissionFailed(
                f"{outline} raised {self.shown_type} in the given code that calls the functions",
                "Is one missing, or does one return another type or shape than the template says?",
                self.full(),
            )
        # The message may quote hidden inputs, so the student sees the type and the place alone,
        # and these only as far as they were in what was handed in.
        return SubmissionFailed(
            f"{outline} raised {self.shown_type}{self.place()}",
            "Run the function on an input of this shape and read the traceback.",
            self.full(),
        )

    def full(self) -> str:
        lines = [
            f"  {self._line(file, line)}, in {function}: {text}"
            for file, line, function, text in self.frames
        ]
        return "\n".join([f"{self.type}: {self.text}", *lines])

    def _line(self, file: str, line: int) -> str:
        """For a notebook the cell and its line."""
        return original(self.files.get(file, b""), line) or f"{file[:100]}, line {line}"
