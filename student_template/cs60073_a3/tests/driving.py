"""Probes that know no assignment, and the parts that probes are made of.

`call`, `slopes`, `networks`, `repeated` and `raised` are probes: a test hands them to `submission`
or to `reference` as `probes.call` and so on, with the name of a function such as `gan.jsd`. The
first argument of a method is its model, as a dict that says how to make it:

    {"model": "solution.Flow", "size": [2, 8], "parameters": {"layers.0.u": ..., ...}}

A source of random numbers is `{"seed": 5}`: a NumPy generator, the global sources being seeded too.

The rest is for the probes of an assignment, which import it:

    from driving import in_place_of, plain

This file runs behind the wall and is published with the template as it stands: it imports numpy
and torch and nothing else.
"""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PROBES = ("call", "networks", "raised", "repeated", "slopes")

# --- probes -----------------------------------------------------------------------------------


def call(impl: Any, *, function: str, args: list[Any], views: bool = False) -> dict[str, Any]:
    """Call a function once, on copies of the arguments.

    Args:
        function: its dotted name, e.g. `gan.jsd`.
        args: of the call; all probes but `raised` make models of dicts.
        views: hand over tensors that are parts of larger ones, as the halves of a layer's result
            and its heads are: their rows do not follow each other in memory.

    Returns:
        `result`, and `args` as they are after the call.
    """
    args = [made(impl, a, views) for a in args]
    result = find(impl, function)(*args)
    return {"result": plain(result), "args": [plain(a) for a in args]}


def repeated(impl: Any, *, function: str, args: list[Any], seed: int, repeats: int) -> Tensor:
    """Results of several calls with the same arguments, one after the other: (repeats, ...).

    Args:
        function: its dotted name; it returns a tensor, of one shape each time.
        args: of every call; the same tensors and models each time.
        seed: of all sources of random numbers, set once before the first call.
        repeats: how many calls.

    Raises:
        TypeError: a result is not a tensor.
    """
    seed_all(seed)
    target, args = find(impl, function), [made(impl, a) for a in args]
    return torch.stack([tensor(target(*args), function).detach() for _ in range(repeats)])


def raised(impl: Any, *, function: str, args: list[Any]) -> list[str]:
    """Names of the classes of what a call raises, the most special first; [] if it returns."""
    try:
        find(impl, function)(*args)
    except Exception as error:
        return [c.__name__ for c in type(error).__mro__]
    return []


def slopes(
    impl: Any,
    *,
    function: str,
    args: list[Any],
    directions: list[list[Any]],
    step: float,
    seed: int | None = None,
    result: int = 0,
) -> dict[str, Any]:
    """Slopes of a function along directions, by autograd and by central differences.

    What is differentiated is the sum of the result's elements with weights from 1 to 2, so that
    the shares of the elements cannot cancel.

    Args:
        function: its dotted name; it returns a tensor, or several.
        args: where the slopes are asked for.
        directions: each one a list parallel to `args`, with None for what stays as it is; that of
            a model is a dict by the names of its parameters.
        step: of the central differences.
        seed: of all sources of random numbers, set before each call; None: not set.
        result: of several results, the one that counts.

    Returns:
        `autograd` and `differences`, one number per direction each. Where a result does not
        depend on an argument as far as autograd can see, that argument's share is zero.

    Raises:
        TypeError: the result is not a tensor.
    """
    target = find(impl, function)

    def total(values: list[Any]) -> Tensor:
        if seed is not None:
            seed_all(seed)
        found = target(*values)
        found = found[result] if isinstance(found, tuple | list) else found
        flattened = tensor(found, function).reshape(-1)
        weights = torch.linspace(1, 2, len(flattened), dtype=flattened.dtype)
        return (flattened * weights).sum()

    given = [made(impl, a) for a in args]
    leaves: list[tuple[int, str, Tensor]] = []
    for place, direction in enumerate(directions[0]):
        if isinstance(direction, dict):
            leaves += [(place, n, given[place].get_parameter(n)) for n in direction]
        elif direction is not None:
            leaves.append((place, "", given[place].requires_grad_()))
            # Not the leaf itself: what happens to an argument in place is another question.
            given[place] = given[place] * 1.0
    gradients = gradients_of(total(given), [leaf for _, _, leaf in leaves])
    along, differences = [], []
    for direction in directions:
        share = 0.0
        for (place, name, leaf), gradient in zip(leaves, gradients, strict=True):
            if name and leaf.grad is not None:  # left on the way; training adds to it
                gradient = gradient + leaf.grad
            towards = direction[place][name].reshape(leaf.shape) if name else direction[place]
            share += float((gradient * towards).sum())
        along.append(share)
        ends = []
        for h in (step, -step):
            moved = [_moved(a, d, h) for a, d in zip(args, direction, strict=True)]
            ends.append(float(total([made(impl, a) for a in moved]).detach()))
        differences.append((ends[0] - ends[1]) / (2 * step))
    return {"autograd": along, "differences": differences}


