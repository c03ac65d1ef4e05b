"""Mistakes in a.1.1 and a.1.2: the density of the mixture, and the density on a mesh."""

import numpy as np
from scipy.stats import multivariate_normal

from grader.catalogue import mistake


def quadratic(x, mean, covariance):
    """Squared Mahalanobis distances, (N,)."""
    d = x - mean
    return np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)


def mixed(terms):
    """log-sum-exp over the components."""
    return np.logaddexp.reduce(terms, axis=0)


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_falls_off_with_the_mahalanobis_distance"],
    hint="The half in front of the squared distance is missing.",
)
def density_without_the_half(x, weights, means, covariances):
    return mixed(
        [
            np.log(w) - quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_falls_off_with_the_mahalanobis_distance"],
    hint="Only the variances are used. The corners of the covariance turn the ellipses: invert the "
    "whole matrix.",
)
def density_of_the_diagonals(x, weights, means, covariances):
    return mixed(
        [
            np.log(w)
            - 0.5 * ((x - m) ** 2 / np.diag(s)).sum(axis=1)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_falls_off_with_the_mahalanobis_distance"],
    hint="The covariance itself stands where its inverse belongs.",
)
def density_with_the_covariance_for_its_inverse(x, weights, means, covariances):
    return mixed(
        [
            np.log(w)
            - 0.5 * np.einsum("ni,ij,nj->n", x - m, s, x - m)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_is_normalised"],
    hint="The determinant stands there without its square root: half of its logarithm belongs "
    "into the constant.",
)
def density_with_the_whole_determinant(x, weights, means, covariances):
    return mixed(
        [
            np.log(w) - 0.5 * quadratic(x, m, s) - np.log(2 * np.pi * np.linalg.det(s))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_is_normalised"],
    hint="The constant is that of one dimension, sqrt(2 pi). In D dimensions it stands there D "
    "times.",
)
def density_with_the_constant_of_one_dimension(x, weights, means, covariances):
    return mixed(
        [
            np.log(w) - 0.5 * (quadratic(x, m, s) + np.log(2 * np.pi * np.linalg.det(s)))
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_one_component_is_normalised"],
    hint="The normalising constants are missing. They differ between components, so they decide "
    "how high each peak is.",
)
def density_without_constants(x, weights, means, covariances):
    return mixed(
        [
            np.log(w) - 0.5 * quadratic(x, m, s)
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_components_are_mixed_with_their_weights"],
    hint="The logarithms of the components are averaged. A mixture adds up densities: the "
    "logarithm comes last.",
)
def density_mixes_logarithms(x, weights, means, covariances):
    return sum(
        w * (-0.5 * quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s)))
        for w, m, s in zip(weights, means, covariances, strict=True)
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_components_are_mixed_with_their_weights"],
    hint="All components count alike: the weights are not used.",
)
def density_without_weights(x, weights, means, covariances):
    return mixed(
        [
            -np.log(len(weights))
            - 0.5 * quadratic(x, m, s)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
            for m, s in zip(means, covariances, strict=True)
        ]
    )


@mistake(
    "sampling.mixture_log_density",
    fails=["test_density_is_finite_far_away"],
    hint="The formula is right, but far away every density is exactly 0 in float64, and the "
    "logarithm of zero is minus infinity. Take the largest logarithm out first.",
)
def density_underflows(x, weights, means, covariances):
    total = np.zeros(len(x))
    for w, m, s in zip(weights, means, covariances, strict=True):
        total += w * np.exp(-0.5 * quadratic(x, m, s)) / np.sqrt(np.linalg.det(2 * np.pi * s))
    return np.log(total)


@mistake(
    "sampling.mixture_log_density",
    fails=["test_density_is_finite_far_away"],
    hint="A small number added before the logarithm makes it finite and wrong: every point far "
    "away becomes equally likely.",
)
def density_with_a_floor(x, weights, means, covariances):
    total = np.zeros(len(x))
    for w, m, s in zip(weights, means, covariances, strict=True):
        total += w * np.exp(-0.5 * quadratic(x, m, s)) / np.sqrt(np.linalg.det(2 * np.pi * s))
    return np.log(total + 1e-300)


@mistake(
    "sampling.mixture_log_density",
    fails=["test_density_gives_one_number_per_point"],
    hint="The result is a column (N, 1), or for one point a bare number. It is asked for as (N,).",
)
def density_as_a_column(x, weights, means, covariances):
    terms = [
        np.log(w) - 0.5 * quadratic(x, m, s) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
        for w, m, s in zip(weights, means, covariances, strict=True)
    ]
    return mixed(terms)[:, None]


# --- a.1.2 ------------------------------------------------------------------------------------


def square(half_width, resolution):
    axis = np.linspace(-half_width, half_width, resolution)
    return np.meshgrid(axis, axis)


@mistake(
    "sampling.mesh_density",
    fails=["test_mesh_covers_the_square"],
    hint="The last value of each side is missing, as np.arange and endpoint=False leave it out.",
)
def mesh_without_its_end(log_density, half_width=6.0, resolution=200):
    axis = -half_width + 2 * half_width / resolution * np.arange(resolution)
    x, y = np.meshgrid(axis, axis)
    return x, y, np.exp(log_density(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)


@mistake(
    "sampling.mesh_density",
    fails=["test_mesh_holds_the_density_of_its_points"],
    hint="This is the logarithm of the density; the density is asked for.",
)
def mesh_of_the_logarithm(log_density, half_width=6.0, resolution=200):
    x, y = square(half_width, resolution)
    return x, y, log_density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)


@mistake(
    "sampling.mesh_density",
    fails=["test_mesh_holds_the_density_of_its_points"],
    hint="x and y are exchanged: the value at (i, j) is that of the mirrored point.",
)
def mesh_of_the_mirrored_density(log_density, half_width=6.0, resolution=200):
    x, y = square(half_width, resolution)
    return x, y, np.exp(log_density(np.column_stack([y.ravel(), x.ravel()]))).reshape(x.shape)


@mistake(
    "sampling.mesh_density",
    fails=["test_mesh_is_square"],
    hint="The density is still a list of points. A contour plot takes it in the shape of x and y.",
)
def mesh_left_flat(log_density, half_width=6.0, resolution=200):
    x, y = square(half_width, resolution)
    return x, y, np.exp(log_density(np.column_stack([x.ravel(), y.ravel()])))


@mistake(
    "sampling.mixture_log_density",
    fails=["test_density_leaves_its_arguments_alone"],
    hint="The points are moved in place: those of the caller are not where they were.",
)
def density_that_moves_its_points(x, weights, means, covariances):
    terms = []
    for w, m, s in zip(weights, means, covariances, strict=True):
        d = x - m
        level = np.log(w) - 0.5 * np.log(np.linalg.det(2 * np.pi * s))
        terms.append(level - 0.5 * np.einsum("ni,ij,nj->n", d, np.linalg.inv(s), d))
    x -= means[0]
    return np.logaddexp.reduce(terms)


@mistake(
    "sampling.mixture_log_density",
    fails=["test_density_gives_one_number_per_point"],
    hint="The largest term (N, 1) is added to a sum (N,), which pairs every point with every other "
    "one, (N, N): sum with keepdims=True as well, or take the largest term without it.",
)
def density_of_pairs_of_points(x, weights, means, covariances):
    terms = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(x).reshape(-1)
            for w, m, c in zip(weights, means, covariances, strict=True)
        ],
        axis=1,
    )
    top = terms.max(axis=1, keepdims=True)
    return np.log(np.exp(terms - top).sum(axis=1)) + top


@mistake(
    "sampling.mesh_density",
    fails=["test_mesh_is_square"],
    hint="x and y are the two axes, (R,) each: np.meshgrid makes (R, R) of them.",
)
def mesh_with_its_axes_alone(log_density, half_width=6.0, resolution=200):
    axis = np.linspace(-half_width, half_width, resolution)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return axis, axis, np.exp(log_density(points)).reshape(resolution, resolution)
