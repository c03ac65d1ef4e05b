"""Estimates refuse what is not a finite number."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from grader.measures.estimate import Estimate, MeasureError, finite, mean_estimate


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(MeasureError, match=r"the figure in nats is (nan|-?inf)"):
        Estimate(value, 0.1, 10, "nats")


@pytest.mark.parametrize("error", [math.nan, math.inf, -0.1])
def test_a_standard_error_must_be_finite_and_not_negative(error: float) -> None:
    with pytest.raises(MeasureError, match="standard error"):
        Estimate(1.0, error, 10, "nats")


def test_a_figure_made_of_nothing_is_refused() -> None:
    with pytest.raises(MeasureError, match="0 items"):
        Estimate(1.0, 0.0, 0, "nats")


def test_the_interval_is_the_normal_one() -> None:
    low, high = Estimate(2.0, 0.5, 10, "nats").interval(0.95)
    assert (low, high) == pytest.approx(stats.norm.interval(0.95, 2.0, 0.5))


def test_a_mean_has_the_standard_error_of_a_mean() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    estimate = mean_estimate(values, "nats")
    assert estimate.value == 4.0
    assert estimate.standard_error == pytest.approx(stats.sem(values))
    with pytest.raises(MeasureError, match="two values"):
        mean_estimate(values[:1], "nats")


def test_finite_says_how_many_values_are_not_and_where() -> None:
    values = torch.zeros(2, 3)
    values[1, 2] = math.nan
    with pytest.raises(MeasureError, match=r"1 of 6 logits are not finite; .* nan at \(1, 2\)"):
        finite(values, "logits")
    assert finite(torch.ones(2, requires_grad=True), "logits").dtype == np.float64
