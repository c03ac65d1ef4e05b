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
from grader.suite.expect import as_array

FALSE_FAIL = 1e-9  # per test
TRIES = 1600


def array(tensor):
    return tensor.double().numpy()


def peak(draw, scale):
    """A target with one component of this scale, somewhere in the plane."""
    return {
        "weights": np.ones(1),
        "centres": array(draw.normal(1, 2, std=2.0)),
        "scales": np.array([scale]),
        "matrix": np.array([[1.0, draw.number(-0.6, 0.6)], [0.0, draw.number(0.7, 1.3)]]),
    }


def centre_of(target):
    return target["matrix"] @ target["centres"][0]


def chains_of(expect, got, starts, n):
    """The rows after the start, (R, n or n - 1, 2)."""
    chains = as_array(got["chains"], "the chain").astype(np.float64)
    expect.finite(chains, what="the chain")
    # Rows of (1, 2), or columns in the place of rows, say as much.
    if chains.ndim == 3 and chains.shape[1] == 2 and chains.shape[2] in (n, n + 1) and n > 2:
        chains = chains.transpose(0, 2, 1)
    if chains.ndim > 3 and chains.shape[-1] == 2:
        chains = chains.reshape(len(chains), -1, 2)
    expect.true(
        chains.ndim == 3 and chains.shape[2] == 2 and chains.shape[1] in (n, n + 1),
        "the chain has not one row for each iteration and one column for each coordinate",
        "A proposal that is rejected leaves a row too: the old state once more.",
        f"shape {chains.shape}",
    )
    with_start = bool((chains[:, 0] == starts).all())
    return chains[:, 1:] if with_start else chains


