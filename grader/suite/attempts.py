"""Which contracts a submission shows knowledge of: form pays for an attempt only.

What computes nothing of a task can have the right shape, leave its arguments alone and have the
gradient of its own values. Such checks count where one of the following is true of the contract:

* checks of it pass that show it, by their sum of `Expected.shows`;
* answers are related to the right ones more closely than those of a function without knowledge;
* a mistake of the catalogue gives the very same answers (`Misconceptions.explain` says so).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from grader.marks.observed import Expected
from grader.suite.calls import Ask


class Attempts:
    """What one submission attempted.

    Args:
        logs: of what is asked, by seeds that follow each other; those of the submission and of the
            reference.
        contracts: those of the assignment.
    """

    def __init__(self, logs: Sequence[Ask] = (), contracts: Sequence[str] = ()) -> None:
        self._logs = logs
        self._contracts = contracts
        self._shown: dict[tuple[str, str], float] = defaultdict(float)
        self._related: dict[tuple[str, str], bool] = {}
        self.question = ""

    def take_as_shown(self, checks: Iterable[Expected]) -> None:
        """Checks that passed, or that are not asked."""
        for check in checks:
            self._shown[check.question, check.contract] += check.shows

    def were_made(self, check: Expected) -> bool:
        """Whether a check counts that does not show enough by itself."""
        key = check.question, check.contract
        return self._shown[key] >= 1 or self._related.get(key, False)

    def look(self, contract: str, related: Callable[[], bool]) -> None:
        """Find out whether answers are related to the right ones, unless it is known already.

        Args:
            contract: which one.
            related: asks both sides; see `Contract.related`.
        """
        key = self.question, contract
        if self._shown[key] >= 1 or key in self._related:
            return
        kept = [(log, log.test, log.calls) for log in self._logs]
        for log in self._logs:
            # Both sides have the same seeds from here, and no hint is looked for in these calls.
            log.begin(f"{contract} attempted")
        try:
            self._related[key] = related()
        except AssertionError:
            self._related[key] = False
        finally:
            for log, test, calls in kept:
                log.test, log.calls = test, calls

    def neighbours(self, contract: str) -> list[str]:
        """The other contracts of the same file."""
        file = contract.split(".")[0]
        return [c for c in self._contracts if c != contract and c.split(".")[0] == file]
