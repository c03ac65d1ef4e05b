"""Questions b.1.2, b.2.1, b.2.2 and b.4.1: the draw of z, and the images that are made of draws."""

import math

import torch

from grader.suite.laws import (
    Function,
    form,
    has_standard_moments,
    is_normal,
    law,
    partial,
    weight,
)

FALSE_FAIL = 5e-9  # per test of statistics


class TestReparameterise(Function, question="b.1.2", of="image_models.reparameterise"):
    owes = {"gradient": 2.5, "shape": 1.5}
    parameters = ("mu", "logvar")
    step = 0.01
    definition = "z = mu + sigma * eps, with sigma = exp(logvar / 2) and eps from N(0, I)."

    def inputs(self, draw, batch=6):
        return [draw.normal(batch, 5), draw.uniform(batch, 5, low=-1.0, high=1.0)]

    def slope_inputs(self, draw):
        return self.inputs(draw), [0, 1]

    @property
    def slope_seed(self):
        return self.draw.seed()

    def drawn(self, mu, logvar, repeats):
        """Several draws, and the eps in them: (repeats, *mu.shape)."""
        z = self.submission(
            self.probes.repeated,
            function=self.contract,
            args=[mu, logvar],
            seed=self.draw.seed(),
            repeats=repeats,
        )
        # As many numbers as there should be, whatever axes they have.
        like = torch.zeros(repeats, *mu.shape)
        self.expect.close(z, like, what=f"{repeats} draws", help=self.definition, slack=math.inf)
        z = z.reshape(like.shape)
        return z.double(), ((z - mu) / torch.exp(logvar / 2)).double()

    @weight(3)
    def test_has_mean_and_standard_deviation(self):
        """z is normal with mean mu and standard deviation exp(logvar / 2), in every element."""
        mu, logvar = (
            self.draw.normal(25, 16, std=3.0),
            self.draw.uniform(25, 16, low=-6.0, high=6.0),
        )
        _, eps = self.drawn(mu, logvar, 40)
        has_standard_moments(self, eps.reshape(-1), "the draw", self.definition)

    @partial
    @weight(2)
    def test_is_normal(self):
        """eps is from N(0, I): whatever mean and spread the draws have, their shape is the normal
        one. A uniform eps of the same variance has no values far out."""
        values, _ = self.drawn(torch.zeros(50, 16), torch.zeros(50, 16), 20)
        told = "the draws are not random numbers, one for each element of mu"
        self.expect.true(float(values.std()) > 1e-6, told, self.definition)
        # In units of their own spread, which is another check's.
        values = (values - values.mean()) / values.std()
        is_normal(self, values, "what is drawn", "torch.randn_like.", fitted=True)

    @weight(3)
    def test_is_independent(self):
        """Every element of every call has a draw of its own: sums of n of them have variance
        n."""
        mu, logvar = (
            self.draw.normal(24, 24, std=5.0),
            self.draw.uniform(24, 24, low=-2.0, high=2.0),
        )
        z, eps = self.drawn(mu, logvar, 24)
        both = torch.stack([z.mean(0).flatten(), mu.double().flatten()])
        near = float(torch.corrcoef(both)[0, 1]) > 0.4
        self.expect.true(near, "the draws do not lie around mu", self.definition)
        # In units of their own spread, whatever that is: the spread is another check's.
        eps = eps / eps.std()
        for axis, which in enumerate(("calls", "images", "dimensions")):
            sums = eps.sum(dim=axis) / math.sqrt(24)
            self.expect.plausible(
                self.stats.normal_variance(sums, 1.0, false_fail=FALSE_FAIL, effect=2.0),
                f"draws of several {which} are not independent of each other",
                "torch.randn_like(mu) draws a number for each element, anew at every call.",
            )

    def has_the_right_shape(self):
        """(B, L), for one image as well, and for means that are half of a layer's result, whose
        rows do not follow each other in memory."""
        for count in (1, 5):
            mu = self.draw.normal(count, 16, std=30.0)
            args = [mu, self.draw.uniform(count, 16, low=-2.0, high=0.0)]
            for views in (False, True):
                z = self.submission(
                    self.probes.call, function=self.contract, args=args, views=views
                )["result"]
                self.expect.close(z, mu, what="the draw", help=self.definition, slack=20)
                self.expect.shape(z, (count, 16), what="the draw")


