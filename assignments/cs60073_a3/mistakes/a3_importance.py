"""Mistakes in a.3: importance sampling."""

import numpy as np

from grader.catalogue import Mistakes


def weights_of(log_w):
    w = np.exp(log_w - log_w.max())
    return w / w.sum()


integrand = Mistakes("sampling.integrand", "test_integrand_has_the_right_values")


@integrand
def integrand_with_exchanged_coordinates(x):
    """The coordinates are exchanged: the first one is squared."""
    return x[:, 1] ** 2 + np.sin(x[:, 0])


@integrand
def integrand_of_the_first_two_points(x):
    """Rows and columns are exchanged: x[0] is the first point, x[:, 0] the first coordinate."""
    return x[0] ** 2 + np.sin(x[-1])


integrand_shape = Mistakes("sampling.integrand", "test_integrand_gives_one_number_per_point")


@integrand_shape
def integrand_as_a_column(x):
    """The values of all points are columns of a matrix (N, 1); (N,) is asked for."""
    return x[:, :1] ** 2 + np.sin(x[:, 1:])


@integrand_shape
def integrand_of_pairs(x):
    """A column (N, 1) and a row (N,) are broadcast to (N, N): every point is paired with every
    other one."""
    return x[:, :1] ** 2 + np.sin(x[:, 1])


mean = Mistakes("sampling.self_normalized_mean", "test_mean_is_self_normalised")


@mean
def mean_without_normalisation(log_w, f):
    """The sum is divided by N and not by the sum of the weights. That is right only where both
    densities are normalised, and varies more."""
    return float((np.exp(log_w) * f).mean())


@mean
def mean_with_logarithms(log_w, f):
    """The logarithms of the weights are used as weights."""
    return float((log_w * f).sum() / log_w.sum())


@mean
def mean_under_the_proposal(log_w, f):
    """The weights are not used: this is the mean under q."""
    return float(f.mean())


@mean
def mean_of_weights_that_are_cut_off(log_w, f):
    """Small weights are cut off at a smallest one. There are many of them, and together they
    count."""
    w = np.exp(np.clip(log_w - log_w.max(), -8.0, None))
    return (w * f).sum() / w.sum()


mean_of_extremes = Mistakes("sampling.self_normalized_mean", "test_mean_survives_extreme_weights")


@mean_of_extremes
def mean_that_overflows(log_w, f):
    """The formula is right, but exp overflows for large logarithms and gives 0 for small ones. Take
    the largest logarithm out first."""
    w = np.exp(log_w)
    return float((w * f).sum() / w.sum())


mean_arguments = Mistakes("sampling.self_normalized_mean", "test_arguments_keep_their_values")


@mean_arguments
def mean_that_shifts_its_weights(log_w, f):
    """The largest logarithm is subtracted in place: log_w of the caller is another one after."""
    log_w -= log_w.max()
    w = np.exp(log_w)
    return float((w * f).sum() / w.sum())


variance = Mistakes("sampling.weighted_variance", "test_variance_is_that_of_f")


@variance
def variance_of_the_estimate(log_w, f):
    """This is the variance of the estimated mean: the weights are squared. The spread of f itself
    is asked for."""
    w = weights_of(log_w)
    return float((w**2 * (f - (w * f).sum()) ** 2).sum())


@variance
def variance_under_the_proposal(log_w, f):
    """The weights are not used: this is the variance of f under q."""
    return float(f.var())


@variance
def variance_around_the_plain_mean(log_w, f):
    """The distances are measured from the plain mean, and not from the weighted one."""
    return float((weights_of(log_w) * (f - f.mean()) ** 2).sum())


@variance
def variance_without_the_mean(log_w, f):
    """This is the second moment; the square of the mean is not taken off."""
    return float((weights_of(log_w) * f**2).sum())


@variance
def variance_as_a_deviation(log_w, f):
    """This is the standard deviation, the root of the variance."""
    w = weights_of(log_w)
    return float(np.sqrt((w * (f - (w * f).sum()) ** 2).sum()))


@variance
def variance_of_the_products(log_w, f):
    """This is the variance of the numbers w f. Weights say how often a value counts; they do not
    change the value."""
    return float((weights_of(log_w) * f).var())


variance_of_extremes = Mistakes(
    "sampling.weighted_variance", "test_variance_survives_extreme_weights"
)


@variance_of_extremes
def variance_that_overflows(log_w, f):
    """The formula is right, but exp overflows for large logarithms and gives 0 for small ones."""
    w = np.exp(log_w)
    w = w / w.sum()
    return float((w * (f - (w * f).sum()) ** 2).sum())


variance_arguments = Mistakes("sampling.weighted_variance", "test_arguments_keep_their_values")


@variance_arguments
def variance_that_centres_its_values(log_w, f):
    """The mean is subtracted in place: f of the caller is another one after."""
    w = np.exp(log_w - log_w.max())
    f -= (w * f).sum() / w.sum()
    return float((w * f**2).sum() / w.sum())


size = Mistakes("sampling.effective_sample_size", "test_effective_sample_size_has_the_right_value")


@size
def size_upside_down(log_w):
    """The fraction is upside down."""
    return float((weights_of(log_w) ** 2).sum())


@size
def size_as_a_share(log_w):
    """This is the share of the draws that count, between 0 and 1. Their number is asked for."""
    return float(1 / (weights_of(log_w) ** 2).sum() / len(log_w))


@size
def size_from_the_entropy(log_w):
    """This is the perplexity of the weights, exp of their entropy: another measure of the same
    thing, and not the one that is asked for."""
    w = weights_of(log_w)
    return float(np.exp(-(w * np.log(np.maximum(w, 1e-300))).sum()))


size_of_extremes = Mistakes(
    "sampling.effective_sample_size", "test_effective_sample_size_of_equal_and_of_single_weights"
)


@size_of_extremes
def size_without_the_square(log_w):
    """The sum of the weights is not squared; that is right only where they add up to one."""
    w = np.exp(log_w - log_w.max())
    return float(w.sum() / (w**2).sum())


size_of_large_weights = Mistakes(
    "sampling.effective_sample_size", "test_effective_sample_size_survives_extreme_weights"
)


@size_of_large_weights
def size_that_overflows(log_w):
    """The formula is right, but exp overflows for large logarithms and gives 0 for small ones."""
    w = np.exp(log_w)
    return float(w.sum() ** 2 / (w**2).sum())


size_arguments = Mistakes("sampling.effective_sample_size", "test_weights_keep_their_values")


@size_arguments
def size_that_shifts_its_weights(log_w):
    """The largest logarithm is subtracted in place: log_w of the caller is another one after."""
    log_w -= log_w.max()
    w = np.exp(log_w)
    return float(w.sum() ** 2 / (w**2).sum())
