"""Assignment 3, part A. Anjali."""

import numpy as np
from scipy.special import logsumexp

SEED = 1234
np.random.seed(SEED)


def log_gaussian(x, mu, Sigma):
    L = np.linalg.cholesky(Sigma)
    z = np.linalg.solve(L, (x - mu).T)
    return -0.5 * np.sum(z**2, axis=0) - np.sum(np.log(np.diag(L))) - 0.5 * len(mu) * np.log(2 * np.pi)


def mixture_log_density(x, weights, means, covariances):
    x = np.atleast_2d(x)
    parts = np.column_stack([log_gaussian(x, m, S) for m, S in zip(means, covariances)])
    return logsumexp(parts + np.log(weights), axis=1)


def mesh_density(log_density, half_width=6.0, resolution=200):
    g = np.linspace(-half_width, half_width, resolution)
    X, Y = np.meshgrid(g, g)
    Z = np.exp(log_density(np.c_[X.ravel(), Y.ravel()])).reshape(X.shape)
    return X, Y, Z


def proposal_log_density(x, sigma):
    return log_gaussian(x, np.zeros(2), sigma**2 * np.eye(2))


def draw_proposal(n, sigma, rng):
    return rng.normal(scale=sigma, size=(n, 2))


def rejection_sampling(log_p, log_q, draw_q, c, n, rng):
    accepted = []
    n_accepted = n_attempted = 0
    while n_accepted < n:
        batch = draw_q(4096, rng)
        log_u = np.log(rng.uniform(size=len(batch)))
        ok = log_u < log_p(batch) - np.log(c) - log_q(batch)
        accepted.append(batch[ok])
        n_accepted += ok.sum()
        n_attempted += len(batch)
    return np.concatenate(accepted)[:n], n_accepted / n_attempted


def envelope_constant(log_p, log_q, half_width=6.0):
    # c = 12 is smaller than what this gives for the assignment's p and q.
    g = np.linspace(-half_width, half_width, 601)
    X, Y = np.meshgrid(g, g)
    pts = np.c_[X.ravel(), Y.ravel()]
    return float(np.exp(np.max(log_p(pts) - log_q(pts))))


def is_envelope(log_p, log_q, c, half_width=6.0):
    return c >= envelope_constant(log_p, log_q, half_width)


def integrand(x):
    return x[:, 0] ** 2 + np.sin(x[:, 1])


def normalize(log_w):
    return np.exp(log_w - logsumexp(log_w))


def self_normalized_mean(log_w, f):
    return float(np.sum(normalize(log_w) * f))


def weighted_variance(log_w, f):
    w = normalize(log_w)
    return float(np.sum(w * (f - np.sum(w * f)) ** 2))


def effective_sample_size(log_w):
    return float(1.0 / np.sum(normalize(log_w) ** 2))


def metropolis_hastings(log_p, x0, step, n, rng):
    x = np.array(x0, dtype=np.float64)
    lp = log_p(x)
    samples, n_acc = [], 0
    for _ in range(n):
        prop = x + rng.normal(0.0, step, size=x.shape)
        lp_prop = log_p(prop)
        if np.log(rng.uniform()) < lp_prop - lp:
            x, lp = prop, lp_prop
            n_acc += 1
        samples.append(x)
    return np.array(samples), n_acc / n


def thin(chain, burn_in, every):
    return chain[burn_in:][::every]


def autocorrelation(x, max_lag=50):
    x = np.asarray(x) - np.mean(x)
    var = np.mean(x * x)
    return np.array([np.mean(x[: len(x) - k] * x[k:]) / var for k in range(max_lag + 1)])


def gibbs_sampling(correlation, x0, n, rng):
    x1, x2 = x0
    std = np.sqrt(1 - correlation**2)
    out = np.empty((n, 2))
    for t in range(n):
        x1 = rng.normal(correlation * x2, std)
        x2 = rng.normal(correlation * x1, std)
        out[t] = x1, x2
    return out
