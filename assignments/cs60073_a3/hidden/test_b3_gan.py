"""Questions b.3 and b.4: the GAN's networks, its losses, its step, and its images."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.special import ndtr

from grader.suite.expect import as_array

FALSE_FAIL = 5e-9


def tensor(value, what="the result"):
    """The numbers of a tensor, an array, a list or a number, in float64."""
    return torch.as_tensor(as_array(value, what)).double()


def first_of(got, what):
    """The result of a call, of which one is asked for."""
    return tensor(got["result"][0] if got["result"] else None, what)


# --- b.3.1 ------------------------------------------------------------------------------------


@pytest.mark.question("b.3.1")
@pytest.mark.parametrize("name", ["to_signed", "to_unit"])
def test_ranges_are_mapped(submission, expect, draw, name):
    """Black is -1 for the GAN and 0 for pictures, white is 1 in both, and grey lies between in
    proportion."""
    unit = draw.uniform(4, 784)
    given, wanted = (unit, 2 * unit - 1) if name == "to_signed" else (2 * unit - 1, unit)
    expect.close(
        getattr(submission.image_models, name)(given),
        wanted,
        what=f"{name}(x)",
        help="Where do the two ends and the middle go?",
        slack=1e-5,
    )


@pytest.mark.question("b.3.1", weight=0.25)
@pytest.mark.parametrize("name", ["to_signed", "to_unit"])
def test_ranges_leave_their_argument_alone(submission, probes, expect, draw, name):
    """The caller still needs the images as they were."""
    x, other = (draw.uniform(3, 5, low=-1.0 if name == "to_unit" else 0.0) for _ in range(2))
    got, second = (submission(probes.call, function=name, args=[a]) for a in (x, other))
    found, changed = (first_of(a, f"{name}(x)") for a in (got, second))
    for result in (found, changed):
        expect.close(result, torch.zeros(15), what=f"{name}(x)", slack=math.inf)  # numbers
    expect.true(
        not any(torch.equal(found.flatten(), a.flatten()) for a in (changed, x.double())),
        f"{name} is the same for different inputs, or gives its argument back",
        "Is the function finished?",
    )
    expect.unchanged(got["args"][0], x, what=f"the argument of {name}")


# --- b.3.4 ------------------------------------------------------------------------------------


def number(expect, value, what):
    expect.close(value, 0.0, what=what, slack=math.inf)  # one number, no NaN
    return float(tensor(value, what).reshape(-1)[0])


def cross_entropy(logits, target):
    logits = logits.double()
    return float((F.softplus(logits) - target * logits).mean())


def matches(value, wanted):
    return any(abs(value - w) <= 1e-4 * (1 + abs(w)) for w in wanted)


# A logit for each image is (B, 1) or (B,), and the losses take both.
SHAPES = {"columns": ((7, 1), (150, 1)), "vectors": ((9,), (150,))}


@pytest.mark.question("b.3.4", weight=1.5)
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_discriminator_is_told_smoothed_labels(submission, expect, draw, shapes):
    """Cross-entropy with target 0.9 for real images and 0 for generated ones; sum or half of it."""
    for shape, std in zip(shapes, (2.0, 20.0), strict=True):
        real, fake = draw.normal(*shape, std=std), draw.normal(*shape, std=std)
        value = number(
            expect, submission.image_models.discriminator_loss(real, fake), "discriminator_loss"
        )
        total = cross_entropy(real, 0.9) + cross_entropy(fake, 0.0)
        expect.true(
            matches(value, [total, total / 2]),
            "discriminator_loss has the wrong value",
            "Which targets do real and generated images have? The arguments are logits.",
            f"{value}, expected {total} or half of it",
        )


@pytest.mark.question("b.3.4", weight=1.5)
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_generator_wants_to_be_called_real(submission, expect, draw, shapes):
    """Non-saturating: minus log D of generated images; the target may be 1 or 0.9."""
    for shape in shapes:
        fake = draw.normal(*shape, std=2.0)
        value = number(expect, submission.image_models.generator_loss(fake), "generator_loss")
        wanted = [cross_entropy(fake, target) for target in (1.0, 0.9)]
        expect.true(
            matches(value, wanted),
            "generator_loss has the wrong value",
            "The cross-entropy of generated images whose label is `real`.",
            f"{value}, expected one of {wanted}",
        )


def weighs_logits(submission, expect, which):
    """Whatever the loss is, it is the same for the same logits, and no mere sum of them: it is
    curved, or has real and generated images against each other."""
    function = getattr(submission.image_models, which)
    discriminates = which == "discriminator_loss"

    def loss(*levels):
        found = function(*(torch.full((6, 1), level) for level in levels))
        return float(tensor(found, which).sum())

    start = [0.0, 0.0] if discriminates else [0.0]
    own, again = loss(*start), loss(*start)
    slopes, bends = [], []
    for k in range(len(start)):
        once, twice = (loss(*(x if i == k else 0.0 for i in range(len(start)))) for x in (2.0, 4.0))
        slopes.append(once - own)
        bends.append(abs(twice - 2 * once + own) / max(abs(twice), abs(once), abs(own), 1e-9))
    apart = slopes[0] * slopes[1] < 0 if discriminates else slopes[0] < 0
    expect.true(
        own == again and any(slopes) and bool(apart or max(bends) > 1e-4),
        f"{which} is not one of logits",
        "Is the function finished?",
        f"slopes {slopes}, bends {bends}",
    )


@pytest.mark.question("b.3.4", weight=0.75)
@pytest.mark.parametrize("which", ["discriminator_loss", "generator_loss"])
def test_losses_survive_sure_discriminators(submission, expect, draw, which):
    """A discriminator that is very sure has logits of 100 and more. The loss grows with them, and
    is neither infinite nor NaN."""
    large = draw.uniform(6, 1, low=100.0, high=200.0)
    function = getattr(submission.image_models, which)
    values = [
        number(expect, function(*args), which)
        for args in (
            [(-large, large), (large, -large)]
            if which == "discriminator_loss"
            else [(-large,), (large,)]
        )
    ]
    weighs_logits(submission, expect, which)
    help = "A loss on logits does not form the sigmoid first: binary_cross_entropy_with_logits."
    for value in values:
        expect.finite(value, what=f"{which} of large logits", help=help)
    expect.true(
        values[0] > 60,
        f"{which} of a discriminator that is sure and wrong is much too small",
        help,
        f"{values}",
    )


@pytest.mark.question("b.3.4", weight=0.25)
@pytest.mark.parametrize("which", ["discriminator_loss", "generator_loss"])
def test_losses_of_the_players_are_scalars(submission, expect, draw, which):
    """`backward()` needs one number."""
    count = 2 if which == "discriminator_loss" else 1
    found = getattr(submission.image_models, which)(*(draw.normal(5, 1) for _ in range(count)))
    expect.finite(found, what=which)
    weighs_logits(submission, expect, which)
    expect.shape(found, (), what=which)


@pytest.mark.question("b.3.4", weight=0.75)
@pytest.mark.parametrize("which", ["discriminator_loss", "generator_loss"])
def test_losses_are_trained_through(submission, probes, expect, draw, which):
    """The networks learn through these losses: autograd's slope is that of the values, whatever
    those are."""
    count = 2 if which == "discriminator_loss" else 1
    weighs_logits(submission, expect, which)
    slopes = submission(
        probes.slopes,
        function=which,
        args=[draw.normal(6, 1) for _ in range(count)],
        directions=[[draw.normal(6, 1) for _ in range(count)] for _ in range(3)],
        step=0.01,
    )
    found, wanted = (torch.tensor(slopes[k]) for k in ("autograd", "differences"))
    largest = float(wanted.abs().max())
    expect.true(
        bool(wanted.isfinite().all()) and largest > 1e-3,
        f"{which} does not depend on the logits",
        "Is the function finished?",
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.03 * largest + 1e-3).all()),
        f"{which} is not differentiated as its values say",
        "Look for .detach(), .item(), numpy or torch.no_grad() on the way.",
        f"autograd {found}, differences {wanted}",
    )


# --- b.3.5: the step --------------------------------------------------------------------------
# The probe puts stand-ins in the place of the two losses and of `to_signed`, which have been
# marked above. A gradient is compared with that of the stand-ins and with that of the losses
# themselves, in each reading that the contract allows, for each noise that could have been used.


class Game:
    """Calls of `gan_step` on the probe's networks, and what the gradients should be."""

    def __init__(self, submission, probes, draw, expect, *, calls, stale=0.0, size=8):
        self.real = [draw.uniform(size, 784) for _ in range(calls)]
        self.size, self.lr, self.count = size, 0.02, calls
        self.events = submission(
            probes.gan_steps,
            generator=draw.normal(192 + 2352 + 784, std=0.4),
            discriminator=torch.cat([draw.normal(3136, std=0.05), draw.normal(5, std=0.7)]),
            batches=self.real,
            lr=self.lr,
            stale=stale,
            seed=draw.seed(),
        )
        self.maps = [probes.stand_in_signed, lambda x: 2 * x - 1]
        self.losses = {
            "discriminator": [probes.stand_in_discriminator_loss, summed, halved],
            "generator": [probes.stand_in_generator_loss, called(1.0), called(0.9)],
        }
        for who in ("discriminator", "generator"):
            expect.true(
                bool(self.named(f"{who} step")),
                f"gan_step never takes a step of the {who}'s optimiser",
                "Is the function finished?",
            )

    def named(self, *names):
        return [e for e in self.events if e["event"] in names]

    def candidates(self, event, who, forgiven=False):
        """(value, gradient in the one's parameters, gradient in the other's), each right.

        Forgiven is a missing map of the real images, where that is another check's.
        """
        mine = [e for e in self.events if e["call"] == event["call"]]
        noises = [
            e for e in mine if e["event"] == "generate" and e["value"].shape == (self.size, 64)
        ]
        start = mine[0]["discriminator"]
        for noise in reversed(noises):
            # Losses that are both formed before either step see the critic of the start.
            for critic in [event["discriminator"]] + (
                [] if torch.equal(start, event["discriminator"]) else [start]
            ):
                maps = self.maps if who == "discriminator" else self.maps[:1]
                maps = [*maps, lambda x: x] if forgiven else maps
                for mapped in maps:
                    for loss in self.losses[who]:
                        g = noise["generator"].clone().requires_grad_()
                        d = critic.clone().requires_grad_()
                        fake = logits(d, images(g, noise["value"]))
                        if who == "discriminator":
                            value = loss(logits(d, mapped(self.real[event["call"]])), fake)
                        else:
                            value = loss(fake)
                        of_g, of_d = torch.autograd.grad(value, [g, d])
                        own, other = (of_d, of_g) if who == "discriminator" else (of_g, of_d)
                        yield float(value), own, other

    def follows(self, event, who, extras=(), signs=(1,), forgiven=False):
        """Whether a step's gradient is that of its loss, or that and one of some others."""
        for _, own, _ in self.candidates(event, who, forgiven):
            for sign in signs:
                if any(agrees(event["value"], sign * own + e) for e in (0.0, *extras)):
                    return True
        return False


