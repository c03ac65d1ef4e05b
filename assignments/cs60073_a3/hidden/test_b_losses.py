"""Questions b.1.3, b.3.1, b.3.4 and b.5.2: the losses of the networks, and the ranges of pixels."""

import math

import torch

from grader.suite.laws import Function, form, law, weight


class TestVaeLoss(Function, question="b.1.3", of="image_models.vae_loss", gradient=2, shape=0.5):
    """The negative ELBO and its two parts, each with a check of its own."""

    scalar = True
    parameters = ("the reconstruction", "x", "mu", "logvar")
    step = 0.01

    def inputs(self, draw, batch=4, latent=16):
        """As networks give them: some probabilities are near 0 and 1, some codes nearly certain.
        Grey pixels."""
        return [
            torch.sigmoid(draw.uniform(batch, 784, low=-6.0, high=6.0)),
            draw.uniform(batch, 784),
            draw.normal(batch, latent, std=2.0),
            draw.uniform(batch, latent, low=-6.0, high=2.0),
        ]

    def slope_inputs(self, draw):
        pictures = [draw.uniform(2, 784, low=0.3, high=0.7), draw.uniform(2, 784)]
        return [*pictures, draw.normal(2, 3), draw.uniform(2, 3, low=-2.0, high=2.0)], [0, 2, 3]

    def direction(self, argument):
        # Rounding of a loss of several hundred nats asks for long steps, where they are allowed.
        return super().direction(argument) * (1 if argument.shape[1] == 784 else 10)

    def ask(self, implementation, *args):
        # By a probe, which makes a list of whatever holds three results.
        return implementation(self.probes.call, function=self.contract, args=list(args))["result"]

    def parts(self, results):
        help = "Return the loss, the cross-entropy and the divergence, in this order."
        return self.expect.several(results, 3, what="the result of vae_loss", help=help)

    def numbers(self, *args):
        """The loss and its parts, whatever their shapes."""
        found = self.parts(self.got(*args))
        for part in found:
            self.expect.close(part, 0.0, what="a part of vae_loss", slack=math.inf)  # no NaN
        return [float(torch.as_tensor(part).reshape(-1)[0]) for part in found]

    def same_part(self, place, args, slack, help):
        what = ("the loss", "the cross-entropy", "the divergence")[place]
        wanted = self.ask(self.reference, *args)[place]
        self.expect.close(self.numbers(*args)[place], wanted, what=what, help=help, slack=slack)

    @weight(3)
    def test_cross_entropy_is_summed_over_pixels(self):
        """-x log p - (1 - x) log(1 - p), summed over the pixels of an image, mean over the
        images."""
        help = "Sum over the pixels, mean over the images. Which argument is the target?"
        for size in (1, self.draw.integer(3, 6), 150):
            self.same_part(1, self.inputs(self.draw, size), 0.02, help)

    @weight(3)
    def test_divergence_from_the_prior(self):
        """KL(N(mu, sigma^2) || N(0, I)) in closed form, summed over L, mean over the images."""
        help = (
            "(mu^2 + sigma^2 - log sigma^2 - 1) / 2, summed over the latent dimensions, mean over "
            "the images."
        )
        draw = self.draw
        for size, latent in ((1, 16), (150, draw.integer(3, 9)), (draw.integer(3, 6), 128)):
            self.same_part(2, self.inputs(draw, size, latent), 1e-3, help)

    @form
    @weight(1.5)
    def test_is_the_sum_of_its_parts(self):
        """The negative ELBO: cross-entropy plus divergence, both with weight one. The parts are
        the submission's own."""
        for _ in range(3):
            p, x, mu, logvar = self.inputs(self.draw, 5)
            loss, bce, kl = self.numbers(p, x, 4 * mu, logvar)
            told = "a part of vae_loss is always zero"
            self.expect.true(kl != 0 and bce != 0, told, "Is the function finished?")
            self.expect.close(
                loss,
                bce + kl,
                what="the loss of vae_loss",
                help="loss = bce + kl, and it comes first.",
                slack=1e-3 + 1e-5 * (abs(bce) + abs(kl)),
            )

    @form
    @weight(1)
    def test_survives_certain_pixels(self):
        """In float32 the sigmoid of 20 is exactly 1. Such a pixel costs nothing where it is right
        and much where it is wrong, but never infinity, and never NaN."""
        _, x, mu, logvar = self.inputs(self.draw)
        x = (x > 0.5).float()
        help = "Keep 0 and 1 out of the logarithm, as binary_cross_entropy does."
        for p, low, high, which in (
            (x, -0.1, 2.0, "certain and right"),
            (1 - x, 784 * 5.0, math.inf, "certain and wrong"),
        ):
            what = f"the cross-entropy of pixels that are {which}"
            bce = self.parts(self.got(p, x, mu, logvar))[1]
            self.expect.finite(bce, what=what, help=help)
            self.expect.close(bce, 0.0, what=what, slack=math.inf)
            right = bool(
                (low <= torch.as_tensor(bce)).all() and (torch.as_tensor(bce) <= high).all()
            )
            self.expect.true(right, f"{what} is far off", help, f"{bce}")

    @form
    @weight(0.5)
    def test_takes_what_a_network_gives(self):
        """Mean and log-variance may be the halves of one layer's result, whose rows do not follow
        each other in memory. The loss is the same, whatever it is."""
        args, more = self.inputs(self.draw), self.inputs(self.draw)
        usual, viewed, other = (
            self.parts(
                self.submission(self.probes.call, function=self.contract, args=given, views=views)[
                    "result"
                ]
            )
            for given, views in ((args, False), (args, True), (more, False))
        )
        for one, found, second in zip(usual, viewed, other, strict=True):
            self.responds(one, second)
            self.expect.close(
                found,
                one,
                what="a part of vae_loss",
                help="reshape takes tensors of any layout in memory, view does not.",
                slack=0.02,
            )

    def has_the_gradient_of_its_values(self):
        """The decoder learns through the cross-entropy and the encoder through both parts."""
        # Whatever the loss is, it compares two pictures: it is not a sum of something of each.
        args, _ = self.slope_inputs(self.draw)
        losses = []
        for levels in ((0.2, 0.3), (0.2, 0.8), (0.7, 0.3), (0.7, 0.8)):
            pictures = [torch.full_like(args[0], level) for level in levels]
            losses.append(self.numbers(*pictures, *args[2:])[0])
        together = abs(losses[0] - losses[1] - losses[2] + losses[3])
        self.expect.true(
            together > 1e-4 * max(map(abs, losses)),
            "vae_loss does not compare the reconstruction with x",
            "Is the function finished?",
            f"{losses}",
        )
        super().has_the_gradient_of_its_values()

    def has_the_right_shape(self):
        """`backward()` needs one number, and curves need one of each part."""
        result, other = (self.parts(self.got(*self.inputs(self.draw, 5))) for _ in range(2))
        for part, another in zip(result, other, strict=True):
            self.responds(part, another)
            self.expect.shape(part, (), what="a part of vae_loss")


