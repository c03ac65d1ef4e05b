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
    """
    ### BEGIN SOLUTION
    # log N(x | mu, Sigma) = -1/2 (D log 2 pi + log det Sigma + (x - mu)^T Sigma^-1 (x - mu)):
    # Bishop, equations 2.43 and 2.188.
    terms = []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        # Sigma = L L^T, so the squared Mahalanobis distance is |L^-1 (x - mu)|^2 and
        # log det Sigma is twice the sum of the logarithms of L's diagonal.
        factor = np.linalg.cholesky(covariance)
        white = np.linalg.solve(factor, (x - mean).T)  # (D, N)
        log_det = 2 * np.log(np.diag(factor)).sum()
        constant = len(mean) * np.log(2 * np.pi) + log_det
        terms.append(np.log(weight) - 0.5 * ((white**2).sum(axis=0) + constant))
    stacked = np.stack(terms)  # (K, N)
    largest = stacked.max(axis=0)
    return largest + np.log(np.exp(stacked - largest).sum(axis=0))
    ### END SOLUTION


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
    """
    ### BEGIN SOLUTION
    axis = np.linspace(-half_width, half_width, resolution)
    x, y = np.meshgrid(axis, axis)
    points = np.column_stack([x.ravel(), y.ravel()])  # (R * R, 2)
    return x, y, np.exp(log_density(points)).reshape(x.shape)
    ### END SOLUTION


# --- 2. rejection sampling --------------------------------------------------------------------


def proposal_log_density(x: Array, sigma: float) -> Array:
    """log q(x) of the proposal N(0, sigma^2 I), in nats.

    Args:
        x: points, (N, D).
        sigma: standard deviation of each coordinate.

    Returns:
        (N,).
    """
    ### BEGIN SOLUTION
    # log N(x | 0, sigma^2 I) = -1/2 (|x|^2 / sigma^2 + D log(2 pi sigma^2)).
    dimensions = x.shape[1]
    constant = dimensions * np.log(2 * np.pi * sigma**2)
    return -0.5 * ((x**2).sum(axis=1) / sigma**2 + constant)
    ### END SOLUTION


