"""Probes of part C: models that can be computed by hand, and what drives a language model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from grader.suite.driving import call, on_stand_ins, slopes


def attention_layer(impl: Any, *, x: Tensor, weights: dict[str, Tensor]) -> Any:
    """The result of a `SelfAttention` with these weights, by role; biases that it has are zero."""
    layer = impl.language_model.SelfAttention().eval()
    inward = [weights[name] for name in ("query", "key", "value")]
    with torch.no_grad():
        if isinstance(fused := getattr(layer, "qkv", None), nn.Linear):
            _fill(fused, torch.cat(inward))
        else:
            for name, weight in zip(("query", "key", "value"), inward, strict=True):
                _fill(_part(layer, name), weight)
        _fill(_part(layer, "output"), weights["output"])
        return layer(x.clone())


def _fill(linear: Any, weight: Tensor, bias: Tensor | float = 0.0) -> None:
    linear.weight.copy_(weight)
    if linear.bias is not None:
        linear.bias.copy_(torch.as_tensor(bias))


def _part(module: Any, name: str) -> Any:
    """A named part of a module, which must be there before it is replaced or filled.

    Raises:
        AttributeError: it is not there.
    """
    part = module._modules.get(name)
    if part is None:
        raise AttributeError(f"{type(module).__name__} has no part called {name}")
    return part


# --- stand-ins --------------------------------------------------------------------------------


def odd_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Each place sees itself, and the first one."""
    return torch.sin(q) * k + 0.3 * v + 0.2 * v[..., :1, :]


STAND_INS = {"language_model.causal_attention": odd_attention}
PROBES = {probe.__name__: probe for probe in (call, slopes, attention_layer)}


def with_stand_ins(impl: Any, *, other: str, replaced: list[str], **asked: Any) -> Any:
    """What another probe finds with some contracts replaced by ones that nobody asks for.

    Args:
        other: its name, one of `PROBES`.
        replaced: keys of `STAND_INS`.
        asked: of that probe.
    """
    return on_stand_ins(impl, PROBES[other], STAND_INS, replaced, asked)
