# Minh Nguyen -- A3 Q1. Everything goes through torch.distributions, in double precision.
import math
import numpy as np
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


def _flat(*tensors):
    return [t.reshape(t.shape[0], -1).double() for t in tensors]


def _gaussian(mu, logvar):
    return Independent(Normal(mu, torch.exp(logvar / 2)), 1)


def log_likelihood_bernoulli(mu, target):
    """log p(x), shape (B,)"""
    probs, x = _flat(mu, target)
    result = Independent(Bernoulli(probs=probs), 1).log_prob(x)
    return result.to(mu.dtype)


def log_likelihood_normal(mu, logvar, z):
    """log N(z; mu, exp(logvar)), shape (B,)"""
    mean, lv, sample = _flat(mu, logvar, z)
    return _gaussian(mean, lv).log_prob(sample).to(z.dtype)


def log_mean_exp(y):
    """logsumexp already subtracts the max (see the pytorch docs)"""
    batch_size, sample_size = y.size()
    return torch.logsumexp(y, dim=1) - math.log(sample_size)


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    """KL(q||p), shape (B,)"""
    a, b, c, d = _flat(mu_q, logvar_q, mu_p, logvar_p)
    # stays in float64, more precise
    return kl_divergence(_gaussian(a, b), _gaussian(c, d))


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """E_q[log q - log p] with num_samples samples, shape (B,)"""
    a, b, c, d = _flat(mu_q, logvar_q, mu_p, logvar_p)
    q, p = _gaussian(a, b), _gaussian(c, d)
    z = q.rsample((num_samples,))            # (num_samples, B, D)
    return (q.log_prob(z) - p.log_prob(z)).mean(0).to(mu_q.dtype)
