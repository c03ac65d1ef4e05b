"""Mistakes in a.5: Gibbs sampling."""

import numpy as np

from grader.catalogue import Mistakes


def sweeps(x0, n, first, second):
    """A chain from the two draws, first(x_2) and second(x_1)."""
    a, b = x0
    rows = []
    for _ in range(n):
        a = first(b)
        b = second(a)
        rows.append((a, b))
    return np.array(rows)


conditional_variance = Mistakes(
    "sampling.gibbs_sampling", "test_conditional_has_the_right_variance"
)


@conditional_variance
def gibbs_with_the_variance_for_a_deviation(correlation, x0, n, rng):
    """1 - r^2 is a variance, and NumPy's normal takes a standard deviation. The autocorrelation
    stays right, and the spread of the chain is far too small."""

    def draw(other):
        return rng.normal(correlation * other, 1 - correlation**2)

    return sweeps(x0, n, draw, draw)


@conditional_variance
def gibbs_with_one_minus_r(correlation, x0, n, rng):
    """The conditional variance is 1 - r^2; here the square is missing."""

    def draw(other):
        return rng.normal(correlation * other, np.sqrt(1 - abs(correlation)))

    return sweeps(x0, n, draw, draw)


@conditional_variance
def gibbs_with_the_marginal_variance(correlation, x0, n, rng):
    """The variance is that of the marginal. Knowing the other coordinate makes it smaller."""

    def draw(other):
        return rng.normal(correlation * other, 1.0)

    return sweeps(x0, n, draw, draw)


@conditional_variance
def gibbs_with_noise_in_one_coordinate(correlation, x0, n, rng):
    """The second coordinate is set to its mean, without any noise."""
    return sweeps(
        x0,
        n,
        lambda b: rng.normal(correlation * b, np.sqrt(1 - correlation**2)),
        lambda a: correlation * a,
    )


@conditional_variance
def gibbs_with_uniform_noise(correlation, x0, n, rng):
    """The noise is uniform, with the right variance. The conditionals are normal."""
    reach = np.sqrt(3 * (1 - correlation**2))

    def draw(other):
        return correlation * other + rng.uniform(-reach, reach)

    return sweeps(x0, n, draw, draw)


conditional_mean = Mistakes("sampling.gibbs_sampling", "test_conditional_has_the_right_mean")


@conditional_mean
def gibbs_with_the_squared_correlation(correlation, x0, n, rng):
    """The mean of a conditional is r times the other coordinate; here it is the other coordinate,
    or r squared times it."""

    def draw(other):
        return rng.normal(correlation**2 * other, np.sqrt(1 - correlation**2))

    return sweeps(x0, n, draw, draw)


conditional = Mistakes(
    "sampling.gibbs_sampling",
    "test_conditional_has_the_right_mean",
    "test_conditional_has_the_right_variance",
)


@conditional
def gibbs_with_old_values(correlation, x0, n, rng):
    """Both coordinates are drawn given the old values. The second one is to be drawn given the new
    first one: else the two are uncorrelated in the end."""
    sd = np.sqrt(1 - correlation**2)
    x, rows = np.array(x0, dtype=float), []
    for _ in range(n):
        x = correlation * x[::-1] + sd * rng.standard_normal(2)
        rows.append(x)
    return np.array(rows)


@conditional
def gibbs_that_draws_jointly(correlation, x0, n, rng):
    """The rows are independent draws from the joint distribution. That is the target, but no Gibbs
    sampling: its rows depend on the rows before."""
    z = rng.standard_normal((n, 2))
    return np.column_stack([z[:, 0], correlation * z[:, 0] + np.sqrt(1 - correlation**2) * z[:, 1]])


independence = Mistakes("sampling.gibbs_sampling", "test_draws_are_independent_of_each_other")


@independence
def gibbs_with_shared_noise(correlation, x0, n, rng):
    """One random number serves both coordinates. Each draw needs its own."""
    sd = np.sqrt(1 - correlation**2)
    rows, b = [], x0[1]
    for e in sd * rng.standard_normal(n):
        a = correlation * b + e
        b = correlation * a + e
        rows.append((a, b))
    return np.array(rows)


marginals = Mistakes("sampling.gibbs_sampling", "test_chain_has_the_right_marginals")


@marginals
def gibbs_with_a_fixed_correlation(correlation, x0, n, rng):
    """The correlation is fixed at 0.9; it is an argument."""
    return sweeps(
        x0,
        n,
        lambda b: rng.normal(0.9 * b, np.sqrt(0.19)),
        lambda a: rng.normal(0.9 * a, np.sqrt(0.19)),
    )


start = Mistakes("sampling.gibbs_sampling", "test_gibbs_begins_at_its_start")


@start
def gibbs_from_the_origin(correlation, x0, n, rng):
    """The chain starts at the origin, whatever x0 says."""

    def draw(other):
        return rng.normal(correlation * other, np.sqrt(1 - correlation**2))

    return sweeps(np.zeros(2), n, draw, draw)


rows = Mistakes("sampling.gibbs_sampling", "test_gibbs_gives_one_row_per_iteration")


@rows
def gibbs_without_its_first_rows(correlation, x0, n, rng):
    """The first half of the chain is taken off as burn-in. That is not this function's task: n rows
    are asked for."""

    def draw(other):
        return rng.normal(correlation * other, np.sqrt(1 - correlation**2))

    return sweeps(x0, n, draw, draw)[n // 2 :]


@rows
def gibbs_that_keeps_one_array(correlation, x0, n, rng):
    """Every row is the same array: the state is changed in place and never copied."""
    sd = np.sqrt(1 - correlation**2)
    x, rows = np.array(x0, dtype=float), []
    for _ in range(n):
        x[0] = correlation * x[1] + sd * rng.standard_normal()
        x[1] = correlation * x[0] + sd * rng.standard_normal()
        rows.append(x)
    return np.array(rows)


@rows
def chain_in_columns(correlation, x0, n, rng):
    """States are columns, (2, n): rows are asked for, (n, 2)."""
    sd = np.sqrt(1 - correlation**2)
    first, second = x0
    chain = np.empty((2, n))
    for i in range(n):
        first = rng.normal(correlation * second, sd)
        second = rng.normal(correlation * first, sd)
        chain[:, i] = first, second
    return chain


second_chain = Mistakes("sampling.gibbs_sampling", "test_second_chain_is_another_one")


@second_chain
def gibbs_with_a_seed_inside(correlation, x0, n, rng):
    """The function sets a seed, so that all its calls give the same chain."""
    rng = np.random.default_rng(1234)

    def draw(other):
        return rng.normal(correlation * other, np.sqrt(1 - correlation**2))

    return sweeps(x0, n, draw, draw)
