"""Mistakes in a.4.1 to a.4.3: the walk, burn-in and thinning, autocorrelation."""

from grader.catalogue import Mistakes

moves = Mistakes(
    "sampling.metropolis_hastings",
    "test_moves_as_often_as_it_should",
    "test_moves_to_where_it_should",
)
moves.edit(
    "walk_that_moves_when_it_should_stay",
    "np.log(rng.random()) < there - here",
    "np.log(rng.random()) > there - here",
    "Accepted and rejected are exchanged: the walk moves where u is above the ratio.",
)
moves.edit(
    "walk_that_compares_u_with_a_logarithm",
    "np.log(rng.random())",
    "rng.random()",
    "u is compared with the logarithm of the ratio: either take log u, or exp of the difference.",
)
moves.edit(
    "walk_with_barkers_rule",
    "np.log(rng.random()) < there - here",
    "rng.random() < 1 / (1 + np.exp(np.clip(here - there, -700, 700)))",
    """The probability is p(x') / (p(x) + p(x')). That is a right sampler (Barker's), but min(1,
    p(x') / p(x)) is asked for, which moves more often.""",
)
moves.edit(
    "walk_that_records_its_proposals",
    "chain[i] = x",
    "chain[i] = candidate",
    "The proposals are recorded, and not the states that were decided for.",
)
moves.edit(
    "walk_that_keeps_only_moves",
    "for i in range(n):",
    "while (i := accepted) < n:",
    """A rejected proposal leaves no row. The old state counts once more: without that, the chain
    lingers too little where p is large.""",
)

target = Mistakes(
    "sampling.metropolis_hastings",
    "test_has_the_right_distribution",
    "test_weighs_the_state_that_it_is_in",
)
target.edit(
    "walk_that_accepts_everything",
    "np.log(rng.random()) < there - here",
    "True",
    "Every proposal is accepted: this is a random walk that knows nothing of p.",
)
target.edit(
    "walk_that_only_climbs",
    "np.log(rng.random()) < there - here",
    "there > here",
    "Only proposals that are more likely are accepted: this climbs to a mode and stays there.",
)
target.edit(
    "walk_that_sets_a_seed",
    "    x = np",
    """    rng = np.random.default_rng(1234)
    x = np""",
    "A seed is set inside the function, so that every chain has the same noise.",
)
target.edit(
    "walk_with_one_uniform_number",
    """    for i in range(n):
        candidate = x + step * rng.standard_normal(len(x))
        there = log_p(candidate)
        if np.log(rng.random()) <""",
    """    u = rng.random()
    for i in range(n):
        candidate = x + step * rng.standard_normal(len(x))
        there = log_p(candidate)
        if np.log(u) <""",
    "One uniform number is drawn before the loop and decides for all proposals.",
)

whereto = Mistakes("sampling.metropolis_hastings", "test_moves_to_where_it_should")
whereto.edit(
    "walk_with_step_for_a_variance",
    "step * rng",
    "np.sqrt(step) * rng",
    "step is taken for a variance; it is the standard deviation of each coordinate.",
)
whereto.edit(
    "walk_with_uniform_steps",
    "step * rng.standard_normal(len(x))",
    "rng.uniform(-step, step, 2)",
    "The proposals are uniform in a square; N(x, step^2 I) is asked for.",
)

plain = Mistakes("sampling.metropolis_hastings", "test_has_the_right_variance")
plain.edit(
    "walk_with_the_squared_step",
    "step * rng",
    "step**2 * rng",
    """The noise is multiplied by the square of step: a variance where a standard deviation is
    expected.""",
)

Mistakes("sampling.metropolis_hastings", "test_has_the_right_mean").edit(
    "walk_that_drifts",
    "rng.standard_normal(len(x))",
    "rng.random(len(x))",
    """The noise lies between 0 and 1 and so never points back: the proposal is not symmetric, and
    the ratio of the densities alone does not make up for it.""",
)

plain.edit(
    "walk_on_a_line",
    "standard_normal(len(x))",
    "standard_normal()",
    "Both coordinates get the same noise: the walk stays on a line.",
)
plain.edit(
    "walk_tied_to_its_start",
    "x + step",
    "x0 + step",
    "Every proposal is made around the start. It belongs around the present state.",
)

