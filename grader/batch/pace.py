"""How long the rest of a batch will take, from how long its parts have taken so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable


class Pace:
    """Learns what each kind of job takes, since a training takes minutes where tests take a second.

    Args:
        kinds: the kind of every job that is to be done.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._left = Counter(kinds)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._done: Counter[str] = Counter()

    def done(self, kind: str, seconds: float) -> None:
        """Note that a job is done and how long a slot was at it."""
        self._left[kind] -= 1
        self._done[kind] += 1
        self._seconds[kind] += seconds

    def left(self, slots: int, running: Iterable[tuple[str, float]] = ()) -> float | None:
        """Seconds until all is done; None while that cannot be told.

        Args:
            slots: how many jobs are done at a time.
            running: what is being done, with how long it has taken so far, in seconds.
        """
        left = +self._left
        if any(not self._done[kind] for kind in left):
            return None
        mean = {kind: self._seconds[kind] / self._done[kind] for kind in left}
        work = sum(mean[kind] * count for kind, count in left.items())
        work -= sum(min(seconds, mean.get(kind, 0.0)) for kind, seconds in running)
        return max(0.0, work) / max(1, min(slots, left.total()))
