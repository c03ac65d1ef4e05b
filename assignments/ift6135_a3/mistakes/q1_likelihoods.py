"""Mistakes in 1.1 to 1.3: the two log-likelihoods and the logarithm of a mean of exponentials."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


def estimate_by_rows(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Each sample is a row of its own for the file's density."""
    batch = mu_q.size(0)
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(batch, -1).repeat_interleave(num_samples, dim=0)
        for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)
    log_p = log_likelihood_normal(mu_p, logvar_p, z)
    return (log_q - log_p).reshape(batch, num_samples).mean(dim=1)


def terms(mu, logvar, z):
    """One per dimension, (B, D)."""
    mu, logvar, z = (t.reshape(t.size(0), -1) for t in (mu, logvar, z))
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar))


def estimate_of_vectors(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """All samples at once, summed over the last axis by the file's density."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(t.size(0), 1, -1).expand(-1, num_samples, -1)
        for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)
    return (log_q - log_likelihood_normal(mu_p, logvar_p, z)).mean(dim=1)


bernoulli_values = Mistakes("q1_solution.log_likelihood_bernoulli", "test_has_the_right_values")
bernoulli_values.edit(
    "bernoulli_of_the_ones_only",
    " + (1 - target) * log_p_zero",
    "",
    """Only the pixels that are one are counted here. A pixel that is zero has a likelihood too, 1 -
    mu, and its logarithm belongs to the sum.""",
)
bernoulli_values.edit(
    "bernoulli_mean_over_the_pixels",
    "log_p.sum(",
    "log_p.mean(",
    """This is the mean over the pixels. Independent pixels multiply their likelihoods, so their
    log-likelihoods are added up; a mean is too small by the factor D.""",
)
bernoulli_values.edit(
    "bernoulli_of_the_inverted_image",
    "target * log_p_one + (1 - target) * log_p_zero",
    "(1 - target) * log_p_one + target * log_p_zero",
    """This is the log-likelihood of the inverted image: log mu is counted where the pixel is zero,
    and log(1 - mu) where it is one. mu is the probability of a one.""",
)
bernoulli_values.edit(
    "bernoulli_one_minus_the_logarithm",
    "(1 - target) * log_p_zero",
    "(1 - target) * (1 - log_p_one)",
    """A pixel that is zero has the probability 1 - mu, and the logarithm is taken of that: log(1 -
    mu), which is not 1 - log(mu).""",
)
bernoulli_values.edit(
    "bernoulli_subtracts_the_zeros",
    "log_p_one + (1",
    "log_p_one - (1",
    """The pixels that are zero are subtracted here, as in t log mu - (1 - t) log(1 - mu). Both
    kinds of pixel make an image less likely, so both terms are added.""",
)


@bernoulli_values
def bernoulli_with_the_sign_of_a_loss(mu, target):
    """This is the binary cross-entropy, the negative of the log-likelihood. The logarithm of a
    probability is never positive; the minus sign belongs into the training loop."""
    mu, target = rows(mu, target)
    return F.binary_cross_entropy(mu, target, reduction="none").sum(dim=1)


@bernoulli_values
def bernoulli_from_logits(mu, target):
    """This is what one gets when mu is taken for a logit and sent through a sigmoid (as the
    functions `..._with_logits` do). Here mu is the probability itself."""
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy_with_logits(mu, target, reduction="none").sum(dim=1)


@bernoulli_values
def bernoulli_with_swapped_arguments(mu, target):
    """This is what one gets when the image and the probabilities change places: mu is weighed by
    the logarithm of the target. The target says which logarithm of mu counts."""
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy(target, mu, reduction="none").sum(dim=1)


@bernoulli_values
def bernoulli_without_the_logarithm(mu, target):
    """This is the likelihood itself. What is asked for is its logarithm."""
    mu, target = rows(mu, target)
    return torch.prod(target * mu + (1 - target) * (1 - mu), dim=1)


@Mistakes("q1_solution.log_likelihood_bernoulli", "test_takes_images_as_rows")
def bernoulli_log_of_a_product(mu, target):
    """The logarithm of a product of many probabilities: right on paper, but the product of 784 of
    them is zero in float32. Add the logarithms instead."""
    mu, target = rows(mu, target)
    return torch.log(torch.prod(target * mu + (1 - target) * (1 - mu), dim=1))


bernoulli_shape = Mistakes("q1_solution.log_likelihood_bernoulli", "test_has_the_right_shape")
bernoulli_shape.edit(
    "bernoulli_summed_over_the_batch",
    "sum(dim=1)",
    "sum(dim=0)",
    """The sum runs over the batch, axis 0, and leaves one number per pixel. It has to run over the
    pixels, axis 1, and leave one per example.""",
)


@bernoulli_shape
def bernoulli_of_all_pairs(mu, target):
    """A product of two matrices compares every image with the probabilities of every other example,
    (B, B). Each image belongs to its own row of mu only."""
    mu, target = rows(mu, target)
    return target @ torch.log(mu).t() + (1 - target) @ torch.log(1 - mu).t()


@bernoulli_shape
def bernoulli_of_all_pairs_of_sums(mu, target):
    """The ones are added up to (B,) and the zeros to (B, 1): their sum is (B, B), every example
    with every other."""
    mu, target = rows(mu, target)
    ones, zeros = target * torch.log(mu), (1 - target) * torch.log(1 - mu)
    return ones.sum(dim=1) + zeros.sum(dim=1, keepdim=True)


@Mistakes("q1_solution.log_likelihood_bernoulli", "test_keeps_a_batch_of_one")
def bernoulli_squeezes_the_axis_of_one_pixel(mu, target):
    """squeeze() takes away every axis of size one, that of a single pixel too, and then the
    examples are added up."""
    mu, target = (t.squeeze() for t in rows(mu, target))
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=-1)


Mistakes("q1_solution.log_likelihood_bernoulli", "test_is_right_far_out").edit(
    "bernoulli_clamped_to_a_hundredth",
    "    tiny",
    """    mu = mu.clamp(0.01, 0.99)
    tiny""",
    """Probabilities below 0.01 and above 0.99 are cut off. A decoder gives them to most pixels of
    an image; what keeps the logarithm finite has to be far smaller.""",
)

log_mean_large_values = Mistakes("q1_solution.log_mean_exp", "test_survives_large_values")


@log_mean_large_values
def log_mean_exp_without_the_shift(y):
    """The formula is right, but the exponentials overflow or underflow: the maximum has to be taken
    out before the exponential and added again after the logarithm."""
    return torch.log(torch.exp(y).mean(dim=1))


@log_mean_large_values
def log_mean_exp_with_an_epsilon_for_the_shift(y):
    """A small number inside the logarithm hides the underflow instead of avoiding it: for values
    around -1000 the result is the logarithm of that small number. Shift by the maximum."""
    return torch.log(torch.exp(y).mean(dim=1) + 1e-8)


@log_mean_large_values
def log_mean_exp_shifted_by_the_minimum(y):
    """Shifted by the minimum, the largest value of an example still overflows when its values are
    far apart. With the maximum taken out every exponential is between 0 and 1."""
    a = y.min(dim=1).values
    return torch.log(torch.exp(y - a[:, None]).mean(dim=1)) + a


@log_mean_large_values
def log_mean_exp_shifted_by_the_mean(y):
    """Shifted by the mean, the largest value of an example still overflows when its values are far
    apart. With the maximum taken out every exponential is between 0 and 1."""
    a = y.mean(dim=1)
    return torch.log(torch.exp(y - a[:, None]).mean(dim=1)) + a


@Mistakes("q1_solution.log_mean_exp", "test_takes_each_examples_own_maximum")
def log_mean_exp_with_one_maximum_for_all(y):
    """The maximum is taken over the whole batch. Examples far below it underflow; each example
    needs its own maximum."""
    a = y.max()
    return torch.log(torch.exp(y - a).mean(dim=1)) + a


log_mean_values = Mistakes("q1_solution.log_mean_exp", "test_has_the_right_values")


@log_mean_values
def log_mean_exp_of_the_sum(y):
    """This is the log-sum-exp. The mean is missing: the sum is divided by the number of samples K,
    so log K is subtracted."""
    return torch.logsumexp(y, dim=1)


@log_mean_values
def log_mean_exp_adds_the_logarithm_of_k(y):
    """log K is added to the log-sum-exp here. Dividing by K inside the logarithm subtracts it."""
    return torch.logsumexp(y, dim=1) + math.log(y.size(1))


@log_mean_values
def log_mean_exp_divides_by_the_batch(y):
    """The sum is divided by the number of examples B. The mean is over the K samples of each
    example."""
    return torch.logsumexp(y, dim=1) - math.log(y.size(0))


@log_mean_values
def log_mean_exp_divides_outside_the_logarithm(y):
    """The division by K stands outside the logarithm. The mean is taken of the exponentials, before
    the logarithm."""
    return torch.logsumexp(y, dim=1) / y.size(1)


@log_mean_values
def log_mean_exp_as_the_mean_of_logarithms(y):
    """This is the mean of the values themselves: logarithm and exponential cancel when the mean is
    taken last. First exponentials, then the mean, then the logarithm."""
    a = y.max(dim=1, keepdim=True).values
    return (torch.log(torch.exp(y - a)) + a).mean(dim=1)


@log_mean_values
def log_mean_exp_forgets_the_maximum(y):
    """The maximum that was taken out before the exponential is not added again after the
    logarithm."""
    return torch.log(torch.exp(y - y.max(dim=1, keepdim=True).values).mean(dim=1))


@log_mean_values
def log_mean_exp_subtracts_from_the_maximum(y):
    """The difference in the exponent is the wrong way round: the maximum is subtracted from the
    values, so that no exponent is above zero."""
    a = y.max(dim=1).values
    return torch.log(torch.exp(a[:, None] - y).mean(dim=1)) + a


@log_mean_values
def log_mean_exp_drops_the_axis_of_the_maximum(y):
    """The maximum over axis 1 has lost that axis: (B,) cannot be subtracted from (B, K), or when B
    = K it is subtracted along the wrong axis."""
    a = y.max(dim=1).values
    return torch.log(torch.exp(y - a).mean(dim=1)) + a


@log_mean_values
def log_mean_exp_over_the_batch(y):
    """The mean runs over the batch, axis 0. It has to run over the samples of each example, axis
    1."""
    return torch.logsumexp(y, dim=0) - math.log(y.size(0))


log_mean_shape = Mistakes("q1_solution.log_mean_exp", "test_has_the_right_shape")
log_mean_shape.edit(
    "log_mean_exp_of_all_pairs",
    "a.squeeze(1)",
    "a",
    """The logarithms, (B,), are added to maxima that kept their axis, (B, 1): that makes a (B, B)
    matrix in which every example meets every other's maximum.""",
)


