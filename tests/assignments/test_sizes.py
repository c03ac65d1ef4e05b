"""Of no size, seed or type may a submission tell what it is asked for: each is judged at the sizes
that a course uses as at small ones, and what the public suite asks is among what the hidden one
asks.
"""

from __future__ import annotations

import functools
import types
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grader.assignment import Assignment, find_assignment, known_assignments
from grader.suite.local import load_file
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.trial import Trial, try_suite

SMALL = 64  # numbers, in the largest tensor of a call
WRONG = -1.1
SECRETS = ("one", "two")

pytestmark = pytest.mark.timeout(600)

Wrapper = Callable[[str, Callable[..., Any]], Callable[..., Any]]


@pytest.fixture(scope="module", params=known_assignments())
def assignment(request: pytest.FixtureRequest) -> Assignment:
    """Each assignment."""
    return find_assignment(request.param)


def wrapped(
    assignment: Assignment, contracts: Collection[str], wrapper: Wrapper
) -> dict[str, types.ModuleType]:
    """The reference's modules, with the functions of these contracts in a wrapper: all public
    methods of a contract that is a class."""
    modules = {
        f.name: load_file(assignment.reference / f.path, f"sizes_{f.name}")
        for f in assignment.description.files
    }
    for contract in contracts:
        owner: Any = types.SimpleNamespace(**modules)
        *path, name = contract.split(".")
        for part in path:
            owner = getattr(owner, part)
        found = getattr(owner, name)
        if not isinstance(found, type):
            setattr(owner, name, wrapper(contract, found))
            continue
        for method, function in list(vars(found).items()):
            if callable(function) and not method.startswith("_"):
                setattr(found, method, wrapper(f"{contract}.{method}", function))
    return modules


# --- right for small inputs alone -----------------------------------------------------------------


def size(value: Any) -> int:
    """How many numbers or characters the largest part of a value has."""
    if isinstance(value, Tensor | np.ndarray):
        return int(np.prod(value.shape))
    if isinstance(value, str):
        return len(value)
    if isinstance(value, nn.Module):
        return max(map(size, value.parameters()), default=0)
    return max(map(size, value), default=0) if isinstance(value, list | tuple) else 0


def spoilt(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, str):
        return value + "?"
    if isinstance(value, list | tuple):
        return type(value)(map(spoilt, value))
    if isinstance(value, bool):
        return not value
    if isinstance(value, Tensor):
        if value.dtype == torch.bool:
            return ~value
        return WRONG * value if value.is_floating_point() else value + 1
    return value if value is None else WRONG * value


