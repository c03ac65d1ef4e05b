"""Question b.5: the classifier, the Inception Score and the Frechet distance."""

import numpy as np
import pytest
import torch

from grader.suite.expect import as_array


def tensor(value, what="the result"):
    """The numbers of a tensor, an array, a list or a number, in float64."""
    return torch.as_tensor(as_array(value, what)).double()


def kinds(logits):
    """What a classifier may give: logits, log-probabilities or probabilities."""
    return [logits, torch.log_softmax(logits, dim=1), torch.softmax(logits, dim=1)]


# --- b.5.2 ------------------------------------------------------------------------------------


def log_probabilities(output):
    """What an output of a classifier says, whether it is logits, log p or p."""
    if not (isinstance(output, torch.Tensor) and output.requires_grad):
        output = tensor(output, "what the classifier gives")
    if bool((output >= 0).all()) and torch.allclose(
        output.sum(1), torch.ones(len(output)).double(), atol=1e-4
    ):
        return torch.log(output)
    return torch.log_softmax(output, dim=1)


@pytest.mark.question("b.5.2", weight=3)
def test_classifier_loss_is_the_negative_log_probability(submission, probes, expect, draw):
    """-log p(label|x) of what the classifier says, mean over the batch. Cross-entropy of torch
    holds a softmax: after one of your own there would be two, and the loss could not fall below
    1.46."""
    for size in (1, draw.integer(5, 9), 70):
        labels = torch.tensor([draw.integer(0, 9) for _ in range(size)])
        for_each_kind(
            lambda got, size=size, labels=labels: expect.close(
                got["loss"],
                -log_probabilities(got["output"])[torch.arange(size), labels].mean().float(),
                what="classifier_loss",
                help="What does forward give, and what does your loss take: logits, log p or p?",
                slack=2e-3,
            ),
            submission,
            probes,
            draw,
            labels,
        )


def for_each_kind(holds, submission, probes, draw, labels):
    """Check `classifier_loss` of what the submission's own classifier gives.

    A classifier that gives nothing of the right shape is marked above; with any of the kinds that
    it may give in its place, the loss is as good.
    """
    asked = {"seed": draw.seed(), "x": draw.uniform(len(labels), 1, 28, 28), "labels": labels}
    logits = draw.normal(len(labels), 10, std=2.0)
    try:
        got = submission(probes.classified, **asked)
        works = tuple(as_array(got["output"]).shape) == (len(labels), 10)
    except AssertionError as error:
        works, failure = False, error
    if works:
        holds(got)
        return
    failure = AssertionError("what the classifier gives has no row of ten for each picture")
    for output in kinds(logits):
        try:
            holds(submission(probes.classified, **asked, output=output))
            return
        except AssertionError as error:
            failure = error
    raise failure


@pytest.mark.question("b.5.2", weight=0.5)
def test_classifier_loss_is_a_scalar(submission, expect, draw):
    """`backward()` needs one number."""
    labels = torch.tensor([draw.integer(0, 9) for _ in range(6)])
    outputs = [torch.log_softmax(draw.normal(6, 10, std=2.0), dim=1) for _ in range(2)]
    found, other = (submission.image_models.classifier_loss(o, labels) for o in outputs)
    expect.true(
        not np.array_equal(as_array(found, "classifier_loss"), as_array(other, "classifier_loss")),
        "classifier_loss does not depend on what the classifier gives",
        "Is the function finished?",
    )
    expect.shape(found, (), what="classifier_loss")


@pytest.mark.question("b.5.2", weight=1)
def test_classifier_loss_trains_the_classifier(submission, probes, expect, draw):
    """A step against the gradient makes the right labels likelier, to first order: the gradient
    in logits is (p - one-hot) / B, and adds up to zero over the classes of each image."""
    size = 6
    labels = torch.tensor([draw.integer(0, 9) for _ in range(size)])
    got = submission(
        probes.classified, seed=draw.seed(), x=draw.uniform(size, 1, 28, 28), labels=labels
    )
    output = torch.as_tensor(got["output"])
    expect.shape(output, (size, 10), what="the classifier's answer")
    leaf = output.double().requires_grad_()
    wanted = -log_probabilities(leaf)[torch.arange(size), labels].mean()
    (gradient,) = torch.autograd.grad(wanted, leaf)
    found = torch.as_tensor(got["gradient"]).double()
    # Of log p, whose rows need not stay normalised, two gradients are right: with and without
    # the softmax that does not change them.
    plain = torch.zeros_like(gradient)
    plain[torch.arange(size), labels] = -1 / size
    near = [torch.allclose(found, w, atol=1e-3, rtol=1e-2) for w in (gradient, plain)]
    # The loss may also be the mean over a sum: only the direction is looked at.
    expect.true(
        found.shape == gradient.shape and (any(near) or parallel(found, gradient)),
        "classifier_loss does not have the gradient of -log p(label|x)",
        "Look for .detach(), .item() or numpy on the way, and for a second softmax.",
        f"found {found}\nexpected {gradient}",
    )


def parallel(found, wanted):
    cosine = float((found * wanted).sum() / (found.norm() * wanted.norm()).clamp(min=1e-12))
    return cosine > 0.9999
