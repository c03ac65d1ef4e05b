"""Part A: five ways to reach a distribution that one can evaluate but not draw from.

Everything is in float64. Points are rows: x is (N, D), and D is 2 in the assignment. Functions that
draw get a generator of random numbers, `rng`; they may use it or the functions of `np.random`, and
never set a seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
# Points (N, D) to log-densities (N,), and one point (D,) to one number.
LogDensity = Callable[[Array], Array]

# The settings of part A: the mixture, the proposal and its constant, the two chains.
WEIGHTS = np.array([0.4, 0.35, 0.25])
MEANS = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])
COVARIANCES = np.array(
    [[[1.0, 0.8], [0.8, 1.5]], [[0.6, 0.0], [0.0, 0.6]], [[1.2, -0.6], [-0.6, 1.2]]]
)
SIGMA = 2.5
C = 12.0
STEPS = (0.1, 0.5, 1.5)
CORRELATION = 0.9


# --- 1. the target ----------------------------------------------------------------------------


def mixture_log_density(x: Array, weights: Array, means: Array, covariances: Array) -> Array:
    """log p(x) of a mixture of normals, log sum_k pi_k N(x | mu_k, Sigma_k), in nats.

    Far from all components every term underflows in exp; the result is to be finite there.

    Args:
        x: points, (N, D).
        weights: pi, (K,), positive, of sum one.
        means: mu, (K, D).
        covariances: Sigma, (K, D, D), symmetric and positive definite.

    Returns:
        (N,).

    Example:
        >>> x, means, covariances = np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.eye(2)[None]
        >>> mixture_log_density(x, np.ones(1), means, covariances).round(4)  # -25 / 2 - log(2 pi)
        array([-14.3379])
    """
    raise NotImplementedError("sampling.mixture_log_density is not written yet")


def mesh_density(
    log_density: LogDensity, half_width: float = 6.0, resolution: int = 200
) -> tuple[Array, Array, Array]:
    """A density on a square mesh, ready for a contour plot.

    The mesh has `resolution` values from -half_width to half_width, both included, in x and as
    many in y.

    Args:
        log_density: points (N, 2) to log-densities (N,).
        half_width: of the square.
        resolution: points along a side, R.

    Returns:
        x, y and the density (not its logarithm) at each point of the mesh, (R, R) each. Which axis
        is that of x is up to you, as `np.meshgrid` leaves it.

    Example:
        >>> x, y, density = mesh_density(lambda points: np.zeros(len(points)), 2.0, resolution=5)
        >>> density.shape, float(x.min()), float(y.max()), float(density.max())
        ((5, 5), -2.0, 2.0, 1.0)
    """
    raise NotImplementedError("sampling.mesh_density is not written yet")


# --- 2. rejection sampling --------------------------------------------------------------------


def proposal_log_density(x: Array, sigma: float) -> Array:
    """log q(x) of the proposal N(0, sigma^2 I), in nats.

    Args:
        x: points, (N, D).
        sigma: standard deviation of each coordinate.

    Returns:
        (N,).

    Example:
        >>> proposal_log_density(np.zeros((1, 2)), sigma=2.0).round(4)  # -log(8 pi)
        array([-3.2242])
    """
    raise NotImplementedError("sampling.proposal_log_density is not written yet")


def draw_proposal(n: int, sigma: float, rng: np.random.Generator) -> Array:
    """Independent draws from the proposal N(0, sigma^2 I) in the plane.

    Args:
        n: how many.
        sigma: standard deviation of each coordinate.
        rng: a source of random numbers.

    Returns:
        (n, 2).

    Example:
        >>> draws = draw_proposal(10_000, sigma=2.5, rng=np.random.default_rng(1234))
        >>> draws.shape, round(float(draws.std()), 1)
        ((10000, 2), 2.5)
    """
    raise NotImplementedError("sampling.draw_proposal is not written yet")


def rejection_sampling(
    log_p: LogDensity,
    log_q: LogDensity,
    draw_q: Callable[[int, np.random.Generator], Array],
    c: float,
    n: int,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Draw from q until n points are accepted, each with probability min(1, p(x) / (c q(x))).

    Where c q < p the ratio exceeds one and the point is simply accepted; what is accepted then
    follows min(p, c q) instead of p.

    Args:
        log_p: log-density of the target, (N, 2) to (N,).
        log_q: log-density of the proposal, likewise.
        draw_q: `draw_q(m, rng)` gives m draws from the proposal, (m, 2).
        c: the envelope constant.
        n: how many points to accept.
        rng: a source of random numbers.

    Returns:
        The accepted points, (n, 2), and the acceptance rate, between 0 and 1: accepted over
        attempted, counted either up to the n-th acceptance or over whole batches.

    Example:
        >>> log_p = lambda x: -0.5 * (x**2).sum(axis=1)
        >>> draw_p = lambda m, rng: rng.standard_normal((m, 2))
        >>> rng = np.random.default_rng(1234)
        >>> points, rate = rejection_sampling(log_p, log_p, draw_p, c=2.0, n=5_000, rng=rng)
        >>> points.shape, round(float(rate), 1)
        ((5000, 2), 0.5)
    """
    raise NotImplementedError("sampling.rejection_sampling is not written yet")


