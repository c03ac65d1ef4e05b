"""Weights under names of a student's own: which layer of a network each of them belongs to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import nn


def arrangements(tensors: Mapping[str, Any], network: nn.Module) -> Iterator[dict[str, Any]]:
    """The tensors under the network's names, in every way in which the shapes of layers fit.

    Names of layers are the students'. A layer is a matrix (or a kernel) and a bias whose names
    differ in their last part; one of twice the outputs stands for two. Where the layers do not
    fit, the tensors come as they are, for the message that they earn.
    """
    found = list(_layers(tensors))
    wanted = list(_layers(network.state_dict()))
    slots: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for weight, bias, shape in wanted:
        slots.setdefault(shape, []).append((weight, bias))
    at: dict[tuple[int, ...], list[tuple[Any, Any]]] = {shape: [] for shape in slots}
    for weight, bias, shape in found:
        values = tensors[weight], tensors[bias]
        half = (shape[0] // 2, *shape[1:])
        if shape in at:
            at[shape].append(values)
        elif len(slots.get(half, ())) == 2:
            at[half] += zip(*(np.split(np.asarray(v), 2) for v in values), strict=True)
    if len(tensors) != 2 * len(found) or any(len(at[s]) != len(slots[s]) for s in slots):
        yield dict(tensors)
        return
    for order in itertools.product(*(itertools.permutations(at[shape]) for shape in slots)):
        yield {
            name: value
            for names, values in zip(slots.values(), order, strict=True)
            for pair, layer in zip(names, values, strict=True)
            for name, value in zip(pair, layer, strict=True)
        }


def _layers(tensors: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name of the weight, name of the bias, shape of the weight) of each layer."""
    groups: dict[str, list[str]] = {}
    for name in tensors:
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    for names in groups.values():
        ordered = sorted(names, key=lambda n: -np.ndim(tensors[n]))
        shapes = [tuple(np.shape(tensors[n])) for n in ordered]
        if len(names) == 2 and len(shapes[0]) > 1 and shapes[1] == shapes[0][:1]:
            yield ordered[0], ordered[1], shapes[0]
