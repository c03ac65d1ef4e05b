"""Question 3: shapes, and a few values that can be checked by hand."""

import math

import pytest
import torch

FORWARD, LOGDET = (f"solution.PlanarTransformation.{name}" for name in ("forward", "get_logdet"))


def planar(u, w, b):
    """A layer with these parameters."""
    parameters = {"u": u, "w": w, "b": b}
    return {"model": "solution.PlanarTransformation", "size": [2], "parameters": parameters}


@pytest.mark.question("q3.1")
def test_transformation_without_u_does_nothing(submission, probes, expect, draw):
    """With u = 0 every point stays where it is."""
    layer, x = planar(torch.zeros(1, 2), draw.normal(1, 2), draw.normal(1)), draw.normal(5, 2)
    result = submission(probes.call, function=FORWARD, args=[layer, x])["result"]
    expect.close(result, x, slack=1e-5)
    expect.shape(result, (5, 2))


@pytest.mark.question("q3.1")
def test_transformation_of_the_origin(submission, probes, expect, draw):
    """The origin goes to u tanh(b)."""
    u, b = draw.uniform(1, 2, low=0.1, high=1.0), draw.normal(1)
    layer = planar(u, draw.uniform(1, 2, low=0.1, high=1.0), b)
    result = submission(probes.call, function=FORWARD, args=[layer, torch.zeros(1, 2)])["result"]
    expect.close(result, u * torch.tanh(b), slack=1e-5)


@pytest.mark.question("q3.4")
def test_log_determinant_without_u_is_zero(submission, probes, expect, draw):
    """With u = 0 the transformation is the identity."""
    layer, x = planar(torch.zeros(1, 2), draw.normal(1, 2), draw.normal(1)), draw.normal(5, 2)
    result = submission(probes.call, function=LOGDET, args=[layer, x])["result"]
    expect.close(result, torch.zeros(5), slack=1e-5)
    expect.shape(result, (5, 1))


@pytest.mark.question("q3.6")
def test_flow_of_one_layer_is_that_layer(submission, probes, expect, draw):
    """One layer: its output and its log-determinant."""
    layer, x = planar(draw.uniform(1, 2), draw.uniform(1, 2), draw.normal(1)), draw.normal(5, 2)
    inside = {f"layers.0.{name}": value for name, value in layer["parameters"].items()}
    flow = {"model": "solution.Flow", "size": [2, 1], "parameters": inside}
    z, logdet = submission(probes.call, function="solution.Flow.forward", args=[flow, x])["result"]
    forward, own = (
        submission(probes.call, function=method, args=[layer, x])["result"]
        for method in (FORWARD, LOGDET)
    )
    expect.close(z, forward, what="the output of the flow", slack=1e-5)
    expect.close(logdet, own, what="the log-determinant of the flow", slack=1e-5)
    expect.shape(logdet, (5, 1), what="the log-determinant of the flow")


@pytest.mark.question("q3.8")
def test_loss2_of_an_identity_flow_to_its_own_base(submission, expect, draw):
    """A flow that does nothing, and the base density as the target: no divergence."""
    z0 = draw.normal(3, 2)
    energy = (z0**2).sum(1) / 2 + math.log(2 * math.pi)
    result = submission.solution.loss2(energy, z0, torch.zeros(3, 1))
    expect.close(result, torch.zeros(3), slack=1e-4)
    expect.shape(result, (3, 1))
