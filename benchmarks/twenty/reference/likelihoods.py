"""Log-densities and bounds, in nats."""

import math

import torch
from torch import Tensor


def log_normal(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Log-density of a diagonal normal distribution: three times (B, D) to (B,)."""
    squares = (x - mean) ** 2 / torch.exp(logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + squares).sum(1)


def log_bernoulli(x: Tensor, logits: Tensor) -> Tensor:
    """Log-probability of zeros and ones under independent Bernoulli variables: (B, D) to (B,)."""
    return (x * logits - torch.nn.functional.softplus(logits)).sum(1)


def log_mean_exp(y: Tensor) -> Tensor:
    """log of the mean of exp(y) over the last axis: (B, K) to (B,)."""
    top = y.max(dim=1, keepdim=True).values
    return (y - top).exp().mean(1).log() + top.squeeze(1)


def kl_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)), summed over D: (B, D) to (B,)."""
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)
