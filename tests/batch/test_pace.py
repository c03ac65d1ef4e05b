"""The time that is left, against classes of which it is known."""

from __future__ import annotations

import heapq
import random

import pytest

from grader.batch.pace import Pace


def test_nothing_is_said_before_each_kind_has_been_seen() -> None:
    pace = Pace(["unit", "unit", "fit"])
    assert pace.left(1) is None
    pace.done("unit", 1.0)
    assert pace.left(1) is None
    pace.done("fit", 60.0)
    assert pace.left(1) == pytest.approx(1.0)


def test_kinds_count_by_what_they_take() -> None:
    pace = Pace(["unit"] * 11 + ["fit"] * 3)
    pace.done("unit", 2.0)
    pace.done("fit", 100.0)
    assert pace.left(1) == pytest.approx(10 * 2 + 2 * 100)
    assert pace.left(4) == pytest.approx((10 * 2 + 2 * 100) / 4)
    assert pace.left(1, [("fit", 30.0), ("unit", 50.0)]) == pytest.approx(220 - 30 - 2)


def test_the_last_job_is_not_shared_among_idle_slots() -> None:
    pace = Pace(["unit"] * 3)
    pace.done("unit", 8.0)
    pace.done("unit", 8.0)
    assert pace.left(4, [("unit", 2.0)]) == pytest.approx(6.0)
    pace.done("unit", 8.0)
    assert pace.left(4) == 0.0


@pytest.mark.parametrize("slots", [1, 4])
def test_it_comes_true_in_a_class_of_a_thousand(slots: int) -> None:
    chance = random.Random(7)
    takes = [chance.gammavariate(4.0, 0.25) for _ in range(1000)]
    pace = Pace(["unit"] * len(takes))
    queue, running, now, said = list(takes), [], 0.0, {}
    while queue or running:
        while queue and len(running) < slots:
            seconds = queue.pop()
            heapq.heappush(running, (now + seconds, now, seconds))
        now, _, seconds = heapq.heappop(running)
        pace.done("unit", seconds)
        done = len(takes) - len(queue) - len(running)
        if done in (100, 250, 500, 750, 900):
            left = pace.left(slots, [("unit", now - since) for _, since, _ in running])
            assert left is not None
            said[done] = now + left
    assert len(said) == 5
    assert all(end == pytest.approx(now, rel=0.1) for end in said.values())
