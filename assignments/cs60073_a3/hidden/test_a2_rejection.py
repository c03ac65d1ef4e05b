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
from grader.suite.expect import as_array

FALSE_FAIL = 1e-9  # per test
POINTS = 1000
HALF_WIDTH = 25.0  # beyond it the logistic densities below are under exp(-25)
# Three sides, so that a mixture in the middle of the proposal has a component off each of them.
ANGLES = np.array([0.3, 2.2, 4.4])


def array(tensor):
    return tensor.double().numpy()


def target_of(draw):
    """A mixture of three well-separated components of different weight."""
    turn, radius = draw.number(0, 2 * math.pi), draw.number(2.0, 3.0)
    weights = np.array([draw.number(0.8, 1.0), draw.number(0.5, 0.7), draw.number(0.4, 0.6)])
    return {
        "weights": weights / weights.sum(),
        "centres": radius * np.stack([np.cos(ANGLES + turn), np.sin(ANGLES + turn)], axis=1),
        "scales": np.array([draw.number(0.35, 0.55) for _ in range(3)]),
        "matrix": np.array([[1.0, draw.number(-0.5, 0.5)], [0.0, 1.0]]),
    }


def proposal_of(draw):
    """One broad component, so that p / q has its largest value near a component of p."""
    return {
        "weights": np.ones(1),
        "centres": np.zeros((1, 2)),
        "scales": np.array([draw.number(1.3, 1.6)]),
        "matrix": np.eye(2),
    }


@pytest.fixture
def problem(probes, draw):
    """A target, a proposal, and the largest value of p / q."""
    target, proposal = target_of(draw), proposal_of(draw)
    p, q = (probes.LogisticMixture(**d).log_density for d in (target, proposal))
    return {
        "target": target,
        "proposal": proposal,
        "p": p,
        "q": q,
        "top": largest_ratio(p, q, 6)[0],
    }


def accepted_density(problem, c):
    return lambda x: np.minimum(np.exp(problem["p"](x)), c * np.exp(problem["q"](x)))


def acceptance(problem, c):
    """The rate Z / c, by quadrature."""
    square = Square(HALF_WIDTH, 700)
    return square.integral(accepted_density(problem, c)(square.points)) / c


def rows_of(expect, value, n, what):
    """At least n points of the plane as rows; (n, 1, 2) and (2, n) say as much as (n, 2)."""
    points = as_array(value, what).astype(np.float64)
    if points.ndim == 2 and len(points) == 2 and points.shape[1] > 2:
        points = points.T
    expect.true(
        points.size >= 2 * n and points.shape[-1] == 2,
        f"{what}: {n} were asked for; an array of another shape came back",
        "Points are rows: (n, 2).",
        f"shape {points.shape}",
    )
    return points.reshape(-1, 2)


def points_of(expect, call, n):
    """The accepted points, (n, 2), and the rate, a number."""
    expect.finite(call["points"], what="the accepted points")
    expect.finite(call["rate"], what="the acceptance rate")
    points = rows_of(expect, call["points"], n, "the accepted points")
    rate = as_array(call["rate"]).astype(np.float64).reshape(-1)
    expect.true(rate.size == 1, "the acceptance rate is not one number", "Accepted over attempted.")
    return points[:n], float(rate[0])


# --- a.2.1 the proposal -----------------------------------------------------------------------


@pytest.mark.question("a.2.1", weight=1)
def test_proposal_has_the_right_log_density(submission, expect, draw):
    """log N(x | 0, sigma^2 I), with its constant: q is compared with p, which has one too."""
    for _ in range(3):
        sigma, x = draw.number(0.5, 4.0), array(draw.normal(9, 2, std=3.0))
        wanted = -(x**2).sum(1) / (2 * sigma**2) - math.log(2 * math.pi * sigma**2)
        found = submission.sampling.proposal_log_density(x, sigma)
        expect.close(
            expect.each(found, 9, what="log q(x)"),
            wanted,
            what="log q(x)",
            help="sigma is a standard deviation; in the plane the constant stands there twice.",
            slack=1e-9 * (1 + np.abs(wanted).max()),
        )


@pytest.mark.question("a.2.1", weight=0.25)
def test_proposal_gives_one_number_per_point(submission, expect, draw):
    """The result has shape (N,). A single point may give a single number."""
    count = draw.integer(3, 9)
    x = array(draw.normal(count, 2))
    found, other = (submission.sampling.proposal_log_density(a, 1.5) for a in (x, 2 * x))
    for value in (found, other):
        expect.finite(value, what="log q(x)")
    expect.true(
        not np.array_equal(as_array(found), as_array(other)),
        "log q(x) is the same at other points",
        "Is the function finished?",
    )
    expect.shape(found, (count,), what="log q(x)")


