# Wei Zhang
import math
import numpy as np
import torch


def log_likelihood_bernoulli(mu, target):
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    target = target.view(batch_size, -1)

    ll = target * torch.log(mu) + (1 - target) * torch.log(1 - mu)
    return ll.mean(dim=1)


def log_likelihood_normal(mu, logvar, z):
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)

    dist = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    return dist.log_prob(z).sum(1)


def log_mean_exp(y):
    batch_size = y.size(0)
    sample_size = y.size(1)

    a = y.max(dim=1, keepdim=True)[0]
    return torch.log(torch.mean(torch.exp(y - a), dim=1)) + a.squeeze(1)


def kl_gaussian_gaussian_analytic(mu_q, logvar_q, mu_p, logvar_p):
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
