"""Part A. Not finished: importance sampling and the chains are missing."""

import numpy as np
from scipy.stats import multivariate_normal


def mixture_log_density(x, weights, means, covariances):
    logs = np.array(
        [np.log(w) + multivariate_normal(m, S).logpdf(x) for w, m, S in zip(weights, means, covariances)]
    ).reshape(len(weights), -1)
    return np.logaddexp.reduce(logs, axis=0)


def mesh_density(log_density, half_width=6.0, resolution=200):
    x, y = np.meshgrid(*[np.linspace(-half_width, half_width, resolution)] * 2)
    values = np.exp(log_density(np.dstack([x, y]).reshape(-1, 2)))
    return x, y, values.reshape(resolution, resolution)


def proposal_log_density(x, sigma):
    return multivariate_normal(np.zeros(2), sigma**2 * np.eye(2)).logpdf(x)


def draw_proposal(n, sigma, rng):
    return rng.normal(0, sigma, (n, 2))


def rejection_sampling(log_p, log_q, draw_q, c, n, rng):
    samples, attempts = [], 0
    while len(samples) < n:
        x = draw_q(1, rng)
        attempts += 1
        if rng.random() < np.exp(log_p(x)[0] - log_q(x)[0]) / c:
            samples.append(x[0])
    return np.array(samples), n / attempts


def envelope_constant(log_p, log_q, half_width=6.0):
    return 12.0


def is_envelope(log_p, log_q, c, half_width=6.0):
    raise NotImplementedError


def integrand(x):
    return x[:, 0] ** 2 + np.sin(x[:, 1])


def self_normalized_mean(log_w, f):
    raise NotImplementedError


def weighted_variance(log_w, f):
    raise NotImplementedError


def effective_sample_size(log_w):
    raise NotImplementedError


def metropolis_hastings(log_p, x0, step, n, rng):
    raise NotImplementedError


def thin(chain, burn_in, every):
    return chain[burn_in::every]


def autocorrelation(x, max_lag=50):
    raise NotImplementedError


def gibbs_sampling(correlation, x0, n, rng):
    raise NotImplementedError