def images(flat, z):
    """The probe's NoiseGenerator with its parameters in one vector."""
    u, v, b = flat.split([192, 2352, 784])
    return torch.tanh(torch.tanh(z @ u.reshape(64, 3)) @ v.reshape(3, 784) + b)


def logits(flat, x):
    """The probe's SmallDiscriminator with its parameters in one vector."""
    a, c, d = flat.split([3136, 4, 1])
    return (torch.tanh(x @ a.reshape(784, 4)) @ c + d)[:, None]


def summed(real, fake):
    return (F.softplus(real) - 0.9 * real).mean() + F.softplus(fake).mean()


def halved(real, fake):
    return summed(real, fake) / 2


def called(target):
    return lambda fake: (F.softplus(fake) - target * fake).mean()


def agrees(found, wanted):
    scale = max(float(wanted.abs().max()), 1e-4)
    return bool(((found - wanted).abs() <= 2e-3 * scale).all())


@pytest.mark.question("b.3.5", weight=1.5)
def test_each_player_takes_one_step(submission, probes, expect, draw):
    """One step of the discriminator and one of the generator in each call."""
    game = Game(submission, probes, draw, expect, calls=3)
    for who in ("discriminator", "generator"):
        steps = game.named(f"{who} step")
        counts = [sum(e["call"] == n for e in steps) for n in range(game.count)]
        expect.true(
            counts == [1] * game.count,
            f"the {who} takes {counts} steps in {game.count} calls",
            "One step of each player in each call.",
        )


