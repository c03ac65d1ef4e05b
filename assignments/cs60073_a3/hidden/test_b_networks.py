"""Questions b.1.1, b.3.2, b.3.3 and b.5.1: the networks, whose layers the text names.

Layers may be called anything. Parameters are known by their shapes: the probe gives them the same
values in a submission and in the reference, which is the oracle then.
"""

import math

import torch

from grader.suite.laws import Function, law, weight

FALSE_FAIL = 5e-9


class Layers(Function):
    """A network of layers with given sizes.

    Attributes:
        sizes: of its layers, in words.
        steady: methods that give the same in training and in evaluation.
        orders: whether matrices of one shape have changed places, in what is right.
    """

    sizes = ""
    steady = ()
    orders = (False,)

    def calls(self, count):
        """Methods and arguments of so many examples; the last is the network itself."""
        raise NotImplementedError

    def results(self, implementation, calls, **how):
        """What the methods give with parameters from a seed."""
        return self.run(implementation, calls=calls, **how)["results"]

    def related_inputs(self, draw, batch):
        return [self.calls(batch)[-1:], draw.seed()]

    def ask(self, implementation, calls, seed):
        return self.results(implementation, calls, seed=seed)

    def run(self, implementation, **how):
        return implementation(self.probes.b.networks, function=self.contract, **how)

    def paired(self, found, like, what):
        """Each result of a method with the reference's."""
        if not isinstance(like, list):
            return [(found, like)]
        self.expect.true(
            isinstance(found, list) and len(found) == len(like),
            f"{what} does not give {len(like)} results",
            "Look at the docstring: what is returned, and in which order?",
        )
        return list(zip(found, like, strict=True))

    def is_one_of(self, found, wanted, what, help):
        """Equal to one of several answers, all of them right."""
        failures = []
        for candidate in wanted:
            try:
                for one, like in self.paired(found, candidate, what):
                    self.expect.close(one, like, what=what, help=help, slack=1e-3)
                return
            except AssertionError as failure:
                failures.append(failure)
        raise failures[0]

    def gives(self, place, help, kinds=lambda wanted: [wanted]):
        """A method gives what the reference gives with the same parameters.

        Args:
            place: of the method in `calls`.
            help: what the student should look at.
            kinds: what is right as well, from what the reference gives.
        """
        call = self.calls(5)[place]
        asked = {"calls": [call], "seed": self.draw.seed()}
        (found,) = self.results(self.submission, **asked)
        right = [self.results(self.reference, **asked, turned=t)[0] for t in self.orders]
        self.is_one_of(found, [k for r in right for k in kinds(r)], self.said(call[0]), help)

    def said(self, method):
        return self.name if method == "forward" else f"{self.name}.{method}"

    def has_shape(self, found, wanted, what):
        self.expect.shape(found, wanted.shape, what=what)

    def shapes(self, implementation):
        return sorted(self.run(implementation, calls=[], seed=self.draw.seed())["shapes"])

    @law("layers", shows=0.5)
    def has_the_layers_of_the_text(self):
        """Sizes are given, and so is the number of parameters."""
        found, wanted = (self.shapes(side) for side in (self.submission, self.reference))
        count, total = (sum(map(math.prod, shapes)) for shapes in (found, wanted))
        help = f"Count the layers: {self.sizes}, each with a bias; nothing else has parameters."
        self.expect.true(
            count == total,
            f"{self.name} has {count:,} parameters; the text's layers have {total:,}",
            help,
        )
        told = f"the parameters of {self.name} are not those of the layers that the text names"
        self.expect.true(found == wanted, told, help, f"shapes {found}")

    @law("rows", shows=0)
    def gives_a_row_for_each_example(self):
        """Examples are rows, for a single one as well."""
        for count in (1, 5):
            calls, seed = self.calls(count), self.draw.seed()
            both = self.results(self.submission, [*calls, *self.calls(count)], seed=seed)
            wanted = self.results(self.reference, calls, seed=seed)
            for k, (method, _) in enumerate(calls):
                what = self.said(method)
                first, other = (
                    self.paired(b[k], wanted[k], what) for b in (both, both[len(calls) :])
                )
                for (found, like), (second, _) in zip(first, other, strict=True):
                    self.responds(found, second)
                    self.has_shape(found, like, what)

    @law("trained", shows=0)
    def is_trained_through(self):
        """What it gives has a slope along every parameter."""
        asked = {"calls": self.calls(40)[-1:], "seed": self.draw.seed(), "training": True}
        reached = self.run(self.submission, **asked)["reached"]
        self.expect.true(
            bool(reached) and all(reached),
            f"what {self.name} gives does not change with all parameters, as autograd sees it",
            "Look for .detach(), .item(), numpy or torch.no_grad() on the way.",
        )

    @law("same_in_training", shows=0)
    def is_the_same_in_training(self):
        """The text has no dropout here: the same input gives the same numbers in training and in
        evaluation. Whether they are right is another check's."""
        calls = [call for call in self.calls(4) if call[0] in self.steady]
        seed = self.draw.seed()
        usual, trained, other = (
            self.results(self.submission, calls, seed=number, training=training)
            for number, training in ((seed, False), (seed, True), (seed + 1, False))
        )
        likes = self.results(self.reference, calls, seed=seed)
        for (method, _), like, *results in zip(calls, likes, usual, trained, other, strict=True):
            pairs = (self.paired(result, like, self.said(method)) for result in results)
            for (one, _), (found, _), (second, _) in zip(*pairs, strict=True):
                self.responds(one, second)
                told = f"{self.said(method)} gives the same for all examples"
                alike = one.dim() == 0 or len(one) < 2 or bool((one[0] == one[1]).all())
                self.expect.true(not alike, told, "Is the network finished?")
                self.expect.close(
                    found,
                    one,
                    what=f"{self.said(method)} in training mode",
                    help="Nothing of it should be different in training.",
                    slack=1e-4,
                )


