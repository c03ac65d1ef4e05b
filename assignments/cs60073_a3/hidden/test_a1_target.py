"""Questions a.1.1 and a.1.2: the density of a mixture, and a density on a mesh."""

import math

import numpy as np
import pytest

from grader.measures.plane import NormalMixture
from grader.suite.expect import as_array

DIMENSIONS = 2


def array(tensor):
    return tensor.double().numpy()


def covariances(draw, count, dimensions=DIMENSIONS):
    """Covariances with variances between 0.4 and 2 and correlations between 0.3 and 0.9."""
    found = []
    for _ in range(count):
        sd = np.sqrt([draw.number(0.4, 2.0) for _ in range(dimensions)])
        r = draw.number(0.3, 0.9) * (2 * draw.integer(0, 1) - 1)
        found.append(np.outer(sd, sd) * (np.eye(dimensions) * (1 - r) + r))
    return np.stack(found)


def mixture(draw, count=3, spread=3.0):
    """weights, means and covariances of a mixture in the plane."""
    weights = np.array([draw.number(0.3, 1.0) for _ in range(count)])
    means = array(draw.uniform(count, DIMENSIONS, low=-spread, high=spread))
    return weights / weights.sum(), means, covariances(draw, count)


def close(expect, found, wanted, what, help=""):
    """Rounding grows with the squared distances, which are of the size of the values."""
    found = expect.each(found, len(wanted), what=what)
    expect.close(found, wanted, what=what, help=help, slack=1e-9 * (1 + np.abs(wanted).max()))


@pytest.mark.question("a.1.1", weight=1.5)
def test_one_component_falls_off_with_the_mahalanobis_distance(submission, expect, draw):
    """log N(x | mu, Sigma) is minus half of (x - mu)^T Sigma^-1 (x - mu), up to a constant: two
    points are compared, so that the constant cancels."""
    for _ in range(3):
        weights, means, sigmas = np.ones(1), array(draw.normal(1, 2)), covariances(draw, 1)
        x = array(draw.normal(8, 2, std=2.0))
        found = submission.sampling.mixture_log_density(x, weights, means, sigmas)
        wanted = NormalMixture(weights, means, sigmas).log_density(x)
        found = expect.each(found, 8, what="log p(x)").numpy()
        close(
            expect,
            found[1:] - found[0],
            wanted[1:] - wanted[0],
            "the difference of log p(x) between two points, with one component,",
            "Is the covariance inverted as a matrix, with its corners, and is there the half?",
        )


@pytest.mark.question("a.1.1", weight=1.5)
def test_one_component_is_normalised(submission, expect, draw):
    """At its mean, log N is -(D log 2 pi + log det Sigma) / 2."""
    for _ in range(3):
        weights, means, sigmas = np.ones(1), array(draw.normal(1, 2)), covariances(draw, 1)
        found = submission.sampling.mixture_log_density(means, weights, means, sigmas)
        close(
            expect,
            found,
            NormalMixture(weights, means, sigmas).log_density(means),
            "log p at the mean of a single component",
            "The constant has log(2 pi) once for each dimension, and the determinant's logarithm; "
            "all of it halved.",
        )


@pytest.mark.question("a.1.1", weight=2)
def test_components_are_mixed_with_their_weights(submission, expect, draw):
    """p is the weighted sum of the components' densities; its logarithm is asked for. The
    mixture is compared with the single components that the submission itself gives."""
    weights, means, sigmas = mixture(draw, draw.integer(2, 4), spread=1.5)
    x = array(draw.normal(20, 2, std=2.0))
    one = np.ones(1)
    own = []
    for k in range(len(weights)):
        found = submission.sampling.mixture_log_density(x, one, means[k : k + 1], sigmas[k : k + 1])
        values = expect.each(found, 20, what="log p(x) of one component").numpy()
        expect.finite(values, what="log p(x) of one component")
        expect.true(
            bool(np.ptp(values) > 1e-3),
            "log p(x) of one component does not depend on x",
            "Is the function finished?",
        )
        own.append(values)
    each = np.stack(own)
    expect.true(
        bool(np.abs(each[1:] - each[0]).max() > 1e-3),
        "log p(x) of one component is the same for all components",
        "Is the function finished?",
    )
    wanted = np.logaddexp.reduce(np.log(weights)[:, None] + each, axis=0)
    close(
        expect,
        submission.sampling.mixture_log_density(x, weights, means, sigmas),
        wanted,
        "log p(x) of several components, given those of each,",
        "Weight times density, added up, and then the logarithm.",
    )


