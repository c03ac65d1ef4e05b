"""What a test asked, with and without its values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from grader.suite.expect import show

MAX_SHOWN = 400
# Functions and arrays that the outline of a probe names.
MAX_NAMED, MAX_ARRAYS = 3, 4


@dataclass
class Call:
    """One question that a test put to an implementation, and what came back."""

    operation: str  # 'call' or 'probe'
    target: str
    arguments: dict[str, Any]
    seed: int
    value: Any = None
    problem: str = ""
    functions: tuple[str, ...] = ()  # of the student's, which a probe drives

    def request(self) -> dict[str, Any]:
        """The message that goes over the wall."""
        return {"op": self.operation, "target": self.target, "seed": self.seed, **self.arguments}

    def outline(self) -> str:
        """The call without values: safe for the student, who knows functions but not probes."""
        if self.operation == "call":
            return self._outline()
        arrays = [_outline(value) for value in _arrays(self.arguments.get("kwargs", {}))]
        told = " and ".join(self.functions[:MAX_NAMED]) or "the submission's functions"
        return told + (f", with {', '.join(arrays[:MAX_ARRAYS])}" if arrays else "")

    def _outline(self) -> str:
        parts = [_outline(a) for a in self.arguments.get("args", ())]
        parts += [f"{k}={_outline(v)}" for k, v in self.arguments.get("kwargs", {}).items()]
        return f"{self.target}({', '.join(parts)})"

    def full(self) -> str:
        """The call with values: for the TA."""
        lines = [self._outline()]
        for i, argument in enumerate(self.arguments.get("args", ())):
            lines.append(f"  argument {i + 1} = {_value(argument)}")
        for name, argument in self.arguments.get("kwargs", {}).items():
            lines.append(f"  {name} = {_value(argument)}")
        lines.append(f"  gave {self.problem or _value(self.value)}")
        return "\n".join(lines)


def _arrays(value: Any) -> list[Any]:
    """The arrays in a value, in order."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [a for v in value for a in _arrays(v)] if isinstance(value, (list, tuple)) else []


def held_bytes(value: Any) -> int:
    """Bytes of the arrays in a value."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return int(value.nbytes)
    if isinstance(value, dict):
        return sum(map(held_bytes, value.values()))
    return sum(map(held_bytes, value)) if isinstance(value, (list, tuple)) else 0


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
