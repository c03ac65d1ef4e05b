"""Question a.5.1: Gibbs sampling of a correlated normal.

What is drawn for a coordinate, less r times the other one, is the noise of that draw. In a right
chain all this noise is independent and normal with variance 1 - r^2, exactly and from the first
draw on; so is the noise with its sign changed by anything that came before it. An iteration may
draw both coordinates, in either order, or one of them in turn or at random, and the first row may
be the start: the tests find out by themselves which it is.
"""

import math

import numpy as np
from scipy.special import ndtr

from grader.suite.draw import array
from grader.suite.laws import Draws, form, generator, partial, weight


def correlation(draw):
    return draw.number(0.55, 0.93) * (2 * draw.integer(0, 1) - 1)


def flipped(values, signs):
    """The values, with other signs where these numbers are negative."""
    return values * np.where(signs < 0, -1.0, 1.0)


class TestGibbs(Draws, question="a.5.1", of="sampling.gibbs_sampling"):
    """A chain: rows after each iteration, the newest value of the other coordinate deciding for
    the mean of each draw."""

    width, probe = 2, "a.sampled"
    owes = {
        "mean": 2,
        "variance": 1.5,
        "distribution": 0.5,
        "shape": 0.5,
        "independent": 0.5,
        "arguments": 0.25,
    }
    parameters = ("correlation", "x0", "n", "rng")
    effects = {"mean": 0.16, "variance": 1.35, "distribution": 0.09}
    counts = (37,)
    said = {
        "mean": "what is drawn for a coordinate does not have the mean r times the other one",
        "variance": "what is drawn for a coordinate, given the other, does not have the variance "
        "1 - r^2",
        "distribution": "what is drawn for a coordinate, given the other, is not normal",
    }
    look_at = {
        "mean": "Each coordinate is drawn given the newest value of the other, also the one that "
        "was drawn a moment ago.",
        "variance": "Is a variance handed over where a standard deviation is expected?",
        "distribution": "The conditionals are normal distributions of variance 1 - r^2.",
        "shape": "Keep (x_1, x_2) after each iteration.",
    }

    def inputs(self, draw, count=20):
        return [correlation(draw), array(draw.normal(2)), count, generator(draw.seed())]

    def chain(self, r, x0, n):
        """The chain with its start in front, (n or n + 1, 2)."""
        chain = self.got([r, x0, n, generator(self.draw.seed())], n - 1)
        self.expect.true(
            len(chain) in (n, n + 1) and bool((chain[1:] != chain[:-1]).any(1).mean() > 0.9),
            "the chain does not have one row for each iteration, or hardly moves",
            "Each iteration draws at least one coordinate; keep a copy of the state after it.",
        )
        return chain if bool((chain[0] == x0).all()) else np.concatenate([x0[None], chain])

    def noise(self):
        """For two chains: the noise of every draw over its standard deviation, and the value that
        it was conditioned on, in the order of the draws."""
        for _ in range(2):
            r = correlation(self.draw)
            chain = self.chain(r, array(self.draw.normal(2)), 4000)
            noise, given = draws_of(chain, r)
            yield noise / math.sqrt(1 - r**2), given

    def normals(self, draw):
        """Where the factor of the mean is wrong, noise with the sign of the value that it was
        conditioned on does not have mean zero."""
        for noise, given in self.noise():
            yield noise, 0.0, 1.0
            yield flipped(noise, given), 0.0, 1.0

    def ranks(self, draw):
        for noise, _ in self.noise():
            yield ndtr(noise)

    @weight(1)
    def test_draws_are_independent_of_each_other(self):
        """Every draw has noise of its own: multiplied by the sign of the noise before it, or of the
        one before that, it still has mean zero. Noise that both coordinates share has not."""
        noise, _ = next(self.noise())
        for lag in (1, 2):
            values = flipped(noise[lag:], noise[:-lag])
            self.expect.plausible(
                self.stats.normal_mean(values, 0.0, 1.0, false_fail=self.false_fail, effect=0.2),
                "the draws of a chain depend on each other",
                "Draw a new random number for each coordinate in each iteration.",
            )

    @partial
    @weight(1)
    def test_has_the_right_marginals(self):
        """In the long run each coordinate has variance one, and the two have correlation r. Rows
        that lie far apart are nearly independent, and those are looked at."""
        r = self.draw.number(0.4, 0.55) * (2 * self.draw.integer(0, 1) - 1)
        apart = 40
        x, y = self.chain(r, array(self.draw.normal(2)), 500 * apart)[apart::apart].T
        # Sum and difference are independent, with variances 2 (1 + r) and 2 (1 - r).
        for values, variance in ((x, 1), (y, 1), (x + y, 2 + 2 * r), (x - y, 2 - 2 * r)):
            self.expect.plausible(
                self.stats.normal_variance(
                    values, variance, false_fail=self.false_fail, effect=2.0
                ),
                "the chain does not have the variances and the correlation of its target",
                "Variances are one, and the correlation is the one that is asked for.",
            )

    @form
    @weight(0.5)
    def test_begins_at_its_start(self):
        """From a start far away, the first draws are made given the start, and forget it
        geometrically: the first row has a coordinate that is r times the start's other one, up to
        its noise."""
        r = correlation(self.draw)
        x0 = np.array([40.0, 90.0]) * (2 * self.draw.integer(0, 1) - 1)
        first = self.chain(r, x0, 5)[1]
        self.expect.true(
            bool((np.abs(first - r * x0[::-1]) < 8 * math.sqrt(1 - r**2)).any()),
            "the chain does not begin at x0",
            "The start is an argument; the first draw is made given one of its coordinates.",
            f"start {x0}, first row {first}",
        )


def draws_of(chain, r):
    """The noise of every draw and the value that it was conditioned on, in the order of the draws.

    Of the two orders in which a sweep may go, the one with the smaller noise is taken: in the
    other one the value that was conditioned on is replaced before it is seen.
    """
    before, after = chain[:-1], chain[1:]
    changed = before != after
    if changed.all(axis=1).mean() < 0.5:
        # One coordinate at a time, whichever it is.
        rows = changed.any(axis=1)
        which = changed[rows].argmax(axis=1)
        new = after[rows][np.arange(len(which)), which]
        given = before[rows][np.arange(len(which)), 1 - which]
        return new - r * given, given
    orders = []
    for first, second in ((0, 1), (1, 0)):
        given = np.stack([before[:, second], after[:, first]], axis=1)
        new = np.stack([after[:, first], after[:, second]], axis=1)
        orders.append(((new - r * given).reshape(-1), given.reshape(-1)))
    return min(orders, key=lambda o: float((o[0] ** 2).mean()))
