"""`thresholds.toml`: what is written is what is read."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from grader.assignment import Assignment, AssignmentError
from grader.marks.thresholds import (
    Calibrated,
    Cost,
    Thresholds,
    read_thresholds,
    write_thresholds,
)


def figure(run: str = "fit", case: str = "slow", mean: float = 1.5, **more: object) -> Calibrated:
    about = {"profile": "smoke", "run": run, "case": case, "measure": "distance"}
    return Calibrated.model_validate(about | {"mean": mean, "sd": 0.25, "n": 3} | more)


def cost(run: str = "fit", case: str = "slow", **more: object) -> Cost:
    about = {"profile": "smoke", "run": run, "case": case, "steps": 300, "seconds": 1.5, "n": 3}
    return Cost.model_validate(about | {"data": "points", "environment": "torch"} | more)


def test_without_a_file_there_are_no_thresholds(toy_with_run: Assignment) -> None:
    assert read_thresholds(toy_with_run) == Thresholds()


def test_what_is_written_is_read(toy_with_run: Assignment) -> None:
    odd = 'digits "8 x 8"; C:\\data, \u00e9'
    written = Thresholds(
        figures=(figure(), figure(case="", mean=-102.123456789), figure(mean=3e-9, sd=1e-11)),
        costs=(cost(data=odd), cost(case="")),
    )
    write_thresholds(toy_with_run.thresholds, "toy", written)
    read = read_thresholds(toy_with_run)
    assert read.costs == written.costs
    for got, wanted in zip(read.figures, written.figures, strict=True):
        assert got.mean == pytest.approx(wanted.mean, rel=1e-7)
        assert got.sd == pytest.approx(wanted.sd, rel=1e-7)
    text = toy_with_run.thresholds.read_text()
    assert text.startswith("# Written by `grader calibrate toy`; do not edit.")
    assert not list(toy_with_run.folder.glob("*.tmp"))


def test_a_threshold_is_found_by_all_four_names() -> None:
    thresholds = Thresholds(figures=(figure(), figure(case="fast", mean=2.0)))
    found = thresholds.find("smoke", "fit", "fast", "distance")
    assert found is not None and found.mean == 2.0
    for names in (
        ("cpu", "fit", "fast", "distance"),
        ("smoke", "fitted", "fast", "distance"),
        ("smoke", "fit", "", "distance"),
        ("smoke", "fit", "fast", "score"),
    ):
        assert thresholds.find(*names) is None


def test_cases_that_are_calibrated_anew_replace_the_old_ones_whole() -> None:
    old = Thresholds(
        figures=(
            figure(measure="gone"),
            figure(),
            figure(case="fast"),
            figure(profile="cpu"),
        ),
        costs=(cost(), cost(case="fast"), cost(profile="cpu")),
    )
    new = old.replaced_by([figure(mean=9.0)], [cost(seconds=7.0)])
    assert new.figures == (figure(profile="cpu"), figure(case="fast"), figure(mean=9.0))
    assert new.costs == (cost(profile="cpu"), cost(case="fast"), cost(seconds=7.0))
    assert old.replaced_by([], []).figures == tuple(
        sorted(old.figures, key=lambda f: (f.profile, f.run, f.case, repr(f)))
    )


def test_what_the_assignment_no_longer_has_goes(toy_with_run: Assignment) -> None:
    (run,) = [r for r in toy_with_run.about.runs if r.id == "fit"]
    smaller = run.profiles["smoke"].model_copy(update={"cases": ("slow",)})
    run = run.model_copy(update={"profiles": {"smoke": smaller}})
    now = copy.copy(toy_with_run)
    now.about = toy_with_run.about.model_copy(update={"runs": (run,)})
    kept = Thresholds(figures=(figure(),), costs=(cost(),))
    strays = {"case": "fast", "profile": "full", "run": "gone", "measure": "gone"}
    for name, stray in strays.items():
        mixed = Thresholds(
            figures=(figure(), figure().model_copy(update={name: stray})),
            costs=(cost(), *([cost().model_copy(update={name: stray})] * (name != "measure"))),
        )
        assert mixed.still_in(now) == kept, name
    assert Thresholds(figures=(figure(case="fast"),)).still_in(toy_with_run).figures


@pytest.mark.parametrize(
    "text",
    [
        "[[figures]\n",
        "[[figures]]\nprofile = 'smoke'\n",
        "[[nosuch]]\nx = 1\n",
        "\ud800",
    ],
)
def test_a_damaged_file_names_itself_and_the_remedy(toy_with_run: Assignment, text: str) -> None:
    toy_with_run.thresholds.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(AssignmentError, match=re.escape(str(toy_with_run.thresholds))) as failure:
        read_thresholds(toy_with_run)
    assert "`grader calibrate toy`" in str(failure.value)


@pytest.mark.parametrize(
    "wrong", [{"sd": -1.0}, {"n": 1}, {"mean": float("nan")}, {"sd": float("inf")}]
)
def test_figures_that_say_nothing_are_no_thresholds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        figure(**wrong)


def test_a_file_is_whole_or_not_there(toy_with_run: Assignment, tmp_path: Path) -> None:
    write_thresholds(toy_with_run.thresholds, "toy", Thresholds(figures=(figure(),)))
    with pytest.raises(AttributeError):
        write_thresholds(toy_with_run.thresholds, "toy", None)  # type: ignore[arg-type]
    assert read_thresholds(toy_with_run).figures == (figure(),)
