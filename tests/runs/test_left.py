"""What a case left, as measures ask for it: checked when it is asked for."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, MeasureError
from grader.runs.artefacts import Artefacts
from grader.runs.left import Left
from grader.runs.measured import Context


class Two(nn.Module):
    """Two layers of one shape, and one of another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)


def left(**artefacts: Any) -> Left:
    def none(name: str) -> Any:
        raise AssertionError(name)

    given = types.SimpleNamespace(Two=Two)
    context = Context("", 10, {"draws": 5}, 8, none, lambda _: given, Path())  # type: ignore[arg-type, return-value]
    return Left(Artefacts(**artefacts), context)


def tensors(scale: float = 1.0, **names: str) -> dict[str, Any]:
    """The weights of a network, its layers under other names."""
    torch.manual_seed(1)
    return {
        f"{names.get(layer, layer)}.{part}": scale * values.numpy()
        for layer, part, values in ((*k.split("."), v) for k, v in Two().state_dict().items())
    }


def test_a_figure_has_the_claim_of_its_name() -> None:
    found = left(claims={"fid": 3.0, "test_elbo": -1.0})
    one = Estimate(1.0, 0.0, 1, "")
    assert found.figure("fid", lambda: one).claim == 3.0
    assert found.figure("elbo", lambda: one).claim is None
    assert found.figure("elbo", lambda: one, claim="test_elbo").claim == -1.0

    def fails() -> Estimate:
        raise MeasureError("no samples")

    failed = found.figure("fid", fails)
    assert (failed.estimate, failed.problem, failed.claim) == (None, "no samples", 3.0)


def test_a_setting_that_is_not_there_is_named_with_those_that_are() -> None:
    assert left().setting("draws") == 5
    with pytest.raises(KeyError, match="no setting 'draw'; there are draws"):
        left().setting("draw")


def test_the_seed_of_the_run_is_that_before_the_one_of_the_measures() -> None:
    assert left().seed_of_the_run == 7


def test_arrays_come_in_double_precision_and_of_the_shape_that_is_asked_for() -> None:
    found = left(arrays={"x": np.zeros((2, 3), dtype=np.float32)})
    assert found.array("x", (2, 3)).dtype == np.float64
    with pytest.raises(ArtefactError, match=r"'x' has shape \(2, 3\); \(3, 2\) is asked for"):
        found.array("x", (3, 2))
    with pytest.raises(ArtefactError, match="the array 'y' is missing"):
        found.array("y")


@pytest.mark.parametrize("value", [np.zeros(2), np.array(np.nan), np.empty(0)])
def test_a_number_is_one_finite_number(value: Any) -> None:
    assert left(arrays={"own_rate": np.array([0.5])}).number("own_rate") == 0.5
    assert left(claims={"own_rate": 0.25}).number("own_rate") == 0.25
    with pytest.raises(MeasureError, match="the own rate is not one finite number"):
        left(arrays={"own_rate": value}).number("own_rate")
    with pytest.raises(MeasureError, match="there is no own rate"):
        left().number("own_rate")


def test_snapshots_come_in_the_order_of_their_steps() -> None:
    sets: dict[str, Any] = {f"generator-{step}": {"step": step} for step in (100, 9, 20)}
    assert list(left(weights=sets).snapshots("generator")) == [9, 20, 100]
    # What was handed in is one set, and of the last step.
    assert left(weights={"gan": {"a": 1}}).snapshots("generator") == {10: {"a": 1}}
    with pytest.raises(ArtefactError, match="3 snapshots of the generator; the run makes 2"):
        left(weights=sets).snapshots("generator", most=2)
    for none in ({}, {"one": {}, "two": {}}):
        with pytest.raises(ArtefactError, match=f"{len(none)} sets of weights"):
            left(weights=none).snapshots("generator")


def test_a_network_takes_weights_under_the_names_of_the_reference() -> None:
    network = left(weights={"any": tensors()}).network("given", "Two")
    assert not network.training
    assert np.array_equal(network.last.weight.detach().numpy(), tensors()["last.weight"])
    other = left(weights={"any": tensors(last="end")})
    with pytest.raises(ArtefactError, match="the weights lack"):
        other.network("given", "Two")


def test_layers_of_other_names_are_found_by_their_shapes() -> None:
    other = left(weights={"any": tensors(first="z", second="a", last="end")})
    own = tensors()

    def agrees(network: Any) -> float:
        return -abs(network.first.weight - torch.from_numpy(own["first.weight"])).sum().item()

    network = other.network("given", "Two", any_names=True, better=agrees)
    for name, values in network.state_dict().items():
        assert np.array_equal(values.numpy(), own[name]), name

    def worst(network: Any) -> float:
        if agrees(network) == 0:
            raise MeasureError("not finite")
        return agrees(network)

    swapped = other.network("given", "Two", any_names=True, better=worst)
    assert np.array_equal(swapped.first.weight.detach().numpy(), own["second.weight"])


def test_curves_are_drawn_over_the_axis_that_they_have() -> None:
    for axis in ("step", "epoch"):
        columns = {axis: np.arange(3.0), "loss": np.ones(3)}
        (drawing,) = left(curves={"training": columns}).curves("nats")
        assert drawing.alternative == f"loss over the {axis}s of the training"
        assert drawing.png.startswith(b"\x89PNG")
    for none in ({}, {"training": {"loss": np.ones(3)}}, {"training": {"step": np.ones(0)}}):
        assert left(curves=none).curves("nats") == ()
