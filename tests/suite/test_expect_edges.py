"""Answers at the edge of what can be compared pass no comparison that a right one does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from grader.suite.expect import CheckFailed, Expect

INF, NAN = math.inf, math.nan
TINY, HUGE = 1e-45, 3.4e38
expect = Expect()


@pytest.mark.parametrize(
    ("found", "wanted", "slack"),
    [
        ([NAN, INF], [1.0, INF], 0.0),
        ([NAN, INF], [NAN, INF], 0.0),
        ([-INF], [INF], 0.0),
        ([INF], [HUGE], 0.0),
        ([1.0], [INF], INF),
        ([INF], [1.0], INF),
        ([NAN], [1.0], INF),
        ([1.0], [NAN], INF),
        ([1.0], [2.0], NAN),
        ([HUGE], [1.0], 1e30),
        ([TINY], [1.0], 0.0),
        ([2**63], [2**62], 0.0),
        (torch.tensor([1 + 2j]), [1.0], 0.0),
        (torch.tensor([1 + 0j]), [1.0], 0.0),
        (np.array([1 + 2j]), [1.0], 0.0),
        (torch.tensor([HUGE]).half(), [HUGE], 0.0),
        (torch.tensor([True]), [0.0], 0.0),
        (torch.zeros(0), [0.0], 0.0),
        ([2**64], [2.0**64], 0.0),
        ([10**400], [1.0], INF),
        (np.array(["1"]), [1.0], INF),
    ],
)
def test_what_is_wrong_at_the_edge_is_not_close(found: Any, wanted: Any, slack: float) -> None:
    with pytest.raises(CheckFailed):
        expect.close(found, torch.tensor(wanted), slack=slack)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([INF, -INF], [INF, -INF]),
        ([-0.0], [0.0]),
        ([TINY], [0.0]),
        ([HUGE], [HUGE]),
        (torch.tensor([1.0]).bfloat16(), [1.0]),
        (torch.tensor([1.0]).half(), [1.0]),
        (torch.tensor([2**63 - 1]), [2.0**63]),
        ([], []),
    ],
)
def test_what_is_right_at_the_edge_is_close(found: Any, wanted: Any) -> None:
    expect.close(found, torch.tensor(wanted))


@pytest.mark.parametrize("value", [[], torch.zeros(3, 0), [NAN, INF], [HUGE, -INF], [1j], 1j])
def test_what_is_not_numbers_is_not_finite(value: Any) -> None:
    with pytest.raises(CheckFailed):
        expect.finite(value)


@pytest.mark.parametrize(
    ("after", "before"),
    [
        ([-0.0], [0.0]),
        ([TINY], [0.0]),
        ([INF], [HUGE]),
        ([NAN], [0.0]),
        ([1.0, 1.0], [1.0]),
        ([[1.0]], [1.0]),
        ([1], [1.0]),
        ([True], [1.0]),
    ],
)
def test_a_bit_that_was_changed_is_noticed(after: Any, before: Any) -> None:
    with pytest.raises(CheckFailed):
        expect.unchanged(torch.tensor(after), torch.tensor(before), what="x")


def test_what_holds_nan_and_infinity_can_be_unchanged() -> None:
    x = torch.tensor([NAN, INF, -0.0, TINY])
    expect.unchanged(x.clone(), x, what="x")


@pytest.mark.parametrize(
    "value",
    [[NAN, 1.0] * 3, [[NAN, NAN, NAN]] * 2, [[INF, 1.0, 1.0]] * 2, torch.ones(2, 3) + 0j, 1j],
)
def test_no_value_per_example_is_read_off_what_has_none(value: Any) -> None:
    with pytest.raises(CheckFailed):
        expect.each(value, 2)
