"""Right implementations of 1.4 and 1.5: the KL divergence, exact and estimated."""

import math

import numpy as np
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from grader.catalogue import Variants


def rows(*tensors):
    return [t.view(t.size(0), -1) for t in tensors]


def expanded(num_samples, *tensors):
    """Each of them as (B, num_samples, D), as in the lines that are given."""
    return [t.view(t.size(0), 1, -1).expand(-1, num_samples, -1) for t in tensors]


kl_gaussian_gaussian_analytic = Variants("q1_solution.kl_gaussian_gaussian_analytic")


@kl_gaussian_gaussian_analytic
def kl_by_torch_distributions(mu_q, logvar_q, mu_p, logvar_p):
    """torch's own divergence, summed over D."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q, p = Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())
    return kl_divergence(q, p).sum(dim=1)


@kl_gaussian_gaussian_analytic
def kl_of_multivariate_normals(mu_q, logvar_q, mu_p, logvar_p):
    """The divergence of two multivariate normals with diagonal covariance matrices."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q = MultivariateNormal(mu_q, scale_tril=torch.diag_embed(torch.exp(logvar_q / 2)))
    p = MultivariateNormal(mu_p, scale_tril=torch.diag_embed(torch.exp(logvar_p / 2)))
    return kl_divergence(q, p)


@kl_gaussian_gaussian_analytic
def kl_with_standard_deviations(mu_q, logvar_q, mu_p, logvar_p):
    """The formula with standard deviations: log(s_p / s_q) + (s_q^2 + d^2) / (2 s_p^2) - 1/2."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    s_q, s_p = torch.exp(0.5 * logvar_q), torch.exp(0.5 * logvar_p)
    kl = torch.log(s_p / s_q) + (s_q**2 + (mu_q - mu_p) ** 2) / (2 * s_p**2) - 0.5
    return torch.sum(kl, dim=-1)


@kl_gaussian_gaussian_analytic
def kl_in_vector_form(mu_q, logvar_q, mu_p, logvar_p):
    """The vector form: log-determinants, trace, Mahalanobis distance and D."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    precision = torch.exp(-logvar_p)
    logdets = logvar_p.sum(dim=1) - logvar_q.sum(dim=1)
    trace = torch.einsum("bd,bd->b", precision, logvar_q.exp())
    distance = torch.einsum("bd,bd,bd->b", mu_p - mu_q, precision, mu_p - mu_q)
    return (logdets - mu_q.size(1) + trace + distance) / 2


