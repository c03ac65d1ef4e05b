"""Questions b.1.4 and b.3.5: one step of the VAE, and one of both players of the GAN.

The probes put stand-ins in the place of the losses and of `to_signed`, which other questions mark.
A step may follow the stand-ins or, where its author wrote the loss out, the loss itself.
"""

import functools
import itertools
import math

import torch
import torch.nn.functional as F
from scipy.special import ndtr

from grader.suite.laws import Contract, form, weight
from grader.suite.laws.relation import Sample, related

FALSE_FAIL = 5e-9  # per test of statistics
RELATED_CALLS = 6  # from which it is told whether steps are related to right ones


def agrees(found, wanted, relative=1e-3):
    """Equal up to a share of the largest value."""
    scale = max(float(wanted.abs().max()), 1e-3)
    return found.shape == wanted.shape and bool(((found - wanted).abs() <= relative * scale).all())


class Steps(Contract):
    def numbers(self, returned, count):
        """What a step returned, as numbers."""
        told = f"{self.name} does not return {count} numbers"
        self.expect.true(len(returned) == count, told, "Return the losses, for the curves.")
        for value in returned:
            what = f"a result of {self.name}"
            self.expect.close(value, 0.0, what=what, slack=math.inf)  # one number, no NaN
        return [float(torch.as_tensor(value).reshape(-1)[0]) for value in returned]


# --- b.1.4 ------------------------------------------------------------------------------------


class TestVaeStep(Steps, question="b.1.4", of="image_models.vae_step"):
    def calls(self, stale=0.0):
        """Two calls on the probe's model. Each has as `right` the reference's steps from the same
        parameters, with the stand-in and with the loss itself."""
        asked = {"lr": 0.05, "batches": [self.draw.uniform(n, 784) for n in (6, 9)]}
        start, probe = self.draw.normal(1600, std=0.5), self.probes.b.vae_steps
        calls = self.submission(probe, parameters=start, stale=stale, **asked)
        told = "vae_step does not begin at the parameters that it was given"
        given = torch.equal(calls[0]["before"], start)
        self.expect.true(given, told, "Only optimizer.step() changes the parameters.")
        for call, x in zip(calls, asked["batches"], strict=True):
            told = "vae_step takes no step of the optimiser"
            self.expect.true(bool(call["gradients"]), told, "Is the function finished?")
            asked = {"lr": 0.05, "batches": [x], "parameters": call["before"]}
            call["right"] = [self.reference(probe, own_loss=o, **asked)[0] for o in (False, True)]
        return calls

    def follows(self, call, signs=(1,)):
        """Whether the last step of a call is on the gradient of the loss, or against it."""
        rights = [right["gradients"][0] for right in call["right"]]
        return any(agrees(s * call["gradients"][-1], right) for s in signs for right in rights)

    @weight(3)
    def test_follows_the_loss(self):
        """One step of the optimiser, on the gradient of the loss at the parameters as they are."""
        call = self.calls()[0]
        count = len(call["gradients"])
        told = f"vae_step takes {count} steps of the optimiser"
        self.expect.true(count == 1, told, "One call, one step.")
        self.expect.true(
            self.follows(call),
            "the step does not follow the gradient of vae_loss",
            "model(x) gives reconstruction, mean and log-variance; loss.backward() before the "
            "step.",
        )
        self.expect.true(
            agrees(call["after"], call["before"] - 0.05 * call["gradients"][0]),
            "the parameters do not end where the optimiser's step leads",
            "Only optimizer.step() changes the parameters.",
        )

    @weight(2)
    def test_forgets_earlier_gradients(self):
        """Gradients add up until they are cleared: the second step must not hold the first's.
        Their sign is another check's."""
        again, stale = self.calls()[1], self.calls(stale=self.draw.number(0.5, 2.0))[0]
        self.expect.true(
            all(self.follows(call, signs=(1, -1)) for call in (again, stale)),
            "a step uses gradients from before",
            "optimizer.zero_grad() before backward().",
        )

    @weight(1)
    def test_returns_the_parts_of_the_loss(self):
        """Loss, cross-entropy and divergence of this batch, for the curves."""
        for call in self.calls():
            values = torch.tensor(self.numbers(call["returned"], 3))
            rights = [torch.tensor(right["returned"]) for right in call["right"]]
            self.expect.true(
                any(bool(((values - r).abs() <= 1e-3 * (1 + r.abs())).all()) for r in rights),
                "vae_step does not return loss, cross-entropy and divergence",
                "Return the three numbers that vae_loss gave, in its order.",
                f"{values}, accepted {rights}",
            )


# --- b.3.5 ------------------------------------------------------------------------------------
# A gradient is compared with that of each loss that the contract allows, for each noise that could
# have been used: the order of the players and of their draws is left open.


def summed(real, fake):
    return (F.softplus(real) - 0.9 * real).mean() + F.softplus(fake).mean()


def halved(real, fake):
    return summed(real, fake) / 2


