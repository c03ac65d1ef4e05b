"""Twenty value tests, each on fresh inputs."""

import pytest
import torch

SIZES = [(1, 3), (4, 5), (32, 2)]


@pytest.mark.question("q1.1")
@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_normal_has_the_right_value(submission, reference, draw, expect, rows, columns):
    """The constant, the log-determinant and the quadratic form are all there."""
    inputs = [draw.normal(rows, columns) for _ in range(3)]
    expect.close(
        submission.likelihoods.log_normal(*inputs),
        reference.likelihoods.log_normal(*inputs),
        terms=columns,
    )


@pytest.mark.question("q1.1")
@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_bernoulli_has_the_right_value(submission, reference, draw, expect, rows, columns):
    """Ones take log p, zeros take log (1 - p)."""
    inputs = [draw.bernoulli(rows, columns), draw.normal(rows, columns)]
    expect.close(
        submission.likelihoods.log_bernoulli(*inputs),
        reference.likelihoods.log_bernoulli(*inputs),
        terms=columns,
    )


@pytest.mark.question("q1.2")
@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_mean_exp_has_the_right_value(submission, reference, draw, expect, rows, columns):
    """The mean is taken before the logarithm."""
    y = draw.normal(rows, columns, std=3.0)
    expect.close(
        submission.likelihoods.log_mean_exp(y),
        reference.likelihoods.log_mean_exp(y),
        terms=columns,
    )


@pytest.mark.question("q1.2")
@pytest.mark.parametrize("rows, columns", SIZES)
def test_kl_normal_has_the_right_value(submission, reference, draw, expect, rows, columns):
    """The divergence is summed over the axes of the latent space."""
    inputs = [draw.normal(rows, columns), draw.normal(rows, columns)]
    expect.close(
        submission.likelihoods.kl_normal(*inputs),
        reference.likelihoods.kl_normal(*inputs),
        terms=columns,
    )


@pytest.mark.question("q2.1")
@pytest.mark.parametrize("classes", [2, 10])
def test_entropy_has_the_right_value(submission, reference, draw, expect, classes):
    """Entropy is the expected surprise, in nats."""
    logits = draw.normal(6, classes)
    expect.close(
        submission.measures.entropy(logits), reference.measures.entropy(logits), terms=classes
    )


@pytest.mark.question("q2.1")
@pytest.mark.parametrize("classes", [2, 10])
def test_perplexity_has_the_right_value(submission, reference, draw, expect, classes):
    """Perplexity is the exponential of the mean, not the mean of exponentials."""
    logits = draw.normal(6, classes)
    targets = draw.uniform(6, high=classes).to(torch.int64)
    expect.close(
        submission.measures.perplexity(logits, targets),
        reference.measures.perplexity(logits, targets),
        terms=6 * classes,
    )


@pytest.mark.question("q2.2")
@pytest.mark.parametrize("rows, columns", [(3, 4), (7, 2)])
def test_squared_distances_have_the_right_values(
    submission, reference, draw, expect, rows, columns
):
    """Every row of x meets every row of y."""
    x, y = draw.normal(rows, columns), draw.normal(rows + 1, columns)
    expect.close(
        submission.measures.squared_distances(x, y),
        reference.measures.squared_distances(x, y),
        terms=columns,
    )


@pytest.mark.question("q2.2")
@pytest.mark.parametrize("alpha", [0.5, 0.998])
def test_moving_average_has_the_right_value(submission, reference, draw, expect, alpha):
    """Alpha belongs to the old value."""
    old, new = draw.normal(5), draw.normal(5)
    expect.close(
        submission.measures.moving_average(old, new, alpha),
        reference.measures.moving_average(old, new, alpha),
        terms=2,
    )