@pytest.mark.question("a.2.1", weight=1)
def test_draws_follow_the_proposal(submission, probes, expect, stats, draw):
    """Both coordinates are normal with mean 0 and standard deviation sigma, and independent."""
    n, sigma = 6000, draw.number(0.4, 0.7) ** (2 * draw.integer(0, 1) - 1)
    x = submission(probes.proposal_draws, seed=draw.seed(), n=n, sigma=sigma)
    expect.finite(x, what="the draws")
    x = rows_of(expect, x, n, "the draws")[:n]
    help = "sigma is a standard deviation; each of the 2 n numbers is drawn by itself."
    # A sum and a difference have equal variances only where the coordinates are uncorrelated.
    for values in (x[:, 0], x[:, 1], (x[:, 0] + x[:, 1]) / 2**0.5):
        expect.plausible(
            stats.normal_mean(values, 0.0, sigma, false_fail=FALSE_FAIL, effect=0.2),
            "the mean of the draws is not that of the proposal",
            help,
        )
        expect.plausible(
            stats.normal_variance(values, sigma**2, false_fail=FALSE_FAIL, effect=1.35),
            "the variance of the draws is not that of the proposal",
            help,
        )
    values = x.reshape(-1) / sigma
    # A bounded distribution of the same variance is near the normal one, and has nothing far out.
    far = float(2 * ndtr(-2.4))
    for finding in (
        stats.uniform(ndtr(values), false_fail=FALSE_FAIL, effect=0.06),
        stats.share(
            int((np.abs(values) > 2.4).sum()), 2 * n, far, false_fail=FALSE_FAIL, effect=0.016
        ),
    ):
        expect.plausible(finding, "the draws are not normal", help)


@pytest.mark.question("a.2.1", weight=0.25)
def test_as_many_draws_as_were_asked_for(submission, probes, expect, draw):
    """(n, 2), for a single draw as well."""
    for n in (1, draw.integer(5, 30)):
        x = submission(probes.proposal_draws, seed=draw.seed(), n=n, sigma=1.0)
        expect.finite(x, what="the draws")
        expect.true(
            len(np.unique(as_array(x))) > n,
            "the draws are all the same",
            "Is the function finished?",
        )
        expect.shape(x, (n, 2), what="the draws")


@pytest.mark.question("a.2.1", weight=0.5)
def test_draws_are_new_each_time(submission, probes, expect, draw):
    """A function that sets a seed gives the same points whenever it is called, and whatever is
    computed from two calls is no two experiments."""
    n, sigma = 20, draw.number(0.5, 2.0)
    calls = [submission(probes.proposal_draws, seed=draw.seed(), n=n, sigma=sigma) for _ in "12"]
    for x in calls:
        expect.finite(x, what="the draws")
        expect.true(as_array(x).size >= n, "there are fewer draws than were asked for")
    first, second = (set(as_array(x).reshape(-1).tolist()) for x in calls)
    expect.true(
        len(first & second) < len(first) / 2,
        "a second call gives the same draws again",
        "Set the seed once, at the top of the notebook, and never in a function.",
    )


# --- a.2.2 rejection sampling -----------------------------------------------------------------


@pytest.mark.question("a.2.2", weight=2)
def test_accepted_points_follow_the_target(submission, probes, expect, stats, draw, problem):
    """With an envelope, accepted points are independent draws from p."""
    call = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=1.05 * problem["top"],
        n=POINTS,
    )[0]
    points, _ = points_of(expect, call, POINTS)
    follows(expect, stats, draw, points, accepted_density(problem, 1.05 * problem["top"]), "p")


@pytest.mark.question("a.2.2", weight=1)
def test_without_an_envelope_the_ratio_is_capped(submission, probes, expect, stats, draw, problem):
    """Where p is above c q a point is accepted with probability one, so that what is accepted
    follows min(p, c q). The assignment's own c = 12 is such a constant."""
    c = draw.number(0.08, 0.12) * problem["top"]
    call = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=c,
        n=POINTS,
    )[0]
    points, _ = points_of(expect, call, POINTS)
    follows(expect, stats, draw, points, accepted_density(problem, c), "min(p, c q)")