class Range(Function):
    """Black is -1 for the GAN and 0 for pictures, white is 1 in both, and grey lies between in
    proportion."""

    parameters = ("x",)
    slack = 1e-5
    look_at = {"values": "Where do the two ends and the middle go?"}

    def inputs(self, draw, batch=4):
        return [draw.uniform(batch, 784)]

    def leaves_its_arguments_alone(self):
        """The caller still needs the images as they were."""
        (x,) = self.inputs(self.draw)
        given_back = f"{self.name} gives its argument back"
        found = self.got(x)
        self.expect.finite(found, what=self.usage)
        same = torch.equal(torch.as_tensor(found), x)
        self.expect.true(not same, given_back, "Is the function finished?")
        super().leaves_its_arguments_alone()


class TestToSigned(Range, question="b.3.1", of="image_models.to_signed", values=1, arguments=0.25):
    pass


class TestToUnit(Range, question="b.3.1", of="image_models.to_unit", values=1, arguments=0.25):
    def inputs(self, draw, batch=4):
        return [draw.uniform(batch, 784, low=-1.0)]


class PlayerLoss(Function):
    """A loss on logits, which are (B, 1) or (B,).

    Attributes:
        wrong: the signs of logits with which a sure discriminator is wrong.
    """

    owes = {"values": 1.5, "vectors": 1.5, "sure": 0.75, "shape": 0.25, "gradient": 0.75}
    batches = (7, 150)
    step = 0.01
    wrong = ()

    def inputs(self, draw, batch=4):
        std = 20.0 if batch > 100 and len(self.parameters) == 2 else 2.0
        return [draw.normal(batch, 1, std=std) for _ in self.parameters]

    def tolerance(self, *args):
        return {"slack": 1e-4 + 2e-5 * max(float(a.abs().max()) for a in args), "terms": 150}

    def slope_inputs(self, draw):
        # Where no slopes of different signs cancel each other.
        args = [draw.uniform(6, 1, low=-2.0, high=0.0) for _ in self.parameters]
        return args, list(range(len(args)))

    def direction(self, argument):
        return self.draw.uniform(*argument.shape, low=0.5, high=1.0)

    def total(self, *args):
        return float(torch.as_tensor(self.got(*args)).double().sum())

    def responds(self, result, other):
        """Whatever the loss is, it is the same for the same logits, and not a mere sum of them: it
        is curved, or has real and generated images against each other."""
        super().responds(result, other)

        def loss(place=0, level=0.0):
            return self.total(
                *(torch.full((6, 1), level * (i == place)) for i in range(len(self.parameters)))
            )

        own, again = loss(), loss()
        slopes, bends = [], []
        for k in range(len(self.parameters)):
            once, twice = loss(k, 2.0), loss(k, 4.0)
            slopes.append(once - own)
            bends.append(abs(twice - 2 * once + own) / max(abs(twice), abs(once), abs(own), 1e-9))
        apart = slopes[0] * slopes[1] < 0 if len(slopes) == 2 else slopes[0] < 0
        self.expect.true(
            own == again and any(slopes) and bool(apart or max(bends) > 1e-4),
            f"{self.name} is not one of logits",
            "Is the function finished?",
            f"slopes {slopes}, bends {bends}",
        )

    @law("vectors")
    def takes_vectors_of_logits(self):
        """A discriminator may give one logit for each image, (B,), as well as a column."""
        for batch in (9, 150):
            args = self.inputs(self.draw, batch)
            self.same(*(a[:, 0] for a in args), help=self.look_at["values"])

    @law("sure", shows=0)
    def survives_sure_discriminators(self):
        """A discriminator that is very sure has logits of 100 and more. The loss grows with them,
        and is neither infinite nor NaN."""
        large = self.draw.uniform(6, 1, low=100.0, high=200.0)
        help = "A loss on logits does not form the sigmoid first: binary_cross_entropy_with_logits."
        values = [self.got(*(sign * s * large for s in self.wrong)) for sign in (1, -1)]
        for value in values:
            self.expect.finite(value, what=f"{self.name} of large logits", help=help)
        self.responds(*values)
        wrong = float(torch.as_tensor(values[0]).double().mean())
        told = f"{self.name} of a discriminator that is sure and wrong is much too small"
        self.expect.true(wrong > 60, told, help, f"{wrong}")

    def has_the_gradient_of_its_values(self):
        """The networks learn through these losses: autograd's slope is that of the values,
        whatever those are."""
        self.answers(batch=4)
        super().has_the_gradient_of_its_values()


