import math
import numpy as np
import torch


def log_likelihood_bernoulli(mu, target):
    """log p(x) of binary data under Bernoulli means mu, (B, D) -> (B,)."""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    mu = mu.clamp(1e-7, 1 - 1e-7)
    ll = target * mu.log() + (1 - target) * (1 - mu).log()
    return ll.sum(1)


def log_likelihood_normal(mu, logvar, z):
    """log N(z; mu, diag(exp(logvar))), (B, D) -> (B,)."""
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    ll = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar))
    return ll.sum(dim=1)


def log_mean_exp(y):
    """log of the mean of exp(y) over the samples, (B, K) -> (B,)."""
    batch_size = y.size(0)
    sample_size = y.size(1)

    return torch.logsumexp(y, dim=1) - np.log(sample_size)


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
    """Closed-form KL(q || p) of diagonal Gaussians, (B,)."""
    batch_size = mu_q.size(0)
    mu_q = mu_q.view(batch_size, -1)
    logvar_q = logvar_q.view(batch_size, -1)
    mu_p = mu_p.view(batch_size, -1)
    logvar_p = logvar_p.view(batch_size, -1)

    D = mu_q.size(1)
    trace = torch.exp(logvar_q - logvar_p).sum(1)
    quad = ((mu_p - mu_q) ** 2 / torch.exp(logvar_p)).sum(1)
    logdet = logvar_p.sum(1) - logvar_q.sum(1)
    return 0.5 * (trace + quad - D + logdet)


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Monte Carlo KL(q || p), (B,)."""
    batch_size = mu_q.size(0)
    input_size = np.prod(mu_q.size()[1:])
    mu_q = mu_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_q = logvar_q.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    mu_p = mu_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)
    logvar_p = logvar_p.view(batch_size, -1).unsqueeze(1).expand(batch_size, num_samples, input_size)

    std = (logvar_q / 2).exp()
    z = mu_q + std * torch.randn_like(mu_q)
    ratio = 0.5 * (logvar_p - logvar_q) + (z - mu_p).pow(2) / (2 * logvar_p.exp()) - (z - mu_q).pow(2) / (2 * logvar_q.exp())
    return ratio.sum(dim=2).mean(dim=1)
