"""Mistakes in a.3.1 to a.3.3: the integrand, weighted mean and variance, effective sample size."""

import numpy as np

from grader.catalogue import mistake


@mistake(
    "sampling.integrand",
    fails=["test_integrand_has_the_right_values"],
    hint="The coordinates are exchanged: the first one is squared.",
)
def integrand_with_exchanged_coordinates(x):
    return x[:, 1] ** 2 + np.sin(x[:, 0])


@mistake(
    "sampling.integrand",
    fails=["test_integrand_has_the_right_values"],
    hint="Rows and columns are exchanged: x[0] is the first point, x[:, 0] the first coordinate.",
)
def integrand_of_the_first_two_points(x):
    return x[0] ** 2 + np.sin(x[-1])


@mistake(
    "sampling.integrand",
    fails=["test_integrand_gives_one_number_per_point"],
    hint="The values of all points are columns of a matrix (N, 1); (N,) is asked for.",
)
def integrand_as_a_column(x):
    return x[:, :1] ** 2 + np.sin(x[:, 1:])


def weights_of(log_w):
    w = np.exp(log_w - log_w.max())
    return w / w.sum()


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_mean_is_self_normalised"],
    hint="The sum is divided by N and not by the sum of the weights. That is right only where both "
    "densities are normalised, and varies more.",
)
def mean_without_normalisation(log_w, f):
    return float((np.exp(log_w) * f).mean())


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_mean_is_self_normalised"],
    hint="The logarithms of the weights are used as weights.",
)
def mean_with_logarithms(log_w, f):
    return float((log_w * f).sum() / log_w.sum())


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_mean_is_self_normalised"],
    hint="The weights are not used: this is the mean under q.",
)
def mean_under_the_proposal(log_w, f):
    return float(f.mean())


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_mean_survives_extreme_weights"],
    hint="The formula is right, but exp overflows for large logarithms and gives 0 for small ones. "
    "Take the largest logarithm out first.",
)
def mean_that_overflows(log_w, f):
    w = np.exp(log_w)
    return float((w * f).sum() / w.sum())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="This is the variance of the estimated mean: the weights are squared. The spread of f "
    "itself is asked for.",
)
def variance_of_the_estimate(log_w, f):
    w = weights_of(log_w)
    return float((w**2 * (f - (w * f).sum()) ** 2).sum())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="The weights are not used: this is the variance of f under q.",
)
def variance_under_the_proposal(log_w, f):
    return float(f.var())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="The distances are measured from the plain mean, and not from the weighted one.",
)
def variance_around_the_plain_mean(log_w, f):
    return float((weights_of(log_w) * (f - f.mean()) ** 2).sum())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="This is the second moment; the square of the mean is not taken off.",
)
def variance_without_the_mean(log_w, f):
    return float((weights_of(log_w) * f**2).sum())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="This is the standard deviation, the root of the variance.",
)
def variance_as_a_deviation(log_w, f):
    w = weights_of(log_w)
    return float(np.sqrt((w * (f - (w * f).sum()) ** 2).sum()))


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_is_that_of_f"],
    hint="This is the variance of the numbers w f. Weights say how often a value counts; they do "
    "not change the value.",
)
def variance_of_the_products(log_w, f):
    return float((weights_of(log_w) * f).var())


@mistake(
    "sampling.weighted_variance",
    fails=["test_variance_survives_extreme_weights"],
    hint="The formula is right, but exp overflows for large logarithms and gives 0 for small ones.",
)
def variance_that_overflows(log_w, f):
    w = np.exp(log_w)
    w = w / w.sum()
    return float((w * (f - (w * f).sum()) ** 2).sum())


@mistake(
    "sampling.effective_sample_size",
    fails=["test_effective_sample_size_has_the_right_value"],
    hint="The fraction is upside down.",
)
def size_upside_down(log_w):
    return float((weights_of(log_w) ** 2).sum())


@mistake(
    "sampling.effective_sample_size",
    fails=["test_effective_sample_size_of_equal_and_of_single_weights"],
    hint="The sum of the weights is not squared; that is right only where they add up to one.",
)
def size_without_the_square(log_w):
    w = np.exp(log_w - log_w.max())
    return float(w.sum() / (w**2).sum())


@mistake(
    "sampling.effective_sample_size",
    fails=["test_effective_sample_size_has_the_right_value"],
    hint="This is the share of the draws that count, between 0 and 1. Their number is asked for.",
)
def size_as_a_share(log_w):
    return float(1 / (weights_of(log_w) ** 2).sum() / len(log_w))


@mistake(
    "sampling.effective_sample_size",
    fails=["test_effective_sample_size_has_the_right_value"],
    hint="This is the perplexity of the weights, exp of their entropy: another measure of the same "
    "thing, and not the one that is asked for.",
)
def size_from_the_entropy(log_w):
    w = weights_of(log_w)
    return float(np.exp(-(w * np.log(np.maximum(w, 1e-300))).sum()))


@mistake(
    "sampling.effective_sample_size",
    fails=["test_effective_sample_size_survives_extreme_weights"],
    hint="The formula is right, but exp overflows for large logarithms and gives 0 for small ones.",
)
def size_that_overflows(log_w):
    w = np.exp(log_w)
    return float(w.sum() ** 2 / (w**2).sum())


# --- arguments --------------------------------------------------------------------------------


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_arguments_keep_their_values"],
    hint="The largest logarithm is subtracted in place: log_w of the caller is another one after.",
)
def mean_that_shifts_its_weights(log_w, f):
    log_w -= log_w.max()
    w = np.exp(log_w)
    return float((w * f).sum() / w.sum())


@mistake(
    "sampling.weighted_variance",
    fails=["test_arguments_keep_their_values"],
    hint="The mean is subtracted in place: f of the caller is another one after.",
)
def variance_that_centres_its_values(log_w, f):
    w = np.exp(log_w - log_w.max())
    f -= (w * f).sum() / w.sum()
    return float((w * f**2).sum() / w.sum())


@mistake(
    "sampling.effective_sample_size",
    fails=["test_weights_keep_their_values"],
    hint="The largest logarithm is subtracted in place: log_w of the caller is another one after.",
)
def size_that_shifts_its_weights(log_w):
    log_w -= log_w.max()
    w = np.exp(log_w)
    return float(w.sum() ** 2 / (w**2).sum())


@mistake(
    "sampling.integrand",
    fails=["test_integrand_gives_one_number_per_point"],
    hint="A column (N, 1) and a row (N,) are broadcast to (N, N): every point is paired with every "
    "other one.",
)
def integrand_of_pairs(x):
    return x[:, :1] ** 2 + np.sin(x[:, 1])


@mistake(
    "sampling.self_normalized_mean",
    fails=["test_mean_is_self_normalised"],
    hint="Small weights are cut off at a smallest one. There are many of them, and together they "
    "count.",
)
def mean_of_weights_that_are_cut_off(log_w, f):
    w = np.exp(np.clip(log_w - log_w.max(), -8.0, None))
    return (w * f).sum() / w.sum()
