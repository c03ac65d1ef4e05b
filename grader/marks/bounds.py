"""What a figure must reach: how far from the reference, and never as little as is trivial.

A threshold that nothing can miss is worth nothing. It lies within what the figure can be at all,
and between the best of the trivial solutions and the reference: no further than half of the way
from the reference, where luck would take it further. Few seeds make luck wide, since their own
spread is in doubt; half of the way then stands for it, as long as the spread itself fits in.
"""

from __future__ import annotations

import math

from scipy.special import ndtri, stdtrit

from grader.assignment import Measure, ProfileName
from grader.marks.thresholds import Calibrated, Trivial

CONFIDENCE = 0.99
# Half the width of an interval of that confidence, in standard deviations.
Z = float(ndtri(0.5 + CONFIDENCE / 2))
# A run of the reference with a new seed falls below its own threshold at this rate, were its
# figures normally distributed.
REFERENCE_FAILS = 0.01
# Figures are compared in float32 sums; a threshold is never sharper than this share of its size.
ROUNDING = 1e-4
REMEDY = "take more seeds, a longer run or another measure"


def threshold_of(measure: Measure, calibrated: Calibrated, trivial: Trivial | None = None) -> float:
    """The value below which (or above which) the reference falls once in a hundred runs.

    The prediction bound of one more draw from a normal distribution of which n were seen:
    mean -+ t(n - 1) sd sqrt(1 + 1/n). Source: Hahn and Meeker, "Statistical Intervals", ch. 4.
    That luck goes no further than half of the way to the best trivial solution, unless the spread
    of the seeds itself does. To it comes the margin of the assignment, if it has one for this
    profile, but no further than where the trivial solution would earn something. `flaw` tells
    whether what is left is fit for marks.
    """
    least = ROUNDING * abs(calibrated.mean)
    margin = max(luck(calibrated), least)
    extra = measure.margin.get(calibrated.profile, 0.0)
    sign = -1.0 if measure.better == "higher" else 1.0
    if trivial is not None:
        gap = sign * (trivial.value - calibrated.mean)
        margin = min(margin, max(gap / 2, least, Z * calibrated.sd))
        reach = Z * math.hypot(trivial.standard_error, calibrated.sd)
        # A last digit less, so that the trivial solution stays on the wrong side.
        extra = min(extra, max(0.0, (gap - reach) * (1 - ROUNDING) - margin))
    return calibrated.mean + sign * (margin + extra)


def luck(calibrated: Calibrated) -> float:
    """How far from the mean of its seeds the reference gets with one more of them."""
    t = float(stdtrit(calibrated.n - 1, 1 - REFERENCE_FAILS))
    return t * calibrated.sd * math.sqrt(1 + 1 / calibrated.n)


def allowed(measure: Measure, profile: ProfileName) -> float:
    """How far from its target a figure that is to be near may be, noise of measuring apart."""
    assert measure.within is not None
    return measure.within + measure.margin.get(profile, 0.0)


def flaw(
    measure: Measure, profile: ProfileName, threshold: float, trivial: Trivial | None, sd: float
) -> str:
    """Why no marks may depend on a threshold; empty where they may.

    Args:
        measure: whose threshold.
        profile: in which it holds.
        threshold: the bound; of a measure that is to be near, its target.
        trivial: the best of the trivial solutions, where one is known.
        sd: standard deviation of the figure over the reference's seeds.
    """
    low, high = measure.lowest, measure.highest
    if measure.better == "near":
        reach = allowed(measure, profile)
        bottom, top = threshold - reach, threshold + reach
        if low is not None and high is not None and bottom <= low and top >= high:
            return f"every possible figure, from {low:g} to {high:g}, reaches it"
        if trivial is not None:
            reach += min(Z * trivial.standard_error, reach)
            if abs(trivial.value - threshold) <= reach:
                return f"{trivial.solution} reaches it with {trivial.value:.4g}"
        return ""
    higher = measure.better == "higher"
    end, far = (low, high) if higher else (high, low)
    side, other = ("below", "above") if higher else ("above", "below")
    if end is not None and (threshold <= end if higher else threshold >= end):
        return f"nothing can miss it, for the figure is never {side} {end:g}"
    if far is not None and (threshold > far if higher else threshold < far):
        return f"nothing can reach it, for the figure is never {other} {far:g}"
    if trivial is not None:
        reach = Z * math.hypot(trivial.standard_error, sd)
        best = trivial.value + (reach if higher else -reach)
        if best > threshold if higher else best < threshold:
            return (
                f"{trivial.solution} comes to {trivial.value:.4g}, which earns marks with the luck "
                "of a seed"
            )
    return ""
