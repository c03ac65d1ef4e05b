"""Questions b.5.3 and b.5.4: the Inception Score and the Frechet distance."""

import functools
import itertools
import math

import numpy as np
import torch

from grader.suite.expect import as_array
from grader.suite.laws import Function, form, weight


class Scores(Function):
    """A function of tensors or of arrays, whichever it takes; it gives `count` results."""

    arrays = False
    count, they = 1, "one number"

    def ask(self, implementation, *args):
        probe = self.probes.b.of_either
        asked = {"function": self.contract, "args": list(args), "arrays": self.arrays}
        return implementation(probe, **asked)

    def got(self, *args):
        found = super().got(*args)
        told = f"{self.name} does not give {self.they}"
        self.expect.true(len(found) == self.count, told, f"Return {self.they}.")
        return found

    def number(self, value):
        what = f"a result of {self.name}"
        self.expect.close(value, 0.0, what=what, slack=math.inf)  # one number, no NaN
        return float(torch.as_tensor(value).reshape(-1)[0])


def distributions(draw, count, classes, sharpness=2.0):
    return torch.softmax(draw.normal(count, classes, std=sharpness), dim=1)


def partitions(members, size):
    """All ways to part a tuple into sets of so many."""
    if not members:
        yield []
        return
    first, *rest = members
    for others in itertools.combinations(rest, size - 1):
        left = [m for m in rest if m not in others]
        for more in partitions(left, size):
            yield [[first, *others], *more]


