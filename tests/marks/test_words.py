"""What is shown of a figure agrees with what is judged, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grader.assignment import Assignment, Measure
from grader.marks.judging import judge
from grader.marks.thresholds import Calibrated, Thresholds
from grader.marks.words import told
from grader.report.runs import FigureView, run_views
from grader.results import Figure, QuestionMark, Result, RunResult


def read(text: str) -> float:
    return float(text.partition(" ")[0].replace(",", ""))


def reached(measure: Measure, measured: str, asked: str) -> bool:
    """What a reader makes of the two columns."""
    if measure.better == "near":
        target, _, within = asked.partition(" to within ")
        # Sums of decimals are off in their last bit.
        return abs(read(measured) - read(target)) <= read(within) * (1 + 1e-9) + 1e-15
    level = read(asked.removeprefix("at least ").removeprefix("at most "))
    return read(measured) >= level if measure.better == "higher" else read(measured) <= level


def with_measure(toy: Assignment, **more: Any) -> Assignment:
    about = {"name": "score", "run": "fit", "title": "Score", "question": "q1.4"}
    measure = Measure.model_validate({**about, **more})
    toy.description = toy.description.model_copy(update={"measures": (measure,)})
    return toy


def shown(toy: Assignment, value: float, error: float, sd: float, mean: float) -> FigureView:
    (measure,) = toy.description.measures
    known = Thresholds(
        figures=(
            Calibrated(
                profile="cpu", run="fit", case="slow", measure="score", mean=mean, sd=sd, n=5
            ),
        )
    )
    figure = Figure(measure="score", title="Score", unit="", question=measure.question,
                    value=value, standard_error=error, weight=1.0)  # fmt: skip
    run = RunResult(run="fit", case="slow", title="Fit", profile="cpu", origin="trained",
                    status="finished", figures=[figure])  # fmt: skip
    questions = [QuestionMark(id="q1.4", title="", kind="run", marks=2, awarded=1.0)]
    result = Result(assignment="toy", assignment_digest="", secret_id="", submission="ada",
                    source="", source_digest="", status="graded", graded_at="", seconds=0,
                    questions=questions, runs=judge(toy, known, [run]))  # fmt: skip
    (view,) = next(iter(run_views(toy, result, None, for_ta=True).values()))
    return view.cases[0].figures[0]


@pytest.mark.parametrize(
    "how",
    [
        {"better": "higher"},
        {"better": "lower"},
        {"better": "lower", "lowest": 0.0},
        {"better": "near", "target": 0.0, "within": 0.1, "lowest": 0.0},
        {"better": "near", "target": 1.0, "within": 0.012, "margin": {"cpu": 0.5}},
        {"better": "higher", "asked": {"cpu": 0.3}},
    ],
    ids=str,
)
def test_the_sign_agrees_with_the_share_and_with_the_printed_numbers(
    toy_with_run: Assignment, how: dict[str, Any]
) -> None:
    toy = with_measure(toy_with_run, **how)
    (measure,) = toy.description.measures
    rng = np.random.default_rng(5)
    signs = set()
    for _ in range(300):
        sd = float(rng.choice([0.0, 10 ** rng.uniform(-4, 0)]))
        mean = float(abs(rng.normal()) if "lowest" in how else rng.normal())
        bound = shown(toy, 0.5, 0.0, sd, mean)
        # Near enough to the bound to look like it, on either side.
        level = read(bound.asked.removeprefix("at least ").removeprefix("at most "))
        edge = level + (read(bound.asked.partition("within ")[2]) if "within" in bound.asked else 0)
        value = edge + float(rng.choice([-1, 1])) * 10 ** rng.uniform(-9, 0)
        if "lowest" in how:
            value = abs(value)
        error = float(rng.choice([0.0, 10 ** rng.uniform(-5, 0)]))
        view = shown(toy, value, error, sd, mean)
        signs.add(view.sign)
        assert view.share is not None
        assert view.sign == {0.0: "failed", 1.0: "passed"}.get(view.share, "partial")
        fits = reached(measure, view.measured, view.asked)
        if view.sign == "passed":
            assert fits, (value, view)
        if view.sign == "failed":
            assert not fits, (value, view)
        assert view.asked in view.judgement
        if "lowest" in how:
            assert "interval -" not in view.judgement
    assert {"passed", "failed"} <= signs


def test_a_figure_that_is_only_shown_has_no_sign_and_is_asked_nothing(
    toy_with_run: Assignment,
) -> None:
    for more in (
        {"question": None},
        {"shown_only": {"cpu": "all"}},
        {"shown_only": {"cpu": ["slow"]}},
    ):
        toy = with_measure(toy_with_run, better="near", target=0.0, within=5.5, **more)
        view = shown(toy, -15.57, 0.0, 8.0, -3.2)
        assert (view.sign, view.asked, view.judgement, view.share) == ("neutral", "", "", None)


def test_a_figure_in_standard_errors_is_near_within_what_is_stated(
    toy_with_run: Assignment,
) -> None:
    toy = with_measure(toy_with_run, better="near", target=0.0, within=5.5)
    view = shown(toy, -15.57, 0.0, 8.0, -3.2)
    assert (view.sign, view.asked) == ("failed", "0 to within 5.5")


def test_a_figure_printed_like_its_bound_gets_a_further_digit() -> None:
    most = Measure(name="m", run="fit", title="M", better="lower")
    assert told(most, 0.100004, 0.0, 0.1, None) == ("0.100004", "at most 0.1")
    assert told(most, 0.1, 0.0, 0.1, None) == ("0.1", "at most 0.1")
    assert told(most, 0.1004, 0.02, 0.1, None) == ("0.1004 ± 0.0200", "at most 0.1")
