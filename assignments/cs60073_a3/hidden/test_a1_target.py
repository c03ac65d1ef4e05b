"""Questions a.1.1 and a.1.2: the density of a mixture, and a density on a mesh."""

import math

import numpy as np

from grader.suite.draw import array
from grader.suite.expect import as_array
from grader.suite.laws import Function, weight


def covariances(draw, count):
    """Covariances with variances between 0.4 and 2 and correlations between 0.3 and 0.9."""
    found = []
    for _ in range(count):
        sd = np.sqrt([draw.number(0.4, 2.0) for _ in range(2)])
        r = draw.number(0.3, 0.9) * (2 * draw.integer(0, 1) - 1)
        found.append(np.outer(sd, sd) * (np.eye(2) * (1 - r) + r))
    return np.stack(found)


def mixture(draw, count=3, spread=3.0):
    """weights, means and covariances of a mixture in the plane."""
    weights = array(draw.uniform(count, low=0.3, high=1.0))
    means = array(draw.uniform(count, 2, low=-spread, high=spread))
    return [weights / weights.sum(), means, covariances(draw, count)]


class TestMixture(Function, question="a.1.1", of="sampling.mixture_log_density"):
    owes = {"far_out": 1, "shape": 0.5, "batch_of_one": 0.5, "arguments": 0.25}
    parameters = ("x", "weights", "means", "covariances")
    far_slack = 1e-9
    look_at = {
        "far_out": "The largest term has to be taken out before exp (log-sum-exp): a small number "
        "that is added before the logarithm hides how small the density is.",
        "arguments": "x - mean makes a new array, x -= mean does not.",
    }

    def inputs(self, draw, batch=4):
        return [array(draw.normal(batch, 2, std=2.0)), *mixture(draw)]

    def far(self, draw):
        """A hundred standard deviations away every component underflows in exp."""
        angle, near = draw.number(0, 2 * math.pi), self.inputs(draw)
        way = np.array([math.cos(angle), math.sin(angle)])
        yield [draw.number(80, 100) * np.outer([1.0, 1.4], way), *near[1:]], near, "far away"

    @weight(1.5)
    def test_falls_off_with_the_mahalanobis_distance(self):
        """log N(x | mu, Sigma) is minus half of (x - mu)^T Sigma^-1 (x - mu), up to a constant: two
        points are compared, so that the constant cancels."""
        for count in (8, 3, 64):
            component = [np.ones(1), array(self.draw.normal(1, 2)), covariances(self.draw, 1)]
            x = array(self.draw.normal(count, 2, std=2.0))
            self.same_change(
                [x, *component],
                [np.roll(x, 1, axis=0), *component],
                "the difference of log p(x) between two points, with one component,",
                "Is the covariance inverted as a matrix, with its corners, and is there the half?",
                relative=1e-9,
            )

    @weight(1.5)
    def test_is_normalised(self):
        """At the mean of a single component, log N is -(D log 2 pi + log det Sigma) / 2."""
        for count in (1, 1, 64):
            mean = array(self.draw.normal(1, 2))
            self.same(
                *[mean.repeat(count, axis=0), np.ones(1), mean, covariances(self.draw, 1)],
                what="log p at the mean of a single component",
                help="The constant has log(2 pi) once for each dimension, and the determinant's "
                "logarithm; all of it halved.",
                relative=1e-9,
            )

    @weight(2)
    def test_mixes_components_with_their_weights(self):
        """p is the weighted sum of the components' densities; its logarithm is asked for. The
        mixture is compared with the single components that the submission itself gives."""
        weights, means, sigmas = mixture(self.draw, self.draw.integer(2, 4), spread=1.5)
        x, what = array(self.draw.normal(64, 2, std=2.0)), "log p(x) of several components"
        singles = [[x, np.ones(1), m[None], s[None]] for m, s in zip(means, sigmas, strict=True)]
        own = [self.expect.each(self.got(*args), 64, what=what).numpy() for args in singles]
        for one, other in zip(own, [own[-1], *own], strict=False):
            self.responds(one, other)
            self.responds(one, np.roll(one, 1))
            told = "log p(x) of a single component is the same for all points"
            self.expect.true(bool(np.ptp(one) > 1e-2), told, "Is the function finished?")
        self.expect.close(
            self.expect.each(self.got(x, weights, means, sigmas), 64, what=what),
            np.logaddexp.reduce(np.log(weights)[:, None] + np.stack(own), axis=0),
            what=f"{what}, given those of each,",
            help="Weight times density, added up, and then the logarithm.",
            slack=1e-9 * (1 + np.abs(own).max()),
        )


