"""Mistakes in a.4: Metropolis-Hastings, thinning and autocorrelation."""

import numpy as np

from grader.catalogue import Mistakes


def walk(x0, n, propose, accept):
    """A walk from its two parts: propose(x), and accept(x, candidate)."""
    x, rows, count = np.array(x0, dtype=float), [], 0
    for _ in range(n):
        candidate = propose(x)
        if accept(x, candidate):
            x, count = candidate, count + 1
        rows.append(x)
    return np.array(rows), count / n


def usual(log_p, rng):
    return lambda x, y: np.log(rng.random()) < log_p(y) - log_p(x)


moves = Mistakes("sampling.metropolis_hastings", "test_walk_moves_as_often_as_it_should")


@moves
def walk_that_moves_when_it_should_stay(log_p, x0, step, n, rng):
    """Accepted and rejected are exchanged: the walk moves where u is above the ratio."""

    def accept(x, y):
        return np.log(rng.random()) > log_p(y) - log_p(x)

    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), accept)


@moves
def walk_that_compares_u_with_a_logarithm(log_p, x0, step, n, rng):
    """u is compared with the logarithm of the ratio: either take log u, or exp of the
    difference."""

    def accept(x, y):
        return rng.random() < log_p(y) - log_p(x)

    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), accept)


@moves
def walk_with_barkers_rule(log_p, x0, step, n, rng):
    """The probability is p(x') / (p(x) + p(x')). That is a right sampler (Barker's), but min(1,
    p(x') / p(x)) is asked for, which moves more often."""

    def accept(x, y):
        return rng.random() < 1 / (1 + np.exp(np.clip(log_p(x) - log_p(y), -700, 700)))

    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), accept)


@moves
def walk_that_keeps_only_moves(log_p, x0, step, n, rng):
    """A rejected proposal leaves no row. The old state counts once more: without that, the chain
    lingers too little where p is large."""
    x, rows, tries = np.array(x0, dtype=float), [], 0
    while len(rows) < n:
        y = x + step * rng.standard_normal(2)
        tries += 1
        if np.log(rng.random()) < log_p(y) - log_p(x):
            x = y
            rows.append(x)
    return np.array(rows), len(rows) / tries


@moves
def walk_that_records_its_proposals(log_p, x0, step, n, rng):
    """The proposals are recorded, and not the states that were decided for."""
    x, rows, count = np.array(x0, dtype=float), [], 0
    for _ in range(n):
        y = x + step * rng.standard_normal(2)
        rows.append(y)
        if np.log(rng.random()) < log_p(y) - log_p(x):
            x, count = y, count + 1
    return np.array(rows), count / n


target = Mistakes("sampling.metropolis_hastings", "test_walk_leaves_the_target_as_it_is")


@target
def walk_that_accepts_everything(log_p, x0, step, n, rng):
    """Every proposal is accepted: this is a random walk that knows nothing of p."""
    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), lambda x, y: True)


@target
def walk_that_only_climbs(log_p, x0, step, n, rng):
    """Only proposals that are more likely are accepted: this climbs to a mode and stays there."""
    return walk(
        x0, n, lambda x: x + step * rng.standard_normal(2), lambda x, y: log_p(y) > log_p(x)
    )


@target
def walk_that_sets_a_seed(log_p, x0, step, n, rng):
    """A seed is set inside the function, so that every chain has the same noise."""
    own = np.random.default_rng(1234)
    return walk(x0, n, lambda x: x + step * own.standard_normal(2), usual(log_p, own))


@target
def walk_with_one_uniform_number(log_p, x0, step, n, rng):
    """One uniform number is drawn before the loop and decides for all proposals."""
    u = rng.random()
    return walk(
        x0,
        n,
        lambda x: x + step * rng.standard_normal(len(x)),
        lambda new, old: u < np.exp(min(0.0, log_p(new) - log_p(old))),
    )


whereto = Mistakes("sampling.metropolis_hastings", "test_walk_moves_to_where_it_should")


@whereto
def walk_with_step_for_a_variance(log_p, x0, step, n, rng):
    """step is taken for a variance; it is the standard deviation of each coordinate."""
    return walk(x0, n, lambda x: x + np.sqrt(step) * rng.standard_normal(2), usual(log_p, rng))


