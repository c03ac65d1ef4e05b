"""Right implementations of a.4: Metropolis-Hastings, thinning and autocorrelation."""

import math
import random

import numpy as np

from grader.catalogue import Variants

metropolis_hastings = Variants("sampling.metropolis_hastings")


@metropolis_hastings
def walk_with_its_start(log_p, x0, step, n, rng):
    """the start is the first row, n - 1 moves follow"""
    chain = np.empty((n, len(x0)))
    chain[0] = x0
    accepted = 0
    for t in range(1, n):
        y = rng.normal(chain[t - 1], step)
        ratio = np.exp(min(0.0, float(log_p(y[None])[0] - log_p(chain[t - 1][None])[0])))
        if rng.uniform() < ratio:
            chain[t] = y
            accepted += 1
        else:
            chain[t] = chain[t - 1]
    return chain, accepted / max(1, n - 1)


@metropolis_hastings
def walk_with_noise_drawn_beforehand(log_p, x0, step, n, rng):
    """all noise is drawn beforehand, from np.random"""
    noise = step * np.random.randn(n, len(x0))
    log_u = np.log(np.random.rand(n))
    x, here, rows, moves = x0.copy(), log_p(x0), [], []
    for e, level in zip(noise, log_u, strict=True):
        there = log_p(x + e)
        moves.append(level <= there - here)
        if moves[-1]:
            x, here = x + e, there
        rows.append(x)
    return np.stack(rows), np.mean(moves)


@metropolis_hastings
def walk_with_a_covariance(log_p, x0, step, n, rng):
    """a covariance, and Python's own source for u"""
    x = np.array(x0, dtype=np.float64)
    covariance = step**2 * np.eye(len(x))
    chain, count = [], 0
    for _ in range(n):
        y = rng.multivariate_normal(x, covariance, method="cholesky")
        if math.log(1 - random.random()) < float(log_p(y)) - float(log_p(x)):
            x = y
            count += 1
        chain.append(x.copy())
    return np.array(chain), count / n


thin = Variants("sampling.thin")


@thin
def thin_keeping_the_last(chain, burn_in, every):
    """the last row of each stretch is kept"""
    return chain[burn_in + every - 1 :: every]


@thin
def thin_by_the_number_of_the_row(chain, burn_in, every):
    """a list of rows, picked by their number"""
    return np.array([row for i, row in enumerate(chain) if i >= burn_in and i % every == 0])


autocorrelation = Variants("sampling.autocorrelation")


@autocorrelation
def autocorrelation_without_bias(x, max_lag=50):
    """sums over N - k"""
    d = np.asarray(x) - np.mean(x)
    return np.array([np.mean(d[: len(d) - k] * d[k:]) for k in range(max_lag + 1)]) / np.var(x)


@autocorrelation
def autocorrelation_by_corrcoef(x, max_lag=50):
    """correlation of the sequence with itself, shifted"""
    return [1.0] + [np.corrcoef(x[:-k], x[k:])[0, 1] for k in range(1, max_lag + 1)]


@autocorrelation
def autocorrelation_by_fourier(x, max_lag=50):
    """a Fourier transform, padded with zeros"""
    d = x - x.mean()
    spectrum = np.fft.fft(d, 4 * len(d))
    products = np.fft.ifft(spectrum * np.conj(spectrum)).real[: max_lag + 1]
    return products / products[0]


@autocorrelation
def autocorrelation_by_correlate(x, max_lag=50):
    """np.correlate, and the variance over N - 1"""
    d = x - x.mean()
    products = np.correlate(d, d, mode="full")[len(d) - 1 :][: max_lag + 1]
    return products / len(d) / x.var(ddof=1)
