"""Whose an exception is that a test raised: the student's, whose value it met, or the suite's own.

A student must not be able to choose that a check is not graded. So an exception is the suite's only
if its kind says so whatever the submission answered, or if wrong answers of the right kind, made of
the reference's, raise the very same.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grader.suite.calls import Ask, Call
from grader.suite.expect import CheckFailed
from grader.suite.local import Local

# What Python says of a call that does not fit the signature of a function written in Python, of a
# name that nothing defines, and of a module. None of these is a value that crosses the wall.
SIGNATURE = re.compile(
    r"[\w.<>]+\(\) (takes |missing \d+ required |got an unexpected keyword argument |"
    r"got multiple values for |got some positional-only )"
)
UNDEFINED = re.compile(r"name '\w+' is not defined")
OF_MODULE = re.compile(r"(partially initialized )?module '[\w.]+' has no attribute ")


def ours(error: BaseException) -> bool:
    """Whether an exception is the suite's own by its kind, whatever the submission answered.

    Args:
        error: what a test raised in this process, with its traceback.
    """
    said = str(error)
    if isinstance(error, NameError):
        # A name that is not set yet may be for want of what the submission should have answered.
        return UNDEFINED.match(said) is not None
    if isinstance(error, AttributeError):
        return OF_MODULE.match(said) is not None or _is_tool(error.obj)
    if isinstance(error, TypeError):
        return SIGNATURE.match(said) is not None and not _spreads_values(error)
    return isinstance(error, ImportError)


def place_of(error: BaseException) -> str:
    """Where in the suite or the harness it was raised, for whoever mends that."""
    return "".join(f"{Path(file).name}, line {line}" for file, line in _place(error))


def same(left: BaseException, right: BaseException | None) -> bool:
    """Whether two exceptions are of one type and were raised in one place."""
    return type(left) is type(right) and right is not None and _place(left) == _place(right)


class WrongAnswers:
    """Stands for a submission whose answers have the right types and shapes, and wrong values.

    Args:
        reference: whose answers they are made of.
        log: where its calls are kept.
    """

    def __init__(self, reference: Local, log: Ask) -> None:
        self._reference = reference
        self._log = log

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """A wrong answer; see `Implementation`."""
        call = Call(operation, target, arguments, self._log.seed())
        self._log.calls.append(call)
        return _wrong(self._reference.answer(call))


def raised_by(call: Callable[[], None]) -> BaseException | None:
    """What a test raises, other than that a check failed; None if nothing."""
    try:
        call()
    except CheckFailed:
        return None
    except Exception as error:
        return error
    return None


def _wrong(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return 3.0 - 2.0 * value
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return 3.0 - 2.0 * value
    if isinstance(value, float):
        return 3.0 - 2.0 * value
    if isinstance(value, dict):
        return {k: _wrong(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_wrong(v) for v in value)
    return value


def _is_tool(thing: object) -> bool:
    """Whether something is of the harness, and not what stands for a value from behind the wall."""
    room = type(thing).__module__
    return room.startswith("grader.") and not room.startswith("grader.wall.")


def _spreads_values(error: BaseException) -> bool:
    """Whether the call at fault unpacks something, which the submission may have answered."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return True
    code = last.tb_frame.f_code
    positions = list(code.co_positions())[last.tb_lasti // 2]
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return True
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == positions
    ]
    return not calls or any(
        isinstance(a, ast.Starred) or (isinstance(a, ast.keyword) and a.arg is None)
        for a in (*calls[0].args, *calls[0].keywords)
    )


def _place(error: BaseException) -> list[tuple[str, int | None]]:
    frames = traceback.extract_tb(error.__traceback__)
    return [(f.filename, f.lineno) for f in frames if not _is_library(f.filename)][-1:]


def _is_library(file: str) -> bool:
    """Whether a file is not of an assignment and not the harness's own."""
    return "site-packages" in file or file.startswith((sys.base_prefix, "<"))
