"""Question 2: shapes, cases that must be refused, and a few values that can be checked by hand."""

import math

import pytest
import torch


@pytest.mark.question("q2.1")
@pytest.mark.parametrize("name", ["jsd", "w1"])
def test_metric_is_a_scalar(submission, expect, draw, name):
    """Critic values (N,) give one number of shape ()."""
    expect.shape(getattr(submission.gan, name)(draw.normal(5), draw.normal(5)), ())


@pytest.mark.question("q2.1")
def test_metrics_of_a_critic_that_knows_nothing(submission, expect):
    """With all critic values zero, both distances are zero."""
    expect.close(submission.gan.jsd(torch.zeros(4), torch.zeros(4)), 0.0, slack=1e-4)
    expect.close(submission.gan.w1(torch.zeros(4), torch.zeros(4)), 0.0, slack=1e-4)


@pytest.mark.question("q2.2")
@pytest.mark.parametrize(
    ("shape", "others"),
    [((6,), []), ((6, 3, 4, 4), []), ((6, 5), [None, False])],
    ids=["numbers", "images", "any-critic"],
)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_is_a_scalar_for_any_samples(submission, probes, expect, draw, name, shape, others):
    """Samples of any shape; a critic that is a plain function, and values `cp` that are not the
    critic's."""
    size = math.prod(shape[1:])
    parameters = {"slope": draw.normal(size)}
    critic = {"model": "critics.SmoothCritic", "size": [1, size], "parameters": parameters}
    result = submission(
        probes.with_stand_ins,
        other="call",
        replaced=[],
        function=f"gan.{name}",
        args=[critic, draw.normal(*shape), draw.normal(*shape), *others],
    )["result"]
    expect.finite(result)
    expect.shape(result, ())


@pytest.mark.question("q2.3")
@pytest.mark.parametrize("reg_type", [None, "GP", "R1"])
@pytest.mark.parametrize("loss_type", ["JSD", "W1"])
def test_losses_are_scalars(submission, probes, expect, draw, loss_type, reg_type):
    """All combinations, on samples that do not require a gradient."""
    critic = {"model": "critics.MeanCritic", "size": [], "parameters": {}}
    for which in ("metric", "critic_loss"):
        result = submission(
            probes.with_stand_ins,
            other="call",
            replaced=[],
            function="gan.make_losses",
            args=[which, loss_type, reg_type, 1.0, critic, draw.normal(5, 5), draw.normal(5, 5)],
        )["result"]
        expect.finite(result, what=which)
        expect.shape(result, (), what=which)


@pytest.mark.question("q2.3")
@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["Hinge", None, 1.0], "NotImplementedError"),
        (["JSD", "L2", 1.0], "NotImplementedError"),
        (["JSD", "R1", -1.0], "AssertionError"),
    ],
    ids=["loss", "regulariser", "coefficient"],
)
def test_make_losses_refuses(submission, probes, expect, args, error):
    """What is unknown, and a coefficient that is not positive."""
    found = submission(probes.raised, function="gan.make_losses", args=args)
    expect.true(error in found, f"make_losses should raise {error} here")


@pytest.mark.question("q2.5")
@pytest.mark.parametrize("inner", [1, 2])
def test_steps_are_taken(submission, probes, expect, draw, inner):
    """`critic_inner_iters` steps of the critic and one of the generator per call."""
    parameters = {n: draw.normal(9) for n in ("generator", "test_generator")}
    events = submission(
        probes.training,
        seed=draw.seed(),
        real=draw.normal(20, 5, 3),
        noise=draw.normal(20, 5, 2),
        parameters=parameters | {"critic": draw.normal(19)},
        lr=0.05,
        critic_inner_iters=inner,
        calls=2,
        alpha_ema=0.5,
    )
    for who, count in (("critic", 2 * inner), ("generator", 2)):
        found = sum(event["event"] == "step" and event["who"] == who for event in events)
        expect.true(found == count, f"{found} steps of the {who} in two calls, expected {count}")


@pytest.mark.question("q2.5")
@pytest.mark.parametrize(
    "args",
    [
        ["W1", 0, None, 1.0, None],
        ["W1", 1, None, 1.0, -1.0],
        ["W1", 1, None, 1.0, 2.0],
        ["W1", 0, None, 1.0, -1.0],
        ["W1", 0, None, 1.0, 2.0],
    ],
    ids=["no-steps", "negative-alpha", "large-alpha", "no-steps-negative", "no-steps-large"],
)
def test_make_train_step_refuses(submission, probes, expect, args):
    """Settings that make no sense."""
    found = submission(probes.raised, function="gan.make_train_step", args=args)
    expect.true("AssertionError" in found, "make_train_step should raise AssertionError here")
