"""Question a.5.1: Gibbs sampling of a correlated normal.

What is drawn for a coordinate, less r times the other one, is the noise of that draw. In a right
chain all this noise is independent and normal with variance 1 - r^2, exactly and from the first
draw on; so is the noise with its sign changed by anything that came before it. An iteration may
draw both coordinates, in either order, or one of them in turn or at random, and the first row may
be the start: the tests find out by themselves which it is.
"""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from grader.suite.expect import as_array

FALSE_FAIL = 1e-9  # per test
ITERATIONS = 4000


def array(tensor):
    return tensor.double().numpy()


def correlation(draw):
    return draw.number(0.55, 0.93) * (2 * draw.integer(0, 1) - 1)


def chain_of(submission, probes, expect, draw, r, x0, n):
    """The chain with its start in front, (n or n + 1, 2)."""
    got = submission(probes.gibbs_chain, seed=draw.seed(), correlation=r, x0=x0, n=n)
    expect.finite(got["chain"], what="the chain")
    chain = as_array(got["chain"], "the chain").astype(np.float64)
    # Rows of (1, 2), or columns in the place of rows, say as much.
    if chain.ndim == 2 and len(chain) == 2 and chain.shape[1] in (n, n + 1):
        chain = chain.T
    if chain.ndim > 2 and chain.shape[-1] == 2:
        chain = chain.reshape(-1, 2)
    expect.true(
        chain.ndim == 2 and chain.shape[1] == 2 and len(chain) in (n, n + 1),
        "the chain has not one row for each iteration and one column for each coordinate",
        "Keep (x_1, x_2) after each iteration.",
        f"shape {chain.shape}",
    )
    expect.true(
        bool((chain[1:] != chain[:-1]).any(axis=1).mean() > 0.9),
        "the chain hardly moves: its rows are the same",
        "Each iteration draws at least one coordinate; keep a copy of the state after it.",
    )
    return chain if bool((chain[0] == x0).all()) else np.concatenate([x0[None], chain])


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


@pytest.mark.question("a.5.1", weight=2)
def test_conditional_has_the_right_variance(submission, probes, expect, stats, draw):
    """1 - r^2 is the variance of a conditional, which is normal; its root is what a normal draw is
    multiplied by. The autocorrelation cannot tell the two apart, the spread can."""
    for _ in range(2):
        r = correlation(draw)
        chain = chain_of(submission, probes, expect, draw, r, array(draw.normal(2)), ITERATIONS)
        noise, _ = draws_of(chain, r)
        expect.plausible(
            stats.normal_variance(noise, 1 - r**2, false_fail=FALSE_FAIL, effect=1.35),
            "what is drawn for a coordinate, given the other, has not the variance 1 - r^2",
            "Is a variance handed over where a standard deviation is expected?",
        )
        expect.plausible(
            stats.uniform(ndtr(noise / math.sqrt(1 - r**2)), false_fail=FALSE_FAIL, effect=0.09),
            "what is drawn for a coordinate, given the other, is not normal",
            "The conditionals are normal distributions.",
        )


@pytest.mark.question("a.5.1", weight=2)
def test_conditional_has_the_right_mean(submission, probes, expect, stats, draw):
    """r times the newest value of the other coordinate. The noise is multiplied by the sign of
    that value: where the factor is wrong, the mean of the product is not zero."""
    for _ in range(2):
        r = correlation(draw)
        chain = chain_of(submission, probes, expect, draw, r, array(draw.normal(2)), ITERATIONS)
        noise, given = draws_of(chain, r)
        for values in (noise, noise * np.where(given < 0, -1.0, 1.0)):
            expect.plausible(
                stats.normal_mean(
                    values, 0.0, math.sqrt(1 - r**2), false_fail=FALSE_FAIL, effect=0.16
                ),
                "what is drawn for a coordinate has not the mean r times the other one",
                "Each coordinate is drawn given the newest value of the other, also the one that "
                "was drawn a moment ago.",
            )


