"""Mistakes in a.1: the target density and its mesh."""

import numpy as np
from scipy.stats import multivariate_normal

from grader.catalogue import Mistakes


def quadratic(x, mean, covariance):
    """Squared Mahalanobis distances, (N,)."""
    d = x - mean
    return np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)


def mixed(terms):
    """log-sum-exp over the components."""
    return np.logaddexp.reduce(terms, axis=0)


def square(half_width, resolution):
    axis = np.linspace(-half_width, half_width, resolution)
    return np.meshgrid(axis, axis)


component_distance = Mistakes(
    "sampling.mixture_log_density", "test_one_component_falls_off_with_the_mahalanobis_distance"
)


@component_distance
def density_without_the_half(x, weights, means, covariances):
    """The half in front of the squared distance is missing."""
    return mixed(
        [
            np.log(w) - quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@component_distance
def density_of_the_diagonals(x, weights, means, covariances):
    """Only the variances are used. The corners of the covariance turn the ellipses: invert the
    whole matrix."""
    return mixed(
        [
            np.log(w)
            - 0.5 * ((x - m) ** 2 / np.diag(s)).sum(axis=1)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@component_distance
def density_with_the_covariance_for_its_inverse(x, weights, means, covariances):
    """The covariance itself stands where its inverse belongs."""
    return mixed(
        [
            np.log(w)
            - 0.5 * np.einsum("ni,ij,nj->n", x - m, s, x - m)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


component_norm = Mistakes("sampling.mixture_log_density", "test_one_component_is_normalised")


@component_norm
def density_with_the_whole_determinant(x, weights, means, covariances):
    """The determinant stands there without its square root: half of its logarithm belongs into the
    constant."""
    return mixed(
        [
            np.log(w) - 0.5 * quadratic(x, m, s) - np.log(2 * np.pi * np.linalg.det(s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@component_norm
def density_with_the_constant_of_one_dimension(x, weights, means, covariances):
    """The constant is that of one dimension, sqrt(2 pi). In D dimensions it stands there D
    times."""
    return mixed(
        [
            np.log(w) - 0.5 * (quadratic(x, m, s) + np.log(2 * np.pi * np.linalg.det(s)))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@component_norm
def density_without_constants(x, weights, means, covariances):
    """The normalising constants are missing. They differ between components, so they decide how
    high each peak is."""
    return mixed(
        [
            np.log(w) - 0.5 * quadratic(x, m, s)
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


mixture = Mistakes("sampling.mixture_log_density", "test_components_are_mixed_with_their_weights")


@mixture
def density_mixes_logarithms(x, weights, means, covariances):
    """The logarithms of the components are averaged. A mixture adds up densities: the logarithm
    comes last."""
    return sum(
        w * (-0.5 * quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s)))
        for w, m, s in zip(weights, means, covariances, strict=True)
    )


@mixture
def density_without_weights(x, weights, means, covariances):
    """All components count alike: the weights are not used."""
    return mixed(
        [
            -np.log(len(weights))
            - 0.5 * quadratic(x, m, s)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for m, s in zip(means, covariances, strict=True)
        ]
    )


density_far_away = Mistakes("sampling.mixture_log_density", "test_density_is_finite_far_away")


@density_far_away
def density_underflows(x, weights, means, covariances):
    """The formula is right, but far away every density is exactly 0 in float64, and the logarithm
    of zero is minus infinity. Take the largest logarithm out first."""
    total = np.zeros(len(x))
    for w, m, s in zip(weights, means, covariances, strict=True):
        total += w * np.exp(-0.5 * quadratic(x, m, s)) / np.sqrt(np.linalg.det(2 * np.pi * s))
    return np.log(total)


@density_far_away
def density_with_a_floor(x, weights, means, covariances):
    """A small number added before the logarithm makes it finite and wrong: every point far away
    becomes equally likely."""
    total = np.zeros(len(x))
    for w, m, s in zip(weights, means, covariances, strict=True):
        total += w * np.exp(-0.5 * quadratic(x, m, s)) / np.sqrt(np.linalg.det(2 * np.pi * s))
    return np.log(total + 1e-300)


density_shape = Mistakes("sampling.mixture_log_density", "test_density_gives_one_number_per_point")


@density_shape
def density_as_a_column(x, weights, means, covariances):
    """The result is a column (N, 1), or for one point a bare number. It is asked for as (N,)."""
    terms = [
        np.log(w) - 0.5 * quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
        for w, m, s in zip(weights, means, covariances, strict=True)
    ]
    return mixed(terms)[:, None]


@density_shape
def density_of_pairs_of_points(x, weights, means, covariances):
    """The largest term (N, 1) is added to a sum (N,), which pairs every point with every other one,
    (N, N): sum with keepdims=True as well, or take the largest term without it."""
    terms = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(x).reshape(-1)
            for w, m, c in zip(weights, means, covariances, strict=True)
        ],
        axis=1,
    )
    top = terms.max(axis=1, keepdims=True)
    return np.log(np.exp(terms - top).sum(axis=1)) + top


density_arguments = Mistakes(
    "sampling.mixture_log_density", "test_density_leaves_its_arguments_alone"
)


@density_arguments
def density_that_moves_its_points(x, weights, means, covariances):
    """The points are moved in place: those of the caller are not where they were."""
    terms = []
    for w, m, s in zip(weights, means, covariances, strict=True):
        d = x - m
        level = np.log(w) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
        terms.append(level - 0.5 * np.einsum("ni,ij,nj->n", d, np.linalg.inv(s), d))
    x -= means[0]
    return np.logaddexp.reduce(terms)


mesh_square = Mistakes("sampling.mesh_density", "test_mesh_covers_the_square")


@mesh_square
def mesh_without_its_end(log_density, half_width=6.0, resolution=200):
    """The last value of each side is missing, as np.arange and endpoint=False leave it out."""
    axis = -half_width + 2 * half_width / resolution * np.arange(resolution)
    x, y = np.meshgrid(axis, axis)
    return x, y, np.exp(log_density(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)


mesh_points = Mistakes("sampling.mesh_density", "test_mesh_holds_the_density_of_its_points")


@mesh_points
def mesh_of_the_logarithm(log_density, half_width=6.0, resolution=200):
    """This is the logarithm of the density; the density is asked for."""
    x, y = square(half_width, resolution)
    return x, y, log_density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)


@mesh_points
def mesh_of_the_mirrored_density(log_density, half_width=6.0, resolution=200):
    """x and y are exchanged: the value at (i, j) is that of the mirrored point."""
    x, y = square(half_width, resolution)
    return x, y, np.exp(log_density(np.column_stack([y.ravel(), x.ravel()]))).reshape(x.shape)


mesh_shape = Mistakes("sampling.mesh_density", "test_mesh_is_square")


@mesh_shape
def mesh_left_flat(log_density, half_width=6.0, resolution=200):
    """The density is still a list of points. A contour plot takes it in the shape of x and y."""
    x, y = square(half_width, resolution)
    return x, y, np.exp(log_density(np.column_stack([x.ravel(), y.ravel()])))


@mesh_shape
def mesh_with_its_axes_alone(log_density, half_width=6.0, resolution=200):
    """x and y are the two axes, (R,) each: np.meshgrid makes (R, R) of them."""
    axis = np.linspace(-half_width, half_width, resolution)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return axis, axis, np.exp(log_density(points)).reshape(resolution, resolution)
