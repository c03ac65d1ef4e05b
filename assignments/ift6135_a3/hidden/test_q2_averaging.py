"""Question 2.4: the exponential moving average of a generator's parameters."""

import pytest
import torch


def parameters(draw):
    """Values for a linear layer, a batch normalisation and a linear layer."""
    shapes = ((4, 3), (4,), (4,), (4,), (2, 4), (2,))
    return [draw.normal(*shape) for shape in shapes]


def has_moved(expect, result, target):
    expect.true(
        any(not torch.equal(a, b) for a, b in zip(result["target"], target, strict=True)),
        "apply_exponential_moving_average does not change the target",
        "It updates the target in place. Is the function finished?",
    )


def averages(submission, reference, probes, expect, draw, alphas, what, help, **more):
    source, target = parameters(draw), parameters(draw)
    keywords = {"source": source, "target": target, "alphas": alphas, **more}
    got = submission(probes.moving_average, **keywords)["target"]
    wanted = reference(probes.moving_average, **keywords)["target"]
    for left, right in zip(got, wanted, strict=True):
        expect.close(left, right, what=what, help=help, slack=1e-6)


@pytest.mark.question("q2.4", weight=3)
def test_target_moves_towards_the_source(submission, reference, probes, expect, draw):
    """Every parameter, however deep, becomes alpha times itself plus (1 - alpha) times the
    source's parameter of the same name."""
    for alpha in (draw.number(0.05, 0.3), draw.number(0.7, 0.95)):
        averages(
            submission,
            reference,
            probes,
            expect,
            draw,
            [alpha],
            "a parameter of the target",
            "alpha is the share of the old target that stays.",
        )


@pytest.mark.question("q2.4", weight=1)
def test_average_can_be_repeated(submission, reference, probes, expect, draw):
    """It is applied after every step of the generator, with the target where it was left."""
    averages(
        submission,
        reference,
        probes,
        expect,
        draw,
        [draw.number(0.6, 0.9) for _ in range(4)],
        "a parameter of the target after four updates",
        "Update the parameters themselves, in place, without their gradients.",
    )


@pytest.mark.question("q2.4", weight=0.5)
def test_parameters_without_gradients_are_averaged_too(submission, reference, probes, expect, draw):
    """A test generator is never trained, so its parameters are usually frozen; so may be a part of
    the generator. What the average makes of parameters that learn is another test's."""
    source, target = parameters(draw), parameters(draw)
    result = submission(probes.moving_average, source=source, target=target, alphas=[0.5])
    has_moved(expect, result, target)
    shared = (submission, reference, probes, expect, draw, [draw.number(0.3, 0.7)])
    try:
        averages(*shared, "", "")
    except AssertionError:
        return
    for frozen in ("target", "source"):
        what = f"a parameter of the target, where the {frozen}'s parameters are frozen,"
        averages(
            *shared, what, "Average all parameters, whatever their requires_grad.", frozen=frozen
        )


@pytest.mark.question("q2.4", weight=0.5)
def test_default_alpha_is_used(submission, reference, probes, expect, draw):
    """Without `alpha` it is 0.998: the target moves by two thousandths of the way."""
    averages(
        submission, reference, probes, expect, draw, [], "a parameter of the target", "alpha=0.998"
    )


@pytest.mark.question("q2.4", weight=0.75)
def test_target_keeps_its_parameters(submission, probes, expect, draw):
    """In place: optimisers and other holders of the target's parameters must see the change, so
    the parameters stay the same objects, and leaves without a history."""
    source, target = parameters(draw), parameters(draw)
    result = submission(probes.moving_average, source=source, target=target, alphas=[0.5])
    has_moved(expect, result, target)
    expect.true(
        result["same_tensors"] and result["leaves"],
        "the target's parameters were replaced, or carry a gradient history",
        "Use copy_, mul_ and add_ under torch.no_grad(), or assign to .data.",
    )


@pytest.mark.question("q2.4", weight=0.75)
def test_source_stays_as_it_is(submission, probes, expect, draw):
    """The source is the model in training; averaging must not touch it, nor stop its training."""
    source, target = parameters(draw), parameters(draw)
    result = submission(probes.moving_average, source=source, target=target, alphas=[0.5])
    has_moved(expect, result, target)
    for after, before in zip(result["source"], source, strict=True):
        expect.unchanged(after, before, what="a parameter of the source")
    expect.true(
        result["source_learns"],
        "the source's parameters no longer require a gradient",
        "torch.no_grad() around the update is enough: requires_grad belongs to the caller.",
    )
