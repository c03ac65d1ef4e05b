"""Part A: what drives samplers. Its density is deliberately another one than the assignment's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from driving import find, made, plain

Array = npt.NDArray[np.float64]


class LogisticMixture:
    """A density on the plane that is none of the assignment's: x = A y, y a mixture of logistics.

    Given its component, y has independent coordinates with logistic distributions.

    Args:
        weights: (K,), of sum one.
        centres: (K, 2), of y.
        scales: (K,), of y.
        matrix: A, (2, 2).
        offset: what is added to the log-density, as if the constant were unknown.
    """

    def __init__(
        self, weights: Any, centres: Any, scales: Any, matrix: Any, offset: float = 0.0
    ) -> None:
        self.weights, self.centres, self.scales, self.matrix = (
            np.asarray(a, dtype=np.float64) for a in (weights, centres, scales, matrix)
        )
        self._inverse = np.linalg.inv(self.matrix)
        self._shares = np.cumsum(self.weights)[:-1]
        # One row per component and coordinate: the exponents of the logistic densities.
        self._level = np.log(self.weights) - 2 * np.log(self.scales)
        self._level += offset - np.log(abs(np.linalg.det(self.matrix)))

    def log_density(self, x: Any) -> Any:
        """Points (..., 2) to log-densities (...)."""
        y = np.asarray(x, dtype=np.float64) @ self._inverse.T
        z = np.abs(y[..., None, :] - self.centres) / self.scales[:, None]  # (..., K, 2)
        terms = self._level - (z + 2 * np.log1p(np.exp(-z))).sum(-1)
        top = terms.max(-1)
        return top + np.log(np.exp(terms - top[..., None]).sum(-1))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Independent draws, (n, 2)."""
        which = np.searchsorted(self._shares, rng.random(n))
        y = self.centres[which] + self.scales[which, None] * rng.logistic(size=(n, 2))
        return np.asarray(y @ self.matrix.T)


def sampled(impl: Any, *, function: str, args: list[Any], several: int = 1) -> dict[str, Any]:
    """Call a function once, or once for each of several values of an argument.

    Args:
        function: its dotted name, e.g. `sampling.thin`.
        args: of the call. Dicts are replaced: `{"log_density": ...}` and `{"draws": ...}` by these
            methods of a `LogisticMixture` with the arguments given there, `{"seed": 5}` by a
            generator, which all calls share, and `{"each": values}` by one of the values a call.
        several: how many results a call has.

    Returns:
        result: of a single call, or those of all calls, as one array where they have one shape;
            where a call has several, a list of as many.
        drawn: all that a call got from `draws`, by the call.
        args: as they are after the last call.
    """
    calls = max([len(a["each"]) for a in args if _stands_for("each", a)], default=1)
    given = [_made(impl, a) for a in args]
    results: list[list[Any]] = []
    drawn = []
    for number in range(calls):
        now = [
            copy.copy(a["each"][number]) if _stands_for("each", a) else g
            for a, g in zip(args, given, strict=True)
        ]
        found = find(impl, function)(*now)
        results.append([_rows(f) for f in (found if several > 1 else [found])])
        for draws in [g for g in given if isinstance(g, _Recorded)]:
            drawn.append(np.concatenate(draws.drawn))
            draws.drawn = []
    together = [_together(list(one)) for one in zip(*results, strict=True)]
    return {
        "result": together if several > 1 else together[0],
        "drawn": drawn,
        "args": [plain(a) for a in now],
    }


class _Recorded:
    """Draws of a mixture, which are kept."""

    def __init__(self, mixture: LogisticMixture) -> None:
        self._mixture = mixture
        self.drawn: list[Array] = []

    def __call__(self, m: int, source: Any = None) -> Array:
        # The global source is seeded as well, for a caller that hands over something else.
        if not isinstance(source, np.random.Generator):
            source = np.random.default_rng(np.random.randint(2**31))
        x = self._mixture.draw(m, source)
        self.drawn.append(x.copy())
        return x


def _stands_for(what: str, argument: Any) -> bool:
    return isinstance(argument, dict) and what in argument


def _made(impl: Any, argument: Any) -> Any:
    if _stands_for("log_density", argument):
        return LogisticMixture(**argument["log_density"]).log_density
    if _stands_for("draws", argument):
        return _Recorded(LogisticMixture(**argument["draws"]))
    return made(impl, argument)


def _together(results: list[Any]) -> Any:
    """Results of one shape as one array; the result of a single call by itself."""
    if len(results) == 1:
        return plain(results[0])
    shapes = {np.shape(r) for r in results}
    return plain(np.stack(results) if len(shapes) == 1 else results)


def _rows(result: Any) -> Any:
    """An array where it comes as a list of rows, which is as right."""
    if not isinstance(result, list | tuple):
        return result
    try:
        return np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError):
        return result
