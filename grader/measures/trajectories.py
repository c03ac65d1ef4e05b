"""What a logged game did: it converged, cycled, diverged, stalled, or never moved.

The judgement is made from the distance d of the point to its equilibrium, and from the levels

    first   max d over the first quarter of the steps
    middle  max d over the second quarter
    last    max d over the last quarter

Quarters of a game that turns hold its largest distance in a turn, so that the levels follow the
envelope and not the oscillation. In this order, with growth = log(last / middle):

    diverges    a value is not finite, or growth > TOLERANCE
    stays       no value ever differs from the start by more than STILL
    converges   last < ARRIVED * first, or growth < -TOLERANCE
    cycles      the point turns around the equilibrium by a quarter turn or more in its last half
    stalls      none of these: it is away from the equilibrium and does not go around it

TOLERANCE is 0.2, a change of the level by a fifth over half of the trajectory. A spiral that is
slower than that cannot be told from a cycle in so many steps, and counts as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from grader.measures.estimate import MeasureError, Vector

Verdict = Literal["converges", "cycles", "diverges", "stays", "stalls"]
View = Literal["game", "generator"]

TOLERANCE = 0.2
ARRIVED = 0.01
STILL = 1e-12
FEWEST_STEPS = 20


@dataclass(frozen=True)
class Behaviour:
    """A verdict with the figures it was made from.

    Attributes:
        verdict: what the trajectory did.
        first, middle, last: the levels of the distance to the equilibrium, as above; infinite
            where a value was not.
        turns: how often the point went around the equilibrium in the last half of the steps.
        rate: change of the logarithm of the level per step, from middle to last; 0 where a level
            is 0, infinite where the trajectory left the numbers.
    """

    verdict: Verdict
    first: float
    middle: float
    last: float
    turns: float
    rate: float


def verdict(trajectory: NDArray[Any], target: float = 0.0, view: View = "game") -> Verdict:
    """The verdict on a trajectory; see `behaviour`."""
    return behaviour(trajectory, target, view).verdict


def behaviour(trajectory: NDArray[Any], target: float = 0.0, view: View = "game") -> Behaviour:
    """Judge a trajectory of the game of one point.

    Args:
        trajectory: (steps + 1, 3), rows (psi0, psi1, theta), the start first; 20 steps or more.
        target: where the data are, and theta should be.
        view: "game" judges (psi0, theta - target), which is 0 at the equilibrium; psi1 moves
            nothing there. "generator" judges theta - target alone, where an averaged theta may
            rest while the game goes on. An average of a cycle is a cycle of a few per cent of its
            size, and whether that counts as arrived depends on the start.

    Raises:
        MeasureError: for an array of another shape, or fewer steps.
    """
    if trajectory.ndim != 2 or trajectory.shape[1] != 3 or len(trajectory) <= FEWEST_STEPS:
        raise MeasureError(
            f"a trajectory must have shape (steps + 1, 3) with at least {FEWEST_STEPS} steps; "
            f"this one has shape {trajectory.shape}"
        )
    path = np.asarray(trajectory, dtype=np.float64)
    away = path[:, [0, 2]] - [0.0, target]
    if view == "generator":
        away[:, 0] = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.hypot(away[:, 0], away[:, 1])
    if not (np.isfinite(path).all() and np.isfinite(distance).all()):
        return Behaviour("diverges", math.inf, math.inf, math.inf, 0.0, math.inf)
    quarter = len(path) // 4
    first, middle, last = (
        float(distance[at : at + quarter].max()) for at in (0, quarter, len(path) - quarter)
    )
    growth = math.log(last / middle) if last > 0 and middle > 0 else 0.0
    turns = _turns(away[len(away) // 2 :], view)
    return Behaviour(
        _judge(path, first, last, growth, turns),
        first,
        middle,
        last,
        turns,
        growth / (len(path) - 2 * quarter),
    )


def _judge(path: Vector, first: float, last: float, growth: float, turns: float) -> Verdict:
    if float(np.abs(path - path[0]).max()) <= STILL:
        return "stays"
    if last <= ARRIVED * first or growth < -TOLERANCE:
        return "converges"
    if growth > TOLERANCE:
        return "diverges"
    return "cycles" if turns >= 0.25 else "stalls"


def _turns(away: Vector, view: View) -> float:
    """How often the points (n, 2) went around the origin; back and forth cancels out.

    On a line a change of side is half a turn.
    """
    if view == "generator":
        side = np.sign(away[:, 1])
        return float((side[1:] * side[:-1] < 0).sum()) / 2
    angle = np.unwrap(np.arctan2(away[:, 0], away[:, 1]))
    return float(abs(angle[-1] - angle[0])) / (2 * math.pi)