def networks(
    impl: Any,
    *,
    function: str,
    calls: list[tuple[str, Tensor]],
    seed: int,
    size: tuple[Any, ...] = (),
    training: bool = False,
    turned: bool = False,
    joined: tuple[tuple[int, ...], ...] = (),
    special: tuple[tuple[tuple[int, ...], float, float], ...] = (),
) -> dict[str, Any]:
    """A network with known parameters, and what its methods give.

    Parameters are known by their shapes, whatever they are called and in whatever order they come:
    vectors of one shape are alike, and matrices of one shape are not.

    Args:
        function: the class, e.g. `image_models.VAE`.
        calls: names of methods (`forward` for the network itself), each with its argument.
        seed: of the parameters, which are clearly not zero and lead to outputs of about one.
        size: arguments of the class.
        training: leave it in training mode, instead of evaluation mode.
        turned: where there are two matrices of one shape, they have changed places.
        joined: shapes of parameters that are taken for two, each of half the rows: a layer that is
            cut in two is as good as two heads.
        special: shapes, each with a factor and a shift of the values that such parameters have.

    Returns:
        `shapes` of the parameters; `results`, one for each call; and `reached`: which parameters
        the first result of the last call has a slope along.
    """
    network = find(impl, function)(*size)
    parameters = list(network.parameters())
    cuts = set(map(tuple, joined))
    halved = [p.chunk(2) if tuple(p.shape) in cuts else (p,) for p in parameters]
    shapes = _fill([part for parts in halved for part in parts], seed, turned, special)
    network.train(training)
    results: list[Any] = []
    for method, argument in calls:
        found = network(argument) if method == "forward" else getattr(network, method)(argument)
        results.append(found)
    first = results[-1] if calls else None
    first = first[0] if isinstance(first, tuple | list) else first
    gradients: list[Tensor] = []
    if isinstance(first, Tensor):
        weights = torch.linspace(1, 2, first.numel()).reshape(first.shape)
        gradients = gradients_of((first * weights).sum(), parameters)
    return {
        "shapes": [list(shape) for shape in shapes],
        "results": plain(results),
        "reached": [bool(g.any()) for g in gradients],
    }


# --- parts of probes --------------------------------------------------------------------------


def find(impl: Any, function: str) -> Any:
    """What an implementation has under a dotted name, e.g. `gan.jsd`."""
    found = impl
    for name in function.split("."):
        found = getattr(found, name)
    return found


def made(impl: Any, value: Any, view: bool = False) -> Any:
    """A copy of an argument, or the model or generator that a dict describes, in its place.

    Raises:
        AttributeError: the model has no such parameter.
    """
    if isinstance(value, dict) and set(value) == {"seed"}:
        seed_all(value["seed"])
        return np.random.default_rng(value["seed"])
    if not isinstance(value, dict) or "model" not in value:
        return _copy(value, view)
    model = find(impl, value["model"])(*value["size"])
    for name, wanted in value["parameters"].items():
        parameter = model.get_parameter(name)
        parameter.data = wanted.clone().reshape(parameter.shape)
    return model


def plain(value: Any) -> Any:
    """The value as it may leave a probe: a tensor without its graph, a number, or a type's name.

    The name of a type is nothing that a test accepts; it makes the message say what came back.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray | np.generic):
        return torch.as_tensor(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return f"a value of type {type(value).__name__}"


def tensor(value: Any, what: str) -> Tensor:
    """The value itself.

    Raises:
        TypeError: it is not a tensor; the message says what `what` returned instead.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{what} returned {type(value).__name__}, not a tensor")
    return value


def flat(tensors: Any) -> Tensor:
    """All elements of some tensors in one vector, without their graphs."""
    return torch.cat([t.detach().reshape(-1) for t in tensors]).clone()


def with_parameters(network: nn.Module, vector: Tensor) -> nn.Module:
    """The network, whose parameters now have the values of one vector."""
    with torch.no_grad():
        nn.utils.vector_to_parameters(vector.clone(), network.parameters())
    return network


def seed_all(seed: int) -> None:
    """Seed torch, NumPy's global source and Python's own."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def gradients_of(result: Tensor, wanted: list[Tensor]) -> list[Tensor]:
    """Gradients of a number; zeros where it does not depend on a tensor."""
    if not result.requires_grad:
        return [torch.zeros_like(t) for t in wanted]
    found = torch.autograd.grad(result, wanted, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(wanted, found, strict=True)]


class WatchedSGD(torch.optim.SGD):
    """Plain gradient descent that tells of each step before it takes it.

    Args:
        module: whose parameters it moves.
        lr: the learning rate.
        tell: called before each step with the gradient of all parameters in one vector, zeros
            where a parameter has none.
    """

    def __init__(self, module: nn.Module, lr: float, tell: Callable[[Tensor], None]) -> None:
        super().__init__(module.parameters(), lr=lr)
        self._module, self._tell = module, tell

    def step(self, closure: Any = None) -> Any:
        """Evaluate the closure if there is one, tell, and move; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._tell(flat(map(_gradient, self._module.parameters())))
        super().step()
        return loss


