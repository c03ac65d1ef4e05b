"""Question 2.1: the two estimates of a distance from critic values, `jsd` and `w1`.

Critic values are within -3 and 3 where values are compared closely, so that a constant up to 1e-6
inside a logarithm changes nothing that is looked at; a confident critic is compared with room.
"""

import math

import pytest
import torch

SLACK = 3e-4


def critic_values(draw, size):
    """(cp, cq): real values rather above, generated ones rather below zero."""
    return draw.uniform(size, low=-1.5, high=3.0), draw.uniform(size, low=-3.0, high=1.5)


def number(expect, value, what):
    """A result of one value, whatever its shape, as a float."""
    expect.close(value, 0.0, what=what, slack=math.inf)  # one value, no NaN
    expect.finite(value, what=what)
    return float(torch.as_tensor(value).double().reshape(-1)[0])


def above_zero_level(expect, jsd, cases):
    """jsd(cp, cq) - jsd(0, 0): a wrong constant cancels."""
    zero = number(expect, jsd(torch.zeros(5), torch.zeros(5)), "jsd of zeros")
    return [number(expect, jsd(cp, cq), "jsd(cp, cq)") - zero for cp, cq in cases]


@pytest.mark.question("q2.1", weight=6)
def test_jsd_rewards_a_critic_that_tells_real_from_generated(submission, reference, expect, draw):
    """The estimate adds the mean of log sigmoid(C) over real values and the mean of
    log sigmoid(-C) over generated ones, also where the critic is sure and wrong. Looked at up to
    a constant and a common factor."""
    cases = [critic_values(draw, draw.integer(4, 9)) for _ in range(4)]
    got = above_zero_level(expect, submission.gan.jsd, cases)
    wanted = above_zero_level(expect, reference.gan.jsd, cases)
    largest = max(range(4), key=lambda i: abs(wanted[i]))
    factor = got[largest] / wanted[largest]
    expect.true(
        factor > 1e-2
        and all(abs(g / factor - w) <= 1e-3 for g, w in zip(got, wanted, strict=True)),
        "jsd does not change with the critic's values as the divergence does",
        "Which values belong to the real samples, and which sign do the others get? "
        "Critic values are logits: they go through a log-sigmoid once.",
        f"above its value at zero: {got}, expected {wanted} up to a positive factor",
    )
    wrong = [(draw.uniform(5, low=-7, high=-5), draw.uniform(5, low=5, high=7))]
    got = above_zero_level(expect, submission.gan.jsd, wrong)
    wanted = above_zero_level(expect, reference.gan.jsd, wrong)
    expect.true(
        abs(got[0] / factor - wanted[0]) <= 3e-2,
        "jsd does not change as the divergence does where the critic is sure and wrong",
        "A logit may be any number: is something clamped on the way?",
        f"above its value at zero: {got}, expected {wanted} times a common factor of {factor:.6g}",
    )


@pytest.mark.question("q2.1", weight=3.75)
def test_jsd_has_the_right_scale(submission, reference, expect, draw):
    """The Jensen-Shannon divergence is half the sum of two Kullback-Leibler divergences. Looked
    at as the change from one set of critic values to another, without the constant."""
    good = (draw.uniform(6, low=1.0, high=3.0), draw.uniform(6, low=-3.0, high=-1.0))
    bad = (good[1], good[0])
    got = above_zero_level(expect, submission.gan.jsd, [good, bad])
    wanted = above_zero_level(expect, reference.gan.jsd, [good, bad])
    expect.true(
        abs(abs(got[0] - got[1]) - abs(wanted[0] - wanted[1])) <= 2 * SLACK,
        "jsd changes by the wrong amount with the critic's values",
        "Do the two means count half each? Means, not sums?",
        f"change {got[0] - got[1]}, expected {wanted[0] - wanted[1]}",
    )


@pytest.mark.question("q2.1", weight=3.75)
def test_jsd_is_zero_where_the_critic_knows_nothing(submission, expect, draw):
    """With all critic values zero, real and generated are indistinguishable and the divergence
    is zero; a constant that is missing shifts the plots, though not the gradients."""
    size = draw.integer(3, 9)
    expect.close(
        submission.gan.jsd(torch.zeros(size), torch.zeros(size)),
        0.0,
        what="jsd of critic values that are all zero",
        help="The constant is half of log 4, in nats.",
        slack=SLACK,
    )
    other = submission.gan.jsd(draw.uniform(size, low=1, high=2), draw.uniform(size, low=1, high=2))
    expect.finite(other, what="jsd(cp, cq)")
    expect.true(
        abs(number(expect, other, "jsd(cp, cq)")) > 1e-3,
        "jsd is zero also where it should not be",
        "Is the function finished?",
    )


