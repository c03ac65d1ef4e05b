"""What the trainings share: the order of the batches, curves, and weights as they are left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


def epochs(count: int, size: int, steps: int | None) -> Iterator[Tensor]:
    """Indices of batches, a new order in each pass, as a shuffling DataLoader gives them."""
    made = 0
    while True:
        for batch in torch.randperm(count).split(size):
            if made == steps:
                return
            made += 1
            yield batch


def state(module: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}


class Curve:
    """Means of a figure over stretches of equally many steps."""

    def __init__(self, name: str, every: int) -> None:
        self._name = name
        self._every = every
        self._steps: list[float] = []
        self._means: list[float] = []
        self._open: list[float] = []

    def add(self, step: int, value: float) -> None:
        self._open.append(value)
        if len(self._open) == self._every:
            self._steps.append(float(step))
            self._means.append(math.fsum(self._open) / self._every)
            self._open.clear()

    def columns(self) -> dict[str, Sequence[float]]:
        return {"step": self._steps, self._name: self._means}