def watched_step(
    step: Callable[[Callable[..., None], dict[str, WatchedSGD]], Any],
    networks: dict[str, nn.Module],
    start: dict[str, Tensor],
    *,
    lr: float,
    calls: int,
    stale: float = 0.0,
) -> list[dict[str, Any]]:
    """Perform a training step several times and report what it does, in order.

    Args:
        step: performs it once; it gets `tell(event, **more)`, for what is drawn or called, and
            an optimiser for each network, by name.
        networks: what is trained or used, by name.
        start: what their parameters are before the first call, by the same names, each in one
            vector.
        lr: the learning rate of the optimisers.
        calls: how often it is performed.
        stale: what all gradients hold before the first call.

    Returns:
        Dictionaries with `event`; `call`, its number from 0; and `parameters`, those of each
        network then, in one vector. Events are what `tell` was told; `step`, right before an
        optimiser's step, with its network `who` and the `gradient` in one vector; and `return` at
        the end of each call, with `value` and whether it `is_tensor`. For the laws of
        `grader.suite.laws.Step`, `drawn` has the `source` and the `value` of what was drawn.
    """
    events: list[dict[str, Any]] = []
    number = 0

    def tell(event: str, **more: Any) -> None:
        parameters = {name: flat(network.parameters()) for name, network in networks.items()}
        events.append({"event": event, "call": number, "parameters": parameters, **more})

    def teller(who: str) -> Callable[[Tensor], None]:
        return lambda gradient: tell("step", who=who, gradient=gradient)

    optimisers = {name: WatchedSGD(n, lr, teller(name)) for name, n in networks.items()}
    for name, network in networks.items():
        for parameter in with_parameters(network, start[name]).parameters():
            parameter.grad = torch.full_like(parameter, stale) if stale else None
    while number < calls:
        value = step(tell, optimisers)
        tell("return", value=plain(value), is_tensor=isinstance(value, Tensor))
        number += 1
    return events


def on_stand_ins(
    impl: Any,
    probe: Callable[..., Any],
    stand_ins: dict[str, Callable[..., Any]],
    replaced: list[str],
    asked: dict[str, Any],
) -> Any:
    """What a probe finds with some contracts replaced, in case others use them.

    Args:
        probe: it is called with the implementation.
        stand_ins: functions by the contract that each replaces, e.g. `gan.jsd`.
        replaced: which of them are replaced.
        asked: keywords of the probe.
    """
    with contextlib.ExitStack() as until_it_is_done:
        for contract in replaced:
            owner, _, name = contract.rpartition(".")
            stand_in = in_place_of(find(impl, owner), {name: stand_ins[contract]})
            until_it_is_done.enter_context(stand_in)
        return probe(impl, **asked)


@contextlib.contextmanager
def in_place_of(module: Any, stand_ins: dict[str, Callable[..., Any]]) -> Iterator[None]:
    """Put functions in the place of a module's or a class's own as long as the block runs.

    They are called as the own ones are, so each takes its arguments by position and the names of
    the own function's parameters still work. A name that was missing is missing again afterwards.
    """
    missing = object()
    before = {name: getattr(module, name, missing) for name in stand_ins}
    try:
        for name, function in stand_ins.items():
            setattr(module, name, _called_as(before[name], function))
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                delattr(module, name)
            else:
                setattr(module, name, value)


def signature_of(function: Any) -> inspect.Signature | None:
    """How a function is called; None where Python cannot tell."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _called_as(own: Any, stand_in: Callable[..., Any]) -> Callable[..., Any]:
    """The stand-in, with the names that the function which it replaces has for its arguments."""
    signature = signature_of(own)
    if signature is None:
        return stand_in

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        return stand_in(*bound.args, **bound.kwargs)

    return call


def _fill(parts: list[Tensor], seed: int, turned: bool, special: Any) -> list[tuple[int, ...]]:
    """Give parameters the values that belong to their shapes, and return the shapes."""
    shapes = [tuple(part.shape) for part in parts]
    moved = {tuple(shape): (factor, shift) for shape, factor, shift in special}
    for k, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        place = shapes[:k].count(shape) if len(shape) > 1 else 0
        place = 1 - place if turned and len(shape) > 1 and shapes.count(shape) == 2 else place
        generator = torch.Generator().manual_seed(seed + 7 * sum(shape) + place)
        size = 1.5 / torch.Size(shape[1:]).numel() ** 0.5 if len(shape) > 1 else 0.3
        factor, shift = moved.get(shape, (1.0, 0.0))
        with torch.no_grad():
            part.copy_(factor * size * torch.randn(shape, generator=generator) + shift)
    return shapes


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _copy(value: Any, view: bool = False) -> Any:
    if view and isinstance(value, Tensor) and value.dim():
        wide = torch.cat([value, value], dim=-1)
        if value.dim() > 3:  # as heads are that were cut out of a layer's result
            wide = wide.transpose(1, 2).contiguous().transpose(1, 2)
        return wide[..., : value.shape[-1]]
    if isinstance(value, Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _moved(value: Any, direction: Any, step: float) -> Any:
    if isinstance(direction, dict):
        there = {n: p + step * direction[n] for n, p in value["parameters"].items()}
        return {**value, "parameters": there}
    return value if direction is None else value + step * direction
