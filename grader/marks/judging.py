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

from grader.assignment import REHEARSALS, Assignment, Measure
from grader.marks.bounds import CONFIDENCE, Z, allowed, flaw, luck, threshold_of
from grader.marks.thresholds import Calibrated, Thresholds
from grader.marks.words import number, told
from grader.results import Figure, QuestionMark, RunResult

# A claim may be off by this much of its size before it is flagged: students average batches of
# unequal size, and draw their own noise.
CLAIM_SLACK = 0.005


def judge(
    assignment: Assignment, thresholds: Thresholds, runs: Sequence[RunResult]
) -> list[RunResult]:
    """The same runs, each figure with its threshold, interval, share and a sentence."""
    measures = {(m.run, m.name): m for m in assignment.description.measures}
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
    question = measure.question_in(run.profile, run.case)
    update: dict[str, object] = {"question": question}
    if figure.value is None:
        if question is not None:
            update |= {"share": 0.0, "judgement": f"there is no figure: {figure.note}"}
        return figure.model_copy(update=update)
    place = (run.profile, run.run, run.case, measure.name)
    found, trivial = thresholds.find(*place), thresholds.find_trivial(*place)
    sd = found.sd if found is not None else 0.0
    near = measure.better == "near"
    # What is right is the truth there, and not what the reference has luck with.
    spread = sd if run.origin == "trained" and not near else 0.0
    reach = Z * math.hypot(figure.standard_error, spread)
    if near:
        assert measure.within is not None
        # A submission's own noise must not make anything near: it counts for no more than what the
        # reference shows, or than `within` allows anyway.
        reach = min(reach, max(luck(found) if found is not None else 0.0, measure.within))
    low, high = figure.value - reach, figure.value + reach
    update |= {"interval": _possible(measure, low, high), **_claim(figure, figure.value)}
    if question is None:
        return figure.model_copy(update=update)
    asked = measure.asked.get(run.profile)
    if near:
        threshold = measure.target
    elif asked is not None:
        threshold = asked
    elif found is not None:
        threshold = threshold_of(measure, found, trivial)
    else:
        update["judgement"] = (
            f"no threshold for profile {run.profile}: run "
            f"`grader calibrate {assignment.name} --profile {run.profile}`"
        )
        return figure.model_copy(update=update)
    assert threshold is not None
    if wrong := flaw(measure, run.profile, threshold, trivial, sd):
        update["judgement"] = f"not marked, because the threshold {threshold:.4g} is unfit: {wrong}"
        return figure.model_copy(update=update)
    within = None
    if near:
        within = allowed(measure, run.profile) + reach
        share = float(threshold - within <= figure.value <= threshold + within)
        whose = "asked is"
    else:
        higher = measure.better == "higher"
        worst, best = (low, high) if higher else (high, low)
        share = _share(worst if asked is not None else figure.value, best, threshold, higher=higher)
        whose = "the assignment asks for"
        if asked is None:
            mean = number(_there(found).mean, 4)
            seeds = f"sd {_there(found).sd:.2g}, {_there(found).n} seeds"
            whose = f"the reference reaches {mean} ({seeds}), asked is"
    words = told(measure, figure.value, figure.standard_error, threshold, within)[1]
    if near and reach > 0:
        words += (
            f" ({allowed(measure, run.profile):.4g}, and {reach:.3g} for the error of measuring)"
        )
    update |= {"share": share, "threshold": threshold, "within": within}
    update["judgement"] = (
        f"{whose} {words}; {_interval(measure, low, high)}"
        f"{' (seed included)' if spread else ''}: {_verdict(share)}"
    )
    return figure.model_copy(update=update)


def _possible(measure: Measure, low: float, high: float) -> tuple[float, float]:
    """An interval without what the figure cannot be, of whatever was handed in."""
    if measure.lowest is not None:
        low, high = max(low, measure.lowest), max(high, measure.lowest)
    if measure.highest is not None:
        low, high = min(low, measure.highest), min(high, measure.highest)
    return low, high


def _interval(measure: Measure, low: float, high: float) -> str:
    bottom, top = _possible(measure, low, high)
    return f"{CONFIDENCE:.0%} interval {number(bottom, 4)} to {number(top, 4)}".replace("%", " %")


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
    measures = [m for m in assignment.description.measures if m.question == question.id]
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
            if measure.question_in(run.profile, run.case) is None:
                continue  # shown only, in this size
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
    marks, note = question.marks * share, _note(mine)
    if any(run.profile in REHEARSALS and run.origin == "trained" for run in mine):
        note = f"a rehearsal, and not marks: {note}"
        return question.model_copy(update={"awarded": None, "rehearsed": marks, "note": note})
    return question.model_copy(update={"awarded": marks, "rehearsed": None, "note": note})


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
