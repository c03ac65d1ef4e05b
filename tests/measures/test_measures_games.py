"""The closed form of the game agrees with autograd, finite differences and the reference."""

import math
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grader.measures.estimate import MeasureError
from grader.measures.games import DiracGame, State, expected_verdict

STARTS: list[State] = [(0.4, -0.7, 0.9), (-1.3, 0.2, 0.5), (0.0, 0.3, -0.8)]
GAMES = [
    DiracGame("JSD"),
    DiracGame("W1"),
    DiracGame("JSD", "R1", 0.1),
    DiracGame("W1", "R1", 0.3, lr_generator=0.05, lr_critic=0.2),
    DiracGame("JSD", "GP", 0.1),
    DiracGame("W1", "GP", 0.2),
    DiracGame("JSD", "R1", 0.2, target=1.5, inner=3),
    DiracGame("JSD", None, target=-0.7, inner=2),
    DiracGame("W1", "GP", 0.2, target=2.0, inner=2),
]


def autograd_update(game: DiracGame, state: State) -> State:
    """The same steps written as losses, and differentiated."""
    psi = torch.tensor(state[:2], dtype=torch.float64, requires_grad=True)
    theta = torch.tensor(state[2], dtype=torch.float64, requires_grad=True)

    def metric() -> torch.Tensor:
        real, fake = psi[0] * game.target + psi[1], psi[0] * theta + psi[1]
        if game.loss == "W1":
            return real - fake
        return 0.5 * (F.logsigmoid(real) + F.logsigmoid(-fake) + math.log(4))

    for _ in range(game.inner):
        loss = -metric()
        if game.regulariser == "R1":
            loss = loss + game.coefficient * psi[0] ** 2
        elif game.regulariser == "GP":
            loss = loss + game.coefficient * (psi[:1].norm() - 1) ** 2
        (slope,) = torch.autograd.grad(loss, psi)
        psi = (psi - game.lr_critic * slope).detach().requires_grad_()
    (slope,) = torch.autograd.grad(metric(), theta)
    theta = theta - game.lr_generator * slope
    return psi[0].item(), psi[1].item(), theta.item()


@pytest.mark.parametrize("game", GAMES, ids=str)
@pytest.mark.parametrize("start", STARTS)
def test_a_step_is_that_of_autograd(game: DiracGame, start: State) -> None:
    assert game.update(start) == pytest.approx(autograd_update(game, start), abs=1e-14)


@pytest.mark.parametrize("game", [g for g in GAMES if g.smooth], ids=str)
def test_the_jacobian_is_that_of_finite_differences(game: DiracGame) -> None:
    equilibrium = np.array([0.0, 0.0, game.target])
    assert game.update(tuple(equilibrium)) == pytest.approx(tuple(equilibrium), abs=1e-15)
    step = 1e-5
    columns = [
        (np.array(game.update(tuple(equilibrium + d))) - game.update(tuple(equilibrium - d)))
        / (2 * step)
        for d in step * np.eye(3)
    ]
    jacobian = np.stack(columns, axis=1)
    if game.loss == "W1":
        assert jacobian[1] == pytest.approx([0.0, 1.0, 0.0])  # psi1 stays where it is
        jacobian = jacobian[np.ix_([0, 2], [0, 2])]
    assert game.jacobian() == pytest.approx(jacobian, abs=1e-8)


def test_eigenvalues_are_those_worked_out_by_hand() -> None:
    """W1 with R1 alternates [[1 - r, -h], [h (1 - r), 1 - h^2]]: determinant 1 - r."""
    r, h = 2 * 0.1 * 0.1, 0.1
    assert DiracGame("W1", "R1", 0.1).moduli() == pytest.approx([math.sqrt(1 - r)] * 2)
    assert DiracGame("W1").moduli() == pytest.approx([1.0, 1.0])
    # JSD has h / 4 in place of h, and contracts psi1 by 1 - h / 4.
    assert DiracGame("JSD").moduli() == pytest.approx([1.0, 1.0, 1 - h / 4])
    assert 0.998 in DiracGame("W1", alpha_ema=0.998).moduli()


def test_a_kinked_game_has_no_eigenvalues() -> None:
    with pytest.raises(MeasureError, match="no derivative"):
        DiracGame("W1", "GP", 0.1).moduli()
    assert expected_verdict(DiracGame("W1", "GP", 0.1)).moduli is None


