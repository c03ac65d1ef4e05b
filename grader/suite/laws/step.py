"""Laws of a training step: which loss each optimiser follows, how often, and what is returned."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from grader.suite.expect import as_array
from grader.suite.laws.base import Contract, law
from grader.suite.laws.relation import Sample, related

Event = dict[str, Any]
Networks = Mapping[str, Callable[..., Any]]
# A loss, or several values of which the first is descended, of networks and of what was drawn.
Loss = Callable[[Networks, Mapping[str, Tensor]], Any]

# Two float32 computations of one gradient or loss agree to this, relative to the largest element.
SAME, SMALLEST = 1e-4, 1e-2
# In one call. What could have led to a step is tried in all combinations, at the grader's expense.
MAX_EVENTS = 100
# Calls from which it is told whether steps are related to right ones.
RELATED_CALLS = 12


@dataclass(frozen=True)
class Origin:
    """What a step of an optimiser may come from.

    Attributes:
        values: of the loss and what belongs to it.
        gradients: of the loss in the parameters of each network, each in one vector.
        draws: by source, the place among the events of what the loss is computed on.
    """

    values: tuple[float, ...]
    gradients: Mapping[str, Tensor]
    draws: Mapping[str, int]


class Step(Contract):
    """A contract that trains one or several networks by a step, seen for one of their optimisers.

    The assignment's probe performs it on small networks by `driving.watched_step`, with stand-ins
    in the place of the losses that other questions mark. Each gradient is compared by itself, at
    the parameters where it was taken, with that of the loss it should come from, for everything
    drawn that it could have been computed on. What a contract leaves open, such as where gradients
    are cleared or whether samples are detached, makes no difference to that.

    Laws, by the name that a header gives them:

    `steps`: the optimiser takes `times` steps in each call.
    `descends`: its first step follows the gradient of its loss.
    `cleared`: no step uses more than the gradient of one loss.
    `alone`: nothing but the optimiser's steps moves its network.
    `returns`: each call returns the loss, as it was at the step.

    Attributes:
        who: the network whose optimiser is looked at.
        times: how many steps the optimiser takes in each call.
        lr: the learning rate, the probe's.
        sources: what is drawn, and the network whose step makes earlier draws stale; "": none.
        at_once: whether a loss may also be that of the networks as they were when the call began,
            because the contract leaves open whether another one moves first.
        place: of the loss among several results of a call.
        start: parameters that `watch` gave to the probe, by network, each in one vector.
        tables: what it gave to be drawn, by source, in order.
    """

    who: ClassVar[str]
    times: ClassVar[int] = 1
    lr: ClassVar[float] = 0.05
    sources: ClassVar[Mapping[str, str]]
    at_once: ClassVar[bool] = False
    place: ClassVar[int] = 0
    start: Mapping[str, Tensor] = MappingProxyType({})
    tables: Mapping[str, Sequence[Tensor]] = MappingProxyType({})

    # --- what a class fills in ----------------------------------------------------------------

    def networks(self) -> Mapping[str, nn.Module]:
        """The networks that the probe trains, by name; their parameters do not matter."""
        raise NotImplementedError(f"{type(self).__name__} needs networks(self)")

    def losses(self) -> Mapping[str, list[Loss]]:
        """By the names of the networks that have an optimiser: the losses that may be descended.
        The first is the likeliest."""
        raise NotImplementedError(f"{type(self).__name__} needs losses(self)")

    def watch(self, calls: int, **more: Any) -> list[Event]:
        """What the submission does in so many calls, from `driving.watched_step`."""
        raise NotImplementedError(f"{type(self).__name__} needs watch(self, calls)")

    def reported(self, event: Event, events: list[Event]) -> list[Event]:
        """For `returns`: the moments at which the returned loss may have been computed, of a step
        and what follows it; by default the step itself."""
        return [event]

    # --- what tests use -----------------------------------------------------------------------

    def trained(self, calls: int, **more: Any) -> tuple[list[Event], list[Event]]:
        """All events of so many calls, and the steps of `who`, of which there are some; `more` is
        for `watch`."""
        events = self.watch(calls, **more)
        self.expect.true(
            len(events) <= MAX_EVENTS * calls,
            f"{self.name} draws far more than a step needs",
            "One call is one step; what loops over it is the training.",
            f"{len(events)} events in {calls} calls",
        )
        steps = [e for e in events if self.is_step(e, self.who)]
        self.expect.true(
            self._is_of_what_was_given(events),
            f"what {self.name} was seen to do does not begin at the networks that it was given, or "
            "uses other samples",
            "Leave the networks as they are until their optimisers move them.",
        )
        self.expect.true(
            bool(steps),
            f"{self.name} never takes a step of the {self.who}'s optimiser",
            "Is the function finished?",
        )
        return events, steps

    def is_step(self, event: Event, who: str) -> bool:
        """Whether this is a step of that network's optimiser."""
        return bool(event["event"] == "step" and event["who"] == who)

    def origins(
        self,
        event: Event,
        events: list[Event],
        who: str,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> Iterator[Origin]:
        """What the loss of `who` may be at an event, the likeliest first; at other parameters than
        those of the event where they are given."""
        drawn = self._drawn(event, events)
        moments = [parameters or event["parameters"]]
        if self.at_once:
            moments += [e["parameters"] for e in events if e["call"] == event["call"]][:1]
        for loss, moment in itertools.product(self.losses()[who], moments):
            for places in itertools.product(*drawn.values()):
                draws = dict(zip(drawn, places, strict=True))
                flat = {n: p.clone().requires_grad_() for n, p in moment.items()}
                values = loss(
                    {n: _called(m, flat[n]) for n, m in self.networks().items()},
                    {source: events[place]["value"] for source, place in draws.items()},
                )
                values = values if isinstance(values, tuple) else (values,)
                found = torch.autograd.grad(values[0], list(flat.values()), allow_unused=True)
                gradients = {
                    n: torch.zeros_like(p) if g is None else g
                    for (n, p), g in zip(flat.items(), found, strict=True)
                }
                numbers = tuple(float(torch.as_tensor(v).detach()) for v in values)
                yield Origin(numbers, gradients, draws)

    def origin(self, event: Event, events: list[Event], *signs: int) -> Origin | None:
        """What the gradient of a step comes from, up to the signs; None if from no loss of its
        own."""
        for origin in self.origins(event, events, event["who"]):
            if any(agrees(s * event["gradient"], origin.gradients[event["who"]]) for s in signs):
                return origin
        return None

    def related(self) -> bool:
        """Whether the first step of a network leads where a right one does from the parameters
        that the probe got, or away from there."""
        samples: dict[str, list[Sample]] = {who: [] for who in self.losses()}
        for _ in range(RELATED_CALLS):
            events = self.watch(calls=1)
            if not events or not self._is_of_what_was_given(events):
                return False
            given = {**events[0]["parameters"], **self.start}
            for who, found in samples.items():
                step = next((e for e in events if self.is_step(e, who)), None)
                right = step and next(self.origins(step, events, who, given), None)
                if step and right:
                    args = list(given.values())
                    found.append(Sample(args, step["gradient"], right.gradients[who]))
        return any(related(s) for s in samples.values() if len(s) == RELATED_CALLS)

    # --- the laws -----------------------------------------------------------------------------

    @law("steps", shows=0)
    def takes_its_steps(self) -> None:
        """Each call takes as many steps of an optimiser as the contract says."""
        _, steps = self.trained(calls=2)
        counts = [sum(e["call"] == call for e in steps) for call in range(2)]
        self.expect.true(
            counts == [self.times] * 2,
            f"the {self.who} takes {counts} steps in two calls; {self.times} each are asked for",
            self.look_at.get("steps", "Where does optimiser.step() stand in the loops?"),
        )

    @law("descends")
    def descends_its_loss(self) -> None:
        """The step uses the gradient of the loss in the network's parameters. The first step is
        looked at; what an earlier step of another network left in them is another law's."""
        events, steps = self.trained(calls=1)
        first = steps[0]
        others = itertools.takewhile(lambda e: e is not first, events)
        behind = [self.origin(e, events, 1) for e in others if e["event"] == "step"]
        left = [torch.tensor(0.0), *(o.gradients[self.who] for o in behind if o)]
        self.expect.true(
            any(
                agrees(first["gradient"], origin.gradients[self.who] + other)
                for origin in self.origins(first, events, self.who)
                if not agrees(torch.zeros_like(first["gradient"]), origin.gradients[self.who])
                for other in left
            ),
            f"the {self.who}'s first step does not follow the gradient of its loss",
            self.look_at.get("descends", "loss.backward() before the step, and nothing detached."),
            f"gradient {first['gradient']}",
        )

    @law("cleared", shows=0)
    def clears_gradients(self) -> None:
        """Gradients add up until they are cleared, and the losses of other networks may reach this
        one: each step must see those of one loss alone. All steps of three calls are looked at;
        which loss it is, and its sign, is another law's."""
        events, steps = self.trained(calls=3)
        for step in steps:
            found = step["gradient"]
            one = not bool(found.any()) or any(
                agrees(sign * found, origin.gradients[self.who])
                for who in dict.fromkeys((self.who, *self.losses()))
                for origin in self.origins(step, events, who)
                for sign in (1, -1)
            )
            self.expect.true(
                one,
                f"a step of the {self.who} uses more than the gradient of one loss",
                self.look_at.get(
                    "cleared", f"Clear the gradients of the {self.who} right before its backward()."
                ),
                f"gradient {found} in call {step['call'] + 1}",
            )

    @law("alone", shows=0)
    def moves_by_its_optimiser_alone(self) -> None:
        """Between the steps of its optimiser nothing touches a network: no clipped weights, no
        second update by hand."""
        events, _ = self.trained(calls=2)
        now = events[0]["parameters"][self.who]
        for event in events:
            found = event["parameters"][self.who]
            self.expect.true(
                bool(((found - now).abs() <= 1e-5).all()),
                f"the {self.who} changes between two steps of its optimiser",
                self.look_at.get("alone", "Only the optimiser's step changes the parameters."),
            )
            now = found
            if self.is_step(event, self.who):
                now = found - self.lr * event["gradient"]

    @law("returns", shows=0.5)
    def returns_its_loss(self) -> None:
        """What is plotted is the loss that the step descended."""
        events, steps = self.trained(calls=2)
        for step in steps:
            returned = next(
                e["value"] for e in events if e["event"] == "return" and e["call"] == step["call"]
            )
            several = isinstance(returned, list | tuple)
            accepted = [
                origin.values
                for moment in self.reported(step, events)
                for origin in self.origins(moment, events, self.who)
            ]
            count = max(map(len, accepted), default=1)  # nothing is accepted of nothing drawn
            parts = (returned if several else [returned])[self.place :][:count]
            what = f"the result of {self.name}"
            found = [as_array(part, what) for part in parts]
            values = [float(part.reshape(-1)[0]) for part in found if part.size == 1]
            self.expect.true(
                any(
                    len(values) == len(wanted)
                    and all(
                        abs(v - w) <= SAME * (1 + abs(w))
                        for v, w in zip(values, wanted, strict=True)
                    )
                    for wanted in accepted
                ),
                f"{self.name} does not return the loss that the {self.who} descends",
                self.look_at.get("returns", "Keep the value that backward() was called on."),
                f"returned {returned}, accepted {accepted}",
            )

    def _is_of_what_was_given(self, events: list[Event]) -> bool:
        """Whether events begin with the parameters, and draw the values, that the probe got: an
        account of other ones, where all gradients are zero, is soon made up.

        Of several networks with an optimiser, one may move before it takes a step, as one whose
        weights are clipped does; see `alone`.
        """
        begun: set[str] = set()
        moved: set[str] = set()
        for number, event in enumerate(events):
            for who, given in self.start.items():
                if not torch.equal(event["parameters"][who], given):
                    if number == 0:
                        return False
                    moved |= {who} & self.losses().keys() - begun
            begun |= {event["who"]} if event["event"] == "step" else set()
        if len(moved) > (len(self.losses()) > 1):
            return False
        drawn = {s: [e["value"] for e in events if e.get("source") == s] for s in self.tables}
        return all(
            torch.equal(value, self.tables[source][number % len(self.tables[source])])
            for source, values in drawn.items()
            for number, value in enumerate(values)
        )

    def _drawn(self, event: Event, events: list[Event]) -> dict[str, list[int]]:
        """The places of what was drawn in the call of an event and is not stale, by source, the
        newest first."""
        found: dict[str, list[int]] = {source: [] for source in self.sources}
        for place, earlier in enumerate(events):
            if earlier is event:
                break
            if earlier["call"] == event["call"] and earlier["event"] == "drawn":
                found[earlier["source"]].insert(0, place)
            for source, owner in self.sources.items():
                if self.is_step(earlier, owner):
                    found[source].clear()
        return found


def agrees(found: Tensor, wanted: Tensor) -> bool:
    """Whether two gradients are the same up to rounding."""
    if found.shape != wanted.shape:
        return False
    scale = max(float(wanted.abs().max()), SMALLEST)
    return bool(((found - wanted).abs() <= SAME * scale).all())


def _called(network: nn.Module, flat: Tensor) -> Callable[..., Any]:
    """A network with its parameters from one vector."""
    named = dict(network.named_parameters())
    pieces = flat.split([p.numel() for p in named.values()])
    values = {n: piece.view_as(p) for (n, p), piece in zip(named.items(), pieces, strict=True)}
    return lambda *args: torch.func.functional_call(network, values, args)