@pytest.mark.question("b.3.5", weight=2.5)
def test_discriminator_learns_to_tell_apart(submission, probes, expect, draw):
    """Its step follows discriminator_loss of real images, in [-1, 1], and generated ones. What an
    earlier backward() of the generator left is another check's."""
    game = Game(submission, probes, draw, expect, calls=1)
    event = game.named("discriminator step")[0]
    left = [other for _, _, other in game.candidates(event, "generator")]
    expect.true(
        game.follows(event, "discriminator", left),
        "the discriminator's step does not follow discriminator_loss",
        "Real images are mapped to [-1, 1] first; generated ones are there already. Noise is "
        "(B, 64).",
    )


@pytest.mark.question("b.3.5", weight=2.5)
def test_generator_learns_to_be_called_real(submission, probes, expect, draw):
    """Its step follows generator_loss of generated images, through the discriminator."""
    game = Game(submission, probes, draw, expect, calls=1)
    event = game.named("generator step")[0]
    left = [other for _, _, other in game.candidates(event, "discriminator")]
    expect.true(
        game.follows(event, "generator", left),
        "the generator's step does not follow generator_loss",
        "generator_loss(discriminator(fake)).backward() with images that are not detached.",
    )


@pytest.mark.question("b.3.5", weight=2.5)
@pytest.mark.parametrize("who", ["discriminator", "generator"])
def test_no_gradient_of_the_other_loss_is_used(submission, probes, expect, draw, who):
    """Both losses reach both networks, and gradients add up until they are cleared: each step must
    see those of its own loss alone, in every call. Its sign is another check's."""
    game = Game(submission, probes, draw, expect, calls=3, stale=draw.number(0.2, 0.4))
    for event in game.named(f"{who} step"):
        expect.true(
            game.follows(event, who, signs=(1, -1), forgiven=True),
            f"a step of the {who} uses more than the gradient of its own loss",
            f"Clear the gradients of the {who} before its backward(); detach generated images in "
            "the discriminator's step, or clear those of the generator after it.",
        )