@kl_gaussian_gaussian_analytic
def kl_in_the_form_of_the_papers(mu_q, logvar_q, mu_p, logvar_p):
    """The form of the VAE papers, -1/2 sum(1 + ...), with numpy's float64 as D."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    square = ((mu_q - mu_p).pow(2) + logvar_q.exp()) / (logvar_p.exp() + 1e-8)
    return -0.5 * (np.float64(mu_q.size(1)) + (logvar_q - logvar_p - square).sum(dim=1))


@kl_gaussian_gaussian_analytic
def kl_in_a_loop_in_double(mu_q, logvar_q, mu_p, logvar_p):
    """One example after the other in float64, not cast back."""
    found = []
    for i in range(mu_q.size(0)):
        m_q, l_q, m_p, l_p = (t[i].double().flatten() for t in (mu_q, logvar_q, mu_p, logvar_p))
        ratio = torch.exp(l_q) / torch.exp(l_p)
        distance = torch.dot((m_q - m_p) / torch.exp(l_p), m_q - m_p)
        found.append(0.5 * (torch.sum(ratio - torch.log(ratio) - 1) + distance))
    return torch.stack(found)


@kl_gaussian_gaussian_analytic
def kl_as_cross_entropy_less_entropy(mu_q, logvar_q, mu_p, logvar_p):
    """Cross-entropy less entropy: the constants log(2 pi) of the two cancel."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    log_2_pi = math.log(2 * math.pi)
    square = (logvar_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp()
    cross_entropy = 0.5 * (log_2_pi + logvar_p + square).sum(dim=1)
    return cross_entropy - 0.5 * (log_2_pi + 1 + logvar_q).sum(dim=1)


kl_gaussian_gaussian_mc = Variants("q1_solution.kl_gaussian_gaussian_mc")


@kl_gaussian_gaussian_mc
def mc_by_rsample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """rsample and log_prob of torch's normal: reparameterised."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    q, p = Normal(mu_q, torch.exp(logvar_q / 2)), Normal(mu_p, torch.exp(logvar_p / 2))
    z = q.rsample()
    return (q.log_prob(z) - p.log_prob(z)).sum(dim=2).mean(dim=1)


@kl_gaussian_gaussian_mc
def mc_by_sample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """sample() does not carry a gradient; the contract does not ask for one."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q = Independent(Normal(mu_q, torch.exp(logvar_q / 2)), 1)
    p = Independent(Normal(mu_p, torch.exp(logvar_p / 2)), 1)
    z = q.sample((num_samples,))  # the samples first
    return (q.log_prob(z) - p.log_prob(z)).mean(dim=0)


@kl_gaussian_gaussian_mc
def mc_by_torch_normal(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """torch.normal draws with a mean and a deviation, not reparameterised."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = torch.normal(mu_q, torch.exp(0.5 * logvar_q))
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / logvar_q.exp())
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / logvar_p.exp())
    return torch.mean(torch.sum(log_q - log_p, -1), -1)


@kl_gaussian_gaussian_mc
def mc_by_the_density_of_the_file(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """log_likelihood_normal of the file, on one row per sample."""
    batch = mu_q.size(0)
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(batch * num_samples, -1)
        for t in expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn(*mu_q.shape)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)
    log_p = log_likelihood_normal(mu_p, logvar_p, z)
    return (log_q - log_p).view(batch, num_samples).mean(dim=1)


@kl_gaussian_gaussian_mc
def mc_sample_by_sample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """One sample after the other, all added up and divided at the end."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    total = torch.zeros(mu_q.size(0))
    for _ in range(num_samples):
        noise = torch.randn_like(mu_q)
        z = mu_q + noise * (0.5 * logvar_q).exp()
        log_q = log_likelihood_normal(mu_q, logvar_q, z)
        total = total + log_q - log_likelihood_normal(mu_p, logvar_p, z)
    return total / num_samples


@kl_gaussian_gaussian_mc
def mc_with_the_noise_in_the_density(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """log q(z) is written with the noise itself: z - mu_q is sigma_q times it."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    noise = torch.empty_like(mu_q, memory_format=torch.contiguous_format).normal_()
    z = mu_q + torch.sqrt(torch.exp(logvar_q)) * noise
    log_ratio = logvar_p - logvar_q - noise**2 + (z - mu_p) ** 2 * torch.exp(-logvar_p)
    return 0.5 * torch.einsum("bkd->b", log_ratio) / num_samples


@kl_gaussian_gaussian_mc
def mc_by_multivariate_normals(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Sampled and evaluated by a multivariate normal with diagonal covariance."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q = MultivariateNormal(mu_q, torch.diag_embed(logvar_q.exp()))
    p = MultivariateNormal(mu_p, torch.diag_embed(logvar_p.exp()))
    z = q.rsample(torch.Size([num_samples]))
    return (q.log_prob(z) - p.log_prob(z)).mean(0)


@kl_gaussian_gaussian_mc
def mc_with_numpys_noise(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """numpy's noise makes everything float64; the dtype is not part of the contract."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.from_numpy(np.random.randn(*mu_q.shape))
    log_q = -0.5 * (np.log(2 * np.pi) + logvar_q + (z - mu_q) ** 2 / torch.exp(logvar_q))
    log_p = -0.5 * (np.log(2 * np.pi) + logvar_p + (z - mu_p) ** 2 / torch.exp(logvar_p))
    return (log_q - log_p).sum(dim=2).mean(dim=1)


@kl_gaussian_gaussian_mc
def mc_wholly_in_numpy(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """The samples and the ratios without a graph, in numpy, and a tensor at the end; the contract
    asks for no gradient."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.detach().numpy() for t in expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    )
    z = np.random.normal(mu_q, np.exp(logvar_q / 2))
    log_q = -((z - mu_q) ** 2) / (2 * np.exp(logvar_q)) - logvar_q / 2
    log_p = -((z - mu_p) ** 2) / (2 * np.exp(logvar_p)) - logvar_p / 2
    return torch.from_numpy((log_q - log_p).sum(axis=2).mean(axis=1)).float()


@kl_gaussian_gaussian_mc
def mc_example_by_example(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """One example after the other, each with its own multivariate normals."""
    found = []
    for m_q, v_q, m_p, v_p in zip(*rows(mu_q, logvar_q, mu_p, logvar_p), strict=True):
        q = MultivariateNormal(m_q, torch.diag(v_q.exp()))
        p = MultivariateNormal(m_p, torch.diag(v_p.exp()))
        z = q.sample((num_samples,))
        found.append((q.log_prob(z) - p.log_prob(z)).mean())
    return torch.stack(found)
