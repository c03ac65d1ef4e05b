"""Mistakes in a.2.1 to a.2.3: the proposal, rejection sampling, the envelope."""

import numpy as np

from grader.catalogue import Mistakes

proposal = Mistakes("sampling.proposal_log_density", "test_has_the_right_values")

proposal.edit(
    "proposal_with_sigma_for_a_variance",
    "dimensions = x.shape[1]",
    "dimensions, sigma = x.shape[1], np.sqrt(sigma)",
    "sigma is taken for a variance. It is a standard deviation: the covariance is sigma^2 I.",
)
proposal.edit(
    "proposal_without_its_constant",
    " + constant",
    "",
    """The constant is missing. It does not cancel: p has its own, and p / (c q) is compared with a
    uniform number.""",
)
proposal.edit(
    "proposal_with_the_constant_of_one_dimension",
    "dimensions * np.log",
    "np.log",
    "The constant is that of one dimension, sqrt(2 pi) sigma; in the plane it is its square.",
)

Mistakes("sampling.proposal_log_density", "TestProposal::test_has_the_right_shape").edit(
    "proposal_density_of_pairs",
    ".sum(axis=1) / sigma**2 + constant",
    ".sum(axis=1, keepdims=True) / sigma**2 + np.full(len(x), constant)",
    "(N, 1) and (N,) are broadcast to (N, N): every point is paired with every other one.",
)

draws_variance = Mistakes("sampling.draw_proposal", "test_has_the_right_variance")

draws_normal = Mistakes("sampling.draw_proposal", "test_has_the_right_distribution")

draws_variance.edit(
    "draws_multiplied_by_the_variance",
    "sigma *",
    "sigma**2 *",
    "Normal draws are multiplied by a standard deviation, and here by a variance.",
)
draws_variance.edit(
    "draws_on_a_line",
    "(n, 2)",
    "(n, 1)) * np.ones(2",
    "Both coordinates get the same random number, so that all points lie on a line.",
)

draws_normal.edit(
    "draws_that_are_uniform",
    "rng.standard_normal((n, 2))",
    "rng.uniform(-(3**0.5), 3**0.5, (n, 2))",
    "The draws are uniform, with the right variance. The proposal is normal.",
)
draws_normal.edit(
    "draws_of_a_bounded_distribution",
    "rng.standard_normal((n, 2))",
    "20**0.5 * (rng.beta(2, 2, (n, 2)) - 0.5)",
    "The draws have the right mean and variance, but are not normal: none is far out.",
)

Mistakes("sampling.draw_proposal", "TestProposalDraws::test_has_the_right_shape").edit(
    "draws_as_columns", "(n, 2)", "(2, n)", "Points are rows: (n, 2), not (2, n)."
)

accepted = Mistakes("sampling.rejection_sampling", "test_has_the_right_distribution")
accepted.edit(
    "rejection_without_the_uniform_draw",
    "rng.random(len(x)) < np.exp(np.minimum(log_ratio, 0.0))",
    "log_ratio > np.log(0.5)",
    """No random number decides: points are accepted where the ratio is large enough. Then the
    middle of each mode is kept, and nothing else.""",
)
accepted.edit(
    "rejection_keeps_the_rejected",
    "< np.exp(",
    "> np.exp(",
    "Accepted and rejected are exchanged: a point is kept where u is above the ratio.",
)
accepted.edit(
    "rejection_compares_a_logarithm_with_a_ratio",
    "rng.random(len(x))",
    "np.log(rng.random(len(x)))",
    """log u is compared with the ratio itself, not with its logarithm: nearly everything is
    accepted, and what comes out is the proposal.""",
)


@accepted
def rejection_stops_after_n_attempts(log_p, log_q, draw_q, c, n, rng):
    """n points are proposed, where n were to be accepted: go on until there are n."""
    x = draw_q(n, rng)
    accepted = rng.random(n) * c < np.exp(log_p(x) - log_q(x))
    return x[accepted], float(accepted.mean())


rate = Mistakes("sampling.rejection_sampling", "test_has_the_right_acceptance_rate")
rate.edit(
    "rejection_claims_one_over_c",
    "n / attempts",
    "1 / c",
    """1 / c is the rate that theory promises for an envelope. What was accepted over what was
    attempted is asked for, and without an envelope it is another number.""",
)
rate.edit(
    "rejection_gives_the_rejection_rate",
    "n / attempts",
    "1 - n / attempts",
    "This is the share of the rejected points.",
)
rate.edit(
    "rejection_gives_per_cent",
    "n / attempts",
    "100 * n / attempts",
    "The rate is given in per cent. A fraction between 0 and 1 is asked for.",
)
rate.edit(
    "rejection_without_c",
    " - np.log(c)",
    "",
    "c does not enter: the uniform number is compared with p / q.",
)

