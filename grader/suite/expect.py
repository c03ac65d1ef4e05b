"""Comparisons that explain themselves to a student without giving the answer away.

This file is published with the template as it stands: it imports numpy and torch and nothing else.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

# A handful of operations, each rounding once, stays well below this many units of roundoff.
ROUNDOFF_FACTOR = 64.0
MOST_AXES_SHOWN = 8
LARGEST_AXIS_SHOWN = 1000


class CheckFailed(AssertionError):
    """A check did not hold.

    Args:
        rationale: what was wrong, in words that may be shown to the student.
        help: what to look at.
        detail: values, for the TA alone.
    """

    def __init__(self, rationale: str, help: str = "", detail: str = "") -> None:
        super().__init__(rationale)
        self.rationale = rationale
        self.help = help
        self.detail = detail


class Expect:
    """The comparisons that tests use, as the fixture `expect`.

    Attributes:
        findings: what statistical tests found, for the audit.
    """

    def __init__(self) -> None:
        self.findings: list[Any] = []

    def true(self, condition: Any, rationale: str, help: str = "", detail: str = "") -> None:
        """Fail with `rationale` unless `condition` is the boolean True.

        Anything that is not a bool is an error of the test: a NaN or an array must not count as
        success because it happens to be truthy.
        """
        if not isinstance(condition, (bool, np.bool_)):
            raise TypeError(f"expect.true needs a bool, got {type(condition).__name__}")
        if not condition:
            raise CheckFailed(rationale, help, detail)

    def shape(
        self, actual: Any, shape: Sequence[int], *, what: str = "the result", help: str = ""
    ) -> None:
        """The result is an array of exactly this shape."""
        array = as_array(actual, what)
        if tuple(array.shape) != tuple(shape):
            raise CheckFailed(
                f"{what} has shape {_shape(array.shape)}, but the contract says {_shape(shape)}",
                help or "Look at which axis is reduced, and at axes of size one.",
            )

    def finite(self, actual: Any, *, what: str = "the result", help: str = "") -> None:
        """The result holds numbers, and no NaN and no infinity among them."""
        array = as_array(actual, what)
        self.true(array.size > 0, f"{what} holds no number", help)
        if not np.isfinite(array).all():
            kinds = [
                name
                for name, present in (
                    ("NaN", np.isnan(array).any()),
                    ("infinity", np.isinf(array).any()),
                )
                if present
            ]
            raise CheckFailed(
                f"{what} contains {' and '.join(kinds)}",
                help or "Look for an overflow, a logarithm of zero or a division by zero.",
                f"{what}: {show(array)}",
            )

    def close(
        self,
        actual: Any,
        expected: Any,
        *,
        what: str = "the result",
        help: str = "",
        terms: int = 1,
        scale: float | None = None,
        slack: float = 0.0,
    ) -> None:
        """The result has the expected values, up to rounding; its shape is not looked at.

        A result with the right number of values in the right order passes, whatever axes of size
        one it has: `shape` is there to mark those apart.

        Args:
            actual: what the submission returned.
            expected: what the reference returned; its dtype sets the tolerance.
            what: the subject of the sentence that the student reads.
            help: what the student should look at.
            terms: how many numbers were added up for one value. Rounding grows as sqrt(terms).
            scale: size of the numbers that were added up; by default that of the values, or one.
            slack: absolute difference that the contract leaves open (say, a permitted epsilon).

        Raises:
            CheckFailed: on other values, NaN, or another number of values.
        """
        found = as_array(actual, what).astype(np.float64)
        wanted_array = as_array(expected, "the expected value")
        wanted = wanted_array.astype(np.float64)
        if found.size != wanted.size:
            raise CheckFailed(
                f"{what} has shape {_shape(found.shape)}, but the contract says "
                f"{_shape(wanted.shape)}",
                help or "Look at which axis is reduced, and at what is broadcast.",
                _both(wanted, found),
            )
        found, wanted = found.reshape(-1), wanted.reshape(-1)
        finite = np.abs(wanted[np.isfinite(wanted)])
        magnitude = scale if scale is not None else max(1.0, float(finite.max(initial=0.0)))
        tolerance = slack + ROUNDOFF_FACTOR * _eps(wanted_array) * math.sqrt(terms) * magnitude
        # Written so that a NaN counts as wrong; equal infinities count as right.
        with np.errstate(invalid="ignore"):  # infinity less infinity
            difference = np.abs(found - wanted)
        right = (difference <= tolerance) | (found == wanted)
        right &= (np.isfinite(found) & np.isfinite(wanted)) | (found == wanted)
        if right.all():
            return
        wrong = int((~right).sum())
        if np.isnan(found).any() and not np.isnan(wanted).any():
            rationale = f"{what} contains NaN"
        elif wanted.size == 1:
            rationale = f"{what} has the wrong value"
        else:
            rationale = f"{what} is wrong in {wrong} of {wanted.size} values"
        raise CheckFailed(
            rationale,
            help,
            f"{_both(wanted, found)}\ntolerance {tolerance:.3g}, "
            f"largest difference {np.nanmax(difference, initial=0.0):.6g}",
        )

    def each(self, actual: Any, count: int, *, what: str = "the result") -> torch.Tensor:
        """One value per example, read off whatever layout the result has; `shape` marks that.

        Besides (B,) with further axes of size one, two layouts say what the value of each example
        is. Broadcasting (B,) against (B, 1) pairs every example with every other, (B, B) or
        (B, B, B) in any form: an example paired with itself is on the diagonal. And a value that is
        repeated along other axes is that value.

        Args:
            actual: what the submission returned.
            count: the number of examples, B.
            what: the subject of the sentence that the student reads.

        Returns:
            (B,) in float64; NaN and infinity are kept.

        Raises:
            CheckFailed: the result has another number of values, and no such layout.
        """
        array = as_array(actual, what).astype(np.float64)
        flat = array.reshape(-1)
        for axes in (1, 2, 3):
            if flat.size == count**axes:
                return torch.from_numpy(flat[:: sum(count**n for n in range(axes))].copy())
        for axis in {0, array.ndim - 1} if array.ndim else ():
            if array.shape[axis] == count and array.size:
                rows = np.moveaxis(array, axis, 0).reshape(count, -1)
                if np.allclose(rows, rows[:, :1], rtol=1e-5, atol=1e-6):
                    return torch.from_numpy(rows[:, 0].copy())
        raise CheckFailed(
            f"{what} has shape {_shape(array.shape)} for {count} example(s): the contract says one "
            "number for each",
            "Look at which axis is reduced, and at what is broadcast.",
            f"{what}: {show(array)}",
        )

    def several(self, actual: Any, count: int, *, what: str = "the result", help: str = "") -> Any:
        """The parts of a result that consists of several, in order.

        Raises:
            CheckFailed: it is not a list or tuple of so many.
        """
        parts = len(actual) if isinstance(actual, list | tuple) else 1
        self.true(
            parts == count, f"{what} has {parts} part(s), but the contract says {count}", help
        )
        return actual

    def plausible(self, finding: Any, rationale: str, help: str = "") -> None:
        """A statistical test found nothing against the answers.

        Args:
            finding: what a function of `grader.suite.stats` returned.
            rationale: what is wrong if it did.
            help: what the student should look at.
        """
        self.findings.append(finding)
        self.true(
            finding.passed,
            rationale,
            help,
            f"{finding.test}: {finding.detail}; p = {finding.p_value:.3g}, "
            f"false-fail rate {finding.false_fail:.3g}",
        )

    def unchanged(self, after: Any, before: Any, *, what: str, help: str = "") -> None:
        """An input still holds, bit for bit, what it held before the call."""
        now, then = as_array(after, what), as_array(before, what)
        same = now.shape == then.shape and now.dtype == then.dtype
        if not same or now.tobytes() != then.tobytes():
            raise CheckFailed(
                f"{what} was changed in place",
                help or "Compute a new tensor; the caller still needs the one it passed in.",
            )


def as_array(value: Any, what: str = "the result") -> np.ndarray[Any, np.dtype[Any]]:
    """A numeric array from a tensor, an array, a number or a list of numbers.

    Raises:
        CheckFailed: it is something else, e.g. None because a `return` is missing.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
        if value.is_complex():
            raise CheckFailed(
                f"{what} is complex, but the contract says real numbers",
                "Look for a root or a logarithm of negative numbers, and for a Fourier transform.",
            )
        return np.asarray(value.numpy())
    if value is None:
        raise CheckFailed(f"{what} is None", "Is there a `return` on every path?")
    if isinstance(value, (bool, int, float, np.ndarray, np.generic, list, tuple)):
        try:
            array = np.asarray(value)
        except (ValueError, TypeError):
            array = np.asarray(None)
        if array.dtype.kind in "biuf":
            return array
    raise CheckFailed(
        f"{what} is of {_kind(value)}, but the contract says a tensor",
        "Look at what the function returns.",
    )