@pytest.mark.question("b.3.5", weight=1)
def test_noise_is_normal_and_fresh(submission, probes, expect, draw, stats):
    """z from N(0, I), 64 numbers for each image, new in every call."""
    game = Game(submission, probes, draw, expect, calls=30)
    noises = [[e["value"] for e in game.named("generate") if e["call"] == n] for n in range(30)]
    expect.true(
        all(used and all(z.shape[-1:] == (64,) for z in used) for used in noises),
        "the generator is not given 64 numbers for each image",
        "torch.randn(len(x), 64)",
    )
    large = Game(submission, probes, draw, expect, calls=1, size=150)
    expect.true(
        all(len(e["value"]) == 150 for e in large.named("generate") if e["value"].dim() > 1),
        "the generator is not given as many vectors as there are real images",
        "torch.randn(len(x), 64)",
    )
    z = torch.cat([used[0].reshape(-1, 64) for used in noises])
    expect.true(
        len(torch.unique(z, dim=0)) == len(z),
        "two images are made from the same noise",
        "Draw the noise in the step, without setting a seed.",
    )
    expect.plausible(
        stats.normal_mean(z, 0.0, 1.0, false_fail=FALSE_FAIL, effect=0.1),
        "the noise does not have mean zero",
        "z is from N(0, I).",
    )
    expect.plausible(
        stats.normal_variance(z, 1.0, false_fail=FALSE_FAIL, effect=1.15),
        "the noise does not have variance one",
        "z is from N(0, I): torch.randn, not torch.rand.",
    )
    values = z.double().reshape(-1)
    # A bounded distribution of the same variance has nothing out there.
    far = float(2 * ndtr(-2.4))
    for finding in (
        stats.uniform(ndtr(values), false_fail=FALSE_FAIL, effect=0.05),
        stats.share(
            int((values.abs() > 2.4).sum()), len(values), far, false_fail=FALSE_FAIL, effect=0.016
        ),
    ):
        expect.plausible(finding, "the noise is not normal", "z is from N(0, I): torch.randn.")
    expect.plausible(
        stats.normal_variance(z.sum(dim=1) / 8, 1.0, false_fail=FALSE_FAIL, effect=3.0),
        "the 64 numbers of one z depend on each other",
        "Each image needs 64 independent numbers.",
    )


