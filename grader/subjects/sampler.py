"""Samplers of a density in the plane: rejection, importance, random walks and Gibbs.

Most figures are distances from the truth in standard errors: the same bound then serves every
size of a run. The note beside each has the figure itself and the true one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grader import pictures
from grader.measures.artefacts import ArtefactError
from grader.measures.chains import autocorrelation, autocorrelation_time, random_walk_acceptance
from grader.measures.estimate import Estimate, MeasureError, finite
from grader.measures.plane import NormalMixture, Square, largest_ratio, projected_cdf
from grader.runs.left import Left
from grader.runs.measured import Drawing

ERRORS = "standard errors"
# Beyond this half width the densities of a usual text are below 1e-8 of what they are at their
# tops; the integrals go so far, on a grid of so many cells per dimension.
WIDE, CELLS = 14.0, 400
# States of a chain at which the chance of accepting the next proposal is computed.
STATES = 5000
# A count that was divided in single precision is whole to within this much, and one that follows
# from the draws is within so many standard deviations.
WHOLE, MOST_ERRORS = 1e-2, 5.5
TRACE = "the first coordinate of the chain over its iterations"


def points(left: Left, name: str, chain: bool = False) -> Any:
    """Points (N, 2); of a chain, as many as there are iterations, or one more for the start.

    Raises:
        ArtefactError: they are missing, of another shape, or of another number.
    """
    array = left.array(name)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 2:
        raise ArtefactError(f"{name!r} has shape {array.shape}; points (N, 2) are asked for")
    if chain:
        wanted = left.setting("iterations")
        if len(array) not in (wanted, wanted + 1, wanted + left.setting("burn_in")):
            raise ArtefactError(f"the chain has {len(array)} rows; {wanted} are asked for")
    return array


def follows(rate: float, accepted: int, tried: int, drawn: int) -> bool:
    """Whether an acceptance rate follows from the counts.

    It is accepted / tried, give or take a draw, or that of whole batches: then it says how many of
    the draws behind the last point were accepted too, a whole number that is binomial.

    Args:
        rate: as it was reported.
        accepted: points.
        tried: draws up to the last of them.
        drawn: all draws.
    """
    share = accepted / tried
    if abs(rate - share) <= 2 * share / tried:
        return True
    more, rest = rate * drawn - accepted, drawn - tried
    if rest == 0 or abs(more - round(more)) > WHOLE:
        return False
    spread = math.sqrt(rest * share * (1 - share))
    return abs(more - rest * share) <= MOST_ERRORS * spread


class Target:
    """What samplers draw from, and what is true of it.

    Args:
        p: the density.
        q: the proposal's, also normalised.
        f: the integrand, points (N, 2) to (N,).
        half_width: of the square over which the text draws the density.
        resolution: points of that mesh per dimension.
    """

    def __init__(
        self,
        p: NormalMixture,
        q: NormalMixture,
        f: Callable[[Any], Any],
        half_width: float,
        resolution: int,
    ) -> None:
        self.p, self.q, self.f = p, q, f
        self.half_width, self.resolution = half_width, resolution
        self._acceptance: dict[float, float] = {}

    @functools.cached_property
    def square(self) -> Square:
        """The grid of the integrals."""
        return Square(WIDE, CELLS)

    @functools.cached_property
    def on_square(self) -> tuple[Any, Any]:
        """p and q at the points of the square."""
        at = self.square.points
        return np.exp(self.p.log_density(at)), np.exp(self.q.log_density(at))

    @functools.cached_property
    def mesh(self) -> Any:
        """p on the mesh of the text, the first index being that of x."""
        axis = np.linspace(-self.half_width, self.half_width, self.resolution)
        at = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.exp(self.p.log_density(at)).reshape(self.resolution, self.resolution)

    @functools.cached_property
    def envelope(self) -> float:
        """The largest p / q."""
        return largest_ratio(self.p.log_density, self.q.log_density, self.half_width)[0]

    @functools.cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and variance of f under p."""
        square, (p, _) = self.square, self.on_square
        f = self.f(square.points)
        mean = square.integral(p * f)
        return mean, square.integral(p * (f - mean) ** 2)

    def over_contour(self, name: str, title: str, points: Any) -> Drawing:
        """Points (N, 2) over contour lines of the density."""
        png = pictures.contours(self.mesh, self.half_width, title=title, points=points)
        words = "points of the plane over contour lines of the true density"
        return Drawing(name, title, png, words)

    # --- the density itself -----------------------------------------------------------------------

    def density_error(self, x: Any, y: Any, density: Any) -> Estimate:
        """The largest error of a density on a mesh, three tables, as a share of its top."""
        at = np.column_stack([x.ravel(), y.ravel()])
        right = np.exp(self.p.log_density(finite(at, "points of the mesh")))
        gap = np.abs(finite(density.ravel(), "values of the density") - right)
        return Estimate(float(gap.max() / self.mesh.max()), 0.0, gap.size, "")

    # --- rejection --------------------------------------------------------------------------------

    def rate_off(self, rate: float, c: float, n: int, words: str) -> Estimate:
        """The acceptance rate less the true one, in standard errors of n acceptances."""
        p, q = self.on_square
        true = self.square.integral(np.minimum(p / c, q))
        error = true * math.sqrt((1 - true) / n)
        note = f"{rate:.4f}; true {true:.4f}; {words}"
        return Estimate((rate - true) / error, 0.0, n, ERRORS, note)

    def counted_rate(
        self, rate: float, c: float, points: Any, proposals: Any, words: str
    ) -> Estimate:
        """As `rate_off`, of a rate that was counted: it follows from the proposals.

        Args:
            rate: the acceptance rate, as it was reported.
            c: the constant.
            points: the accepted ones, (N, 2).
            proposals: (P, 2), all draws of the proposal in their order.
            words: for the note.

        Raises:
            MeasureError: so many of the proposals were not accepted, neither up to the last of
                the points nor of all.
        """
        places = {row.tobytes(): place for place, row in enumerate(proposals)}
        found = [places[row.tobytes()] for row in points if row.tobytes() in places]
        # Points that were computed in another precision are not found again.
        if len(found) == len(points):
            tried = max(found) + 1
            if not follows(rate, len(points), tried, len(proposals)):
                raise MeasureError(
                    f"the acceptance rate is reported as {rate:.5g}; {len(points)} points were "
                    f"accepted of {tried} draws, a share of {len(points) / tried:.5g}"
                )
        return self.rate_off(rate, c, len(points), words)

    def distance(self, points: Any, c: float) -> Estimate:
        """The largest distance between distribution functions along three axes, times sqrt(n).

        Accepted points have the density min(p, c q), whether c is an envelope or not.
        """

        def accepted(x: Any) -> Any:
            return np.minimum(np.exp(self.p.log_density(x)), c * np.exp(self.q.log_density(x)))

        n = len(points)
        finite(points, "accepted points")
        largest = 0.0
        for direction in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
            u = np.sort(projected_cdf(accepted, direction, WIDE, CELLS)(points))
            steps = np.arange(n + 1) / n
            largest = max(largest, np.abs(u - steps[1:]).max(), np.abs(u - steps[:-1]).max())
        words = f"largest distance {largest:.4f} from min(p, {c:.5g} q), n = {n}"
        return Estimate(float(largest * math.sqrt(n)), 0.0, n, "", words)

    def bias(self, points: Any, c: float) -> Estimate:
        """The mean of f over accepted points, less that of what c lets through."""
        square, (p, q) = self.square, self.on_square
        kept = np.minimum(p, c * q)
        f = self.f(square.points)
        expected = square.integral(kept * f) / square.integral(kept)
        values = self.f(finite(points, "accepted points"))
        error = float(values.std(ddof=1)) / math.sqrt(len(values))
        if not error > 0:
            raise MeasureError("all accepted points are the same")
        return Estimate(
            (float(values.mean()) - expected) / error,
            0.0,
            len(values),
            ERRORS,
            f"{values.mean():.4f}; accepted points have {expected:.4f} on average, "
            f"the target has {self.moments[0]:.4f}",
        )

    def envelope_share(self, own: float, note: str) -> Estimate:
        """An envelope constant over the largest p / q."""
        words = f"{own:.5g}; the largest p / q is {self.envelope:.5g}, {note}"
        return Estimate(own / self.envelope, 0.0, 1, "", words)

    # --- importance -------------------------------------------------------------------------------

    def weights(self, x: Any) -> Any:
        """p / q at draws (N, 2) of the proposal."""
        return np.exp(self.p.log_density(x) - self.q.log_density(x))

    def importance_truth(self, x: Any) -> dict[str, tuple[float, float]]:
        """What estimates from draws (N, 2) of the proposal should be, and their standard errors.

        These are by the delta method, of ratios of means: `mean`, `variance` of f, and
        `effective_sample_size`.
        """
        raw, f, n = self.weights(x), self.f(x), len(x)
        w = raw / raw.sum()
        (mean, variance), (p, q) = self.moments, self.on_square
        share = 1 / self.square.integral(p**2 / q)
        own_mean = w @ f
        own_variance = w @ (f - own_mean) ** 2
        first, second = raw.mean(), (raw**2).mean()
        slopes = 2 * first / second * (raw - first) - first**2 / second**2 * (raw**2 - second)
        return {
            "mean": (mean, math.sqrt(w**2 @ (f - own_mean) ** 2)),
            "variance": (variance, math.sqrt(w**2 @ ((f - own_mean) ** 2 - own_variance) ** 2)),
            "effective_sample_size": (share * n, n * float(slopes.std()) / math.sqrt(n)),
        }

    # --- random walks -----------------------------------------------------------------------------

    def acceptance(self, step: float) -> float:
        """How much of its proposals a random walk accepts in the long run."""
        if step not in self._acceptance:
            square = Square(9.0, 110)
            chances = random_walk_acceptance(self.p.log_density, square.points, step)
            values = chances * np.exp(self.p.log_density(square.points))
            self._acceptance[step] = square.integral(values)
        return self._acceptance[step]

    def accepts(self, chain: Any, step: float) -> Estimate:
        """Moves of a random walk, less what the states that it visited demand.

        Given where the chain is, each move is a trial of its own, however slowly the chain mixes.
        """
        moved = (chain[1:] != chain[:-1]).any(axis=1)
        n = len(moved)
        at = np.unique(np.linspace(0, n - 1, min(n, STATES)).astype(int))
        states = finite(chain[at], "states of the chain")
        chances = random_walk_acceptance(self.p.log_density, states, step)
        error = math.sqrt(float((chances * (1 - chances)).sum()))
        z = float((moved[at] - chances).sum()) / error
        words = f"{moved[at].mean():.4f} of the proposals; {chances.mean():.4f} expected there"
        return Estimate(z, 0.0, len(at), ERRORS, words)

    def chain_mean(self, kept: Any, n: int) -> Estimate:
        """The mean of f over a chain, less the true one.

        Args:
            kept: states after the burn-in, (K, 2).
            n: moves of the whole chain.
        """
        values = self.f(finite(kept, "states of the chain"))
        time = autocorrelation_time(values)
        error = float(values.std()) * math.sqrt(time / len(values))
        true = self.moments[0]
        words = f"{values.mean():.4f}; true {true:.4f} ± {error:.2g}; one draw in {time:.0f} counts"
        return Estimate((float(values.mean()) - true) / error, 0.0, n, ERRORS, words)


