"""Questions 1.4 and 1.5: the KL divergence between two diagonal normals, exactly and by sampling.

The Monte Carlo estimate is random and nothing fixes the order of its draws, so it is judged by
its mean and its variance. With z = mu_q + sigma_q eps, one sample of log q(z) - log p(z) is

    KL + sum_d  b_d eps_d + c_d (eps_d^2 - 1),   b = (mu_q - mu_p) sigma_q / sigma_p^2,
                                                 c = (sigma_q^2 / sigma_p^2 - 1) / 2,

whose cumulant generating function is known, so the means are held to Chernoff bounds, which hold
for every number of samples. With equal variances it is exactly normal, and so are the tests of the
variance. The examples of a batch may share their noise: each row is judged by itself.
"""

import math

import numpy as np
import torch

from grader.suite.laws import Function, form, partial, weight

NORMAL = "q1_solution.log_likelihood_normal"
REPEATS = 64
FALSE_FAIL = 1e-9  # per test


def two_normals(draw, *shape):
    """[mu_q, logvar_q, mu_p, logvar_p] with variances between 0.3 and 3.4."""
    return [
        draw.normal(*shape),
        draw.uniform(*shape, low=-1.2, high=1.2),
        draw.normal(*shape),
        draw.uniform(*shape, low=-1.2, high=1.2),
    ]


class TestAnalytic(Function, question="q1.4", of="q1_solution.kl_gaussian_gaussian_analytic"):
    """The term of the means, the terms of the variances and the constant are marked apart."""

    owes = {
        "images": 1,
        "far_out": 0.5,
        "gradient": 1.5,
        "shape": 0.5,
        "batch_of_one": 0.25,
        "arguments": 0.25,
    }
    parameters = ("mu_q", "logvar_q", "mu_p", "logvar_p")
    step = 0.01
    look_at = {
        "images": "Flatten all but the first axis, then take D.",
        "far_out": "Add logarithms: a product of variances leaves the range of float32.",
    }

    def inputs(self, draw, batch=4):
        return two_normals(draw, batch, draw.integer(5, 7))

    @weight(2)
    def test_grows_with_the_distance_of_the_means(self):
        """In KL(q || p) the squared distance of the means is divided by the variance of p, halved
        and summed over D. Two means of q are compared, all else equal, so that only this term is
        seen."""
        for shape in ((4, 5), (64, 6)):
            first = two_normals(self.draw, *shape)
            self.same_change(
                first,
                [self.draw.normal(*shape), *first[1:]],
                "the difference of the KL divergence between two means",
                "Which of the two variances divides (mu_q - mu_p)^2? Is every dimension added?",
            )

    @weight(2)
    def test_compares_the_variances(self):
        """At equal means KL(q || p) is half the sum of sigma_q^2 / sigma_p^2 - log of the same,
        up to a constant. Two pairs of variances are compared."""
        for shape in ((4, 5), (64, 6)):
            first, second = two_normals(self.draw, *shape), two_normals(self.draw, *shape)
            first[0] = first[2] = second[0] = second[2]
            self.same_change(
                first,
                second,
                "the difference of the KL divergence between two pairs of variances",
                "Only log sigma^2 is given: sigma_q^2 / sigma_p^2 is exp(logvar_q - logvar_p).",
            )

    @weight(1.5)
    def test_is_zero_only_for_equal_distributions(self):
        """A divergence is zero when the two distributions are equal, and positive otherwise."""
        # Not of the size of the batch alone, whose number a constant may be made of by mistake.
        for size in (self.draw.integer(2, 3), self.draw.integer(5, 8), 40):
            different = two_normals(self.draw, 4, size)
            self.same(
                *different[:2],
                *different[:2],
                what="the KL divergence of a distribution from itself",
                help="Is the constant there, -1 per dimension inside the half?",
                scale=4.0 * size,
                slack=1e-4 * size,
            )
            what = "the KL divergence of two different distributions"
            positive = self.expect.each(self.got(*different), 4, what=what)
            self.expect.finite(positive, what=what)
            said = f"{what} is not positive"
            self.expect.true(bool((positive > 0).all()), said, "Check the signs of the terms.")

    def image_pair(self, draw, *shape):
        return two_normals(draw, *shape), two_normals(draw, *shape)

    def thin(self, draw):
        yield two_normals(draw, 4, 1), two_normals(draw, 4, 3), "in one dimension"

    def slope_inputs(self, draw):
        return two_normals(draw, 3, 4), [0, 1]

    def far(self, draw):
        for shape, low, high in (
            ((64, 100), 0.0, 2.0),
            ((64, 100), -6.0, -1.0),
            ((8, 784), -6.0, 2.0),
        ):
            where = f"for {shape[1]} log-variances from {low:g} to {high:g}"
            yield self.near(draw, shape, low, high), self.near(draw, shape, -1.0, 1.0), where

    def near(self, draw, shape, low, high):
        """Two normals with log-variances in a range, the means apart as far as p is wide."""
        mu_p, logvar_p = draw.normal(*shape), draw.uniform(*shape, low=low, high=high)
        mu_q = mu_p + torch.exp(logvar_p / 2) * draw.normal(*shape)
        return [mu_q, draw.uniform(*shape, low=low, high=high), mu_p, logvar_p]


