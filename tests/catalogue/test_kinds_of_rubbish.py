"""Every kind of rubbish has the form of what a contract gives, and computes nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grader.catalogue.rubbish import KINDS, Heap, form_of
from grader.suite.local import load_file
from tests.conftest import write_tree

CONTRACTS = """
    import numpy as np
    import torch
    from torch import nn


    def cube_means(x):
        ### BEGIN SOLUTION
        total = (x**3).sum(1)
        return total / (1 + x.abs().sum(1))
        ### END SOLUTION


    def row_sums(x):
        return x.sum(1)


    def parts(x):
        three = x.sum(), x.mean(), x.sum() - x.mean()
        return {"all": three, "count": len(x), "more": [1.5, True]}


    def places(x):
        return x.argmax(1)


    def table(x):
        return np.cumsum(x)


    def written(x):
        return "text of 14 signs", None


    def at_a_point(f, x):
        return f(x)


    def forget(network):
        for parameter in network[0].parameters():
            nn.init.zeros_(parameter)


    def step(network, optimiser, batches):
        loss = network(next(batches)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()


    def make_scale(factor):
        return lambda x: factor * x


    class Line(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.layer = nn.Linear(size, 2)

        def forward(self, x):
            return self.layer(x)


    class Shift(nn.Module):
        def __init__(self):
            super().__init__()
            self.by = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x + self.by
"""
NAMES = (
    *("cube_means", "row_sums", "parts", "places", "table", "written", "at_a_point", "forget"),
    *("step", "make_scale", "Line", "Shift.forward"),
)
X = torch.linspace(-1, 2, 12, requires_grad=True).reshape(4, 3)


def answers(toy: Any) -> dict[str, Any]:
    """What the contracts give, in this order."""
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    found = {
        "a row": toy.cube_means(X),
        "one row": toy.cube_means(X[:1]),
        "sums": toy.row_sums(X),
        "parts": toy.parts(X),
        "places": toy.places(X.detach()),
        "array": toy.table(np.arange(5.0)),
        "text": toy.written(X),
        "function": toy.at_a_point(lambda x: x.sum(), X),
        "scaled": toy.make_scale(2.0)(X),
        "network": toy.Line(3)(X),
        "method": toy.Shift()(X),
        "step": toy.step(network, optimiser, iter([X.detach()] * 3)),
    }
    return found | {"in place": toy.forget(network)}


@pytest.fixture
def heap(tmp_path: Path) -> Heap:
    path = write_tree(tmp_path, {"toy.py": CONTRACTS}) / "toy.py"
    found = Heap([f"toy.{name}" for name in NAMES], lambda: {"toy": load_file(path, "toy_rubbish")})
    answers(found.watched()["toy"])
    return found


@pytest.mark.parametrize("name", KINDS)
def test_it_has_the_form_of_what_is_asked_for(heap: Heap, name: str) -> None:
    right, toy = heap.fresh()["toy"], heap.of(KINDS[name])["toy"]
    wanted, found = answers(right), answers(toy)
    assert without_ranges(found) == without_ranges(wanted)
    assert set(found["places"].tolist()) <= {0, 1, 2}
    first, *others = found["parts"]["all"]
    assert torch.allclose(first, others[0] + others[1], equal_nan=True)
    same = [
        key
        for key in ("a row", "scaled", "network", "array")
        if torch.allclose(torch.as_tensor(wanted[key]), torch.as_tensor(found[key]))
    ]
    assert same == []


def without_ranges(value: Any) -> Any:
    """The forms of values: what whole numbers there are may differ, and whether a loss of zeros
    has a graph."""
    if isinstance(value, dict):
        return {key: without_ranges(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return [without_ranges(v) for v in value]
    form = form_of(value)
    return form and (form.type, form.shape, form.dtype)


def test_there_are_many_kinds_with_texts_of_their_own() -> None:
    assert len(KINDS) >= 25
    assert len({kind.text for kind in KINDS.values()}) == len(KINDS)
    assert all(name == kind.name for name, kind in KINDS.items())


def test_smooth_rubbish_follows_every_argument(heap: Heap) -> None:
    toy = heap.of(KINDS["sine"])["toy"]
    line = toy.Line(3)
    x = X.detach().requires_grad_()
    wanted = torch.autograd.grad(line(x).sum(), [x, *line.parameters()])
    assert all(bool(gradient.any()) for gradient in wanted)
    critic = nn.Linear(3, 1)
    (slope,) = torch.autograd.grad(toy.at_a_point(critic, x), critic.weight)
    assert bool(slope.any())


def test_it_trains_and_changes_networks_by_rubbish(heap: Heap) -> None:
    toy = heap.of(KINDS["sine"])["toy"]
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    before = [p.detach().clone() for p in network.parameters()]
    batches = iter([X, X])
    toy.step(network, torch.optim.SGD(network.parameters(), lr=0.1), batches)
    after = [p.detach().clone() for p in network.parameters()]
    assert not any(map(torch.equal, before, after)) and len(list(batches)) == 1
    toy.forget(network)
    forgotten = list(network.parameters())
    assert list(map(torch.equal, after, forgotten)) == [False, False, True, True]


def test_a_network_keeps_its_parts_and_not_their_sizes(heap: Heap) -> None:
    line = heap.of(KINDS["ones"])["toy"].Line(3)
    assert {name: list(p.shape) for name, p in line.named_parameters()} == {
        "layer.weight": [1, 1],
        "layer.bias": [1],
    }


def test_half_an_implementation_is_its_first_own_result(heap: Heap) -> None:
    toy = heap.of(KINDS["half_by_rote"])["toy"]
    assert torch.allclose(toy.cube_means(X), (X**3).sum(1))
    assert torch.allclose(toy.row_sums(X), X[:, 0])  # it has no first result


def test_a_neighbour_answers_where_it_takes_the_arguments(heap: Heap) -> None:
    toy = heap.of(KINDS["neighbour"])["toy"]
    assert torch.allclose(toy.cube_means(X), X.sum(1))
    assert toy.table(np.arange(5.0)).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]  # nobody else takes it


def test_a_kind_that_is_right_stands_aside(heap: Heap) -> None:
    toy = heap.of(KINDS["mean_of_all"])["toy"]
    assert bool(toy.row_sums(X).isnan().all())
    assert torch.allclose(toy.cube_means(X), X.mean(1))


def test_what_was_never_asked_has_no_form(tmp_path: Path) -> None:
    path = write_tree(tmp_path, {"toy.py": "def f(x):\n    return x\n"}) / "toy.py"
    heap = Heap(["toy.f"], lambda: {"toy": load_file(path, "toy_f")})
    with pytest.raises(NotImplementedError, match=r"toy\.f was never asked"):
        heap.of(KINDS["zeros"])["toy"].f(X)