def follows(expect, stats, draw, points, density, name):
    first = np.array([math.cos(a := draw.number(0, math.pi)), math.sin(a)])
    for direction in (first, np.array([-first[1], first[0]])):
        u = projected_cdf(density, direction, HALF_WIDTH)(points)
        expect.plausible(
            stats.uniform(u, false_fail=FALSE_FAIL, effect=0.19),
            f"the accepted points do not follow {name}",
            "Accept x where a new uniform number, one for each point, is below p(x) / (c q(x)).",
        )


@pytest.mark.question("a.2.2", weight=1.5)
@pytest.mark.parametrize("envelope", [True, False], ids=["envelope", "no envelope"])
def test_acceptance_rate_is_the_right_one(
    submission, probes, expect, stats, draw, problem, envelope
):
    """Accepted over attempted: on average 1 / c for an envelope, and the integral of
    min(p / c, q) for any c."""
    c = problem["top"] * (draw.number(1.1, 1.5) if envelope else draw.number(0.2, 0.4))
    call = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=c,
        n=POINTS,
    )[0]
    _, rate = points_of(expect, call, POINTS)
    expect.true(
        0 < rate < 1,
        "the acceptance rate is not between 0 and 1",
        "Accepted over attempted, as a fraction.",
        f"rate {rate}",
    )
    right = acceptance(problem, c)
    attempts = max(POINTS, round(POINTS / rate))
    expect.plausible(
        stats.share(POINTS, attempts, right, false_fail=FALSE_FAIL, effect=0.35 * right),
        "the acceptance rate is not what p, q and c make it",
        "Every draw from q is an attempt, also those of rounds in which nothing is accepted.",
    )


@pytest.mark.question("a.2.2", weight=0.5)
def test_acceptance_rate_counts_points_and_attempts_alike(
    submission, probes, expect, draw, problem
):
    """Where points are drawn in batches, some lie behind the n-th acceptance. They may be counted,
    with the points accepted among them, or not be counted; counting the attempts alone makes the
    rate too small. And accepted points are drawn from q, each once.

    Ten calls are looked at. If each rate is n over everything drawn, nothing was accepted behind
    the last kept point, or it was not counted. The first has probability (1 - Z / c)^(draws there).
    """
    c = 0.3 * problem["top"]
    n = 150
    calls = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=c,
        n=n,
        repeats=10,
    )
    behind, lost = 0, True
    for call in calls:
        points, rate = points_of(expect, call, n)
        drawn = np.asarray(call["drawn"], dtype=np.float64).reshape(-1, 2)
        where = {tuple(x): i for i, x in enumerate(drawn)}
        places = [where.get(tuple(x), -1) for x in points]
        expect.true(
            min(places) >= 0 and len(set(places)) == n,
            "some accepted points are no draws from q, or stand there twice",
            "Keep the accepted ones among the points that draw_q gives.",
        )
        behind += len(drawn) - max(places) - 1
        lost &= abs(rate * len(drawn) - n) < 1e-6 * n
    chance = (1 - acceptance(problem, c)) ** behind
    expect.true(
        not lost or chance > FALSE_FAIL,
        "the acceptance rate counts draws behind the n-th acceptance, but not what they gave",
        "Either stop counting at the n-th acceptance, or divide all that was accepted by all that "
        "was drawn.",
        f"{behind} draws behind the last acceptances, chance {chance:.3g}",
    )


