# Eve Bouchard, IFT6135 devoir 3
import math
import numpy as np
import torch
import torch.nn.functional as F


def log_likelihood_bernoulli(mu, target):
    """log-vraisemblance de Bernoulli, (B,)"""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    return -F.binary_cross_entropy(mu, target, reduction='none').sum(-1)


def log_likelihood_normal(mu, logvar, z):
    """log-vraisemblance normale, (B,)"""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    std = torch.exp(logvar)
    log_p = -torch.log(std) - 0.5 * np.log(2 * np.pi) - 0.5 * ((z - mu) / std) ** 2
    return log_p.sum(dim=1)


def log_mean_exp(y):
    """log de la moyenne des exp, (B,)"""
    batch_size = y.size(0)
    sample_size = y.size(1)

    a, _ = torch.max(y, 1)
    s = torch.exp(y - a.unsqueeze(1)).sum(1)
    return torch.log(s / sample_size) + a.view(-1)


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    """KL(q||p) exacte, (B,)"""
    batch_size = mu_q.size(0)
    mu_q = mu_q.view(batch_size, -1)
    logvar_q = logvar_q.view(batch_size, -1)
    mu_p = mu_p.view(batch_size, -1)
    logvar_p = logvar_p.view(batch_size, -1)

    kl = 0.5 * (logvar_q - logvar_p + (logvar_p.exp() + (mu_p - mu_q) ** 2) / logvar_q.exp() - 1)
    return kl.sum(dim=1)


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """KL(q||p) par Monte-Carlo, (B,)"""
    batch_size = mu_q.size(0)
    input_size = np.prod(mu_q.size()[1:])
    mu_q = mu_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_q = logvar_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    mu_p = mu_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_p = logvar_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)

    z = mu_q + torch.exp(0.5 * logvar_q) * torch.randn(batch_size, num_samples, input_size)
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / torch.exp(logvar_q))
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / torch.exp(logvar_p))
    # E[log p - log q]
    return (log_p - log_q).sum(2).mean(1)
