"""Questions a.3.1 to a.3.3: the integrand, weighted mean and variance, effective sample size."""

import numpy as np

from grader.suite.draw import array
from grader.suite.expect import as_array
from grader.suite.laws import Function, weight


class TestIntegrand(Function, question="a.3.1", of="sampling.integrand"):
    owes = {"values": 2, "shape": 0.3, "batch_of_one": 0.3}
    parameters = ("x",)
    look_at = {"values": "The first column is squared; the sine is that of the second, in radians."}
    slack = 1e-10

    def inputs(self, draw, batch=4):
        return [array(draw.normal(batch, 2, std=3.0))]


class Weighted(Function):
    """A number that is computed from the logarithms of weights. A common factor of the weights
    cancels, also one that exp cannot represent."""

    scalar = True
    parameters = ("log_w", "f")
    # Few draws; as many as a run has, whose weights differ by many orders of magnitude.
    batches = (20, 60, 50_000)
    far_slack = 1e-8

    def inputs(self, draw, batch=40):
        log_w = draw.normal(batch, std=4.0 if batch > 1000 else 1.5, mean=draw.number(-3, 3))
        return [array(log_w), self.values_of_f(draw, batch)][: len(self.parameters)]

    def values_of_f(self, draw, batch):
        """Values whose mean is far from zero."""
        return array(draw.normal(batch, mean=draw.number(2, 5), std=draw.number(1, 2)))

    def far(self, draw):
        for shift in (2000.0, -2000.0):
            log_w, *f = self.inputs(draw)
            yield [log_w + shift, *f], [log_w, *f], "of extreme weights"


EXTREME = "Take the largest logarithm out before exp."
IN_PLACE = "log_w - log_w.max() is a new array; log_w -= log_w.max() changes the caller's."


class TestMean(Weighted, question="a.3.2", of="sampling.self_normalized_mean"):
    """sum w f / sum w. Without the denominator, constants of p and q that are not known change the
    result."""

    owes = {"values": 2, "far_out": 1, "arguments": 0.25}
    look_at = {
        "values": "Divide by the sum of the weights, not by N; the weights are exp(log_w).",
        "far_out": EXTREME,
        "arguments": IN_PLACE,
    }


class TestVariance(Weighted, question="a.3.2", of="sampling.weighted_variance"):
    owes = {"values": 2, "far_out": 1, "arguments": 0.25}
    look_at = {
        "values": "Weights and squared distances from the weighted mean, over the sum of the "
        "weights. It is the spread of f under p, not the error of the estimated mean.",
        "far_out": EXTREME,
        "arguments": IN_PLACE,
    }
    readings = ("variance_with_reliability_weights", "variance_with_bessels_correction")

    def has_the_right_values(self):
        """sum w (f - m)^2 / sum w around the weighted mean m, the submission's own as well as the
        right one; a correction of the bias may be there or not."""
        seen = []
        for batch in self.batches:
            args = self.inputs(self.draw, batch)
            try:
                self.same(*args, help=self.look_at["values"])
                seen.append(True)
            except AssertionError as wrong:
                try:
                    seen.append(self.follows_from_its_own_mean(*args))
                except AssertionError:
                    raise wrong from None
        told = "the weighted mean is so far off that nothing can be seen of the variance"
        self.expect.true(any(seen), told, self.look_at["values"])

    def follows_from_its_own_mean(self, *args):
        """Around another mean, the square of the distance between the two is added. Says whether
        the variance itself can be seen beside that."""
        found = self.got(*args)
        own, right = (
            as_array(side.sampling.self_normalized_mean(*args), "the weighted mean").reshape(-1)
            for side in (self.submission, self.reference)
        )
        self.expect.shape(own, right.shape, what="the weighted mean")
        factor = 1 + (own - right) ** 2 / self.ask(self.reference, *args)

        def compare(implementation):
            wanted = factor * self.ask(implementation, *args)
            self.expect.close(found, wanted, slack=1e-8 * float(wanted.max()))

        self.in_any_reading(compare)
        return bool((factor < 1e6).all())


class TestSize(Weighted, question="a.3.3", of="sampling.effective_sample_size"):
    owes = {"values": 2, "far_out": 1, "arguments": 0.25}
    parameters = ("log_w",)
    look_at = {
        "values": "The square of the sum over the sum of the squares; of the weights, not of their "
        "logarithms.",
        "far_out": EXTREME,
        "arguments": IN_PLACE,
    }

    @weight(1)
    def test_of_equal_and_of_single_weights(self):
        """N equal weights are worth N draws; one weight that dwarfs all others is worth one."""
        n = self.draw.integer(10, 99)
        for log_w in (np.full(n, self.draw.number(-2, 2)), 60.0 * (np.arange(n) == n // 2)):
            self.same(
                log_w,
                what="the effective sample size of equal weights, or of one that outweighs all "
                "others,",
                help="It lies between 1 and N.",
            )