def envelope_constant(log_p: LogDensity, log_q: LogDensity, half_width: float = 6.0) -> float:
    """The smallest c with p(x) <= c q(x) on the square |x_i| <= half_width: the largest p / q.

    One per cent is accurate enough.

    Args:
        log_p: log-density of the target, (N, 2) to (N,).
        log_q: log-density of the proposal, likewise.
        half_width: of the square.

    Example:
        >>> log_p, log_q = lambda x: -(x**2).sum(axis=1), lambda x: -0.5 * (x**2).sum(axis=1)
        >>> round(float(envelope_constant(log_p, log_q)), 1)  # the ratio is largest at the origin
        1.0
    """
    raise NotImplementedError("sampling.envelope_constant is not written yet")


def is_envelope(log_p: LogDensity, log_q: LogDensity, c: float, half_width: float = 6.0) -> bool:
    """Whether p(x) <= c q(x) all over the square, so that rejection sampling with c is exact.

    Args:
        log_p, log_q, half_width: as for `envelope_constant`.
        c: the constant in question.

    Example:
        >>> log_p, log_q = lambda x: -(x**2).sum(axis=1), lambda x: -0.5 * (x**2).sum(axis=1)
        >>> is_envelope(log_p, log_q, c=1.5), is_envelope(log_p, log_q, c=0.5)
        (True, False)
    """
    raise NotImplementedError("sampling.is_envelope is not written yet")


# --- 3. importance sampling -------------------------------------------------------------------


def integrand(x: Array) -> Array:
    """f(x) = x_1^2 + sin(x_2) at points (N, 2): (N,).

    Example:
        >>> integrand(np.array([[2.0, np.pi / 2]]))
        array([5.])
    """
    raise NotImplementedError("sampling.integrand is not written yet")


def self_normalized_mean(log_w: Array, f: Array) -> float:
    """sum_i w_i f_i / sum_i w_i, the estimate of E_p[f] from draws of q.

    Args:
        log_w: log p(x_i) - log q(x_i), (N,). A common constant, however large, cancels: p and q may
            lack theirs.
        f: f(x_i), (N,).

    Example:
        >>> round(self_normalized_mean(np.log([1.0, 3.0]), np.array([0.0, 4.0])), 4)
        3.0
    """
    raise NotImplementedError("sampling.self_normalized_mean is not written yet")


def weighted_variance(log_w: Array, f: Array) -> float:
    """The weighted sample variance of f, sum_i w_i (f_i - m)^2 / sum_i w_i; m is the weighted mean.

    It estimates the variance of f(x) under p, not that of the estimate of the mean. A correction of
    its small bias may be applied or not.

    Args:
        log_w: as for `self_normalized_mean`.
        f: f(x_i), (N,).

    Example:
        >>> found = weighted_variance(np.log([1.0, 3.0]), np.array([0.0, 4.0]))
        >>> round(found, 4) in (3.0, 6.0, 8.0)  # without a correction, and with one or the other
        True
    """
    raise NotImplementedError("sampling.weighted_variance is not written yet")


