"""Question 1: a few values that can be checked by hand, and the shapes."""

import pytest
import torch


@pytest.mark.question("q1.1")
def test_bernoulli_gives_one_number_per_image(submission, expect, draw):
    """Images (B, 1, 28, 28) give (B,)."""
    mu = draw.uniform(3, 1, 28, 28, low=0.1, high=0.9)
    result = submission.q1_solution.log_likelihood_bernoulli(mu, draw.bernoulli(3, 1, 28, 28))
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
