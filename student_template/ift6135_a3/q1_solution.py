"""Question 1: the five likelihood and divergence functions of a variational autoencoder.

All of them take float tensors whose first dimension is the batch; any further dimensions are
flattened by the first lines of each function, so that a batch of images (B, 1, 28, 28) is as
good as its rows (B, 784). All of them return one number per example, shape (B,), in nats.
The model that uses them is in `vae.py`.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (arXiv:1312.6114).
"""

import math

import numpy as np
import torch
from torch import Tensor


def log_likelihood_bernoulli(mu: Tensor, target: Tensor) -> Tensor:
    """Log-likelihood of binary data under a product of independent Bernoulli distributions.

    Args:
        mu: (B, D), the probabilities p(x = 1): values in [0, 1], not logits.
        target: (B, D), the binary data x: values 0 or 1.

    Returns:
        (B,), log p(x) of each example, summed over its D pixels, in nats.

    The value has to be right for every mu inside (0, 1). At exactly 0 or 1 it is left open;
    this file stays finite there, in value and in gradient.

    Example:
        >>> log_likelihood_bernoulli(torch.tensor([[0.5, 0.25]]), torch.ones(1, 2)).exp()
        tensor([0.1250])
    """
    batch_size = mu.size(0)
    mu = mu.reshape(batch_size, -1)  # (B, D)
    target = target.reshape(batch_size, -1)  # (B, D)

    raise NotImplementedError("q1_solution.log_likelihood_bernoulli is not written yet")


def log_likelihood_normal(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """Log-density of z under a normal distribution with diagonal covariance.

    Args:
        mu: (B, D), the means.
        logvar: (B, D), the logarithms of the variances, log sigma^2, one per dimension.
        z: (B, D), the points at which the density is asked for.

    Returns:
        (B,), log N(z; mu, diag(sigma^2)) of each example in nats, the normalising constant
        included.

    It is right for up to 784 dimensions with log-variances from -6 to 2, as models have them.

    Example:
        >>> zeros = torch.zeros(1, 2)
        >>> log_likelihood_normal(zeros, zeros, zeros)  # -log(2 pi)
        tensor([-1.8379])
    """
    batch_size = mu.size(0)
    mu = mu.reshape(batch_size, -1)  # (B, D)
    logvar = logvar.reshape(batch_size, -1)  # (B, D)
    z = z.reshape(batch_size, -1)  # (B, D)

    raise NotImplementedError("q1_solution.log_likelihood_normal is not written yet")


def log_mean_exp(y: Tensor) -> Tensor:
    """Logarithm of the mean of exp(y) over the samples, without overflow or underflow.

    Args:
        y: (B, K), K log-values for each of the B examples.

    Returns:
        (B,), log( 1/K sum_k exp(y_k - a) ) + a with a = max_k y_k, for each example.

    Values around +1000 or -1000, whose exponentials float32 cannot hold, give a finite and
    accurate result.

    Example:
        >>> log_mean_exp(torch.tensor([[1.0, 3.0]]).log())  # log 2
        tensor([0.6931])
    """
    batch_size = y.size(0)
    y = y.reshape(batch_size, -1)  # (B, K)

    raise NotImplementedError("q1_solution.log_mean_exp is not written yet")


def kl_gaussian_gaussian_analytic(
    mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor
) -> Tensor:
    """KL divergence between two normal distributions with diagonal covariance, in closed form.

    Args:
        mu_q, logvar_q: (B, D), means and log-variances of q.
        mu_p, logvar_p: (B, D), means and log-variances of p.

    Returns:
        (B,), KL(q || p) = E_q[log q(z) - log p(z)] of each example in nats, summed over D.

    It is right for up to 784 dimensions with log-variances from -6 to 2, as models have them.

    Example:
        >>> zeros = torch.zeros(1, 2)
        >>> kl_gaussian_gaussian_analytic(zeros, zeros, torch.tensor([[3.0, 4.0]]), zeros)
        tensor([12.5000])
    """
    batch_size = mu_q.size(0)
    mu_q = mu_q.reshape(batch_size, -1)  # (B, D)
    logvar_q = logvar_q.reshape(batch_size, -1)  # (B, D)
    mu_p = mu_p.reshape(batch_size, -1)  # (B, D)
    logvar_p = logvar_p.reshape(batch_size, -1)  # (B, D)

    raise NotImplementedError("q1_solution.kl_gaussian_gaussian_analytic is not written yet")


def kl_gaussian_gaussian_mc(
    mu_q: Tensor,
    logvar_q: Tensor,
    mu_p: Tensor,
    logvar_p: Tensor,
    num_samples: int = 1,
) -> Tensor:
    """Monte Carlo estimate of the KL divergence between two diagonal normal distributions.

    Args:
        mu_q, logvar_q: (B, D), means and log-variances of q.
        mu_p, logvar_p: (B, D), means and log-variances of p.
        num_samples: how many samples the estimate of each example is the mean of.

    Returns:
        (B,), for each example an unbiased estimate of KL(q || p) = E_q[log q(z) - log p(z)] in
        nats, summed over D. It is random: its variance falls as 1 / num_samples.

    How the samples are drawn is left open. Here they are reparameterised, so that gradients
    reach the parameters of q through them.

    Example:
        >>> zero, two = torch.zeros(1, 1), torch.full((1, 1), 2.0)
        >>> kl_gaussian_gaussian_mc(zero, zero, two, zero, num_samples=10_000).round()
        tensor([2.])
    """
    batch_size = mu_q.size(0)
    input_size = int(np.prod(mu_q.size()[1:]))
    # One view per sample, no copy: each of the four becomes (B, num_samples, D).
    mu_q = mu_q.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    logvar_q = logvar_q.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    mu_p = mu_p.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    logvar_p = logvar_p.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)

    raise NotImplementedError("q1_solution.kl_gaussian_gaussian_mc is not written yet")
