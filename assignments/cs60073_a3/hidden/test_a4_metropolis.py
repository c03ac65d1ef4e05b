"""Questions a.4.1 to a.4.3: a random walk, what is kept of it, and its autocorrelation.

Nothing fixes how a walk draws its numbers, so it is judged by distributions that are known exactly:

* one iteration from a fixed point: how often it moves, and where to, by quadrature;
* many walks that start from independent draws of the target: whatever the number of iterations,
  their ends are independent draws of the target again, if the walk leaves it invariant;
* a target that is flat on the scale of a step: there the walk is a sum of normal steps;
* one long walk: given where it is, each move is a trial with a chance that quadrature gives, so
  that moves less chances add up to a martingale, to which Azuma's bound applies.

The first row of a chain may be the start itself; the tests see which it is.
"""

import math

import numpy as np
import pytest
from scipy.special import expit

from grader.measures.chains import random_walk_acceptance
from grader.measures.plane import Square
from grader.suite.draw import array
from grader.suite.expect import as_array
from grader.suite.laws import Draws, Function, form, generator, weight

FALSE_FAIL = Draws.false_fail
TRIES = 1600


def peak(draw, low, high):
    """A target with one component, of a scale from here, somewhere in the plane; and its centre."""
    centre = array(draw.normal(1, 2, std=2.0))
    matrix = np.array([[1.0, draw.number(-0.6, 0.6)], [0.0, draw.number(0.7, 1.3)]])
    scales = np.array([draw.number(low, high)])
    target = {"weights": np.ones(1), "centres": centre, "scales": scales, "matrix": matrix}
    return target, matrix @ centre[0]


def somewhere(draw, distance):
    """A point at this distance from the origin."""
    angle = draw.number(0, 2 * math.pi)
    return distance * np.array([math.cos(angle), math.sin(angle)])


class Jump:
    """A point, a step and a target from which about every other proposal is accepted.

    Attributes:
        points, mass: the density of accepted proposals on a square around the point.
    """

    def __init__(self, probes, draw):
        self.step = draw.number(0.25, 0.35)
        self.target, centre = peak(draw, 0.16, 0.22)
        self.start = centre + somewhere(draw, 0.35)
        log_p = probes.a.LogisticMixture(**self.target).log_density
        square = Square(8 * self.step, 501, centre=self.start)
        self.points = square.points
        distance = ((self.points - self.start) / self.step) ** 2
        normal = np.exp(-distance.sum(1) / 2) / (2 * math.pi * self.step**2)
        accepted = np.exp(np.minimum(log_p(self.points) - log_p(self.start), 0))
        self.mass = square.areas * normal * accepted


