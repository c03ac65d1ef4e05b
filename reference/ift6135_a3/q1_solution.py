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
    """
    batch_size = mu.size(0)
    mu = mu.reshape(batch_size, -1)  # (B, D)
    target = target.reshape(batch_size, -1)  # (B, D)

    ### BEGIN SOLUTION
    # log p(x) = sum_d x_d log mu_d + (1 - x_d) log(1 - mu_d): Kingma and Welling, appendix C.1.
    # A sigmoid in float32 reaches 1 exactly from a logit of 17 on, and 0 * log(0) is nan. The
    # smallest normal number inside the logarithm changes no other value than that at the edge.
    tiny = torch.finfo(mu.dtype).tiny
    log_p_one = torch.log(mu.clamp(min=tiny))
    log_p_zero = torch.log((1 - mu).clamp(min=tiny))
    log_p = target * log_p_one + (1 - target) * log_p_zero  # (B, D)
    return log_p.sum(dim=1)  # (B,)
    ### END SOLUTION


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
    """
    batch_size = mu.size(0)
    mu = mu.reshape(batch_size, -1)  # (B, D)
    logvar = logvar.reshape(batch_size, -1)  # (B, D)
    z = z.reshape(batch_size, -1)  # (B, D)

    ### BEGIN SOLUTION
    # log N(z; mu, sigma^2) = -1/2 sum_d (log 2 pi + log sigma_d^2 + (z_d - mu_d)^2 / sigma_d^2):
    # Bishop, "Pattern Recognition and Machine Learning", equation 2.43, for a diagonal covariance.
    log_p = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / logvar.exp())  # (B, D)
    return log_p.sum(dim=1)  # (B,)
    ### END SOLUTION


def log_mean_exp(y: Tensor) -> Tensor:
    """Logarithm of the mean of exp(y) over the samples, without overflow or underflow.

    Args:
        y: (B, K), K log-values for each of the B examples.

    Returns:
        (B,), log( 1/K sum_k exp(y_k - a) ) + a with a = max_k y_k, for each example.

    Values around +1000 or -1000, whose exponentials float32 cannot hold, give a finite and
    accurate result.
    """
    batch_size = y.size(0)
    y = y.reshape(batch_size, -1)  # (B, K)

    ### BEGIN SOLUTION
    # The maximum keeps its dimension for the subtraction, or (B,) would broadcast along K.
    a = y.max(dim=1, keepdim=True).values  # (B, 1)
    return torch.log(torch.exp(y - a).mean(dim=1)) + a.squeeze(1)  # (B,)
    ### END SOLUTION


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
    """
    batch_size = mu_q.size(0)
    mu_q = mu_q.reshape(batch_size, -1)  # (B, D)
    logvar_q = logvar_q.reshape(batch_size, -1)  # (B, D)
    mu_p = mu_p.reshape(batch_size, -1)  # (B, D)
    logvar_p = logvar_p.reshape(batch_size, -1)  # (B, D)

    ### BEGIN SOLUTION
    # KL(q || p) = 1/2 sum_d (log s_p^2 - log s_q^2 + s_q^2 / s_p^2 + (m_q - m_p)^2 / s_p^2 - 1):
    # Kingma and Welling, appendix B, for any p.
    # The ratio of the variances is formed in the logarithm, where it cannot overflow on the way.
    var_ratio = torch.exp(logvar_q - logvar_p)
    distance = (mu_q - mu_p) ** 2 / logvar_p.exp()
    kl = 0.5 * (logvar_p - logvar_q + var_ratio + distance - 1)  # (B, D)
    return kl.sum(dim=1)  # (B,)
    ### END SOLUTION


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
    """
    batch_size = mu_q.size(0)
    input_size = int(np.prod(mu_q.size()[1:]))
    # One view per sample, no copy: each of the four becomes (B, num_samples, D).
    mu_q = mu_q.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    logvar_q = logvar_q.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    mu_p = mu_p.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)
    logvar_p = logvar_p.reshape(batch_size, -1).unsqueeze(1).expand(-1, num_samples, input_size)

    ### BEGIN SOLUTION
    # KL(q || p) ~ 1/K sum_k log q(z_k) - log p(z_k), with z_k = mu_q + sigma_q eps_k:
    # Kingma and Welling, section 2.4.
    noise = torch.randn_like(mu_q)  # (B, num_samples, D)
    z = mu_q + torch.exp(0.5 * logvar_q) * noise
    # The constant D/2 log(2 pi) is in both logarithms and drops out.
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / logvar_q.exp())
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / logvar_p.exp())
    log_ratio = (log_q - log_p).sum(dim=2)  # (B, num_samples)
    return log_ratio.mean(dim=1)  # (B,)
    ### END SOLUTION
