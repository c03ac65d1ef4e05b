"""Mistakes in 1.2 beside a 1.5 that is right and built on it: 1.5 loses nothing.

The estimate comes along with each entry, in the place of the reference's.
"""

import math

import torch

from grader.audit import mistake


def kl_gaussian_gaussian_mc(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Each sample is a row of its own for the file's density."""
    batch = mu_q.size(0)
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(batch, -1).repeat_interleave(num_samples, dim=0)
        for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)  # noqa: F821
    log_p = log_likelihood_normal(mu_p, logvar_p, z)  # noqa: F821
    return (log_q - log_p).reshape(batch, num_samples).mean(dim=1)


def terms(mu, logvar, z):
    """One per dimension, (B, D)."""
    mu, logvar, z = (t.reshape(t.size(0), -1) for t in (mu, logvar, z))
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar))


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The density is turned upside down: the squared distance makes a point more likely here.",
)
def normal_negated_below_the_estimate(mu, logvar, z):
    return -terms(mu, logvar, z).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The squared distance is divided by the standard deviation, exp(logvar / 2). The density "
    "has the variance there, exp(logvar).",
)
def normal_with_deviations_below_the_estimate(mu, logvar, z):
    return terms(mu, logvar / 2, z).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_has_the_right_shape"],
    hint="One number for the whole batch: a sum without an axis adds up the examples as well.",
)
def normal_of_the_whole_batch_below_the_estimate(mu, logvar, z):
    return terms(mu, logvar, z).sum()


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_has_the_right_shape"],
    hint="The log-densities are not added up over the dimensions: one number per dimension is "
    "left, (B, D).",
)
def normal_of_each_dimension_below_the_estimate(mu, logvar, z):
    return terms(mu, logvar, z)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The logarithm of a difference of logarithms: for negative numbers it is NaN. logvar is a "
    "logarithm already.",
)
def normal_full_of_nan_below_the_estimate(mu, logvar, z):
    return (terms(mu, logvar, z) - torch.log(-1 - logvar**2)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="There is no `return`, so the result is None.",
)
def normal_without_return_below_the_estimate(mu, logvar, z):
    terms(mu, logvar, z).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The product of matrices has the wrong shapes: (B, D) times (B, D). The squares belong "
    "to one example each, so they are multiplied number by number.",
)
def normal_that_raises_below_the_estimate(mu, logvar, z):
    return -0.5 * ((z - mu) @ torch.exp(-logvar) @ (z - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="This is not written yet.",
)
def normal_unwritten_below_the_estimate(mu, logvar, z):
    raise NotImplementedError("to be written")


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_leaves_its_arguments_alone"],
    hint="The mean is subtracted from z in place: the caller's samples are changed.",
)
def normal_that_moves_its_points_below_the_estimate(mu, logvar, z):
    z -= mu
    return terms(torch.zeros_like(mu), logvar, z).sum(dim=1)