@log_mean_shape
def log_mean_exp_repeated_for_every_sample(y):
    """The result is repeated for every sample, (B, K). It is one number per example, (B,)."""
    return torch.zeros_like(y) + torch.logsumexp(y, dim=1, keepdim=True) - math.log(y.size(1))


@Mistakes("q1_solution.log_mean_exp", "test_keeps_a_batch_of_one")
def log_mean_exp_squeezes_the_axis_of_one_sample(y):
    """squeeze() takes away the axis of a single sample too, and then the mean is over the
    examples."""
    y = y.squeeze()
    top = y.max(dim=-1, keepdim=True).values
    return torch.log(torch.exp(y - top).mean(dim=-1)) + top.squeeze(-1)


normal_distance = Mistakes(
    "q1_solution.log_likelihood_normal", "test_falls_with_the_scaled_squared_distance"
)
normal_distance.edit(
    "normal_without_the_exponential",
    "logvar.exp()",
    "logvar",
    """The squared distance is divided by logvar itself, which can even be negative. The variance is
    the exponential of logvar.""",
)
normal_distance.edit(
    "normal_divides_by_the_deviation",
    "logvar.exp()",
    "torch.exp(logvar / 2)",
    """The squared distance is divided by the standard deviation here; in a normal density it is
    divided by the variance.""",
)
normal_distance.edit(
    "normal_without_the_half_of_the_square",
    "(z - mu) ** 2",
    "2 * (z - mu) ** 2",
    """The exponent of a normal density is minus one half of the squared distance in units of sigma;
    the half is missing.""",
)
normal_distance.edit(
    "normal_without_the_square",
    "(z - mu) ** 2",
    "(z - mu)",
    """The distance from the mean is not squared, so points below the mean seem more likely than the
    mean itself.""",
)
normal_distance.edit(
    "normal_with_one_variance_per_example",
    "    log_p =",
    """    logvar = logvar.mean(dim=1, keepdim=True)
    log_p =""",
    """One variance is used for all dimensions of an example, the mean of its logvar. Every
    dimension has a variance of its own; only the covariances between them are zero.""",
)
normal_distance.edit(
    "normal_with_the_sign_of_a_loss",
    "log_p = -0.5",
    "log_p = 0.5",
    """This is the negative log-density. What is asked for is the log-density itself; the minus sign
    belongs to the loss that is built from it.""",
)
normal_distance.edit(
    "normal_mean_over_the_dimensions",
    "log_p.sum(",
    "log_p.mean(",
    """This is the mean over the dimensions. The density of a vector is the product of those of its
    independent entries, so their logarithms are added up.""",
)


