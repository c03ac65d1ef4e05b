"""Questions 1.1 to 1.3: the two log-likelihoods and the log-mean-exp.

Inputs are float32, as the assignment says, and contiguous, because the template's own first lines
call `view`. A small constant added inside a logarithm or to a variance is tolerated up to 1e-5.
"""

import torch

from grader.suite.laws import Function, weight


class TestBernoulli(Function, question="q1.1", of="q1_solution.log_likelihood_bernoulli"):
    owes = {
        "values": 5,
        "images": 1,
        "far_out": 0.75,
        "gradient": 1,
        "shape": 0.75,
        "batch_of_one": 0.25,
        "arguments": 0.25,
    }
    parameters = ("mu", "target")
    far_slack = 4e-3
    look_at = {
        "values": "mu is a probability, not a logit; both kinds of pixel count; sum over D.",
        "images": "Flatten all but the first axis, and add logarithms rather than multiply.",
        "far_out": "Constants of up to 1e-5 are fine; where mu is clamped, clamp it later.",
    }

    def pixels(self, draw, *shape, low=0.1, high=0.9):
        return [draw.uniform(*shape, low=low, high=high), draw.bernoulli(*shape)]

    def inputs(self, draw, batch=4):
        return self.pixels(draw, batch, draw.integer(5, 12))

    def tolerance(self, mu, target):
        size = mu[0].numel()
        return {"slack": 1.5e-4 * size, "terms": size}

    def has_the_right_values(self):
        """The log-likelihood of an image is the sum over its pixels of log mu where the pixel is
        one and of log(1 - mu) where it is zero."""
        super().has_the_right_values()

    def image_pair(self, draw, *shape):
        return self.pixels(draw, *shape), self.pixels(draw, *shape)

    def thin(self, draw):
        yield self.pixels(draw, 4, 1), self.pixels(draw, 4, 3), "of one pixel each"

    def kept_inputs(self, draw):
        mu, target = self.pixels(draw, 3, 5)
        mu[:, 0], target[:, 0] = 1e-30, 0.0  # which a clamp in place would move
        return [mu, target]

    def slope_inputs(self, draw):
        return self.pixels(draw, 3, 5, low=0.3, high=0.7), [0]

    def is_right_far_out(self):
        """A trained decoder is sure of most pixels: probabilities of 0.001 and 0.999 are usual.
        What keeps the logarithm away from zero must be far smaller than they are."""
        for _ in range(2):
            few = self.confident(self.draw, 4, 12)
            what = "log_likelihood_bernoulli of confident probabilities"
            self.same(*few, what=what, help=self.look_at["far_out"], slack=0.011 * 12)
        super().is_right_far_out()

    def far(self, draw):
        usual = self.pixels(draw, 64, 784)
        yield self.confident(draw, 64, 784), usual, "of confident probabilities"

    def confident(self, draw, *shape):
        """Probabilities of 0.001 to 0.01, or as much below one, and pixels of either kind."""
        rare = 10 ** draw.uniform(*shape, low=-3.0, high=-2.0)
        return [torch.where(draw.bernoulli(*shape) > 0, rare, 1 - rare), draw.bernoulli(*shape)]


