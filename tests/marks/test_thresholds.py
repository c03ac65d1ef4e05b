"""`thresholds.csv` and `costs.csv`: what is written is what is read."""

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
    Trivial,
    read_thresholds,
    write_thresholds,
    written_thresholds,
)


def figure(run: str = "fit", case: str = "slow", mean: float = 1.5, **more: object) -> Calibrated:
    about = {"profile": "smoke", "run": run, "case": case, "measure": "distance"}
    return Calibrated.model_validate(about | {"mean": mean, "sd": 0.25, "n": 3} | more)


def cost(run: str = "fit", case: str = "slow", **more: object) -> Cost:
    about = {"profile": "smoke", "run": run, "case": case, "steps": 300, "seconds": 1.5, "n": 3}
    return Cost.model_validate(about | {"data": "points", "environment": "torch"} | more)


def trivial(case: str = "slow", solution: str = "zeros") -> Trivial:
    about = {"profile": "smoke", "run": "fit", "case": case, "measure": "distance"}
    found = {"solution": solution, "value": 2.5, "standard_error": 0.5}
    return Trivial.model_validate(about | found)


def test_without_a_file_there_are_no_thresholds(toy_with_run: Assignment) -> None:
    assert read_thresholds(toy_with_run) == Thresholds()


def test_what_is_written_is_read(toy_with_run: Assignment) -> None:
    odd = 'digits "8 x 8"; C:\\data, \u00e9'
    written = Thresholds(
        figures=(
            figure(case="", mean=-102.123456789),
            figure(case="fast", mean=3e-9, sd=1e-11),
            figure(),
        ),
        costs=(cost(case=""), cost(data=odd)),
        trivial=(trivial(), trivial(case="alone", solution=odd)),
    )
    write_thresholds(toy_with_run, written)
    read = read_thresholds(toy_with_run)
    assert read.costs == written.costs
    assert sorted(read.trivial, key=repr) == sorted(written.trivial, key=repr)
    for got, wanted in zip(read.figures, written.figures, strict=True):
        assert got.mean == pytest.approx(wanted.mean, rel=1e-7)
        assert got.sd == pytest.approx(wanted.sd, rel=1e-7)
    text = toy_with_run.thresholds.read_text()
    assert "\nsmoke,fit,slow,distance,1.5,0.25,3,zeros,2.5,0.5\n" in text
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
    (run,) = [r for r in toy_with_run.description.runs if r.id == "fit"]
    smaller = run.profiles["smoke"].model_copy(update={"cases": ("slow",)})
    run = run.model_copy(update={"profiles": {"smoke": smaller}})
    now = copy.copy(toy_with_run)
    now.description = toy_with_run.description.model_copy(update={"runs": (run,)})
    kept = Thresholds(figures=(figure(),), costs=(cost(),))
    strays = {"case": "fast", "profile": "full", "run": "gone", "measure": "gone"}
    for name, stray in strays.items():
        mixed = Thresholds(
            figures=(figure(), figure().model_copy(update={name: stray})),
            costs=(cost(), *([cost().model_copy(update={name: stray})] * (name != "measure"))),
        )
        assert mixed.still_in(now) == kept, name
    assert Thresholds(figures=(figure(case="fast"),)).still_in(toy_with_run).figures


HEAD = "profile,run,case,measure,mean,sd,n,trivial,reaches,error\n"
LINE = "smoke,fit,slow,distance,1.5,0.25,3,,,\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "its columns are ; expected profile, run"),
        ("profile,run\n", 1, "its columns are profile, run; expected profile, run, case, measure"),
        (HEAD + LINE + "smoke,fit\n", 3, "it has 2 cells; expected 10"),
        (HEAD + LINE.replace("1.5", "much"), 2, "mean: Input should be a valid number"),
        (HEAD + LINE.replace("1.5", "nan"), 2, "mean: Input should be a finite number"),
        (HEAD + LINE.replace("0.25", ""), 2, "sd: Input should be a valid number"),
        (HEAD + LINE.replace("smoke", "smok"), 2, "profile: Input should be 'smoke', 'cpu'"),
        (HEAD + LINE.replace(",,,", ",zeros,2.5,"), 2, "standard_error: Input should be"),
        (HEAD + LINE + LINE, 3, "a second line for smoke fit slow distance"),
        (HEAD + LINE + 'smoke,"fit\n', 3, "unexpected end of data"),
        ("\ud800", 1, "invalid"),
    ],
)
def test_a_damaged_line_is_named_with_what_is_wrong_and_the_remedy(
    toy_with_run: Assignment, text: str, line: int, words: str
) -> None:
    toy_with_run.thresholds.write_bytes(text.encode("utf-8", "surrogatepass"))
    where = re.escape(f"{toy_with_run.thresholds}:{line}: ")
    with pytest.raises(AssignmentError, match=where) as failure:
        read_thresholds(toy_with_run)
    assert words in str(failure.value) and "`grader calibrate toy`" in str(failure.value)


def resized(assignment: Assignment, **full: object) -> Assignment:
    """The assignment with a `full` that is `cpu` but for what is named."""
    (run,) = [r for r in assignment.description.runs if r.id == "fit"]
    profiles = run.profiles | {"full": run.profiles["cpu"].model_copy(update=full)}
    run = run.model_copy(update={"profiles": profiles})
    changed = copy.copy(assignment)
    changed.description = assignment.description.model_copy(update={"runs": (run,)})
    return changed


def test_a_profile_of_the_same_size_has_the_figures_of_the_one_before_it(
    toy_with_run: Assignment,
) -> None:
    same = resized(toy_with_run, seconds=99.0)
    at_cpu, at_full = (figure(profile=profile) for profile in ("cpu", "full"))
    write_thresholds(same, Thresholds(figures=(at_cpu,), costs=(cost(profile="cpu"),)))
    assert read_thresholds(same).figures == (at_cpu, at_full)
    assert read_thresholds(same).costs == (cost(profile="cpu"), cost(profile="full"))
    for larger in ({"steps": 401}, {"data": "real"}, {"settings": {"batch": 8}}):
        assert read_thresholds(resized(toy_with_run, **larger)).figures == (at_cpu,)
    # What is the same is not written twice; what was calibrated apart stays.
    write_thresholds(same, Thresholds(figures=(at_cpu, at_full)))
    assert written_thresholds(same).figures == (at_cpu,)
    apart = Thresholds(figures=(at_cpu, figure(profile="full", mean=1.25)))
    write_thresholds(same, apart)
    assert written_thresholds(same) == read_thresholds(same) == apart


@pytest.mark.parametrize(
    "wrong", [{"sd": -1.0}, {"n": 1}, {"mean": float("nan")}, {"sd": float("inf")}]
)
def test_figures_that_say_nothing_are_no_thresholds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        figure(**wrong)


def test_a_file_is_whole_or_not_there(toy_with_run: Assignment, tmp_path: Path) -> None:
    write_thresholds(toy_with_run, Thresholds(figures=(figure(),)))
    with pytest.raises(AttributeError):
        write_thresholds(toy_with_run, None)  # type: ignore[arg-type]
    assert read_thresholds(toy_with_run).figures == (figure(),)
