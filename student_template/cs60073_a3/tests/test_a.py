"""Part A: what can be worked out by hand."""

import math

import numpy as np
import pytest


@pytest.mark.question("a.1.1")
def test_density_of_a_unit_normal(submission, expect):
    """One component, mean 0, covariance I: log p(x) = -|x|^2 / 2 - log(2 pi)."""
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    found = submission.sampling.mixture_log_density(
        x, np.ones(1), np.zeros((1, 2)), np.eye(2)[None]
    )
    expect.close(found, np.array([0.0, -12.5]) - math.log(2 * math.pi), slack=1e-9)
    expect.shape(found, (2,))


@pytest.mark.question("a.1.1")
def test_two_equal_components_are_one(submission, expect):
    """A mixture of two equal normals is that normal."""
    means, covariances = np.ones((2, 2)), np.stack([np.eye(2)] * 2)
    x = np.array([[1.0, 1.0]])
    found = submission.sampling.mixture_log_density(x, np.array([0.3, 0.7]), means, covariances)
    expect.close(found, np.array([-math.log(2 * math.pi)]), slack=1e-9)


@pytest.mark.question("a.1.2")
def test_mesh_has_the_asked_size(submission, probes, expect):
    """200 by 200 points, from -6 to 6."""
    target = {"weights": [1.0], "centres": [[0.0, 0.0]], "scales": [1.0], "matrix": np.eye(2)}
    found = submission(probes.density_mesh, target=target)
    for name in ("x", "y", "density"):
        expect.shape(found[name], (200, 200), what=name)
    expect.close([np.min(found["x"]), np.max(found["y"])], [-6.0, 6.0], slack=1e-9)


@pytest.mark.question("a.2.1")
def test_proposal_at_the_origin(submission, expect):
    """log q(0) = -log(2 pi sigma^2)."""
    found = submission.sampling.proposal_log_density(np.zeros((1, 2)), 2.5)
    expect.close(found, np.array([-math.log(2 * math.pi * 6.25)]), slack=1e-9)


# A target inside of a proposal that is four times as wide: p / q is largest at the origin, 16.
NARROW = {"weights": [1.0], "centres": [[0.0, 0.0]], "scales": [0.5], "matrix": np.eye(2)}
WIDE = {"weights": [1.0], "centres": [[0.0, 0.0]], "scales": [2.0], "matrix": np.eye(2)}


@pytest.mark.question("a.2.2")
def test_one_in_c_is_accepted(submission, probes, expect):
    """With the envelope constant 16, a sixteenth of the draws is accepted, up to chance."""
    call = submission(probes.rejections, seed=1234, target=NARROW, proposal=WIDE, c=16.0, n=2000)[0]
    expect.shape(call["points"], (2000, 2))
    expect.close(call["rate"], 1 / 16, slack=0.012)


@pytest.mark.question("a.2.3")
def test_largest_ratio_of_two_logistic_densities(submission, probes, expect):
    """At the origin, the ratio of the densities is the square of the ratio of the widths."""
    found = submission(probes.envelope, target=NARROW, proposal=WIDE, half_width=6.0)
    expect.close(found, 16.0, slack=0.17)


@pytest.mark.question("a.3.1")
def test_integrand_by_hand(submission, expect):
    """4 + sin(pi / 2) = 5."""
    expect.close(submission.sampling.integrand(np.array([[2.0, math.pi / 2]])), np.array([5.0]))


@pytest.mark.question("a.3.2")
def test_weights_one_and_three(submission, expect):
    """Weights 1 and 3 on the values 0 and 4: the mean is 3, the variance 3; some corrections of
    its bias make it 6 or 8."""
    log_w, f = np.log([1.0, 3.0]), np.array([0.0, 4.0])
    expect.close(submission.sampling.self_normalized_mean(log_w, f), 3.0)
    found = float(submission.sampling.weighted_variance(log_w, f))
    expect.true(
        min(abs(found - v) for v in (3.0, 6.0, 8.0)) < 1e-6, f"the variance is not 3 but {found}"
    )


@pytest.mark.question("a.3.3")
def test_equal_weights_all_count(submission, expect):
    """Seven equal weights are worth seven draws."""
    expect.close(submission.sampling.effective_sample_size(np.full(7, -3.0)), 7.0, slack=1e-6)


@pytest.mark.question("a.4.1")
def test_chain_has_a_row_for_each_iteration(submission, probes, expect):
    """(n, 2), and a rate between 0 and 1."""
    got = submission(probes.walks, seed=1234, target=WIDE, starts=np.zeros((1, 2)), step=1.0, n=500)
    expect.shape(got["chains"], (1, 500, 2))
    rate = float(np.asarray(got["rates"])[0])
    expect.true(0.5 < rate < 1, f"of small steps most are accepted; the rate is {rate}")


@pytest.mark.question("a.4.2")
def test_nine_thousand_rows_are_kept(submission, probes, expect):
    """Of 50,000 rows, without the first 5,000, every fifth."""
    got = submission(probes.thinned_numbers, n=50_000, burn_in=5_000, every=5)
    expect.shape(got["first"], (9_000,))


@pytest.mark.question("a.4.3")
def test_autocorrelation_of_an_alternating_sequence(submission, expect):
    """1, -1, 1, -1, ... correlates perfectly at even lags, and perfectly badly at odd ones."""
    x = np.tile([1.0, -1.0], 500)
    found = submission.sampling.autocorrelation(x, 4)
    expect.close(found, np.array([1.0, -1.0, 1.0, -1.0, 1.0]), slack=0.006)
    expect.shape(found, (5,))


@pytest.mark.question("a.5.1")
def test_gibbs_chain_has_unit_variances(submission, probes, expect):
    """Both coordinates have variance one, up to chance: 20,000 rows leave about 0.03."""
    got = submission(probes.gibbs_chain, seed=1234, correlation=0.9, x0=np.zeros(2), n=20_000)
    expect.shape(got["chain"], (20_000, 2))
    expect.close(np.var(np.asarray(got["chain"]), axis=0), np.ones(2), slack=0.25)
