"""Marks of the run questions: figures against thresholds, with their uncertainty.

The rule. A figure has a standard error, from measuring on finitely many images or draws; where the
weights were trained by us there is also the luck of the seed, whose standard deviation
`grader calibrate` found. Both give an interval of 99 %. Full marks if all of it is on the right
side of the threshold, none if all of it is on the wrong side, and between them the share of it
that is on the right side.

Where the threshold is what the reference reaches, it lies as far below as bad luck goes, of seed
and of measuring. Luck is not taken off a second time: then the figure itself stands for the
interval's unfavourable end. Otherwise one right submission in ten would lose marks at five seeds,
and more of them the more seeds are calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import ndtri, stdtrit

from grader.assignment import Assignment, Measure
from grader.results import Figure, QuestionMark, RunResult
from grader.runs.thresholds import Calibrated, Thresholds

CONFIDENCE = 0.99
# A run of the reference with a new seed falls below its own threshold at this rate, were its
# figures normally distributed.
REFERENCE_FAILS = 0.01
# Figures are compared in float32 sums; a threshold is never sharper than this share of its size.
ROUNDING = 1e-4
# A claim may be off by this much of its size before it is flagged: students average batches of
# unequal size, and draw their own noise.
CLAIM_SLACK = 0.005


def threshold_of(measure: Measure, calibrated: Calibrated) -> float:
    """The value below which (or above which) the reference falls once in a hundred runs.

    The prediction bound of one more draw from a normal distribution of which n were seen:
    mean -+ t(n - 1) sd sqrt(1 + 1/n). Source: Hahn and Meeker, "Statistical Intervals", ch. 4.
    To it comes the margin of the assignment, if it has one for this profile.
    """
    margin = max(_luck(calibrated), ROUNDING * abs(calibrated.mean))
    margin += measure.margin.get(calibrated.profile, 0.0)
    return calibrated.mean + (-margin if measure.better == "higher" else margin)


def _luck(calibrated: Calibrated) -> float:
    """How far from the mean of its seeds the reference gets with one more of them."""
    t = float(stdtrit(calibrated.n - 1, 1 - REFERENCE_FAILS))
    return t * calibrated.sd * math.sqrt(1 + 1 / calibrated.n)


def judge(
    assignment: Assignment, thresholds: Thresholds, runs: Sequence[RunResult]
) -> list[RunResult]:
    """The same runs, each figure with its threshold, interval, share and a sentence."""
    measures = {(m.run, m.name): m for m in assignment.about.measures}
    return [
        run.model_copy(
            update={
                "figures": [
                    _judged(assignment, measures[run.run, figure.measure], figure, run, thresholds)
                    for figure in run.figures
                ]
            }
        )
        for run in runs
    ]


def _judged(
    assignment: Assignment,
    measure: Measure,
    figure: Figure,
    run: RunResult,
    thresholds: Thresholds,
) -> Figure:
    if figure.value is None:
        judgement = f"there is no figure: {figure.note}"
        return figure.model_copy(update={"share": 0.0, "judgement": judgement})
    found = thresholds.find(run.profile, run.run, run.case, measure.name)
    spread = found.sd if found is not None and run.origin == "trained" else 0.0
    asked = measure.asked.get(run.profile)
    z = float(ndtri(0.5 + CONFIDENCE / 2))
    reach = z * math.hypot(figure.standard_error, spread)
    if measure.better == "near":
        assert measure.within is not None
        # A submission's own noise must not make anything near: it counts for no more than what the
        # reference shows, or than `within` allows anyway.
        usual = _luck(found) if found is not None else 0.0
        reach = min(reach, max(usual, measure.within))
    low, high = figure.value - reach, figure.value + reach
    update: dict[str, object] = {"interval": (low, high), **_claim(figure, figure.value)}
    if measure.better == "near":
        assert measure.target is not None and measure.within is not None
        # The distance that is allowed is wide as it is; the uncertainty widens it.
        allowed = measure.within + measure.margin.get(run.profile, 0.0)
        bottom, top = measure.target - allowed, measure.target + allowed
        right = low <= top and high >= bottom
        update |= {"share": float(right), "threshold": measure.target}
        update["judgement"] = (
            f"asked is {measure.target:g} to within {allowed:g}; 99 % interval "
            f"{low:.4g} to {high:.4g}: {'reached' if right else 'not reached'}"
        )
        return figure.model_copy(update=update)
    if asked is None and found is None:
        update["judgement"] = (
            f"no threshold for profile {run.profile}: run "
            f"`grader calibrate {assignment.name} --profile {run.profile}`"
        )
        return figure.model_copy(update=update)
    threshold = asked if asked is not None else threshold_of(measure, _there(found))
    higher = measure.better == "higher"
    worst, best = (low, high) if higher else (high, low)
    share = _share(worst if asked is not None else figure.value, best, threshold, higher=higher)
    whose = (
        "the assignment asks for"
        if asked is not None
        else f"the reference reaches {_there(found).mean:.4g} "
        f"(sd {_there(found).sd:.2g}, {_there(found).n} seeds), asked is"
    )
    update |= {"share": share, "threshold": threshold}
    update["judgement"] = (
        f"{whose} {'at least' if measure.better == 'higher' else 'at most'} {threshold:.4g}; "
        f"99 % interval {low:.4g} to {high:.4g}"
        f"{' (seed included)' if spread else ''}: {_verdict(share)}"
    )
    return figure.model_copy(update=update)


def _there(found: Calibrated | None) -> Calibrated:
    assert found is not None
    return found


def _share(worst: float, best: float, threshold: float, *, higher: bool) -> float:
    if not higher:
        worst, best, threshold = -worst, -best, -threshold
    if worst >= threshold:
        return 1.0
    if best <= threshold:
        return 0.0
    return (best - threshold) / (best - worst)


def _verdict(share: float) -> str:
    if share == 1.0:
        return "reached"
    return "not reached" if share == 0.0 else f"in doubt, {share:.0%} of the marks"


def _claim(figure: Figure, value: float) -> dict[str, object]:
    if figure.claim is None:
        return {}
    allowed = 4 * math.sqrt(2) * figure.standard_error + CLAIM_SLACK * abs(value)
    # A claim of NaN is nowhere near anything.
    return {"claim_is_borne_out": abs(figure.claim - value) <= allowed}


def decide(
    assignment: Assignment, questions: Sequence[QuestionMark], runs: Sequence[RunResult]
) -> list[QuestionMark]:
    """The same questions; those of kind `run` with the marks that the judged runs give them."""
    return [
        _decided(assignment, question, runs) if question.kind == "run" else question
        for question in questions
    ]


def _decided(
    assignment: Assignment, question: QuestionMark, runs: Sequence[RunResult]
) -> QuestionMark:
    measures = [m for m in assignment.about.measures if m.question == question.id]
    mine = [run for run in runs if any(m.run == run.run for m in measures)]
    if not mine:
        return question
    faults = [run for run in mine if run.status == "not_graded"]
    if faults:
        note = f"not graded: {faults[0].problem}, through no fault of the submission"
        return question.model_copy(update={"awarded": None, "note": note})
    missing = _needed(assignment, measures, mine[0]) - {run.run for run in mine}
    if missing:
        note = f"open until there is run {', '.join(sorted(missing))} too"
        return question.model_copy(update={"awarded": None, "note": note})
    earned = total = 0.0
    for run in mine:
        figures = {f.measure: f for f in run.figures}
        for measure in (m for m in measures if m.run == run.run):
            figure = figures.get(measure.name)
            if run.status == "finished" and figure is None:
                continue  # a measure that does not apply to this case
            if figure is not None and figure.share is None:
                return question.model_copy(update={"awarded": None, "note": figure.judgement})
            total += measure.weight
            earned += measure.weight * (figure.share or 0.0 if figure else 0.0)
    if not total:
        note = "not decided: none of its measures applies to these runs"
        return question.model_copy(update={"awarded": None, "note": note})
    share = 1.0 if earned == total else earned / total
    return question.model_copy(update={"awarded": question.marks * share, "note": _note(mine)})


def _needed(assignment: Assignment, measures: Sequence[Measure], like: RunResult) -> set[str]:
    """The runs of a question that can be had in the way and the size of one of them."""
    runs = [assignment.run(name) for name in {m.run for m in measures}]
    return {
        run.id
        for run in runs
        if like.profile in run.profiles and (like.origin == "trained" or run.submitted is not None)
    }


def _note(runs: Sequence[RunResult]) -> str:
    profile = runs[0].profile
    ways = {run.origin for run in runs}
    how = "trained here" if ways == {"trained"} else "measured on what was handed in"
    return f"{how}, profile {profile}"
