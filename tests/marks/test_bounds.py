"""Thresholds lie within what a figure can be, and above what is trivial."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from grader.assignment import Measure
from grader.marks.bounds import Z, flaw, threshold_of
from grader.marks.thresholds import Calibrated, Trivial


def measure(better: Literal["higher", "lower", "near"] = "higher", **more: Any) -> Measure:
    about = {"name": "m", "run": "fit", "title": "M", "question": "q1.4", "better": better}
    return Measure.model_validate({**about, **more})


def found(mean: float, sd: float, n: int = 3) -> Calibrated:
    return Calibrated(profile="smoke", run="fit", case="", measure="m", mean=mean, sd=sd, n=n)


def trivial(value: float, error: float = 0.0) -> Trivial:
    return Trivial(
        profile="smoke", run="fit", case="", measure="m", solution="noise", value=value,
        standard_error=error,
    )  # fmt: skip


SCORE = measure(lowest=1.0, highest=10.0)


@pytest.mark.parametrize(
    ("of", "mean", "sd", "n", "margin", "why"),
    [
        # An Inception Score is 1 or more by definition, and so is a number of classes.
        (SCORE, 1.0634, 0.0453, 20, 0.05, "never below 1"),
        (SCORE, 7.9268, 0.6061, 5, 6.0, "never below 1"),
        (SCORE, 2.5999, 0.1594, 3, 0.4, "never below 1"),
        (measure(lowest=0.0, highest=1.0), 0.2, 0.1, 3, 0.1, "never below 0"),
        (measure("lower", lowest=0.0, highest=1.0), 0.7, 0.1, 3, 0.1, "never above 1"),
    ],
)
def test_a_threshold_that_nothing_can_miss_is_unfit(
    of: Measure, mean: float, sd: float, n: int, margin: float, why: str
) -> None:
    generous = of.model_copy(update={"margin": {"smoke": margin}})
    threshold = threshold_of(generous, found(mean, sd, n))
    assert why in flaw(generous, "smoke", threshold, None, sd)


def test_a_threshold_that_nothing_can_reach_is_unfit() -> None:
    assert "never above 10" in flaw(SCORE, "smoke", 10.5, None, 0.0)
    low = measure("lower", lowest=0.0)
    assert "never below 0" in flaw(low, "smoke", -0.1, None, 0.0)


def test_luck_goes_half_of_the_way_to_what_is_trivial_at_most() -> None:
    # Three seeds with an sd of 0.57 make a luck of 4.6: two classes of ten would pass.
    threshold = threshold_of(SCORE, found(7.2, 0.568), trivial(1.2))
    assert threshold == pytest.approx(4.2)
    assert flaw(SCORE, "smoke", threshold, trivial(1.2), 0.568) == ""
    assert threshold > 2 + Z * 0.568  # a generator of two classes earns nothing


def test_a_margin_ends_where_a_trivial_solution_would_earn_something() -> None:
    distance = measure("lower", lowest=0.0, margin={"smoke": 60.0})
    noise = trivial(100.0, 0.5)
    threshold = threshold_of(distance, found(40.0, 1.0, n=20), noise)
    assert threshold == pytest.approx(100 - Z * 1.25**0.5, abs=0.02)
    assert flaw(distance, "smoke", threshold, noise, 1.0) == ""
    # One that ends before is as wide as the assignment says, for right programs that learn later.
    later = distance.model_copy(update={"margin": {"smoke": 50.0}})
    bare = threshold_of(measure("lower"), found(40.0, 1.0, n=20), noise)
    assert threshold_of(later, found(40.0, 1.0, n=20), noise) == pytest.approx(bare + 50)


def test_a_trivial_solution_far_off_leaves_the_threshold_where_luck_puts_it() -> None:
    calibrated = found(-95.5, 0.2)
    assert threshold_of(measure(), calibrated, trivial(-205.0)) == threshold_of(
        measure(), calibrated
    )


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("gap", [-1.0, 0.0, 0.5, 2.0, 5.0])
def test_where_a_trivial_solution_comes_as_far_as_the_reference_no_marks_depend_on_it(
    better: Literal["higher", "lower"], gap: float
) -> None:
    sign = -1.0 if better == "higher" else 1.0
    of, known, noise = measure(better), found(10.0, 1.0), trivial(10.0 + sign * gap)
    threshold = threshold_of(of, known, noise)
    assert "noise" in flaw(of, "smoke", threshold, noise, known.sd)


def test_a_distance_that_every_figure_has_is_unfit() -> None:
    share = measure("near", target=0.5, within=0.6, lowest=0.0, highest=1.0)
    assert "every possible figure" in flaw(share, "smoke", 0.5, None, 0.0)


def test_what_is_near_by_itself_is_unfit() -> None:
    copies = measure("near", target=0.0, within=0.05, lowest=0.0, highest=1.0)
    assert "noise reaches it" in flaw(copies, "smoke", 0.0, trivial(0.0), 0.0)
    assert flaw(copies, "smoke", 0.0, trivial(0.9), 0.0) == ""
