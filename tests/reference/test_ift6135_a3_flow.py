"""Laws of `reference/ift6135_a3/solution.py`, the planar flow."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal


@pytest.fixture(scope="module")
def solution(load_reference) -> ModuleType:
    return load_reference("ift6135_a3", "solution")


def strong_planar(solution: ModuleType, dim: int, wu: float, seed: int = 0) -> Any:
    """A transformation in float64 that bends visibly, with w.u as given."""
    rng = torch.Generator().manual_seed(seed)
    planar = solution.PlanarTransformation(dim).double()
    w, u = torch.randn(2, 1, dim, generator=rng, dtype=torch.float64)
    planar.w.data = w
    planar.u.data = u + (wu - (u * w).sum()) * w / (w**2).sum()
    planar.b.data = torch.tensor([0.3], dtype=torch.float64)
    return planar


def strong_flow(solution: ModuleType, dim: int) -> Any:
    flow = solution.Flow(dim, 4)
    for i, wu in enumerate([-0.8, 1.5, 0.4, -0.5]):
        flow.layers[i] = strong_planar(solution, dim, wu, seed=i)
    return flow


def points(n: int, dim: int) -> Tensor:
    rng = torch.Generator().manual_seed(9)
    return 2 * torch.randn(n, dim, generator=rng, dtype=torch.float64)


def log_abs_det(function: Any, x: Tensor) -> Tensor:
    """(B, 1): from the full Jacobian of one row at a time."""
    rows = [
        torch.linalg.slogdet(jacobian(lambda r: function(r[None])[0], row)).logabsdet for row in x
    ]
    return torch.stack(rows)[:, None]


class TestPlanarTransformation:
    def test_parameters_at_the_start(self, solution) -> None:
        torch.manual_seed(0)
        planar = solution.PlanarTransformation(10_000)
        assert dict(planar.named_parameters()).keys() == {"u", "w", "b"}
        assert planar.u.shape == planar.w.shape == (1, 10_000)
        assert planar.b.shape == (1,)
        assert planar.b.item() == 0
        for parameter in (planar.u, planar.w):
            assert parameter.std().item() == pytest.approx(0.01, rel=0.05)
            assert abs(parameter.mean().item()) < 5e-4
        assert solution.PlanarTransformation().u.shape == (1, 2)

    @pytest.mark.parametrize("dim", [1, 2, 5])
    @pytest.mark.parametrize("batch", [1, 2, 7])
    def test_forward_is_the_formula_row_by_row(self, solution, dim, batch) -> None:
        planar = strong_planar(solution, dim, wu=0.7)
        x = points(batch, dim)
        result = planar(x)
        assert result.shape == (batch, dim)
        u, w, b = planar.u[0].tolist(), planar.w[0].tolist(), planar.b.item()
        for row, out in zip(x.tolist(), result.tolist(), strict=True):
            h = math.tanh(sum(wi * xi for wi, xi in zip(w, row, strict=True)) + b)
            assert out == pytest.approx([xi + ui * h for xi, ui in zip(row, u, strict=True)])

    @pytest.mark.parametrize("dim", [1, 2, 5])
    @pytest.mark.parametrize("wu", [-0.9, 0.0, 3.0])
    def test_logdet_is_that_of_the_jacobian(self, solution, dim, wu) -> None:
        planar = strong_planar(solution, dim, wu)
        x = points(6, dim)
        result = planar.get_logdet(x)
        assert result.shape == (6, 1)
        torch.testing.assert_close(result, log_abs_det(planar, x), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("wu", [-1.5, -4.0])
    def test_logdet_is_that_of_the_jacobian_after_the_adjustment(self, solution, wu) -> None:
        planar = strong_planar(solution, 3, wu)
        x = points(6, 3)
        before = planar.u.detach().clone()
        result = planar.get_logdet(x)
        assert not torch.equal(planar.u, before)
        torch.testing.assert_close(result, log_abs_det(planar, x), rtol=0, atol=1e-6)

    def test_adjustment_moves_u_along_w_to_the_value_of_m(self, solution) -> None:
        planar = strong_planar(solution, 3, wu=-2.5)
        parameter, before = planar.u, planar.u.detach().clone()
        planar(points(1, 3))
        assert planar.u is parameter
        wu = (planar.u * planar.w).sum().item()
        assert wu == pytest.approx(-1 + math.log1p(math.exp(-2.5)), abs=1e-12)
        move = (planar.u - before)[0]
        across = move - (move @ planar.w[0]) * planar.w[0] / (planar.w**2).sum()
        assert across.abs().max().item() < 1e-12

    def test_u_stays_where_the_transformation_is_invertible(self, solution) -> None:
        planar = strong_planar(solution, 3, wu=-0.99)
        before = planar.u.detach().clone()
        planar(points(2, 3))
        planar.get_logdet(points(2, 3))
        assert torch.equal(planar.u, before)

    def test_is_invertible_along_w(self, solution) -> None:
        planar = strong_planar(solution, 2, wu=-0.95)
        line = torch.linspace(-20, 20, 4001, dtype=torch.float64)[:, None]
        along_w = planar(line * planar.w.detach()) @ planar.w.T
        assert (along_w.diff(dim=0) > 0).all()

    def test_eps_keeps_a_vanishing_determinant_finite(self, solution) -> None:
        planar = strong_planar(solution, 1, wu=0.0)
        planar.w.data, planar.u.data = torch.tensor([[1.0]]), torch.tensor([[-1.0]])
        planar.b.data = torch.zeros(1)
        logdet = planar.get_logdet(torch.zeros(1, 1), eps=1e-4)
        assert logdet.item() == pytest.approx(math.log(1e-4), rel=1e-5)

    def test_w_of_zero_is_the_translation_by_u_tanh_b(self, solution) -> None:
        planar = strong_planar(solution, 2, wu=0.5)
        planar.w.data.zero_()
        x = points(3, 2)
        torch.testing.assert_close(planar(x), x + planar.u * math.tanh(0.3))
        torch.testing.assert_close(
            planar.get_logdet(x), torch.zeros(3, 1, dtype=torch.float64), rtol=0, atol=1e-7
        )


class TestFlow:
    @pytest.mark.parametrize("num_layers", [1, 2, 8])
    def test_has_that_many_layers(self, solution, num_layers) -> None:
        flow = solution.Flow(3, num_layers)
        assert len(flow.layers) == num_layers
        assert all(isinstance(layer, solution.PlanarTransformation) for layer in flow.layers)
        assert len(list(flow.parameters())) == 3 * num_layers

    @pytest.mark.parametrize("dim", [1, 2, 4])
    @pytest.mark.parametrize("batch", [1, 5])
    def test_logdet_is_that_of_the_whole_jacobian(self, solution, dim, batch) -> None:
        flow = strong_flow(solution, dim)
        x = points(batch, dim)
        out, logdet = flow(x)
        assert out.shape == (batch, dim)
        assert logdet.shape == (batch, 1)
        torch.testing.assert_close(logdet, log_abs_det(lambda x: flow(x)[0], x), rtol=0, atol=1e-6)

    def test_is_the_composition_of_its_layers_in_order(self, solution) -> None:
        flow = strong_flow(solution, 2)
        x = points(5, 2)
        expected = x.clone()
        for layer in flow.layers:
            expected = layer(expected)
        torch.testing.assert_close(flow(x)[0], expected)

    def test_gradients_reach_every_parameter(self, solution) -> None:
        flow = strong_flow(solution, 2)
        solution.loss1(*flow(points(5, 2))).mean().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in flow.parameters())


class TestLoss1:
    @pytest.mark.parametrize("batch", [1, 4])
    @pytest.mark.parametrize("dim", [1, 2, 5])
    def test_equals_the_change_of_variables(self, solution, batch, dim) -> None:
        z0, logdet = points(batch, dim), points(batch, 1)
        base = MultivariateNormal(torch.zeros(dim).double(), torch.eye(dim).double())
        result = solution.loss1(z0, logdet)
        assert result.shape == (batch, 1)
        torch.testing.assert_close(result, -(base.log_prob(z0)[:, None] + logdet))

    def test_the_density_of_a_flow_integrates_to_one(self, solution) -> None:
        axis = torch.linspace(-12, 12, 401, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        with torch.no_grad():
            density = solution.loss1(*strong_flow(solution, 2)(grid)).neg().exp()
        area = (axis[1] - axis[0]) ** 2
        assert (density.sum() * area).item() == pytest.approx(1, abs=1e-4)


class TestLoss2:
    @pytest.mark.parametrize("batch", [1, 4])
    @pytest.mark.parametrize("dim", [1, 2, 5])
    def test_equals_the_formula_with_torch_distributions(self, solution, batch, dim) -> None:
        z0, logdet, energy = points(batch, dim), points(batch, 1), points(batch, 1)[:, 0] + 1
        base = MultivariateNormal(torch.zeros(dim).double(), torch.eye(dim).double())
        result = solution.loss2(energy, z0, logdet)
        assert result.shape == (batch, 1)
        expected = base.log_prob(z0) - logdet[:, 0] + energy
        torch.testing.assert_close(result[:, 0], expected)

    def test_vanishes_where_the_target_is_the_flow_itself(self, solution) -> None:
        z0 = points(6, 2)
        _, logdet = strong_flow(solution, 2)(z0)
        # Against the other loss: sampling z0 has the density of loss1 without its logdet.
        log_q = -solution.loss1(z0, torch.zeros_like(logdet)) - logdet
        result = solution.loss2(-log_q[:, 0], z0, logdet)
        torch.testing.assert_close(result, torch.zeros_like(result))

    def test_mean_is_the_kl_divergence_to_the_target(self, solution) -> None:
        """In one dimension, with the flow's density from the slope of its curve."""
        flow = strong_flow(solution, 1)
        z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
        base = MultivariateNormal(torch.zeros(1).double(), torch.eye(1).double())
        target = torch.distributions.Normal(0.5, 1.3)
        with torch.no_grad():
            x, logdet = flow(z[:, None])
            weights = base.log_prob(z[:, None]).exp()
            losses = solution.loss2(-target.log_prob(x[:, 0]), z[:, None], logdet)[:, 0]
        mean_loss = torch.trapezoid(weights * losses, z)

        (slope,) = torch.gradient(x[:, 0], spacing=(z,))
        q = weights / slope
        kl = torch.trapezoid(q * (q.log() - target.log_prob(x[:, 0])), x[:, 0])
        assert mean_loss.item() == pytest.approx(kl.item(), abs=1e-4)
        assert kl.item() > 0


def test_float32_stays_float32(solution) -> None:
    x = points(3, 2).float()
    out, logdet = solution.Flow(2, 3)(x)
    results = [out, logdet, solution.loss1(out, logdet), solution.loss2(x[:, 0], x, logdet)]
    assert all(result.dtype == torch.float32 for result in results)