@whereto
def walk_with_uniform_steps(log_p, x0, step, n, rng):
    """The proposals are uniform in a square; N(x, step^2 I) is asked for."""
    return walk(x0, n, lambda x: x + rng.uniform(-step, step, 2), usual(log_p, rng))


plain = Mistakes("sampling.metropolis_hastings", "test_walk_on_a_plain_adds_up_normal_steps")


@plain
def walk_with_the_squared_step(log_p, x0, step, n, rng):
    """The noise is multiplied by the square of step: a variance where a standard deviation is
    expected."""
    return walk(x0, n, lambda x: x + rng.normal(0, step**2, 2), usual(log_p, rng))


@plain
def walk_that_drifts(log_p, x0, step, n, rng):
    """The noise lies between 0 and 1 and so never points back: the proposal is not symmetric, and
    the ratio of the densities alone does not make up for it."""
    return walk(x0, n, lambda x: x + step * rng.random(2), usual(log_p, rng))


@plain
def walk_on_a_line(log_p, x0, step, n, rng):
    """Both coordinates get the same noise: the walk stays on a line."""
    return walk(x0, n, lambda x: x + step * rng.standard_normal(), usual(log_p, rng))


@plain
def walk_tied_to_its_start(log_p, x0, step, n, rng):
    """Every proposal is made around the start. It belongs around the present state."""
    return walk(x0, n, lambda x: x0 + step * rng.standard_normal(2), usual(log_p, rng))


own_state = Mistakes("sampling.metropolis_hastings", "test_walk_weighs_the_state_that_it_is_in")


@own_state
def walk_with_a_stale_density(log_p, x0, step, n, rng):
    """After a move the log-density of the old state is kept: all later proposals are compared with
    the start."""
    here = log_p(np.array(x0, dtype=float))

    def accept(x, y):
        return np.log(rng.random()) < log_p(y) - here

    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), accept)


rate = Mistakes("sampling.metropolis_hastings", "test_acceptance_rate_is_the_share_of_moves")


@rate
def walk_that_counts_rejections(log_p, x0, step, n, rng):
    """This is the share of the rejected proposals."""
    chain, rate = walk(x0, n, lambda x: x + step * rng.standard_normal(2), usual(log_p, rng))
    return chain, 1 - rate


@rate
def walk_that_counts_in_per_cent(log_p, x0, step, n, rng):
    """This is the mean of min(1, ratio), or a number in per cent. Asked for is the share of the
    proposals that were accepted, between 0 and 1."""
    chain, rate = walk(x0, n, lambda x: x + step * rng.standard_normal(2), usual(log_p, rng))
    return chain, 100 * rate


start = Mistakes("sampling.metropolis_hastings", "test_chain_begins_at_its_start")


@start
def walk_from_the_origin(log_p, x0, step, n, rng):
    """The walk starts at the origin, whatever x0 says."""
    return walk(np.zeros(2), n, lambda x: x + step * rng.standard_normal(2), usual(log_p, rng))


@start
def walk_that_moves_its_argument(log_p, x0, step, n, rng):
    """The state is changed in place: the caller's x0 changes, and rows that were kept may all be
    the same array."""
    chain, rate = walk(x0, n, lambda x: x + step * rng.standard_normal(2), usual(log_p, rng))
    x0[:] = chain[-1]
    return chain, rate


@start
def walk_with_an_axis_too_many(log_p, x0, step, n, rng):
    """States are kept as rows of their own, (1, 2), so that the chain is (n, 1, 2)."""
    x, chain, accepted = np.array(x0)[None], [], 0
    for _ in range(n):
        there = x + step * rng.standard_normal((1, 2))
        if np.log(rng.random()) < (log_p(there) - log_p(x))[0]:
            x = there
            accepted += 1
        chain.append(x)
    return np.array(chain), accepted / n


logarithms = Mistakes("sampling.metropolis_hastings", "test_walk_works_with_logarithms")


@logarithms
def walk_with_plain_densities(log_p, x0, step, n, rng):
    """exp of both log-densities is taken before they are divided: zero over zero."""

    def accept(x, y):
        with np.errstate(all="ignore"):
            return rng.random() < np.exp(log_p(y)) / np.exp(log_p(x))

    return walk(x0, n, lambda x: x + step * rng.standard_normal(2), accept)


plain_or_whereto = Mistakes(
    "sampling.metropolis_hastings",
    "test_walk_on_a_plain_adds_up_normal_steps",
    "test_walk_moves_to_where_it_should",
)


