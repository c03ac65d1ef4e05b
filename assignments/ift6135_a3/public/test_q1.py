"""Question 1: a few values that can be checked by hand, and the shapes."""

import math

import pytest
import torch


@pytest.mark.question("q1.1")
def test_bernoulli_of_an_even_coin(submission, expect):
    """With mu = 1/2 everywhere, each pixel adds log(1/2), whatever it is."""
    target = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    result = submission.q1_solution.log_likelihood_bernoulli(torch.full((2, 3), 0.5), target)
    expect.close(result, torch.full((2,), 3 * math.log(0.5)), slack=1e-4)


@pytest.mark.question("q1.1")
def test_bernoulli_gives_one_number_per_image(submission, expect, draw):
    """Images (B, 1, 28, 28) give (B,)."""
    mu = draw.uniform(5, 1, 28, 28, low=0.1, high=0.9)
    result = submission.q1_solution.log_likelihood_bernoulli(mu, draw.bernoulli(5, 1, 28, 28))
    expect.shape(result, (5,))


@pytest.mark.question("q1.2")
def test_normal_at_its_mean(submission, expect, draw):
    """At the mean of a unit normal in D dimensions the log-density is -D/2 log(2 pi)."""
    mu = draw.normal(3, 4)
    result = submission.q1_solution.log_likelihood_normal(mu, torch.zeros(3, 4), mu)
    expect.close(result, torch.full((3,), -2 * math.log(2 * math.pi)), slack=1e-4)
    expect.shape(result, (3,))


@pytest.mark.question("q1.3")
def test_log_mean_exp_of_equal_values(submission, expect):
    """The mean of equal values is that value, however large it is."""
    for level in (0.0, 1000.0, -1000.0):
        result = submission.q1_solution.log_mean_exp(torch.full((3, 5), level))
        expect.close(result, torch.full((3,), level))
        expect.shape(result, (3,))


@pytest.mark.question("q1.4")
def test_kl_of_a_distribution_from_itself(submission, expect, draw):
    """It is zero."""
    mu, logvar = draw.normal(3, 4), draw.uniform(3, 4, low=-1, high=1)
    result = submission.q1_solution.kl_gaussian_gaussian_analytic(mu, logvar, mu, logvar)
    expect.close(result, torch.zeros(3), slack=1e-4)
    expect.shape(result, (3,))


@pytest.mark.question("q1.4")
def test_kl_of_two_unit_normals(submission, expect, draw):
    """It is half the squared distance of the means."""
    mu_q, mu_p, zeros = draw.normal(3, 4), draw.normal(3, 4), torch.zeros(3, 4)
    result = submission.q1_solution.kl_gaussian_gaussian_analytic(mu_q, zeros, mu_p, zeros)
    expect.close(result, ((mu_q - mu_p) ** 2).sum(1) / 2, slack=1e-4)


@pytest.mark.question("q1.5")
def test_estimate_is_near_the_divergence_of_two_unit_normals(submission, expect, draw):
    """10,000 samples leave a standard deviation of one hundredth of the distance of the means;
    ten of them are let through."""
    mu_q, mu_p, zeros = draw.normal(3, 4), draw.normal(3, 4), torch.zeros(3, 4)
    result = submission.q1_solution.kl_gaussian_gaussian_mc(mu_q, zeros, mu_p, zeros, 10_000)
    square = ((mu_q - mu_p) ** 2).sum(1)
    expect.close(result, square / 2, slack=0.1 * float(square.max().sqrt()))
    expect.shape(result, (3,))