class TestDiscriminatorLoss(PlayerLoss, question="b.3.4", of="image_models.discriminator_loss"):
    """Cross-entropy with target 0.9 for real images and 0 for generated ones."""

    scalar = True
    parameters = ("real_logits", "fake_logits")
    readings = ("discriminator_by_halves",)
    look_at = {
        "values": "Which targets do real and generated images have? The arguments are logits."
    }
    wrong = (-1, 1)


class TestGeneratorLoss(PlayerLoss, question="b.3.4", of="image_models.generator_loss"):
    """Non-saturating: minus log D of generated images."""

    scalar = True
    parameters = ("fake_logits",)
    readings = ("generator_with_a_smoothed_label",)
    look_at = {"values": "The cross-entropy of generated images whose label is `real`."}
    wrong = (-1,)


OWN = "the submission's own classifier"
# What a classifier may give, from logits.
KINDS = {
    "logits": lambda logits: logits,
    "logarithms": lambda logits: torch.log_softmax(logits, dim=1),
    "probabilities": lambda logits: torch.softmax(logits, dim=1),
}


def are_probabilities(output):
    sums = output.double().sum(1)
    return bool((output >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


class TestClassifierLoss(Function, question="b.5.2", of="image_models.classifier_loss"):
    """-log p(label|x) of what the submission's own classifier says. Where that gives no row of ten
    for each picture, which b.5.1 marks, the loss may be right for any kind of output."""

    scalar = True
    owes = {"values": 3, "gradient": 1, "shape": 0.5}
    parameters = ("output", "labels")
    worlds = (OWN, *KINDS)
    batches = (1, 8, 70)
    slack = 2e-3
    look_at = {
        "values": "What does forward give, and what does your loss take: logits, log p or p? "
        "Cross-entropy of torch holds a softmax: after one of your own there would be two."
    }
    gave_rows = False

    def inputs(self, draw, batch=4):
        self.gave_rows = False
        labels = torch.tensor([draw.integer(0, 9) for _ in range(batch)])
        if self.world != OWN:
            return [KINDS[self.world](draw.normal(batch, 10, std=2.0)), labels]
        (output,) = self.submission(
            self.probes.networks,
            function="image_models.Classifier",
            seed=draw.seed(),
            calls=[("forward", draw.uniform(batch, 1, 28, 28))],
        )["results"]
        self.expect.shape(output, (batch, 10), what="what the classifier gives")
        self.gave_rows = True
        return [output, labels]

    def own_parts_are_right(self):
        return self.gave_rows

    def ask(self, implementation, output, labels):
        if implementation is not self.submission:
            output = output.double()
            output = output.log() if are_probabilities(output) else output.log_softmax(1)
        return super().ask(implementation, output, labels)

    def slope_inputs(self, draw):
        output, labels = self.inputs(draw, 6)
        self.towards = torch.where(torch.eye(10)[labels] > 0, 1.0, -1.0)
        return [output, labels], [0]

    def direction(self, argument):
        """Towards the labels, so that no shares cancel; probabilities stay positive."""
        step = self.towards * self.draw.uniform(*argument.shape, low=0.5, high=1.0)
        return step * argument if are_probabilities(argument) else step
