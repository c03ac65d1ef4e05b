"""The laws of a training step: of two networks against each other, and of one with itself."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from grader.catalogue import law_mistakes
from grader.catalogue.generic import breakers
from grader.suite import driving
from grader.suite.attempts import Attempts
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.laws import Step

LR = 0.05
Optimiser = torch.optim.Optimizer


def duel(
    critic: Any, maker: Any, critic_optim: Optimiser, maker_optim: Optimiser, x: Tensor, z: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of either: the critic tells x from what is made of z, the maker is told it."""
    critic_optim.zero_grad()
    told = (critic(maker(z)) ** 2 - torch.tanh(critic(x))).mean()
    told.backward()
    critic_optim.step()
    maker_optim.zero_grad()
    made = -critic(maker(z)).mean()
    made.backward()
    maker_optim.step()
    return told.detach(), made.detach()


def players() -> dict[str, nn.Module]:
    return {
        "critic": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)),
        "maker": nn.Linear(2, 3),
    }


def duels(impl: Any, *, x: Tensor, z: Tensor, start: dict[str, Tensor], calls: int) -> Any:
    networks = players()

    def step(tell: Callable[..., None], optimisers: dict[str, Any]) -> Any:
        tell("drawn", source="x", value=x)
        tell("drawn", source="z", value=z)
        return impl.toy.duel(*networks.values(), *optimisers.values(), x.clone(), z.clone())

    return driving.watched_step(step, networks, start, lr=LR, calls=calls)


class Duel(Step):
    sources: ClassVar[Mapping[str, str]] = {"x": "", "z": ""}
    lr = LR

    def networks(self) -> Mapping[str, nn.Module]:
        return players()

    def losses(self) -> Mapping[str, Any]:
        def told(networks: Any, draws: Any) -> Tensor:
            critic, made = networks["critic"], networks["maker"](draws["z"])
            return (critic(made) ** 2 - torch.tanh(critic(draws["x"]))).mean()

        def made(networks: Any, draws: Any) -> Tensor:
            return -networks["critic"](networks["maker"](draws["z"])).mean()

        return {"critic": [told], "maker": [made]}

    def watch(self, calls: int, **more: Any) -> Any:
        start = {"critic": self.draw.normal(21, std=0.5), "maker": self.draw.normal(9)}
        x, z = self.draw.normal(5, 3), self.draw.normal(5, 2)
        return self.submission(duels, x=x, z=z, start=start, calls=calls)


class Critic(Duel, question="q", of="toy.duel", steps=1, descends=1, cleared=1, alone=1, returns=1):
    who = "critic"


class Maker(Duel, question="q", of="toy.duel", steps=1, descends=1, cleared=1, alone=1, returns=1):
    who, place = "maker", 1


def check(kind: type[Duel], law: str, step: Callable[..., Any]) -> None:
    impl = types.SimpleNamespace(toy=types.SimpleNamespace(duel=step))
    fixtures = {
        "submission": lambda probe, **asked: probe(impl, **asked),
        "draw": Draw("secret", law),
        "expect": Expect(),
        "attempts": Attempts(),
    }
    test = kind()
    test.enter(fixtures.__getitem__)
    getattr(test, f"test_{test.laws()[law]}")()


LAWS = ("steps", "descends", "cleared", "alone", "returns")
both = pytest.mark.parametrize("kind", [Critic, Maker])


@both
@pytest.mark.parametrize("law", LAWS)
def test_a_right_step_keeps_every_law(kind: type[Duel], law: str) -> None:
    check(kind, law, duel)


@both
@pytest.mark.parametrize("breaker", [b for b in breakers() if b.law in LAWS], ids=lambda b: b.name)
def test_what_breaks_a_law_fails_it(kind: type[Duel], breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    with pytest.raises(CheckFailed):
        check(kind, breaker.law, lambda *args: broken(duel, *args))


def test_every_law_of_a_step_has_what_breaks_it() -> None:
    assert {(b.law, b.check) for b in breakers() if b.law in LAWS} == set(Step.laws().items())


def test_a_step_that_a_contract_returns_is_broken_like_one_that_it_is() -> None:
    broken = law_mistakes.returning_nothing(lambda: duel)
    with pytest.raises(CheckFailed, match="None"):
        check(Critic, "returns", broken)


def test_what_another_loss_left_costs_the_law_of_clearing_alone() -> None:
    def leaving(critic: Any, maker: Any, first: Any, second: Any, x: Tensor, z: Tensor) -> Any:
        second.zero_grad()
        second.zero_grad = lambda: None
        try:
            return duel(critic, maker, first, second, x, z)
        finally:
            del second.zero_grad

    for law in ("steps", "descends", "alone", "returns"):
        check(Maker, law, leaving)
    with pytest.raises(CheckFailed, match="more than the gradient of one loss"):
        check(Maker, "cleared", leaving)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_loss_from_before_the_call_is_right_where_the_order_is_left_open(at_once: bool) -> None:
    def both_first(critic: Any, maker: Any, first: Any, second: Any, x: Tensor, z: Tensor) -> Any:
        told = (critic(maker(z)) ** 2 - torch.tanh(critic(x))).mean()
        made = -critic(maker(z)).mean()
        for loss, network in ((told, critic), (made, maker)):
            parameters = list(network.parameters())
            for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                p.grad = gradient
        first.step()
        second.step()
        return told.detach(), made.detach()

    class AtOnce(Maker):
        pass

    AtOnce.at_once = at_once
    for law in LAWS:
        fails = not at_once and law in ("descends", "cleared", "returns")
        with pytest.raises(CheckFailed) if fails else contextlib.nullcontext():
            check(AtOnce, law, both_first)


def test_a_step_that_is_never_taken_fails_whatever_is_asked() -> None:
    for law in LAWS:
        with pytest.raises(CheckFailed, match="never takes a step of the maker's optimiser"):
            check(Maker, law, lambda *args: None)


def test_a_step_on_nothing_that_was_drawn_follows_no_loss() -> None:
    def on_nothing(impl: Any, *, start: dict[str, Tensor], calls: int, **drawn: Tensor) -> Any:
        networks = players()

        def step(tell: Callable[..., None], optimisers: dict[str, Any]) -> Tensor:
            optimisers["maker"].step()
            return torch.tensor(0.0)

        return driving.watched_step(step, networks, start, lr=LR, calls=calls)

    test = Maker()
    fixtures = {"draw": Draw("secret", "nothing"), "expect": Expect()}
    fixtures["submission"] = lambda probe, **asked: on_nothing(None, **asked)
    test.enter(fixtures.__getitem__)
    for method in ("test_descends_its_loss", "test_returns_its_loss"):
        with pytest.raises(CheckFailed):
            getattr(test, method)()


def test_earlier_draws_of_a_network_that_has_moved_are_stale() -> None:
    test = Maker()
    test.sources = {"x": "", "z": "maker"}  # type: ignore[misc]
    moved = [
        {"event": "drawn", "source": "z", "call": 0},
        {"event": "step", "who": "maker", "call": 0},
        {"event": "drawn", "source": "x", "call": 0},
        {"event": "return", "call": 0},
    ]
    assert test._drawn(moved[3], moved) == {"x": [2], "z": []}


def test_a_step_that_goes_on_and_on_is_not_looked_at_for_ever() -> None:
    def looping(*args: Any) -> Any:
        return [duel(*args) for _ in range(1000)][-1]

    with pytest.raises(CheckFailed, match="far more than a step needs"):
        check(Critic, "cleared", looping)
