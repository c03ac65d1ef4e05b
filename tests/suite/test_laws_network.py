"""Laws of methods of models, and follow-through to what they are built on."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grader.catalogue import law_mistakes
from grader.catalogue.generic import breakers
from grader.suite import driving
from grader.suite.attempts import Attempts
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.laws import Architecture, FollowThrough, Network, model


class Bend(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1, size))

    def energy(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.w.T).sum(1) + (x**2).sum(1) / 4


class Energy(
    Network,
    question="q1",
    of="toy.Bend.energy",
    values=2,
    gradient=1,
    shape=1,
    batch_of_one=1,
    arguments=1,
):
    parameters = ("w", "x")

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [model("toy.Bend", 3, w=draw.normal(1, 3)), draw.normal(batch, 3)]

    def slope_inputs(self, draw: Any) -> tuple[list[Any], list[int]]:
        return self.inputs(draw), [0, 1]


def square(x: Tensor) -> Tensor:
    return (x**2).sum(1)


class Square(FollowThrough, question="q1", of="toy.square", values=1):
    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 3)]


class Density(FollowThrough, question="q2", of="toy.density", values=1):
    """It is built on `square`, for which the sum of cosines can stand in."""

    built_on = (Square,)
    stand_ins = ("toy.square",)

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 3)]


class Apart(FollowThrough, question="q2", of="toy.density", values=1):
    """The same, where another file marks `square`, and the probes are a folder."""

    stand_ins = ("toy.square",)
    stand_in_probe = "part.with_stand_ins"

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 3)]

    def part_inputs(self, draw: Any) -> Any:
        yield "toy.square", [draw.normal(4, 3)]


def with_stand_ins(impl: Any, *, other: str, replaced: list[str], **asked: Any) -> Any:
    stand_ins = {name.partition(".")[2]: lambda x: x.cos().sum(1) for name in replaced}
    with driving.in_place_of(impl.toy, stand_ins):
        return {"call": driving.call}[other](impl, **asked)


class Twins(nn.Module):
    """3-2 with tanh and then two heads of 2, of which the first is asked for first."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x)
        return self.first(hidden), self.second(hidden)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.heads(x)
        return (first * second).tanh()


class Heads(
    Architecture,
    question="q1",
    of="toy.Twins",
    layers=1,
    rows=1,
    trained=1,
    same_in_training=1,
):
    sizes = "3-2, two heads of 2"
    steady = ("heads", "forward")
    orders = (False, True)
    joined = ((4, 2), (4,))

    def calls(self, count: int) -> list[tuple[str, Any]]:
        x = self.draw.normal(count, 3)
        return [("heads", x), ("forward", x)]

    def test_gives_both_heads(self) -> None:
        """Each from its own layer."""
        self.gives(0, "Two layers.")


class Side:
    """An implementation in this process, asked as a proxy is."""

    def __init__(self, **parts: Any) -> None:
        self.toy = types.SimpleNamespace(Bend=Bend, Twins=Twins, square=square)
        self.toy.density = lambda x: -self.toy.square(x) / 2
        vars(self.toy).update(parts)

    def __call__(self, probe: Any, **keywords: Any) -> Any:
        return probe(self, **keywords)


def check(test: Any, law: str, submission: Side) -> None:
    part = types.SimpleNamespace(with_stand_ins=with_stand_ins)
    probes = types.SimpleNamespace(**vars(driving), with_stand_ins=with_stand_ins, part=part)
    fixtures = {
        "submission": submission,
        "reference": Side(),
        "probes": probes,
        "draw": Draw("secret", law),
        "expect": Expect(),
        "attempts": Attempts(),
    }
    test.enter(fixtures.__getitem__)
    getattr(test, f"test_{test.laws().get(law, law)}")()


either_way = pytest.mark.parametrize("kind", [Density, Apart])
LAWS = ("values", "gradient", "shape", "batch_of_one", "arguments")


@pytest.mark.parametrize("law", LAWS)
def test_a_right_method_keeps_every_law(law: str) -> None:
    check(Energy(), law, Side())