class Read:
    """An iterator that knows the size of the largest of what it gave."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator, self.largest = iterator, 0

    def __iter__(self) -> Read:
        return self

    def __next__(self) -> Any:
        value = next(self.iterator)
        self.largest = max(self.largest, size(value))
        return value


class Spoiling:
    """A wrapper whose functions are wrong where the largest tensor of a call has more numbers.

    Tensors are those that go in or come out; of a function that has none, the parameters of the
    models. What a wrong training step descends is wrong, and what is changed in place.
    """

    def __init__(self, right_up_to: int) -> None:
        self.right_up_to, self.largest = right_up_to, 0

    def __call__(self, contract: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            args = tuple(Read(a) if hasattr(a, "__next__") else a for a in args)
            given = [*args, *kwargs.values()]
            models = [a for a in given if isinstance(a, nn.Module)]
            before = [[p.detach().clone() for p in m.parameters()] for m in models]

            def wrong(*results: Any) -> bool:
                sizes = [size(a) for a in [*given, *results] if not isinstance(a, nn.Module)]
                sizes += [a.largest for a in args if isinstance(a, Read)]
                largest = max(sizes, default=0) or size(models)
                self.largest = max(self.largest, largest)
                return largest > self.right_up_to

            backward: Callable[..., None] = Tensor.backward

            def descend(loss: Tensor, *more: Any, **named: Any) -> None:
                backward(WRONG * loss if wrong() else loss, *more, **named)

            with mock.patch.object(Tensor, "backward", descend):
                result = function(*args, **kwargs)
            several = result if isinstance(result, tuple) else (result,)
            if all(map(callable, several)):
                made = tuple(self(contract, one) for one in several)
                return made if isinstance(result, tuple) else made[0]
            if not wrong(result):
                return result
            if result is None:
                with torch.no_grad():
                    for model, old in zip(models, before, strict=True):
                        for parameter, was in zip(model.parameters(), old, strict=True):
                            parameter.copy_(was + WRONG * (parameter - was))
            return spoilt(result)

        return call


def kept(assignment: Assignment, suite: Path) -> dict[str, float]:
    """What a reference that is right for small inputs alone keeps of what one loses that is wrong
    for all, by question."""
    shares = {}

    def serve(plugin: SuitePlugin) -> None:
        for question in assignment.description.questions:
            expected = plugin.of(frozenset({question.id}))
            lost, largest = [], 0
            for right_up_to in (-1, SMALL):
                spoiling = Spoiling(right_up_to)
                trial = Trial(assignment, wrapped(assignment, question.contracts, spoiling))
                seen = plugin.run(trial, SECRETS[0], expected)
                outcomes = {e.id: seen[e.id].outcome for e in expected}
                assert "not_graded" not in outcomes.values(), outcomes
                # What a check finds by itself: form without an attempt is not lost to any value.
                lost.append(sum(e.weight for e in expected if outcomes[e.id] == "failed"))
                largest = spoiling.largest
            if lost[0] and largest:
                shares[question.id] = 1 - lost[1] / lost[0]

    serve_suite(assignment, suite, serve)
    return shares


def test_who_is_right_for_small_inputs_alone_loses_most(assignment: Assignment) -> None:
    shares = kept(assignment, assignment.hidden)
    assert shares
    assert {q: share for q, share in shares.items() if share >= 0.5} == {}
    assert sum(shares.values()) < len(shares) / 5


# --- the public suite and the hidden one ----------------------------------------------------------


def kind(value: Any) -> tuple[Any, ...]:
    """What can be seen of an argument, but for its values and its sizes."""
    if isinstance(value, Tensor):
        seen = (value.dtype, value.dim(), value.requires_grad, value.is_contiguous())
        return ("tensor", *map(str, seen))
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.ndim, value.flags.c_contiguous)
    if isinstance(value, list | tuple):
        return (type(value).__name__, *sorted({kind(v) for v in value}))
    return (type(value).__name__,)


def sizes(value: Any) -> list[int]:
    """The sizes that can be seen of an argument."""
    if isinstance(value, Tensor | np.ndarray):
        return list(value.shape)
    return [len(value)] if isinstance(value, str | list | tuple) else []


@dataclass
class Seen:
    """What was seen of the calls of a suite.

    Attributes:
        calls: by contract and kinds of arguments, the sizes of each call.
        seeds: of torch's global source.
    """

    calls: dict[tuple[Any, ...], list[list[int]]] = field(default_factory=lambda: defaultdict(list))
    seeds: set[int] = field(default_factory=set)

    def __call__(self, contract: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            given = [*args, *(kwargs[name] for name in sorted(kwargs))]
            key = contract, *sorted(kwargs), *map(kind, given)
            self.calls[key].append([n for a in given for n in sizes(a)])
            self.seeds.add(torch.initial_seed())
            return function(*args, **kwargs)

        return call


def seen(assignment: Assignment, suite: Path, secret: str) -> Seen:
    """What the functions of the reference see of a suite."""
    contracts = [c for q in assignment.description.questions for c in q.contracts]
    found = Seen()
    try_suite(assignment, wrapped(assignment, contracts, found), secret, suite)
    return found


def test_the_public_suite_asks_for_nothing_that_the_hidden_one_does_not(
    assignment: Assignment,
) -> None:
    """What tells one from the other tells where a right answer is of no use."""
    public = seen(assignment, assignment.public, "public")
    hidden = [seen(assignment, assignment.hidden, secret) for secret in SECRETS]
    told = []
    for key, calls in public.calls.items():
        known = [call for one in hidden for call in one.calls.get(key, [])]
        told += [
            (key, call)
            for call in calls
            if not known
            or any(
                not min(axis) <= n <= max(axis)
                for n, axis in zip(call, zip(*known, strict=True), strict=True)
            )
        ]
    assert not told
    # Seeds are as long in both, and follow from the secret.
    assert min(public.seeds | hidden[0].seeds) > 1000
    assert not hidden[0].seeds & hidden[1].seeds
