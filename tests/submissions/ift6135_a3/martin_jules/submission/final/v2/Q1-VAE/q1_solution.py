import math
import numpy as np
import torch


def log_likelihood_bernoulli(mu, target):
    """log-vraisemblance de Bernoulli, (B,)"""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    log_p = target * torch.log(mu + 1e-9) + (1. - target) * torch.log(1. - mu + 1e-9)
    return torch.sum(log_p, 1)


def log_likelihood_normal(mu, logvar, z):
    """log-vraisemblance normale, (B,)"""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    var = torch.exp(logvar)
    log_p = -0.5 * torch.log(2 * np.pi * var) - (z - mu) ** 2 / (2 * var)
    return log_p.sum(-1)


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

    sq = torch.exp(logvar_q / 2)
    sp = torch.exp(logvar_p / 2)
    kl = torch.log(sp / sq) + (sq ** 2 + (mu_q - mu_p) ** 2) / (2 * sp ** 2) - 1 / 2
    return kl.sum(-1)


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """KL(q||p) par Monte-Carlo, (B,)"""
    batch_size = mu_q.size(0)
    input_size = np.prod(mu_q.size()[1:])
    mu_q = mu_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_q = logvar_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    mu_p = mu_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_p = logvar_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)

    z = torch.normal(mu_q, torch.exp(0.5 * logvar_q))
    flat = lambda t: t.reshape(batch_size * num_samples, input_size)
    log_q = log_likelihood_normal(flat(mu_q), flat(logvar_q), flat(z))
    log_p = log_likelihood_normal(flat(mu_p), flat(logvar_p), flat(z))
    return (log_q - log_p).view(batch_size, num_samples).mean(1)
