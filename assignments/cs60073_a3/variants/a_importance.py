"""Right weighted figures in other styles and readings."""

import math

import numpy as np
from scipy.special import logsumexp, softmax

from grader.catalogue import variant


@variant("sampling.integrand", because="unpacked columns")
def integrand_of_unpacked_columns(x):
    first, second = np.asarray(x).T
    return np.power(first, 2) + np.sin(second)


@variant("sampling.self_normalized_mean", because="np.average with scipy's softmax, a NumPy number")
def mean_by_average(log_w, f):
    return np.average(f, weights=softmax(log_w))


@variant("sampling.self_normalized_mean", because="a loop in plain Python")
def mean_by_a_loop(log_w, f):
    top = max(log_w)
    weights = [math.exp(v - top) for v in log_w]
    return sum(w * v for w, v in zip(weights, f, strict=True)) / sum(weights)


@variant("sampling.weighted_variance", because="corrected for its bias, with reliability weights")
def variance_with_reliability_weights(log_w, f):
    w = softmax(log_w)
    mean = w @ f
    return float(w @ (f - mean) ** 2 / (1 - w @ w))


@variant("sampling.weighted_variance", because="corrected by n / (n - 1)")
def variance_with_bessels_correction(log_w, f):
    w = np.exp(log_w - log_w.max())
    mean = np.average(f, weights=w)
    return np.average((f - mean) ** 2, weights=w) * len(f) / (len(f) - 1)


@variant("sampling.weighted_variance", because="built on the mean of the same file, twice")
def variance_from_two_means(log_w, f):
    return self_normalized_mean(log_w, f**2) - self_normalized_mean(log_w, f) ** 2  # noqa: F821


@variant("sampling.effective_sample_size", because="in logarithms")
def size_in_logarithms(log_w):
    return float(np.exp(2 * logsumexp(log_w) - logsumexp(2 * log_w)))


@variant("sampling.effective_sample_size", because="from the variation of the weights: it is equal")
def size_from_the_variation(log_w):
    w = softmax(log_w)
    return len(w) / (1 + w.var() / w.mean() ** 2)
