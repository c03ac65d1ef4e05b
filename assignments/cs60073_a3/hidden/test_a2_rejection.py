"""Questions a.2.1 to a.2.3: the proposal, rejection sampling, and its envelope.

What is accepted is random, so it is judged by its distribution. With a constant c, points are
accepted with probability min(1, p / (c q)); they follow min(p, c q) / Z and are accepted at the
rate Z / c, where Z is the integral of min(p, c q), here by quadrature. Where c is an envelope that
is p itself and 1 / c. Accepted points are independent, so their projections are put to the test of
Kolmogorov and Smirnov; the number of attempts up to the n-th acceptance is negative binomial.
"""

import math

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr

from grader.measures.plane import Square, largest_ratio, projected_cdf
from grader.suite.draw import array
from grader.suite.expect import as_array
from grader.suite.laws import Draws, Function, generator, weight

FALSE_FAIL = Draws.false_fail
POINTS = 1000
HALF_WIDTH = 25.0  # beyond it the logistic densities below are under exp(-25)
# Three sides, so that a mixture in the middle of the proposal has a component off each of them.
ANGLES = np.array([0.3, 2.2, 4.4])


class Problem:
    """A target of three well-separated components of different weight, a broad proposal, so that
    p / q has its largest value near a component of p, and that value."""

    def __init__(self, probes, draw):
        turn, radius = draw.number(0, 2 * math.pi), draw.number(2.0, 3.0)
        weights = np.array([draw.number(0.8, 1.0), draw.number(0.5, 0.7), draw.number(0.4, 0.6)])
        self.target = {
            "weights": weights / weights.sum(),
            "centres": radius * np.stack([np.cos(ANGLES + turn), np.sin(ANGLES + turn)], axis=1),
            "scales": array(draw.uniform(3, low=0.35, high=0.55)),
            "matrix": np.array([[1.0, draw.number(-0.5, 0.5)], [0.0, 1.0]]),
        }
        self.proposal = {
            "weights": np.ones(1),
            "centres": np.zeros((1, 2)),
            "scales": np.array([draw.number(1.3, 1.6)]),
            "matrix": np.eye(2),
        }
        self.densities = [{"log_density": self.target}, {"log_density": self.proposal}]
        self.p, self.q = (
            probes.a.LogisticMixture(**d).log_density for d in (self.target, self.proposal)
        )
        self.top = largest_ratio(self.p, self.q, 6)[0]

    def accepted(self, c):
        """The density of what is accepted, but for its constant."""
        return lambda x: np.minimum(np.exp(self.p(x)), c * np.exp(self.q(x)))

    def rate(self, c):
        """The acceptance rate Z / c, by quadrature."""
        square = Square(HALF_WIDTH, 400)
        return square.integral(self.accepted(c)(square.points)) / c


class TestProposal(Function, question="a.2.1", of="sampling.proposal_log_density"):
    """log N(x | 0, sigma^2 I), with its constant: q is compared with p, which has one too."""

    owes = {"values": 1, "shape": 0.25}
    parameters = ("x", "sigma")
    slack = 1e-7
    look_at = {"values": "sigma is a standard deviation; in the plane the constant is there twice."}

    def inputs(self, draw, batch=4):
        return [array(draw.normal(batch, 2, std=3.0)), draw.number(0.5, 4.0)]


