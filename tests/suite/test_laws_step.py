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
        self.start = {"critic": self.draw.normal(21, std=0.5), "maker": self.draw.normal(9)}
        x, z = self.draw.normal(5, 3), self.draw.normal(5, 2)
        return self.submission(duels, x=x, z=z, start=self.start, calls=calls)


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


# --- whether a step that passes nothing is an attempt ---------------------------------------------


def is_related(step: Callable[..., Any], probe: Callable[..., Any] = duels) -> bool:
    impl = types.SimpleNamespace(toy=types.SimpleNamespace(duel=step))
    test = Maker()
    fixtures = {"draw": Draw("secret", "related"), "expect": Expect()}
    fixtures["submission"] = lambda _, **asked: probe(impl, **asked)
    test.enter(fixtures.__getitem__)
    return test.related()


def stepping(critic_loss: Callable[..., Tensor], maker_loss: Callable[..., Tensor]) -> Any:
    """A step of either network on these losses of the critic, the maker, x and z."""

    def step(
        critic: Any, maker: Any, first: Optimiser, second: Optimiser, x: Tensor, z: Tensor
    ) -> None:
        for optimiser, loss in ((first, critic_loss), (second, maker_loss)):
            optimiser.zero_grad()
            value = loss(critic, maker, x, z)
            if value.requires_grad:
                value.backward()
            optimiser.step()

    return step


def nothing(critic: Any, maker: Any, x: Tensor, z: Tensor) -> Tensor:
    return torch.tensor(0.0)


@pytest.mark.parametrize(
    ("critic_loss", "maker_loss"),
    [
        (nothing, lambda c, m, x, z: c(m(z)).mean()),
        (nothing, lambda c, m, x, z: -3 * c(m(z)).sum()),
        (nothing, lambda c, m, x, z: torch.nn.functional.softplus(-c(m(z))).mean()),
        (lambda c, m, x, z: (torch.tanh(c(x)) - c(m(z)) ** 2).mean(), nothing),
        (lambda c, m, x, z: -torch.tanh(c(x)).mean(), nothing),
    ],
    ids=["ascends", "sum and factor", "another loss", "ascends in the critic", "half of a loss"],
)
def test_a_slip_in_a_loss_is_an_attempt(critic_loss: Any, maker_loss: Any) -> None:
    assert is_related(stepping(critic_loss, maker_loss))


@pytest.mark.parametrize(
    "loss",
    [
        nothing,
        lambda network: sum(p.sum() for p in network.parameters()),
        lambda network: sum((p**2).sum() for p in network.parameters()),
        lambda network: sum((p * torch.randn_like(p)).sum() for p in network.parameters()),
    ],
    ids=["no gradient", "ones", "decay", "noise"],
)
def test_a_step_that_knows_nothing_of_the_loss_is_no_attempt(loss: Any) -> None:
    of_critic = loss if loss is nothing else lambda c, m, x, z: loss(c)
    of_maker = loss if loss is nothing else lambda c, m, x, z: loss(m)
    torch.manual_seed(5)
    assert not is_related(stepping(of_critic, of_maker))


# --- accounts that are made up --------------------------------------------------------------------


def at_zero(*, x: Tensor, z: Tensor, start: Mapping[str, Tensor], stay: str = "") -> Any:
    """An account of a right call on networks of zeros, where all gradients are zero; `stay` is a
    network that is reported as it is."""
    zeros = {who: given if who == stay else 0 * given for who, given in start.items()}
    first = {"event": "drawn", "source": "x", "value": x, "parameters": dict(start)}
    later = [{"event": "drawn", "source": "z", "value": z}]
    later += [{"event": "step", "who": w, "gradient": 0 * start[w]} for w in ("critic", "maker")]
    later += [{"event": "return", "value": [torch.tensor(0.0)] * 2, "is_tensor": False}]
    return [e | {"call": 0} for e in (first, *(e | {"parameters": zeros} for e in later))]


class Given(Maker):
    """What the probe gets is known, as in a suite."""

    stay = ""

    def watch(self, calls: int, **more: Any) -> Any:
        self.start = {"critic": self.draw.normal(21, std=0.5), "maker": self.draw.normal(9)}
        x, z = self.draw.normal(5, 3), self.draw.normal(5, 2)
        return at_zero(x=x, z=z, start=self.start, stay=self.stay)


@pytest.mark.parametrize(
    ("stay", "said"),
    [("", "does not begin at the networks"), ("maker", "does not follow the gradient of its loss")],
)
def test_an_account_of_networks_of_zeros_proves_nothing(stay: str, said: str) -> None:
    test = Given()
    test.stay = stay
    fixtures = {"draw": Draw("secret", "zeros"), "expect": Expect()}
    test.enter(fixtures.__getitem__)
    with pytest.raises(CheckFailed, match=said):
        test.descends_its_loss()
    assert not test.related()


def test_a_network_whose_weights_are_clipped_first_costs_the_law_of_moving_alone() -> None:
    def clipped(critic: Any, *rest: Any) -> Any:
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.clamp_(-0.3, 0.3)
        return duel(critic, *rest)

    for law in ("steps", "descends", "cleared", "returns"):
        check(Critic, law, clipped)
    with pytest.raises(CheckFailed, match="changes between two steps of its optimiser"):
        check(Critic, "alone", clipped)
