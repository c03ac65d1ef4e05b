"""Mistakes in 1.5 that hand a right density what it cannot take: 1.2 loses nothing.

The density comes along with each entry, in the place of the reference's. It begins with the
assignment's own lines, which call `view`.
"""

import math

import torch

from grader.audit import mistake


def log_likelihood_normal(mu, logvar, z):
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)
    terms = math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * terms.sum(dim=1)


def expanded(num_samples, *tensors):
    """Each of them as (B, num_samples, D), as in the lines that are given."""
    return [t.reshape(t.size(0), 1, -1).expand(-1, num_samples, -1) for t in tensors]


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The expanded tensors go into a function that calls view, and view refuses them for more "
    "than one sample. Use reshape in that function, or make the tensors contiguous.",
)
def mc_hands_expanded_tensors_to_view(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q, log_p = (log_likelihood_normal(*of, z) for of in ((mu_q, logvar_q), (mu_p, logvar_p)))
    return (log_q - log_p) / num_samples


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_more_samples_make_the_estimate_calmer"],
    hint="The density flattens all axes but the first, so it adds up the samples too: what comes "
    "back is one number per example, and there is no axis of samples left for the mean.",
)
def mc_expects_one_density_per_sample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = (
        t.contiguous() for t in expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)
    return (log_q - log_likelihood_normal(mu_p, logvar_p, z)).mean(dim=1)