def off(found: float, true: float, n: int, words: str) -> Estimate:
    """A number that was reported, less the true one."""
    return Estimate(found - true, 0.0, n, "", f"{found:.4f}; {words} {true:.4f}")


def own_autocorrelation(left: Left, kept: Any, max_lag: int) -> Estimate:
    """The largest distance between the submission's autocorrelation and ours of the same chain.

    Sums over N and over N - k are both right, and so is the thinned chain in a run handed in.

    Raises:
        ArtefactError, MeasureError: there is none, or it has another length.
    """
    own = finite(np.ravel(left.array("autocorrelation")), "autocorrelations")
    if own.shape != (max_lag + 1,):
        raise MeasureError(f"there are {own.size} autocorrelations; {max_lag + 1} were asked for")
    x = finite(kept[:, 0], "states of the chain")
    gaps = [
        float(np.abs(own - autocorrelation(part, max_lag, unbiased=unbiased)).max())
        for part in (x, x[::5])
        for unbiased in (False, True)
    ]
    return Estimate(min(gaps), 0.0, len(x), "")


def trace(chain: Any, title: str) -> Drawing:
    """The first coordinate of a chain (N, 2) over its iterations."""
    columns = {"iteration": np.arange(1, len(chain) + 1), "x1": chain[:, 0]}
    png = pictures.curve(columns, x="iteration", ys=["x1"], title=title, ylabel="x₁")
    return Drawing("trace", title, png, TRACE)