def called_real(target, fake):
    return (F.softplus(fake) - target * fake).mean()


class TestGanStep(Steps, question="b.3.5", of="image_models.gan_step"):
    players = ("discriminator", "generator")

    def play(self, calls, stale=0.0, size=8):
        """What calls on the probe's networks did, event by event."""
        self.real = [self.draw.uniform(size, 784) for _ in range(calls)]
        d = torch.cat([self.draw.normal(3136, std=0.05), self.draw.normal(5, std=0.7)])
        given = {"generator": self.draw.normal(3328, std=0.4), "discriminator": d}
        self.events = self.submission(
            self.probes.b.gan_steps,
            **given,
            batches=self.real,
            lr=0.02,
            stale=stale,
            seed=self.draw.seed(),
        )
        self.given = given
        for who in self.players:
            steps = [n for n, e in enumerate(self.events) if e["event"] == f"{who} step"]
            told = f"gan_step never takes a step of the {who}'s optimiser"
            self.expect.true(bool(steps), told, "Is the function finished?")
            told = "gan_step does not begin at the networks that it was given"
            begins = all(torch.equal(e[who], given[who]) for e in self.events[: steps[0] + 1])
            self.expect.true(begins, told, "Only the optimisers' steps change the parameters.")

    def related(self):
        """Whether the first step of a player leads where a right one does from the parameters that
        the probe got, or away from there."""
        samples = {who: [] for who in self.players}
        for _ in range(RELATED_CALLS):
            self.play(calls=1)
            for who, found in samples.items():
                event = self.named(f"{who} step")[0]
                for _, right, _ in itertools.islice(self.candidates(event | self.given, who), 1):
                    found.append(Sample(list(self.given.values()), event["value"], right))
        return any(related(s) for s in samples.values() if len(s) == RELATED_CALLS)

    def named(self, name):
        return [e for e in self.events if e["event"] == name]

    def losses(self, who, forgiven):
        """The losses of a player that are right, from real images and the logits of generated
        ones; forgiven is a missing map of the real images, where that is another check's."""
        b = self.probes.b
        if who == "generator":
            found = [
                b.stand_in_generator_loss,
                *(functools.partial(called_real, t) for t in (1, 0.9)),
            ]
            return [lambda judge, real, fake, loss=loss: loss(fake) for loss in found]
        ranges = [b.stand_in_signed, lambda x: 2 * x - 1, *([lambda x: x] if forgiven else [])]
        return [
            lambda judge, real, fake, loss=loss, mapped=mapped: loss(judge(mapped(real)), fake)
            for loss in (b.stand_in_discriminator_loss, summed, halved)
            for mapped in ranges
        ]

    def candidates(self, event, who, forgiven=False):
        """(value, gradient in the one's parameters, gradient in the other's), each right."""
        b, real = self.probes.b, self.real[event["call"]]
        mine = [e for e in self.events if e["call"] == event["call"]]
        noises = [
            e for e in mine if e["event"] == "generate" and e["value"].shape == (len(real), 64)
        ]
        # Losses that are both formed before either step see the critic of the start.
        start, now = mine[0]["discriminator"], event["discriminator"]
        for noise in reversed(noises):
            for critic in [now] if torch.equal(start, now) else [now, start]:
                for loss in self.losses(who, forgiven):
                    g, d = (p.clone().requires_grad_() for p in (noise["generator"], critic))
                    judge = functools.partial(b.small_logits, d)
                    value = loss(judge, real, judge(b.noise_images(g, noise["value"])))
                    of_g, of_d = torch.autograd.grad(value, [g, d])
                    yield float(value), *((of_d, of_g) if who == "discriminator" else (of_g, of_d))

    def follows(self, event, who, extras=(), signs=(1,), forgiven=False):
        """Whether a step's gradient is that of its loss, or that and one of some others. Where the
        loss has none, as with networks of zeros, that is soon made up."""
        return any(
            agrees(event["value"], sign * own + extra, 2e-3)
            for _, own, _ in self.candidates(event, who, forgiven)
            if not agrees(torch.zeros_like(own), own, 2e-3)
            for sign in signs
            for extra in (0.0, *extras)
        )

    def learns(self, who, other, help):
        """The first step of a player follows its loss. What an earlier backward() of the other
        left is another check's."""
        self.play(calls=1)
        event = self.named(f"{who} step")[0]
        left = [of_other for _, _, of_other in self.candidates(event, other)]
        told = f"the {who}'s step does not follow {who}_loss"
        self.expect.true(self.follows(event, who, left), told, help)

    @form
    @weight(1.5)
    def test_each_player_takes_one_step(self):
        """One step of the discriminator and one of the generator in each call."""
        self.play(calls=3)
        for who in self.players:
            counts = [sum(e["call"] == n for e in self.named(f"{who} step")) for n in range(3)]
            told = f"the {who} takes {counts} steps in 3 calls"
            self.expect.true(counts == [1, 1, 1], told, "One step of each player in each call.")

    @weight(2.5)
    def test_discriminator_learns_to_tell_apart(self):
        """Its step follows discriminator_loss of real images, in [-1, 1], and generated ones."""
        help = "Real images are mapped to [-1, 1] first; generated ones are there already."
        self.learns("discriminator", "generator", help)

    @weight(2.5)
    def test_generator_learns_to_be_called_real(self):
        """Its step follows generator_loss of generated images, through the discriminator."""
        help = "generator_loss(discriminator(fake)).backward() with images that are not detached."
        self.learns("generator", "discriminator", help)

    def uses_its_own_loss_alone(self, who):
        self.play(calls=3, stale=self.draw.number(0.2, 0.4))
        for event in self.named(f"{who} step"):
            self.expect.true(
                self.follows(event, who, signs=(1, -1), forgiven=True),
                f"a step of the {who} uses more than the gradient of its own loss",
                f"Clear the gradients of the {who} before its backward(); detach generated images "
                "in the discriminator's step, or clear those of the generator after it.",
            )

    @weight(2.5)
    def test_discriminator_uses_its_own_loss_alone(self):
        """Both losses reach both networks, and gradients add up until they are cleared: each step
        must see those of its own loss alone, in every call. Its sign is another check's."""
        self.uses_its_own_loss_alone("discriminator")

    @weight(2.5)
    def test_generator_uses_its_own_loss_alone(self):
        """Both losses reach both networks, and gradients add up until they are cleared: each step
        must see those of its own loss alone, in every call. Its sign is another check's."""
        self.uses_its_own_loss_alone("generator")

    @form
    @weight(1)
    def test_noise_is_normal_and_fresh(self):
        """z from N(0, I), 64 numbers for each image, new in every call."""
        self.play(calls=1, size=150)
        self.expect.true(
            all(len(e["value"]) == 150 for e in self.named("generate") if e["value"].dim() > 1),
            "the generator is not given as many vectors as there are real images",
            "torch.randn(len(x), 64)",
        )
        self.play(calls=30)
        noises = [[e["value"] for e in self.named("generate") if e["call"] == n] for n in range(30)]
        self.expect.true(
            all(used and all(z.shape[-1:] == (64,) for z in used) for used in noises),
            "the generator is not given 64 numbers for each image",
            "torch.randn(len(x), 64)",
        )
        z = torch.cat([used[0].reshape(-1, 64) for used in noises])
        self.expect.true(
            len(torch.unique(z, dim=0)) == len(z),
            "two images are made from the same noise",
            "Draw the noise in the step, without setting a seed.",
        )
        test, values = self.stats, z.double().reshape(-1)
        # A bounded distribution of the same variance has nothing out there.
        far, p, rate = int((values.abs() > 2.4).sum()), float(2 * ndtr(-2.4)), FALSE_FAIL
        together = z.sum(dim=1) / 8
        for finding, told in (
            (test.normal_mean(z, 0.0, 1.0, false_fail=rate, effect=0.1), "has not mean zero"),
            (test.normal_variance(z, 1.0, false_fail=rate, effect=1.15), "has not variance one"),
            (test.uniform(ndtr(values), false_fail=rate, effect=0.05), "is not normal"),
            (test.share(far, len(values), p, false_fail=rate, effect=0.016), "is not normal"),
            (
                test.normal_variance(together, 1.0, false_fail=rate, effect=3.0),
                "has 64 numbers that depend on each other",
            ),
        ):
            help = "z is from N(0, I), 64 independent numbers for each image: torch.randn."
            self.expect.plausible(finding, f"the noise {told}", help)

    @weight(1)
    def test_returns_both_losses(self):
        """The discriminator's loss and the generator's, in this order, for the curves."""
        self.play(calls=2)
        for event in self.named("return"):
            values = self.numbers(event["value"], 2)
            for value, who in zip(values, self.players, strict=True):
                steps = [e for e in self.named(f"{who} step") if e["call"] == event["call"]]
                wanted = [v for e in steps for v, _, _ in self.candidates(e, who, forgiven=True)]
                self.expect.true(
                    any(abs(value - w) <= 1e-3 * (1 + abs(w)) for w in wanted),
                    f"gan_step does not return the {who}'s loss in its place",
                    "(discriminator's loss, generator's loss), as they were at the two steps.",
                    f"{value}, accepted {wanted}",
                )

    @form
    @weight(0.5)
    def test_trains_in_training_mode(self):
        """Dropout of the discriminator works in training mode alone, so that its step is made in
        it."""
        self.play(calls=2)
        seen = set()
        for event in self.events:
            if event["event"] == "discriminator step":
                seen.add(event["call"])
            elif event["event"] == "judge" and event["call"] not in seen:
                self.expect.true(
                    bool(event["value"]),
                    "gan_step trains the discriminator in evaluation mode, in which nothing is "
                    "dropped",
                    "A step leaves the mode of the networks as it is.",
                )
