"""Right implementations of a.2: the proposal, rejection sampling and the envelope."""

import numpy as np
import torch
from scipy import optimize
from scipy.stats import multivariate_normal, norm

from grader.catalogue import Variants

proposal_log_density = Variants("sampling.proposal_log_density")


@proposal_log_density
def proposal_by_scipy(x, sigma):
    """scipy, as a product of two densities"""
    return norm.logpdf(x, scale=sigma).sum(axis=1)


@proposal_log_density
def proposal_as_a_density(x, sigma):
    """the density first, its logarithm second"""
    return np.log(multivariate_normal(np.zeros(2), sigma**2 * np.eye(2)).pdf(x))


draw_proposal = Variants("sampling.draw_proposal")


@draw_proposal
def draws_from_the_global_source(n, sigma, rng):
    """NumPy's global source instead of rng"""
    return np.random.multivariate_normal([0.0, 0.0], sigma**2 * np.eye(2), size=n)


@draw_proposal
def draws_from_torch(n, sigma, rng):
    """torch's source"""
    return (sigma * torch.randn(n, 2, dtype=torch.float64)).numpy()


rejection_sampling = Variants("sampling.rejection_sampling")


@rejection_sampling
def rejection_one_at_a_time(log_p, log_q, draw_q, c, n, rng):
    """one point at a time, up to the n-th acceptance"""
    kept, attempts = [], 0
    while len(kept) < n:
        x = draw_q(1, rng)
        attempts += 1
        if rng.uniform() <= np.exp(log_p(x) - log_q(x)).item() / c:
            kept.append(x[0])
    return np.array(kept), len(kept) / attempts


@rejection_sampling
def rejection_in_whole_batches(log_p, log_q, draw_q, c, n, rng):
    """whole batches, all that they gave counted"""
    kept, accepted, attempts = [], 0, 0
    while accepted < n:
        x = draw_q(5000, rng)
        u = np.random.rand(len(x))
        good = u * c * np.exp(log_q(x)) < np.exp(log_p(x))
        kept.extend(x[good])
        accepted += int(good.sum())
        attempts += len(x)
    return np.array(kept[:n]), accepted / attempts


@rejection_sampling
def rejection_in_logarithms(log_p, log_q, draw_q, c, n, rng):
    """logarithms throughout, one large batch at first"""
    pool, accepted, attempts = np.empty((0, 2)), 0, 0
    size = int(n * c) + 1
    while accepted < n:
        x = draw_q(size, rng)
        keep = np.log(rng.random(size)) <= log_p(x) - log_q(x) - np.log(c)
        pool = np.vstack([pool, x[keep]])
        accepted, attempts = len(pool), attempts + size
    return pool[:n], accepted / attempts


@rejection_sampling
def rejection_point_by_point(log_p, log_q, draw_q, c, n, rng):
    """one point at a time, each attempt counted"""
    kept, tries = [], 0
    while len(kept) < n:
        x = draw_q(1, rng)[0]
        tries += 1
        if rng.random() < np.exp(log_p(x) - log_q(x)) / c:
            kept.append(x)
    return np.array(kept), n / tries


envelope_constant = Variants("sampling.envelope_constant")


@envelope_constant
def envelope_on_a_mesh(log_p, log_q, half_width=6.0):
    """the mesh of the plots is fine enough"""
    axis = np.linspace(-half_width, half_width, 200)
    x, y = np.meshgrid(axis, axis)
    points = np.column_stack([x.ravel(), y.ravel()])
    return np.max(np.exp(log_p(points)) / np.exp(log_q(points)))


@envelope_constant
def envelope_by_an_optimiser(log_p, log_q, half_width=6.0):
    """an optimiser from several starts"""

    def negative(x):
        return float(log_q(x[None])[0] - log_p(x[None])[0])

    axis = np.linspace(-half_width, half_width, 9)
    bounds = [(-half_width, half_width)] * 2
    found = [
        optimize.minimize(negative, np.array([a, b]), bounds=bounds).fun for a in axis for b in axis
    ]
    return float(np.exp(-min(found)))


is_envelope = Variants("sampling.is_envelope")


@is_envelope
def envelope_seen_on_a_mesh(log_p, log_q, c, half_width=6.0):
    """p <= c q is looked at on a mesh"""
    axis = np.linspace(-half_width, half_width, 200)
    x, y = np.meshgrid(axis, axis)
    points = np.column_stack([x.ravel(), y.ravel()])
    return np.all(np.exp(log_p(points)) <= c * np.exp(log_q(points)))


@is_envelope
def envelope_in_two_loops(log_p, log_q, c, half_width=6.0):
    """two loops over the mesh, without the constant"""
    axis = np.linspace(-half_width, half_width, 200)
    for first in axis:
        for second in axis:
            x = np.array([first, second])
            if log_p(x) > np.log(c) + log_q(x):
                return False
    return True
