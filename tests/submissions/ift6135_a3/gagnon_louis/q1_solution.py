import math
import numpy as np
import torch


def log_likelihood_bernoulli(mu, target):
    """log p(x) of binary data under Bernoulli means mu, (B, D) -> (B,)."""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    raise NotImplementedError('log_likelihood_bernoulli')


def log_likelihood_normal(mu, logvar, z):
    """log N(z; mu, diag(exp(logvar))), (B, D) -> (B,)."""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    raise NotImplementedError('log_likelihood_normal')


def log_mean_exp(y):
    """log of the mean of exp(y) over the samples, (B, K) -> (B,)."""
    batch_size = y.size(0)
    sample_size = y.size(1)

    raise NotImplementedError('log_mean_exp')


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    """Closed-form KL(q || p) of diagonal Gaussians, (B,)."""
    batch_size = mu_q.size(0)
    mu_q = mu_q.view(batch_size, -1)
    logvar_q = logvar_q.view(batch_size, -1)
    mu_p = mu_p.view(batch_size, -1)
    logvar_p = logvar_p.view(batch_size, -1)

    raise NotImplementedError('kl_gaussian_gaussian_analytic')


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Monte Carlo KL(q || p), (B,)."""
    batch_size = mu_q.size(0)
    input_size = np.prod(mu_q.size()[1:])
    mu_q = mu_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_q = logvar_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    mu_p = mu_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_p = logvar_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)

    raise NotImplementedError('kl_gaussian_gaussian_mc')