def _kind(value: Any) -> str:
    """The type in words; one that a student named could say what they must not learn."""
    # Behind the wall it was an object of this name; here it is a stand-in.
    name = str(getattr(value, "type_name", type(value).__name__)).rpartition(".")[2]
    known = any(hasattr(library, name) for library in (builtins, torch, torch.nn, np))
    return f"type {name}" if known else "a type of its own"


def show(array: np.ndarray[Any, np.dtype[Any]]) -> str:
    """An array as short text."""
    return np.array2string(np.asarray(array), precision=6, threshold=24, edgeitems=4)


def _both(wanted: np.ndarray[Any, np.dtype[Any]], found: np.ndarray[Any, np.dtype[Any]]) -> str:
    return f"expected {show(wanted)}\nactual   {show(found)}"


def _eps(array: np.ndarray[Any, np.dtype[Any]]) -> float:
    """Unit of roundoff of a dtype; Python numbers and integers count as float32 like torch's."""
    if array.dtype == np.float64:
        return float(np.finfo(np.float64).eps)
    if array.dtype == np.float16:
        return float(np.finfo(np.float16).eps)
    return float(np.finfo(np.float32).eps)


def _shape(shape: Sequence[int]) -> str:
    # Axes of an array without elements can have any size, and so say anything.
    most = LARGEST_AXIS_SHOWN if math.prod(shape) == 0 else math.inf
    sizes = [str(n) if n <= most else "many" for n in shape[:MOST_AXES_SHOWN]]
    sizes += ["..."] if len(shape) > MOST_AXES_SHOWN else []
    return "(" + ", ".join(sizes) + ("," if len(shape) == 1 else "") + ")"
