"""Laws of `reference/ift6135_a3/gan.py`."""

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

SHAPES = [(5,), (1,), (5, 3), (1, 1), (5, 3, 4, 4)]


@pytest.fixture(scope="module")
def gan(load_reference) -> ModuleType:
    return load_reference("ift6135_a3", "gan")


def draws(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def linear_critic(
    shape: tuple[int, ...], seed: int = 1
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """C(x) = w.x + 0.5 over samples of that batch's shape, and w."""
    w = draws(*shape[1:], seed=seed)
    return lambda x: (x * w).reshape(len(x), -1).sum(dim=1) + 0.5, w


def quadratic_critic(x: Tensor) -> Tensor:
    """C(x) = 3/2 |x|^2, whose gradient is 3 x."""
    return 1.5 * x.reshape(len(x), -1).square().sum(dim=1)


class Bowl(nn.Module):
    """A critic whose input gradient depends on the sample and on all its parameters."""

    def __init__(self, size: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(size, 4), nn.Softplus(), nn.Linear(4, 1)
        ).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


class TestJsd:
    def test_is_a_scalar_and_zero_for_an_undecided_critic(self, gan) -> None:
        result = gan.jsd(torch.zeros(7), torch.zeros(7))
        assert result.shape == ()
        assert result.item() == pytest.approx(0, abs=1e-7)

    def test_never_exceeds_log_two(self, gan) -> None:
        for seed in range(20):
            assert gan.jsd(50 * draws(6, seed=seed), 50 * draws(6, seed=seed + 100)) <= math.log(2)
        perfect = gan.jsd(torch.full((3,), 1e4), torch.full((3,), -1e4))
        assert perfect.item() == pytest.approx(math.log(2))

    @pytest.mark.parametrize("value", [200.0, 1e4])
    def test_large_logits_stay_finite_in_float32(self, gan, value) -> None:
        cp = torch.full((3,), -value, requires_grad=True)
        cq = torch.full((3,), value, requires_grad=True)
        result = gan.jsd(cp, cq)
        assert result.item() == pytest.approx(math.log(2) - value, rel=1e-6)
        result.backward()
        assert cp.grad is not None
        # Each mean falls by sigmoid(value) / 2 = 1/2 per unit of its own value.
        torch.testing.assert_close(cp.grad.sum(), torch.tensor(0.5))

    def test_the_sides_have_their_own_signs(self, gan) -> None:
        expected = 0.5 * (math.log(1 / (1 + math.exp(-1))) + math.log(1 / (1 + math.exp(2)))) + (
            math.log(2)
        )
        result = gan.jsd(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0]))
        assert result.item() == pytest.approx(expected, rel=1e-6)

    def test_is_the_divergence_at_the_best_critic(self, gan) -> None:
        """Expectations as means over the quantiles' midpoints, the truth by quadrature."""
        p, q = stats.norm(0.3, 1.0), stats.norm(-0.5, 0.6)

        def integrand(x: float) -> float:
            mixture = math.log((p.pdf(x) + q.pdf(x)) / 2)
            return 0.5 * (p.pdf(x) * (p.logpdf(x) - mixture) + q.pdf(x) * (q.logpdf(x) - mixture))

        expected, _ = integrate.quad(integrand, -8, 8)
        levels = (np.arange(200_000) + 0.5) / 200_000
        xp, xq = p.ppf(levels), q.ppf(levels)
        cp = torch.from_numpy(p.logpdf(xp) - q.logpdf(xp))
        cq = torch.from_numpy(p.logpdf(xq) - q.logpdf(xq))
        assert gan.jsd(cp, cq).item() == pytest.approx(expected, abs=1e-5)
        # Any other critic gives less.
        for worse in (0.5, 2.0):
            assert gan.jsd(worse * cp, worse * cq) < expected - 1e-3


class TestW1:
    def test_is_the_difference_of_the_means_real_first(self, gan) -> None:
        result = gan.w1(torch.tensor([1.0, 3.0]), torch.tensor([10.0, 20.0]))
        assert result.shape == ()
        assert result.item() == -13

    def test_a_linear_critic_measures_the_shift_along_its_slope(self, gan) -> None:
        critic, w = linear_critic((50, 3))
        p = draws(50, 3)
        shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        result = gan.w1(critic(p + shift), critic(p))
        assert result.item() == pytest.approx((w @ shift).item())

    def test_is_the_distance_at_the_best_critic_of_a_shift(self, gan) -> None:
        p, q = draws(50, seed=2), draws(50, seed=2) - 3
        expected = stats.wasserstein_distance(p.numpy(), q.numpy())
        assert gan.w1(p, q).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["r1gp", "ogp"])