@pytest.mark.question("a.1.1", weight=1)
def test_density_is_finite_far_away(submission, expect, draw):
    """A hundred standard deviations away every component underflows in exp, and the logarithm of
    zero is minus infinity. The largest term has to be taken out first (log-sum-exp)."""
    weights, means, sigmas = mixture(draw)
    angle = draw.number(0, 2 * math.pi)
    way = np.array([math.cos(angle), math.sin(angle)])
    x = draw.number(80, 100) * np.array([[1.0], [1.4]]) * way
    near = submission.sampling.mixture_log_density(means, weights, means, sigmas)
    found = submission.sampling.mixture_log_density(x, weights, means, sigmas)
    near = expect.each(near, len(means), what="log p at the means")
    found = expect.each(found, 2, what="log p(x) far away")
    expect.finite(near, what="log p at the means")
    expect.finite(found, what="log p(x) far away", help="Use log-sum-exp over the components.")
    expect.true(
        bool(found[0] < near.min() - 500) and bool(found[1] < found[0] - 200),
        "log p(x) does not go on falling far away",
        "Adding a small number before the logarithm hides how small the density is.",
    )


def sensible(submission, expect, draw, x):
    """log p(x) of a mixture whose components all have the mean zero. Whatever else is wrong with
    it, it is finite, other at other points, and the same at x and at -x."""
    weights, means, sigmas = mixture(draw)
    found, mirrored, other = (
        submission.sampling.mixture_log_density(points, weights, 0 * means, sigmas)
        for points in (x, -x, 2 * x)
    )
    for value in (found, other):
        expect.finite(value, what="log p(x)")
    expect.true(
        bool(np.any(np.asarray(found) != np.asarray(other))),
        "log p(x) is the same at other points",
        "Is the function finished?",
    )
    expect.close(
        mirrored,
        found,
        what="log p(-x) of components whose means are all zero",
        help="Points that lie opposite each other are equally likely.",
        slack=1e-5 * (1 + float(np.abs(np.asarray(found)).max())),
    )
    return found


@pytest.mark.question("a.1.1", weight=0.5)
@pytest.mark.parametrize("count", [1, 7])
def test_density_gives_one_number_per_point(submission, expect, draw, count):
    """The result has shape (N,), for one point as well."""
    found = sensible(submission, expect, draw, array(draw.normal(count, 2)))
    expect.shape(found, (count,), what="log p(x)")


@pytest.mark.question("a.1.1", weight=0.25)
def test_density_leaves_its_arguments_alone(submission, probes, expect, draw):
    """The caller still needs the points and the means as they were: `x -= mean` changes them."""
    args = [array(draw.normal(9, 2)), *mixture(draw)]
    sensible(submission, expect, draw, args[0])
    after = submission(probes.arguments_after, function="mixture_log_density", args=args)
    for name, old, new in zip(("x", "weights", "means", "covariances"), args, after, strict=True):
        expect.unchanged(
            new, old, what=name, help="x - mean makes a new array, x -= mean does not."
        )


# --- a.1.2 the mesh ---------------------------------------------------------------------------


def logistic(draw, count=3, spread=3.0):
    """Arguments of the probes' density: weights, centres, scales and a matrix."""
    weights = np.array([draw.number(0.3, 1.0) for _ in range(count)])
    angle = draw.number(0.2, 1.3)
    return {
        "weights": weights / weights.sum(),
        "centres": array(draw.uniform(count, 2, low=-spread, high=spread)),
        "scales": np.array([draw.number(0.3, 0.6) for _ in range(count)]),
        "matrix": np.array([[1.0, math.sin(angle) / 2], [0.0, math.cos(angle) + 0.3]]),
    }


