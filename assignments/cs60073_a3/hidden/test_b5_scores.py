"""Question b.5: the classifier, the Inception Score and the Frechet distance."""

import itertools
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


# --- b.5.3 ------------------------------------------------------------------------------------


def distributions(draw, count, classes=10, sharpness=2.0):
    return torch.softmax(draw.normal(count, classes, std=sharpness), dim=1)


def score(part):
    """exp of the mean divergence of rows from their mean."""
    part = part.double()
    marginal = part.mean(0)
    terms = torch.where(part > 0, part * torch.log(part / marginal), torch.zeros_like(part))
    return float(torch.exp(terms.sum(1).mean()))


def partitions(members, size):
    """All ways to part a list into sets of so many."""
    if not members:
        yield []
        return
    first, rest = members[0], members[1:]
    for others in itertools.combinations(rest, size - 1):
        left = [m for m in rest if m not in others]
        for more in partitions(left, size):
            yield [[first, *others], *more]


def scored(submission, probes, expect, p, splits=None):
    """(mean, deviation) as numbers; with n - 1, a single part has no deviation."""
    found = submission(probes.scored, probabilities=p, splits=splits)
    expect.true(
        len(found) == 2,
        "inception_score does not give a mean and a standard deviation",
        "Return two numbers.",
    )
    counted = found[:1] if splits == 1 else found
    for value in counted:
        expect.close(value, 0.0, what="a result of inception_score", slack=math.inf)
    numbers = [float(tensor(v).reshape(-1)[0]) for v in counted]
    return numbers if len(numbers) == 2 else [*numbers, math.nan]


HELP = "KL(p(y|x) || p(y)) of each row, summed over the classes; its mean over the rows; exp."


@pytest.mark.question("b.5.3", weight=3)
def test_inception_score_of_one_part(submission, probes, expect, draw):
    """With a single part: exp of the mean divergence of the rows from their own mean."""
    for count, classes in ((100, 10), (draw.integer(20, 40), draw.integer(3, 7))):
        p = distributions(draw, count, classes)
        mean, _ = scored(submission, probes, expect, p, 1)
        expect.close(mean, score(p), what="the score", help=HELP, slack=2e-3)