class TestInceptionScore(Scores, question="b.5.3", of="image_models.inception_score"):
    """Which rows make a part is left open: all ways to part a few are known."""

    count, they = 2, "a mean and a standard deviation"

    def got(self, p, *splits):
        """Mean and deviation; divided by n - 1, that of a single part is not a number."""
        mean, deviation = super().got(p, *splits)
        return self.number(mean), deviation if splits == (1,) else self.number(deviation)

    def score(self, p):
        """The score of one part."""
        return float(self.ask(self.reference, p, 1)[0])

    def ways(self, p, splits):
        """The scores of the parts, for each way to part the rows."""
        score = functools.cache(lambda part: self.score(p[list(part)]))
        for way in partitions(range(len(p)), len(p) // splits):
            yield np.array([score(tuple(part)) for part in way])

    @weight(3)
    def test_one_part(self):
        """With a single part: exp of the mean divergence of the rows from their own mean."""
        for count, classes in ((100, 10), (self.draw.integer(20, 40), self.draw.integer(3, 7))):
            p = distributions(self.draw, count, classes)
            self.expect.close(
                self.got(p, 1)[0],
                self.score(p),
                what="the score",
                help="KL(p(y|x) || p(y)) of each row, summed over the classes; its mean over the "
                "rows; exp.",
                slack=2e-3,
            )

    @weight(7.5)
    def test_several_parts(self):
        """Each part has a marginal of its own, and the scores are averaged after the exp."""
        for count, splits, classes in ((4, 2, 5), (6, 3, 5), (6, 2, 20)):
            p = distributions(self.draw, count, classes)
            mean, _ = self.got(p, splits)
            wanted = [scores.mean() for scores in self.ways(p, splits)]
            self.expect.true(
                any(abs(mean - w) <= 2e-3 for w in wanted),
                "the mean over the parts is not that of any way to part the rows",
                "p(y) is the mean over the rows of one part; exp before the mean over the parts.",
                f"{mean}, accepted {sorted(wanted)}",
            )

    @form
    @weight(1.5)
    def test_deviation_over_the_parts(self):
        """The standard deviation of the parts' scores, divided by n or by n - 1. The mean tells
        which way the rows were parted; where it is wrong every way counts."""
        for count, splits, classes in ((6, 3, 5), (8, 4, 10)):
            p = distributions(self.draw, count, classes)
            mean, deviation = self.got(p, splits)
            ways = list(self.ways(p, splits))
            ways = [w for w in ways if abs(w.mean() - mean) <= 2e-4] or ways
            wanted = [w.std(ddof=ddof) for w in ways for ddof in (0, 1)]
            self.expect.true(mean != 0, "the score is zero", "Is the function finished?")
            self.expect.true(
                any(abs(deviation - w) <= 1e-3 for w in wanted),
                "the deviation is not that of the parts' scores",
                "The standard deviation over the parts, of the scores: not their variance, and "
                "not that of all rows.",
                f"{deviation}, accepted {wanted}",
            )

    @weight(0.75)
    def test_ten_parts_unless_told_otherwise(self):
        """Ten parts by default. Here all rows but one are equal, so that it makes no difference
        which rows make a part."""
        p = distributions(self.draw, 1, 6, 0.3).repeat(20, 1)
        odd = self.draw.integer(0, 19)
        p[odd] = 0.004
        p[odd, self.draw.integer(0, 5)] = 0.98
        self.expect.close(
            self.got(p)[0],
            (9 + self.score(p[[odd, odd - 1]])) / 10,
            what="the score of 20 rows with the default parts",
            help="splits=10 by default.",
            slack=1e-3,
        )

    @weight(1.5)
    def test_classes_that_are_impossible(self):
        """A softmax in float32 gives exact zeros. 0 log 0 is 0: with certain rows, evenly spread
        over the classes, the score is the number of classes."""
        help = "0 log 0 is 0; a class that no row of the part has adds nothing."
        classes = self.draw.integer(4, 10)
        for p, wanted in (
            (torch.eye(classes).repeat(3, 1), float(classes)),
            (torch.eye(10)[:4], 4),
        ):
            mean, _ = self.got(p, 1)
            self.expect.close(mean, wanted, what="the score of certain rows", help=help, slack=5e-3)


class TestFeatureStatistics(Scores, question="b.5.4", of="image_models.feature_statistics"):
    count, they = 2, "a mean and a covariance"
    readings = ("statistics_by_torch",)  # divided by N

    def gives(self, place, features, help, relative):
        """The mean or the covariance is right, in units of one and the largest value."""
        found, which = self.got(features)[place], ("mean", "covariance")[place]

        def compare(implementation):
            wanted = self.ask(implementation, features)[place]
            slack = relative * (1 + float(wanted.abs().max()))
            what = f"the {which} of the features"
            self.expect.close(found, wanted, what=what, help=help, slack=slack)

        self.in_any_reading(compare)

    @weight(1)
    def test_mean(self):
        """One number for each feature: the mean over the images."""
        for bounds in ((5, 9), (20, 30)):
            features = self.draw.normal(self.draw.integer(*bounds), 7, mean=2.0)
            self.gives(0, features, "Over the images, axis 0.", 1e-4)

    @weight(2)
    def test_covariance(self):
        """Of deviations from the mean; divided by N - 1 or by N."""
        help = "Variables are the features, observations the images: look at rowvar."
        for bounds in ((5, 9), (20, 30)):
            features = self.draw.normal(self.draw.integer(*bounds), 7, mean=2.0)
            self.gives(1, features @ self.draw.normal(7, 7), help, 1e-3)

    @form
    @weight(0.5)
    def test_has_one_number_and_one_row_for_each_feature(self):
        """(D,) and (D, D), also for fewer images than features."""
        for count in (100, 12):
            both = [self.got(self.draw.normal(count, 32)) for _ in range(2)]
            for found, other, shape in zip(*both, ((32,), (32, 32)), strict=True):
                self.responds(found, other)
                self.expect.shape(found, shape, what=f"a result of {self.name}")

    @form
    @weight(0.75)
    def test_is_precise(self):
        """Features far from zero: in single precision, or as E[xx'] - E[x]E[x]', the covariance
        would drown in rounding."""
        features = self.draw.normal(60, 5) + 3000
        for value, what in zip(self.got(features), ("mean", "covariance"), strict=True):
            self.expect.true(
                as_array(value, f"the {what} of the features").dtype == np.float64,
                f"the {what} of the features is not in double precision",
                "features.double(), or a NumPy array of float64, before anything is added up.",
            )
        self.gives(1, features, "Subtract the mean first, in float64.", 0.015)


def moments(draw, count, size, shift=0.0):
    """Mean and covariance of `count` samples; of rank count - 1 at most."""
    mix = draw.normal(size, size, dtype=torch.float64) / size**0.5
    rows = draw.normal(count, size, dtype=torch.float64) @ mix + shift
    return rows.mean(0), torch.cov(rows.T).reshape(size, size)


class TestFrechetDistance(Scores, question="b.5.4", of="image_models.frechet_distance"):
    arrays = True
    formula = "|mu_r - mu_g|^2 + tr(sigma_r) + tr(sigma_g) - 2 tr((sigma_r sigma_g)^(1/2))"

    def is_right(self, real, generated, what="frechet_distance", help=formula, relative=2e-3):
        """The distance is right, up to a share of the two traces."""
        (found,) = self.got(*real, *generated)
        self.expect.true(
            not (isinstance(found, torch.Tensor) and found.is_complex()),
            f"{what} is complex",
            "The root of a product of covariances has a real trace: take its real part.",
        )
        (wanted,) = self.ask(self.reference, *real, *generated)
        slack = relative * float(real[1].trace() + generated[1].trace()) + 1e-6
        self.expect.close(found, wanted, what=what, help=help, slack=slack)

    @weight(3)
    def test_of_covariances_with_other_axes(self):
        """Only the root of their product gives the right trace, not the product of their roots,
        and not a root of each element."""
        for size in (self.draw.integer(3, 5), self.draw.integer(9, 12)):
            self.is_right(moments(self.draw, 60, size), moments(self.draw, 60, size, 0.3))

    @weight(1)
    def test_of_equal_covariances(self):
        """With equal covariances the squared distance of the means is left."""
        mean, covariance = moments(self.draw, 60, 6)
        other = mean + self.draw.normal(6, dtype=torch.float64, std=2.0)
        what = "the distance of equal covariances"
        help = "The squared norm of the difference of the means."
        self.is_right((mean, covariance), (other, covariance), what, help)

    @weight(3)
    def test_of_singular_covariances(self):
        """100 images in 128 dimensions: the covariance is singular, and a matrix root may come
        out complex, or not at all. The distance is real, and as the formula says."""
        for count in (1000, 90):
            self.is_right(
                moments(self.draw, count, 128),
                moments(self.draw, 100, 128, 0.1),
                "the distance of singular covariances",
                "Take the real part of the root, or go by eigenvalues; where sqrtm fails, a small "
                "multiple of the identity on both diagonals helps.",
                1e-2,
            )

    @weight(0.75)
    def test_of_a_distribution_to_itself(self):
        """It is zero, also of a singular covariance."""
        same, other = moments(self.draw, 50, 64), moments(self.draw, 50, 64, 3.0)
        found = []
        for generated in (same, other):
            (value,) = self.got(*same, *generated)
            # Whether it is complex is asked elsewhere.
            value = value.real if isinstance(value, torch.Tensor) and value.is_complex() else value
            found.append(self.number(value))
        slack = 2e-2 * float(same[1].trace())
        self.expect.true(
            # Three in each of 64 dimensions: 24 at the least, even where the root is taken.
            found[1] > 8 * slack,
            "the distance to a distribution that is far away is no larger than rounding",
            "Is the function finished?",
        )
        what = "the distance of a distribution to itself"
        self.expect.close(found[0], 0.0, what=what, help=self.formula, slack=slack)
