"""Figures against thresholds: shares that were worked out by hand, and rates that were counted."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from grader.assignment import Assignment, Measure, Run
from grader.marks.bounds import threshold_of
from grader.marks.judging import decide, judge
from grader.marks.scoring import nothing
from grader.marks.thresholds import Calibrated, Thresholds
from grader.results import Figure, QuestionMark, RunResult

Z = 2.5758293035489  # the normal distribution has 99 % within +- Z


def figure(measure: str = "score", value: float | None = -1.0, **more: Any) -> Figure:
    about = {"measure": measure, "title": measure, "unit": "", "question": "q1.4", "weight": 1.0}
    return Figure.model_validate({**about, "value": value, **more})


def run_result(*figures: Figure, **more: Any) -> RunResult:
    about = {"run": "fit", "case": "slow", "title": "fit", "profile": "cpu", "origin": "trained"}
    return RunResult.model_validate({**about, "status": "finished", "figures": figures, **more})


def calibrated(
    measure: str = "score", mean: float = 0.0, sd: float = 1.0, **more: Any
) -> Calibrated:
    about = {"profile": "smoke", "run": "fit", "case": "slow", "measure": measure, "n": 3}
    return Calibrated.model_validate({**about, "mean": mean, "sd": sd, **more})


def judged(toy: Assignment, found: Figure, *known: Calibrated, **more: Any) -> Figure:
    (run,) = judge(toy, Thresholds(figures=known), [run_result(found, **more)])
    return run.figures[0]


# --- against what the assignment asks for: score >= -1 in profile cpu --------------------------


@pytest.mark.parametrize(
    ("value", "error", "share"),
    [
        (-0.5, 0.1, 1.0),  # the interval's lower end is -0.76
        (-1.5, 0.1, 0.0),  # its upper end is -1.24
        (-1.0, 0.1, 0.5),  # half of it is above
        (-1.0 + 0.1 * Z, 0.1, 1.0),  # all but touches
        (-1.0 - 0.1 * Z / 2, 0.1, 0.25),
        (-1.0, 0.0, 1.0),  # reached exactly
        (np.nextafter(-1.0, -2.0), 0.0, 0.0),
    ],
)
def test_the_share_is_that_of_the_interval(
    toy_with_run: Assignment, value: float, error: float, share: float
) -> None:
    found = judged(toy_with_run, figure(value=value, standard_error=error))
    assert found.share == pytest.approx(share, abs=1e-9)
    assert found.threshold == -1.0
    assert found.interval == pytest.approx((value - Z * error, value + Z * error))
    assert "the assignment asks for at least -1" in found.judgement


def test_the_luck_of_the_seed_widens_the_interval_of_what_was_trained(
    toy_with_run: Assignment,
) -> None:
    known = calibrated(profile="cpu", sd=0.4)
    found = judged(toy_with_run, figure(value=-0.5, standard_error=0.3), known)
    # 0.3 and 0.4 make 0.5; the interval is -0.5 -+ 1.288.
    assert found.share == pytest.approx((0.5 * Z + 0.5) / Z)
    assert "seed included" in found.judgement
    handed_in = judged(
        toy_with_run, figure(value=-0.5, standard_error=0.1), known, origin="submitted"
    )
    assert handed_in.share == 1.0 and "seed" not in handed_in.judgement


def test_less_is_better_the_other_way_round(toy_with_run: Assignment) -> None:
    # t(2) at 99 % is 6.9646; with n = 3 the bound is 1 + 6.9646 * 0.1 * sqrt(4 / 3).
    known = calibrated("distance", mean=1.0, sd=0.1)
    bound = 1.0 + 6.964557 * 0.1 * math.sqrt(4 / 3)
    for value, share in ((bound - 0.01, 1.0), (bound, 1.0), (bound + 0.1 * Z, 0.0), (9.0, 0.0)):
        found = judged(toy_with_run, figure("distance", value), known, profile="smoke")
        assert found.threshold == pytest.approx(bound, rel=1e-6)
        assert found.share == pytest.approx(share, abs=1e-4), value
    half = judged(toy_with_run, figure("distance", bound + 0.05 * Z), known, profile="smoke")
    assert half.share == pytest.approx(0.5, abs=1e-4)
    assert "the reference reaches 1 (sd 0.1, 3 seeds), asked is at most 1.804" in half.judgement
    assert "50% of the marks" in half.judgement


def test_what_is_asked_comes_before_what_is_calibrated(toy_with_run: Assignment) -> None:
    known = [calibrated(mean=-50.0, sd=0.0, profile=p) for p in ("smoke", "cpu")]
    asked = judged(toy_with_run, figure(value=-40.0), *known)
    assert (asked.threshold, asked.share) == (-1.0, 0.0)
    other = judged(toy_with_run, figure(value=-40.0), *known, profile="smoke")
    assert other.threshold == pytest.approx(-50.0, rel=1e-3) and other.share == 1.0


def test_thresholds_are_of_the_case_and_the_profile(toy_with_run: Assignment) -> None:
    others = [calibrated(case="fast"), calibrated(profile="full")]
    found = judged(toy_with_run, figure(), *others, profile="smoke")
    assert found.share is None and found.threshold is None
    assert "`grader calibrate toy --profile smoke`" in found.judgement


def test_a_reference_without_spread_leaves_room_for_rounding(toy_with_run: Assignment) -> None:
    known = calibrated(mean=-100.0, sd=0.0)
    for value, share in ((-100.005, 1.0), (-100.02, 0.0)):
        found = judged(toy_with_run, figure(value=value), known, profile="smoke")
        assert found.share == share


@pytest.mark.parametrize(
    ("value", "error", "share"),
    [
        (1.0, 0.0, 1.0),
        (1.01, 0.0, 1.0),
        (0.99, 0.0, 1.0),
        (1.0101, 0.0, 0.0),
        (0.9899, 0.0, 0.0),
        (1.018, 0.0035, 1.0),  # down to 1.009
        (1.018, 0.003, 0.0),
        (0.982, 0.0035, 1.0),
        (1.03, 1.0, 0.0),  # noise makes up for 0.01 at most
        (-4e19, 4e19, 0.0),
    ],
)
def test_near_is_within_the_distance_or_cannot_be_told_from_it(
    toy_with_run: Assignment, value: float, error: float, share: float
) -> None:
    found = judged(toy_with_run, figure("length", value, standard_error=error))
    assert (found.share, found.threshold) == (share, 1.0)
    # What the error of measuring adds is part of the distance that is told.
    words = "asked is 1 to within 0.01;" if not error else "(0.01, and "
    assert words in found.judgement
    assert found.within == pytest.approx(0.01 + min(Z * error, 0.01))


def test_near_allows_for_the_noise_that_the_reference_shows(toy_with_run: Assignment) -> None:
    # With n = 3 that is 6.9646 * 0.05 * sqrt(4 / 3) = 0.402.
    known = calibrated("length", mean=1.0, sd=0.05, profile="cpu")
    for value, error, share in ((1.3, 0.2, 1.0), (1.42, 0.2, 0.0), (1.3, 0.05, 0.0)):
        found = judged(toy_with_run, figure("length", value, standard_error=error), known)
        assert found.share == share, (value, error)
    lost = judged(toy_with_run, figure("length", -4e19, standard_error=4e19), known)
    assert lost.share == 0.0


def test_no_figure_is_a_threshold_missed(toy_with_run: Assignment) -> None:
    found = judged(toy_with_run, figure(value=None, note="2 of 4 values are not finite"))
    assert found.share == 0.0
    assert found.judgement == "there is no figure: 2 of 4 values are not finite"


@pytest.mark.parametrize(
    ("claim", "borne_out"),
    [
        (-101.0, True),
        (-101.4, True),  # half a per cent
        (-101.6, False),
        (-100.4, False),
        (-80.0, False),
        (math.nan, False),
        (math.inf, False),
    ],
)
def test_claims_are_held_against_the_figure(
    toy_with_run: Assignment, claim: float, borne_out: bool
) -> None:
    found = judged(toy_with_run, figure(value=-101.0, claim=claim))
    assert found.claim_is_borne_out is borne_out
    # And whatever is claimed, the figure that was measured gets the marks.
    assert found.share == judged(toy_with_run, figure(value=-101.0)).share


def test_a_claim_may_be_off_by_what_measuring_is_off(toy_with_run: Assignment) -> None:
    for claim, borne_out in ((0.55, True), (0.6, False)):
        found = judged(toy_with_run, figure(value=0.0, standard_error=0.1, claim=claim))
        assert found.claim_is_borne_out is borne_out  # 4 sqrt(2) 0.1 is 0.566
    assert judged(toy_with_run, figure(value=0.0)).claim_is_borne_out is None


# --- how often a right submission suffers ------------------------------------------------------


def draws(seeds: int, repeats: int = 20_000) -> tuple[Any, Any, Any]:
    """Calibrated means and standard deviations, and one more draw each."""
    rng = np.random.default_rng(seeds)
    seen = rng.normal(5.0, 2.0, (repeats, seeds))
    return seen.mean(1), seen.std(1, ddof=1), rng.normal(5.0, 2.0, repeats)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_reference_misses_its_own_threshold_once_in_a_hundred(
    toy_with_run: Assignment, seeds: int, better: str
) -> None:
    (measure,) = [m for m in toy_with_run.description.measures if m.name == "score"]
    measure = measure.model_copy(update={"better": better})
    missed = 0
    means, sds, news = draws(seeds)
    for mean, sd, new in zip(means, sds, news, strict=True):
        threshold = threshold_of(measure, calibrated(mean=mean, sd=sd, n=seeds))
        missed += new < threshold if better == "higher" else new > threshold
    # 200 of 20,000 are expected; a binomial of another rate would be out of this.
    low, high = stats.binom.interval(1 - 1e-6, len(news), 0.01)
    assert low <= missed <= high


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_reference_loses_marks_no_more_often_than_that(
    toy_with_run: Assignment, seeds: int
) -> None:
    repeats = 2000
    lost, worst = 0, 1.0
    for mean, sd, new in zip(*draws(seeds, repeats), strict=True):
        known = calibrated(mean=mean, sd=sd, n=seeds)
        found = judged(toy_with_run, figure(value=new), known, profile="smoke")
        assert found.share is not None
        lost += found.share < 1
        worst = min(worst, found.share)
    low, high = stats.binom.interval(1 - 1e-6, repeats, 0.01)
    assert low <= lost <= high and worst < 1


# --- marks of questions -------------------------------------------------------------------------


def question(
    toy: Assignment, runs: list[RunResult], known: Thresholds | None = None
) -> QuestionMark:
    questions = nothing(toy, None, "not graded")
    decided = decide(toy, questions, judge(toy, known or Thresholds(), runs))
    assert [q for q in decided if q.id != "q1.4"] == [q for q in questions if q.id != "q1.4"]
    return next(q for q in decided if q.id == "q1.4")


GOOD = (figure("distance", 0.1), figure("score", -0.5), figure("length", 1.0))
KNOWN = Thresholds(
    figures=tuple(
        calibrated("distance", mean=0.2, sd=0.01, profile="cpu", case=c) for c in ("slow", "fast")
    )
)


def test_marks_are_shares_by_weight_over_all_cases(toy_with_run: Assignment) -> None:
    right = run_result(*GOOD)
    # The distance has weight 2 of 4, and it is missed in one of two cases.
    wrong = run_result(figure("distance", 9.0), *GOOD[1:], case="fast")
    assert question(toy_with_run, [right], KNOWN).awarded == 2.0
    mark = question(toy_with_run, [right, wrong], KNOWN)
    assert mark.awarded == pytest.approx(2 * 6 / 8)
    assert mark.note == "trained here, profile cpu"
    submitted = [r.model_copy(update={"origin": "submitted"}) for r in (right, wrong)]
    assert "handed in" in question(toy_with_run, submitted, KNOWN).note


@pytest.mark.parametrize("status", ["failed", "absent"])
def test_a_case_without_figures_earns_nothing(toy_with_run: Assignment, status: str) -> None:
    failed = run_result(case="fast", status=status, problem="it raised")
    assert question(toy_with_run, [run_result(*GOOD), failed], KNOWN).awarded == 1.0
    assert question(toy_with_run, [failed], KNOWN).awarded == 0.0


def test_a_measure_that_does_not_apply_to_a_case_does_not_count(toy_with_run: Assignment) -> None:
    without = run_result(figure("distance", 9.0), GOOD[1])
    assert question(toy_with_run, [without], KNOWN).awarded == pytest.approx(2 / 3)


def test_nothing_that_was_measured_is_no_full_marks(toy_with_run: Assignment) -> None:
    mark = question(toy_with_run, [run_result()], KNOWN)
    assert mark.awarded is None and "none of its measures" in mark.note


def test_a_fault_of_ours_keeps_the_question_open(toy_with_run: Assignment) -> None:
    lost = run_result(case="fast", status="not_graded", problem="the disk was full")
    mark = question(toy_with_run, [run_result(*GOOD), lost], KNOWN)
    assert mark.awarded is None
    assert "the disk was full" in mark.note and "no fault of the submission" in mark.note


def test_without_a_threshold_nothing_is_decided(toy_with_run: Assignment) -> None:
    mark = question(toy_with_run, [run_result(*GOOD)])
    assert mark.awarded is None and "`grader calibrate toy --profile cpu`" in mark.note


def test_without_runs_nothing_changes(toy_with_run: Assignment) -> None:
    assert question(toy_with_run, []).awarded is None


def test_a_question_on_two_runs_waits_for_both(toy_with_run: Assignment) -> None:
    about = toy_with_run.description
    second = about.runs[0].model_copy(update={"id": "again", "submitted": None})
    measure = about.measures[1].model_copy(update={"run": "again"})
    toy_with_run.description = about.model_copy(
        update={"runs": (*about.runs, second), "measures": (*about.measures, measure)}
    )
    assert isinstance(second, Run) and isinstance(measure, Measure)
    first, other = run_result(*GOOD), run_result(figure(value=-9.0), run="again")
    waiting = question(toy_with_run, [first], KNOWN)
    assert waiting.awarded is None and waiting.note == "open until there is run again too"
    assert question(toy_with_run, [first, other], KNOWN).awarded == pytest.approx(2 * 4 / 5)
    # What cannot be handed in is not waited for.
    submitted = first.model_copy(update={"origin": "submitted"})
    assert question(toy_with_run, [submitted], KNOWN).awarded == 2.0


@pytest.mark.parametrize(("better", "sign"), [("higher", -1), ("lower", 1)])
def test_a_margin_is_added_to_the_luck_in_its_own_profile_alone(
    toy_with_run: Assignment, better: str, sign: int
) -> None:
    (measure,) = [m for m in toy_with_run.description.measures if m.name == "score"]
    plain = measure.model_copy(update={"better": better})
    generous = plain.model_copy(update={"margin": {"smoke": 7.0}})
    smoke, full = calibrated(profile="smoke"), calibrated(profile="full")
    gained = threshold_of(generous, smoke) - threshold_of(plain, smoke)
    assert gained == pytest.approx(sign * 7.0)
    assert threshold_of(generous, full) == threshold_of(plain, full)


def test_a_margin_widens_what_is_near_in_its_own_profile_alone(toy_with_run: Assignment) -> None:
    measures = [
        m.model_copy(update={"margin": {"smoke": 0.25}}) if m.name == "length" else m
        for m in toy_with_run.description.measures
    ]
    generous = copy.copy(toy_with_run)
    generous.description = toy_with_run.description.model_copy(update={"measures": tuple(measures)})
    for profile, value, error, share in (
        ("smoke", 1.26, 0.0, 1.0),
        ("smoke", 0.74, 0.0, 1.0),
        ("smoke", 1.2601, 0.0, 0.0),
        ("smoke", 1.3, 1.0, 0.0),  # the margin does not let noise count for more
        ("cpu", 1.26, 0.0, 0.0),
        ("cpu", 1.01, 0.0, 1.0),
    ):
        found = judged(generous, figure("length", value, standard_error=error), profile=profile)
        assert found.share == share, (profile, value, error)
        assert ("0.26" in found.judgement) == (profile == "smoke")