def test_an_unknown_loss_has_no_theory() -> None:
    unknown: Any = "hinge"
    with pytest.raises(MeasureError, match="hinge"):
        DiracGame(unknown)
    with pytest.raises(MeasureError, match="hinge"):
        DiracGame("W1", unknown)


@pytest.mark.parametrize(
    ("game", "verdict"),
    [
        (DiracGame("JSD"), "cycles"),
        (DiracGame("W1"), "cycles"),
        (DiracGame("JSD", "R1", 0.01), "converges"),
        (DiracGame("W1", "R1", 0.01), "converges"),
        (DiracGame("JSD", "GP", 0.1), "cycles"),
        (DiracGame("W1", "GP", 0.1), "cycles"),
        (DiracGame("W1", lr_generator=3, lr_critic=3), "diverges"),
        (DiracGame("W1", "R1", 30.0), "diverges"),
        (DiracGame("JSD", lr_generator=0.0, lr_critic=0.0), "stays"),
    ],
    ids=str,
)
def test_theory_says_what_the_paper_says(game: DiracGame, verdict: str) -> None:
    theory = expected_verdict(game, 3000)
    assert theory.verdict == verdict
    assert theory.basis


@pytest.mark.parametrize("game", [g for g in GAMES if g.smooth and g.moduli()[0] < 0.9999], ids=str)
def test_a_contracting_game_converges_when_it_is_played(game: DiracGame) -> None:
    """The verdict of the eigenvalues against that of the iterated map."""
    path = game.trajectory((0.3, 0.1, game.target + 0.2), 3000)
    assert np.abs(path[-1, [0, 2]] - [0, game.target]).max() < 1e-2
    assert expected_verdict(game).basis.startswith("all moduli")


def test_the_rate_of_convergence_is_the_largest_modulus() -> None:
    game = DiracGame("JSD", "R1", 0.1)
    path = game.trajectory((1e-6, 1e-6, 1e-6), 2000)
    level = [float(np.hypot(*path[at : at + 500, [0, 2]].T).max()) for at in (0, 1500)]
    assert math.log(level[1] / level[0]) / 1500 == pytest.approx(
        math.log(game.moduli()[0]), rel=0.02
    )


def test_a_slow_game_is_not_promised_to_converge_in_few_steps() -> None:
    game = DiracGame("W1", "R1", 0.001)
    assert expected_verdict(game, 50_000).verdict == "converges"
    assert "too near to 1" in expected_verdict(game, 500).basis
    assert expected_verdict(game, 500).verdict == "cycles"


def test_averaging_rests_while_the_game_goes_on() -> None:
    game = DiracGame("W1", alpha_ema=0.998)
    assert expected_verdict(game).verdict == "cycles"
    assert expected_verdict(game, view="generator").verdict == "converges"


def test_large_values_do_not_overflow() -> None:
    state = (1e200, -1e200, 1e200)
    for game in GAMES:
        game.update(state)


def game_of(config: Any) -> DiracGame:
    return DiracGame(
        config.loss,
        config.critic_reg_type,
        config.critic_reg_cf,
        lr_generator=config.generator_lr,
        lr_critic=config.critic_lr,
        inner=config.critic_inner_iters,
        target=config.dirac_target,
        alpha_ema=config.generator_alpha_ema,
    )


@pytest.mark.parametrize("number", range(1, 11))
@pytest.mark.parametrize("loss", ["jsd", "w1"])
def test_the_reference_follows_the_map_point_by_point(
    run_exp: ModuleType, loss: str, number: int
) -> None:
    config = replace(run_exp.CONFIGURATIONS[f"dirac-{loss}-{number}"], max_iters=150, seed=number)
    played = run_exp.run_dirac(config)
    game = game_of(config)
    assert played == pytest.approx(game.trajectory(tuple(played[0]), 150), abs=2e-5)


@pytest.mark.parametrize("changes", [{"dirac_target": 1.5}, {"critic_inner_iters": 3}])
def test_the_reference_follows_the_map_elsewhere(
    run_exp: ModuleType, changes: dict[str, Any]
) -> None:
    config = replace(run_exp.CONFIGURATIONS["dirac-jsd-3"], max_iters=100, **changes)
    played = run_exp.run_dirac(config)
    game = game_of(config)
    assert played == pytest.approx(game.trajectory(tuple(played[0]), 100), abs=2e-5)
