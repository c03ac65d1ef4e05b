"""The game of one point (Dirac-GAN) in closed form: its steps, its eigenvalues, its verdict.

The data are one number c, the generator is one number theta, and the critic is the straight line
C(x) = psi0 x + psi1. The critic takes steps of gradient descent on -metric + coefficient penalty,
then the generator one on the metric:

    JSD   (log sigmoid(C(c)) + log sigmoid(-C(theta)) + log 4) / 2
    W1    C(c) - C(theta)
    R1    psi0^2, the squared norm of the critic's gradient
    GP    (|psi0| - 1)^2; the gradient of a line is psi0 wherever it is taken

Around the equilibrium psi0 = 0, theta = c (and psi1 = 0 for JSD) a smooth game is its Jacobian:
it converges where all eigenvalues lie inside the unit circle and leaves where one lies outside.
On the circle, where the games without a penalty are, the linearisation says nothing, and with GP
there is none, for its slope jumps at psi0 = 0: there the exact iteration decides.

Source: Mescheder, Geiger and Nowozin 2018 (arXiv:1801.04406), sections 2 to 4.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.measures.estimate import MeasureError, Vector
from grader.measures.trajectories import TOLERANCE, Verdict, View, verdict

__all__ = ["DiracGame", "Theory", "expected_verdict", "verdict"]

ON_THE_CIRCLE = 1e-9
START_SD = 0.7
STARTS = 5

State = tuple[float, float, float]


@dataclass(frozen=True)
class DiracGame:
    """One configuration of the game.

    Attributes:
        loss, regulariser, coefficient: as above; the coefficient counts with a regulariser only.
        lr_generator, lr_critic: learning rates.
        inner: steps of the critic for each of the generator.
        target: c.
        alpha_ema: what the logged theta keeps of itself per step; None logs theta itself.
    """

    loss: Literal["JSD", "W1"]
    regulariser: Literal["R1", "GP"] | None = None
    coefficient: float = 0.0
    lr_generator: float = 0.1
    lr_critic: float = 0.1
    inner: int = 1
    target: float = 0.0
    alpha_ema: float | None = None

    def __post_init__(self) -> None:
        if self.loss not in ("JSD", "W1") or self.regulariser not in ("R1", "GP", None):
            raise MeasureError(
                f"there is no theory for loss {self.loss!r} with regulariser {self.regulariser!r}"
            )

    @property
    def smooth(self) -> bool:
        """Whether the update has a Jacobian at the equilibrium."""
        return self.regulariser != "GP" or self.coefficient == 0

    def update(self, state: State) -> State:
        """(psi0, psi1, theta) after the critic's steps and the generator's."""
        psi0, psi1, theta = state
        c = self.target
        for _ in range(self.inner):
            real = self._slope(-(psi0 * c + psi1))
            fake = self._slope(psi0 * theta + psi1)
            psi0, psi1 = (
                psi0 + self.lr_critic * (real * c - fake * theta - self._penalty_slope(psi0)),
                psi1 + self.lr_critic * (real - fake),
            )
        fake = self._slope(psi0 * theta + psi1)
        return psi0, psi1, theta + self.lr_generator * fake * psi0

    def trajectory(self, start: State, steps: int) -> Vector:
        """(steps + 1, 3), rows (psi0, psi1, logged theta), the start first.

        An average starts where theta starts.
        """
        state, logged = start, start[2]
        rows = [start]
        for _ in range(steps):
            state = self.update(state)
            if self.alpha_ema is None:
                logged = state[2]
            else:
                logged = self.alpha_ema * logged + (1 - self.alpha_ema) * state[2]
            rows.append((state[0], state[1], logged))
        return np.array(rows)

    def moduli(self) -> tuple[float, ...]:
        """Moduli of the eigenvalues at the equilibrium, the largest first.

        In the W1 game the gradient of psi1 is zero everywhere: psi1 is not part of the game, and
        its eigenvalue 1 says nothing about it. So it is left out. An average adds its alpha.

        Raises:
            MeasureError: where the update has no Jacobian.
        """
        if not self.smooth:
            raise MeasureError("the GP penalty has no derivative at psi0 = 0: no eigenvalues")
        moduli = [float(m) for m in np.abs(np.linalg.eigvals(self.jacobian()))]
        if self.alpha_ema is not None:
            moduli.append(self.alpha_ema)
        return tuple(sorted(moduli, reverse=True))

    def jacobian(self) -> Vector:
        """Of the update at the equilibrium: (3, 3) in (psi0, psi1, theta), W1: without psi1.

        At the equilibrium sigmoid = 1/2 with slope 1/4, so that a step of either player is a
        matrix, and the update is their product.
        """
        c = self.target
        # The metric's slope in a critic value is `level`, and changes with it by `bend`.
        level, bend = (1 / 4, 1 / 8) if self.loss == "JSD" else (1.0, 0.0)
        decay = 2 * self.coefficient if self.regulariser == "R1" else 0.0
        critic = np.eye(3)
        critic[0] += self.lr_critic * np.array([-2 * bend * c * c - decay, -2 * bend * c, -level])
        critic[1] += self.lr_critic * np.array([-2 * bend * c, -2 * bend, 0.0])
        generator = np.eye(3)
        generator[2, 0] = self.lr_generator * level
        product: Vector = generator @ np.linalg.matrix_power(critic, self.inner)
        return product if self.loss == "JSD" else product[np.ix_([0, 2], [0, 2])]

    def _slope(self, value: float) -> float:
        """Derivative of the metric in a critic value, up to its sign."""
        if self.loss == "W1":
            return 1.0
        return 0.5 * _sigmoid(value)

    def _penalty_slope(self, psi0: float) -> float:
        if self.regulariser == "R1":
            return 2 * self.coefficient * psi0
        if self.regulariser == "GP":
            return 2 * self.coefficient * (abs(psi0) - 1) * _sign(psi0)
        return 0.0


@dataclass(frozen=True)
class Theory:
    """What a configuration should do.

    Attributes:
        verdict: as `trajectories` has it.
        moduli: of the eigenvalues at the equilibrium, the largest first; None where the update
            has no Jacobian there.
        basis: the reason in a sentence.
    """

    verdict: Verdict
    moduli: tuple[float, ...] | None
    basis: str


def expected_verdict(game: DiracGame, steps: int = 5000, view: View = "game") -> Theory:
    """What theory says of a game of so many steps.

    Where all moduli are below 1, and far enough for `steps` to show it, the game converges.
    Everywhere else the map is iterated in double precision from five starts drawn from
    N(0, 0.7^2) with a fixed seed, and the commonest verdict counts: with a modulus of 1 the
    linearisation leaves it open, with one above 1 it says that the game leaves the equilibrium
    but not where to.

    Args:
        game: the configuration.
        steps: of the generator.
        view: as in `trajectories.behaviour`.
    """
    moduli = game.moduli() if game.smooth else None
    if moduli is None:
        reason = "GP has no derivative at psi0 = 0"
    elif moduli[0] > 1 + ON_THE_CIRCLE:
        reason = f"the largest modulus, {moduli[0]:.6f}, is above 1: the equilibrium is unstable"
    elif moduli[0] >= 1 - ON_THE_CIRCLE:
        reason = "the largest modulus is 1: the linearisation leaves it open"
    elif -math.log(moduli[0]) * steps / 2 > TOLERANCE:
        return Theory("converges", moduli, f"all moduli are at most {moduli[0]:.6f}, below 1")
    else:
        reason = f"the largest modulus, {moduli[0]:.6f}, is too near to 1 for {steps} steps"
    rng = np.random.default_rng(0)
    seen = Counter(
        verdict(game.trajectory(_start(rng), steps), game.target, view) for _ in range(STARTS)
    )
    commonest, count = seen.most_common(1)[0]
    return Theory(commonest, moduli, f"{reason}; iterated, {count} of {STARTS} starts say so")


def _start(rng: np.random.Generator) -> State:
    psi0, psi1, theta = (float(x) for x in START_SD * rng.standard_normal(3))
    return psi0, psi1, theta


def _sigmoid(x: float) -> float:
    # exp of a large number raises; of a very negative one it is 0.
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _sign(x: float) -> float:
    """-1, 0 or 1; 0 at 0, as the norm's derivative is taken there."""
    return math.copysign(1.0, x) if x else 0.0