class TestBothPenalties:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_linear_critic(self, gan, name, shape, requires_grad) -> None:
        """The gradient is w everywhere, so that neither the points nor eps matter."""
        critic, w = linear_critic(shape)
        p, q = draws(*shape, seed=3), draws(*shape, seed=4)
        p.requires_grad_(requires_grad)
        result = getattr(gan, name)(p, critic(p), q, critic(q), critic)
        norm = w.square().sum().sqrt()
        assert result.shape == ()
        torch.testing.assert_close(result, norm**2 if name == "r1gp" else (norm - 1) ** 2)
        assert p.requires_grad == requires_grad
        assert p.grad is None

    @pytest.mark.parametrize("shape", SHAPES)
    def test_quadratic_critic_with_equal_batches(self, gan, name, shape) -> None:
        p = draws(*shape, seed=3)
        values = quadratic_critic(p)
        norms = 3 * p.reshape(len(p), -1).square().sum(dim=1).sqrt()
        expected = (norms**2 if name == "r1gp" else (norms - 1) ** 2).mean()
        result = getattr(gan, name)(p, values, p.clone(), values, quadratic_critic)
        torch.testing.assert_close(result, expected)

    def test_critic_values_that_do_not_belong_to_the_critic(self, gan, name) -> None:
        critic, _ = linear_critic((5, 2))
        p = draws(5, 2).requires_grad_()
        consistent = getattr(gan, name)(p, critic(p), p, critic(p), critic)
        other = getattr(gan, name)(p, (p**2).sum(dim=1), p, torch.zeros(5), critic)
        torch.testing.assert_close(other, consistent)

    def test_gradient_of_the_critic_equals_finite_differences(self, gan, name) -> None:
        """Differentiating through the gradient; with p = q nothing random is left."""
        critic = Bowl(3)
        p = draws(4, 3)

        def penalty() -> Tensor:
            return getattr(gan, name)(p, critic(p), p, critic(p), critic)

        # The last bias moves all values alike and so no gradient: nothing is propagated to it.
        parameters = [x for n, x in critic.named_parameters() if n != "layers.3.bias"]
        gradients = torch.autograd.grad(penalty(), parameters)
        step = 1e-6
        for parameter, gradient in zip(parameters, gradients, strict=True):
            flat = parameter.data.view(-1)
            for i, expected in enumerate(gradient.reshape(-1).tolist()):
                value = flat[i].item()
                flat[i] = value + step
                above = penalty().item()
                flat[i] = value - step
                below = penalty().item()
                flat[i] = value
                assert (above - below) / (2 * step) == pytest.approx(expected, abs=1e-7)

    def test_flat_critic_has_finite_gradients(self, gan, name) -> None:
        critic = nn.Linear(3, 1, bias=False)
        nn.init.zeros_(critic.weight)
        p = torch.ones(2, 3)
        result = getattr(gan, name)(p, critic(p), p, critic(p), critic)
        assert result.item() == (0 if name == "r1gp" else 1)
        result.backward()
        assert critic.weight.grad is not None
        assert critic.weight.grad.isfinite().all()

    def test_shapes_of_the_dirac_game(self, gan, name) -> None:
        slope = torch.tensor(-3.0)
        p, q = torch.zeros(1, 1), torch.ones(1)
        result = getattr(gan, name)(p, slope * p, q, slope * q, lambda x: slope * x + 1)
        assert result.shape == ()
        assert result.item() == (9 if name == "r1gp" else 4)


class TestR1gp:
    def test_looks_at_real_samples_only(self, gan) -> None:
        p, q = draws(5, 2), draws(5, 2, seed=1)
        values = quadratic_critic(p)
        torch.manual_seed(0)
        first = gan.r1gp(p, values, q, quadratic_critic(q), quadratic_critic)
        second = gan.r1gp(p, values, 100 * q, quadratic_critic(q), quadratic_critic)
        assert first.item() == second.item()


