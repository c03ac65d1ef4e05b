"""What breaks the laws of `grader.suite.laws`: each wraps a right function and spoils it.

The docstring is the hint that a student gets. `generic.py` grafts these onto the reference, one
for each contract whose class names the law.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.catalogue.generic import breaks

Function = Callable[..., Any]


def tensors(args: tuple[Any, ...]) -> Iterator[Tensor]:
    """The tensors among arguments; arrays of NumPy as tensors of the same memory."""
    return (torch.as_tensor(a) for a in args if isinstance(a, Tensor | np.ndarray))


def spoilt(result: Any, spoil: Function) -> Any:
    """The result spoilt; of several results, the first."""
    if isinstance(result, tuple):
        return spoil(torch.as_tensor(result[0])), *result[1:]
    return spoil(torch.as_tensor(result))


def optimisers(args: Iterable[Any]) -> list[Any]:
    return [a for a in args if isinstance(a, torch.optim.Optimizer)]


def with_spoilt_step(function: Function, spoil: Function, *args: Any, **kwargs: Any) -> Any:
    """`spoil(step, *given)` in the place of a training step, which a contract is or returns."""
    if optimisers([*args, *kwargs.values()]):
        return spoil(function, *args, **kwargs)
    step = function(*args, **kwargs)
    return lambda *given, **named: spoil(step, *given, **named)


@breaks("values", "has_the_right_values", per_example=True)
def with_the_value_of_the_first_example(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Every example has the value of the first one here. An index or a broadcast takes one example
    of the batch for all of them."""
    return spoilt(function(*args, **kwargs), lambda r: r[:1].expand_as(r) * 1.0)


@breaks("values", "has_the_right_values", per_example=False)
def of_the_other_sign(function: Function, *args: Any, **kwargs: Any) -> Any:
    """This is the negative of what is asked for."""
    return -function(*args, **kwargs)


