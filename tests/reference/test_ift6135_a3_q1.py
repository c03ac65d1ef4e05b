"""Laws of `reference/ift6135_a3/q1_solution.py`."""

import math
from types import ModuleType

import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence


@pytest.fixture(scope="module")
def q1(load_reference) -> ModuleType:
    return load_reference("ift6135_a3", "q1_solution")


def normal_draws(*shape: int, count: int = 1, seed: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=rng, dtype=torch.float64) for _ in range(count)]


class TestLogLikelihoodBernoulli:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 7), (3, 1, 28, 28)])
    def test_equals_torch_distributions(self, q1, shape) -> None:
        logits, noise = normal_draws(*shape, count=2)
        mu, target = torch.sigmoid(logits), (noise > 0).double()
        expected = Bernoulli(probs=mu).log_prob(target).flatten(start_dim=1).sum(dim=1)
        result = q1.log_likelihood_bernoulli(mu, target)
        assert result.shape == (shape[0],)
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)

    def test_probabilities_of_all_outcomes_sum_to_one(self, q1) -> None:
        mu = torch.tensor([[0.2, 0.5, 0.9]], dtype=torch.float64).expand(8, 3)
        outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
        total = q1.log_likelihood_bernoulli(mu, outcomes).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-12)

    def test_is_accurate_far_out_in_float32(self, q1) -> None:
        mu = torch.tensor([[1e-30]])
        result = q1.log_likelihood_bernoulli(mu, torch.ones(1, 1))
        assert result.item() == pytest.approx(-30 * math.log(10), rel=1e-6)

    def test_certain_pixels_cost_nothing_and_keep_gradients_finite(self, q1) -> None:
        mu = torch.tensor([[0.0, 1.0, 0.0, 1.0]], requires_grad=True)
        result = q1.log_likelihood_bernoulli(mu[:, :2], torch.tensor([[0.0, 1.0]]))
        assert result.item() == 0
        wrong = q1.log_likelihood_bernoulli(mu, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
        assert math.isfinite(wrong.item())
        assert wrong.item() < -100
        wrong.sum().backward()
        assert mu.grad is not None
        assert mu.grad.isfinite().all()

    def test_accepts_memory_that_is_not_contiguous(self, q1) -> None:
        mu = torch.sigmoid(normal_draws(4, 6)[0])
        target = torch.ones_like(mu)
        result = q1.log_likelihood_bernoulli(mu.reshape(4, 2, 3).transpose(1, 2), target)
        torch.testing.assert_close(result, mu.log().sum(dim=1))


class TestLogLikelihoodNormal:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 6), (3, 1, 4, 4)])
    def test_equals_torch_distributions(self, q1, shape) -> None:
        mu, logvar, z = normal_draws(*shape, count=3)
        expected = Normal(mu, (logvar / 2).exp()).log_prob(z).flatten(start_dim=1).sum(dim=1)
        result = q1.log_likelihood_normal(mu, logvar, z)
        assert result.shape == (shape[0],)
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)

    def test_equals_scipy_with_a_full_covariance(self, q1) -> None:
        mu, logvar, z = normal_draws(1, 4, count=3, seed=1)
        law = stats.multivariate_normal(mu[0].numpy(), logvar[0].exp().diag().numpy())
        result = q1.log_likelihood_normal(mu, logvar, z)
        assert result.item() == pytest.approx(law.logpdf(z[0].numpy()), rel=1e-12)

    def test_density_integrates_to_one(self, q1) -> None:
        def density(x: float) -> float:
            mu, logvar, z = (torch.tensor([[v]], dtype=torch.float64) for v in (0.3, -1.2, x))
            return math.exp(q1.log_likelihood_normal(mu, logvar, z).item())

        total, _ = integrate.quad(density, -8, 8)
        assert total == pytest.approx(1, abs=1e-8)


class TestLogMeanExp:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 4), (3, 9)])
    def test_equals_logsumexp_minus_log_k(self, q1, shape) -> None:
        (y,) = normal_draws(*shape)
        result = q1.log_mean_exp(10 * y)
        assert result.shape == (shape[0],)
        torch.testing.assert_close(result, (10 * y).logsumexp(dim=1) - math.log(shape[1]))

    @pytest.mark.parametrize("level", [-1000.0, 0.0, 1000.0])
    def test_survives_large_values_in_float32(self, q1, level) -> None:
        y = torch.tensor([[level, level + math.log(3)], [level, level - 500]])
        expected = torch.tensor([level + math.log(2), level - math.log(2)])
        torch.testing.assert_close(q1.log_mean_exp(y), expected, rtol=1e-6, atol=1e-6)

    def test_shifting_the_input_shifts_the_output(self, q1) -> None:
        (y,) = normal_draws(3, 6)
        torch.testing.assert_close(q1.log_mean_exp(y + 7), q1.log_mean_exp(y) + 7)

    def test_gradient_is_the_softmax(self, q1) -> None:
        y = normal_draws(3, 6)[0].requires_grad_()
        q1.log_mean_exp(y).sum().backward()
        torch.testing.assert_close(y.grad, torch.softmax(y.detach(), dim=1))


