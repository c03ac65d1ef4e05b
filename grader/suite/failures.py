"""What the student and the TA read when a submission gave no value."""

from __future__ import annotations

import ast
import builtins
import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.intake.notebooks.places import left_out, original
from grader.results import Ending
from grader.suite.expect import CheckFailed
from grader.suite.messages import name_known, shown

# Errors that libraries raise; others are in `builtins` or in the student's own files.
OTHER_ERRORS = frozenset(
    {"LinAlgError", "_LinAlgError", "AxisError", "EinopsError", "OutOfMemoryError", "WireError"}
)
MAX_ARGUMENTS = 6
MAX_SIZES = 12
MAX_OWN_WORDS = 200
# A name as close to a missing one as this is told.
NEAR = 0.7
PATH = re.compile(r"[A-Za-z_]\w*(\.(<locals>|<lambda>|[A-Za-z_]\w*)){0,5}")
ARRAY = re.compile(r"(tensor|array)\((\d{1,4}(, \d{1,4}){0,5},?)?\) [a-z]{3,8}\d{0,3}")
MISMATCH = re.compile(
    r"([A-Za-z_][\w.]*)\(\) (got an unexpected|got multiple|got some|missing|takes) "
)
DEFINED = re.compile(
    r"^(?:(?:async +)?(?:def|class) +(\w+)|(\w+) *(?::[^=\n]+)?=[^=])", re.MULTILINE
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
class Asked:
    """What the trusted side knows about the question that raised an exception.

    Args:
        operation: of the message.
        outline: what was asked, without values.
        functions: all of the student's that a probe drives, as `module.name`.
        words: our own text whose names a message may repeat.
        ended: line in which a module ended itself, by the module's name.
    """

    operation: str
    outline: str
    functions: tuple[str, ...] = ()
    words: str = ""
    ended: Mapping[str, int] = field(default_factory=dict)

    def subject(self) -> str:
        """The student's functions that were asked for."""
        if self.operation == "call":
            return self.outline.split("(")[0]
        return self.outline.partition(", with ")[0]


@dataclass(frozen=True)
class Frame:
    """A line of the student's that an exception went through."""

    file: str
    line: int
    function: str
    text: str


@dataclass(frozen=True)
class StudentError:
    """An exception of the student's, as the worker describes it; every field is theirs to forge."""

    type: str
    text: str
    frames: tuple[Frame, ...]
    arguments: tuple[tuple[str, str], ...]
    raised_in: str
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, raw: Any, files: Mapping[str, bytes]) -> StudentError:
        raw = raw if isinstance(raw, dict) else {}
        frames = []
        for frame in _listed(raw.get("frames")):
            if isinstance(frame, dict):
                line = frame.get("line")
                frames.append(
                    Frame(
                        str(frame.get("file", ""))[:200],
                        line if isinstance(line, int) and not isinstance(line, bool) else 0,
                        str(frame.get("function", ""))[:100],
                        str(frame.get("text", ""))[:200],
                    )
                )
        arguments = [
            (str(pair[0])[:60], str(pair[1])[:100])
            for pair in _listed(raw.get("arguments"))
            if isinstance(pair, (list, tuple)) and len(pair) == 2
        ]
        kind = str(raw.get("type", "an exception"))[:100]
        if not kind.isidentifier():
            kind = "an exception"
        text = str(raw.get("text", ""))[:2000]
        inside = str(raw.get("raised_in", ""))[:100]
        return cls(kind, text, tuple(frames[:16]), tuple(arguments[:16]), inside, files)

    @property
    def shown_type(self) -> str:
        """The type, if it was not made up when the inputs were known."""
        word = self.type.encode()
        known = isinstance(getattr(builtins, self.type, None), type) or self.type in OTHER_ERRORS
        return self.type if known or any(word in c for c in self.files.values()) else "an exception"

    def place(self) -> str:
        """File and line, where they are the student's own."""
        where = self._where(self.frames[-1]) if self.frames else ""
        return f" in {where}" if where else ""

    def line(self) -> str:
        """The line of the place, as it was handed in."""
        if not self.frames or not self._where(self.frames[-1]):
            return ""
        lines = self.files[self.frames[-1].file].decode(errors="replace").split("\n")
        return lines[self.frames[-1].line - 1]

    def _where(self, frame: Frame) -> str:
        """A line of the student's as they know it; nothing for one that does not exist."""
        content = self.files.get(frame.file)
        if content is None or not 1 <= frame.line <= content.count(b"\n") + 1:
            return ""
        return original(content, frame.line) or f"{frame.file[:100]}, line {frame.line}"

    def failure(self, asked: Asked) -> SubmissionFailed:
        """What the student and the TA read of this exception.

        What student code chose once it knew the inputs may carry them, so the student sees names
        that were handed in, lines that exist, few small sizes, and messages that everybody knows.
        """
        if self.type == "NotImplementedError" and self.frames and not self.raised_in:
            name = self._function(self.frames[-1]) or asked.subject()
            return SubmissionFailed(
                f"{name} is not written yet (NotImplementedError{self.place()})",
                "Fill in the function.",
                self.full(),
            )
        if self.type == "MissingName" and (missing := self._missing(asked)):
            return SubmissionFailed(missing, "Keep the names of the template.", self.full())
        if self.type == "MissingModule":
            return SubmissionFailed(
                f"{asked.subject()} needs a file that was not handed in or cannot be imported",
                "See the other checks: they name the file.",
                self.full(),
            )
        if asked.operation == "advance" and not self.frames:
            return SubmissionFailed(
                f"{asked.outline} raised {self.shown_type} in the given code that calls the "
                f"functions{self._said(asked)}",
                "Is one missing, or does one return another type or shape than the template says?",
                self.full(),
            )
        said = self._said(asked)
        mismatch = MISMATCH.match(self.text) if said and not self.frames else None
        if mismatch is not None and (signature := self._signature(mismatch[1])):
            return SubmissionFailed(
                f"{said.removeprefix(': ')}; {signature}",
                "Keep the parameters of the template: their names, order and defaults.",
                self.full(),
            )
        if asked.operation == "probe" and not self.frames:
            return SubmissionFailed(
                f"what {asked.subject()} returned could not be used: {self.shown_type}{said}",
                "Look at the type and the shape of what the function returns.",
                self.full(),
            )
        called = asked.outline
        if asked.operation == "probe":
            called = self._called() or asked.subject()
        return SubmissionFailed(
            f"{called} raised {self.shown_type}{self.place()}{self._within()}{said}",
            "Run the function on an input of this shape and read the traceback.",
            self.full(),
        )

    def _said(self, asked: Asked) -> str:
        sources = [*self.files.values(), asked.words.encode(), asked.outline.encode()]
        text = shown(self.text, sources) or self._own_words()
        return f": {text}" if text else ""

    def _own_words(self) -> str:
        """The text, where it was written into what was handed in."""
        text = self.text.strip()
        plain = 0 < len(text) <= MAX_OWN_WORDS and text.isprintable()
        return text if plain and any(text.encode() in c for c in self.files.values()) else ""

    def _function(self, frame: Frame) -> str:
        """`module.function`, if the file is there and has these names."""
        if not self._where(frame) or not PATH.fullmatch(frame.function):
            return ""
        if not name_known(frame.function, [self.files[frame.file]]):
            return ""
        return f"{frame.file.removesuffix('.py').replace('/', '.')[:100]}.{frame.function}"

    def _called(self) -> str:
        """The student's function that was called from outside, and what with."""
        name = self._function(self.frames[0]) if self.frames else ""
        if not name:
            return ""
        source = [self.files[self.frames[0].file]]
        parts, numbers = [], 0
        for argument, kind in self.arguments[:MAX_ARGUMENTS]:
            numbers += kind.count(",") + 1
            if not name_known(argument, source) or "." in argument:
                continue
            plain = ARRAY.fullmatch(kind) is not None or name_known(kind, source)
            parts.append(f"{argument}: {kind}" if plain and numbers <= MAX_SIZES else argument)
        return f"{name}({', '.join(parts)})"

    def _within(self) -> str:
        """The function of the place, where it is not the one that was called."""
        name = self._function(self.frames[-1]) if len(self.frames) > 1 else ""
        return f", in {name.rpartition('.')[2]}" if name else ""

    def _missing(self, asked: Asked) -> str:
        """That a name is missing: one sentence for all checks that need it."""
        module, _, name = self.text.partition(".")
        file = next((f for f in self.files if f.rpartition("/")[2] == f"{module}.py"), "")
        known = f"{asked.words} {asked.outline} {' '.join(asked.functions)}"
        if not file or not PATH.fullmatch(name) or not name_known(name, [known.encode()]):
            return ""
        defined = [
            match[1] or match[2]
            for match in DEFINED.finditer(self.files[file].decode(errors="replace"))
        ]
        near = difflib.get_close_matches(name.lower(), [d.lower() for d in defined], 1, NEAR)
        like = next((d for d in defined if [d.lower()] == near), "")
        sentence = f"{file} has no {name}" + (f"; it has {like}" if like and like != name else "")
        if why := next(filter(None, (left_out(c, name) for c in self.files.values())), ""):
            sentence += f"; {why}"
        if line := asked.ended.get(module):
            sentence += (
                f"; the file ends itself in line {line}, as by exit(), so nothing below counts"
            )
        return sentence

    def _signature(self, name: str) -> str:
        """How the student's own file defines a function: parameters, file and line."""
        last = name.rpartition(".")[2]
        owner = name.split(".")[-2] if name.count(".") else ""
        for file, content in self.files.items():
            for kind, node in _functions(content):
                if node.name == last and (not owner or kind == owner):
                    frame = Frame(file, node.lineno, "", "")
                    return (
                        f"yours is {last}({ast.unparse(node.args)[:200]}) in {self._where(frame)}"
                    )
        return ""

    def full(self) -> str:
        lines = [
            f"  {self._where(f) or f'{f.file}, line {f.line}'}, in {f.function}: {f.text}"
            for f in self.frames
        ]
        lines += [f"  {name} was {kind}" for name, kind in self.arguments]
        return "\n".join([f"{self.type}: {self.text}", *lines])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@functools.lru_cache(maxsize=16)
def _functions(content: bytes) -> list[tuple[str, ast.FunctionDef]]:
    """The functions of a module and of its classes, each with the class that it is in."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [("", node) for node in body if isinstance(node, ast.FunctionDef)]
    for owner in (node for node in body if isinstance(node, ast.ClassDef)):
        found += [(owner.name, node) for node in owner.body if isinstance(node, ast.FunctionDef)]
    return found
