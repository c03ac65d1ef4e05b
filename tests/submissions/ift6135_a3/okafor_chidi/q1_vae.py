"""Chidi Okafor, VAE question. I wrote the sums out, it is easier to compare with my notes."""
import math
import numpy as np
import torch

LOG_2PI = math.log(2.0 * math.pi)


def log_likelihood_bernoulli(mu, target):
    """returns a vector with one log-likelihood for each image"""
    out = []
    for m, t in zip(mu, target):
        m = m.reshape(-1)
        t = t.reshape(-1)
        on = t > 0.5
        out.append(torch.log(m[on]).sum() + torch.log1p(-m[~on]).sum())
    return torch.stack(out)


def log_likelihood_normal(mu, logvar, z):
    out = []
    for i in range(z.shape[0]):
        diff = (z[i] - mu[i]).reshape(-1)
        precision = torch.exp(-logvar[i]).reshape(-1)
        mahalanobis = torch.einsum('d,d,d->', diff, precision, diff)
        logdet = logvar[i].sum()
        out.append(-0.5 * (diff.numel() * LOG_2PI + logdet + mahalanobis))
    return torch.stack(out)


def log_mean_exp(y):
    batch_size, sample_size = y.shape
    result = torch.zeros(batch_size, dtype=y.dtype, device=y.device)
    for i in range(batch_size):
        biggest = max(y[i])                   # the a_i of the statement
        total = 0.
        for k in range(sample_size):
            total = total + torch.exp(y[i, k] - biggest)
        result[i] = torch.log(total / sample_size) + biggest
    return result


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    kls = []
    for mq, lq, mp, lp in zip(mu_q, logvar_q, mu_p, logvar_p):
        sq, sp = torch.exp(0.5 * lq), torch.exp(0.5 * lp)
        kl = torch.log(sp / sq) + (sq ** 2 + (mq - mp) ** 2) / (2 * sp ** 2) - 0.5
        kls.append(kl.sum())
    return torch.stack(kls)


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    kls = []
    for mq, lq, mp, lp in zip(mu_q, logvar_q, mu_p, logvar_p):
        mq, lq, mp, lp = (t.reshape(1, -1) for t in (mq, lq, mp, lp))
        noise = torch.randn(num_samples, mq.shape[1]).to(mq)
        z = mq + torch.exp(lq / 2) * noise
        # (z - mu_q) / sigma_q is the noise itself
        log_ratio = 0.5 * (torch.einsum('sd->s', lp - lq - noise ** 2)
                           + torch.einsum('sd,sd->s', (z - mp) ** 2, torch.exp(-lp).expand_as(z)))
        kls.append(log_ratio.sum() / num_samples)
    return torch.stack(kls)