@normal_distance
def normal_with_exp_logvar_as_deviation(mu, logvar, z):
    """This is what one gets when the standard deviation is taken as exp(logvar). logvar is log
    sigma^2, so exp(logvar) is the variance, and sigma is exp(logvar / 2)."""
    mu, logvar, z = rows(mu, logvar, z)
    return torch.distributions.Normal(mu, torch.exp(logvar)).log_prob(z).sum(dim=1)


normal_variance = Mistakes("q1_solution.log_likelihood_normal", "test_falls_with_the_log_variance")
normal_variance.edit(
    "normal_with_the_whole_logvar",
    "+ logvar +",
    "+ 2 * logvar +",
    """The normalising factor holds 1 / sigma, and log sigma is half of logvar. Here the whole
    logvar is subtracted.""",
)
normal_variance.edit(
    "normal_adds_the_log_variance",
    "+ logvar +",
    "- logvar +",
    """The log-variance has the wrong sign: a wide normal is flat, so its density at the mean is
    lower than that of a narrow one.""",
)


@normal_variance
def normal_with_deviations_as_covariance(mu, logvar, z):
    """This is what one gets when standard deviations are put on the diagonal of the covariance
    matrix. A covariance matrix holds variances."""
    mu, logvar, z = rows(mu, logvar, z)
    covariance = torch.diag_embed(torch.exp(logvar / 2))
    return torch.distributions.MultivariateNormal(mu, covariance).log_prob(z)