class TestOgp:
    @pytest.mark.parametrize("shape", [(400,), (400, 3), (400, 3, 4, 4)])
    def test_points_lie_on_the_segments_at_uniform_places(self, gan, shape) -> None:
        seen: list[Tensor] = []

        def spy(x: Tensor) -> Tensor:
            seen.append(x.detach().clone())
            return quadratic_critic(x)

        p, q = draws(*shape, seed=3), draws(*shape, seed=4)
        torch.manual_seed(0)
        gan.ogp(p, quadratic_critic(p), q, quadratic_critic(q), spy)
        (x,) = seen
        eps = ((x - q) / (p - q)).reshape(len(p), -1)
        torch.testing.assert_close(eps, eps[:, :1].expand_as(eps), rtol=1e-6, atol=1e-6)
        assert stats.kstest(eps[:, 0].numpy(), "uniform").pvalue > 1e-3

    def test_mean_over_eps_is_the_integral(self, gan) -> None:
        """From 0 to a point at distance 1 the norm is 3 eps: E (3 eps - 1)^2 = 1."""
        n = 100_000
        p, q = torch.ones(n, 1, dtype=torch.float64), torch.zeros(n, 1, dtype=torch.float64)
        torch.manual_seed(0)
        result = gan.ogp(p, p[:, 0], q, q[:, 0], quadratic_critic)
        # Var (3 eps - 1)^2 = 81/5 - 27 + 18 - 6 + 1 - 1 = 6/5
        assert abs(result.item() - 1) < 5 * math.sqrt(1.2 / n)


class TestMakeLosses:
    @pytest.mark.parametrize("loss_type", ["JSD", "W1"])
    @pytest.mark.parametrize("reg_type", [None, "GP", "R1"])
    @pytest.mark.parametrize("reg_cf", [0.1, 10.0])
    def test_combines_the_parts(self, gan, loss_type, reg_type, reg_cf) -> None:
        critic, w = linear_critic((6, 3))
        p, q = draws(6, 3, seed=5), draws(6, 3, seed=6)
        metric, critic_loss = gan.make_losses(loss_type, reg_type, reg_cf)
        distance = {"JSD": gan.jsd, "W1": gan.w1}[loss_type](critic(p), critic(q))
        norm = w.norm()
        penalty = {None: 0.0, "R1": norm**2, "GP": (norm - 1) ** 2}[reg_type]

        assert metric(p, q, critic).shape == critic_loss(p, q, critic).shape == ()
        torch.testing.assert_close(metric(p, q, critic), distance)
        torch.testing.assert_close(critic_loss(p, q, critic), -distance + reg_cf * penalty)

    @pytest.mark.parametrize("loss_type", ["JSD", "W1"])
    @pytest.mark.parametrize("reg_type", [None, "GP", "R1"])
    def test_works_without_parameters_and_without_gradients_in_p(
        self, gan, loss_type, reg_type
    ) -> None:
        metric, critic_loss = gan.make_losses(loss_type, reg_type)
        p, q = draws(5, 10), draws(5, 10, seed=1)
        assert metric(p, q, lambda x: x.mean(-1)).shape == ()
        assert critic_loss(p, q, lambda x: x.mean(-1)).shape == ()
        assert not p.requires_grad

    def test_default_coefficient_is_one(self, gan) -> None:
        critic, w = linear_critic((4, 2))
        p, q = draws(4, 2), draws(4, 2, seed=1)
        _, critic_loss = gan.make_losses("W1", "R1")
        expected = -gan.w1(critic(p), critic(q)) + w.norm() ** 2
        torch.testing.assert_close(critic_loss(p, q, critic), expected)

    def test_metric_carries_gradients_to_the_generated_samples(self, gan) -> None:
        critic, w = linear_critic((4, 2))
        q = draws(4, 2).requires_grad_()
        metric, _ = gan.make_losses("W1")
        metric(draws(4, 2, seed=1), q, critic).backward()
        torch.testing.assert_close(q.grad, (-w / 4).expand(4, 2))

    @pytest.mark.parametrize("arguments", [("KL",), ("jsd",), ("JSD", "gp"), ("W1", "L2")])
    def test_unknown_names(self, gan, arguments) -> None:
        with pytest.raises(NotImplementedError):
            gan.make_losses(*arguments)

    @pytest.mark.parametrize("reg_cf", [0.0, -1.0])
    @pytest.mark.parametrize("reg_type", [None, "GP", "R1"])
    def test_coefficient_must_be_positive(self, gan, reg_type, reg_cf) -> None:
        with pytest.raises(AssertionError):
            gan.make_losses("JSD", reg_type, reg_cf)

    def test_the_available_names(self, gan) -> None:
        assert gan.AVAILABLE_LOSSES == ["JSD", "W1"]
        assert gan.AVAILABLE_REGULARIZERS == ["GP", "R1", None]


