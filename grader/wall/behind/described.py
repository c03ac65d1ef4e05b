"""An exception of the student's as plain data. Nothing in it is believed on the other side."""

from __future__ import annotations

import inspect
import linecache
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

MAX_TEXT = 2000
MAX_FRAMES = 8
MAX_ARGUMENTS = 8
MAX_DEPTH = 10_000


class MissingName(Exception):
    """The submission has no function of this name; the text is the module's and the name."""


class MissingModule(Exception):
    """A probe asked for a module that is not there or cannot be imported; the text is its name."""


def describe(error: BaseException, submission: str) -> dict[str, Any]:
    """Type, text, and where in the student's files it was.

    Args:
        error: what was raised.
        submission: the folder of the student's files.

    Returns:
        `type`, `text`, `frames` (the student's own, the innermost last), `arguments` (name and
        kind of what the outermost of these was called with) and `raised_in` (the package of the
        line that raised; empty for the student's own).
    """
    steps = _steps(error)
    own = [step for step in steps if step[0].f_code.co_filename.startswith(submission + "/")]
    frames = [_frame(frame, line, submission) for frame, line in own[-MAX_FRAMES:]]
    if len(own) > MAX_FRAMES:
        frames[0] = _frame(*own[0], submission)  # the one that was called is told in any case
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(
            {
                "file": Path(error.filename).name,
                "line": error.lineno or 0,
                "function": "",
                "text": (error.text or "").strip()[:200],
            }
        )
    kind, text = type(error).__name__, _text(error)
    if missing := _missing_name(error, submission, bool(own)):
        kind, text = "MissingName", missing
    last = steps[-1][0] if steps else None
    return {
        "type": kind[:200],
        "text": text,
        "frames": frames,
        "arguments": _arguments(own[0][0]) if own else [],
        "raised_in": ""
        if own and last is own[-1][0]
        else str(last.f_globals.get("__name__", "?") if last else "?").partition(".")[0][:100],
    }


def _steps(error: BaseException) -> list[tuple[types.FrameType, int]]:
    steps: list[tuple[types.FrameType, int]] = []
    trace = error.__traceback__
    while trace is not None and len(steps) < MAX_DEPTH:
        steps.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return steps


def _frame(frame: types.FrameType, line: int, submission: str) -> dict[str, Any]:
    file = frame.f_code.co_filename
    return {
        "file": file[len(submission) + 1 :],
        "line": line,
        "function": frame.f_code.co_qualname,
        "text": linecache.getline(file, line).strip()[:200],
    }


def _missing_name(error: BaseException, submission: str, in_own_code: bool) -> str:
    """`module.name`, where a probe asked a student's module for a name that it does not have."""
    if not isinstance(error, AttributeError) or in_own_code:
        return ""
    module = error.obj
    if type(module) is not types.ModuleType or not isinstance(error.name, str):
        return ""
    if not str(getattr(module, "__file__", "")).startswith(submission + "/"):
        return ""
    return f"{module.__name__}.{error.name}"


def _arguments(frame: types.FrameType) -> list[list[str]]:
    """What a function was called with, as far as its names still mean that."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    names = [name for name in code.co_varnames[:count] if name not in ("self", "cls")]
    values = frame.f_locals
    return [[name[:60], _outline(values[name])] for name in names[:MAX_ARGUMENTS] if name in values]


def _outline(value: Any) -> str:
    """Kind and size of a value, without its content."""
    if isinstance(value, torch.Tensor):
        return f"tensor{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"[:100]
    if isinstance(value, np.ndarray):
        return f"array{value.shape} {value.dtype}"[:100]
    if inspect.isroutine(value):
        return "function"
    if isinstance(value, torch.nn.Module):
        return "module"
    return type(value).__name__[:60]


def _text(error: BaseException) -> str:
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error)[:MAX_TEXT]
    except BaseException:
        return "(its text cannot be shown)"
