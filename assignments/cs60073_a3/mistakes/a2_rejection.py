"""Mistakes in a.2: the proposal, rejection sampling and the envelope."""

import numpy as np

from grader.catalogue import Mistakes


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


def mesh_points(half_width, resolution=201):
    axis = np.linspace(-half_width, half_width, resolution)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


proposal = Mistakes("sampling.proposal_log_density", "test_proposal_has_the_right_log_density")


@proposal
def proposal_with_sigma_for_a_variance(x, sigma):
    """sigma is taken for a variance. It is a standard deviation: the covariance is sigma^2 I."""
    return -0.5 * ((x**2).sum(axis=1) / sigma + 2 * np.log(2 * np.pi * sigma))


@proposal
def proposal_without_its_constant(x, sigma):
    """The constant is missing. It does not cancel: p has its own, and p / (c q) is compared with a
    uniform number."""
    return -0.5 * (x**2).sum(axis=1) / sigma**2


@proposal
def proposal_with_the_constant_of_one_dimension(x, sigma):
    """The constant is that of one dimension, sqrt(2 pi) sigma; in the plane it is its square."""
    return -0.5 * ((x**2).sum(axis=1) / sigma**2 + np.log(2 * np.pi * sigma**2))


proposal_shape = Mistakes(
    "sampling.proposal_log_density", "test_proposal_gives_one_number_per_point"
)


@proposal_shape
def proposal_density_of_pairs(x, sigma):
    """(N, 1) and (N,) are broadcast to (N, N): every point is paired with every other one."""
    constant = np.full(len(x), np.log(2 * np.pi * sigma**2))
    return -(x**2).sum(axis=1, keepdims=True) / (2 * sigma**2) - constant


draws = Mistakes("sampling.draw_proposal", "test_draws_follow_the_proposal")


@draws
def draws_multiplied_by_the_variance(n, sigma, rng):
    """Normal draws are multiplied by a standard deviation, and here by a variance."""
    return rng.normal(0.0, sigma**2, size=(n, 2))


@draws
def draws_on_a_line(n, sigma, rng):
    """Both coordinates get the same random number, so that all points lie on a line."""
    return sigma * rng.standard_normal((n, 1)) * np.ones(2)


@draws
def draws_that_are_uniform(n, sigma, rng):
    """The draws are uniform, with the right variance. The proposal is normal."""
    return rng.uniform(-(3**0.5) * sigma, 3**0.5 * sigma, (n, 2))


@draws
def draws_of_a_bounded_distribution(n, sigma, rng):
    """The draws have the right mean and variance, but are not normal: none is far out."""
    return sigma * 20**0.5 * (rng.beta(2, 2, (n, 2)) - 0.5)


draws_new = Mistakes("sampling.draw_proposal", "test_draws_are_new_each_time")


@draws_new
def draws_with_a_seed_inside(n, sigma, rng):
    """The function sets a seed, so that all its calls give the same points."""
    np.random.seed(1234)
    return np.random.normal(0, sigma, (n, 2))


draws_count = Mistakes("sampling.draw_proposal", "test_as_many_draws_as_were_asked_for")


@draws_count
def draws_as_columns(n, sigma, rng):
    """Points are rows: (n, 2), not (2, n)."""
    return rng.normal(0.0, sigma, (2, n))


accepted = Mistakes("sampling.rejection_sampling", "test_accepted_points_follow_the_target")


@accepted
def rejection_without_the_uniform_draw(log_p, log_q, draw_q, c, n, rng):
    """No random number decides: points are accepted where the ratio is large enough. Then the
    middle of each mode is kept, and nothing else."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[np.exp(log_p(x) - log_q(x)) / c > 0.5])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


@accepted
def rejection_keeps_the_rejected(log_p, log_q, draw_q, c, n, rng):
    """Accepted and rejected are exchanged: a point is kept where u is above the ratio."""
    return collect(lambda x: 1 - np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)


@accepted
def rejection_compares_a_logarithm_with_a_ratio(log_p, log_q, draw_q, c, n, rng):
    """log u is compared with the ratio itself, not with its logarithm: nearly everything is
    accepted, and what comes out is the proposal."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[np.log(rng.random(len(x))) < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / (attempts + 1)