@plain_or_whereto
def walk_on_a_diagonal(log_p, x0, step, n, rng):
    """One random number moves both coordinates: the walk stays on a diagonal."""
    x, chain, accepted = np.array(x0), np.empty((n, 2)), 0
    for i in range(n):
        there = x + step * rng.normal()
        if np.log(rng.random()) < log_p(there) - log_p(x):
            x = there
            accepted += 1
        chain[i] = x
    return chain, accepted / n


burn_in_first = Mistakes("sampling.thin", "test_burn_in_comes_off_before_thinning")


@burn_in_first
def thin_before_the_burn_in(chain, burn_in, every):
    """The chain is thinned first, so that the burn-in takes off `every` times as many
    iterations."""
    return chain[::every][burn_in:]


@burn_in_first
def thin_what_was_to_be_forgotten(chain, burn_in, every):
    """The burn-in is kept, and the rest is thrown away."""
    return chain[:burn_in:every]


one_in_several = Mistakes("sampling.thin", "test_one_row_in_several_is_kept")


@one_in_several
def thin_nothing(chain, burn_in, every):
    """Nothing is thinned."""
    return chain[burn_in:]


@one_in_several
def thin_by_averaging(chain, burn_in, every):
    """Rows are averaged over stretches. Means of neighbours are no draws from the target; one row
    of each stretch is kept as it is."""
    rest = chain[burn_in:]
    n = len(rest) // every
    return rest[: n * every].reshape(n, every, -1).mean(axis=1)


every_row = Mistakes("sampling.thin", "test_every_row_after_the_burn_in_can_be_kept")


@every_row
def thin_that_skips_one_row(chain, burn_in, every):
    """The first row after the burn-in never stays, not even where all are asked for."""
    return chain[burn_in + 1 :: every]


correlation = Mistakes("sampling.autocorrelation", "test_autocorrelation_has_the_right_values")


@correlation
def autocorrelation_with_the_mean(x, max_lag=50):
    """The mean is not taken off, so that what is correlated is mostly the mean with itself."""
    n = len(x)
    return np.array([(x[: n - k] * x[k:]).sum() for k in range(max_lag + 1)]) / (x**2).sum()


@correlation
def autocorrelation_on_a_circle(x, max_lag=50):
    """The end of the sequence is joined to its beginning, as np.roll or a Fourier transform without
    padding does it."""
    d = x - x.mean()
    return np.array([(d * np.roll(d, k)).mean() for k in range(max_lag + 1)]) / d.var()


@correlation
def autocorrelation_without_its_sign(x, max_lag=50):
    """The sign is lost: neighbours that lie on opposite sides of the mean have a negative
    autocorrelation."""
    d, n = x - x.mean(), len(x)
    return np.abs([(d[: n - k] * d[k:]).sum() for k in range(max_lag + 1)]) / (d**2).sum()


lag_zero = Mistakes("sampling.autocorrelation", "test_autocorrelation_runs_from_lag_zero")


@lag_zero
def autocorrelation_left_a_covariance(x, max_lag=50):
    """This is the covariance; divide by the variance."""
    d, n = x - x.mean(), len(x)
    return np.array([(d[: n - k] * d[k:]).sum() / n for k in range(max_lag + 1)])


@lag_zero
def autocorrelation_from_lag_one(x, max_lag=50):
    """Lag zero is missing: the first value belongs to it and is one."""
    d, n = x - x.mean(), len(x)
    return np.array([(d[: n - k] * d[k:]).sum() for k in range(1, max_lag + 1)]) / (d**2).sum()


@lag_zero
def autocorrelation_one_lag_short(x, max_lag=50):
    """The last lag is missing: range(max_lag) ends one before it."""
    d, n = x - x.mean(), len(x)
    return np.array([(d[: n - k] * d[k:]).sum() for k in range(max_lag)]) / (d**2).sum()


correlation_argument = Mistakes("sampling.autocorrelation", "test_sequence_keeps_its_values")


@correlation_argument
def autocorrelation_that_centres_its_sequence(x, max_lag=50):
    """The mean is subtracted in place: the chain of the caller is moved to the origin."""
    x -= x.mean()
    n = len(x)
    return np.array([(x[: n - k] * x[k:]).sum() for k in range(max_lag + 1)]) / (x**2).sum()
