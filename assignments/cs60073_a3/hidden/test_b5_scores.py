"""Question b.5: the classifier, the Inception Score and the Frechet distance."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grader.suite.expect import as_array


def tensor(value, what="the result"):
    """The numbers of a tensor, an array, a list or a number, in float64."""
    return torch.as_tensor(as_array(value, what)).double()


# --- b.5.1 ------------------------------------------------------------------------------------

CLASSIFIER = [
    *[(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,)],
    *[(128, 3136), (128,), (10, 128), (10,)],
]


def classifier_outputs(parameters, x):
    """(features, logits) of the text's classifier with these parameters."""
    found = {tuple(p.shape): p for p in parameters}
    for weight, bias in (CLASSIFIER[0:2], CLASSIFIER[2:4]):
        x = F.max_pool2d(torch.relu(F.conv2d(x, found[weight], found[bias], padding=1)), 2)
    features = torch.relu(F.linear(x.flatten(1), found[CLASSIFIER[4]], found[CLASSIFIER[5]]))
    return features, F.linear(features, found[CLASSIFIER[6]], found[CLASSIFIER[7]])


def has_layers(expect, shapes):
    total = sum(math.prod(s) for s in shapes)
    expect.true(
        total == 421_642,
        f"the classifier has {total:,} parameters; the text's layers have 421,642",
        "Convolutions 1-32-64 with 3 x 3 kernels, then 3136-128-10, each with a bias.",
    )
    expect.true(
        sorted(map(tuple, shapes)) == sorted(CLASSIFIER),
        "the classifier's parameters are not those of the layers that the text names",
        "Look at the sizes of the layers.",
        f"shapes {shapes}",
    )


def run(submission, probes, expect, draw, method):
    x = draw.uniform(4, 1, 28, 28)
    got = submission(probes.networks, name="Classifier", seed=draw.seed(), calls=[(method, x)])
    has_layers(expect, [list(p.shape) for p in got["parameters"]])
    return got["results"][0], *classifier_outputs(got["parameters"], x)


@pytest.mark.question("b.5.1", weight=1)
def test_classifier_has_the_layers_of_the_text(submission, probes, expect):
    """Sizes are given: 421,642 parameters."""
    has_layers(expect, submission(probes.shapes, name="Classifier"))


@pytest.mark.question("b.5.1", weight=2)
def test_features_are_the_last_hidden_layer(submission, probes, expect, draw):
    """The 128 activations before the last layer, after their ReLU: the FID is a distance of
    these."""
    found, features, _ = run(submission, probes, expect, draw, "features")
    expect.close(
        found,
        features,
        what="features(x)",
        help="conv, ReLU, pooling, twice; flatten; linear, ReLU. Nothing after that ReLU.",
        slack=1e-3,
    )


@pytest.mark.question("b.5.1", weight=2)
def test_probabilities_are_those_of_the_classes(submission, probes, expect, draw):
    """Softmax over the ten classes, once."""
    found, _, logits = run(submission, probes, expect, draw, "probabilities")
    expect.close(
        found,
        torch.softmax(logits, dim=1),
        what="probabilities(x)",
        help="One softmax, over the axis of the classes.",
        slack=1e-3,
    )


@pytest.mark.question("b.5.1", weight=0.4)
@pytest.mark.parametrize("count", [1, 4])
def test_classifier_gives_a_row_for_each_picture(submission, probes, expect, draw, count):
    """(B, 128) features, and (B, 10) of the classes, for a single picture as well."""
    x, sizes = draw.uniform(count, 1, 28, 28), {"features": 128, "probabilities": 10, "forward": 10}
    calls = [(method, given) for given in (x, x / 2) for method in sizes]
    got = submission(probes.networks, name="Classifier", seed=draw.seed(), calls=calls)
    expect.true(
        not torch.equal(*(tensor(got["results"][k], "features(x)") for k in (0, 3))),
        "features gives the same for other pictures",
        "Is the network finished?",
    )
    for found, (method, size) in zip(got["results"][:3], sizes.items(), strict=True):
        expect.shape(found, (count, size), what=f"{method}(x)")


@pytest.mark.question("b.5.1", weight=0.5)
def test_classifier_is_trained_through(submission, probes, expect, draw):
    """What it gives has a slope along every parameter."""
    x = draw.uniform(4, 1, 28, 28)
    found = submission(probes.reached, name="Classifier", seed=draw.seed(), x=x)
    expect.true(
        bool(found) and all(found),
        "what the network gives does not change with all parameters, as autograd sees it",
        "Look for .detach(), .item(), numpy or torch.no_grad() on the way.",
    )


def kinds(logits):
    """What a classifier may give: logits, log-probabilities or probabilities."""
    return [logits, torch.log_softmax(logits, dim=1), torch.softmax(logits, dim=1)]


@pytest.mark.question("b.5.1", weight=1)
def test_classifier_gives_what_its_loss_takes(submission, probes, expect, draw):
    """Called on pictures it gives logits, log-probabilities or probabilities, (B, 10)."""
    found, _, logits = run(submission, probes, expect, draw, "forward")
    for candidate in kinds(logits):
        try:
            expect.close(found, candidate, slack=1e-3)
            return
        except AssertionError:
            continue
    expect.close(
        found,
        logits,
        what="the classifier called on pictures",
        help="The last layer's values, or their softmax or log-softmax over the classes.",
        slack=1e-3,
    )


@pytest.mark.question("b.5.1", weight=0.5)
@pytest.mark.parametrize("method", ["features", "probabilities"])
def test_classifier_is_the_same_in_training(submission, probes, expect, draw, method):
    """The text's classifier has no dropout: the same pictures give the same numbers in training and
    in evaluation. Whether they are right is another check's."""
    x, seed = draw.uniform(3, 1, 28, 28), draw.seed()
    evaluated, trained, other = (
        submission(
            probes.networks, name="Classifier", seed=number, calls=[(method, x)], training=training
        )["results"][0]
        for number, training in ((seed, False), (seed, True), (seed + 1, False))
    )
    evaluated, other = (tensor(value, f"{method}(x)") for value in (evaluated, other))
    expect.true(
        not torch.equal(evaluated, other),
        f"{method} gives the same whatever the parameters are",
        "Is the network finished?",
    )
    expect.true(
        evaluated.dim() > 0 and len(evaluated) > 1 and bool((evaluated[0] != evaluated[1]).any()),
        f"{method} gives the same for all pictures",
        "Is the network finished?",
    )
    expect.close(
        trained,
        evaluated.float(),
        what=f"{method}(x) in training mode",
        help="Convolutions, ReLU, pooling, linear layers; nothing that is different in training.",
        slack=1e-4,
    )


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