class TestExponentialMovingAverage:
    @pytest.mark.parametrize("alpha", [0.1, 0.9])
    def test_formula_in_place(self, gan, alpha) -> None:
        source, target = nn.Linear(3, 2), nn.Linear(3, 2)
        tensors = dict(target.named_parameters())
        addresses = {name: p.data_ptr() for name, p in tensors.items()}
        before = copy.deepcopy(target)
        source_before = copy.deepcopy(source)
        assert gan.apply_exponential_moving_average(source, target, alpha) is None
        for name, parameter in target.named_parameters():
            assert parameter is tensors[name]
            assert parameter.data_ptr() == addresses[name]
            assert parameter.requires_grad
            assert parameter.is_leaf
            expected = alpha * before.get_parameter(name) + (1 - alpha) * source.get_parameter(name)
            torch.testing.assert_close(parameter, expected)
            assert torch.equal(source.get_parameter(name), source_before.get_parameter(name))

    def test_default_agrees_with_torch_over_many_steps(self, gan) -> None:
        torch.manual_seed(0)
        source = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)).double()
        target = copy.deepcopy(source)
        averaged = AveragedModel(copy.deepcopy(source), multi_avg_fn=get_ema_multi_avg_fn(0.998))
        averaged.update_parameters(source)  # torch's first update is a copy
        for _ in range(20):
            with torch.no_grad():
                for parameter in source.parameters():
                    parameter.add_(torch.randn_like(parameter))
            gan.apply_exponential_moving_average(source, target)
            averaged.update_parameters(source)
        for mine, theirs in zip(target.parameters(), averaged.module.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)

    def test_the_distance_shrinks_by_alpha_each_time(self, gan) -> None:
        source, target = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.constant_(source.weight, 2.0)
        nn.init.constant_(target.weight, 5.0)
        for _ in range(10):
            gan.apply_exponential_moving_average(source, target, 0.5)
        assert target.weight.item() == pytest.approx(2 + 3 * 0.5**10)