class TestNormal(Function, question="q1.2", of="q1_solution.log_likelihood_normal"):
    """The three terms are marked apart: a missing constant costs the constant."""

    owes = {"images": 1, "far_out": 0.5, "shape": 0.5, "batch_of_one": 0.25, "arguments": 0.25}
    parameters = ("mu", "logvar", "z")
    look_at = {
        "images": "Flatten all but the first axis, then take D.",
        "far_out": "Add logarithms: a product of variances or of densities leaves the range of "
        "float32.",
    }

    def gaussian(self, draw, *shape):
        """[mu, logvar]: both signs of logvar, variances between 0.2 and 4.5."""
        return [draw.normal(*shape), draw.uniform(*shape, low=-1.5, high=1.5)]

    def points(self, draw, *shape):
        return [*self.gaussian(draw, *shape), draw.normal(*shape)]

    def inputs(self, draw, batch=4):
        return self.points(draw, batch, draw.integer(5, 7))

    @weight(3)
    def test_falls_with_the_scaled_squared_distance(self):
        """The quadratic term is -(z - mu)^2 / (2 sigma^2), summed over D, with sigma^2 =
        exp(logvar). Two points under the same density are compared, so that only this term is
        seen."""
        for batch in (4, 3, 64):
            shape = (batch, self.draw.integer(3, 7))
            density = self.gaussian(self.draw, *shape)
            near, far = self.draw.normal(*shape), self.draw.normal(*shape, std=2.0)
            self.same_change(
                [*density, near],
                [*density, far],
                "the difference of log_likelihood_normal between two points",
                "The variance is exp(logvar), the standard deviation exp(logvar / 2). Sum over D.",
            )

    @weight(2)
    def test_falls_with_the_log_variance(self):
        """At z = mu the quadratic term is zero, and the density of a wide normal is lower than
        that of a narrow one by half the sum of the log-variances."""
        for shape in ((4, 5), (64, 6)):
            mu, first = self.gaussian(self.draw, *shape)
            _, second = self.gaussian(self.draw, *shape)
            self.same_change(
                [mu, first, mu],
                [mu, second, mu],
                "the difference of log_likelihood_normal between two variances",
                "The normalising factor holds 1 / sigma of each dimension: -logvar / 2, summed.",
            )

    @weight(1.5)
    def test_includes_the_constant(self):
        """A density integrates to one only with its constant, -D/2 log(2 pi). Seen at z = mu with
        unit variance, where nothing else is left; for several D."""
        for size in (self.draw.integer(2, 4), self.draw.integer(5, 9), 40):
            mu = self.draw.normal(3, size)
            self.same(
                mu,
                torch.zeros_like(mu),
                mu,
                what="log_likelihood_normal at the mean with unit variance",
                help="log(2 pi) counts half, once for each dimension.",
                slack=1e-3 * size,
            )

    def image_pair(self, draw, *shape):
        density = self.gaussian(draw, *shape)
        return [*density, draw.normal(*shape)], [*density, draw.normal(*shape)]

    def thin(self, draw):
        yield self.points(draw, 4, 1), self.points(draw, 4, 3), "in one dimension"

    def far(self, draw):
        for shape, low, high in (
            ((64, 100), 0.0, 2.0),
            ((64, 100), -6.0, -1.0),
            ((8, 784), -6.0, 2.0),
        ):
            where = f"for {shape[1]} log-variances from {low:g} to {high:g}"
            usual = self.likely(draw, shape, -1.0, 1.0)
            yield self.likely(draw, shape, low, high), usual, where

    def likely(self, draw, shape, low, high):
        """[mu, logvar, z] with log-variances in a range, and z as far from mu as samples are."""
        mu, logvar = draw.normal(*shape), draw.uniform(*shape, low=low, high=high)
        return [mu, logvar, mu + torch.exp(logvar / 2) * draw.normal(*shape)]


class TestLogMeanExp(Function, question="q1.3", of="q1_solution.log_mean_exp"):
    owes = {"values": 4, "shape": 0.75, "batch_of_one": 0.25, "arguments": 0.25}
    parameters = ("y",)
    slack = 1e-4
    look_at = {
        "values": "Reduce over the samples, axis 1; the mean divides by the number of samples. "
        "Does the maximum keep its axis where it is subtracted?",
    }

    def inputs(self, draw, batch=4):
        samples = {7: draw.integer(2, 4), 64: 200}.get(batch, draw.integer(5, 9))
        return [draw.normal(batch, samples, std=2.0)]

    def has_the_right_values(self):
        """For each example: the logarithm of the mean of the exponentials, not of their sum, and
        not the mean of the logarithms. Batch and sample size differ."""
        super().has_the_right_values()

    def thin(self, draw):
        usual = [draw.normal(4, 5)]
        yield [draw.normal(1, 6)], usual, "of one example"
        yield [draw.normal(4, 1)], usual, "of one sample each"

    def stays_right(self, y, which, help):
        """Right for y up to a constant, which small values show; all examples have the same."""
        small = self.draw.normal(*y.shape)
        self.same_change([y], [small], f"log_mean_exp for {which}", help, relative=1e-6)

    @weight(1.5)
    def test_survives_large_values(self):
        """Log-likelihoods of images are around -100, and importance weights spread further.
        exp(1000) is infinite and exp(-1000) is zero in float32, so the maximum is taken out
        first."""
        help = "Subtract the maximum before the exponential and add it again after the logarithm."
        draw = self.draw
        for y, which in (
            (draw.normal(4, 6) + draw.number(900, 1100), "around 1000"),
            (draw.normal(4, 6) - draw.number(900, 1100), "around -1000"),
            (torch.linspace(-500, 500, 6) + draw.normal(4, 6, std=10.0), "from -500 to 500"),
            (draw.normal(64, 200, std=8.0) - draw.number(110, 130), "around -120"),
        ):
            self.stays_right(y, f"values {which}", help)

    @weight(1)
    def test_takes_each_examples_own_maximum(self):
        """Examples of one batch can be far apart. A maximum over the whole batch saves one of
        them and lets the others underflow."""
        levels = torch.tensor([[-800.0], [0.0], [700.0], [-300.0]]) + self.draw.normal(4, 1)
        help = "Take the maximum over axis 1 only, with its axis kept for the subtraction."
        for samples in (6, 100):
            y = self.draw.normal(4, samples) + levels
            self.stays_right(y, "examples at different levels", help)