def effective_sample_size(log_w: Array) -> float:
    """How many of N weighted draws count: (sum_i w_i)^2 / sum_i w_i^2, between 1 and N.

    Args:
        log_w: as for `self_normalized_mean`.

    Example:
        >>> round(effective_sample_size(np.full(7, -3.0)), 4)
        7.0
    """
    raise NotImplementedError("sampling.effective_sample_size is not written yet")


# --- 4. Metropolis-Hastings -------------------------------------------------------------------


def metropolis_hastings(
    log_p: LogDensity, x0: Array, step: float, n: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """A random walk that p leaves invariant (Metropolis et al., 1953).

    From x it proposes x' = x + e with e ~ N(0, step^2 I), and moves there with probability
    min(1, p(x') / p(x)); else it stays, and x counts once more.

    Args:
        log_p: log-density of the target up to a constant, (N, D) to (N,) and (D,) to a number.
        x0: the start, (D,).
        step: the standard deviation of a step in each coordinate.
        n: how many iterations.
        rng: a source of random numbers.

    Returns:
        The chain, (n, D), and the share of the proposals that were accepted, between 0 and 1.
        Burn-in is not taken off here. The first row is the state after the first iteration; it
        may be `x0` instead.

    Example:
        >>> flat = lambda x: 0.0 * x.sum(axis=-1)  # every proposal is accepted
        >>> rng = np.random.default_rng(1234)
        >>> chain, rate = metropolis_hastings(flat, np.zeros(2), step=0.5, n=100, rng=rng)
        >>> chain.shape, float(rate)
        ((100, 2), 1.0)
    """
    raise NotImplementedError("sampling.metropolis_hastings is not written yet")


def thin(chain: Array, burn_in: int, every: int) -> Array:
    """Take off the first `burn_in` rows, and keep one row in `every` of the rest.

    Args:
        chain: (n, D).
        burn_in: how many iterations to forget.
        every: 1 keeps all.

    Returns:
        The rows that stay, in their order. Which one of the first `every` rows after the burn-in
        is the first to stay is up to you.

    Example:
        >>> thin(np.zeros((10, 2)), burn_in=4, every=3).shape
        (2, 2)
    """
    raise NotImplementedError("sampling.thin is not written yet")


def autocorrelation(x: Array, max_lag: int = 50) -> Array:
    """rho(k) = Cov(x_t, x_{t+k}) / Var(x_t) for k = 0, ..., max_lag.

    The sum over t of a lag has N - k terms; it may be divided by N or by N - k.

    Args:
        x: a sequence, (N,) with N > max_lag, that is not constant.
        max_lag: the largest lag.

    Returns:
        (max_lag + 1,); the first value is 1.

    Example:
        >>> autocorrelation(np.tile([1.0, -1.0], 500), max_lag=2).round(2)
        array([ 1., -1.,  1.])
    """
    raise NotImplementedError("sampling.autocorrelation is not written yet")


# --- 5. Gibbs sampling ------------------------------------------------------------------------


def gibbs_sampling(correlation: float, x0: Array, n: int, rng: np.random.Generator) -> Array:
    """Gibbs sampling of a normal of two coordinates with mean 0, variances 1 and a correlation.

    x_1 | x_2 ~ N(r x_2, 1 - r^2), where 1 - r^2 is a variance, and likewise the other way round
    (Geman and Geman, 1984). An iteration draws both coordinates, one after the other, each given
    the newest value of the other.

    Args:
        correlation: r, between -1 and 1.
        x0: the start, (2,).
        n: how many iterations.
        rng: a source of random numbers.

    Returns:
        The chain, (n, 2), without taking off any burn-in. The first row is the state after the
        first iteration; it may be `x0` instead.

    Example:
        >>> chain = gibbs_sampling(0.9, np.zeros(2), 10_000, np.random.default_rng(1234))
        >>> chain.shape, chain.std(axis=0).round().tolist()
        ((10000, 2), [1.0, 1.0])
    """
    raise NotImplementedError("sampling.gibbs_sampling is not written yet")