@pytest.mark.question("b.3.5", weight=1)
def test_step_returns_both_losses(submission, probes, expect, draw):
    """The discriminator's loss and the generator's, in this order, for the curves."""
    game = Game(submission, probes, draw, expect, calls=2)
    for event in game.named("return"):
        returned = event["value"]
        expect.true(len(returned) == 2, "gan_step does not return two losses", "Return both.")
        for value, who in zip(returned, ("discriminator", "generator"), strict=True):
            value = number(expect, value, "a result of gan_step")
            steps = [e for e in game.named(f"{who} step") if e["call"] == event["call"]]
            wanted = [v for e in steps for v, _, _ in game.candidates(e, who, forgiven=True)]
            expect.true(
                any(abs(value - w) <= 1e-3 * (1 + abs(w)) for w in wanted),
                f"gan_step does not return the {who}'s loss in its place",
                "(discriminator's loss, generator's loss), as they were at the two steps.",
                f"{value}, accepted {wanted}",
            )


@pytest.mark.question("b.3.5", weight=0.5)
def test_step_trains_in_training_mode(submission, probes, expect, draw):
    """Dropout of the discriminator works in training mode alone, so that its step is made in it."""
    game = Game(submission, probes, draw, expect, calls=2)
    seen = set()
    for event in game.events:
        if event["event"] == "discriminator step":
            seen.add(event["call"])
        elif event["event"] == "judge" and event["call"] not in seen:
            expect.true(
                bool(event["value"]),
                "gan_step trains the discriminator in evaluation mode, in which nothing is dropped",
                "A step leaves the mode of the networks as it is.",
            )


# --- b.4.1 ------------------------------------------------------------------------------------


def pictured(submission, probes, draw, count=6):
    parameters, z = draw.normal(192 + 2352 + 784, std=0.4), draw.normal(count, 64)
    return submission(probes.pictured, generator=parameters, z=z), images(parameters, z), z


@pytest.mark.question("b.4.1", weight=3)
def test_images_of_the_generator_are_pictures(submission, probes, expect, draw):
    """From [-1, 1], where the generator works, to [0, 1], where pictures and the classifier do:
    with black as 0 and white as 1, whatever the batch holds."""
    got, made, _ = pictured(submission, probes, draw)
    # What is built on the submission's own to_unit is right if it is right with an odd one.
    replaced = probes.stand_in_unit(made)
    try:
        expect.close(got["replaced"], replaced, slack=1e-4)
        return
    except AssertionError:
        pass
    expect.close(
        got["result"],
        (made + 1) / 2,
        what="generator_images(generator, z)",
        help="to_unit of what the generator gives: no clamp of the dark half, and no stretching "
        "to the smallest and largest value of the batch.",
        slack=1e-4,
    )


@pytest.mark.question("b.4.1", weight=1.5)
def test_given_noise_is_used(submission, probes, expect, draw):
    """The same 64 vectors at epochs 1, 5 and 10 show progress; new ones would show chance."""
    got, _, z = pictured(submission, probes, draw)
    expect.true(
        bool(got["noise"]) and torch.equal(torch.cat(got["noise"])[: len(z)], z),
        "the generator is not given the noise that was handed over",
        "generator(z)",
    )


@pytest.mark.question("b.4.1", weight=0.5)
def test_images_of_the_generator_have_no_graph(submission, probes, expect, draw):
    """Pictures are for looking at: nothing of them is trained through."""
    for count in (6, 1):
        got, _, _ = pictured(submission, probes, draw, count)
        expect.shape(got["result"], (count, 784), what="generator_images(generator, z)")
        expect.true(not got["attached"], "the images still have their graph", "torch.no_grad()")
