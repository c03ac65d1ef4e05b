"""Right implementations of a.1: the target density and its mesh."""

import math

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from grader.catalogue import Variants

mixture_log_density = Variants("sampling.mixture_log_density")


@mixture_log_density
def density_by_scipy(x, weights, means, covariances):
    """scipy's density and its log-sum-exp"""
    terms = [multivariate_normal.logpdf(x, m, s) for m, s in zip(means, covariances, strict=True)]
    return logsumexp(np.reshape(terms, (len(weights), -1)).T, b=weights, axis=1)


@mixture_log_density
def density_by_torch(x, weights, means, covariances):
    """torch in double precision"""
    weights, means, covariances = (torch.as_tensor(a) for a in (weights, means, covariances))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(probs=weights),
        torch.distributions.MultivariateNormal(means, covariance_matrix=covariances),
    )
    return mixture.log_prob(torch.as_tensor(x)).numpy()


@mixture_log_density
def density_point_by_point(x, weights, means, covariances):
    """a loop over the points, with the plain inverse"""
    values = []
    for point in x:
        terms = []
        for w, m, s in zip(weights, means, covariances, strict=True):
            d = point - m
            log_n = -0.5 * d @ np.linalg.inv(s) @ d - 0.5 * np.log(np.linalg.det(s))
            terms.append(math.log(w) + log_n - len(m) / 2 * math.log(2 * math.pi))
        top = max(terms)
        values.append(top + math.log(sum(math.exp(t - top) for t in terms)))
    return np.array(values)


mesh_density = Variants("sampling.mesh_density")


@mesh_density
def mesh_with_matrix_indexing(log_density, half_width=6.0, resolution=200):
    """the other indexing: x changes along the first axis"""
    axis = np.linspace(-half_width, half_width, resolution)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    return x, y, np.exp(log_density(np.stack([x, y], axis=-1).reshape(-1, 2))).reshape(x.shape)


@mesh_density
def mesh_row_by_row(log_density, half_width=6.0, resolution=200):
    """mgrid, row by row, as a list of three"""
    y, x = np.mgrid[
        -half_width : half_width : resolution * 1j, -half_width : half_width : resolution * 1j
    ]
    rows = [np.exp(log_density(np.column_stack([a, b]))) for a, b in zip(x, y, strict=True)]
    return [x, y, np.array(rows)]


@mesh_density
def mesh_in_two_loops(log_density, half_width=6.0, resolution=200):
    """one point after the other, in two loops"""
    axis = np.linspace(-half_width, half_width, resolution)
    x, y = np.meshgrid(axis, axis)
    density = np.empty_like(x)
    for i in range(resolution):
        for j in range(resolution):
            density[i, j] = np.exp(log_density(np.array([x[i, j], y[i, j]])))
    return x, y, density
