"""Verdicts on trajectories whose behaviour is known, among them ones that mislead the eye."""

import math

import numpy as np
import pytest

from grader.measures.estimate import MeasureError, Vector
from grader.measures.games import DiracGame
from grader.measures.trajectories import Verdict, behaviour, verdict


def spiral(rate: float, steps: int = 5000, period: float = 60, target: float = 0.0) -> Vector:
    """A point that goes around the equilibrium, its distance changing by exp(rate) per step."""
    n = np.arange(steps + 1)
    radius = np.exp(rate * n)
    angle = 2 * math.pi * n / period + 0.3
    return np.stack([radius * np.sin(angle), 0 * n + 0.4, target + radius * np.cos(angle)], axis=1)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (-5e-3, "converges"),
        (-1e-3, "converges"),
        (-2e-4, "converges"),
        (-5e-5, "cycles"),
        (0.0, "cycles"),
        (5e-5, "cycles"),
        (2e-4, "diverges"),
        (1e-2, "diverges"),
    ],
)
@pytest.mark.parametrize("target", [0.0, 2.5])
def test_a_spiral_is_judged_by_its_rate(rate: float, expected: Verdict, target: float) -> None:
    found = behaviour(spiral(rate, target=target), target)
    assert found.verdict == expected
    assert found.rate == pytest.approx(rate, rel=0.01, abs=2e-5)
    assert found.turns == pytest.approx(2500 / 60, rel=0.01)


@pytest.mark.parametrize("period", [20, 60, 250])
def test_a_short_cycle_is_one(period: float) -> None:
    assert verdict(spiral(0.0, steps=300, period=period)) == "cycles"
    assert verdict(spiral(-0.01, steps=300, period=period)) == "converges"
    assert verdict(spiral(0.01, steps=300, period=period)) == "diverges"


def test_the_target_matters() -> None:
    path = spiral(-0.01)
    assert verdict(path, 0.0) == "converges"
    assert verdict(path, 1.0) == "stalls"  # it rests in a place that is not the target


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 10, -1])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_value_that_is_no_number_diverges(value: float, row: int, column: int) -> None:
    path = spiral(-0.01)
    path[row, column] = value
    assert verdict(path) == "diverges"


def test_values_whose_distance_overflows_diverge() -> None:
    path = spiral(0.0)
    path[2000:, [0, 2]] = 1.7e308
    assert verdict(path) == "diverges"


def test_what_never_moves_stays_wherever_it_is() -> None:
    assert verdict(np.tile([0.5, 0.1, -0.3], (300, 1))) == "stays"
    assert verdict(np.zeros((300, 3))) == "stays"


def test_what_moves_and_then_rests_elsewhere_stalls() -> None:
    path = np.tile([0.5, 0.1, -0.3], (300, 1))
    path[0] = [0.6, 0.1, -0.3]
    assert verdict(path) == "stalls"


def test_a_drift_to_infinity_diverges_without_turning() -> None:
    n = np.arange(2001.0)
    assert verdict(np.stack([0 * n + 1, 0 * n, 0.01 * n], axis=1)) == "diverges"


def test_an_approach_without_oscillation_converges() -> None:
    n = np.arange(2001.0)
    assert verdict(np.stack([0 * n, 0 * n, np.exp(-0.002 * n)], axis=1)) == "converges"
    # And all the way to an exact zero, as single precision does.
    path = np.zeros((301, 3))
    path[:5] = 1.0
    assert verdict(path) == "converges"


def test_an_elliptic_cycle_is_no_spiral() -> None:
    """Unequal learning rates stretch the cycle; the distance goes up and down in each turn."""
    game = DiracGame("W1", lr_generator=0.01, lr_critic=0.2)
    assert verdict(game.trajectory((0.7, 0.0, 0.2), 1500)) == "cycles"


def test_a_limit_cycle_is_a_cycle_from_inside_and_from_outside() -> None:
    game = DiracGame("W1", "GP", 0.1)
    for start in [(0.1, 0.0, 0.1), (5.0, 0.0, 1.0)]:
        assert verdict(game.trajectory(start, 5000)) == "cycles"


def test_the_generator_is_judged_alone_on_demand() -> None:
    path = spiral(0.0)
    path[:, 2] = np.exp(-0.01 * np.arange(5001))
    assert verdict(path) == "cycles"
    assert verdict(path, view="generator") == "converges"
    assert verdict(spiral(0.0), view="generator") == "cycles"


@pytest.mark.parametrize("shape", [(5001, 2), (5001,), (5, 3), (0, 3), (100, 3, 1)])
def test_what_is_no_trajectory_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MeasureError, match=r"\(steps \+ 1, 3\)"):
        verdict(np.ones(shape))