class TestKlAnalytic:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 6), (3, 1, 4, 4)])
    def test_equals_torch_distributions(self, q1, shape) -> None:
        mu_q, logvar_q, mu_p, logvar_p = normal_draws(*shape, count=4)
        expected = kl_divergence(
            Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())
        )
        result = q1.kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p)
        assert result.shape == (shape[0],)
        torch.testing.assert_close(result, expected.flatten(start_dim=1).sum(dim=1))

    def test_equals_the_integral_that_defines_it(self, q1) -> None:
        mu_q, logvar_q, mu_p, logvar_p = 0.4, -0.7, -0.3, 0.5
        q, p = stats.norm(mu_q, math.exp(logvar_q / 2)), stats.norm(mu_p, math.exp(logvar_p / 2))
        expected, _ = integrate.quad(
            lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -10, 10, points=[mu_q]
        )
        arguments = (
            torch.tensor([[v]], dtype=torch.float64) for v in (mu_q, logvar_q, mu_p, logvar_p)
        )
        result = q1.kl_gaussian_gaussian_analytic(*arguments)
        assert result.item() == pytest.approx(expected, rel=1e-8)

    def test_is_zero_between_equals_and_positive_otherwise(self, q1) -> None:
        mu, logvar, mu_p, logvar_p = normal_draws(50, 3, count=4)
        assert (q1.kl_gaussian_gaussian_analytic(mu, logvar, mu, logvar) == 0).all()
        assert (q1.kl_gaussian_gaussian_analytic(mu, logvar, mu_p, logvar_p) > 0).all()

    def test_survives_equal_extreme_variances_in_float32(self, q1) -> None:
        mu, logvar = torch.zeros(1, 2), torch.tensor([[100.0, -100.0]])
        assert q1.kl_gaussian_gaussian_analytic(mu, logvar, mu, logvar).item() == 0


class TestKlMonteCarlo:
    @pytest.mark.parametrize("num_samples", [1, 5])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 6), (3, 1, 4, 4)])
    def test_shape(self, q1, shape, num_samples) -> None:
        arguments = normal_draws(*shape, count=4)
        assert q1.kl_gaussian_gaussian_mc(*arguments, num_samples).shape == (shape[0],)

    def test_one_sample_is_the_default(self, q1) -> None:
        arguments = normal_draws(3, 2, count=4)
        torch.manual_seed(0)
        default = q1.kl_gaussian_gaussian_mc(*arguments)
        torch.manual_seed(0)
        torch.testing.assert_close(default, q1.kl_gaussian_gaussian_mc(*arguments, num_samples=1))

    @pytest.mark.parametrize("num_samples", [1, 10])
    def test_mean_and_variance_are_those_of_theory(self, q1, num_samples) -> None:
        """n independent estimates: their mean within 5 standard errors, their variance within 5.

        With r = var_q / var_p and d = mu_q - mu_p, the log-ratio of one sample is, per dimension,
        (r - 1) e^2 / 2 + d sigma_q e / var_p + constant for e ~ N(0, 1): its variance is
        (r - 1)^2 / 2 + r d^2 / var_p.
        """
        n = 20_000
        mu_q, logvar_q, mu_p, logvar_p = normal_draws(1, 3, count=4, seed=3)
        arguments = [t.expand(n, 3) for t in (mu_q, logvar_q, mu_p, logvar_p)]
        torch.manual_seed(5)
        estimates = q1.kl_gaussian_gaussian_mc(*arguments, num_samples)

        r = (logvar_q - logvar_p).exp()
        d = mu_q - mu_p
        variance = ((r - 1) ** 2 / 2 + r * d**2 / logvar_p.exp()).sum() / num_samples
        mean = q1.kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p)
        z_of_mean = (estimates.mean() - mean) / (variance / n).sqrt()
        assert abs(z_of_mean.item()) < 5

        centred = estimates - estimates.mean()
        # The standard error of a sample variance: its fourth moment is taken from the sample.
        error_of_variance = ((centred**4).mean() - variance**2).sqrt() / math.sqrt(n)
        z_of_variance = (estimates.var() - variance) / error_of_variance
        assert abs(z_of_variance.item()) < 5

    def test_equals_give_exactly_zero(self, q1) -> None:
        mu, logvar = normal_draws(4, 3, count=2)
        result = q1.kl_gaussian_gaussian_mc(mu, logvar, mu, logvar, 7)
        torch.testing.assert_close(result, torch.zeros_like(result))

    def test_gradients_reach_q_without_bias(self, q1) -> None:
        n = 20_000
        parameters = [t.requires_grad_() for t in normal_draws(1, 2, count=4, seed=1)]
        expected = torch.autograd.grad(
            q1.kl_gaussian_gaussian_analytic(*parameters).sum(), parameters
        )
        torch.manual_seed(0)
        result = torch.autograd.grad(q1.kl_gaussian_gaussian_mc(*parameters, n).sum(), parameters)
        for mine, theirs in zip(result, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0.1, atol=0.1)


def test_inputs_are_left_as_they_are(q1) -> None:
    arguments = normal_draws(3, 2, 2, count=4)
    copies = [t.clone() for t in arguments]
    q1.log_likelihood_bernoulli(*[torch.sigmoid(t) for t in arguments[:2]])
    q1.log_likelihood_normal(*arguments[:3])
    q1.log_mean_exp(arguments[0])
    q1.kl_gaussian_gaussian_analytic(*arguments)
    q1.kl_gaussian_gaussian_mc(*arguments)
    for tensor, copy in zip(arguments, copies, strict=True):
        assert torch.equal(tensor, copy)


def test_float32_stays_float32(q1) -> None:
    arguments = [t.float() for t in normal_draws(3, 2, count=4)]
    results = [
        q1.log_likelihood_bernoulli(*[torch.sigmoid(t) for t in arguments[:2]]),
        q1.log_likelihood_normal(*arguments[:3]),
        q1.log_mean_exp(arguments[0]),
        q1.kl_gaussian_gaussian_analytic(*arguments),
        q1.kl_gaussian_gaussian_mc(*arguments),
    ]
    assert all(result.dtype == torch.float32 for result in results)