@accepted
def rejection_with_one_uniform_for_a_batch(log_p, log_q, draw_q, c, n, rng):
    """One uniform number decides for a whole batch. Each point needs its own."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(10_000, rng)
        attempts += len(x)
        kept.append(x[rng.random() < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


@accepted
def rejection_stops_after_n_attempts(log_p, log_q, draw_q, c, n, rng):
    """n points are proposed, where n were to be accepted: go on until there are n."""
    x = draw_q(n, rng)
    accepted = rng.random(n) * c < np.exp(log_p(x) - log_q(x))
    return x[accepted], float(accepted.mean())


rate = Mistakes("sampling.rejection_sampling", "test_acceptance_rate_is_the_right_one")


@rate
def rejection_without_c(log_p, log_q, draw_q, c, n, rng):
    """c does not enter: the uniform number is compared with p / q."""
    return collect(lambda x: np.exp(log_p(x) - log_q(x)), draw_q, n, rng)


@rate
def rejection_claims_one_over_c(log_p, log_q, draw_q, c, n, rng):
    """1 / c is the rate that theory promises for an envelope. What was accepted over what was
    attempted is asked for, and without an envelope it is another number."""
    points, _ = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 1 / c


@rate
def rejection_gives_the_rejection_rate(log_p, log_q, draw_q, c, n, rng):
    """This is the share of the rejected points."""
    points, rate = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 1 - rate


@rate
def rejection_gives_per_cent(log_p, log_q, draw_q, c, n, rng):
    """The rate is given in per cent. A fraction between 0 and 1 is asked for."""
    points, rate = collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)
    return points, 100 * rate


accepted_or_rate = Mistakes(
    "sampling.rejection_sampling",
    "test_accepted_points_follow_the_target",
    "test_acceptance_rate_is_the_right_one",
)


@accepted_or_rate
def rejection_without_q(log_p, log_q, draw_q, c, n, rng):
    """The ratio is p / c; the proposal's density is missing. Points that q proposes often are then
    accepted as readily as rare ones."""
    return collect(lambda x: np.exp(log_p(x)) / c * 20, draw_q, n, rng)


@accepted_or_rate
def rejection_by_the_largest_density(log_p, log_q, draw_q, c, n, rng):
    """The ratio is p over the largest p; neither q nor c is in it."""
    return collect(lambda x: np.exp(log_p(x) - log_p(x).max()), draw_q, n, rng)


rate_counts = Mistakes(
    "sampling.rejection_sampling", "test_acceptance_rate_counts_points_and_attempts_alike"
)


@rate_counts
def rejection_counts_the_last_batch_whole(log_p, log_q, draw_q, c, n, rng):
    """The last batch is counted whole among the attempts, but what it gave beyond n is not counted
    among the accepted: the rate is too small."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(max(n, 500), rng)
        attempts += len(x)
        kept.append(x[rng.random(len(x)) * c < np.exp(log_p(x) - log_q(x))])
    return np.concatenate(kept)[:n], n / attempts


exactly_n = Mistakes("sampling.rejection_sampling", "test_exactly_n_points_are_returned")


