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


def number(expect, value, what):
    expect.close(value, 0.0, what=what, slack=math.inf)  # one number, no NaN
    return float(tensor(value, what).reshape(-1)[0])


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