class TestWalk(Draws, question="a.4.1", of="sampling.metropolis_hastings"):
    width = 2
    owes = {"mean": 0.4, "variance": 0.6, "distribution": 3, "shape": 0.25, "arguments": 0.25}
    parameters = ("log_p", "x0", "step", "n", "rng")
    effects = {"mean": 0.6, "variance": 2.2, "distribution": 0.26}
    counts = (27,)
    said = {
        "mean": "on a plain the walk drifts",
        "variance": "on a plain the walk goes too far, or not far enough",
        "distribution": "walks that start in the target's distribution do not stay in it",
        "move": "from a fixed point, the walk moves too often or too seldom",
        "place": "the proposals that the walk accepts are not distributed as they should be",
        "logarithm": "with a target that exp cannot represent, the walk accepts too much or too "
        "little",
        "state": "along a walk, proposals are accepted too often or too seldom for where it is",
    }
    look_at = {
        "mean": "The proposals lie symmetrically around the present state.",
        "variance": "Each step starts where the last one ended, and step is a standard deviation.",
        "distribution": "The ratio is that of the proposal and the present state, at every "
        "iteration; the state that is kept is the one that was decided for.",
        "shape": "A proposal that is rejected leaves a row too: the old state once more.",
        "logarithm": "Compare log u with log p(x') - log p(x).",
        "state": "After a move, the new state is the one to compare with: p(x) has to follow x.",
    } | dict.fromkeys(
        ("move", "place"),
        "Propose x + e with e ~ N(0, step^2 I), step being a standard deviation; accept where a "
        "new uniform number is below p(x') / p(x).",
    )

    def inputs(self, draw, count=20):
        target, centre = peak(draw, 1.0, 1.0)
        start = centre + array(draw.normal(2, std=3.0))
        return [{"log_density": target}, start, 0.1, count, generator(draw.seed())]

    def ask(self, implementation, args):
        probe = self.probes.a.sampled
        return implementation(probe, function=self.contract, args=args, several=2)

    def drawn(self, result):
        return self.expect.several(result, 2, what=f"the result of {self.usage}")[0]

    def walks(self, target, starts, step, n):
        """The rows after the start of a walk from each start, (R, n or n - 1, 2), and the rates."""
        chains, rates = [], []
        # In several calls, so that none is long however the walk is written.
        for some in np.array_split(starts, min(5, len(starts))):
            source = generator(self.draw.seed())
            args = [{"log_density": target}, {"each": some}, step, n, source]
            both = self.called(args)["result"]
            found, share = self.expect.several(both, 2, what=f"the result of {self.usage}")
            found = as_array(found) if len(some) > 1 else [found]
            chains += [self.rows(chain, n)[: n + 1] for chain in found]
            rates.append(as_array(share).reshape(-1))
        chains = np.stack(chains)
        with_start = bool((chains[:, 0] == starts).all())
        return chains[:, 1:] if with_start else chains, np.concatenate(rates)

    def moves(self, jump, tries, **other):
        """The first states after the start that differ from it, of so many walks."""
        target, starts = {**jump.target, **other}, np.tile(jump.start, (tries, 1))
        ends = self.walks(target, starts, jump.step, 3)[0][:, 0]
        return ends[(ends != jump.start).any(axis=1)]

    def moves_as_often_as_it_should(self, law, jump, tries, effect, **other):
        finding = self.stats.share(
            len(self.moves(jump, tries, **other)),
            tries,
            float(jump.mass.sum()),
            false_fail=FALSE_FAIL,
            effect=effect,
        )
        self.plausible(law, finding)

    @weight(1.5)
    def test_moves_as_often_as_it_should(self):
        """From a fixed point, a proposal is accepted with probability min(1, p(x') / p(x)),
        averaged over the proposals."""
        self.moves_as_often_as_it_should("move", Jump(self.probes, self.draw), TRIES, 0.13)

    @weight(1.5)
    def test_moves_to_where_it_should(self):
        """Proposals that are accepted have a density proportional to N(x' | x, step^2 I)
        min(1, p(x') / p(x)). Their coordinates and their distance from x are looked at."""
        jump = Jump(self.probes, self.draw)
        moved = self.moves(jump, TRIES)
        self.expect.true(len(moved) > 0, "the walk never moves", self.look_at["move"])
        for part in (lambda e: e[:, 0], lambda e: e[:, 1], lambda e: np.hypot(*e.T)):
            place = part(jump.points - jump.start)
            order = np.argsort(place, kind="stable")
            mass = jump.mass[order]
            below = (np.cumsum(mass) - mass / 2) / mass.sum()
            values = np.interp(part(moved - jump.start), place[order], below)
            self.plausible("place", self.stats.uniform(values, false_fail=FALSE_FAIL, effect=0.25))

    @weight(0.5)
    def test_works_with_logarithms(self):
        """The target is given by its logarithm, up to a constant: exp of it may be zero or
        infinite, and the ratio p(x') / p(x) is to be right all the same."""
        jump = Jump(self.probes, self.draw)
        for offset in (-1500.0, 1500.0):
            self.moves_as_often_as_it_should("logarithm", jump, 400, 0.26, offset=offset)

    @form  # a walk that never moves stays in the distribution of its starts, too
    def has_the_right_distribution(self):
        """Draws with the right mean and spread may still come from another distribution: at right
        ones, the values of the distribution function are uniform."""
        super().has_the_right_distribution()

    def ranks(self, draw):
        """If a walk starts from a draw of p, then all its states have the distribution p."""
        target, _ = peak(draw, 0.3, 0.5)
        density = self.probes.a.LogisticMixture(**target)
        starts = density.draw(500, np.random.default_rng(draw.seed()))
        step, some = draw.number(0.8, 1.1), np.split(starts, [400])
        walks = (self.walks(target, s, step, n)[0] for s, n in zip(some, (16, 36), strict=True))
        ends = np.concatenate([rows[:, -1] for rows in walks])
        y = ends @ np.linalg.inv(target["matrix"]).T
        both = expit((y - target["centres"][0]) / target["scales"][0])
        yield from both.T
        # The larger of two independent uniform numbers, folded at their middle: the distance of y
        # from the centre, which shows a walk that climbs to the top or runs away.
        yield np.abs(2 * both - 1).max(axis=1) ** 2

    def normals(self, draw):
        """Where the target is flat nearly everything is accepted. After n iterations the walk is
        then n independent steps away from its start, so its variance is n step^2 in each
        coordinate; a sum has that variance only where the two are uncorrelated."""
        target, step = peak(draw, 3e4, 3e4)[0], draw.number(2.5, 4.0)
        starts = np.tile(array(draw.normal(2, std=50.0)), (300, 1))
        rows, _ = self.walks(target, starts, step, 8)
        x, y = (rows[:, -1] - starts).T
        for values in (x, y, (x + y) / 2**0.5):
            yield values, 0.0, rows.shape[1] ** 0.5 * step

    @weight(1.5)
    def test_weighs_the_state_that_it_is_in(self):
        """At each iteration the proposal is compared with the present state, and with nothing
        older. This walk starts where the density is low and soon is where it is high."""
        (target, centre), step = peak(self.draw, 0.4, 0.6), self.draw.number(0.9, 1.2)
        log_p = self.probes.a.LogisticMixture(**target).log_density
        rows = self.walks(target, centre[None] + somewhere(self.draw, 5), step, 1500)[0][0]
        moved = (rows[1:] != rows[:-1]).any(axis=1)
        finding = self.stats.chernoff_mean(
            moved - random_walk_acceptance(log_p, rows[:-1], step),
            0.0,
            lambda t: t**2 / 8,  # of any trial less its chance (Hoeffding, 1963)
            (-50.0, 50.0),
            false_fail=FALSE_FAIL,
            effect=0.16,
            slack=2e-3,  # of the quadrature
        )
        self.plausible("state", finding)

    @form
    @weight(1)
    def test_acceptance_rate_is_the_share_of_moves(self):
        """A chain shows what was accepted: the rows that differ from the row before."""
        n = self.draw.integer(300, 400)
        for step in (self.draw.number(0.2, 0.4), self.draw.number(2.0, 3.0)):
            target, centre = peak(self.draw, 0.5, 0.5)
            chains, rates = self.walks(target, centre[None], step, n)
            rows = np.concatenate([centre[None], chains[0]])
            moves = int((rows[1:] != rows[:-1]).any(axis=1).sum())
            self.expect.finite(rates, what="the acceptance rate")
            self.expect.true(moves > 0, "the chain never moves", self.look_at["move"])
            self.expect.true(
                abs(float(rates[0]) - moves / n) <= 2.5 / n,
                "the acceptance rate is not the share of the iterations in which the chain moves",
                "Count the accepted proposals, divide by all, and give a fraction.",
                f"rate {rates[0]}, moves {moves} of {n}",
            )

    @form
    @weight(0.25)
    def test_begins_at_its_start(self):
        """The first row is at most one proposal away from the start."""
        args = self.inputs(self.draw, 20)
        first = self.rows(self.drawn(self.called(args)["result"]), 20)[0]
        self.expect.true(
            bool((np.abs(first - args[1]) < 7 * args[2]).all()),
            "the chain does not begin at x0",
            "The start is an argument.",
        )


