"""Part A: what can be worked out by hand."""

import math

import numpy as np
import pytest


@pytest.mark.question("a.1.1")
def test_two_equal_components_are_one(submission, expect):
    """A mixture of two equal normals is that normal."""
    means, covariances = np.ones((2, 2)), np.stack([np.eye(2)] * 2)
    x = np.array([[1.0, 1.0]])
    found = submission.sampling.mixture_log_density(x, np.array([0.3, 0.7]), means, covariances)
    expect.close(found, np.array([-math.log(2 * math.pi)]), slack=1e-9)


@pytest.mark.question("a.1.2")
def test_mesh_has_the_asked_size(submission, probes, expect):
    """200 by 200 points, from -6 to 6."""
    target = {"weights": [1.0], "centres": [[0.0, 0.0]], "scales": [1.0], "matrix": np.eye(2)}
    args = [{"log_density": target}]
    x, y, density = submission(
        probes.a.sampled, function="sampling.mesh_density", args=args, several=3
    )["result"]
    for name, values in (("x", x), ("y", y), ("density", density)):
        expect.shape(values, (200, 200), what=name)
    expect.close([x.min(), y.max()], [-6.0, 6.0], slack=1e-9)
