"""Mistakes in a.3.1 to a.3.3: the integrand, weighted mean and variance, effective sample size."""

from grader.catalogue import Mistakes

integrand = Mistakes("sampling.integrand", "test_has_the_right_values")

integrand.edit(
    "integrand_with_exchanged_coordinates",
    "x[:, 0] ** 2 + np.sin(x[:, 1])",
    "x[:, 1] ** 2 + np.sin(x[:, 0])",
    "The coordinates are exchanged: the first one is squared.",
)
integrand.edit(
    "integrand_of_the_first_two_points",
    "x[:, 0] ** 2 + np.sin(x[:, 1])",
    "x[0] ** 2 + np.sin(x[-1])",
    "Rows and columns are exchanged: x[0] is the first point, x[:, 0] the first coordinate.",
)

Mistakes("sampling.integrand", "test_has_the_right_shape").edit(
    "integrand_of_pairs",
    "x[:, 0] ** 2",
    "x[:, :1] ** 2",
    """A column (N, 1) and a row (N,) are broadcast to (N, N): every point is paired with every
    other one.""",
)

mean = Mistakes("sampling.self_normalized_mean", "TestMean::test_has_the_right_values")

mean.edit(
    "mean_without_normalisation",
    "w = np.exp(log_w - log_w.max())\n    return float((w * f).sum() / w.sum())",
    "return float((np.exp(log_w) * f).mean())",
    """The sum is divided by N and not by the sum of the weights. That is right only where both
    densities are normalised, and varies more.""",
)
mean.edit(
    "mean_with_logarithms",
    "np.exp(log_w - log_w.max())",
    "log_w",
    "The logarithms of the weights are used as weights.",
)
mean.edit(
    "mean_under_the_proposal",
    "(w * f).sum() / w.sum()",
    "f.mean()",
    "The weights are not used: this is the mean under q.",
)
mean.edit(
    "mean_of_weights_that_are_cut_off",
    "log_w - log_w.max()",
    "np.clip(log_w - log_w.max(), -8.0, None)",
    "Small weights are cut off at a smallest one. There are many of them, and together they count.",
)

Mistakes("sampling.self_normalized_mean", "TestMean::test_is_right_far_out").edit(
    "mean_that_overflows",
    "log_w - log_w.max()",
    "log_w",
    """The formula is right, but exp overflows for large logarithms and gives 0 for small ones. Take
    the largest logarithm out first.""",
)

variance = Mistakes("sampling.weighted_variance", "TestVariance::test_has_the_right_values")

variance.edit(
    "variance_of_the_estimate",
    "(w * (f - mean)",
    "(w**2 * (f - mean)",
    """This is the variance of the estimated mean: the weights are squared. The spread of f itself
    is asked for.""",
)
variance.edit(
    "variance_as_a_deviation",
    "(w * (f - mean) ** 2).sum()",
    "np.sqrt((w * (f - mean) ** 2).sum())",
    "This is the standard deviation, the root of the variance.",
)
variance.edit(
    "variance_under_the_proposal",
    "(w * (f - mean) ** 2).sum()",
    "f.var()",
    "The weights are not used: this is the variance of f under q.",
)
variance.edit(
    "variance_around_the_plain_mean",
    "(w * f).sum()",
    "f.mean()",
    "The distances are measured from the plain mean, and not from the weighted one.",
)
variance.edit(
    "variance_without_the_mean",
    "(f - mean) ** 2",
    "f**2",
    "This is the second moment; the square of the mean is not taken off.",
)
variance.edit(
    "variance_of_the_products",
    "(w * (f - mean) ** 2).sum()",
    "(w * f).var()",
    """This is the variance of the numbers w f. Weights say how often a value counts; they do not
    change the value.""",
)

Mistakes("sampling.weighted_variance", "TestVariance::test_is_right_far_out").edit(
    "variance_that_overflows",
    "log_w - log_w.max()",
    "log_w",
    "The formula is right, but exp overflows for large logarithms and gives 0 for small ones.",
)

size = Mistakes("sampling.effective_sample_size", "test_has_the_right_values")

size.edit(
    "size_upside_down",
    "w.sum() ** 2 / (w**2).sum()",
    "(w**2).sum() / w.sum() ** 2",
    "The fraction is upside down.",
)
size.edit(
    "size_as_a_share",
    "w.sum() ** 2 / (w**2).sum()",
    "w.sum() ** 2 / (w**2).sum() / len(w)",
    "This is the share of the draws that count, between 0 and 1. Their number is asked for.",
)
size.edit(
    "size_from_the_entropy",
    "w.sum() ** 2 / (w**2).sum()",
    "w.sum() * np.exp(-(w * np.log(np.maximum(w, 1e-300))).sum() / w.sum())",
    """This is the perplexity of the weights, exp of their entropy: another measure of the same
    thing, and not the one that is asked for.""",
)

Mistakes("sampling.effective_sample_size", "test_of_equal_and_of_single_weights").edit(
    "size_without_the_square",
    "w.sum() ** 2",
    "w.sum()",
    "The sum of the weights is not squared; that is right only where they add up to one.",
)

Mistakes("sampling.effective_sample_size", "test_is_right_far_out").edit(
    "size_that_overflows",
    "log_w - log_w.max()",
    "log_w",
    "The formula is right, but exp overflows for large logarithms and gives 0 for small ones.",
)
