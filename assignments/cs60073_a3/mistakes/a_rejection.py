"""Mistakes in a.2.1 to a.2.3: the proposal, rejection sampling, the envelope."""

import numpy as np

from grader.catalogue import mistake

# --- a.2.1 ------------------------------------------------------------------------------------


@mistake(
    "sampling.proposal_log_density",
    fails=["test_proposal_has_the_right_log_density"],
    hint="sigma is taken for a variance. It is a standard deviation: the covariance is sigma^2 I.",
)
def proposal_with_sigma_for_a_variance(x, sigma):
    return -0.5 * ((x**2).sum(axis=1) / sigma + 2 * np.log(2 * np.pi * sigma))


@mistake(
    "sampling.proposal_log_density",
    fails=["test_proposal_has_the_right_log_density"],
    hint="The constant is missing. It does not cancel: p has its own, and p / (c q) is compared "
    "with a uniform number.",
)
def proposal_without_its_constant(x, sigma):
    return -0.5 * (x**2).sum(axis=1) / sigma**2


@mistake(
    "sampling.proposal_log_density",
    fails=["test_proposal_has_the_right_log_density"],
    hint="The constant is that of one dimension, sqrt(2 pi) sigma; in the plane it is its square.",
)
def proposal_with_the_constant_of_one_dimension(x, sigma):
    return -0.5 * ((x**2).sum(axis=1) / sigma**2 + np.log(2 * np.pi * sigma**2))


@mistake(
    "sampling.draw_proposal",
    fails=["test_draws_follow_the_proposal"],
    hint="Normal draws are multiplied by a standard deviation, and here by a variance.",
)
def draws_multiplied_by_the_variance(n, sigma, rng):
    return rng.normal(0.0, sigma**2, size=(n, 2))


@mistake(
    "sampling.draw_proposal",
    fails=["test_draws_follow_the_proposal"],
    hint="Both coordinates get the same random number, so that all points lie on a line.",
)
def draws_on_a_line(n, sigma, rng):
    return sigma * rng.standard_normal((n, 1)) * np.ones(2)


# --- a.2.2 ------------------------------------------------------------------------------------