# --- a.4.2 burn-in and thinning ---------------------------------------------------------------


class TestThin(Function, question="a.4.2", of="sampling.thin"):
    def kept(self, n, burn_in, every):
        """The numbers of the rows that stay of n, which are the rows' first coordinates."""
        numbers = np.arange(n, dtype=np.float64)
        args = [np.stack([numbers, -(numbers**2)], axis=1), burn_in, every]
        run = self.submission(self.probes.a.sampled, function=self.contract, args=args)
        rows = as_array(run["result"], "what is kept").astype(np.float64)
        self.expect.finite(rows, what="what is kept")
        self.expect.true(
            rows.ndim == 2
            and rows.shape[1] == 2
            and bool((rows[:, 1] == -(rows[:, 0] ** 2)).all()),
            "the rows that are kept are not rows of the chain",
            "Rows are kept or dropped as they are.",
        )
        return rows[:, 0]

    @weight(2)
    def test_takes_the_burn_in_off_before_thinning(self):
        """burn_in counts iterations, not rows that were kept: the first row to stay lies among the
        first `every` rows after it."""
        for sizes in (((25, 32), (9, 12), (2, 3)), ((300, 400), (90, 120), (4, 7))):
            n, burn_in, every = [self.draw.integer(*e) for e in sizes]
            kept = self.kept(n, burn_in, every)
            self.expect.true(
                kept.size > 0 and burn_in <= kept[0] < burn_in + every,
                "the rows that are kept do not begin right after the burn-in",
                "Take off the burn-in, and then keep one row in `every`.",
            )

    @weight(2)
    def test_keeps_one_row_in_several(self):
        """Rows that stay lie `every` iterations apart, up to the end of the chain."""
        for sizes in (((25, 32), (3, 8), (2, 4)), ((300, 400), (20, 80), (4, 7))):
            n, burn_in, every = [self.draw.integer(*e) for e in sizes]
            kept = self.kept(n, burn_in, every)
            self.expect.true(
                kept.size > 1 and bool((np.diff(kept) == every).all()) and kept[-1] >= n - every,
                "the rows that are kept do not lie `every` iterations apart, up to the end",
                "Keep every fifth row when `every` is 5.",
            )

    @weight(0.5)
    def test_can_keep_every_row_after_the_burn_in(self):
        """`every` of 1 keeps all rows after the burn-in, and a burn-in of 0 takes none off."""
        for burn_in in (0, self.draw.integer(5, 30)):
            n = self.draw.integer(60, 90)
            self.expect.true(
                np.array_equal(self.kept(n, burn_in, 1), np.arange(burn_in, n)),
                "with `every` of 1 some rows after the burn-in are missing, or some of it is left",
                "chain[burn_in:] has all of them.",
            )