@breaks("shape", "has_the_right_shape")
def as_a_column(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result has one axis of size one more than the contract says, as keepdim=True leaves it.
    Added to a tensor without that axis, it is broadcast without a word."""
    return spoilt(function(*args, **kwargs), lambda r: r.unsqueeze(-1))


@breaks("shape", "has_the_right_shape", per_example=True)
def summed_over_the_batch(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The examples of the batch are added up, but each is asked for by itself. Reduce the axes
    after the first."""
    return spoilt(function(*args, **kwargs), lambda r: r.sum(0))


@breaks("batch_of_one", "keeps_a_batch_of_one")
def squeezed(function: Function, *args: Any, **kwargs: Any) -> Any:
    """squeeze() takes away every axis of size one, that of a batch of one example too. Say which
    axis should go."""
    return function(*args, **kwargs).squeeze()


@breaks("arguments", "leaves_its_arguments_alone")
def changing_an_argument_in_place(function: Function, *args: Any, **kwargs: Any) -> Any:
    """An argument is changed in place, and the caller still needs it. `x += 1`, `x[...] = 0` and
    methods whose names end in _ change the tensor itself; compute a new one."""
    arrays = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    copies = [a.clone() if isinstance(a, Tensor) else a for a in arrays]
    result = function(*copies, **kwargs)
    with torch.no_grad():
        for given in tensors(args):
            given.logical_not_() if given.dtype == torch.bool else given.add_(1)
    return result


@breaks("layout", "takes_parts_of_larger_tensors")
def viewing_its_arguments(function: Function, *args: Any, **kwargs: Any) -> Any:
    """view asks for values that follow each other in memory. Those of a part of a larger tensor do
    not: reshape takes them."""
    viewed = (a.view(-1).view(a.shape) if isinstance(a, Tensor) else a for a in args)
    return function(*viewed, **kwargs)


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


@breaks("layers", "has_the_layers_of_the_text")
def with_a_layer_too_many(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The network has a layer that the text does not name. Print named_parameters() and compare."""
    network = function(*args, **kwargs)
    network.spare = torch.nn.Linear(1, 1)
    return network


@breaks("rows", "gives_a_row_for_each_example")
def with_rows_as_columns(function: Function, *args: Any, **kwargs: Any) -> Any:
    """What the network gives has one axis of size one too many. Its last layer gives a row for each
    example already."""
    network = function(*args, **kwargs)
    forward = network.forward
    network.forward = lambda *given: spoilt(forward(*given), lambda r: r.unsqueeze(-1))
    return network


@breaks("trained", "is_trained_through")
def with_a_detached_result(function: Function, *args: Any, **kwargs: Any) -> Any:
    """What the network gives has lost its graph, so nothing of it learns. .detach(), .data, numpy
    and torch.no_grad() cut it."""
    network = function(*args, **kwargs)
    forward = network.forward
    network.forward = lambda *given: spoilt(forward(*given), lambda r: r.detach())
    return network


@breaks("same_in_training", "is_the_same_in_training")
def with_dropout(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The layers are followed by dropout. The text has none here."""
    network = function(*args, **kwargs)

    def drop(layer: Any, given: Any, result: Tensor) -> Tensor:
        return torch.nn.functional.dropout(result, 0.3, network.training)

    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(drop)
    return network


@breaks("steps", "takes_its_steps")
def taking_all_steps_twice(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Each call takes every step twice. Count the steps of each optimiser in one call."""

    def twice(step: Function, *given: Any, **named: Any) -> Any:
        step(*given, **named)
        return step(*given, **named)

    return with_spoilt_step(function, twice, *args, **kwargs)


@breaks("descends", "descends_its_loss")
def going_uphill(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The steps go uphill: an optimiser minimises what backward() was called on, so its sign is
    wrong."""

    def uphill(step: Function, *given: Any, **named: Any) -> Any:
        def turned(optimiser: Any) -> None:
            for parameter in (p for group in optimiser.param_groups for p in group["params"]):
                parameter.grad = None if parameter.grad is None else -parameter.grad
            type(optimiser).step(optimiser)

        for optimiser in optimisers([*given, *named.values()]):
            optimiser.step = functools.partial(turned, optimiser)
        return step(*given, **named)

    return with_spoilt_step(function, uphill, *args, **kwargs)


@breaks("cleared", "clears_gradients")
def adding_to_earlier_gradients(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Gradients are never cleared, so every step uses the sum of all of them so far. Clear those of
    a network before each backward()."""

    def uncleared(step: Function, *given: Any, **named: Any) -> Any:
        for optimiser in optimisers([*given, *named.values()]):
            optimiser.zero_grad = lambda *args, **kwargs: None
        return step(*given, **named)

    return with_spoilt_step(function, uncleared, *args, **kwargs)


@breaks("alone", "moves_by_its_optimiser_alone")
def shrinking_the_parameters(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The parameters are changed by hand as well. They move by their optimiser alone."""

    def shrunk(step: Function, *given: Any, **named: Any) -> Any:
        result = step(*given, **named)
        with torch.no_grad():
            for optimiser in optimisers([*given, *named.values()]):
                for parameter in (p for group in optimiser.param_groups for p in group["params"]):
                    parameter.mul_(0.9)
        return result

    return with_spoilt_step(function, shrunk, *args, **kwargs)


@breaks("returns", "returns_its_loss")
def returning_nothing(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Nothing is returned: the caller plots what a step gives back."""

    def silent(step: Function, *given: Any, **named: Any) -> None:
        step(*given, **named)

    return with_spoilt_step(function, silent, *args, **kwargs)


@breaks("mean", "has_the_right_mean")
def moved_aside(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The draws are not centred where they should be: a constant is added to all of them."""
    return spoilt(function(*args, **kwargs), lambda r: r + 3 * r.std())


@breaks("variance", "has_the_right_variance")
def twice_as_wide(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The draws scatter twice as far as they should."""
    return spoilt(function(*args, **kwargs), lambda r: 2 * r - r.mean(0))


@breaks("independent", "draws_anew")
def with_a_seed_inside(function: Function, *args: Any, **kwargs: Any) -> Any:
    """A seed is set inside the function, so that all its calls give the same draws. Set it once, at
    the top of the notebook."""
    torch.manual_seed(1234)
    np.random.seed(1234)
    sources = [isinstance(a, np.random.Generator) for a in args]
    own = np.random.default_rng(1234)
    given = [own if is_source else a for a, is_source in zip(args, sources, strict=True)]
    return function(*given, **kwargs)


@breaks("independent", "draws_anew")
def repeating_one_draw(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Every row is the same draw: it is drawn once and repeated, or one array is changed in place
    and kept again and again."""
    return spoilt(function(*args, **kwargs), lambda r: r[-1:].expand_as(r) * 1.0)