@exactly_n
def rejection_returns_too_many(log_p, log_q, draw_q, c, n, rng):
    """Everything that the last batch gave is returned. n points are asked for."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(500, rng)
        attempts += len(x)
        kept.append(x[rng.random(len(x)) * c < np.exp(log_p(x) - log_q(x))])
    points = np.concatenate(kept)
    return points, len(points) / attempts


@exactly_n
def rejection_with_an_axis_too_many(log_p, log_q, draw_q, c, n, rng):
    """Each accepted point is kept as a row of its own, (1, 2), so that the result is (n, 1, 2):
    np.concatenate joins them, np.array and np.stack add an axis."""
    kept, tries = [], 0
    while len(kept) < n:
        x = draw_q(1, rng)
        tries += 1
        if rng.random() < (np.exp(log_p(x) - log_q(x)) / c)[0]:
            kept.append(x)
    return np.array(kept), n / tries


capped = Mistakes("sampling.rejection_sampling", "test_without_an_envelope_the_ratio_is_capped")


@capped
def rejection_drops_what_is_above_the_envelope(log_p, log_q, draw_q, c, n, rng):
    """Points whose ratio is above one are thrown away. Their probability of being accepted is
    one."""

    def chance(x):
        ratio = np.exp(log_p(x) - log_q(x)) / c
        return np.where(ratio <= 1, ratio, 0.0)

    return collect(chance, draw_q, n, rng)


second_call = Mistakes("sampling.rejection_sampling", "test_second_call_accepts_other_points")


@second_call
def rejection_with_a_seed_inside(log_p, log_q, draw_q, c, n, rng):
    """The function sets a seed, so that all its calls accept the same points."""
    rng = np.random.default_rng(1234)
    return collect(lambda x: np.exp(log_p(x) - log_q(x)) / c, draw_q, n, rng)


each_point = Mistakes("sampling.rejection_sampling", "test_each_point_is_decided_for_by_itself")


@each_point
def rejection_with_one_uniform_for_a_small_batch(log_p, log_q, draw_q, c, n, rng):
    """One uniform number decides for a whole batch. Over many batches the points follow p, and
    still they come in lumps."""
    kept, attempts = [], 0
    while sum(map(len, kept)) < n:
        x = draw_q(2 * n, rng)
        attempts += len(x)
        kept.append(x[rng.random() < np.exp(log_p(x) - log_q(x)) / c])
    points = np.concatenate(kept)
    return points[:n], len(points) / attempts


envelope = Mistakes("sampling.envelope_constant", "test_envelope_constant_is_the_largest_ratio")


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
    at = x[log_p(x).argmax()][None]
    return float(np.exp(log_p(at) - log_q(at))[0])


@envelope
def envelope_as_a_logarithm(log_p, log_q, half_width=6.0):
    """This is the logarithm of the constant."""
    x = mesh_points(half_width)
    return float((log_p(x) - log_q(x)).max())


@envelope
def envelope_on_a_coarse_mesh(log_p, log_q, half_width=6.0):
    """A mesh of a few points steps over the peak of p / q."""
    x = mesh_points(half_width, 8)
    return float(np.exp((log_p(x) - log_q(x)).max()))


envelope_square = Mistakes(
    "sampling.envelope_constant", "test_envelope_constant_stays_in_its_square"
)


@envelope_square
def envelope_on_a_fixed_square(log_p, log_q, half_width=6.0):
    """The mesh always has the same size; the square is an argument."""
    x = mesh_points(6.0)
    return float(np.exp((log_p(x) - log_q(x)).max()))


told_apart = Mistakes("sampling.is_envelope", "test_envelopes_are_told_from_other_constants")


@told_apart
def envelope_taken_for_granted(log_p, log_q, c, half_width=6.0):
    """Every constant is taken for an envelope."""
    return True


@told_apart
def envelope_looked_at_in_the_middle(log_p, log_q, c, half_width=6.0):
    """p <= c q is looked at in one place only. It has to hold everywhere."""
    middle = np.zeros((1, 2))
    return bool(log_p(middle)[0] <= np.log(c) + log_q(middle)[0])


@told_apart
def envelope_from_below(log_p, log_q, c, half_width=6.0):
    """The comparison is the wrong way round: an envelope lies above p."""
    x = mesh_points(half_width)
    return bool((log_p(x) >= np.log(c) + log_q(x)).any())