def sequence(draw, n, coefficient, mean):
    """A sequence whose neighbours are correlated: x_t = coefficient x_{t-1} + noise."""
    x = array(draw.normal(n))
    x[0] /= math.sqrt(1 - coefficient**2)
    for t in range(1, n):
        x[t] += coefficient * x[t - 1]
    return x + mean


def right_autocorrelations(x, max_lag):
    """Every usual estimate, (estimates, max_lag + 1): sums over N, N - k or one less, variances
    over N or N - 1, and the correlation of the two stretches with means of their own."""
    n, centred, rows = len(x), x - x.mean(), []
    for k in range(max_lag + 1):
        a, b = centred[: n - k], centred[k:]
        sums = [(a * b).sum(), ((a - a.mean()) * (b - b.mean())).sum()]
        row = [
            s / d / v for s in sums for d in (n, n - k, n - k - 1) for v in (x.var(), x.var(ddof=1))
        ]
        rows.append([*row, np.corrcoef(a, b)[0, 1]])
    return np.array(rows).T


class TestAutocorrelation(Function, question="a.4.3", of="sampling.autocorrelation"):
    owes = {"shape": 0.5, "arguments": 0.25}
    parameters = ("x", "max_lag")
    look_at = {"arguments": "x - x.mean() is a new array, x -= x.mean() is not."}

    def inputs(self, draw, batch=4):
        return [sequence(draw, 120 + batch, 0.5, 3.0), 5 + batch]

    def result_shape(self, x, max_lag):
        return (max_lag + 1,)

    @weight(2)
    @pytest.mark.parametrize("coefficient", [0.85, -0.6], ids=["slow", "alternating"])
    def test_has_the_right_values(self, coefficient):
        """Products of deviations from the mean, k apart, over the variance. Sums over N and over
        N - k are both accepted, and what lies between them."""
        n, max_lag = self.draw.integer(90, 120), 12
        x = sequence(self.draw, n, coefficient, self.draw.number(3, 6))
        right = right_autocorrelations(x, max_lag)
        found = self.got(x, max_lag)
        self.expect.close(found, right[0], what="the autocorrelation", slack=math.inf)
        found = as_array(found).astype(np.float64).reshape(-1)
        inside = (found >= right.min(0) - 1e-9) & (found <= right.max(0) + 1e-9)
        self.expect.true(
            bool(inside.all()),
            f"the autocorrelation is wrong at {int((~inside).sum())} of {max_lag + 1} lags",
            "Take off the mean, multiply values that are k apart, and divide by the variance. The "
            "end of the sequence does not go round to its beginning.",
            f"found {found}, right {right[0]}",
        )

    @weight(0.5)
    def test_runs_from_lag_zero(self):
        """The value at lag zero is one; there are 50 more unless something else is said."""
        x = sequence(self.draw, 200, 0.5, 1.0)
        found = as_array(self.got(x), "the autocorrelation").reshape(-1)
        self.responds(found, self.got(sequence(self.draw, 200, 0.5, 1.0)))
        self.expect.true(
            found.size == 51 and abs(found[0] - 1) <= 2 / 200,
            "the first value is not the one at lag zero, or there are not 51 by default",
            "A sequence correlates with itself perfectly.",
        )
