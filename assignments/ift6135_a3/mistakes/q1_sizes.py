"""Mistakes in question 1 that show at some sizes only: images, one dimension, many dimensions."""

import math

import torch

from grader.audit import mistake


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


# --- images -----------------------------------------------------------------------------------


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_takes_images_as_rows"],
    hint="D is read off axis 1 before images are flattened, so an image counts as one dimension in "
    "the constant.",
)
def normal_takes_the_size_before_it_flattens(mu, logvar, z):
    size = mu.size(1)
    mu, logvar, z = rows(mu, logvar, z)
    terms = (logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return -0.5 * (size * math.log(2 * math.pi) + terms)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_takes_images_as_well_as_rows"],
    hint="D is read off axis 1 before images are flattened, so an image counts as one dimension in "
    "the constant, and its divergence from itself is not zero.",
)
def kl_takes_the_size_before_it_flattens(mu_q, logvar_q, mu_p, logvar_p):
    size = mu_q.size(1)
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = logvar_q - logvar_p
    terms = torch.exp(ratio) - ratio + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (terms.sum(dim=1) - size)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_is_zero_only_for_equal_distributions"],
    hint="The constant is made of the size of the batch. It is -1/2 for each dimension.",
)
def kl_with_a_constant_of_the_batch(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = logvar_q - logvar_p
    terms = torch.exp(ratio) - ratio + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (terms.sum(dim=1) - mu_q.size(0))


# --- one dimension ----------------------------------------------------------------------------


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_keeps_a_batch_of_one"],
    hint="squeeze() takes away every axis of size one, that of a single pixel too, and then the "
    "examples are added up.",
)
def bernoulli_squeezes_the_axis_of_one_pixel(mu, target):
    mu, target = (t.squeeze() for t in rows(mu, target))
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=-1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_keeps_a_batch_of_one"],
    hint="squeeze() takes away every axis of size one, that of a single dimension too, and then "
    "the squared distances of all examples are added up.",
)
def normal_squeezes_the_axis_of_one_dimension(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    distance = ((z - mu) ** 2 / torch.exp(logvar)).squeeze().sum(dim=-1)
    return -0.5 * ((math.log(2 * math.pi) + logvar).sum(dim=1) + distance)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_keeps_a_batch_of_one"],
    hint="squeeze() takes away every axis of size one, that of a single dimension too, and then "
    "the squared distances of all examples are added up.",
)
def kl_squeezes_the_axis_of_one_dimension(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = ((mu_q - mu_p) ** 2 / torch.exp(logvar_p)).squeeze().sum(dim=-1)
    ratio = logvar_q - logvar_p
    return 0.5 * ((torch.exp(ratio) - ratio - 1).sum(dim=1) + distance)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_keeps_a_batch_of_one"],
    hint="squeeze() takes away every axis of size one, that of a single dimension too, and then "
    "samples or examples are added up in its place.",
)
def mc_squeezes_the_axis_of_one_dimension(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = (
        t.unsqueeze(1).expand(-1, num_samples, -1) for t in rows(mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / torch.exp(logvar_q))
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / torch.exp(logvar_p))
    return (log_q - log_p).squeeze().sum(dim=-1).reshape(mu_q.size(0), -1).mean(dim=1)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_keeps_a_batch_of_one"],
    hint="squeeze() takes away the axis of a single sample too, and then the mean is over the "
    "examples.",
)
def log_mean_exp_squeezes_the_axis_of_one_sample(y):
    y = y.squeeze()
    top = y.max(dim=-1, keepdim=True).values
    return torch.log(torch.exp(y - top).mean(dim=-1)) + top.squeeze(-1)


# --- many dimensions --------------------------------------------------------------------------


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_is_right_far_out"],
    hint="The logarithm of a product of variances: the product of a hundred variances is zero or "
    "infinite in float32. Add the log-variances.",
)
def normal_takes_the_logarithm_of_a_product(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    determinant = torch.exp(logvar).prod(dim=1)
    distance = (math.log(2 * math.pi) + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return -0.5 * (torch.log(determinant) + distance)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_is_right_far_out"],
    hint="The log-variances are clamped to between -4 and 4, and models go further.",
)
def normal_clamps_its_log_variances(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar.clamp(-4, 4), z)
    terms = math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * terms.sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_is_right_where_models_live"],
    hint="The logarithm of a ratio of products: the product of a hundred variances is zero or "
    "infinite in float32. Add the log-variances.",
)
def kl_takes_the_logarithm_of_a_ratio_of_products(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = torch.exp(logvar_p).prod(dim=1) / torch.exp(logvar_q).prod(dim=1)
    terms = torch.exp(logvar_q - logvar_p) - 1 + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (torch.log(ratio) + terms.sum(dim=1))
