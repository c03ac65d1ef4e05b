"""Laws of a function that returns random draws: judged by their distribution, never by values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from grader.suite import driving
from grader.suite.expect import as_array
from grader.suite.laws.base import Contract, law
from grader.suite.laws.relation import Sample, related

Arguments = list[Any]
Rows = NDArray[np.float64]
# Values that are independent and normal if the draws are right, their mean and their standard
# deviation.
Normal = tuple[Any, float, float]
# Calls from which it is told whether draws are related to right ones, and how many draws in each.
RELATED_CALLS, RELATED_DRAWS = 32, 60


def generator(seed: int) -> dict[str, int]:
    """A NumPy generator as an argument; both sides make it of this, and seed the global sources
    of random numbers with the same number."""
    return {"seed": seed}


class Draws(Contract):
    """A contract that returns random draws as rows, other ones at each call.

    Laws, by the name that a header gives them:

    `mean`, `variance`: those of `normals`.
    `distribution`: `ranks` are uniform on [0, 1].
    `independent`: a second call gives other draws, and the rows of one call differ.
    `shape`: the shape of the result, for as many draws as `counts` says.
    `arguments`: the arguments hold the same values after the call.

    Attributes:
        false_fail: how often, at most, a finding of the first three fails a right function.
        effects: by the name of a law, the effect that it has to catch; see `grader.suite.stats`.
        counts: for `shape`, how many draws are asked for.
        probe: the probe that calls the contract, e.g. `a.sampled` for one of `probes/a.py`.
        width: of a row, where that is a vector.
        said: by the name of a law, what is wrong where it fails, in words.
    """

    false_fail: ClassVar[float] = 1e-9
    effects: ClassVar[Mapping[str, float]] = {}
    counts: ClassVar[tuple[int, ...]] = (1, 23)
    probe: ClassVar[str] = "call"
    width: ClassVar[int]
    said: ClassVar[Mapping[str, str]] = {}

    # --- what a class fills in ----------------------------------------------------------------

    def inputs(self, draw: Any, count: int = 20) -> Arguments:
        """Arguments of a call that gives this many draws; `generator` makes the source of random
        numbers among them."""
        raise NotImplementedError(f"{type(self).__name__} needs inputs(self, draw, count)")

    def result_shape(self, count: int) -> tuple[int, ...]:
        """The shape of this many draws."""
        return (count, self.width)

    def ask(self, implementation: Any, args: Arguments) -> dict[str, Any]:
        """What an implementation gives for copies of the arguments, as `result`, and what these
        are after the call, as `args`."""
        probe = driving.find(self.probes, self.probe)
        run: dict[str, Any] = implementation(probe, function=self.contract, args=args)
        return run

    def called(self, args: Arguments) -> dict[str, Any]:
        """What the submission gives, as `ask` has it."""
        return self.ask(self.submission, args)

    def drawn(self, result: Any) -> Any:
        """The draws in a result, where there is more in it."""
        return result

    def normals(self, draw: Any) -> Iterable[Normal]:
        """For `mean` and `variance`: what follows from draws, as `Normal`."""
        raise NotImplementedError(f"{type(self).__name__} needs normals(self, draw)")

    def ranks(self, draw: Any) -> Iterable[Any]:
        """For `distribution`: values of distribution functions at independent draws."""
        raise NotImplementedError(f"{type(self).__name__} needs ranks(self, draw)")

    # --- what tests use -----------------------------------------------------------------------

    def rows(self, drawn: Any, count: int) -> Rows:
        """At least `count` draws as rows, whatever their layout, which `shape` marks: draws in
        columns and draws with further axes of size one say as much."""
        shape, width = self.result_shape(count), [n for n in self.result_shape(count)[1:] if n > 1]
        self.expect.finite(drawn, what=f"what {self.usage} draws")
        found = as_array(drawn).astype(np.float64)
        found = found.reshape([n for n in found.shape if n != 1])
        if found.ndim == 2 and [len(found)] == width and found.shape[1] > len(found):
            found = found.T
        self.expect.true(
            found.size >= math.prod(shape) and [*found.shape][found.ndim - len(width) :] == width,
            f"{self.usage}: {count} draws were asked for; an array of another shape came back",
            self.look_at.get("shape", "Draws are rows."),
            f"shape {found.shape} but for axes of size one",
        )
        return found.reshape(-1, *shape[1:])

    def got(self, args: Arguments, count: int) -> Rows:
        """The rows of one call of the submission."""
        return self.rows(self.drawn(self.called(args)["result"]), count)

    def plausible(self, law: str, finding: Any, said: str = "") -> None:
        """A test of `stats` found nothing against the draws; `law` has what is said and looked at
        where it did."""
        said = said or self.said.get(law, f"what {self.usage} draws has the wrong {law}")
        self.expect.plausible(finding, said, self.look_at.get(law, ""))

    def related(self) -> bool:
        """Whether moments of the draws follow those of right ones, from problem to problem."""
        calls = [self.inputs(self.draw, RELATED_DRAWS) for _ in range(RELATED_CALLS)]
        found = [self._moments(self.ask(self.submission, args)) for args in calls]
        # With other random numbers: in the other order, as seeds follow the order of calls, and
        # with generators of their own.
        right = [
            self._moments(self.ask(self.reference, self._anew(args))) for args in reversed(calls)
        ]
        # Moments that follow an argument, as a scale does, show knowledge: no argument is held
        # against them.
        pairs = zip(found, reversed(right), strict=True)
        return related([Sample([], *pair) for pair in pairs])

    def _anew(self, args: Arguments) -> Arguments:
        """The same arguments, with another source of random numbers."""
        return [generator(self.draw.seed()) if _is_generator(a) else a for a in args]

    def _moments(self, run: dict[str, Any]) -> dict[str, Rows]:
        """Of each coordinate, and of each with the one before it and the row before it."""
        rows = self.rows(self.drawn(run["result"]), RELATED_DRAWS).reshape(RELATED_DRAWS, -1)
        centred = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-12)
        return {
            "mean": rows.mean(axis=0),
            "deviation": rows.std(axis=0),
            "together": (centred * np.roll(centred, 1, axis=1)).mean(axis=0)[1:],
            "after": (centred[1:] * centred[:-1]).mean(axis=0),
        }

    # --- the laws -----------------------------------------------------------------------------

    @law("mean", shows=0.5)
    def has_the_right_mean(self) -> None:
        """Draws are random, and their mean is known: over many of them it is near that."""
        for values, mean, sd in self.normals(self.draw):
            finding = self.stats.normal_mean(
                values, mean, sd, false_fail=self.false_fail, effect=self.effects["mean"]
            )
            self.plausible("mean", finding)

    @law("variance")
    def has_the_right_variance(self) -> None:
        """How far draws scatter is known: a standard deviation taken for a variance, or noise that
        several numbers share, shows there."""
        for values, _, sd in self.normals(self.draw):
            finding = self.stats.normal_variance(
                values, sd**2, false_fail=self.false_fail, effect=self.effects["variance"]
            )
            self.plausible("variance", finding)

    @law("distribution")
    def has_the_right_distribution(self) -> None:
        """Draws with the right mean and spread may still come from another distribution: at right
        ones, the values of the distribution function are uniform."""
        for values in self.ranks(self.draw):
            finding = self.stats.uniform(
                values, false_fail=self.false_fail, effect=self.effects["distribution"]
            )
            self.plausible("distribution", finding)

    @law("independent", shows=0)
    def draws_anew(self) -> None:
        """A function that sets a seed gives the same draws whenever it is called, and what is
        computed from two calls is not two experiments."""
        args = self.inputs(self.draw, 20)
        first, second = self.got(args, 20), self.got(self._anew(args), 20)
        self.expect.true(
            len(np.unique(first, axis=0)) > len(first) / 2,
            f"{self.usage} gives the same draw again and again",
            "Each draw needs random numbers of its own, and a row of its own.",
        )
        seen, new = (set(rows.reshape(-1).tolist()) for rows in (first, second))
        self.expect.true(
            len(seen & new) < len(seen) / 2,
            f"a second call of {self.usage} gives the same draws again",
            "Set the seed once, at the top of the notebook, and never in a function.",
        )

    @law("shape", shows=0)
    def has_the_right_shape(self) -> None:
        """As many draws as were asked for, in rows: a single one too."""
        for count in self.counts:
            drawn = self.drawn(self.called(self.inputs(self.draw, count))["result"])
            rows = self.rows(drawn, count)
            self.expect.true(
                len(np.unique(rows)) > count // 2,
                f"what {self.usage} draws is all the same",
                "Is the function finished?",
            )
            self.expect.shape(drawn, self.result_shape(count), what=f"what {self.usage} draws")

    @law("arguments", shows=0)
    def leaves_its_arguments_alone(self) -> None:
        """The caller still needs the arguments after the call."""
        given = self.inputs(self.draw, 20)
        after = self.called(given)
        self.rows(self.drawn(after["result"]), 20)
        for place, (left, was) in enumerate(zip(after["args"], given, strict=True)):
            if isinstance(was, Tensor | np.ndarray):
                what = f"{self.parameter(place)} of {self.name}"
                help = self.look_at.get("arguments", "")
                self.expect.unchanged(left, was, what=what, help=help)


# Tests of standard normal values: how often each fails what is right, and what it catches, as a
# distance of means in standard deviations, a ratio of variances, a distance between distribution
# functions, and a difference of the share of values beyond FAR.
STANDARD = {"mean": 0.1, "variance": 1.15, "distribution": 0.05, "far": 0.016}
FAR, STANDARD_FALSE_FAIL = 2.4, 5e-9


def has_standard_moments(test: Contract, values: Any, what: str, help: str) -> None:
    """Values have mean zero and variance one; `what` and `help` are told where they have not."""
    stats, rate = test.stats, {"false_fail": STANDARD_FALSE_FAIL}
    for finding, told in (
        (stats.normal_mean(values, 0.0, 1.0, effect=STANDARD["mean"], **rate), "is not centred as"),
        (
            stats.normal_variance(values, 1.0, effect=STANDARD["variance"], **rate),
            "does not spread as",
        ),
    ):
        test.expect.plausible(finding, f"{what} {told} it should", help)


def is_normal(test: Contract, values: Tensor, what: str, help: str, fitted: bool = False) -> None:
    """Values are standard normal, or `fitted`: standardised by their own moments. A bounded
    distribution of the same variance may lie near the normal one everywhere; far out it has
    nothing."""
    values, rate = values.double().reshape(-1), {"false_fail": STANDARD_FALSE_FAIL}
    far, p = int((values.abs() > FAR).sum()), float(2 * ndtr(-FAR))
    stats, effect = test.stats, STANDARD["distribution"]
    for finding, told in (
        (
            stats.uniform(ndtr(values.numpy()), effect=effect, fitted=fitted, **rate),
            "is not normal",
        ),
        (
            stats.share(far, len(values), p, effect=STANDARD["far"], **rate),
            "is not normal: it has too few large values, or too many",
        ),
    ):
        test.expect.plausible(finding, f"{what} {told}", help)


def _is_generator(argument: Any) -> bool:
    return isinstance(argument, dict) and set(argument) == {"seed"}