def one_step(submission, probes, expect, draw, target, start, step, tries):
    """The first states after the start, (R, 2)."""
    firsts = []
    # In several calls, so that none is long however the walk is written.
    for _ in range(4):
        starts = np.tile(start, (tries // 4, 1))
        asked = {"target": target, "starts": starts, "step": step, "n": 3}
        got = submission(probes.walks, seed=draw.seed(), **asked)
        firsts.append(chains_of(expect, got, starts, 3)[:, 0])
    return np.concatenate(firsts)


@pytest.fixture
def jump(probes, draw):
    """A point, a step and a target from which about every other proposal is accepted.

    The density of accepted proposals is given on a square around the point.
    """
    step = draw.number(0.25, 0.35)
    target = peak(draw, draw.number(0.16, 0.22))
    log_p = probes.LogisticMixture(**target).log_density
    angle = draw.number(0, 2 * math.pi)
    start = centre_of(target) + 0.35 * np.array([math.cos(angle), math.sin(angle)])
    square = Square(8 * step, 501, centre=start)
    normal = np.exp(-(((square.points - start) / step) ** 2).sum(1) / 2) / (2 * math.pi * step**2)
    mass = square.areas * normal * np.exp(np.minimum(log_p(square.points) - log_p(start), 0))
    return {
        "target": target,
        "start": start,
        "step": step,
        "points": square.points,
        "mass": mass,
        "acceptance": float(mass.sum()),
    }


HELP = (
    "Propose x + e with e ~ N(0, step^2 I), step being a standard deviation; accept where a new "
    "uniform number is below p(x') / p(x)."
)


@pytest.mark.question("a.4.1", weight=1.5)
def test_walk_moves_as_often_as_it_should(submission, probes, expect, stats, draw, jump):
    """From a fixed point, a proposal is accepted with probability min(1, p(x') / p(x)), averaged
    over the proposals."""
    ends = one_step(
        submission, probes, expect, draw, jump["target"], jump["start"], jump["step"], TRIES
    )
    moved = int((ends != jump["start"]).any(axis=1).sum())
    expect.plausible(
        stats.share(moved, TRIES, jump["acceptance"], false_fail=FALSE_FAIL, effect=0.13),
        "from a fixed point, the walk moves too often or too seldom",
        HELP,
    )


@pytest.mark.question("a.4.1", weight=1.5)
def test_walk_moves_to_where_it_should(submission, probes, expect, stats, draw, jump):
    """Proposals that are accepted have a density proportional to N(x' | x, step^2 I)
    min(1, p(x') / p(x)). Their coordinates and their distance from x are looked at."""
    ends = one_step(
        submission, probes, expect, draw, jump["target"], jump["start"], jump["step"], TRIES
    )
    moved = ends[(ends != jump["start"]).any(axis=1)]
    expect.true(len(moved) > 0, "the walk never moves", HELP)
    offsets = jump["points"] - jump["start"]
    projections = [lambda e: e[:, 0], lambda e: e[:, 1], lambda e: np.hypot(e[:, 0], e[:, 1])]
    for projection in projections:
        place = projection(offsets)
        order = np.argsort(place, kind="stable")
        mass = jump["mass"][order]
        below = (np.cumsum(mass) - mass / 2) / mass.sum()
        expect.plausible(
            stats.uniform(
                np.interp(projection(moved - jump["start"]), place[order], below),
                false_fail=FALSE_FAIL,
                effect=0.25,
            ),
            "the proposals that the walk accepts are not distributed as they should be",
            HELP,
        )


@pytest.mark.question("a.4.1", weight=3)
def test_walk_leaves_the_target_as_it_is(submission, probes, expect, stats, draw):
    """If a walk starts from a draw of p, then all its states have the distribution p. Hundreds of
    walks of 20 iterations each are started so."""
    count, n = 500, 20
    target = peak(draw, draw.number(0.3, 0.5))
    density = probes.LogisticMixture(**target)
    starts = density.draw(count, np.random.default_rng(draw.seed()))
    step, ends = draw.number(0.8, 1.1), []
    # In several calls, so that none is long however the walk is written.
    for some in np.split(starts, 5):
        got = submission(probes.walks, seed=draw.seed(), target=target, starts=some, step=step, n=n)
        ends.append(chains_of(expect, got, some, n)[:, -1])
    ends = np.concatenate(ends)
    y = ends @ np.linalg.inv(target["matrix"]).T
    z = (y - target["centres"][0]) / target["scales"][0]
    both = expit(z)
    # The larger of two independent uniform numbers, folded at their middle: the distance of y from
    # the centre, which shows a walk that climbs to the top or runs away.
    distance = np.abs(2 * both - 1).max(axis=1) ** 2
    for u in (both[:, 0], both[:, 1], distance):
        expect.plausible(
            stats.uniform(u, false_fail=FALSE_FAIL, effect=0.26),
            "walks that start in the target's distribution do not stay in it",
            "The ratio is that of the proposal and the present state, at every iteration; the "
            "state that is kept is the one that was decided for.",
        )


@pytest.mark.question("a.4.1", weight=1.5)
def test_walk_weighs_the_state_that_it_is_in(submission, probes, expect, stats, draw):
    """At each iteration the proposal is compared with the present state, and with nothing older.
    This walk starts where the density is low and soon is where it is high."""
    n = 1500
    target = peak(draw, draw.number(0.4, 0.6))
    log_p = probes.LogisticMixture(**target).log_density
    step = draw.number(0.9, 1.2)
    angle = draw.number(0, 2 * math.pi)
    starts = centre_of(target) + 5 * np.array([[math.cos(angle), math.sin(angle)]])
    got = submission(probes.walks, seed=draw.seed(), target=target, starts=starts, step=step, n=n)
    rows = chains_of(expect, got, starts, n)[0]
    moved = (rows[1:] != rows[:-1]).any(axis=1)
    chances = random_walk_acceptance(log_p, rows[:-1], step)
    expect.plausible(
        stats.chernoff_mean(
            moved - chances,
            0.0,
            lambda t: t**2 / 8,  # of any trial less its chance (Hoeffding, 1963)
            (-50.0, 50.0),
            false_fail=FALSE_FAIL,
            effect=0.16,
            slack=2e-3,  # of the quadrature
        ),
        "along a walk, proposals are accepted too often or too seldom for where it is",
        "After a move, the new state is the one to compare with: p(x) has to follow x.",
    )


@pytest.mark.question("a.4.1", weight=1)
def test_walk_on_a_plain_adds_up_normal_steps(submission, probes, expect, stats, draw):
    """Where the target is flat nearly everything is accepted. After n iterations the walk is then
    n independent steps away from its start, so its variance is n step^2 in each coordinate."""
    count, n = 300, 8
    target = peak(draw, 3e4)
    step = draw.number(2.5, 4.0)
    starts = np.tile(array(draw.normal(2, std=50.0)), (count, 1))
    got = submission(probes.walks, seed=draw.seed(), target=target, starts=starts, step=step, n=n)
    rows = chains_of(expect, got, starts, n)
    gone = rows[:, -1] - starts
    variance = rows.shape[1] * step**2
    # A sum has the variance of a coordinate only where the two are uncorrelated.
    for values in (gone[:, 0], gone[:, 1], gone.sum(axis=1) / 2**0.5):
        expect.plausible(
            stats.normal_mean(values, 0.0, variance**0.5, false_fail=FALSE_FAIL, effect=0.6),
            "on a plain the walk drifts",
            "The proposals lie symmetrically around the present state.",
        )
        expect.plausible(
            stats.normal_variance(values, variance, false_fail=FALSE_FAIL, effect=2.2),
            "on a plain the walk goes too far, or not far enough",
            "Each step starts where the last one ended, and step is a standard deviation.",
        )


@pytest.mark.question("a.4.1", weight=1)
def test_acceptance_rate_is_the_share_of_moves(submission, probes, expect, draw):
    """A chain shows what was accepted: the rows that differ from the row before."""
    n = draw.integer(300, 400)
    for step in (draw.number(0.2, 0.4), draw.number(2.0, 3.0)):
        target = peak(draw, 0.5)
        starts = centre_of(target)[None]
        got = submission(
            probes.walks, seed=draw.seed(), target=target, starts=starts, step=step, n=n
        )
        rows = np.concatenate([starts, chains_of(expect, got, starts, n)[0]])
        moves = int((rows[1:] != rows[:-1]).any(axis=1).sum())
        expect.finite(got["rates"], what="the acceptance rate")
        rate = float(as_array(got["rates"])[0])
        expect.true(moves > 0, "the chain never moves", HELP)
        expect.true(
            abs(rate - moves / n) <= 2.5 / n,
            "the acceptance rate is not the share of the iterations in which the chain moves",
            "Count the accepted proposals, divide by all, and give a fraction.",
            f"rate {rate}, moves {moves} of {n}",
        )


@pytest.mark.question("a.4.1", weight=0.5)
def test_chain_begins_at_its_start(submission, probes, expect, draw):
    """(n, 2), and the first row is at most one proposal away from the start."""
    n, step = draw.integer(20, 30), 0.1
    target = peak(draw, 1.0)
    starts = centre_of(target) + array(draw.normal(1, 2, std=3.0))
    got = submission(probes.walks, seed=draw.seed(), target=target, starts=starts, step=step, n=n)
    expect.shape(np.asarray(got["chains"])[0], (n, 2), what="the chain")
    first = np.asarray(got["chains"])[0, 0]
    expect.true(
        bool((np.abs(first - starts[0]) < 7 * step).all()),
        "the chain does not begin at x0",
        "The start is an argument.",
    )
    expect.unchanged(got["starts"], starts, what="x0")


@pytest.mark.question("a.4.1", weight=0.5)
def test_walk_works_with_logarithms(submission, probes, expect, stats, draw, jump):
    """The target is given by its logarithm, up to a constant: exp of it may be zero or infinite,
    and the ratio p(x') / p(x) is to be right all the same."""
    for offset in (-1500.0, 1500.0):
        target = {**jump["target"], "offset": offset}
        tries = 400
        ends = one_step(
            submission, probes, expect, draw, target, jump["start"], jump["step"], tries
        )
        moved = int((ends != jump["start"]).any(axis=1).sum())
        expect.plausible(
            stats.share(moved, tries, jump["acceptance"], false_fail=FALSE_FAIL, effect=0.26),
            "with a target that exp cannot represent, the walk accepts too much or too little",
            "Compare log u with log p(x') - log p(x).",
        )


# --- a.4.2 burn-in and thinning ---------------------------------------------------------------


@pytest.mark.question("a.4.2", weight=2)
def test_burn_in_comes_off_before_thinning(submission, probes, expect, draw):
    """burn_in counts iterations, not rows that were kept: the first row to stay lies among the
    first `every` rows after it."""
    for _ in range(2):
        n, burn_in, every = draw.integer(300, 400), draw.integer(90, 120), draw.integer(4, 7)
        got = submission(probes.thinned_numbers, n=n, burn_in=burn_in, every=every)
        first = np.asarray(got["first"], dtype=np.float64).reshape(-1)
        expect.finite(first, what="what is kept")
        expect.true(
            first.size > 0 and burn_in <= first[0] < burn_in + every,
            "the rows that are kept do not begin right after the burn-in",
            "Take off the burn-in, and then keep one row in `every`.",
        )


@pytest.mark.question("a.4.2", weight=2)
def test_one_row_in_several_is_kept(submission, probes, expect, draw):
    """Rows that stay lie `every` iterations apart, up to the end of the chain, and are whole."""
    for _ in range(2):
        n, burn_in, every = draw.integer(300, 400), draw.integer(20, 80), draw.integer(4, 7)
        got = submission(probes.thinned_numbers, n=n, burn_in=burn_in, every=every)
        first, second = (np.asarray(got[k], dtype=np.float64) for k in ("first", "second"))
        expect.finite(first, what="what is kept")
        expect.true(
            first.size > 1 and bool((np.diff(first) == every).all()) and first[-1] >= n - every,
            "the rows that are kept do not lie `every` iterations apart, up to the end",
            "Keep every fifth row when `every` is 5.",
        )
        expect.true(
            bool((second == -first).all()),
            "the rows that are kept are no rows of the chain",
            "Rows are kept or dropped as they are.",
        )


@pytest.mark.question("a.4.2", weight=0.5)
def test_every_row_after_the_burn_in_can_be_kept(submission, probes, expect, draw):
    """`every` of 1 keeps all rows after the burn-in, and a burn-in of 0 takes none off."""
    for burn_in in (0, draw.integer(5, 30)):
        n = draw.integer(60, 90)
        got = submission(probes.thinned_numbers, n=n, burn_in=burn_in, every=1)
        first = np.asarray(got["first"], dtype=np.float64).reshape(-1)
        expect.true(
            first.size == n - burn_in and bool((first == np.arange(burn_in, n)).all()),
            "with `every` of 1 some rows after the burn-in are missing, or some of it is left",
            "chain[burn_in:] has all of them.",
        )


# --- a.4.3 autocorrelation --------------------------------------------------------------------


def sequence(draw, n, coefficient, mean):
    """A sequence whose neighbours are correlated: x_t = coefficient x_{t-1} + noise."""
    noise = array(draw.normal(n))
    x = np.empty(n)
    level = noise[0] / math.sqrt(1 - coefficient**2)
    for t in range(n):
        level = coefficient * level + noise[t]
        x[t] = level
    return x + mean


def right_autocorrelations(x, max_lag):
    """Every usual estimate, (estimates, max_lag + 1): sums over N, N - k or one less, variances
    over N or N - 1, and the correlation of the two stretches with means of their own."""
    n = len(x)
    centred = x - x.mean()
    rows = []
    for k in range(max_lag + 1):
        a, b = centred[: n - k], centred[k:]
        sums = [(a * b).sum(), ((a - a.mean()) * (b - b.mean())).sum()]
        row = [
            s / d / v for s in sums for d in (n, n - k, n - k - 1) for v in (x.var(), x.var(ddof=1))
        ]
        rows.append([*row, np.corrcoef(a, b)[0, 1]])
    return np.array(rows).T


@pytest.mark.question("a.4.3", weight=2)
@pytest.mark.parametrize("coefficient", [0.85, -0.6], ids=["slow", "alternating"])
def test_autocorrelation_has_the_right_values(submission, expect, draw, coefficient):
    """Products of deviations from the mean, k apart, over the variance. Sums over N and over N - k
    are both accepted, and what lies between them."""
    n, max_lag = draw.integer(90, 120), 12
    x = sequence(draw, n, coefficient, draw.number(3, 6))
    found = submission.sampling.autocorrelation(x, max_lag)
    right = right_autocorrelations(x, max_lag)
    expect.close(found, right[0], what="the autocorrelation", slack=math.inf)
    found = np.asarray(found, dtype=np.float64).reshape(-1)
    expect.finite(found, what="the autocorrelation")
    inside = (found >= right.min(0) - 1e-9) & (found <= right.max(0) + 1e-9)
    expect.true(
        bool(inside.all()),
        f"the autocorrelation is wrong at {int((~inside).sum())} of {max_lag + 1} lags",
        "Take off the mean, multiply values that are k apart, and divide by the variance. The end "
        "of the sequence does not go round to its beginning.",
        f"found {found}, right {right[0]}",
    )


@pytest.mark.question("a.4.3", weight=1)
def test_autocorrelation_runs_from_lag_zero(submission, expect, draw):
    """(max_lag + 1,), the value at lag zero being one; 50 lags unless something else is said."""
    for max_lag in (None, draw.integer(5, 20)):
        x, other = (sequence(draw, 200, 0.5, 1.0) for _ in range(2))
        lags = () if max_lag is None else (max_lag,)
        found = submission.sampling.autocorrelation(x, *lags)
        again = submission.sampling.autocorrelation(other, *lags)
        expect.finite(found, what="the autocorrelation")
        expect.shape(found, (51 if max_lag is None else max_lag + 1,), what="the autocorrelation")
        found, again = np.asarray(found), np.asarray(again)
        expect.true(
            abs(found[0] - 1) <= 2 / 200 and bool((found != again).any()),
            "the first value is not the one at lag zero",
            "A sequence correlates with itself perfectly.",
        )


@pytest.mark.question("a.4.3", weight=0.25)
def test_sequence_keeps_its_values(submission, probes, expect, draw):
    """The caller still needs the chain as it was: `x -= x.mean()` moves it to the origin."""
    x, other = (sequence(draw, 150, 0.5, 3.0) for _ in range(2))
    first, again, second = (submission.sampling.autocorrelation(a, 5) for a in (x, x, other))
    for value in (first, again, second):
        expect.finite(value, what="the autocorrelation")
    expect.true(
        np.asarray(first).size > 1
        and np.array_equal(first, again)
        and not np.array_equal(first, second)
        and not np.array_equal(np.float32(first), np.float32(x)),
        "the autocorrelation does not depend on the sequence, or is the sequence itself",
        "Is the function finished?",
    )
    after = submission(probes.arguments_after, function="autocorrelation", args=[x, 5])
    expect.unchanged(after[0], x, what="x", help="x - x.mean() is a new array.")
