"""What breaks the laws of `grader.suite.laws`: each wraps a right function and spoils it.

The docstring is the hint that a student gets. `generic.py` grafts these onto the reference, one
for each contract whose class names the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grader.catalogue.generic import breaks

Function = Callable[..., Any]


def tensors(args: tuple[Any, ...]) -> Iterator[Tensor]:
    return (a for a in args if isinstance(a, Tensor))


@breaks("values", "has_the_right_values", per_example=True)
def with_the_value_of_the_first_example(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Every example has the value of the first one here. An index or a broadcast takes one example
    of the batch for all of them."""
    result = function(*args, **kwargs)
    return result[:1].expand_as(result) * 1.0


@breaks("values", "has_the_right_values", per_example=False)
def of_the_other_sign(function: Function, *args: Any, **kwargs: Any) -> Any:
    """This is the negative of what is asked for."""
    return -function(*args, **kwargs)


@breaks("shape", "has_the_right_shape")
def as_a_column(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result has one axis of size one more than the contract says, as keepdim=True leaves it.
    Added to a tensor without that axis, it is broadcast without a word."""
    return torch.as_tensor(function(*args, **kwargs)).unsqueeze(-1)


@breaks("shape", "has_the_right_shape", per_example=True)
def summed_over_the_batch(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The examples of the batch are added up, but each is asked for by itself. Reduce the axes
    after the first."""
    return function(*args, **kwargs).sum(0)


@breaks("batch_of_one", "keeps_a_batch_of_one")
def squeezed(function: Function, *args: Any, **kwargs: Any) -> Any:
    """squeeze() takes away every axis of size one, that of a batch of one example too. Say which
    axis should go."""
    return function(*args, **kwargs).squeeze()


@breaks("arguments", "leaves_its_arguments_alone")
def changing_an_argument_in_place(function: Function, *args: Any, **kwargs: Any) -> Any:
    """An argument is changed in place, and the caller still needs it. `x += 1`, `x[...] = 0` and
    methods whose names end in _ change the tensor itself; compute a new one."""
    copies = [a.clone() if isinstance(a, Tensor) else a for a in args]
    result = function(*copies, **kwargs)
    with torch.no_grad():
        for given in tensors(args):
            given.logical_not_() if given.dtype == torch.bool else given.add_(1)
    return result


@breaks("layout", "takes_parts_of_larger_tensors")
def viewing_its_arguments(function: Function, *args: Any, **kwargs: Any) -> Any:
    """view asks for values that follow each other in memory. Those of a part of a larger tensor do
    not: reshape takes them."""
    return function(*(a.view(-1).view(a.shape) if isinstance(a, Tensor) else a for a in args))


@breaks("gradient", "has_the_gradient_of_its_values")
def detached(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result has lost its graph, so nothing learns through it. .detach(), .data, .item(),
    numpy and torch.no_grad() cut it."""
    result = function(*args, **kwargs)
    several = isinstance(result, tuple)
    return tuple(r.detach() for r in result) if several else result.detach()


@breaks("images", "takes_images_as_rows")
def summed_over_the_last_axis(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Only the last axis is summed over, so an image gives one number per row of pixels. All axes
    but the first belong to one example."""
    shape = next(tensors(args)).shape
    flat = [a.reshape(-1, shape[-1]) if isinstance(a, Tensor) else a for a in args]
    return function(*flat, **kwargs).reshape(shape[:-1])