def logistic(draw):
    """Arguments of the probes' density: weights, centres, scales and a matrix."""
    weights, angle = array(draw.uniform(3, low=0.3, high=1.0)), draw.number(0.2, 1.3)
    return {
        "weights": weights / weights.sum(),
        "centres": array(draw.uniform(3, 2, low=-3.0, high=3.0)),
        "scales": array(draw.uniform(3, low=0.3, high=0.6)),
        "matrix": np.array([[1.0, math.sin(angle) / 2], [0.0, math.cos(angle) + 0.3]]),
    }


class TestMesh(Function, question="a.1.2", of="sampling.mesh_density", shape=0.5):
    """x, y and the density at points of a square."""

    def asked(self, target, *size):
        """The mesh of a density; of the usual size if none is given."""
        args = [{"log_density": target}, *size]
        probe = self.probes.a.sampled
        found = self.submission(probe, function=self.contract, args=args, several=3)["result"]
        mesh = self.expect.several(found, 3, what="the mesh", help="Return x, y and the density.")
        for name, values in zip(("x", "y", "the density"), mesh, strict=True):
            self.expect.finite(values, what=f"{name} of the mesh")
        return [as_array(values).astype(np.float64) for values in mesh]

    def mesh(self, resolution, target, *size):
        """The points (R * R, 2) and the density there, whatever their layout, which `shape` marks.

        The two axes alone say what the mesh is as well. Which one runs along the rows can be told
        of axes (R, 1) and (1, R); else x is taken to run along them, as in `np.meshgrid`.
        """
        x, y, density = self.asked(target, *size)
        if x.size == y.size == resolution:
            across = x.shape == (resolution, 1) and y.shape == (1, resolution)
            x, y = np.meshgrid(x.reshape(-1), y.reshape(-1), indexing="ij" if across else "xy")
        self.expect.true(
            x.size == y.size == density.size == resolution**2,
            f"the mesh does not have {resolution} times {resolution} points",
            "x, y and the density are all (R, R).",
        )
        return np.stack([x.reshape(-1), y.reshape(-1)], axis=1), density

    @weight(1)
    def test_covers_the_square(self):
        """The usual mesh is 200 by 200 points from -6 to 6, both ends included; other squares and
        resolutions can be asked for."""
        width, count = self.draw.number(2, 9), self.draw.integer(5, 8)
        for size in ((), (width, count)):
            half_width, resolution = size or (6.0, 200)
            points, _ = self.mesh(resolution, logistic(self.draw), *size)
            axis = np.linspace(-half_width, half_width, resolution)
            wanted = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
            ordered = [p[np.lexsort(p.round(9).T)] for p in (points, wanted)]
            self.expect.close(
                *ordered,
                what="the set of points of the mesh",
                help="np.linspace includes both ends; x and y together run over all pairs.",
                slack=1e-7,
            )

    @weight(1)
    def test_holds_the_density_of_its_points(self):
        """The value at (i, j) is the density at the point (x, y) that is at (i, j)."""
        target, resolution = logistic(self.draw), self.draw.integer(60, 80)
        points, density = self.mesh(resolution, target, 6.0, resolution)
        wanted = np.exp(self.probes.a.LogisticMixture(**target).log_density(points))
        told = "the points of the mesh lie where there is no density"
        self.expect.true(bool(wanted.max() > 1e-6), told, "They cover the square.")
        self.expect.close(
            density,
            wanted,
            what="the density on the mesh",
            help="The density, not its logarithm; and in the order of x and y, not across.",
            slack=1e-9 * wanted.max(),
        )

    def has_the_right_shape(self):
        """x, y and the density have shape (R, R), as a contour plot takes them."""
        mesh, other = (self.asked(logistic(self.draw), 6.0, 31) for _ in range(2))
        self.responds(mesh[2], other[2])
        for name, values in zip(("x", "y", "the density"), mesh, strict=True):
            self.expect.shape(values, (31, 31), what=f"{name} of the mesh")
