"""Counts that an acceptance rate follows from."""

from __future__ import annotations

import numpy as np
import pytest

from grader.subjects.sampler import follows


@pytest.mark.parametrize(
    ("rate", "accepted", "tried", "drawn", "right"),
    [
        (2000 / 24500, 2000, 24500, 26000, True),  # up to the last acceptance
        (2000 / 24501, 2000, 24500, 26000, True),  # give or take a draw
        (2130 / 26000, 2000, 24500, 26000, True),  # whole batches, of which 130 more were accepted
        (2000 / 26000, 2000, 24500, 26000, False),  # none of 1,500 more, where 122 are expected
        (2130.5 / 26000, 2000, 24500, 26000, False),  # no whole number of them
        (1 / 12, 2000, 24500, 24500, False),  # what the constant promises on average
        (1 / 12, 2000, 24500, 26000, False),
        (0.9, 2000, 24500, 26000, False),
    ],
)
def test_an_acceptance_rate_follows_from_counts(
    rate: float, accepted: int, tried: int, drawn: int, right: bool
) -> None:
    assert follows(rate, accepted, tried, drawn) is right


def test_whole_batches_are_hardly_ever_taken_for_a_claim() -> None:
    rng = np.random.default_rng(3)
    for _ in range(500):
        accepts = rng.random(30_000) < 0.08
        tried = int(np.flatnonzero(accepts)[1999]) + 1
        drawn = -(-tried // 1000) * 1000
        assert follows(accepts[:drawn].mean(), 2000, tried, drawn)
        assert follows(np.float32(accepts[:drawn].mean()), 2000, tried, drawn)