def autocorrelation_drawing(
    kept: Any, max_lag: int, title: str, right: Any = None
) -> tuple[Drawing, ...]:
    """The autocorrelation of the first coordinate, beside the right one; none of a still chain."""
    try:
        found = autocorrelation(finite(kept[:, 0], "states of the chain"), max_lag)
    except MeasureError:
        return ()
    columns = {"lag": np.arange(max_lag + 1), "of the chain": found}
    if right is not None:
        columns["in the long run"] = right
    ys = list(columns)[1:]
    png = pictures.curve(columns, x="lag", ys=ys, title=title, ylabel="ρ(k)")
    words = f"autocorrelation of the first coordinate for lags from 0 to {max_lag}"
    return (Drawing("autocorrelation", title, png, words),)


class Gibbs:
    """A Gibbs chain of a normal in the plane with unit variances.

    Args:
        chain: (N, 2), finite.
        correlation: r of the normal.
        max_lag: of autocorrelations.

    Attributes:
        reading: what an iteration draws, as the chain shows.
        autocorrelation: (max_lag + 1,), rho(k) of x_1 in the long run in that reading.
    """

    def __init__(self, chain: Any, correlation: float, max_lag: int) -> None:
        self._r = correlation
        self._noise, self.reading = self._noise_of(finite(chain, "states of the chain"))
        self.autocorrelation = self._in_the_long_run(max_lag)

    def conditional_variance(self) -> Estimate:
        """The variance of a draw given the other coordinate, less the true one.

        Raises:
            MeasureError: the chain never moves.
        """
        if len(self._noise) < 2:
            raise MeasureError("the chain never moves")
        true = 1 - self._r**2
        found, error = float(self._noise.var(ddof=1)), true * math.sqrt(2 / len(self._noise))
        words = f"{found:.4f}; true {true:.4f}; an iteration draws {self.reading}"
        return Estimate((found - true) / error, 0.0, len(self._noise), ERRORS, words)

    def memory(self, kept: Any) -> Estimate:
        """The largest distance of the autocorrelation of states (K, 2) from the right one."""
        right = self.autocorrelation
        found = autocorrelation(kept[:, 0], len(right) - 1)
        # Bartlett (1946), for lags at which the autocorrelation itself has died away.
        error = math.sqrt((1 + 2 * float((right[1:] ** 2).sum())) / len(kept))
        gap = float(np.abs(found - right).max())
        words = f"at lag one {found[1]:.4f}; true {right[1]:.4f}; largest difference {gap:.4f}"
        return Estimate(gap / error, 0.0, len(kept), ERRORS, words)

    def spread(self, kept: Any) -> Estimate:
        """The correlation of states (K, 2), less the true one."""
        found = float(np.corrcoef(kept.T)[0, 1])
        words = f"{found:.4f}; true {self._r}; variances {kept[:, 0].var():.3f} and "
        return Estimate(found - self._r, 0.0, len(kept), "", words + f"{kept[:, 1].var():.3f}")

    def _noise_of(self, chain: Any) -> tuple[Any, str]:
        """Each draw less r times what it was conditioned on, and what an iteration draws.

        Of the two orders of a sweep the one with the smaller noise is taken.
        """
        before, after = chain[:-1], chain[1:]
        changed = before != after
        if changed.all(axis=1).mean() < 0.5:
            rows = changed.any(axis=1)
            which = changed[rows].argmax(axis=1)
            numbers = np.arange(len(which))
            noise = after[rows][numbers, which] - self._r * before[rows][numbers, 1 - which]
            turns = len(which) > 1 and (which[1:] != which[:-1]).mean() > 0.9
            return noise, "one coordinate in turn" if turns else "one coordinate at random"
        orders = []
        for first, second in ((0, 1), (1, 0)):
            one = after[:, first] - self._r * before[:, second]
            two = after[:, second] - self._r * after[:, first]
            orders.append(np.concatenate([one, two]))
        return min(orders, key=lambda o: float((o**2).mean())), "both coordinates"

    def _in_the_long_run(self, max_lag: int) -> Any:
        """rho(k) of x_1 for k = 0, ..., max_lag.

        A draw of x_1 through x_2 and back multiplies what is remembered by r^2. Where the
        coordinates take turns, k iterations hold k // 2 such draws or, half of the time for odd k,
        one more. Where one is drawn at random, the means of (x_1, x_2) go with the matrix
        ((1, r), (r, 1)) / 2, whose eigenvalues are (1 + r) / 2 and (1 - r) / 2.
        """
        r, k = self._r, np.arange(max_lag + 1)
        if self.reading == "both coordinates":
            return r ** (2.0 * k)
        if self.reading == "one coordinate in turn":
            return (r ** (2.0 * (k // 2)) + r ** (2.0 * ((k + 1) // 2))) / 2
        plus, minus = (1 + r) / 2, (1 - r) / 2
        return plus ** (k + 1.0) + minus ** (k + 1.0)
