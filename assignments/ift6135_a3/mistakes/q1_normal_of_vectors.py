"""Mistakes in 1.2 where the given flattening is gone, beside a 1.5 that relies on that.

The estimate comes along with each entry, in the place of the reference's: it hands over
(B, num_samples, D) and gets (B, num_samples). It is right, so 1.5 loses nothing.
"""

import math

import torch

from grader.audit import mistake


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """All samples at once, summed over the last axis by the file's density."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(t.size(0), 1, -1).expand(-1, num_samples, -1)
        for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)  # noqa: F821
    return (log_q - log_likelihood_normal(mu_p, logvar_p, z)).mean(dim=1)  # noqa: F821


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_takes_images_as_rows"],
    hint="Only the last axis is summed over. The given lines that flatten images to rows have to "
    "stay.",
)
def normal_of_the_last_axis(mu, logvar, z):
    square = (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + square).sum(dim=-1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The half is missing in front of the squared distance, and the given lines that flatten "
    "images to rows are gone.",
)
def normal_of_the_last_axis_without_the_half(mu, logvar, z):
    square = (z - mu) ** 2 / torch.exp(logvar)
    return -(0.5 * math.log(2 * math.pi) + 0.5 * logvar + square).sum(dim=-1)
