"""What a test asked, with and without its values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from grader.suite.expect import show

MAX_SHOWN = 400


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