class TestProposalDraws(Draws, question="a.2.1", of="sampling.draw_proposal"):
    """Both coordinates are normal with mean 0 and standard deviation sigma, and independent."""

    width, probe = 2, "a.sampled"
    owes = {"mean": 0.2, "variance": 0.4, "distribution": 0.4, "shape": 0.25, "independent": 0.5}
    parameters = ("n", "sigma", "rng")
    effects = {"mean": 0.2, "variance": 1.35, "distribution": 0.06}
    look_at = dict.fromkeys(
        ("mean", "variance", "distribution"),
        "sigma is a standard deviation; each of the 2 n numbers is drawn by itself.",
    )

    def inputs(self, draw, count=20):
        return [
            count,
            draw.number(0.4, 0.7) ** (2 * draw.integer(0, 1) - 1),
            generator(draw.seed()),
        ]

    def standardised(self, draw):
        """Draws over sigma, (6000, 2)."""
        args = self.inputs(draw, 6000)
        return self.got(args, 6000)[:6000] / args[1]

    def normals(self, draw):
        """A sum has the variance of a coordinate only where the two are uncorrelated."""
        x, y = self.standardised(draw).T
        for values in (x, y, (x + y) / 2**0.5):
            yield values, 0.0, 1.0

    def ranks(self, draw):
        yield ndtr(self.standardised(draw))

    def has_the_right_distribution(self):
        """Draws are normal: they follow its distribution function, and some of them are far out.
        A bounded distribution of the same variance is near the normal one, without those."""
        super().has_the_right_distribution()
        values, far = np.abs(self.standardised(self.draw)), float(2 * ndtr(-2.4))
        finding = self.stats.share(
            int((values > 2.4).sum()), values.size, far, false_fail=FALSE_FAIL, effect=0.016
        )
        self.plausible("distribution", finding)