def equal_variances(draw, *shape, low=0.5, high=1.0, logvars=(-1.0, 1.0)):
    """Two normals of equal variance: one sample of log q - log p is then exactly normal.

    Their means are between `low` and `high` standard deviations apart in every dimension.
    """
    logvar = draw.uniform(*shape, low=logvars[0], high=logvars[1])
    mu_p = draw.normal(*shape)
    mu_q = mu_p + draw.uniform(*shape, low=low, high=high) * torch.exp(logvar / 2)
    return [mu_q, logvar, mu_p, logvar.clone()]


def sample_coefficients(mu_q, logvar_q, mu_p, logvar_p):
    """(b, c) of the docstring above, (B, D) each, and KL itself, (B,)."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(t.shape[0], -1).double().numpy() for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    ratio = np.exp(logvar_q - logvar_p)
    distance = mu_q - mu_p
    kl = 0.5 * (ratio - 1 - (logvar_q - logvar_p) + distance**2 / np.exp(logvar_p))
    return distance * np.exp(logvar_q / 2 - logvar_p), (ratio - 1) / 2, kl.sum(1)


def one_sample_variance(args):
    """(B,), where the variances are equal."""
    return (sample_coefficients(*args)[0] ** 2).sum(1)


class TestMonteCarlo(Function, question="q1.5", of="q1_solution.kl_gaussian_gaussian_mc"):
    """An estimate may be built on the submission's `log_likelihood_normal`, which question 1.2 has
    marked already. Where that is wrong, raises or is not there, the estimate is judged with
    torch's density in its place, which sums over the last axis, or over all axes but the first."""

    owes = {"images": 1.25, "shape": 0.75, "batch_of_one": 0.25, "arguments": 0.25}
    parameters = ("mu_q", "logvar_q", "mu_p", "logvar_p", "num_samples")
    worlds = ("own", "vectors", "rows")
    look_at = {"arguments": "Expanded tensors are views: arithmetic in place reaches the caller's."}

    def inputs(self, draw, batch=4):
        return [*two_normals(draw, batch, 7), 6]

    def related_inputs(self, draw, batch):
        """With one sample, whatever becomes of several."""
        return [*two_normals(draw, batch, 7), 1]

    def called(self, args):
        return self.submission(self.probes.kl_call, args=args, density=self.world)

    def got(self, *args):
        return self.called(list(args))["result"]

    def own_parts_are_right(self):
        """1.2 is right for rows and images, few and many dimensions, in all it asks."""
        for shape, low, high in (
            *(((4, 5), -1.5, 1.5), ((1, 6), -1.5, 1.5), ((4, 1), -1.5, 1.5)),
            *(((2, 1, 28, 28), -1.5, 1.5), ((8, 100), 0.0, 2.0), ((8, 784), -6.0, -1.0)),
        ):
            mu, logvar = self.draw.normal(*shape), self.draw.uniform(*shape, low=low, high=high)
            args = [mu, logvar, mu + torch.exp(logvar / 2) * self.draw.normal(*shape)]
            wanted = self.reference.q1_solution.log_likelihood_normal(*args)
            slack = (6e-3 if low == -6.0 else 1e-4) * (1 + float(wanted.abs().max()))
            try:
                run = self.submission(self.probes.call, function=NORMAL, args=args)
                self.expect.close(run["result"], wanted, slack=slack)
                self.expect.shape(run["result"], shape[:1])
                for left, given in zip(run["args"], args, strict=True):
                    self.expect.unchanged(left, given, what="an argument")
            except AssertionError:
                return False
        return True

    def estimates(self, *args, repeats):
        """(repeats, B), estimates of one call each."""
        values = self.submission(
            self.probes.kl_estimates,
            seed=self.draw.seed(),
            args=list(args),
            repeats=repeats,
            density=self.world,
        )
        self.expect.finite(values, what=self.name)
        values = torch.as_tensor(values)
        count = len(values) if values.dim() else 0
        self.expect.true(count == repeats, f"{self.name} gives no estimates")
        rows = [self.expect.each(row, len(args[0]), what=self.name) for row in values]
        return torch.stack(rows).numpy()

    def average_to_the_divergence(self, args, repeats, slack, said, help):
        """The mean of many estimates of five samples each is the divergence, for each example.

        The bound is that for estimates of one sample each. Those of several keep to it as well,
        even where the samples share their noise: that is the slip of another test. The effect that
        is caught is 15 standard deviations of the mean of one-sample estimates.
        """
        found = self.estimates(*args, 5, repeats=repeats)
        for values, b, c, kl in zip(found.T, *sample_coefficients(*args), strict=True):

            def cumulants(t, b=b, c=c):
                room = 1 - 2 * c * t
                return float((-c * t - 0.5 * np.log(room) + b**2 * t**2 / (2 * room)).sum())

            # 2 c t < 1 on both sides; where c is zero the sample is normal and any t will do.
            reach = 0.999 / np.maximum(2 * np.array([-c.min(), c.max()]), 1e-2)
            effect = 15 * math.sqrt(float((b**2 + 2 * c**2).sum()) / repeats)
            finding = self.stats.chernoff_mean(
                values,
                kl,
                cumulants,
                (-reach[0], reach[1]),
                false_fail=FALSE_FAIL,
                effect=effect,
                slack=slack,
            )
            self.expect.plausible(finding, said, help)

    @weight(6)
    def test_averages_to_the_divergence(self):
        """The estimate is unbiased: the mean over many samples z ~ q of log q(z) - log p(z),
        summed over D."""
        draw, distance = self.draw, torch.tensor([[0.3], [1.0], [2.0]])
        for size, repeats, slack in ((8, 400, 1e-4), (100, 40, 1e-3)):
            mu_p, sign = draw.normal(3, size), 2 * draw.bernoulli(3, size) - 1
            args = [
                mu_p + distance * sign * draw.uniform(3, size, low=0.7, high=1.3),
                draw.uniform(3, size, low=-1.2, high=-0.5),
                mu_p,
                draw.uniform(3, size, low=0.2, high=0.9),
            ]
            self.average_to_the_divergence(
                args,
                repeats,
                slack,
                "the mean of many estimates is not the KL divergence",
                "Sample from q with standard deviation exp(logvar_q / 2); log q(z) - log p(z), not "
                "the other way round; sum over D and take the mean over the samples.",
            )
        # Log-ratios of one sample are as often as not below zero where q and p are near each
        # other. Here that is so with probability 0.34 or more: 64 without any are seen at a rate
        # below 1e-11.
        near = equal_variances(draw, 1, 16, low=0.1, high=0.2)
        found = self.estimates(*near, 1, repeats=REPEATS)
        self.expect.true(
            bool(found.var() == 0) or bool((found < 0).any()),
            "estimates of a small divergence are never negative, so their mean is too high",
            "A divergence is not negative, but a sample of the log-ratio may be: keep its sign.",
        )

    def is_random(self, *spreads):
        self.expect.true(
            all(bool((found.var(0) > least).all()) for found, least in spreads),
            f"{self.name} gives the same value at every call",
            "A Monte Carlo estimate draws new samples from q each time.",
        )

    @partial
    @weight(4)
    def test_varies_as_a_sample_must(self):
        """With one sample, the estimate is random with the variance of log q(z) - log p(z). The
        exact divergence has none. Noise that all 16 dimensions share has 14 times as much or more;
        a draw for each density brings a half per dimension and density, 7 times as much or
        more."""
        for low in (0.03, 0.2, 1.5):  # noise that knows nothing of the arguments is right for one
            args = equal_variances(self.draw, 2, 16, low=low, high=2 * low)
            variance = one_sample_variance(args)
            found = self.estimates(*args, 1, repeats=REPEATS)
            self.is_random((found, 1e-6 * variance))
            for values, wanted in zip(found.T, variance, strict=True):
                self.expect.plausible(
                    self.stats.normal_variance(values, wanted, false_fail=FALSE_FAIL, effect=7),
                    "one-sample estimates do not vary as log q(z) - log p(z) does for z from q",
                    "Every dimension of every sample needs noise of its own, with the standard "
                    "deviation exp(logvar_q / 2), and both densities are taken at the same sample.",
                )

    def spread_shrinks(self, first, second, ratio, said, help, repeats, effect):
        """The variance with the first arguments over that with the second is `ratio`."""
        args = equal_variances(self.draw, 2, 8)
        one = self.estimates(*args, *first, repeats=repeats)
        other = self.estimates(*args, *second, repeats=repeats)
        self.is_random((one, 1e-6 * one_sample_variance(args)), (other, 0))
        for left, right in zip(one.T, other.T, strict=True):
            finding = self.stats.variance_ratio(
                left, right, ratio, false_fail=FALSE_FAIL, effect=effect
            )
            self.expect.plausible(finding, said, help)

    @weight(3)
    def test_is_calmer_with_more_samples(self):
        """The variance of the mean of 50 independent samples is a fiftieth of that of one. The
        submission's own one-sample estimates are the yardstick."""
        said = "the variance of the estimate does not fall as 1 / num_samples"
        help = "num_samples independent samples per example, and the mean over them."
        self.spread_shrinks([1], [50], 50.0, said, help, repeats=REPEATS, effect=15)

    @form
    @weight(0.5)
    def test_takes_one_sample_by_default(self):
        """Without `num_samples` one sample is taken. The submission's own one-sample estimates are
        the yardstick; 5 samples or more would be told from one."""
        said = "the estimate without num_samples does not vary as the one with one sample"
        help = "num_samples is 1 by default."
        self.spread_shrinks([], [1], 1.0, said, help, repeats=160, effect=5)

    @partial
    def takes_images_as_rows(self):
        """All axes but the first are summed over, and log-variances are as far apart as a model
        has them, from -6 to 2."""
        self.average_to_the_divergence(
            equal_variances(self.draw, 2, 1, 28, 28, low=1.0, high=1.5, logvars=(-6.0, 2.0)),
            4,
            1e-2,
            "the estimate for images is not their KL divergence",
            "Flatten all but the first axis, and sum over all of it.",
        )

    def has_the_right_shape(self):
        """The result has shape (B,), however many samples are taken."""
        super().has_the_right_shape()
        one = self.got(*two_normals(self.draw, 5, 7), 1)
        self.expect.shape(one, (5,), what=self.usage)

    def keeps_a_batch_of_one(self):
        """The last batch of a data set may hold one example: the batch axis has to survive. So has
        that of the dimensions, where an example has one."""
        super().keeps_a_batch_of_one()
        for samples in (4, 1):
            thin = self.got(*two_normals(self.draw, 3, 1), samples)
            self.expect.each(thin, 3, what=f"{self.name} in one dimension")
