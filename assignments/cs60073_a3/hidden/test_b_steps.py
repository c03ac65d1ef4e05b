"""Questions b.1.4 and b.3.5: one step of the VAE, and one of both players of the GAN.

The probes put stand-ins in the place of the losses and of `to_signed`, which other questions mark.
A step may follow the stand-ins or, where its author wrote the loss out, the loss itself.
"""

import itertools

import torch
import torch.nn.functional as F

from grader.suite.laws import Step, form, has_standard_moments, is_normal, weight

FALSE_FAIL = 5e-9  # per test of statistics


def vae_loss(reconstruction, x, mu, logvar):
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    kl = (mu.square() + logvar.exp() - logvar - 1).sum() / (2 * len(x))
    return bce + kl, bce, kl


class TestVaeStep(Step, question="b.1.4", of="image_models.vae_step"):
    owes = {"steps": 0.25, "descends": 3, "cleared": 1.5, "alone": 0.25, "returns": 1}
    who, sources = "model", {"x": ""}
    look_at = {
        "descends": "model(x) gives reconstruction, mean and log-variance; loss.backward() before "
        "the step.",
        "cleared": "optimizer.zero_grad() before backward().",
        "returns": "Return the three numbers that vae_loss gave, in its order.",
    }

    def networks(self):
        return {"model": self.probes.b.Pixels()}

    def losses(self):
        def of(loss):
            def of_images(networks, draws):
                reconstruction, mu, logvar = networks["model"](draws["x"])
                return loss(reconstruction, draws["x"], mu, logvar)

            return of_images

        return {"model": [of(self.probes.b.stand_in_vae_loss), of(vae_loss)]}

    def watch(self, calls):
        self.start = {"model": self.draw.normal(1600, std=0.5)}
        self.tables = {"x": [self.draw.uniform(6 + 3 * n, 784) for n in range(calls)]}
        stale = self.draw.number(0.5, 2.0) if calls == 3 else 0.0
        asked = {"parameters": self.start, "batches": self.tables["x"], "lr": self.lr}
        return self.submission(self.probes.b.vae_steps, stale=stale, **asked)


# A gradient is compared with that of each loss that the contract allows, for each noise that could
# have been used: the order of the players and of their draws is left open.


def summed(real, fake):
    return (F.softplus(real) - 0.9 * real).mean() + F.softplus(fake).mean()


def halved(real, fake):
    return summed(real, fake) / 2


def called_real(target):
    return lambda fake: (F.softplus(fake) - target * fake).mean()


class GanStep(Step):
    """Of real images that are not mapped to [-1, 1], `descends` of the discriminator tells."""

    owes = {"steps": 0.5, "descends": 2.5, "cleared": 2.5, "alone": 0.25, "returns": 0.5}
    sources = {"x": "", "noise": ""}
    at_once = True
    lr = 0.02
    maps = (lambda x: 3 * x - 0.5, lambda x: 2 * x - 1, lambda x: x)  # the first is the stand-in's

    def networks(self):
        return self.probes.b.players()

    def losses(self):
        def tells(loss, mapped):
            return lambda networks, draws: loss(
                networks["discriminator"](mapped(draws["x"])),
                networks["discriminator"](networks["generator"](draws["noise"])),
            )

        def fools(loss):
            return lambda networks, draws: loss(
                networks["discriminator"](networks["generator"](draws["noise"]))
            )

        own = self.probes.b
        told = own.stand_in_discriminator_loss, summed, halved
        fooled = own.stand_in_generator_loss, called_real(1), called_real(0.9)
        return {
            "discriminator": [tells(loss, mapped) for loss in told for mapped in self.maps],
            "generator": [fools(loss) for loss in fooled],
        }

    def watch(self, calls, size=8):
        draw = self.draw
        self.start = {
            "generator": draw.normal(3328, std=0.4),
            "discriminator": torch.cat([draw.normal(3136, std=0.05), draw.normal(5, std=0.7)]),
        }
        self.tables = {"x": [draw.uniform(size, 784) for _ in range(calls)]}
        stale = draw.number(0.2, 0.4) if calls == 3 else 0.0
        asked = {"parameters": self.start, "batches": self.tables["x"], "lr": self.lr}
        return self.submission(self.probes.b.gan_steps, stale=stale, seed=draw.seed(), **asked)


class TestDiscriminatorsStep(GanStep, question="b.3.5", of="image_models.gan_step"):
    who = "discriminator"
    look_at = {
        "descends": "Real images are mapped to [-1, 1] first; generated ones are there already.",
        "returns": "(discriminator's loss, generator's loss), as they were at the two steps.",
    }

    def descends_its_loss(self):
        """Its step follows discriminator_loss of real images, in [-1, 1], and generated ones."""
        self.maps = GanStep.maps[:2]
        super().descends_its_loss()

    @form
    @weight(0.5)
    def test_trains_in_training_mode(self):
        """Dropout of the discriminator works in training mode alone, so that its step is made in
        it."""
        events, steps = self.trained(calls=2)
        for step in steps:
            before = itertools.takewhile(lambda e, step=step: e is not step, events)
            self.expect.true(
                all(e.get("training", True) for e in before if e["call"] == step["call"]),
                "gan_step trains the discriminator in evaluation mode, in which nothing is dropped",
                "A step leaves the mode of the networks as it is.",
            )


class TestGeneratorsStep(GanStep, question="b.3.5", of="image_models.gan_step"):
    who, place = "generator", 1
    look_at = {
        "descends": "generator_loss(discriminator(fake)).backward() with images that are not "
        "detached.",
        "cleared": "Detach generated images in the discriminator's step, or clear the gradients of "
        "the generator after it.",
        "returns": "(discriminator's loss, generator's loss), as they were at the two steps.",
    }

    @form
    @weight(1)
    def test_noise_is_normal_and_fresh(self):
        """z from N(0, I), 64 numbers for each image, new in every call."""
        told, look = "the generator is not given {}", "torch.randn(len(x), 64)"
        events, _ = self.trained(calls=1, size=150)
        counts = [len(e["value"]) for e in events if e.get("source") == "noise"]
        as_many = told.format("as many vectors as there are real images")
        self.expect.true(set(counts) == {150}, as_many, look)
        events, _ = self.trained(calls=30)
        of_each = {e["call"]: e["value"] for e in reversed(events) if e.get("source") == "noise"}
        self.expect.true(
            len(of_each) == 30 and all(z.shape[-1:] == (64,) for z in of_each.values()),
            told.format("64 numbers for each image"),
            look,
        )
        z = torch.cat([z.reshape(-1, 64) for z in of_each.values()])
        self.expect.true(
            len(torch.unique(z, dim=0)) == len(z),
            "two images are made from the same noise",
            "Draw the noise in the step, without setting a seed.",
        )
        what, help = "the noise", "z is from N(0, I), 64 independent numbers for each image."
        has_standard_moments(self, z.reshape(-1), what, help)
        is_normal(self, z, what, help)
        together = self.stats.normal_variance(
            z.sum(dim=1) / 8, 1.0, false_fail=FALSE_FAIL, effect=3.0
        )
        self.expect.plausible(together, "the 64 numbers of one z depend on each other", help)
