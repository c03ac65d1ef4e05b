# Part A, Chitra
import numpy as np


def mixture_log_density(x, weights, means, covariances):
    p = np.zeros(len(x))
    for w, m, S in zip(weights, means, covariances):
        d = x - m
        e = np.exp(-0.5 * np.sum(d @ np.linalg.inv(S) * d, axis=1))
        p += w * e / (2 * np.pi * np.sqrt(np.linalg.det(S)))
    return np.log(p)


def mesh_density(log_density, half_width=6.0, resolution=200):
    xs = np.linspace(-half_width, half_width, resolution)
    X, Y = np.meshgrid(xs, xs)
    return X, Y, np.exp(log_density(np.stack([X.ravel(), Y.ravel()], 1))).reshape(X.shape)


def proposal_log_density(x, sigma):
    return -np.sum(x**2, 1) / (2 * sigma**2) - np.log(2 * np.pi * sigma**2)


def draw_proposal(n, sigma, rng):
    return np.random.randn(n, 2) * sigma


def rejection_sampling(log_p, log_q, draw_q, c, n, rng):
    samples = []
    tries = 0
    while len(samples) < n:
        x = draw_q(1000, rng)
        tries += 1000
        ratio = np.exp(log_p(x) - log_q(x)) / c
        samples.extend(x[ratio > 0.5])
    return np.array(samples[:n]), len(samples) / tries


def envelope_constant(log_p, log_q, half_width=6.0):
    xs = np.linspace(-half_width, half_width, 300)
    X, Y = np.meshgrid(xs, xs)
    pts = np.stack([X.ravel(), Y.ravel()], 1)
    return np.max(np.exp(log_p(pts) - log_q(pts)))


def is_envelope(log_p, log_q, c, half_width=6.0):
    return bool(envelope_constant(log_p, log_q, half_width) <= c)


def integrand(x):
    return x[:, 0] ** 2 + np.sin(x[:, 1])


def self_normalized_mean(log_w, f):
    w = np.exp(log_w - np.max(log_w))
    return np.sum(w * f) / np.sum(w)


def weighted_variance(log_w, f):
    w = np.exp(log_w - np.max(log_w))
    return np.sum(w * (f - self_normalized_mean(log_w, f)) ** 2) / np.sum(w)


def effective_sample_size(log_w):
    w = np.exp(log_w - np.max(log_w))
    return np.sum(w) ** 2 / np.sum(w**2)


def metropolis_hastings(log_p, x0, step, n, rng):
    x = np.array(x0)
    chain = []
    accepted = 0
    for _ in range(n):
        new = x + step * rng.standard_normal(2)
        if rng.random() < min(1, np.exp(log_p(new) - log_p(x))):
            x = new
            accepted += 1
        chain.append(x)
    return np.array(chain), accepted / n


def thin(chain, burn_in, every):
    return chain[::every][burn_in:]


def autocorrelation(x, max_lag=50):
    x = x - x.mean()
    full = np.correlate(x, x, "full")[len(x) - 1 :]
    return full[: max_lag + 1] / full[0]


def gibbs_sampling(correlation, x0, n, rng):
    x1, x2 = x0
    chain = []
    for _ in range(n):
        x1 = rng.normal(correlation * x2, 1 - correlation**2)
        x2 = rng.normal(correlation * x1, 1 - correlation**2)
        chain.append([x1, x2])
    return np.array(chain)
