"""Mistakes in a.1.1 and a.1.2: the density of the mixture, and the density on a mesh."""

from grader.catalogue import Mistakes

component_distance = Mistakes(
    "sampling.mixture_log_density", "test_falls_off_with_the_mahalanobis_distance"
)
component_distance.edit(
    "density_without_the_half",
    "0.5 * ((white**2).sum(axis=0) + constant)",
    "(white**2).sum(axis=0) - 0.5 * constant",
    "The half in front of the squared distance is missing.",
)
component_distance.edit(
    "density_of_the_diagonals",
    "np.linalg.solve(factor, (x - mean).T)",
    "(x - mean).T / np.sqrt(np.diag(covariance))[:, None]",
    """Only the variances are used. The corners of the covariance turn the ellipses: invert the
    whole matrix.""",
)
component_distance.edit(
    "density_with_the_covariance_for_its_inverse",
    "np.linalg.solve(factor, (x - mean).T)",
    "factor.T @ (x - mean).T",
    "The covariance itself stands where its inverse belongs.",
)

component_norm = Mistakes("sampling.mixture_log_density", "test_is_normalised")
component_norm.edit(
    "density_with_the_whole_determinant",
    "2 * np.log(np.diag",
    "4 * np.log(np.diag",
    """The determinant stands there without its square root: half of its logarithm belongs into the
    constant.""",
)
component_norm.edit(
    "density_with_the_constant_of_one_dimension",
    "len(mean) * np.log(2 * np.pi)",
    "np.log(2 * np.pi)",
    "The constant is that of one dimension, sqrt(2 pi). In D dimensions it stands there D times.",
)
component_norm.edit(
    "density_without_constants",
    "(white**2).sum(axis=0) + constant",
    "(white**2).sum(axis=0)",
    """The normalising constants are missing. They differ between components, so they decide how
    high each peak is.""",
)

mixture = Mistakes("sampling.mixture_log_density", "test_mixes_components_with_their_weights")
mixture.edit(
    "density_mixes_logarithms",
    "largest + np.log(np.exp(stacked - largest).sum(axis=0))",
    "weights @ (stacked - np.log(weights)[:, None])",
    """The logarithms of the components are averaged. A mixture adds up densities: the logarithm
    comes last.""",
)
mixture.edit(
    "density_without_weights",
    "np.log(weight)",
    "-np.log(len(weights))",
    "All components count alike: the weights are not used.",
)

density_far_away = Mistakes("sampling.mixture_log_density", "test_is_right_far_out")
density_far_away.edit(
    "density_underflows",
    "largest + np.log(np.exp(stacked - largest).sum(axis=0))",
    "np.log(np.exp(stacked).sum(axis=0))",
    """The formula is right, but far away every density is exactly 0 in float64, and the logarithm
    of zero is minus infinity. Take the largest logarithm out first.""",
)
density_far_away.edit(
    "density_with_a_floor",
    "largest + np.log(np.exp(stacked - largest).sum(axis=0))",
    "np.log(np.exp(stacked).sum(axis=0) + 1e-300)",
    """A small number added before the logarithm makes it finite and wrong: every point far away
    becomes equally likely.""",
)

Mistakes("sampling.mixture_log_density", "test_has_the_right_shape").edit(
    "density_of_pairs_of_points",
    "largest + np.log",
    "largest[:, None] + np.log",
    """The largest term (N, 1) is added to a sum (N,), which pairs every point with every other one,
    (N, N): sum with keepdims=True as well, or take the largest term without it.""",
)

Mistakes("sampling.mesh_density", "test_covers_the_square").edit(
    "mesh_without_its_end",
    "np.linspace(-half_width, half_width, resolution)",
    "np.linspace(-half_width, half_width, resolution, endpoint=False)",
    "The last value of each side is missing, as np.arange and endpoint=False leave it out.",
)

mesh_points = Mistakes("sampling.mesh_density", "test_holds_the_density_of_its_points")
mesh_points.edit(
    "mesh_of_the_logarithm",
    "np.exp(log_density(points))",
    "log_density(points)",
    "This is the logarithm of the density; the density is asked for.",
)
mesh_points.edit(
    "mesh_of_the_mirrored_density",
    "[x.ravel(), y.ravel()]",
    "[y.ravel(), x.ravel()]",
    "x and y are exchanged: the value at (i, j) is that of the mirrored point.",
)

mesh_shape = Mistakes("sampling.mesh_density", "test_has_the_right_shape")
mesh_shape.edit(
    "mesh_left_flat",
    ".reshape(x.shape)",
    "",
    "The density is still a list of points. A contour plot takes it in the shape of x and y.",
)
mesh_shape.edit(
    "mesh_with_its_axes_alone",
    "return x, y,",
    "return axis, axis,",
    "x and y are the two axes, (R,) each: np.meshgrid makes (R, R) of them.",
)