@pytest.mark.question("a.5.1", weight=1)
def test_draws_are_independent_of_each_other(submission, probes, expect, stats, draw):
    """Every draw has noise of its own: multiplied by the sign of the noise before it, or of the
    one before that, it still has mean zero. Noise that both coordinates share has not."""
    r = correlation(draw)
    chain = chain_of(submission, probes, expect, draw, r, array(draw.normal(2)), ITERATIONS)
    noise, _ = draws_of(chain, r)
    for lag in (1, 2):
        values = noise[lag:] * np.where(noise[:-lag] < 0, -1.0, 1.0)
        expect.plausible(
            stats.normal_mean(values, 0.0, math.sqrt(1 - r**2), false_fail=FALSE_FAIL, effect=0.2),
            "the draws of a chain depend on each other",
            "Draw a new random number for each coordinate in each iteration.",
        )


@pytest.mark.question("a.5.1", weight=1)
def test_chain_has_the_right_marginals(submission, probes, expect, stats, draw):
    """In the long run each coordinate has variance one, and the two have correlation r. Rows that
    lie far apart are nearly independent, and those are looked at."""
    sign = 2 * draw.integer(0, 1) - 1
    r = sign * draw.number(0.4, 0.55)
    apart = 40
    chain = chain_of(submission, probes, expect, draw, r, array(draw.normal(2)), 500 * apart)
    rows = chain[1:][apart - 1 :: apart]
    # Sum and difference are independent, with variances 2 (1 + r) and 2 (1 - r).
    for values, variance in (
        (rows[:, 0], 1.0),
        (rows[:, 1], 1.0),
        (rows[:, 0] + rows[:, 1], 2 + 2 * r),
        (rows[:, 0] - rows[:, 1], 2 - 2 * r),
    ):
        expect.plausible(
            stats.normal_variance(values, variance, false_fail=FALSE_FAIL, effect=2.0),
            "the chain has not the variances and the correlation of its target",
            "Variances are one, and the correlation is the one that is asked for.",
        )


@pytest.mark.question("a.5.1", weight=0.5)
def test_gibbs_begins_at_its_start(submission, probes, expect, draw):
    """From a start far away, the first draws are made given the start, and forget it geometrically:
    the first row has a coordinate that is r times the start's other one, up to its noise."""
    r = correlation(draw)
    x0 = np.array([40.0, 90.0]) * (2 * draw.integer(0, 1) - 1)
    sd = math.sqrt(1 - r**2)
    chain = chain_of(submission, probes, expect, draw, r, x0, 5)
    first = chain[1]
    sizes = np.abs(first - r * x0[::-1])
    expect.true(
        bool((sizes < 8 * sd).any()),
        "the chain does not begin at x0",
        "The start is an argument; the first draw is made given one of its coordinates.",
        f"start {x0}, first row {first}",
    )


@pytest.mark.question("a.5.1", weight=0.5)
def test_gibbs_gives_one_row_per_iteration(submission, probes, expect, draw):
    """(n, 2); and x0 stays as it is."""
    n, x0 = draw.integer(30, 50), array(draw.normal(2))
    got = submission(
        probes.gibbs_chain, seed=draw.seed(), correlation=correlation(draw), x0=x0, n=n
    )
    expect.finite(got["chain"], what="the chain")
    expect.shape(got["chain"], (n, 2), what="the chain")
    expect.true(
        len(np.unique(as_array(got["chain"]))) > n // 2,
        "the rows of the chain are all the same",
        "Keep a copy of the state after each iteration.",
    )
    expect.unchanged(got["start"], x0, what="x0")


@pytest.mark.question("a.5.1", weight=0.5)
def test_second_chain_is_another_one(submission, probes, expect, draw):
    """A function that sets a seed gives the same chain whenever it is called."""
    r, x0 = correlation(draw), array(draw.normal(2))
    first, second = (
        set(chain_of(submission, probes, expect, draw, r, x0, 30)[2:].reshape(-1).tolist())
        for _ in range(2)
    )
    expect.true(
        len(first & second) < len(first) / 2,
        "a second call gives the same chain again",
        "Set the seed once, at the top of the notebook, and never in a function.",
    )
