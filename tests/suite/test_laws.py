"""The laws of functions: each passes a right function and fails the mistake that breaks it."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from grader.assignment import find_assignment
from grader.catalogue import CatalogueError, law_mistakes
from grader.catalogue.generic import breakers
from grader.catalogue.generic import law_mistakes as found_mistakes
from grader.suite import driving
from grader.suite.attempts import Attempts
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.grafted import reading_of
from grader.suite.laws import Architecture, Draws, Function, Step, weight
from grader.suite.local import Local


def energy(x: Tensor) -> Tensor:
    return (x.reshape(len(x), -1) ** 2).sum(1) / 10


class Energy(
    Function,
    question="q1",
    of="toy.energy",
    values=4,
    shape=1,
    batch_of_one=0.25,
    arguments=0.5,
    layout=0.5,
    gradient=1.5,
    far_out=1,
    images=1,
):
    parameters = ("x",)

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 5)]

    def far(self, draw: Any) -> Any:
        yield [draw.normal(4, 5, mean=100)], [draw.normal(4, 5)], "far from zero"

    def image_pair(self, draw: Any, *shape: int) -> tuple[list[Any], list[Any]]:
        return [draw.normal(*shape)], [draw.normal(*shape)]

    @weight(2)
    def test_is_even(self) -> None:
        """It does not see the sign."""
        self.same(-self.draw.normal(3, 5))


class InEitherReading(Energy, question="q1", of="toy.energy", values=1):
    readings = ("doubled",)


class Power(Function, question="q2", of="toy.power", values=1):
    """It is built on the energy, which is another question's."""

    worlds = ("own", "stand-in")
    asked: ClassVar[list[str]] = []

    def inputs(self, draw: Any, batch: int = 4) -> list[Any]:
        return [draw.normal(batch, 5)]

    def got(self, *args: Any) -> Any:
        self.asked.append(self.world)
        part = self.submission.toy.energy if self.world == "own" else energy
        return self.submission.toy.power(*args, part)


class PowerOnARightEnergy(Power, question="q2", of="toy.power", values=1):
    def own_parts_are_right(self) -> bool:
        return True


def power(x: Tensor, part: Callable[..., Any] = energy) -> Tensor:
    return part(x) ** 2


class Side:
    """An implementation in this process, asked as a proxy is."""

    def __init__(self, energy: Callable[..., Any], power: Callable[..., Any] = power) -> None:
        self.toy = types.SimpleNamespace(energy=energy, power=power)

    def __call__(self, probe: Callable[..., Any], **keywords: Any) -> Any:
        return probe(self, **keywords)


def check(
    law: str,
    function: Callable[..., Any],
    test: Function | None = None,
    power: Callable[..., Any] = power,
) -> None:
    test = test or Energy()
    fixtures = {
        "submission": Side(function, power),
        "reference": Side(energy),
        "readings": {"doubled": Side(lambda x: 2 * energy(x))}.__getitem__,
        "probes": driving,
        "draw": Draw("secret", law),
        "expect": Expect(),
        "attempts": Attempts(),
    }
    test.enter(fixtures.__getitem__)
    getattr(test, f"test_{Energy.laws()[law]}")()


@pytest.mark.parametrize("law", Function.laws())
def test_a_right_function_keeps_every_law(law: str) -> None:
    check(law, energy)


@pytest.mark.parametrize(
    "breaker",
    [b for b in breakers() if b.law in Function.laws() and b.per_example is not False],
    ids=lambda b: b.name,
)
def test_what_breaks_a_law_fails_it(breaker: Any) -> None:
    broken = getattr(law_mistakes, breaker.name)
    with pytest.raises((CheckFailed, RuntimeError)):  # of torch's own, where there is no wall
        check(breaker.law, lambda *args: broken(energy, *args))


def test_every_law_has_what_breaks_it() -> None:
    kinds = Function, Architecture, Draws, Step
    laws = {law for kind in kinds for law in kind.laws().items()}
    of_the_formula = {law for law in laws if law[0] in ("far_out", "distribution")}
    assert {(b.law, b.check) for b in breakers()} == laws - of_the_formula
    assert all(b.hint for b in breakers())


def test_one_instance_asks_one_submission_after_another() -> None:
    test = Energy()
    check("values", energy, test)
    with pytest.raises(CheckFailed):
        check("values", lambda x: -energy(x), test)