@pytest.mark.parametrize(
    "breaker",
    [b for b in breakers() if b.law in LAWS and b.per_example is not False],
    ids=lambda b: b.name,
)
def test_what_breaks_a_law_fails_it(breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    spoilt = type("Bend", (Bend,), {"energy": lambda self, x: broken(Bend.energy, self, x)})
    with pytest.raises(CheckFailed):
        check(Energy(), breaker.law, Side(Bend=spoilt))


LAWS_OF_ARCHITECTURES = ("layers", "rows", "trained", "same_in_training")


class Joined(Twins):
    """Both heads in one layer, and the second comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.first = nn.Linear(2, 4), nn.Identity()

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.second(self.body(x)).chunk(2, dim=1)
        return second, first


@pytest.mark.parametrize("law", [*LAWS_OF_ARCHITECTURES, "gives_both_heads"])
@pytest.mark.parametrize("right", [Twins, Joined])
def test_a_right_architecture_keeps_every_law_whatever_its_layers_are_called(
    right: type[Twins], law: str
) -> None:
    check(Heads(), law, Side(Twins=right))


@pytest.mark.parametrize(
    "breaker", [b for b in breakers() if b.law in LAWS_OF_ARCHITECTURES], ids=lambda b: b.name
)
def test_what_breaks_a_law_of_architectures_fails_it_and_no_values(breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    side = Side(Twins=lambda: broken(Twins))
    with pytest.raises(CheckFailed):
        check(Heads(), breaker.law, side)
    if breaker.law != "layers":
        check(Heads(), "gives_both_heads", side)


@pytest.mark.parametrize("wrong", ["no activation", "one head twice", "a layer less"])
def test_another_architecture_is_seen(wrong: str) -> None:
    def built() -> nn.Module:
        network = Twins()
        if wrong == "no activation":
            network.body[1] = nn.Identity()
        elif wrong == "one head twice":
            network.heads = lambda x: [network.first(network.body(x))] * 2  # type: ignore
        else:
            network.body[0] = nn.Linear(3, 2, bias=False)
        return network

    law = "layers" if wrong == "a layer less" else "gives_both_heads"
    with pytest.raises(CheckFailed):
        check(Heads(), law, Side(Twins=built))


def test_parameters_may_have_special_values() -> None:
    found = driving.networks(
        Side(),
        function="toy.Twins",
        calls=[("heads", torch.zeros(1, 3))],
        seed=1,
        special=(((2, 2), 0.0, 0.0), ((2,), 0.0, 5.0)),
    )
    assert all(torch.equal(head, torch.full((1, 2), 5.0)) for head in found["results"][0])


@pytest.mark.parametrize("cut", ["w", "x"])
def test_a_cut_to_the_parameters_or_to_the_points_is_seen(cut: str) -> None:
    def energy(self: Bend, x: Tensor) -> Tensor:
        w, points = (self.w.detach(), x) if cut == "w" else (self.w, x.detach())
        return torch.tanh(points @ w.T).sum(1) + (x**2).sum(1) / 4

    with pytest.raises(CheckFailed, match=f"with respect to {cut} as"):
        check(Energy(), "gradient", Side(Bend=type("Bend", (Bend,), {"energy": energy})))


def test_a_gradient_left_on_the_way_is_added() -> None:
    def energy(self: Bend, x: Tensor) -> Tensor:
        self.w.sum().backward()
        return Bend.energy(self, x)

    with pytest.raises(CheckFailed, match="with respect to w as"):
        check(Energy(), "gradient", Side(Bend=type("Bend", (Bend,), {"energy": energy})))


@either_way
def test_what_follows_from_a_wrong_part_passes_on_a_stand_in(kind: type[FollowThrough]) -> None:
    wrong = Side(square=lambda x: 3 * square(x))
    with pytest.raises(CheckFailed):
        check(Square(), "values", wrong)
    check(kind(), "values", wrong)


@either_way
def test_what_is_wrong_on_its_own_part_and_on_a_stand_in_fails(kind: type[FollowThrough]) -> None:
    wrong = Side(square=lambda x: 3 * square(x))
    wrong.toy.density = lambda x: wrong.toy.square(x) / 2
    with pytest.raises(CheckFailed):
        check(kind(), "values", wrong)


@either_way
def test_a_stand_in_helps_nobody_whose_own_part_is_right(kind: type[FollowThrough]) -> None:
    side = Side()

    def density(x: Tensor) -> Tensor:
        right = side.toy.square is square
        return torch.as_tensor(-side.toy.square(x) / (3 if right else 2))

    side.toy.density = density
    test = kind()
    with pytest.raises(CheckFailed):
        check(test, "values", side)
    assert test.replaced == ()
