"""Right implementations of a.5: Gibbs sampling."""

import numpy as np

from grader.catalogue import Variants

gibbs_sampling = Variants("sampling.gibbs_sampling")


@gibbs_sampling
def gibbs_in_the_other_order(correlation, x0, n, rng):
    """the second coordinate is drawn first"""
    a, b = map(float, x0)
    sd = np.sqrt(1 - correlation**2)
    rows = []
    for _ in range(n):
        b = rng.normal(correlation * a, sd)
        a = rng.normal(correlation * b, sd)
        rows.append([a, b])
    return np.array(rows)


@gibbs_sampling
def gibbs_in_a_list(correlation, x0, n, rng):
    """rows in a list"""
    a, b = map(float, x0)
    sd = (1 - correlation**2) ** 0.5
    rows = []
    for _ in range(n):
        a = rng.normal(correlation * b, sd)
        b = rng.normal(correlation * a, sd)
        rows.append((a, b))
    return rows


@gibbs_sampling
def gibbs_with_its_start(correlation, x0, n, rng):
    """the start is the first row"""
    chain = np.zeros((n, 2))
    chain[0] = x0
    for t in range(1, n):
        chain[t, 0] = np.random.normal(correlation * chain[t - 1, 1], (1 - correlation**2) ** 0.5)
        chain[t, 1] = np.random.normal(correlation * chain[t, 0], (1 - correlation**2) ** 0.5)
    return chain


@gibbs_sampling
def gibbs_one_coordinate_in_turn(correlation, x0, n, rng):
    """an iteration draws one coordinate, in turn"""
    x = np.array(x0, dtype=float)
    chain = []
    for t in range(n):
        x[t % 2] = rng.normal(correlation * x[1 - t % 2], np.sqrt(1 - correlation**2))
        chain.append(x.copy())
    return np.array(chain)


@gibbs_sampling
def gibbs_one_coordinate_at_random(correlation, x0, n, rng):
    """an iteration draws one coordinate, at random"""
    x = np.array(x0, dtype=float)
    chain = np.empty((n, 2))
    for row in chain:
        k = rng.integers(2)
        x[k] = correlation * x[1 - k] + np.sqrt(1 - correlation**2) * rng.standard_normal()
        row[:] = x
    return chain
