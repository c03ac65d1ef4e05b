"""Questions b.1.1, b.3.2, b.3.3 and b.5.1: the networks, whose layers the text names."""

import math

import torch

from grader.suite.laws import Architecture, weight

FALSE_FAIL = 5e-9


class TestVAE(Architecture, question="b.1.1", of="image_models.VAE"):
    """The two heads have the same shapes, so that either may be the mean's; so may either half of a
    head of 32. The draw of z is the next question's: a stand-in takes its place."""

    owes = {"layers": 2, "rows": 1.5, "trained": 0.75, "same_in_training": 0.5}
    sizes = "784-512-256, two heads of 16, 16-256-512-784"
    steady = ("encode", "decode")
    orders = (False, True)
    joined = ((32, 256), (32,))

    def calls(self, count):
        x, z = self.draw.uniform(count, 784), self.draw.normal(count, 16)
        return [("encode", x), ("decode", z), ("forward", x)]

    def built(self, implementation, **how):
        return super().built(implementation, probe=self.probes.b.networks_on_a_stand_in, **how)

    @weight(2)
    def test_encodes(self):
        """ReLU after both hidden layers; mean and log-variance come from a head each."""
        self.gives(0, "ReLU after the two hidden layers, and nothing after the heads.")

    @weight(2)
    def test_decodes(self):
        """ReLU after both hidden layers and a sigmoid at the end: pixels are probabilities."""
        self.gives(1, "ReLU after the two hidden layers, a sigmoid after the last one.")

    def called(self, calls, seed, **how):
        """What encode gives, and what the network itself gives in each of the calls after it."""
        moments, *found = self.run(self.submission, calls, seed=seed, **how)
        self.paired(moments, [0, 0], self.said("encode"))
        for whole in found:
            self.paired(whole, [0, 0, 0], self.said("forward"))
        return moments, *found

    @weight(1.5)
    def test_goes_through_the_draw(self):
        """Called on images, the model encodes, draws and decodes, and gives all three. Here what
        is drawn lies next to the mean; its distribution is the next question's."""
        encode, _, forward = self.calls(4)
        # Means and log-variances around -30, and a decoder that is used to them.
        special = ((16, 256), 0.25, 0.0), ((256, 16), 1 / 30, 0.0), ((16,), 0.0, -30.0)
        calls, asked = [encode, forward], {"seed": self.draw.seed(), "special": special}
        moments, (found, *again) = self.called(calls, **asked)
        for own, like, what in zip(again, moments, ("mean", "log-variance"), strict=True):
            self.expect.close(
                own,
                like,
                what=f"the {what} that the model gives",
                help="Return the reconstruction, the mean and the log-variance, in this order.",
                slack=1e-4,
            )
        mu = torch.as_tensor(moments[0])
        self.expect.close(mu, torch.zeros(4, 16), what="the mean", slack=math.inf)  # as many
        calls = [forward, ("decode", mu.reshape(4, 16))]
        runs = [self.run(self.reference, calls, turned=t, **asked) for t in self.orders]
        self.is_one_of(
            found,
            [runs[0][0][0], runs[1][0][0], runs[0][1]],
            "the reconstruction that the model gives",
            "decode what reparameterise gives for this mean and this log-variance.",
        )

    @weight(2)
    def test_does_not_decode_the_mean(self):
        """A model that decodes the mean draws nothing: it is an autoencoder, whose codes have no
        distribution to sample from. In training mode, and with a spread that can be seen."""
        encode, _, forward = self.calls(4)
        asked = {"seed": self.draw.seed(), "training": True}
        (mu, _), *found = self.called([encode, forward, forward], **asked)
        self.expect.finite(mu, what="the mean of encode(x)")
        # The same parameters once more, for what the model itself decodes from the mean.
        (of_mean,) = self.run(self.submission, [("decode", mu)], **asked)
        self.expect.finite(of_mean, what="decode(z)")
        for reconstruction, _, _ in found:
            self.expect.finite(reconstruction, what="the reconstruction that the model gives")
            self.expect.true(
                reconstruction.numel() == of_mean.numel()
                and float((reconstruction.flatten() - of_mean.flatten()).abs().max()) > 1e-3,
                "the model called on x decodes the mean",
                "decode what reparameterise gives for the mean and the log-variance.",
            )