# --- b.1.1 ------------------------------------------------------------------------------------


class TestVAE(
    Layers,
    question="b.1.1",
    of="image_models.VAE",
    layers=2,
    rows=1.5,
    trained=0.75,
    same_in_training=0.5,
):
    """The two heads have the same shapes, so that either may be the mean's; so may either half of a
    head of 32. The draw of z is the next question's: a stand-in takes its place."""

    sizes = "784-512-256, two heads of 16, 16-256-512-784"
    steady = ("encode", "decode")
    orders = (False, True)

    def calls(self, count):
        x, z = self.draw.uniform(count, 784), self.draw.normal(count, 16)
        return [("encode", x), ("decode", z), ("forward", x)]

    def shapes(self, implementation):
        parts = {(32, 256): [[16, 256]] * 2, (32,): [[16]] * 2}
        found = super().shapes(implementation)
        return sorted(part for shape in found for part in parts.get(tuple(shape), [shape]))

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
        moments, *found = self.results(self.submission, calls, seed=seed, **how)
        self.paired(moments, [0, 0], self.said("encode"))
        for whole in found:
            self.paired(whole, [0, 0, 0], self.said("forward"))
        return moments, *found

    @weight(1.5)
    def test_goes_through_the_draw(self):
        """Called on images, the model encodes, draws and decodes, and gives all three. Here what
        is drawn lies next to the mean; its distribution is the next question's."""
        encode, _, forward = self.calls(4)
        calls, asked = [encode, forward], {"seed": self.draw.seed(), "near": True}
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
        runs = [self.results(self.reference, calls, turned=t, **asked) for t in self.orders]
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
        (of_mean,) = self.results(self.submission, [("decode", mu)], **asked)
        self.expect.finite(of_mean, what="decode(z)")
        for reconstruction, _, _ in found:
            self.expect.finite(reconstruction, what="the reconstruction that the model gives")
            self.expect.true(
                reconstruction.numel() == of_mean.numel()
                and float((reconstruction.flatten() - of_mean.flatten()).abs().max()) > 1e-3,
                "the model called on x decodes the mean",
                "decode what reparameterise gives for the mean and the log-variance.",
            )


# --- b.3.2 and b.3.3 --------------------------------------------------------------------------


class TestGenerator(
    Layers,
    question="b.3.2",
    of="image_models.Generator",
    layers=1,
    rows=0.5,
    trained=0.25,
    same_in_training=0.5,
):
    sizes = "64-256-512-784"
    steady = ("forward",)

    def calls(self, count):
        return [("forward", self.draw.normal(count, 64))]

    @weight(2)
    def test_makes_images(self):
        """LeakyReLU(0.2) after both hidden layers, tanh at the end: pixels in [-1, 1]."""
        self.gives(0, "LeakyReLU with slope 0.2 after the hidden layers, tanh after the last.")


class TestDiscriminator(
    Layers, question="b.3.3", of="image_models.Discriminator", layers=1, rows=0.6, trained=0.3
):
    """Its logits are (B, 1) or (B,)."""

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


# --- b.5.1 ------------------------------------------------------------------------------------


class TestClassifier(
    Layers,
    question="b.5.1",
    of="image_models.Classifier",
    layers=1,
    rows=0.8,
    trained=0.5,
    same_in_training=1,
):
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