class Pictures(Function):
    """Images that are made with a model of the probe's."""

    def model(self):
        return [self.draw.normal(784, 16, std=0.05), self.draw.normal(16, 784, std=0.5)]

    def argument(self, count):
        """What is asked for, for so many images."""
        raise NotImplementedError

    def related_inputs(self, draw, batch):
        return [self.model(), self.argument(batch)]

    def ask(self, implementation, model, argument):
        return self.made(implementation, model, argument)["results"][0]

    def made(self, implementation, model, argument, **how):
        probe = self.probes.b.pictures
        asked = {"function": self.contract, "parameters": model, "argument": argument}
        return implementation(probe, **asked, **{"seed": self.draw.seed()} | how)

    def same_pictures(self, model, argument, help, slack=1e-4, **how):
        got, wanted = (
            self.made(side, model, argument, **how)["results"][0]
            for side in (self.submission, self.reference)
        )
        self.expect.close(got, wanted, what=self.usage, help=help, slack=slack)

    @law("graph", shows=0)
    def has_no_graph(self):
        """Pictures are for looking at: nothing of them is trained through. They are rows, for a
        single one as well."""
        for count in (7, 1):
            got = self.made(self.submission, self.model(), self.argument(count))
            self.expect.true(bool(got["seen"]), "no image is made", "Is the function finished?")
            self.expect.shape(got["results"][0], (count, 784), what=self.usage)
            help = "with torch.no_grad(): ..."
            self.expect.true(not got["attached"], "the images still have their graph", help)


class TestReconstruct(Pictures, question="b.2.1", of="image_models.reconstruct", graph=0.5):
    parameters = ("model", "x")

    def argument(self, count):
        return self.draw.uniform(count, 784)

    @weight(4)
    def test_decodes_the_code(self):
        """Encode, then decode the mean or a draw next to it."""
        x = self.argument(self.draw.integer(6, 9))
        help = "model.decode of the mean that model.encode gives."
        self.same_pictures(self.model(), x, help, slack=2e-3)


class TestGenerateImages(Pictures, question="b.2.2", of="image_models.generate_images", graph=0.5):
    parameters = ("model", "count")

    def argument(self, count):
        return count

    def decoded(self, got, count):
        """What was decoded, (count, 16)."""
        rows = [z.reshape(-1, z.shape[-1]) for z in got["seen"] if z.dim()]
        self.expect.true(
            bool(rows) and all(z.shape[1] == 16 for z in rows) and sum(map(len, rows)) == count,
            "generate_images does not decode a vector of 16 numbers for each image",
            "model.decode(torch.randn(count, 16))",
            f"decoded {[tuple(z.shape) for z in got['seen'][:4]]}",
        )
        return torch.cat(rows)

    @weight(3)
    def test_decodes_draws_from_the_prior(self):
        """z from N(0, I), 16 numbers for each image, decoded."""
        model, help = self.model(), "The prior is N(0, I): torch.randn, not torch.rand."
        got = self.made(self.submission, model, 50, repeats=20, seed=self.draw.seed())
        z = self.decoded(got, 20 * 50)
        self.expect.close(
            got["results"][0],
            torch.sigmoid(z[:50] @ model[1]),
            what=self.usage,
            help="model.decode(z), as it is.",
            slack=1e-3,
        )
        has_standard_moments(self, z.reshape(-1), "what is decoded", help)
        is_normal(self, z, "what is decoded", help)
        self.expect.plausible(
            self.stats.normal_variance(z.sum(dim=1) / 4, 1.0, false_fail=FALSE_FAIL, effect=1.8),
            "the 16 numbers of one z depend on each other",
            "Each image needs 16 independent numbers.",
        )

    @form
    @weight(1)
    def test_images_differ(self):
        """Each image of each call has a draw of its own."""
        got = self.made(self.submission, self.model(), 8, repeats=2, seed=self.draw.seed())
        self.expect.true(
            len(torch.unique(self.decoded(got, 16), dim=0)) == 16,
            "two images are decoded from the same z",
            "No seed inside the function; one row of z for each image.",
        )


class TestGeneratorImages(Pictures, question="b.4.1", of="image_models.generator_images"):
    owes = {"graph": 0.5}
    parameters = ("generator", "z")
    worlds = ("own to_unit", "stand-in")  # to_unit is marked in b.3.1

    def model(self):
        return [self.draw.normal(3328, std=0.4)]

    def argument(self, count):
        return self.draw.normal(count, 64)

    @weight(3)
    def test_makes_pictures(self):
        """From [-1, 1], where the generator works, to [0, 1], where pictures and the classifier
        do: with black as 0 and white as 1, whatever the batch holds."""
        help = (
            "to_unit of what the generator gives: no clamp of the dark half, and no stretching to "
            "the smallest and largest value of the batch."
        )
        replaced = self.world == "stand-in"
        self.same_pictures(self.model(), self.argument(6), help, replaced=replaced)

    @form
    @weight(1.5)
    def test_uses_the_noise_that_is_given(self):
        """The same 64 vectors at epochs 1, 5 and 10 show progress; new ones would show chance."""
        z = self.argument(6)
        seen = self.made(self.submission, self.model(), z)["seen"]
        self.expect.true(
            bool(seen) and torch.equal(torch.cat(seen)[: len(z)], z),
            "the generator is not given the noise that was handed over",
            "generator(z)",
        )