def test_checks_have_the_weights_of_the_header() -> None:
    marks = {
        name: method.pytestmark[0].kwargs["weight"]
        for name, method in vars(Energy).items()
        if name.startswith("test_")
    }
    assert marks["test_has_the_right_values"] == 4
    assert marks["test_is_even"] == 2
    assert len(marks) == 9


OWING = """
class Base(Function):
    owes = {"shape": 2, "values": 1}

class Heir(Base, question="q", of="toy.one", images=3):
    pass

class Other(Base, question="q", of="toy.two"):
    owes: ClassVar = {"values": 1}

class Neither(Base, question="q", of="toy.three"):
    owes = {}
"""


def test_what_a_class_owes_may_stand_below_its_header_and_be_inherited(tmp_path: Path) -> None:
    names: dict[str, Any] = {"Function": Function, "ClassVar": ClassVar, "__name__": __name__}
    exec(OWING, names)

    def checks(kind: type[Function]) -> dict[str, float]:
        marks = {n: getattr(m, "pytestmark", ()) for n, m in vars(kind).items()}
        return {n: mark[0].kwargs["weight"] for n, mark in marks.items() if mark}

    assert checks(names["Base"]) == {}
    shape, values = "test_has_the_right_shape", "test_has_the_right_values"
    heir = {shape: 2, values: 1, "test_takes_images_as_rows": 3}
    assert checks(names["Heir"]) == heir
    assert (checks(names["Other"]), checks(names["Neither"])) == ({values: 1}, {})
    (tmp_path / "test_toy.py").write_text(OWING)
    broken = [(said["replaces"], said["fails"]) for said in found_mistakes(tmp_path)]
    assert {f.rpartition("::")[2] for of, (f,) in broken if of == "toy.one"} == set(heir)
    assert {f for of, (f,) in broken if of == "toy.two"} == {f"Other::{values}"}
    assert "toy.three" not in dict(broken)


def test_a_misspelt_law_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(TypeError, match="'shap'; is 'shape' meant"):
        type("Wrong", (Function,), {}, question="q1", of="toy.energy", shap=1)


def test_a_function_that_is_the_same_everywhere_has_no_shape_to_be_marked() -> None:
    with pytest.raises(CheckFailed, match="the same for two"):
        check("shape", lambda x: torch.ones(len(x)))


def test_what_is_lost_far_out_is_seen_there_alone() -> None:
    def clamped(x: Tensor) -> Tensor:
        return energy(x.clamp(-50, 50))

    check("values", clamped)
    with pytest.raises(CheckFailed, match="far from zero"):
        check("far_out", clamped)


def test_a_constant_that_is_wrong_for_images_alone_fails_with_them() -> None:
    def of_the_first_axis(x: Tensor) -> Tensor:
        return energy(x) + x.size(1)

    check("images", lambda x: energy(x) + 3)
    with pytest.raises(CheckFailed, match="of images"):
        check("images", of_the_first_axis)


def test_the_values_of_a_reading_are_right_too() -> None:
    test = InEitherReading()
    check("values", energy, test)
    check("values", lambda x: 2 * energy(x), test)
    with pytest.raises(CheckFailed):
        check("values", lambda x: 3 * energy(x), test)


def test_a_contract_is_not_marked_down_for_what_it_is_built_on() -> None:
    check("values", lambda x: -1 - energy(x), Power())
    with pytest.raises(CheckFailed):
        check("values", lambda x: -1 - energy(x), Power(), power=lambda x, part: part(x) ** 3)


def test_where_its_own_parts_are_right_nothing_stands_in_for_them() -> None:
    Power.asked.clear()
    with pytest.raises(CheckFailed):
        check("values", energy, PowerOnARightEnergy(), power=lambda x, part: part(x) ** 3)
    assert set(Power.asked) == {"own"}
    with pytest.raises(CheckFailed):
        check("values", energy, Power(), power=lambda x, part: part(x) ** 3)
    assert set(Power.asked) == {"own", "stand-in"}


def test_a_misspelt_reading_is_an_error_that_names_the_near_one() -> None:
    assignment = find_assignment("ift6135_a3")
    contract = "q1_solution.kl_gaussian_gaussian_mc"
    with pytest.raises(CatalogueError, match="'mc_by_rsampl' of it; is 'mc_by_rsample' meant"):
        reading_of(assignment, Local.reference(assignment), "mc_by_rsampl", contract)
