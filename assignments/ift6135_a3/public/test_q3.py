"""Question 3: shapes, and a few values that can be checked by hand."""

import math

import pytest
import torch


@pytest.mark.question("q3.1")
def test_transformation_without_u_does_nothing(submission, probes, expect, draw):
    """With u = 0 every point stays where it is."""
    x = draw.normal(5, 2)
    result = submission(
        probes.planar,
        u=torch.zeros(1, 2),
        w=draw.normal(1, 2),
        b=draw.normal(1),
        x=x,
        method="forward",
    )["result"]
    expect.close(result, x, slack=1e-5)
    expect.shape(result, (5, 2))


@pytest.mark.question("q3.1")
def test_transformation_of_the_origin(submission, probes, expect, draw):
    """The origin goes to u tanh(b)."""
    u, b = draw.uniform(1, 2, low=0.1, high=1.0), draw.normal(1)
    w = draw.uniform(1, 2, low=0.1, high=1.0)
    parameters = {"u": u, "w": w, "b": b, "x": torch.zeros(1, 2)}
    result = submission(probes.planar, **parameters, method="forward")["result"]
    expect.close(result, u * torch.tanh(b), slack=1e-5)


@pytest.mark.question("q3.4")
def test_log_determinant_without_u_is_zero(submission, probes, expect, draw):
    """With u = 0 the transformation is the identity."""
    result = submission(
        probes.planar,
        u=torch.zeros(1, 2),
        w=draw.normal(1, 2),
        b=draw.normal(1),
        x=draw.normal(5, 2),
        method="get_logdet",
    )["result"]
    expect.close(result, torch.zeros(5), slack=1e-5)
    expect.shape(result, (5, 1))


@pytest.mark.question("q3.6")
def test_flow_of_one_layer_is_that_layer(submission, probes, expect, draw):
    """One layer: its output and its log-determinant."""
    parameters = {"u": draw.uniform(1, 2), "w": draw.uniform(1, 2), "b": draw.normal(1)}
    x = draw.normal(5, 2)
    run = submission(probes.flow, x=x, layers=[parameters], stand_ins=False)
    forward = submission(probes.planar, **parameters, x=x, method="forward")["result"]
    logdet = submission(probes.planar, **parameters, x=x, method="get_logdet")["result"]
    expect.close(run["z"], forward, what="the output of the flow", slack=1e-5)
    expect.close(run["logdet"], logdet, what="the log-determinant of the flow", slack=1e-5)
    expect.shape(run["logdet"], (5, 1), what="the log-determinant of the flow")


@pytest.mark.question("q3.8")
def test_loss2_of_an_identity_flow_to_its_own_base(submission, expect, draw):
    """A flow that does nothing, and the base density as the target: no divergence."""
    z0 = draw.normal(3, 2)
    energy = (z0**2).sum(1) / 2 + math.log(2 * math.pi)
    result = submission.solution.loss2(energy, z0, torch.zeros(3, 1))
    expect.close(result, torch.zeros(3), slack=1e-4)
    expect.shape(result, (3, 1))
