"""Right ways to write a.3.1 to a.3.3: the integrand, weighted mean and variance, effective sample
size."""

import math

import numpy as np
from scipy.special import logsumexp, softmax

from grader.catalogue import Variants


@Variants("sampling.integrand")
def integrand_of_unpacked_columns(x):
    """unpacked columns"""
    first, second = np.asarray(x).T
    return np.power(first, 2) + np.sin(second)


self_normalized_mean = Variants("sampling.self_normalized_mean")


@self_normalized_mean
def mean_by_average(log_w, f):
    """np.average with scipy's softmax, a NumPy number"""
    return np.average(f, weights=softmax(log_w))


@self_normalized_mean
def mean_by_a_loop(log_w, f):
    """a loop in plain Python"""
    top = max(log_w)
    weights = [math.exp(v - top) for v in log_w]
    return sum(w * v for w, v in zip(weights, f, strict=True)) / sum(weights)


weighted_variance = Variants("sampling.weighted_variance")


@weighted_variance
def variance_with_reliability_weights(log_w, f):
    """corrected for its bias, with reliability weights"""
    w = softmax(log_w)
    mean = w @ f
    return float(w @ (f - mean) ** 2 / (1 - w @ w))


@weighted_variance
def variance_with_bessels_correction(log_w, f):
    """corrected by n / (n - 1)"""
    w = np.exp(log_w - log_w.max())
    mean = np.average(f, weights=w)
    return np.average((f - mean) ** 2, weights=w) * len(f) / (len(f) - 1)


@weighted_variance
def variance_from_two_means(log_w, f):
    """built on the mean of the same file, twice"""
    return self_normalized_mean(log_w, f**2) - self_normalized_mean(log_w, f) ** 2


effective_sample_size = Variants("sampling.effective_sample_size")


@effective_sample_size
def size_in_logarithms(log_w):
    """in logarithms"""
    return float(np.exp(2 * logsumexp(log_w) - logsumexp(2 * log_w)))


@effective_sample_size
def size_from_the_variation(log_w):
    """from the variation of the weights: it is equal"""
    w = softmax(log_w)
    return len(w) / (1 + w.var() / w.mean() ** 2)
