"""Trivial solutions earn nothing of the marks of a figure, in every size that is calibrated."""

from __future__ import annotations

import functools

import pytest

from grader.assignment import Assignment, ProfileName, find_assignment
from grader.batch.plan import planned
from grader.calibrate.trivial import best_of_trivial, flaws
from grader.marks.judging import judge
from grader.marks.thresholds import Thresholds, Trivial, read_thresholds
from grader.results import Figure, RunResult

NAMES = ("ift6135_a3", "cs60073_a3")
PROFILES: tuple[ProfileName, ...] = ("smoke", "cpu", "full")
# Inception v3 and days of training: nothing of it is calibrated.
NOT_CALIBRATED = {("ift6135_a3", "full", "images")}
# Their trivial solutions need no network and are made anew in a second or two.
CHEAP = {
    "ift6135_a3": ["dirac", "planar"],
    "cs60073_a3": ["target", "importance", "gibbs"],
}


@functools.cache
def known(name: str) -> tuple[Assignment, Thresholds]:
    assignment = find_assignment(name)
    return assignment, read_thresholds(assignment)


def share_of(name: str, trivial: Trivial) -> float | None:
    """What a trivial solution's figure earns, were it a submission's that we trained."""
    assignment, thresholds = known(name)
    measure = next(
        m
        for m in assignment.description.measures
        if (m.run, m.name) == (trivial.run, trivial.measure)
    )
    figure = Figure(
        measure=measure.name,
        title=measure.title,
        unit=measure.unit,
        question=measure.question,
        value=trivial.value,
        standard_error=trivial.standard_error,
        weight=measure.weight,
    )
    run = RunResult(
        run=trivial.run,
        case=trivial.case,
        title=trivial.run,
        profile=trivial.profile,
        origin="trained",
        status="finished",
        figures=[figure],
    )
    return judge(assignment, thresholds, [run])[0].figures[0].share


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_no_threshold_is_within_the_reach_of_what_is_trivial(
    name: str, profile: ProfileName
) -> None:
    assignment, thresholds = known(name)
    assert flaws(assignment, thresholds, profile) == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_trivial_solutions_earn_nothing(name: str, profile: ProfileName) -> None:
    tried = [t for t in known(name)[1].trivial if t.profile == profile]
    assert len(tried) > 2
    for trivial in tried:
        assert share_of(name, trivial) == 0.0, trivial


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_every_level_that_was_calibrated_has_a_trivial_solution_below_it(
    name: str, profile: ProfileName
) -> None:
    assignment, thresholds = known(name)
    for run, case in planned(assignment, profile):
        if (name, profile, run.id) in NOT_CALIBRATED:
            continue
        for measure in assignment.description.measures:
            if measure.run == run.id and measure.better != "near":
                place = (profile, run.id, case, measure.name)
                marked = measure.question_in(profile, case) is not None
                assert (thresholds.find_trivial(*place) is not None) == marked, place


@pytest.mark.parametrize("name", NAMES)
def test_every_bounded_figure_says_what_it_can_be(name: str) -> None:
    """Distances, shares, scores and perplexities; a log-likelihood of points has no bounds."""
    words = ("distance", "share of", "score of", "fid", "perplexity", "rate", "classes")
    for measure in known(name)[0].description.measures:
        title = measure.title.lower()
        if measure.unit != "standard errors" and any(word in title for word in words):
            assert (measure.lowest, measure.highest) != (None, None), measure.name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_stored_is_what_trivial_solutions_reach(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment, thresholds = known(name)
    monkeypatch.syspath_prepend(str(assignment.reference))
    anew = best_of_trivial(assignment, "smoke", None, CHEAP[name])
    assert anew
    for trivial in anew:
        stored = thresholds.find_trivial("smoke", trivial.run, trivial.case, trivial.measure)
        assert stored is not None and stored.solution == trivial.solution
        assert stored.value == pytest.approx(trivial.value, rel=1e-3)