class Point(nn.Module):
    """A generator of the one number theta, which counts its calls."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([theta], dtype=torch.float64))
        self.calls = 0

    def forward(self, z: Tensor | None = None) -> Tensor:
        self.calls += 1
        return self.theta


class Line(nn.Module):
    """The critic C(x) = psi0 x + psi1."""

    def __init__(self, psi0: float, psi1: float) -> None:
        super().__init__()
        self.param = nn.Parameter(torch.tensor([psi0, psi1], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.param[0] + self.param[1]


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def play_by_hand(
    loss_type: str, inner: int, reg_type: str | None, reg_cf: float, lr: float, steps: int
) -> Iterator[tuple[float, float, float, float]]:
    """The game of a line and a point under gradient descent, with derivatives taken by hand.

    Yields the metric before each generator step, then psi0, psi1 and theta after it.
    """
    psi0, psi1, theta = 0.8, -0.2, 0.6
    target = itertools.count(1)
    for _ in range(steps):
        for _ in range(inner):
            x = 0.1 * next(target)
            if loss_type == "W1":
                d0, d1 = x - theta, 0.0
            else:
                real, fake = sigmoid(-(psi0 * x + psi1)), sigmoid(psi0 * theta + psi1)
                d0, d1 = 0.5 * (real * x - fake * theta), 0.5 * (real - fake)
            penalty = {None: 0.0, "R1": 2 * psi0, "GP": 2 * (abs(psi0) - 1) * np.sign(psi0)}
            psi0, psi1 = psi0 + lr * (d0 - reg_cf * penalty[reg_type]), psi1 + lr * d1
        x = 0.1 * next(target)
        if loss_type == "W1":
            metric, slope = psi0 * (x - theta), -psi0
        else:
            real, fake = sigmoid(psi0 * x + psi1), sigmoid(-(psi0 * theta + psi1))
            metric = 0.5 * (math.log(real) + math.log(fake) + math.log(4))
            slope = -0.5 * (1 - fake) * psi0
        theta -= lr * slope
        yield metric, psi0, psi1, theta


def real_points() -> Iterator[Tensor]:
    """0.1, 0.2, ...: every batch another, so that their order shows."""
    for i in itertools.count(1):
        yield torch.full((1, 1), 0.1 * i, dtype=torch.float64)


class CountingSGD(torch.optim.SGD):
    steps = 0

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.steps += 1
        super().step(closure)


class TestTrainStep:
    @pytest.mark.parametrize("loss_type", ["JSD", "W1"])
    @pytest.mark.parametrize("reg_type", [None, "GP", "R1"])
    @pytest.mark.parametrize("inner", [1, 3])
    @pytest.mark.parametrize("alpha_ema", [None, 0.7])
    def test_equals_the_game_played_by_hand(
        self, gan, loss_type, reg_type, inner, alpha_ema
    ) -> None:
        critic, generator, average = Line(0.8, -0.2), Point(0.6), Point(0.6)
        critic_optim = CountingSGD(critic.parameters(), lr=0.3)
        generator_optim = CountingSGD(generator.parameters(), lr=0.3)
        train_step = gan.make_train_step(loss_type, inner, reg_type, 0.4, alpha_ema)
        data = real_points()

        expected_average = 0.6
        for step, (metric, psi0, psi1, theta) in enumerate(
            play_by_hand(loss_type, inner, reg_type, 0.4, lr=0.3, steps=4), start=1
        ):
            result = train_step(data, critic, critic_optim, generator, average, generator_optim)
            assert result.shape == ()
            assert result.item() == pytest.approx(metric)
            assert critic.param.tolist() == pytest.approx([psi0, psi1])
            assert generator.theta.item() == pytest.approx(theta)
            if alpha_ema is not None:
                expected_average = alpha_ema * expected_average + (1 - alpha_ema) * theta
            assert average.theta.item() == pytest.approx(expected_average)
            assert critic_optim.steps == inner * step
            assert generator_optim.steps == step
            assert generator.calls == (inner + 1) * step
        assert average.calls == 0

    def test_stale_gradients_are_not_applied(self, gan) -> None:
        critic, generator = Line(0.8, -0.2), Point(0.6)
        for parameter in (*critic.parameters(), *generator.parameters()):
            parameter.grad = torch.full_like(parameter, 1e6)
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.3) for m in (critic, generator)]
        train_step = gan.make_train_step("JSD", 2)
        train_step(real_points(), critic, optimizers[0], generator, generator, optimizers[1])
        ((_, psi0, psi1, theta),) = play_by_hand("JSD", 2, None, 1.0, lr=0.3, steps=1)
        assert critic.param.tolist() == pytest.approx([psi0, psi1])
        assert generator.theta.item() == pytest.approx(theta)

    @pytest.mark.parametrize("inner", [0, -1])
    def test_inner_iterations_must_be_positive(self, gan, inner) -> None:
        with pytest.raises(AssertionError):
            gan.make_train_step("JSD", critic_inner_iters=inner)

    @pytest.mark.parametrize("alpha_ema", [-1, 0, 1, 2])
    @pytest.mark.parametrize("inner", [0, 1])
    def test_alpha_must_be_inside_the_unit_interval(self, gan, alpha_ema, inner) -> None:
        with pytest.raises(AssertionError):
            gan.make_train_step("JSD", critic_inner_iters=inner, alpha_ema=alpha_ema)

    def test_errors_of_make_losses_come_through(self, gan) -> None:
        with pytest.raises(NotImplementedError):
            gan.make_train_step("KL")
        with pytest.raises(NotImplementedError):
            gan.make_train_step("JSD", reg_type="L2")
        with pytest.raises(AssertionError):
            gan.make_train_step("JSD", reg_cf=-1.0)


def test_the_courses_name_gives_the_step_of_evaluation(load_with_siblings) -> None:
    eval_step = load_with_siblings("ift6135_a3", "gan").make_eval_step("", [], dimz=2)
    assert eval_step.__module__ == "evaluation"