def mesh_of(submission, probes, expect, target, settings, resolution):
    """x, y and the density, (R, R) each, whatever their layout: `test_mesh_is_square` marks that.

    The two axes alone say what the mesh is as well. Which one runs along the rows can be told of
    axes (R, 1) and (1, R); else x is taken to run along them, as in `np.meshgrid`.
    """
    got = submission(probes.density_mesh, target=target, settings=settings)
    found = {}
    for name in ("x", "y", "density"):
        expect.finite(got[name], what=f"{name} of the mesh")
        found[name] = as_array(got[name]).astype(np.float64)
    x, y = found["x"], found["y"]
    if x.size == y.size == resolution:
        across = x.shape == (resolution, 1) and y.shape == (1, resolution)
        indexing = "ij" if across else "xy"
        found["x"], found["y"] = np.meshgrid(x.reshape(-1), y.reshape(-1), indexing=indexing)
    for name, values in found.items():
        expect.true(
            values.size == resolution**2,
            f"{name} of the mesh has {values.size} values; {resolution} times {resolution} "
            "are asked for",
            "x, y and the density are all (R, R).",
        )
    return found


@pytest.mark.question("a.1.2", weight=1)
def test_mesh_covers_the_square(submission, probes, expect, draw):
    """The usual mesh is 200 by 200 points from -6 to 6, both ends included; other squares and
    resolutions can be asked for."""
    target = logistic(draw)
    width, resolution = draw.number(2, 9), draw.integer(20, 60)
    sizes = [(None, 6.0, 200), ({"half_width": width, "resolution": resolution}, width, resolution)]
    for settings, half_width, count in sizes:
        found = mesh_of(submission, probes, expect, target, settings, count)
        axis = np.linspace(-half_width, half_width, count)
        points = np.stack([found["x"].reshape(-1), found["y"].reshape(-1)], axis=1).round(9)
        wanted = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).round(9)
        order = [np.lexsort(p.T) for p in (points, wanted)]
        expect.close(
            points[order[0]],
            wanted[order[1]],
            what="the set of points of the mesh",
            help="np.linspace includes both ends; x and y together run over all pairs.",
            slack=1e-7,
        )


@pytest.mark.question("a.1.2", weight=1)
def test_mesh_holds_the_density_of_its_points(submission, probes, expect, draw):
    """The value at (i, j) is the density at the point (x, y) that stands at (i, j)."""
    target, resolution = logistic(draw), draw.integer(60, 80)
    settings = {"resolution": resolution}
    found = mesh_of(submission, probes, expect, target, settings, resolution)
    points = np.stack([found["x"].reshape(-1), found["y"].reshape(-1)], axis=1)
    wanted = np.exp(probes.LogisticMixture(**target).log_density(points))
    expect.close(
        found["density"],
        wanted,
        what="the density on the mesh",
        help="The density, not its logarithm; and in the order of x and y, not across.",
        slack=1e-9 * wanted.max(),
    )


@pytest.mark.question("a.1.2", weight=0.5)
def test_mesh_is_square(submission, probes, expect, draw):
    """x, y and the density have shape (R, R), as a contour plot takes them."""
    target, other = logistic(draw), logistic(draw)
    got = submission(probes.density_mesh, target=target, settings={"resolution": 31})
    again = submission(probes.density_mesh, target=other, settings={"resolution": 31})
    expect.finite(got["density"], what="the density on the mesh")
    expect.true(
        not np.array_equal(as_array(got["density"]), as_array(again["density"])),
        "another density gives the same mesh",
        "Call the function that is passed in.",
    )
    for name in ("x", "y", "density"):
        expect.shape(got[name], (31, 31), what=f"{name} of the mesh")