class TestRejection(Draws, question="a.2.2", of="sampling.rejection_sampling"):
    width = 2
    owes = {"distribution": 2, "independent": 0.5, "shape": 0.5}
    parameters = ("log_p", "log_q", "draw_q", "c", "n", "rng")
    effects = {"distribution": 0.19}
    said = {"distribution": "the accepted points do not have the density min(p, c q)"}
    look_at = {
        "distribution": "Accept x where a new uniform number, one for each point, is below "
        "p(x) / (c q(x)); where that is above one, x is accepted."
    }

    def arguments(self, problem, c, n):
        source = generator(self.draw.seed())
        return [*problem.densities, {"draws": problem.proposal}, c, n, source]

    def inputs(self, draw, count=20):
        problem = Problem(self.probes, draw)
        return self.arguments(problem, 0.5 * problem.top, count)

    def ask(self, implementation, args):
        probe = self.probes.a.sampled
        return implementation(probe, function=self.contract, args=args, several=2)

    def drawn(self, result):
        return self.expect.several(result, 2, what=f"the result of {self.usage}")[0]

    def accepted(self, problem, c, n):
        """The accepted points (n, 2) and the acceptance rate of a call, and all that was drawn
        from the proposal."""
        after = self.called(self.arguments(problem, c, n))
        points, rate = self.expect.several(after["result"], 2, what=f"the result of {self.usage}")
        rate = as_array(rate, "the acceptance rate").astype(np.float64).reshape(-1)
        self.expect.finite(rate, what="the acceptance rate")
        self.expect.true(
            rate.size == 1, "the acceptance rate is not one number", "Accepted over attempted."
        )
        drawn = as_array(after["drawn"][0]).reshape(-1, 2)
        return self.rows(points, n)[:n], float(rate[0]), drawn

    def places(self, points, drawn):
        """Where in what was drawn each accepted point is, (n,)."""
        where = {tuple(x): i for i, x in enumerate(drawn)}
        places = np.array([where.get(tuple(x), -1) for x in points])
        self.expect.true(
            bool(places.min() >= 0) and len(set(places)) == len(points),
            "some accepted points are not draws from q, or are there twice",
            "Keep the accepted ones among the points that draw_q gives.",
        )
        return places

    def projected(self, problem, c):
        """Ranks of accepted points along two directions."""
        points, _, _ = self.accepted(problem, c, POINTS)
        first = np.array([math.cos(a := self.draw.number(0, math.pi)), math.sin(a)])
        for direction in (first, np.array([-first[1], first[0]])):
            yield projected_cdf(problem.accepted(c), direction, HALF_WIDTH)(points)

    def ranks(self, draw):
        """With an envelope, accepted points are independent draws from p."""
        problem = Problem(self.probes, draw)
        return self.projected(problem, 1.05 * problem.top)

    @weight(1)
    def test_caps_the_ratio_without_an_envelope(self):
        """Where p is above c q a point is accepted with probability one, so that what is accepted
        follows min(p, c q). The assignment's own c = 12 is such a constant."""
        problem = Problem(self.probes, self.draw)
        for values in self.projected(problem, self.draw.number(0.08, 0.12) * problem.top):
            finding = self.stats.uniform(values, false_fail=FALSE_FAIL, effect=0.19)
            self.plausible("distribution", finding)

    @weight(1.5)
    @pytest.mark.parametrize("ends", [(1.1, 1.5), (0.2, 0.4)], ids=["envelope", "no envelope"])
    def test_has_the_right_acceptance_rate(self, ends):
        """Accepted over attempted: on average 1 / c for an envelope, and the integral of
        min(p / c, q) for any c."""
        problem = Problem(self.probes, self.draw)
        c = problem.top * self.draw.number(*ends)
        _, rate, _ = self.accepted(problem, c, POINTS)
        self.expect.true(
            0 < rate < 1,
            "the acceptance rate is not between 0 and 1",
            "Accepted over attempted, as a fraction.",
            f"rate {rate}",
        )
        right, attempts = problem.rate(c), max(POINTS, round(POINTS / rate))
        self.expect.plausible(
            self.stats.share(POINTS, attempts, right, false_fail=FALSE_FAIL, effect=0.35 * right),
            "the acceptance rate is not what p, q and c make it",
            "Every draw from q is an attempt, also those of rounds in which nothing is accepted.",
        )

    @weight(0.5)
    def test_counts_points_and_attempts_alike(self):
        """Where points are drawn in batches, some lie behind the n-th acceptance. They may be
        counted, with the points accepted among them, or not be counted; counting the attempts
        alone makes the rate too small. And accepted points are drawn from q, each once.

        Ten calls are looked at. If each rate is n over everything drawn, nothing was accepted
        behind the last kept point, or it was not counted. The first has probability
        (1 - Z / c)^(draws there).
        """
        problem, n = Problem(self.probes, self.draw), 150
        c, behind, lost = 0.3 * problem.top, 0, True
        for _ in range(10):
            points, rate, drawn = self.accepted(problem, c, n)
            behind += len(drawn) - max(self.places(points, drawn)) - 1
            lost &= abs(rate * len(drawn) - n) < 1e-6 * n
        chance = (1 - problem.rate(c)) ** behind
        self.expect.true(
            not lost or chance > FALSE_FAIL,
            "the acceptance rate counts draws behind the n-th acceptance, but not what they gave",
            "Either stop counting at the n-th acceptance, or divide all that was accepted by all "
            "that was drawn.",
            f"{behind} draws behind the last acceptances, chance {chance:.3g}",
        )

    @weight(1.5)
    def test_decides_for_each_point_by_itself(self):
        """Each draw from q needs a uniform number of its own. Where one number decides for a whole
        batch, the batch has far too many accepted points, or far too few.

        Given the draws from q, the number accepted among the first of them is a sum of independent
        trials, whose distribution is known exactly; its squared distance from the mean is looked
        at, over its variance. Counting begins behind the first accepted point.
        """
        problem, n = Problem(self.probes, self.draw), 100
        c = self.draw.number(0.08, 0.12) * problem.top
        squares, possible = [], []
        for _ in range(12):
            points, _, drawn = self.accepted(problem, c, n)
            places = self.places(points, drawn)
            looked_at = np.arange(places.min() + 1, places.min() + n)
            x = drawn[looked_at]
            chances = np.minimum(np.exp(problem.p(x) - problem.q(x)) / c, 1.0)
            log_shares = np.zeros(1)  # of 0, 1, 2, ... accepted
            with np.errstate(divide="ignore"):
                for accept, reject in np.log([chances, 1 - chances]).T:
                    none, one = log_shares + reject, log_shares + accept
                    log_shares = np.logaddexp(np.append(none, -np.inf), np.append(-np.inf, one))
            off = (np.arange(n) - chances.sum()) ** 2 / (chances * (1 - chances)).sum() - 1
            possible.append((log_shares, off))
            squares.append(off[np.isin(looked_at, places).sum()])
        self.expect.plausible(
            self.stats.chernoff_mean(
                squares,
                0.0,
                lambda t: float(np.mean([logsumexp(log_p + t * off) for log_p, off in possible])),
                (-2.0, 0.48),
                false_fail=FALSE_FAIL,
                effect=12.0,
            ),
            "how many points are accepted varies too much from batch to batch",
            "Draw a uniform number for each point, not one for all: rng.random(len(x)).",
        )