@pytest.mark.question("b.5.3", weight=2.5)
@pytest.mark.parametrize(("count", "splits"), [(4, 2), (6, 3), (6, 2)])
def test_inception_score_of_parts(submission, probes, expect, draw, count, splits):
    """Each part has a marginal of its own, and the scores are averaged after the exp. Whichever
    rows make a part: all ways to part these few are known."""
    p = distributions(draw, count, 5)
    mean, _ = scored(submission, probes, expect, p, splits)
    wanted = [
        sum(score(p[part]) for part in way) / splits
        for way in partitions(list(range(count)), count // splits)
    ]
    expect.true(
        any(abs(mean - w) <= 2e-3 for w in wanted),
        "the mean over the parts is not that of any way to part the rows",
        "p(y) is the mean over the rows of one part; exp before the mean over the parts.",
        f"{mean}, accepted {sorted(wanted)}",
    )


@pytest.mark.question("b.5.3", weight=1.5)
def test_deviation_over_the_parts(submission, probes, expect, draw):
    """The standard deviation of the parts' scores, divided by n or by n - 1. The mean tells which
    way the rows were parted; where it is wrong every way counts."""
    for count, splits in ((6, 3), (8, 4)):
        p = distributions(draw, count, 5)
        mean, deviation = scored(submission, probes, expect, p, splits)
        ways = []
        for way in partitions(list(range(count)), count // splits):
            scores = torch.tensor([score(p[part]) for part in way], dtype=torch.float64)
            ways.append((float(scores.mean()), [float(scores.std(correction=c)) for c in (0, 1)]))
        mine = [w for w in ways if abs(w[0] - mean) <= 2e-4] or ways
        expect.true(mean != 0, "the score is zero", "Is the function finished?")
        expect.true(
            any(abs(deviation - w) <= 1e-3 for _, both in mine for w in both),
            "the deviation is not that of the parts' scores",
            "The standard deviation over the parts, of the scores: not their variance, and not "
            "that of all rows.",
            f"{deviation}, accepted {mine}",
        )


@pytest.mark.question("b.5.3", weight=0.75)
def test_ten_parts_unless_told_otherwise(submission, probes, expect, draw):
    """Ten parts by default. Here all rows but one are equal, so that it makes no difference which
    rows make a part."""
    common, odd = distributions(draw, 1, 6, 0.3)[0], torch.full((6,), 0.004)
    odd[draw.integer(0, 5)] = 0.98
    p = common.repeat(20, 1)
    p[draw.integer(0, 19)] = odd
    mean, _ = scored(submission, probes, expect, p)
    expect.close(
        mean,
        (9 + score(torch.stack([odd, common]))) / 10,
        what="the score of 20 rows with the default parts",
        help="splits=10 by default.",
        slack=1e-3,
    )


@pytest.mark.question("b.5.3", weight=1.5)
def test_classes_that_are_impossible(submission, probes, expect, draw):
    """A softmax in float32 gives exact zeros. 0 log 0 is 0: with certain rows, evenly spread over
    the classes, the score is the number of classes."""
    classes = draw.integer(4, 10)
    certain = torch.eye(classes).repeat(3, 1)
    half = torch.eye(10)[:4]
    help = "0 log 0 is 0; a class that no row of the part has adds nothing."
    for p, wanted in ((certain, float(classes)), (half, 4.0)):
        mean, _ = scored(submission, probes, expect, p, 1)
        expect.finite(mean, what="the score of certain rows", help=help)
        expect.close(mean, wanted, what="the score of certain rows", help=help, slack=5e-3)


# --- b.5.4 ------------------------------------------------------------------------------------


def moments(draw, count, size, shift=0.0):
    """Mean and covariance of `count` samples; of rank count - 1 at most."""
    mix = draw.normal(size, size, dtype=torch.float64) / size**0.5
    rows = draw.normal(count, size, dtype=torch.float64) @ mix + shift
    return rows.mean(0), torch.cov(rows.T).reshape(size, size)


@pytest.mark.question("b.5.4", weight=1)
def test_mean_of_features(submission, probes, expect, draw):
    """One number for each feature: the mean over the images."""
    features = draw.normal(draw.integer(20, 30), 7, mean=2.0)
    mean, _ = two(expect, submission(probes.described, features=features))
    expect.close(
        mean,
        features.double().mean(0).float(),
        what="the mean of the features",
        help="Over the images, axis 0.",
        slack=1e-4,
    )


def two(expect, found):
    expect.true(
        len(found) == 2,
        "feature_statistics does not give a mean and a covariance",
        "Return two arrays.",
    )
    return found


@pytest.mark.question("b.5.4", weight=2)
def test_covariance_of_features(submission, probes, expect, draw):
    """(D, D), of deviations from the mean; divided by N - 1 or by N."""
    count = draw.integer(20, 30)
    features = draw.normal(count, 7, mean=2.0) @ draw.normal(7, 7)
    _, covariance = two(expect, submission(probes.described, features=features))
    wanted = torch.cov(features.double().T)
    found = tensor(covariance, "the covariance of the features")
    biased = (wanted * (count - 1) / count).flatten()
    if found.numel() == 49 and torch.allclose(found.flatten(), biased, rtol=1e-3, atol=1e-3):
        return
    expect.close(
        covariance,
        wanted.float(),
        what="the covariance of the features",
        help="Variables are the features, observations the images: look at rowvar.",
        slack=1e-3 * float(wanted.abs().max()),
    )


@pytest.mark.question("b.5.4", weight=0.5)
def test_statistics_have_their_shapes(submission, probes, expect, draw):
    """(D,) and (D, D), also for fewer images than features."""
    for count in (100, 12):
        features, more = (draw.normal(count, 32) for _ in range(2))
        first, other = (
            two(expect, submission(probes.described, features=f)) for f in (features, more)
        )
        for found, second, shape, what in zip(
            first, other, ((32,), (32, 32)), ("mean", "covariance"), strict=True
        ):
            values = tensor(found, f"the {what} of the features")
            expect.true(
                not torch.equal(values, tensor(second, f"the {what} of the features")),
                f"the {what} is the same for other features",
                "Is the function finished?",
            )
            expect.shape(found, shape, what=f"the {what} of the features")


@pytest.mark.question("b.5.4", weight=0.75)
def test_covariance_is_precise(submission, probes, expect, draw):
    """Features far from zero: in single precision, or as E[xx'] - E[x]E[x]', the covariance would
    drown in rounding."""
    features = draw.normal(60, 5) + 3000
    mean, covariance = two(expect, submission(probes.described, features=features))
    for value, what in ((mean, "mean"), (covariance, "covariance")):
        expect.true(
            as_array(value, f"the {what} of the features").dtype == np.float64,
            f"the {what} of the features is not in double precision",
            "features.double(), or a NumPy array of float64, before anything is added up.",
        )
    wanted = torch.cov(features.double().T)
    expect.close(
        tensor(covariance) / wanted.diagonal().mean(),
        wanted / wanted.diagonal().mean(),
        what="the covariance of features far from zero",
        help="Subtract the mean first, in float64.",
        slack=0.03,
    )


def frechet(mu_r, sigma_r, mu_g, sigma_g):
    """The formula, by the eigenvalues of the symmetric product."""
    values, vectors = torch.linalg.eigh(sigma_r)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    inner = torch.linalg.eigvalsh(root @ sigma_g @ root).clamp(min=0)
    spread = sigma_r.trace() + sigma_g.trace()
    return float(((mu_r - mu_g) ** 2).sum() + spread - 2 * inner.sqrt().sum()), float(spread)


def distance(submission, probes, expect, real, generated, what, slack, help):
    found = submission(
        probes.distance,
        mu_r=real[0],
        sigma_r=real[1],
        mu_g=generated[0],
        sigma_g=generated[1],
    )
    expect.true(len(found) == 1, "frechet_distance does not give one number", "Return a float.")
    expect.true(
        not (isinstance(found[0], torch.Tensor) and found[0].is_complex()),
        f"{what} is complex",
        "The root of a product of covariances has a real trace: take its real part.",
    )
    wanted, spread = frechet(*real, *generated)
    expect.close(found[0], wanted, what=what, help=help, slack=slack * spread + 1e-6)


FORMULA = "|mu_r - mu_g|^2 + tr(sigma_r) + tr(sigma_g) - 2 tr((sigma_r sigma_g)^(1/2))"


@pytest.mark.question("b.5.4", weight=3)
def test_frechet_distance(submission, probes, expect, draw):
    """Two normal distributions whose covariances have other axes: only the root of their product
    gives the right trace, not the product of their roots, and not a root of each element."""
    for size in (draw.integer(3, 5), draw.integer(6, 9)):
        distance(
            submission,
            probes,
            expect,
            moments(draw, 60, size),
            moments(draw, 60, size, 0.3),
            "frechet_distance",
            2e-3,
            FORMULA,
        )


@pytest.mark.question("b.5.4", weight=1)
def test_distance_of_the_means(submission, probes, expect, draw):
    """With equal covariances the squared distance of the means is left."""
    mean, covariance = moments(draw, 60, 6)
    other = mean + draw.normal(6, dtype=torch.float64, std=2.0)
    distance(
        submission,
        probes,
        expect,
        (mean, covariance),
        (other, covariance),
        "the distance of equal covariances",
        2e-3,
        "The squared norm of the difference of the means.",
    )


@pytest.mark.question("b.5.4", weight=1.5)
@pytest.mark.parametrize("case", ["100 of 128", "both"])
def test_distance_of_singular_covariances(submission, probes, expect, draw, case):
    """100 images in 128 dimensions: the covariance is singular, and a matrix root may come out
    complex, or not at all. The distance is real, and as the formula says."""
    real = moments(draw, 1000 if case == "100 of 128" else 90, 128)
    generated = moments(draw, 100, 128, 0.1)
    distance(
        submission,
        probes,
        expect,
        real,
        generated,
        "the distance of singular covariances",
        1e-2,
        "Take the real part of the root, or go by eigenvalues; where sqrtm fails, a small multiple "
        "of the identity on both diagonals helps.",
    )


@pytest.mark.question("b.5.4", weight=0.75)
def test_distance_to_itself_is_zero(submission, probes, expect, draw):
    """Also of a singular covariance."""
    same = moments(draw, 50, 64)
    other = moments(draw, 50, 64, 3.0)
    slack = 1e-2 * 2 * float(same[1].trace())
    found = []
    for mean, covariance in (same, other):
        value = submission(
            probes.distance, mu_r=same[0], sigma_r=same[1], mu_g=mean, sigma_g=covariance
        )
        expect.true(len(value) == 1, "frechet_distance does not give one number", "Return a float.")
        # Whether it is complex is asked elsewhere.
        complex_one = isinstance(value[0], torch.Tensor) and value[0].is_complex()
        real = value[0].real if complex_one else value[0]
        expect.close(real, 0.0, what="frechet_distance", slack=math.inf)
        found.append(float(tensor(real).reshape(-1)[0]))
    expect.true(
        # Three in each of 64 dimensions: 24 at the least, even where the root is taken.
        found[1] > 8 * slack,
        "the distance to a distribution that is far away is no larger than rounding",
        "Is the function finished?",
    )
    expect.close(
        found[0],
        0.0,
        what="the distance of a distribution to itself",
        help=FORMULA,
        slack=slack,
    )
