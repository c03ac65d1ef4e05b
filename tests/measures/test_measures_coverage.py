"""Coverage and density against a double loop, and where both are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grader.measures.coverage import coverage
from grader.measures.estimate import MeasureError


def by_loops(real: Any, generated: Any, k: int) -> tuple[float, float]:
    """The definitions, sample by sample."""
    covered, balls = 0, 0
    for x in real:
        radius = sorted(float(np.linalg.norm(x - y)) for y in real)[k]
        inside = sum(float(np.linalg.norm(x - y)) <= radius for y in generated)
        covered += inside > 0
        balls += inside
    return covered / len(real), balls / (k * len(generated))


@pytest.mark.parametrize(("n", "m", "k"), [(30, 50, 5), (20, 7, 3), (12, 40, 1)])
def test_both_are_those_of_the_definition(n: int, m: int, k: int) -> None:
    rng = np.random.default_rng(n)
    real, generated = rng.standard_normal((n, 4)), 0.5 + rng.standard_normal((m, 4))
    found = coverage(real, generated, k)
    share, density = by_loops(real, generated, k)
    assert found.coverage.value == pytest.approx(share)
    assert found.density == pytest.approx(density)
    assert 0 < share < 1  # so that the comparison could fail


def test_what_is_real_covers_everything() -> None:
    real = np.random.default_rng(0).standard_normal((40, 3))
    assert coverage(real, real).coverage.value == 1.0


def test_one_sample_over_and_over_covers_the_balls_that_it_lies_in() -> None:
    """On a line of equal steps the balls of k = 2 reach one step to each side, but two at ends."""
    real = np.arange(10.0)[:, None]
    found = coverage(real, np.full((500, 1), 5.0), k=2)
    assert found.coverage.value == pytest.approx(3 / 10)  # of 4, 5 and 6
    assert found.density == pytest.approx(3 / 2)
    assert coverage(real, np.full((500, 1), 100.0), k=2).coverage.value == 0.0


@pytest.mark.parametrize(
    ("real", "generated", "sentence"),
    [
        (np.zeros((5, 2)), np.zeros((3, 2)), "no 5 neighbours"),
        (np.zeros((9, 2)), np.zeros((3, 1)), "must have shapes"),
        (np.zeros((9, 2)), np.full((3, 2), np.nan), "not finite"),
    ],
)
def test_what_cannot_be_compared_gets_a_sentence(real: Any, generated: Any, sentence: str) -> None:
    with pytest.raises(MeasureError, match=sentence):
        coverage(real, generated)