Mistakes("sampling.metropolis_hastings", "test_weighs_the_state_that_it_is_in").edit(
    "walk_with_a_stale_density",
    "x, here = candidate, there",
    "x = candidate",
    """After a move the log-density of the old state is kept: all later proposals are compared with
    the start.""",
)

rate = Mistakes("sampling.metropolis_hastings", "test_acceptance_rate_is_the_share_of_moves")
rate.edit(
    "walk_that_counts_rejections",
    "accepted / n",
    "1 - accepted / n",
    "This is the share of the rejected proposals.",
)
rate.edit(
    "walk_that_counts_in_per_cent",
    "accepted / n",
    "100 * accepted / n",
    """This is the mean of min(1, ratio), or a number in per cent. Asked for is the share of the
    proposals that were accepted, between 0 and 1.""",
)

Mistakes("sampling.metropolis_hastings", "test_begins_at_its_start").edit(
    "walk_from_the_origin",
    "np.array(x0, dtype=np.float64)",
    "np.zeros(2)",
    "The walk starts at the origin, whatever x0 says.",
)

Mistakes("sampling.metropolis_hastings", "test_has_the_right_shape").edit(
    "walk_with_an_axis_too_many",
    "return chain,",
    "return chain[:, None],",
    "States are kept as rows of their own, (1, 2), so that the chain is (n, 1, 2).",
)

Mistakes("sampling.metropolis_hastings", "test_works_with_logarithms").edit(
    "walk_with_plain_densities",
    "np.log(rng.random()) < there - here",
    "rng.random() < np.exp(there) / np.exp(here)",
    "exp of both log-densities is taken before they are divided: zero over zero.",
)

burn_in_first = Mistakes("sampling.thin", "test_takes_the_burn_in_off_before_thinning")
burn_in_first.edit(
    "thin_before_the_burn_in",
    "[burn_in::every]",
    "[::every][burn_in:]",
    "The chain is thinned first, so that the burn-in takes off `every` times as many iterations.",
)
burn_in_first.edit(
    "thin_what_was_to_be_forgotten",
    "burn_in::every",
    ":burn_in:every",
    "The burn-in is kept, and the rest is thrown away.",
)

one_in_several = Mistakes("sampling.thin", "test_keeps_one_row_in_several")
one_in_several.edit("thin_nothing", "burn_in::every", "burn_in:", "Nothing is thinned.")


@one_in_several
def thin_by_averaging(chain, burn_in, every):
    """Rows are averaged over stretches. Means of neighbours are no draws from the target; one row
    of each stretch is kept as it is."""
    rest = chain[burn_in:]
    n = len(rest) // every
    return rest[: n * every].reshape(n, every, -1).mean(axis=1)


Mistakes("sampling.thin", "test_can_keep_every_row_after_the_burn_in").edit(
    "thin_that_skips_one_row",
    "burn_in::every",
    "burn_in + 1 :: every",
    "The first row after the burn-in never stays, not even where all are asked for.",
)

correlation = Mistakes("sampling.autocorrelation", "test_has_the_right_values")
correlation.edit(
    "autocorrelation_with_the_mean",
    "x - x.mean()",
    "x",
    "The mean is not taken off, so that what is correlated is mostly the mean with itself.",
)
correlation.edit(
    "autocorrelation_on_a_circle",
    "(centred[: n - k] * centred[k:]).sum()",
    "(centred * np.roll(centred, k)).sum()",
    """The end of the sequence is joined to its beginning, as np.roll or a Fourier transform without
    padding does it.""",
)
correlation.edit(
    "autocorrelation_without_its_sign",
    "np.array(products)",
    "np.abs(products)",
    """The sign is lost: neighbours that lie on opposite sides of the mean have a negative
    autocorrelation.""",
)

lag_count = Mistakes("sampling.autocorrelation", "test_has_the_right_shape")

Mistakes("sampling.autocorrelation", "test_runs_from_lag_zero").edit(
    "autocorrelation_left_a_covariance",
    "/ products[0]",
    "/ n",
    "This is the covariance; divide by the variance.",
)

lag_count.edit(
    "autocorrelation_from_lag_one",
    "np.array(products)",
    "np.array(products[1:])",
    "Lag zero is missing: the first value belongs to it and is one.",
)
lag_count.edit(
    "autocorrelation_one_lag_short",
    "np.array(products)",
    "np.array(products[:-1])",
    "The last lag is missing: range(max_lag) ends one before it.",
)