class TestGenerator(Architecture, question="b.3.2", of="image_models.Generator"):
    owes = {"layers": 1, "rows": 0.5, "trained": 0.25, "same_in_training": 0.5}
    sizes = "64-256-512-784"
    steady = ("forward",)

    def calls(self, count):
        return [("forward", self.draw.normal(count, 64))]

    @weight(2)
    def test_makes_images(self):
        """LeakyReLU(0.2) after both hidden layers, tanh at the end: pixels in [-1, 1]."""
        self.gives(0, "LeakyReLU with slope 0.2 after the hidden layers, tanh after the last.")


class TestDiscriminator(Architecture, question="b.3.3", of="image_models.Discriminator"):
    """Its logits are (B, 1) or (B,)."""

    owes = {"layers": 1, "rows": 0.6, "trained": 0.3}
    sizes = "784-512-256-1"

    def calls(self, count):
        return [("forward", self.draw.uniform(count, 784, low=-1.0, high=1.0))]

    def has_shape(self, found, wanted, what):
        super().has_shape(found, wanted[:, 0] if found.dim() == 1 else wanted, what)

    @weight(2)
    def test_gives_logits(self):
        """LeakyReLU(0.2) after both hidden layers, and a logit of any size at the end. In
        evaluation mode, where nothing is dropped."""
        help = "LeakyReLU with slope 0.2 after the hidden layers, and nothing after the last."
        self.gives(0, help)

    @weight(2)
    def test_drops_hidden_units(self):
        """In training a hidden unit is dropped with probability 0.3, in both hidden layers, and
        what is left is scaled up; in evaluation nothing is dropped. Here a unit of 1 goes through
        both."""
        asked = {"seed": self.draw.seed(), "count": 1500}
        trained, evaluated = self.submission(self.probes.b.dropped, **asked)
        self.expect.close(
            evaluated,
            torch.ones(1500),
            what="the logit in evaluation mode",
            help="nn.Dropout knows the mode; F.dropout wants training=self.training.",
            slack=1e-4,
        )
        left = 1 / 0.7**2
        known = (trained.abs() < 1e-3) | ((trained - left).abs() < 1e-3)
        self.expect.true(
            bool(known.all()),
            "a unit that goes through both layers is neither dropped nor scaled as it should be",
            "Dropout(0.3) after each of the two hidden layers, in training mode.",
            f"values {torch.unique(trained)[:8]}",
        )
        survived = int((trained > 1).sum())
        self.expect.plausible(
            self.stats.share(survived, 1500, 0.49, false_fail=FALSE_FAIL, effect=0.13),
            "units are not dropped as often as they should be",
            "Dropout(0.3) drops with probability 0.3: 0.49 survive two of them.",
        )


class TestClassifier(Architecture, question="b.5.1", of="image_models.Classifier"):
    owes = {"layers": 1, "rows": 0.8, "trained": 0.5, "same_in_training": 1}
    sizes = "convolutions 1-32-64 with 3 x 3 kernels, then 3136-128-10"
    steady = ("features", "probabilities")

    def calls(self, count):
        x = self.draw.uniform(count, 1, 28, 28)
        return [("features", x), ("probabilities", x), ("forward", x)]

    @weight(2)
    def test_features_are_the_last_hidden_layer(self):
        """The 128 activations before the last layer, after their ReLU: the FID is a distance of
        these."""
        help = "conv, ReLU, pooling, twice; flatten; linear, ReLU. Nothing after that ReLU."
        self.gives(0, help)

    @weight(2)
    def test_probabilities_are_those_of_the_classes(self):
        """Softmax over the ten classes, once."""
        self.gives(1, "One softmax, over the axis of the classes.")

    @weight(1)
    def test_gives_what_its_loss_takes(self):
        """Called on pictures it gives logits, log-probabilities or probabilities."""
        help = "The last layer's values, or their softmax or log-softmax over the classes."
        self.gives(2, help, lambda x: [x, torch.log_softmax(x, dim=1), torch.softmax(x, dim=1)])