def collect(chance, draw_q, n, rng):
    """Accept with a chance that is a function of the points; stop counting at the n-th."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        places = np.flatnonzero(rng.random(len(x)) < chance(x))[: n - sum(map(len, kept))]
        kept.append(x[places])
        full = sum(map(len, kept)) == n
        attempts += places[-1] + 1 if full else len(x)
    return np.concatenate(kept), n / attempts


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target"],
    hint="No random number decides: points are accepted where the ratio is large enough. Then the "
    "middle of each mode is kept, and nothing else.",
)
def rejection_without_the_uniform_draw(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[np.exp(log_p(x) - log_q(x)) / c > 0.5])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


@mistake(
    "sampling.rejection_sampling",
    fails=["test_acceptance_rate_is_the_right_one"],
    hint="c does not enter: the uniform number is compared with p / q.",
)
def rejection_without_c(log_p, log_q, draw_q, c, n, rng):
    return collect(lambda x: np.exp(log_p(x) - log_q(x)), draw_q, n, rng)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target"],
    hint="Accepted and rejected are exchanged: a point is kept where u is above the ratio.",
)
def rejection_keeps_the_rejected(log_p, log_q, draw_q, c, n, rng):
    return collect(lambda x: 1 - np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target", "test_acceptance_rate_is_the_right_one"],
    hint="The ratio is p / c; the proposal's density is missing. Points that q proposes often are "
    "then accepted as readily as rare ones.",
)
def rejection_without_q(log_p, log_q, draw_q, c, n, rng):
    return collect(lambda x: np.exp(log_p(x)) / c * 20, draw_q, n, rng)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target", "test_acceptance_rate_is_the_right_one"],
    hint="The ratio is p over the largest p; neither q nor c is in it.",
)
def rejection_by_the_largest_density(log_p, log_q, draw_q, c, n, rng):
    return collect(lambda x: np.exp(log_p(x) - log_p(x).max()), draw_q, n, rng)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target"],
    hint="log u is compared with the ratio itself, not with its logarithm: nearly everything is "
    "accepted, and what comes out is the proposal.",
)
def rejection_compares_a_logarithm_with_a_ratio(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[np.log(rng.random(len(x))) < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / (attempts + 1)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target"],
    hint="One uniform number decides for a whole batch. Each point needs its own.",
)
def rejection_with_one_uniform_for_a_batch(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(10_000, rng)
        attempts += len(x)
        kept.append(x[rng.random() < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


@mistake(
    "sampling.rejection_sampling",
    fails=["test_acceptance_rate_counts_points_and_attempts_alike"],
    hint="The last batch is counted whole among the attempts, but what it gave beyond n is not "
    "counted among the accepted: the rate is too small.",
)
def rejection_counts_the_last_batch_whole(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(max(n, 500), rng)
        attempts += len(x)
        kept.append(x[rng.random(len(x)) * c < np.exp(log_p(x) - log_q(x))])
    return np.concatenate(kept)[:n], n / attempts


@mistake(
    "sampling.rejection_sampling",
    fails=["test_acceptance_rate_is_the_right_one"],
    hint="1 / c is the rate that theory promises for an envelope. What was accepted over what was "
    "attempted is asked for, and without an envelope it is another number.",
)
def rejection_claims_one_over_c(log_p, log_q, draw_q, c, n, rng):
    points, _ = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 1 / c


@mistake(
    "sampling.rejection_sampling",
    fails=["test_acceptance_rate_is_the_right_one"],
    hint="This is the share of the rejected points.",
)
def rejection_gives_the_rejection_rate(log_p, log_q, draw_q, c, n, rng):
    points, rate = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 1 - rate


@mistake(
    "sampling.rejection_sampling",
    fails=["test_acceptance_rate_is_the_right_one"],
    hint="The rate is given in per cent. A fraction between 0 and 1 is asked for.",
)
def rejection_gives_per_cent(log_p, log_q, draw_q, c, n, rng):
    points, rate = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 100 * rate


@mistake(
    "sampling.rejection_sampling",
    fails=["test_exactly_n_points_are_returned"],
    hint="Everything that the last batch gave is returned. n points are asked for.",
)
def rejection_returns_too_many(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[rng.random(len(x)) * c < np.exp(log_p(x) - log_q(x))])
    points = np.concatenate(kept)
    return points, len(points) / attempts


@mistake(
    "sampling.rejection_sampling",
    fails=["test_accepted_points_follow_the_target"],
    hint="n points are proposed, where n were to be accepted: go on until there are n.",
)
def rejection_stops_after_n_attempts(log_p, log_q, draw_q, c, n, rng):
    x = draw_q(n, rng)
    accepted = rng.random(n) * c < np.exp(log_p(x) - log_q(x))
    return x[accepted], float(accepted.mean())


@mistake(
    "sampling.rejection_sampling",
    fails=["test_without_an_envelope_the_ratio_is_capped"],
    hint="Points whose ratio is above one are thrown away. Their probability of being accepted is "
    "one.",
)
def rejection_drops_what_is_above_the_envelope(log_p, log_q, draw_q, c, n, rng):
    def chance(x):
        ratio = np.exp(log_p(x) - log_q(x)) / c
        return np.where(ratio <= 1, ratio, 0.0)

    return collect(chance, draw_q, n, rng)


# --- a.2.3 ------------------------------------------------------------------------------------


def mesh_points(half_width, resolution=201):
    axis = np.linspace(-half_width, half_width, resolution)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


@mistake(
    "sampling.envelope_constant",
    fails=["test_envelope_constant_is_the_largest_ratio"],
    hint="This is the largest p over the largest q. The two lie at different places; what counts "
    "is the largest quotient.",
)
def envelope_of_the_two_largest(log_p, log_q, half_width=6.0):
    x = mesh_points(half_width)
    return float(np.exp(log_p(x).max() - log_q(x).max()))


@mistake(
    "sampling.envelope_constant",
    fails=["test_envelope_constant_is_the_largest_ratio"],
    hint="This is p / q where p is largest. The quotient is larger a little further out, and may "
    "be largest at another mode.",
)
def envelope_at_the_top_of_p(log_p, log_q, half_width=6.0):
    x = mesh_points(half_width)
    at = x[log_p(x).argmax()][None]
    return float(np.exp(log_p(at) - log_q(at))[0])


@mistake(
    "sampling.envelope_constant",
    fails=["test_envelope_constant_is_the_largest_ratio"],
    hint="This is the logarithm of the constant.",
)
def envelope_as_a_logarithm(log_p, log_q, half_width=6.0):
    x = mesh_points(half_width)
    return float((log_p(x) - log_q(x)).max())


@mistake(
    "sampling.envelope_constant",
    fails=["test_envelope_constant_is_the_largest_ratio"],
    hint="A mesh of a few points steps over the peak of p / q.",
)
def envelope_on_a_coarse_mesh(log_p, log_q, half_width=6.0):
    x = mesh_points(half_width, 8)
    return float(np.exp((log_p(x) - log_q(x)).max()))


@mistake(
    "sampling.envelope_constant",
    fails=["test_envelope_constant_stays_in_its_square"],
    hint="The mesh always has the same size; the square is an argument.",
)
def envelope_on_a_fixed_square(log_p, log_q, half_width=6.0):
    x = mesh_points(6.0)
    return float(np.exp((log_p(x) - log_q(x)).max()))


@mistake(
    "sampling.is_envelope",
    fails=["test_envelopes_are_told_from_other_constants"],
    hint="Every constant is taken for an envelope.",
)
def envelope_taken_for_granted(log_p, log_q, c, half_width=6.0):
    return True


@mistake(
    "sampling.is_envelope",
    fails=["test_envelopes_are_told_from_other_constants"],
    hint="p <= c q is looked at in one place only. It has to hold everywhere.",
)
def envelope_looked_at_in_the_middle(log_p, log_q, c, half_width=6.0):
    middle = np.zeros((1, 2))
    return bool(log_p(middle)[0] <= np.log(c) + log_q(middle)[0])


@mistake(
    "sampling.is_envelope",
    fails=["test_envelopes_are_told_from_other_constants"],
    hint="The comparison is the wrong way round: an envelope lies above p.",
)
def envelope_from_below(log_p, log_q, c, half_width=6.0):
    x = mesh_points(half_width)
    return bool((log_p(x) >= np.log(c) + log_q(x)).any())


# --- seeds ------------------------------------------------------------------------------------


@mistake(
    "sampling.draw_proposal",
    fails=["test_draws_are_new_each_time"],
    hint="The function sets a seed, so that all its calls give the same points.",
)
def draws_with_a_seed_inside(n, sigma, rng):
    np.random.seed(1234)
    return np.random.normal(0, sigma, (n, 2))


@mistake(
    "sampling.draw_proposal",
    fails=["test_draws_follow_the_proposal"],
    hint="The draws are uniform, with the right variance. The proposal is normal.",
)
def draws_that_are_uniform(n, sigma, rng):
    return rng.uniform(-(3**0.5) * sigma, 3**0.5 * sigma, (n, 2))


@mistake(
    "sampling.rejection_sampling",
    fails=["test_second_call_accepts_other_points"],
    hint="The function sets a seed, so that all its calls accept the same points.",
)
def rejection_with_a_seed_inside(log_p, log_q, draw_q, c, n, rng):
    rng = np.random.default_rng(1234)
    return collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_each_point_is_decided_for_by_itself"],
    hint="One uniform number decides for a whole batch. Over many batches the points follow p, and "
    "still they come in lumps.",
)
def rejection_with_one_uniform_for_a_small_batch(log_p, log_q, draw_q, c, n, rng):
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(2 * n, rng)
        attempts += len(x)
        kept.append(x[rng.random() < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


@mistake(
    "sampling.proposal_log_density",
    fails=["test_proposal_gives_one_number_per_point"],
    hint="(N, 1) and (N,) are broadcast to (N, N): every point is paired with every other one.",
)
def proposal_density_of_pairs(x, sigma):
    constant = np.full(len(x), np.log(2 * np.pi * sigma**2))
    return -(x**2).sum(axis=1, keepdims=True) / (2 * sigma**2) - constant


@mistake(
    "sampling.draw_proposal",
    fails=["test_as_many_draws_as_were_asked_for"],
    hint="Points are rows: (n, 2), not (2, n).",
)
def draws_as_columns(n, sigma, rng):
    return rng.normal(0.0, sigma, (2, n))


@mistake(
    "sampling.draw_proposal",
    fails=["test_draws_follow_the_proposal"],
    hint="The draws have the right mean and variance, but are not normal: none is far out.",
)
def draws_of_a_bounded_distribution(n, sigma, rng):
    return sigma * 20**0.5 * (rng.beta(2, 2, (n, 2)) - 0.5)


@mistake(
    "sampling.rejection_sampling",
    fails=["test_exactly_n_points_are_returned"],
    hint="Each accepted point is kept as a row of its own, (1, 2), so that the result is "
    "(n, 1, 2): np.concatenate joins them, np.array and np.stack add an axis.",
)
def rejection_with_an_axis_too_many(log_p, log_q, draw_q, c, n, rng):
    kept, tries = [], 0
    while len(kept) < n:
        x = draw_q(1, rng)
        tries += 1
        if rng.random() < (np.exp(log_p(x) - log_q(x)) / c)[0]:
            kept.append(x)
    return np.array(kept), n / tries
