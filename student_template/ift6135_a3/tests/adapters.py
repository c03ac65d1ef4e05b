"""What a submission may look like besides the hand-out; runs behind the wall, after its import.

The assignment's text speaks of a function `planar_transformation`, the hand-out has the method
`PlanarTransformation.forward`. Who wrote the function is marked by the function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

POINTS = ("x", "z", "input", "inputs", "data", "points", "samples")
ROLES = {
    "self": "layer",
    "layer": "layer",
    "module": "layer",
    **dict.fromkeys(POINTS, "x"),
    "u": "u",
    "w": "w",
    "b": "b",
    "weight": "w",
    "bias": "b",
}
# As rows, as vectors, as columns: the shapes in which a function may expect u and w.
SHAPES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda t: t.reshape(1, -1),
    lambda t: t.reshape(-1),
    lambda t: t.reshape(-1, 1),
)


def adapt(impl: Any) -> None:
    """Let a module-level `planar_transformation` stand for an unwritten `forward`."""
    solution = getattr(impl, "solution", None)
    function = getattr(solution, "planar_transformation", None)
    if not callable(function) or inspect.isclass(function):
        return
    layer_class = getattr(solution, "PlanarTransformation", None)
    if layer_class is None:
        layer_class = solution.PlanarTransformation = _Carrier
    elif _is_written(layer_class):
        return
    arguments = _arguments(function)
    if arguments is not None:
        layer_class.forward = _forward(function, *arguments)


class _Carrier(nn.Module):
    """The parameters of the hand-out's class, for a submission that has only the function."""

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.u = nn.Parameter(0.01 * torch.randn(1, dim))
        self.w = nn.Parameter(0.01 * torch.randn(1, dim))
        self.b = nn.Parameter(torch.zeros(1))

    def adjust_u(self) -> None:
        """The given step to w.u > -1."""
        wu = self.w @ self.u.t()
        change = (-1 + torch.log(1 + torch.exp(wu)) - wu) * self.w / (self.w @ self.w.t())
        self.u.data = self.u.data + change.data


def _is_written(layer_class: Any) -> bool:
    """Whether `forward` does anything. One that is wrong, or fails, is the student's answer."""
    try:
        return layer_class(2)(torch.zeros(3, 2)) is not None
    except NotImplementedError:
        return False
    except Exception:
        return True


def _arguments(function: Any) -> tuple[list[str], Callable[[Tensor], Tensor]] | None:
    """The role of each positional argument, and the shape in which u and w are expected."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        and (p.default is p.empty or p.name.lower() in ROLES)
    ]
    by_name = [ROLES.get(p.name.lower()) for p in positional]
    by_order = {1: ["x"], 2: ["layer", "x"], 4: ["x", "u", "w", "b"]}.get(len(positional))
    known = None not in by_name and len(set(by_name)) == len(by_name) and "x" in by_name
    roles = [str(role) for role in by_name] if known else by_order
    if roles is None:
        return None
    probe = _Carrier(2)
    for shape in SHAPES:
        try:
            result = _call(function, roles, shape, probe, torch.randn(3, 2))
        except NotImplementedError:
            return None
        except Exception:
            continue
        if isinstance(result, Tensor) and tuple(result.shape) == (3, 2):
            return roles, shape
    return roles, SHAPES[0]


def _call(
    function: Any, roles: list[str], shape: Callable[[Tensor], Tensor], layer: Any, x: Tensor
) -> Any:
    values = {"layer": layer, "x": x, "u": shape(layer.u), "w": shape(layer.w), "b": layer.b}
    return function(*(values[role] for role in roles))


def _forward(
    function: Any, roles: list[str], shape: Callable[[Tensor], Tensor]
) -> Callable[[Any, Tensor], Any]:
    def forward(self: Any, x: Tensor) -> Any:
        adjust_u = getattr(self, "adjust_u", None)
        if adjust_u is not None and bool(self.w.reshape(-1) @ self.u.reshape(-1) < -1):
            adjust_u()
        return _call(function, roles, shape, self, x)

    return forward