@pytest.mark.question("a.2.2", weight=1.5)
def test_each_point_is_decided_for_by_itself(submission, probes, expect, stats, draw, problem):
    """Each draw from q needs a uniform number of its own. Where one number decides for a whole
    batch, the batch has far too many accepted points, or far too few.

    Given the draws from q, the number accepted among the first of them is a sum of independent
    trials, whose distribution is known exactly; its squared distance from the mean is looked at,
    over its variance. Counting begins behind the first accepted point.
    """
    c, n = draw.number(0.08, 0.12) * problem["top"], 100
    calls = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=c,
        n=n,
        repeats=12,
    )
    squares, possible = [], []
    for call in calls:
        points, _ = points_of(expect, call, n)
        drawn = np.asarray(call["drawn"], dtype=np.float64).reshape(-1, 2)
        where = {tuple(x): i for i, x in enumerate(drawn)}
        places = np.array([where.get(tuple(x), -1) for x in points])
        expect.true(
            bool((places >= 0).all()) and len(drawn) - places.min() >= n,
            "some accepted points are no draws from q",
            "Keep the accepted ones among the points that draw_q gives.",
        )
        looked_at = np.arange(places.min() + 1, places.min() + n)
        x = drawn[looked_at]
        chances = np.minimum(np.exp(problem["p"](x) - problem["q"](x)) / c, 1.0)
        log_shares = np.zeros(1)  # of 0, 1, 2, ... accepted
        with np.errstate(divide="ignore"):
            for accept, reject in np.log([chances, 1 - chances]).T:
                log_shares = np.logaddexp(
                    np.append(log_shares + reject, -np.inf), np.append(-np.inf, log_shares + accept)
                )
        variance = (chances * (1 - chances)).sum()
        off = (np.arange(n) - chances.sum()) ** 2 / variance - 1
        possible.append((log_shares, off))
        squares.append(off[np.isin(looked_at, places).sum()])
    expect.plausible(
        stats.chernoff_mean(
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


@pytest.mark.question("a.2.2", weight=0.5)
def test_second_call_accepts_other_points(submission, probes, expect, draw, problem):
    """A function that sets a seed accepts the same points whenever it is called."""
    calls = submission(
        probes.rejections,
        seed=draw.seed(),
        target=problem["target"],
        proposal=problem["proposal"],
        c=0.5 * problem["top"],
        n=20,
        repeats=2,
    )
    first, second = (set(points_of(expect, call, 20)[0].reshape(-1).tolist()) for call in calls)
    expect.true(
        len(first & second) < len(first) / 2,
        "a second call accepts the same points again",
        "Set the seed once, at the top of the notebook, and never in a function.",
    )


@pytest.mark.question("a.2.2", weight=0.5)
def test_exactly_n_points_are_returned(submission, probes, expect, draw, problem):
    """(n, 2), whatever is left over of the last batch."""
    for n in (1, draw.integer(60, 90)):
        call = submission(
            probes.rejections,
            seed=draw.seed(),
            target=problem["target"],
            proposal=problem["proposal"],
            c=problem["top"],
            n=n,
        )[0]
        points_of(expect, call, n)
        expect.shape(call["points"], (n, 2), what="the accepted points")


# --- a.2.3 the envelope -----------------------------------------------------------------------


@pytest.mark.question("a.2.3", weight=1)
def test_envelope_constant_is_the_largest_ratio(submission, probes, expect, draw, problem):
    """The smallest c with p <= c q everywhere is the largest value of p / q, which lies near a
    component of p, though not at its mean."""
    found = submission(
        probes.envelope, target=problem["target"], proposal=problem["proposal"], half_width=6.0
    )
    wanted = problem["top"]
    expect.close(
        found,
        wanted,
        what="the largest value of p / q on the square",
        help="A mesh of 200 by 200 points is fine enough. Divide the densities, and look for the "
        "largest value of the quotient.",
        slack=0.012 * wanted,
    )


@pytest.mark.question("a.2.3", weight=0.5)
def test_envelope_constant_stays_in_its_square(submission, probes, expect, draw, problem):
    """Only the square counts: outside it p / q may be larger, and here it is."""
    width = draw.number(0.8, 1.2)
    wanted = largest_ratio(problem["p"], problem["q"], width)[0]
    found = submission(
        probes.envelope, target=problem["target"], proposal=problem["proposal"], half_width=width
    )
    expect.close(
        found,
        wanted,
        what="the largest value of p / q on a smaller square",
        help="The mesh reaches from -half_width to half_width, both included.",
        slack=0.03 * wanted,
    )


@pytest.mark.question("a.2.3", weight=1)
def test_envelopes_are_told_from_other_constants(submission, probes, expect, draw, problem):
    """c is an envelope if p <= c q everywhere, so if it is at least the largest p / q."""
    factors = [draw.number(*ends) for ends in ((0.4, 0.6), (0.8, 0.9), (1.1, 1.25), (1.8, 3.0))]
    constants = [f * problem["top"] for f in factors]
    square = {"target": problem["target"], "proposal": problem["proposal"], "half_width": 6.0}
    # One constant a call: whoever visits the mesh in a loop needs seconds for each.
    says = [submission(probes.envelope_verdict, **square, c=c) for c in constants]
    expect.true(
        all(isinstance(s, bool) for s in says),
        "is_envelope does not answer with True or False",
        "Return the comparison.",
    )
    right = [f > 1 for f in factors]
    if says == right:
        return
    # A wrong envelope_constant is marked above; what follows from it is right here.
    own = as_array(submission(probes.envelope, **square), "envelope_constant(...)")
    follows = own.size == 1 and says == [c >= float(own.flat[0]) for c in constants]
    expect.true(
        bool(follows) and len(set(says)) > 1,
        "is_envelope accepts a constant that is too small, or refuses one that is large enough",
        "Compare c with the largest value of p / q.",
        f"constants over the largest ratio {factors}, answers {says}",
    )