def draw_proposal(n: int, sigma: float, rng: np.random.Generator) -> Array:
    """Independent draws from the proposal N(0, sigma^2 I) in the plane.

    Args:
        n: how many.
        sigma: standard deviation of each coordinate.
        rng: a source of random numbers.

    Returns:
        (n, 2).
    """
    ### BEGIN SOLUTION
    return sigma * rng.standard_normal((n, 2))
    ### END SOLUTION


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
    """
    ### BEGIN SOLUTION
    # Accept x ~ q where u < p(x) / (c q(x)), with u from U(0, 1): Bishop, section 11.1.2.
    points, accepted, found = [], [], 0
    while found < n:
        x = draw_q(n, rng)
        log_ratio = log_p(x) - log_q(x) - np.log(c)
        accept = rng.random(len(x)) < np.exp(np.minimum(log_ratio, 0.0))
        points.append(x[accept])
        accepted.append(accept)
        found += accept.sum()
    # What lies behind the n-th acceptance was never attempted.
    attempts = int(np.flatnonzero(np.concatenate(accepted))[n - 1]) + 1
    return np.concatenate(points)[:n], n / attempts
    ### END SOLUTION


def envelope_constant(log_p: LogDensity, log_q: LogDensity, half_width: float = 6.0) -> float:
    """The smallest c with p(x) <= c q(x) on the square |x_i| <= half_width: the largest p / q.

    One per cent is accurate enough.

    Args:
        log_p: log-density of the target, (N, 2) to (N,).
        log_q: log-density of the proposal, likewise.
        half_width: of the square.
    """
    ### BEGIN SOLUTION
    centre, reach = np.zeros(2), half_width
    offsets = np.linspace(-1.0, 1.0, 201)
    square = np.column_stack([g.ravel() for g in np.meshgrid(offsets, offsets)])
    best = -np.inf
    # A mesh over the whole square, then ever finer ones around its largest value.
    while reach > 1e-6:
        x = np.clip(centre + reach * square, -half_width, half_width)
        log_ratio = log_p(x) - log_q(x)
        centre, best = x[log_ratio.argmax()], log_ratio.max()
        reach /= 20
    return float(np.exp(best))
    ### END SOLUTION


def is_envelope(log_p: LogDensity, log_q: LogDensity, c: float, half_width: float = 6.0) -> bool:
    """Whether p(x) <= c q(x) all over the square, so that rejection sampling with c is exact.

    Args:
        log_p, log_q, half_width: as for `envelope_constant`.
        c: the constant in question.
    """
    ### BEGIN SOLUTION
    return bool(c >= envelope_constant(log_p, log_q, half_width))
    ### END SOLUTION


# --- 3. importance sampling -------------------------------------------------------------------


def integrand(x: Array) -> Array:
    """f(x) = x_1^2 + sin(x_2) at points (N, 2): (N,)."""
    ### BEGIN SOLUTION
    return x[:, 0] ** 2 + np.sin(x[:, 1])
    ### END SOLUTION


def self_normalized_mean(log_w: Array, f: Array) -> float:
    """sum_i w_i f_i / sum_i w_i, the estimate of E_p[f] from draws of q.

    Args:
        log_w: log p(x_i) - log q(x_i), (N,). A common constant, however large, cancels: p and q may
            lack theirs.
        f: f(x_i), (N,).
    """
    ### BEGIN SOLUTION
    w = np.exp(log_w - log_w.max())
    return float((w * f).sum() / w.sum())
    ### END SOLUTION


def weighted_variance(log_w: Array, f: Array) -> float:
    """The weighted sample variance of f, sum_i w_i (f_i - m)^2 / sum_i w_i; m is the weighted mean.

    It estimates the variance of f(x) under p, not that of the estimate of the mean. A correction of
    its small bias may be applied or not.

    Args:
        log_w: as for `self_normalized_mean`.
        f: f(x_i), (N,).
    """
    ### BEGIN SOLUTION
    w = np.exp(log_w - log_w.max())
    w = w / w.sum()
    mean = (w * f).sum()
    return float((w * (f - mean) ** 2).sum())
    ### END SOLUTION


def effective_sample_size(log_w: Array) -> float:
    """How many of N weighted draws count: (sum_i w_i)^2 / sum_i w_i^2, between 1 and N.

    Args:
        log_w: as for `self_normalized_mean`.
    """
    ### BEGIN SOLUTION
    w = np.exp(log_w - log_w.max())
    return float(w.sum() ** 2 / (w**2).sum())
    ### END SOLUTION


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
    """
    ### BEGIN SOLUTION
    x = np.array(x0, dtype=np.float64)
    here = log_p(x)
    chain = np.empty((n, len(x)))
    accepted = 0
    for i in range(n):
        candidate = x + step * rng.standard_normal(len(x))
        there = log_p(candidate)
        if np.log(rng.random()) < there - here:
            x, here = candidate, there
            accepted += 1
        chain[i] = x
    return chain, accepted / n
    ### END SOLUTION


def thin(chain: Array, burn_in: int, every: int) -> Array:
    """Take off the first `burn_in` rows, and keep one row in `every` of the rest.

    Args:
        chain: (n, D).
        burn_in: how many iterations to forget.
        every: 1 keeps all.

    Returns:
        The rows that stay, in their order. Which one of the first `every` rows after the burn-in
        is the first to stay is up to you.
    """
    ### BEGIN SOLUTION
    return chain[burn_in::every]
    ### END SOLUTION


def autocorrelation(x: Array, max_lag: int = 50) -> Array:
    """rho(k) = Cov(x_t, x_{t+k}) / Var(x_t) for k = 0, ..., max_lag.

    The sum over t of a lag has N - k terms; it may be divided by N or by N - k.

    Args:
        x: a sequence, (N,) with N > max_lag, that is not constant.
        max_lag: the largest lag.

    Returns:
        (max_lag + 1,); the first value is 1.
    """
    ### BEGIN SOLUTION
    centred = x - x.mean()
    n = len(x)
    products = [(centred[: n - k] * centred[k:]).sum() for k in range(max_lag + 1)]
    return np.array(products) / products[0]
    ### END SOLUTION


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
    """
    ### BEGIN SOLUTION
    sd = np.sqrt(1 - correlation**2)
    _, second = x0
    chain = np.empty((n, 2))
    for i, (e1, e2) in enumerate(sd * rng.standard_normal((n, 2))):
        first = correlation * second + e1
        second = correlation * first + e2
        chain[i] = first, second
    return chain
    ### END SOLUTION
