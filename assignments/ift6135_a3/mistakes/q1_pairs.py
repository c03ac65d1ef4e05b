"""Mistakes in question 1 that add (B,) to (B, 1): right values, on the diagonal of (B, B)."""

import math

import torch

from grader.audit import mistake


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_shape"],
    hint="The ones are added up to (B,) and the zeros to (B, 1): their sum is (B, B), every "
    "example with every other.",
)
def bernoulli_of_all_pairs_of_sums(mu, target):
    mu, target = rows(mu, target)
    ones, zeros = target * torch.log(mu), (1 - target) * torch.log(1 - mu)
    return ones.sum(dim=1) + zeros.sum(dim=1, keepdim=True)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_has_the_right_shape"],
    hint="The squared distances are added up to (B,) and the log-variances to (B, 1): their sum is "
    "(B, B), every example with every other.",
)
def normal_of_all_pairs_of_sums(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    distance = ((z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    constant = mu.size(1) * math.log(2 * math.pi)
    return -0.5 * (distance + logvar.sum(dim=1, keepdim=True) + constant)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_shape"],
    hint="The result is repeated for every sample, (B, K). It is one number per example, (B,).",
)
def log_mean_exp_repeated_for_every_sample(y):
    return torch.zeros_like(y) + torch.logsumexp(y, dim=1, keepdim=True) - math.log(y.size(1))


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_gives_one_number_per_example"],
    hint="Some terms are added up to (B,) and others to (B, 1): their sum is (B, B), every example "
    "with every other.",
)
def kl_of_all_pairs_of_sums(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = ((mu_q - mu_p) ** 2 / torch.exp(logvar_p)).sum(dim=1, keepdim=True)
    ratio = logvar_q - logvar_p
    return 0.5 * (distance + (torch.exp(ratio) - ratio - 1).sum(dim=1))


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_gives_one_number_per_example"],
    hint="The mean of log q(z) is (B,) and that of log p(z) is (B, 1): their difference is (B, B), "
    "every example with every other.",
)
def mc_of_all_pairs_of_means(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = (
        t.unsqueeze(1).expand(-1, num_samples, -1) for t in rows(mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / torch.exp(logvar_q)).sum(dim=2)
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / torch.exp(logvar_p)).sum(dim=2)
    return log_q.mean(dim=1) - log_p.mean(dim=1, keepdim=True)
