"""The twenty tests of `hidden/` as a plain pytest file: it imports the student's modules.

`expected` is the folder of the reference. Nothing here is walled off, and nothing is hidden.
"""

import likelihoods  # type: ignore[import-not-found]
import measures  # type: ignore[import-not-found]
import pytest
import torch
from expected import likelihoods as right_likelihoods  # type: ignore[import-not-found]
from expected import measures as right_measures

SIZES = [(1, 3), (4, 5), (32, 2)]


@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_normal_has_the_right_value(rows, columns):
    inputs = [torch.randn(rows, columns) for _ in range(3)]
    assert torch.allclose(likelihoods.log_normal(*inputs), right_likelihoods.log_normal(*inputs))


@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_bernoulli_has_the_right_value(rows, columns):
    inputs = [torch.rand(rows, columns).round(), torch.randn(rows, columns)]
    expected = right_likelihoods.log_bernoulli(*inputs)
    assert torch.allclose(likelihoods.log_bernoulli(*inputs), expected)


@pytest.mark.parametrize("rows, columns", SIZES)
def test_log_mean_exp_has_the_right_value(rows, columns):
    y = 3 * torch.randn(rows, columns)
    expected = right_likelihoods.log_mean_exp(y)
    assert torch.allclose(likelihoods.log_mean_exp(y), expected, atol=1e-6)


@pytest.mark.parametrize("rows, columns", SIZES)
def test_kl_normal_has_the_right_value(rows, columns):
    inputs = [torch.randn(rows, columns), torch.randn(rows, columns)]
    assert torch.allclose(likelihoods.kl_normal(*inputs), right_likelihoods.kl_normal(*inputs))


@pytest.mark.parametrize("classes", [2, 10])
def test_entropy_has_the_right_value(classes):
    logits = torch.randn(6, classes)
    assert torch.allclose(measures.entropy(logits), right_measures.entropy(logits))


@pytest.mark.parametrize("classes", [2, 10])
def test_perplexity_has_the_right_value(classes):
    logits = torch.randn(6, classes)
    targets = torch.randint(classes, (6,))
    expected = right_measures.perplexity(logits, targets)
    assert torch.allclose(measures.perplexity(logits, targets), expected)


@pytest.mark.parametrize("rows, columns", [(3, 4), (7, 2)])
def test_squared_distances_have_the_right_values(rows, columns):
    x, y = torch.randn(rows, columns), torch.randn(rows + 1, columns)
    expected = right_measures.squared_distances(x, y)
    assert torch.allclose(measures.squared_distances(x, y), expected)


@pytest.mark.parametrize("alpha", [0.5, 0.998])
def test_moving_average_has_the_right_value(alpha):
    old, new = torch.randn(5), torch.randn(5)
    expected = right_measures.moving_average(old, new, alpha)
    assert torch.allclose(measures.moving_average(old, new, alpha), expected)