@pytest.mark.question("q2.1", weight=1.75)
def test_jsd_stays_finite_for_confident_critics(submission, expect, draw):
    """One minus the sigmoid of 60 is zero in float32; a logarithm taken after that is minus
    infinity, and training is over. Values up to 80 in size count: that far float32 holds the
    sigmoid itself, on the side where it is small."""
    sure = draw.uniform(4, low=60.0, high=80.0)
    for cp, cq in ((sure, sure), (-sure, -sure), (-sure, sure), (sure, -sure)):
        expect.finite(
            submission.gan.jsd(cp, cq),
            what="jsd for critic values of 60 to 80 in size",
            help="torch.nn.functional has logsigmoid and softplus.",
        )
    first, second = (submission.gan.jsd(sure * s, -sure * s) for s in (0.01, -0.01))
    difference = number(expect, first, "jsd(cp, cq)") - number(expect, second, "jsd(cp, cq)")
    expect.true(
        abs(difference) > 1e-3,
        "jsd is the same for different critic values",
        "Is the function finished?",
    )


@pytest.mark.question("q2.1", weight=2.5)
@pytest.mark.parametrize("better", ["real", "generated"])
def test_w1_is_the_difference_of_the_means(submission, reference, expect, draw, better):
    """Mean over the real values minus mean over the generated ones: negative where the critic
    prefers the generated samples, and nothing is clipped."""
    size = draw.integer(4, 9)
    # Overlapping values: only the means tell which side is higher.
    high, low = draw.normal(size, std=1.5), draw.normal(size, std=1.5)
    high, low = high - high.mean() + 0.5, low - low.mean() - draw.number(0.0, 0.5)
    cp, cq = (high, low) if better == "real" else (low, high)
    expect.close(
        submission.gan.w1(cp, cq),
        reference.gan.w1(cp, cq),
        what="w1(cp, cq)",
        help="Real first, and no absolute value.",
        slack=1e-5,
    )


@pytest.mark.question("q2.1", weight=1.75)
@pytest.mark.parametrize("name", ["jsd", "w1"])
def test_critic_and_generator_learn_through_the_metric(submission, probes, expect, draw, name):
    """Both players are trained through this number: autograd must find the slope that the values
    themselves have. The values are the submission's own; whether they are right is not asked."""
    args = list(critic_values(draw, 4))
    # Each argument alone as well: a slope that is missing on one side must not hide. Uphill in
    # all values of one side, so that the slope there cannot be small by chance.
    up = draw.uniform(4, low=0.5, high=1.0)
    directions = [[draw.normal(4), draw.normal(4)] for _ in range(3)]
    directions += [[up, torch.zeros(4)], [torch.zeros(4), up]]
    slopes = submission(
        probes.slopes, function=f"gan.{name}", args=args, directions=directions, step=0.05
    )
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    expect.true(
        bool(wanted.isfinite().all()) and float(wanted[3:].abs().min()) > 1e-4,
        f"{name} does not depend on both of its arguments",
        "Is the function finished?",
        detail,
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.03 * wanted.abs() + 5e-4).all()),
        f"{name} is not differentiated as its values say",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        detail,
    )


@pytest.mark.question("q2.1", weight=0.5)
@pytest.mark.parametrize("name", ["jsd", "w1"])
def test_metric_is_a_scalar(submission, expect, draw, name):
    """The result has shape (): one number for the whole batch."""
    function = getattr(submission.gan, name)
    result, other = function(*critic_values(draw, 5)), function(*critic_values(draw, 5))
    expect.finite(result, what=f"{name}(cp, cq)")
    expect.true(
        not torch.equal(torch.as_tensor(result), torch.as_tensor(other)),
        f"{name} is the same for different critic values",
        "Is the function finished?",
    )
    expect.shape(result, (), what=f"{name}(cp, cq)")


@pytest.mark.question("q2.1", weight=0.25)
@pytest.mark.parametrize("name", ["jsd", "w1"])
def test_metric_takes_the_dirac_game_and_double_precision(submission, expect, draw, name):
    """In the dirac game the real value is (1, 1) and the generated one (1,); a critic may be in
    float64. The submission's own value for (1,) in float32 is the yardstick."""
    function = getattr(submission.gan, name)
    cp, cq = critic_values(draw, 1)
    own = number(expect, function(cp, cq), f"{name}(cp, cq)")
    expect.true(
        abs(own - number(expect, function(cp + 1, cq - 1), f"{name}(cp, cq)")) > 1e-3,
        f"{name} is the same for different critic values",
        "Is the function finished?",
    )
    for real, fake, which in (
        (cp.reshape(1, 1), cq, "of shapes (1, 1) and (1,)"),
        (cp.double(), cq.double(), "in float64"),
    ):
        expect.close(
            number(expect, function(real, fake), f"{name} of critic values {which}"),
            own,
            what=f"{name} of critic values {which}",
            slack=1e-5,
        )