class TestEnvelopeConstant(Function, question="a.2.3", of="sampling.envelope_constant"):
    """The smallest c with p <= c q everywhere is the largest value of p / q."""

    def ask(self, implementation, *args):
        asked = {"function": self.contract, "args": list(args)}
        return implementation(self.probes.a.sampled, **asked)["result"]

    def is_the_largest(self, width, relative, what, help):
        problem = Problem(self.probes, self.draw)
        wanted = largest_ratio(problem.p, problem.q, width)[0]
        found = self.got(*problem.densities, width)
        self.expect.close(found, wanted, what=what, help=help, slack=relative * wanted)

    @weight(1)
    def test_is_the_largest_ratio(self):
        """The largest value of p / q lies near a component of p, though not at its mean."""
        help = (
            "A mesh of 200 by 200 points is fine enough. Divide the densities, and look for the "
            "largest value of the quotient."
        )
        self.is_the_largest(6.0, 0.012, "the largest value of p / q on the square", help)

    @weight(0.5)
    def test_stays_in_its_square(self):
        """Only the square counts: outside it p / q may be larger, and here it is."""
        width, what = self.draw.number(0.8, 1.2), "the largest value of p / q on a smaller square"
        help = "The mesh reaches from -half_width to half_width, both included."
        self.is_the_largest(width, 0.03, what, help)


class TestIsEnvelope(Function, question="a.2.3", of="sampling.is_envelope"):
    """c is an envelope if p <= c q everywhere, so if it is at least the largest p / q."""

    @weight(1)
    def test_tells_envelopes_from_other_constants(self):
        """A constant is an envelope from the largest value of p / q on. A wrong `envelope_constant`
        is another check's: what follows from it is right here."""
        ends = ((0.4, 0.6), (0.8, 0.9), (1.1, 1.25), (1.8, 3.0))
        right, follows = [], []
        # In two problems, so that it cannot be luck. One constant a call: whoever visits the mesh
        # in a loop needs seconds for each.
        for problem in (Problem(self.probes, self.draw) for _ in range(2)):
            factors, says = [self.draw.number(*e) for e in ends], []
            for factor in factors:
                args = [*problem.densities, factor * problem.top, 6.0]
                says.append(self.asked(self.contract, args))
            self.expect.true(
                all(s.dtype == bool and s.size == 1 for s in says),
                "is_envelope does not answer with True or False",
                "Return the comparison.",
            )
            answers = [bool(s) for s in says]
            right.append(answers == [f > 1 for f in factors])
            if not right[-1]:
                own = self.asked("sampling.envelope_constant", [*problem.densities, 6.0])
                own = float(own) if own.size == 1 else math.nan
                follows.append(answers == [f * problem.top >= own for f in factors])
                follows[-1] &= len(set(answers)) > 1
        self.expect.true(
            all(right) or (bool(follows) and all(follows)),
            "is_envelope accepts a constant that is too small, or refuses one that is large enough",
            "Compare c with the largest value of p / q.",
        )

    def asked(self, function, args):
        """The answer of a function of the submission, as an array."""
        run = self.submission(self.probes.a.sampled, function=function, args=args)
        return as_array(run["result"], function)
