"""
IFT6135 - Assignment 3, question 1
Audrey Tremblay
"""
import math
import numpy as np
import torch


def log_likelihood_bernoulli(mu, target):
    """
    Log-likelihood of binary data under a product of Bernoullis.

    :param mu: (batch_size, input_size) probability that each pixel is 1
    :param target: (batch_size, input_size) binary data
    :return: (batch_size,) log-likelihood of each example
    """
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    # log p(x) = sum_d x log(mu) + (1 - x) log(1 - mu)
    log_p = target * torch.log(mu) + (1 - target) * torch.log(1 - mu)
    return log_p.sum(dim=1)


def log_likelihood_normal(mu, logvar, z):
    """
    Log-density of z under N(mu, diag(exp(logvar))).

    :return: (batch_size,)
    """
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    # the variance is exp(logvar), so no square on it!
    log_p = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / logvar.exp())
    return log_p.sum(dim=1)


def log_mean_exp(y):
    """
    log(mean(exp(y))) over the samples, shifted by the max.

    :param y: (batch_size, sample_size)
    :return: (batch_size,)
    """
    batch_size = y.size(0)
    sample_size = y.size(1)

    a, _ = y.max(dim=1, keepdim=True)
    return torch.log(torch.exp(y - a).mean(dim=1)) + a.squeeze(1)


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    """
    Closed form of KL(q || p), both Gaussian with diagonal covariance.

    :return: (batch_size,)
    """
    batch_size = mu_q.size(0)
    mu_q = mu_q.view(batch_size, -1)
    logvar_q = logvar_q.view(batch_size, -1)
    mu_p = mu_p.view(batch_size, -1)
    logvar_p = logvar_p.view(batch_size, -1)

    var_ratio = torch.exp(logvar_q - logvar_p)
    mean_term = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + var_ratio + mean_term - 1).sum(dim=1)


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """
    Monte Carlo estimate of KL(q || p) with num_samples samples of q.

    :return: (batch_size,)
    """
    batch_size = mu_q.size(0)
    input_size = np.prod(mu_q.size()[1:])
    mu_q = mu_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_q = logvar_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    mu_p = mu_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_p = logvar_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)

    # reparametrization trick
    eps = torch.randn(batch_size, num_samples, input_size, device=mu_q.device, dtype=mu_q.dtype)
    z = mu_q + torch.exp(0.5 * logvar_q) * eps
    # the 2 pi cancels in log q - log p
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / logvar_q.exp())
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / logvar_p.exp())
    return (log_q - log_p).sum(dim=2).mean(dim=1)
