"""Mistakes in 1.2: the log-density of a diagonal normal."""

import math

import torch

from grader.audit import mistake


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="This is what one gets when the standard deviation is taken as exp(logvar). logvar is "
    "log sigma^2, so exp(logvar) is the variance, and sigma is exp(logvar / 2).",
)
def normal_with_exp_logvar_as_deviation(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return torch.distributions.Normal(mu, torch.exp(logvar)).log_prob(z).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The squared distance is divided by logvar itself, which can even be negative. The "
    "variance is the exponential of logvar.",
)
def normal_without_the_exponential(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / logvar).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The squared distance is divided by the standard deviation here; in a normal density it "
    "is divided by the variance.",
)
def normal_divides_by_the_deviation(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    square = (z - mu) ** 2 / torch.exp(logvar / 2)
    return -0.5 * (math.log(2 * math.pi) + logvar + square).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_log_variance"],
    hint="This is what one gets when standard deviations are put on the diagonal of the covariance "
    "matrix. A covariance matrix holds variances.",
)
def normal_with_deviations_as_covariance(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    covariance = torch.diag_embed(torch.exp(logvar / 2))
    return torch.distributions.MultivariateNormal(mu, covariance).log_prob(z)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The exponent of a normal density is minus one half of the squared distance in units of "
    "sigma; the half is missing.",
)
def normal_without_the_half_of_the_square(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (math.log(2 * math.pi) + logvar) - (z - mu) ** 2 / torch.exp(logvar)
    return log_p.sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="The distance from the mean is not squared, so points below the mean seem more likely "
    "than the mean itself.",
)
def normal_without_the_square(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) / torch.exp(logvar)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_log_variance"],
    hint="The normalising factor holds 1 / sigma, and log sigma is half of logvar. Here the whole "
    "logvar is subtracted.",
)
def normal_with_the_whole_logvar(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (math.log(2 * math.pi) + (z - mu) ** 2 / torch.exp(logvar)) - logvar
    return log_p.sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_log_variance"],
    hint="The log-variance has the wrong sign: a wide normal is flat, so its density at the mean "
    "is lower than that of a narrow one.",
)
def normal_adds_the_log_variance(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (math.log(2 * math.pi) + (z - mu) ** 2 / torch.exp(logvar)) + 0.5 * logvar
    return log_p.sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_log_variance"],
    hint="The variances are added up before the logarithm. The determinant of a diagonal "
    "covariance is the product of the variances, so its logarithm is the sum of the logvars.",
)
def normal_with_the_trace_for_the_determinant(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    square = ((z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    logdet = torch.log(torch.exp(logvar).sum(dim=1))
    return -0.5 * (mu.size(1) * math.log(2 * math.pi) + logdet + square)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="One variance is used for all dimensions of an example, the mean of its logvar. Every "
    "dimension has a variance of its own; only the covariances between them are zero.",
)
def normal_with_one_variance_per_example(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    logvar = logvar.mean(dim=1, keepdim=True)
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_includes_the_constant"],
    hint="The constant -D/2 log(2 pi) is missing. It does not matter for a gradient, but without "
    "it the result is no density.",
)
def normal_without_the_constant(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return -0.5 * (logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_includes_the_constant"],
    hint="The constant -1/2 log(2 pi) is counted once per example. Every one of the D dimensions "
    "brings its own.",
)
def normal_with_the_constant_once(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return log_p - 0.5 * math.log(2 * math.pi)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_includes_the_constant"],
    hint="The constant is -log(2 pi) per dimension here. The density is divided by the square "
    "root of 2 pi, so half of the logarithm is right.",
)
def normal_without_the_root_of_two_pi(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (logvar + (z - mu) ** 2 / torch.exp(logvar)) - math.log(2 * math.pi)
    return log_p.sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="This is the negative log-density. What is asked for is the log-density itself; the "
    "minus sign belongs to the loss that is built from it.",
)
def normal_with_the_sign_of_a_loss(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return 0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_falls_with_the_scaled_squared_distance"],
    hint="This is the mean over the dimensions. The density of a vector is the product of those of "
    "its independent entries, so their logarithms are added up.",
)
def normal_mean_over_the_dimensions(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).mean(dim=1)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_takes_images_as_rows"],
    hint="The density is computed first and its logarithm taken at the end: right on paper, but a "
    "product of hundreds of densities is zero or infinite in float32. Stay in the logarithm.",
)
def normal_log_of_an_underflowed_density(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    variance = torch.exp(logvar)
    density = torch.exp(-((z - mu) ** 2) / (2 * variance)) / torch.sqrt(2 * math.pi * variance)
    return torch.log(density.prod(dim=1))


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_has_the_right_shape"],
    hint="The sum runs over the batch, axis 0, and leaves one number per dimension. It has to run "
    "over the dimensions, axis 1, and leave one per example.",
)
def normal_summed_over_the_batch(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=0)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_has_the_right_shape"],
    hint="The values are right, but they stand in a column, (B, 1). Added to a result of shape "
    "(B,), a column becomes a (B, B) matrix without any warning.",
)
def normal_as_a_column(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar))
    return log_p.sum(dim=1, keepdim=True)


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_keeps_a_batch_of_one"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one example.",
)
def normal_squeezed(mu, logvar, z):
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar))
    return log_p.sum(dim=1).squeeze()


@mistake(
    "q1_solution.log_likelihood_normal",
    fails=["test_leaves_its_arguments_alone"],
    hint="The mean is subtracted from z in place. The flattened tensor shares its memory with the "
    "caller's, so the caller's sample is gone.",
)
def normal_centres_z_in_place(mu, logvar, z):
    mu, logvar, z = (t.view(t.size(0), -1) for t in (mu, logvar, z))
    z -= mu
    return -0.5 * (math.log(2 * math.pi) + logvar + z**2 / torch.exp(logvar)).sum(dim=1)