@normal_variance
def normal_with_the_trace_for_the_determinant(mu, logvar, z):
    """The variances are added up before the logarithm. The determinant of a diagonal covariance is
    the product of the variances, so its logarithm is the sum of the logvars."""
    mu, logvar, z = rows(mu, logvar, z)
    square = ((z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    logdet = torch.log(torch.exp(logvar).sum(dim=1))
    return -0.5 * (mu.size(1) * math.log(2 * math.pi) + logdet + square)


normal_constant = Mistakes("q1_solution.log_likelihood_normal", "test_includes_the_constant")
normal_constant.edit(
    "normal_without_the_constant",
    "math.log(2 * math.pi) + logvar",
    "logvar",
    """The constant -D/2 log(2 pi) is missing. It does not matter for a gradient, but without it the
    result is no density.""",
)
normal_constant.edit(
    "normal_without_the_root_of_two_pi",
    "(math.log(2 * math.pi) + logvar",
    "(2 * math.log(2 * math.pi) + logvar",
    """The constant is -log(2 pi) per dimension here. The density is divided by the square root of 2
    pi, so half of the logarithm is right.""",
)


@normal_constant
def normal_with_the_constant_once(mu, logvar, z):
    """The constant -1/2 log(2 pi) is counted once per example. Every one of the D dimensions brings
    its own."""
    mu, logvar, z = rows(mu, logvar, z)
    log_p = -0.5 * (logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return log_p - 0.5 * math.log(2 * math.pi)


normal_images = Mistakes("q1_solution.log_likelihood_normal", "test_takes_images_as_rows")


@normal_images
def normal_log_of_an_underflowed_density(mu, logvar, z):
    """The density is computed first and its logarithm taken at the end: right on paper, but a
    product of hundreds of densities is zero or infinite in float32. Stay in the logarithm."""
    mu, logvar, z = rows(mu, logvar, z)
    variance = torch.exp(logvar)
    density = torch.exp(-((z - mu) ** 2) / (2 * variance)) / torch.sqrt(2 * math.pi * variance)
    return torch.log(density.prod(dim=1))


@normal_images
def normal_takes_the_size_before_it_flattens(mu, logvar, z):
    """D is read off axis 1 before images are flattened, so an image counts as one dimension in the
    constant."""
    size = mu.size(1)
    mu, logvar, z = rows(mu, logvar, z)
    terms = (logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return -0.5 * (size * math.log(2 * math.pi) + terms)


normal_shape = Mistakes("q1_solution.log_likelihood_normal", "test_has_the_right_shape")
normal_shape.edit(
    "normal_summed_over_the_batch",
    "sum(dim=1)",
    "sum(dim=0)",
    """The sum runs over the batch, axis 0, and leaves one number per dimension. It has to run over
    the dimensions, axis 1, and leave one per example.""",
)


@normal_shape
def normal_of_all_pairs_of_sums(mu, logvar, z):
    """The squared distances are added up to (B,) and the log-variances to (B, 1): their sum is (B,
    B), every example with every other."""
    mu, logvar, z = rows(mu, logvar, z)
    distance = ((z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    constant = mu.size(1) * math.log(2 * math.pi)
    return -0.5 * (distance + logvar.sum(dim=1, keepdim=True) + constant)


@Mistakes("q1_solution.log_likelihood_normal", "test_keeps_a_batch_of_one")
def normal_squeezes_the_axis_of_one_dimension(mu, logvar, z):
    """squeeze() takes away every axis of size one, that of a single dimension too, and then the
    squared distances of all examples are added up."""
    mu, logvar, z = rows(mu, logvar, z)
    distance = ((z - mu) ** 2 / torch.exp(logvar)).squeeze().sum(dim=-1)
    return -0.5 * ((math.log(2 * math.pi) + logvar).sum(dim=1) + distance)


normal_where_models_live = Mistakes("q1_solution.log_likelihood_normal", "test_is_right_far_out")


@normal_where_models_live
def normal_takes_the_logarithm_of_a_product(mu, logvar, z):
    """The logarithm of a product of variances: the product of a hundred variances is zero or
    infinite in float32. Add the log-variances."""
    mu, logvar, z = rows(mu, logvar, z)
    determinant = torch.exp(logvar).prod(dim=1)
    distance = (math.log(2 * math.pi) + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=1)
    return -0.5 * (torch.log(determinant) + distance)


@normal_where_models_live
def normal_clamps_its_log_variances(mu, logvar, z):
    """The log-variances are clamped to between -4 and 4, and models go further."""
    mu, logvar, z = rows(mu, logvar.clamp(-4, 4), z)
    terms = math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * terms.sum(dim=1)


# Beside an estimate (1.5) that is right and built on this density: 1.5 loses nothing.
normal_distance_below_estimate = Mistakes(
    "q1_solution.log_likelihood_normal",
    "test_falls_with_the_scaled_squared_distance",
    beside={"q1_solution.kl_gaussian_gaussian_mc": estimate_by_rows},
)


@normal_distance_below_estimate
def normal_negated_below_the_estimate(mu, logvar, z):
    """The density is turned upside down: the squared distance makes a point more likely here."""
    return -terms(mu, logvar, z).sum(dim=1)


@normal_distance_below_estimate
def normal_with_deviations_below_the_estimate(mu, logvar, z):
    """The squared distance is divided by the standard deviation, exp(logvar / 2). The density has
    the variance there, exp(logvar)."""
    return terms(mu, logvar / 2, z).sum(dim=1)


@normal_distance_below_estimate
def normal_full_of_nan_below_the_estimate(mu, logvar, z):
    """The logarithm of a difference of logarithms: for negative numbers it is NaN. logvar is a
    logarithm already."""
    return (terms(mu, logvar, z) - torch.log(-1 - logvar**2)).sum(dim=1)


@normal_distance_below_estimate
def normal_without_return_below_the_estimate(mu, logvar, z):
    """There is no `return`, so the result is None."""
    terms(mu, logvar, z).sum(dim=1)


@normal_distance_below_estimate
def normal_that_raises_below_the_estimate(mu, logvar, z):
    """The product of matrices has the wrong shapes: (B, D) times (B, D). The squares belong to one
    example each, so they are multiplied number by number."""
    return -0.5 * ((z - mu) @ torch.exp(-logvar) @ (z - mu)).sum(dim=1)


@normal_distance_below_estimate
def normal_unwritten_below_the_estimate(mu, logvar, z):
    """This is not written yet."""
    raise NotImplementedError("to be written")


normal_shape_below_estimate = Mistakes(
    "q1_solution.log_likelihood_normal",
    "test_has_the_right_shape",
    beside={"q1_solution.kl_gaussian_gaussian_mc": estimate_by_rows},
)


@normal_shape_below_estimate
def normal_of_the_whole_batch_below_the_estimate(mu, logvar, z):
    """One number for the whole batch: a sum without an axis adds up the examples as well."""
    return terms(mu, logvar, z).sum()


@normal_shape_below_estimate
def normal_of_each_dimension_below_the_estimate(mu, logvar, z):
    """The log-densities are not added up over the dimensions: one number per dimension is left, (B,
    D)."""
    return terms(mu, logvar, z)


@Mistakes(
    "q1_solution.log_likelihood_normal",
    "test_leaves_its_arguments_alone",
    beside={"q1_solution.kl_gaussian_gaussian_mc": estimate_by_rows},
)
def normal_that_moves_its_points_below_the_estimate(mu, logvar, z):
    """The mean is subtracted from z in place: the caller's samples are changed."""
    z -= mu
    return terms(torch.zeros_like(mu), logvar, z).sum(dim=1)


# The given flattening is gone, beside an estimate (1.5) that relies on that: it hands over (B,
# num_samples, D) and gets (B, num_samples). It is right, so 1.5 loses nothing.
@Mistakes(
    "q1_solution.log_likelihood_normal",
    "test_takes_images_as_rows",
    beside={"q1_solution.kl_gaussian_gaussian_mc": estimate_of_vectors},
)
def normal_of_the_last_axis(mu, logvar, z):
    """Only the last axis is summed over. The given lines that flatten images to rows have to
    stay."""
    square = (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + square).sum(dim=-1)


@Mistakes(
    "q1_solution.log_likelihood_normal",
    "test_falls_with_the_scaled_squared_distance",
    beside={"q1_solution.kl_gaussian_gaussian_mc": estimate_of_vectors},
)
def normal_of_the_last_axis_without_the_half(mu, logvar, z):
    """The half is missing in front of the squared distance, and the given lines that flatten images
    to rows are gone."""
    square = (z - mu) ** 2 / torch.exp(logvar)
    return -(0.5 * math.log(2 * math.pi) + 0.5 * logvar + square).sum(dim=-1)
