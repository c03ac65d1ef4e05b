"""The runs of part A, as they execute behind the wall with the submission's functions.

A run is a generator: it yields the number of steps made so far after each of them, and returns
what it leaves. A run draws all its random numbers from the global sources, which are seeded before
it starts, or from a generator that is seeded from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Training = Generator[int, None, dict[str, Any]]
Array = npt.NDArray[np.float64]

# The settings of the text. Each sampler gets the right densities, whatever the submission's own
# are: those have a run to themselves.

WEIGHTS = np.array([0.4, 0.35, 0.25])
MEANS = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])
COVARIANCES = np.array(
    [[[1.0, 0.8], [0.8, 1.5]], [[0.6, 0.0], [0.0, 0.6]], [[1.2, -0.6], [-0.6, 1.2]]]
)
SIGMA = 2.5
C = 12.0
CORRELATION = 0.9
MAX_LAG = 50
# Beyond this an envelope of a submission's own is not tried: it would take for ever.
LARGEST_ENVELOPE = 100.0


def _log_p(x: Any) -> Any:
    """The mixture's log-density at points (..., 2)."""
    d = np.asarray(x, dtype=np.float64)[..., None, :] - MEANS  # (..., K, 2)
    terms = _LEVELS - 0.5 * (d * np.einsum("kij,...kj->...ki", _PRECISIONS, d)).sum(-1)
    top = terms.max(-1)
    return top + np.log(np.exp(terms - top[..., None]).sum(-1))


_PRECISIONS = np.linalg.inv(COVARIANCES)
_LEVELS = np.log(WEIGHTS) - 0.5 * np.log(np.linalg.det(2 * np.pi * COVARIANCES))


def _log_q(x: Any) -> Any:
    """The proposal's log-density at points (..., 2)."""
    square = (np.asarray(x, dtype=np.float64) ** 2).sum(-1)
    return -0.5 * square / SIGMA**2 - math.log(2 * math.pi * SIGMA**2)


def _draw_q(n: int, rng: Any) -> Array:
    source = rng if isinstance(rng, np.random.Generator) else np.random
    return np.asarray(SIGMA * source.standard_normal((n, 2)))


def _generator() -> np.random.Generator:
    return np.random.default_rng(np.random.randint(2**31))


def _attempt(what: str, function: Callable[[], Any]) -> Array:
    """What a function gives, as an array; empty where it fails, so that it costs its own figure."""
    try:
        return np.asarray(function(), dtype=np.float64)
    except Exception as error:
        print(f"no {what}: {type(error).__name__}: {error}")
        return np.empty(0)


def target(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """The submission's density on the mesh; on a mesh of ours where it has none."""

    def log_density(x: Array) -> Any:
        return impl.sampling.mixture_log_density(x, WEIGHTS, MEANS, COVARIANCES)

    try:
        x, y, density = impl.sampling.mesh_density(log_density)
    except Exception as error:
        print(f"no mesh: {type(error).__name__}: {error}")
        axis = np.linspace(-6.0, 6.0, 200)
        x, y = np.meshgrid(axis, axis)
        density = np.exp(log_density(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)
    yield 1
    return {"arrays": {"x": x, "y": y, "density": density}}


def rejection(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """Rejection sampling with c = 12, and once more with the submission's own envelope.

    What was drawn with c = 12 is left too: the rate is a count of it.
    """
    rng, n = _generator(), settings["accepted"]
    drawn: list[Array] = []

    def draw_q(count: int, source: Any) -> Array:
        drawn.append(_draw_q(count, source))
        return drawn[-1].copy()

    points, rate = impl.sampling.rejection_sampling(_log_p, _log_q, draw_q, C, n, rng)
    arrays = {
        "points": np.asarray(points, dtype=np.float64),
        "acceptance_rate": np.asarray(rate, dtype=np.float64),
    }
    if drawn:
        arrays["proposals"] = np.concatenate(drawn)
    yield 1
    own = _attempt("envelope", lambda: impl.sampling.envelope_constant(_log_p, _log_q))
    arrays["envelope"] = own
    if own.size == 1 and 1 <= own.item() <= LARGEST_ENVELOPE:
        points, rate = impl.sampling.rejection_sampling(_log_p, _log_q, _draw_q, own.item(), n, rng)
        arrays["enveloped_points"] = np.asarray(points, dtype=np.float64)
        arrays["enveloped_rate"] = np.asarray(rate, dtype=np.float64)
    yield 2
    return {"arrays": arrays}


def importance(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """Mean, variance and effective sample size from weighted draws of the proposal."""
    sampling, x = impl.sampling, _draw_q(settings["draws"], _generator())
    log_w = _log_p(x) - _log_q(x)
    right = x[:, 0] ** 2 + np.sin(x[:, 1])
    arrays = {
        "x": x,
        "f": _attempt("integrand", lambda: sampling.integrand(x.copy())),
        "mean": _attempt("mean", lambda: sampling.self_normalized_mean(log_w.copy(), right)),
        "variance": _attempt("variance", lambda: sampling.weighted_variance(log_w.copy(), right)),
        "effective_sample_size": _attempt(
            "effective sample size", lambda: sampling.effective_sample_size(log_w.copy())
        ),
    }
    yield 1
    return {"arrays": arrays}


def metropolis(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """A chain with the step size that the case names, what is kept of it, its autocorrelation."""
    step, n = float(case.removeprefix("s")), settings["iterations"]
    chain, rate = impl.sampling.metropolis_hastings(_log_p, np.zeros(2), step, n, _generator())
    yield 1
    arrays = {"acceptance_rate": np.asarray(rate, dtype=np.float64)}
    arrays.update(_chain_arrays(impl, chain, settings))
    yield 2
    return {"arrays": arrays}


def gibbs(impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]) -> Training:
    """A chain of the correlated normal, what is kept of it, its autocorrelation."""
    n = settings["iterations"]
    chain = impl.sampling.gibbs_sampling(CORRELATION, np.zeros(2), n, _generator())
    yield 1
    arrays = _chain_arrays(impl, chain, settings)
    yield 2
    return {"arrays": arrays}


def _chain_arrays(impl: Any, chain: Any, settings: Any) -> dict[str, Array]:
    chain = np.asarray(chain, dtype=np.float64)
    burn_in, every = settings["burn_in"], settings["thin"]
    return {
        "chain": chain,
        "kept": _attempt("thinned chain", lambda: impl.sampling.thin(chain, burn_in, every)),
        "autocorrelation": _attempt(
            "autocorrelation", lambda: impl.sampling.autocorrelation(chain[burn_in:, 0], MAX_LAG)
        ),
    }
