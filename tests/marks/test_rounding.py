"""How marks are shown."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from grader.marks.rounding import apportioned, split, written


@pytest.mark.parametrize(
    ("marks", "step", "shown"),
    [(2.675, 0.01, "2.68"), (1.005, 0.01, "1.01"), (0.125, 0.01, "0.13"), (0.375, 0.01, "0.38"),
     (33.9995, 0.01, "34"), (0.1 + 0.2, 0.1, "0.3"), (1.15 - 1e-15, 0.1, "1.2"),
     (0.25, 0.5, "0.5"), (7.24, 0.5, "7"), (2.5, 1.0, "3"), (3.5, 1.0, "4"), (100.0, 1.0, "100"),
     (0.0, 0.01, "0"), (0.004, 0.01, "0"), (1 / 3, 0.0001, "0.3333"), (9.875, 0.25, "10")],
)  # fmt: skip
def test_halves_are_rounded_up_to_the_course_s_step(marks, step, shown) -> None:
    assert written(marks, step) == shown


def added(numbers) -> Decimal:
    return sum((Decimal(str(number)) for number in numbers), Decimal())


def test_parts_add_up_to_the_whole_and_are_off_by_less_than_a_step() -> None:
    rng = random.Random(1)
    for _ in range(200):
        parts = [rng.choice([0.0, rng.random() * 3]) for _ in range(rng.randint(1, 20))]
        shown = apportioned(parts, sum(parts), 0.01)
        assert added(shown) == Decimal(written(sum(parts), 0.01))
        for part, number in zip(parts, shown, strict=True):
            assert abs(part - number) < 0.02
            assert number == 0 or part > 0


def test_what_is_earned_and_what_could_be_add_up_together() -> None:
    parts = [(4 / 9, 4 / 9)] * 5 + [(0.0, 4 / 9)] * 4
    shown = split(2.22, 4, parts)
    assert added(got for got, _ in shown) == Decimal("2.22")
    assert added(most for _, most in shown) == Decimal(4)
    assert all(got in (0, most) for got, most in shown)
    assert added(most for _, most in split(None, 4, parts)) == Decimal(4)
