"""Error rates of a suite's statistical tests: what they promise, and what happens.

The promise of each test follows from a distribution. What happens is measured on the reference
under many secrets: no failure may occur, and the p-values of exact tests must be uniform, which is
the same promise seen where it can be measured, far from its tail.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict
from scipy import stats

from grader.results import Result, Statistic

# What DESIGN promises: per test, for a whole assignment, and the power at the declared effect.
MOST_FALSE_FAILS = 1e-7
MOST_FALSE_FAILS_IN_ALL = 1e-6
MOST_MISSES = 1e-3
# P-values of a right test look this odd once in a million audits.
ODD = 1e-6


class ErrorRate(BaseModel):
    """One kind of statistical test in one check."""

    model_config = ConfigDict(extra="forbid")

    check: str
    test: str
    effect: str
    per_run: float  # how often the check makes this test in one run
    false_fail: float  # promised, for one run of the check
    miss: float  # promised, for one test
    measured: int  # tests made
    failures: int  # of the reference, none of which may be
    smallest_p: float
    uniformity: float | None  # p-value of Kolmogorov and Smirnov; null: the test is a bound

    def problems(self) -> list[str]:
        """Promises that are too weak, and promises that are broken."""
        found = []
        where = f"{self.check}, {self.test}"
        if self.false_fail > MOST_FALSE_FAILS:
            found.append(f"{where}: false-fail rate {self.false_fail:.2g} > {MOST_FALSE_FAILS:g}")
        if self.miss > MOST_MISSES:
            found.append(f"{where}: misses {self.effect} at rate {self.miss:.2g}")
        if self.failures:
            found.append(f"{where}: the reference failed {self.failures} times")
        if self.uniformity is not None and self.uniformity < ODD:
            found.append(f"{where}: p-values of the reference are not uniform")
        return found


def error_rates(results: Iterable[Result]) -> list[ErrorRate]:
    """Promised and measured rates, from the reference's results under several secrets."""
    groups: dict[tuple[str, str], list[Statistic]] = {}
    runs = 0
    for result in results:
        runs += 1
        for check in result.checks:
            for statistic in check.statistics:
                groups.setdefault((check.id, statistic.test), []).append(statistic)
    rates = []
    for (check_id, test), found in groups.items():
        p_values = [s.p_value if s.p_value is not None else 0.0 for s in found]
        exact = all(s.exact for s in found)
        rates.append(
            ErrorRate(
                check=check_id,
                test=test,
                effect=found[0].effect,
                per_run=len(found) / runs,
                false_fail=sum(s.false_fail for s in found) / runs,
                miss=max(s.miss for s in found),
                measured=len(found),
                failures=sum(not s.passed for s in found),
                smallest_p=min(p_values),
                uniformity=float(stats.kstest(p_values, "uniform").pvalue) if exact else None,
            )
        )
    return rates


def problems(rates: list[ErrorRate]) -> list[str]:
    """Everything that is wrong with the statistical tests of an assignment."""
    found = [line for rate in rates for line in rate.problems()]
    total = sum(rate.false_fail for rate in rates)
    if total > MOST_FALSE_FAILS_IN_ALL:
        found.append(f"false-fail rate of all tests together {total:.2g}")
    return found