accepted_or_rate = Mistakes(
    "sampling.rejection_sampling",
    "test_has_the_right_distribution",
    "test_has_the_right_acceptance_rate",
)
accepted_or_rate.edit(
    "rejection_without_q",
    "- log_q(x) - np.log(c)",
    "- np.log(c / 20)",
    """The ratio is p / c; the proposal's density is missing. Points that q proposes often are then
    accepted as readily as rare ones.""",
)
accepted_or_rate.edit(
    "rejection_by_the_largest_density",
    "- log_q(x) - np.log(c)",
    "- log_p(x).max()",
    "The ratio is p over the largest p; neither q nor c is in it.",
)

exactly_n = Mistakes("sampling.rejection_sampling", "test_has_the_right_shape")

each_point = Mistakes("sampling.rejection_sampling", "test_decides_for_each_point_by_itself")

Mistakes("sampling.rejection_sampling", "test_counts_points_and_attempts_alike").edit(
    "rejection_counts_the_last_batch_whole",
    "int(np.flatnonzero(np.concatenate(accepted))[n - 1]) + 1",
    "len(np.concatenate(accepted))",
    """The last batch is counted whole among the attempts, but what it gave beyond n is not counted
    among the accepted: the rate is too small.""",
)

exactly_n.edit(
    "rejection_returns_too_many",
    "np.concatenate(points)[:n]",
    "np.concatenate(points)",
    "Everything that the last batch gave is returned. n points are asked for.",
)
exactly_n.edit(
    "rejection_with_an_axis_too_many",
    "np.concatenate(points)[:n]",
    "np.concatenate(points)[:n, None]",
    """Each accepted point is kept as a row of its own, (1, 2), so that the result is (n, 1, 2):
    np.concatenate joins them, np.array and np.stack add an axis.""",
)

Mistakes("sampling.rejection_sampling", "test_caps_the_ratio_without_an_envelope").edit(
    "rejection_drops_what_is_above_the_envelope",
    "np.exp(np.minimum(log_ratio, 0.0))",
    "np.where(log_ratio <= 0, np.exp(log_ratio), 0.0)",
    "Points whose ratio is above one are thrown away. Their probability of being accepted is one.",
)

each_point.edit(
    "rejection_with_one_uniform_for_a_batch",
    """x = draw_q(n, rng)
        log_ratio = log_p(x) - log_q(x) - np.log(c)
        accept = rng.random(len(x))""",
    """x = draw_q(10_000, rng)
        log_ratio = log_p(x) - log_q(x) - np.log(c)
        accept = rng.random()""",
    "One uniform number decides for a whole batch. Each point needs its own.",
)
each_point.edit(
    "rejection_with_one_uniform_for_a_small_batch",
    "rng.random(len(x))",
    "rng.random()",
    """One uniform number decides for a whole batch. Over many batches the points follow p, and
    still they come in lumps.""",
)

envelope = Mistakes("sampling.envelope_constant", "test_is_the_largest_ratio")


def mesh_points(half_width, resolution=201):
    axis = np.linspace(-half_width, half_width, resolution)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


envelope.edit(
    "envelope_as_a_logarithm",
    "float(np.exp(best))",
    "float(best)",
    "This is the logarithm of the constant.",
)


@envelope
def envelope_of_the_two_largest(log_p, log_q, half_width=6.0):
    """This is the largest p over the largest q. The two lie at different places; what counts is the
    largest quotient."""
    x = mesh_points(half_width)
    return float(np.exp(log_p(x).max() - log_q(x).max()))


@envelope
def envelope_at_the_top_of_p(log_p, log_q, half_width=6.0):
    """This is p / q where p is largest. The quotient is larger a little further out, and may be
    largest at another mode."""
    x = mesh_points(half_width)
    return float(np.exp(log_p(x) - log_q(x))[log_p(x).argmax()])


@envelope
def envelope_on_a_coarse_mesh(log_p, log_q, half_width=6.0):
    """A mesh of a few points steps over the peak of p / q."""
    x = mesh_points(half_width, 8)
    return float(np.exp((log_p(x) - log_q(x)).max()))


Mistakes("sampling.envelope_constant", "test_stays_in_its_square").edit(
    "envelope_on_a_fixed_square",
    "np.zeros(2), half_width",
    "np.zeros(2), (half_width := 6.0)",
    "The mesh always has the same size; the square is an argument.",
)

told_apart = Mistakes("sampling.is_envelope", "test_tells_envelopes_from_other_constants")
told_apart.edit(
    "envelope_taken_for_granted",
    "bool(c >= envelope_constant(log_p, log_q, half_width))",
    "True",
    "Every constant is taken for an envelope.",
)
told_apart.edit(
    "envelope_looked_at_in_the_middle",
    "c >= envelope_constant(log_p, log_q, half_width)",
    "(log_p(np.zeros((1, 2))) <= np.log(c) + log_q(np.zeros((1, 2))))[0]",
    "p <= c q is looked at in one place only. It has to hold everywhere.",
)
told_apart.edit(
    "envelope_from_below",
    "c >=",
    "c <=",
    "The comparison is the wrong way round: an envelope lies above p.",
)
