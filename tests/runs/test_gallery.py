"""The page of the reference's runs."""

from __future__ import annotations

from pathlib import Path

from grader.assignment import Assignment, find_assignment
from grader.calibrate.gallery import write_gallery
from grader.marks.thresholds import Calibrated, Thresholds, write_thresholds
from grader.results import Figure, RunResult


def result(run: str, **values: float) -> RunResult:
    figures = [
        Figure.model_validate(
            {"measure": name, "title": f"The {name}", "unit": "", "question": None}
            | {"value": value, "standard_error": 0.25, "weight": 1.0}
        )
        for name, value in values.items()
    ]
    about = {"run": run, "case": "", "title": run, "profile": "full", "origin": "trained"}
    return RunResult.model_validate({**about, "status": "finished", "figures": figures})


def page_of(results: list[RunResult], folder: Path) -> str:
    assignment = find_assignment("cs60073_a3")
    return write_gallery(assignment, results, "full", folder, folder / "docs").read_text()


def test_figures_that_runs_have_in_common_stand_side_by_side(tmp_path: Path) -> None:
    page = page_of(
        [result("gan", fid=34.5, loss=2.0), result("vae", fid=14.0, elbo=-105.0)], tmp_path
    )
    table = page[page.index("## Side by side") :].splitlines()
    assert table[2] == "| figure | VAE on MNIST | GAN on MNIST |"
    assert table[4:] == ["| The fid | 14.00 ± 0.25 | 34.50 ± 0.25 |"]


def test_without_such_figures_there_is_no_table(tmp_path: Path) -> None:
    assert "Side by side" not in page_of(
        [result("gan", loss=2.0), result("vae", elbo=-1.0)], tmp_path
    )


def test_cases_stand_side_by_side_with_their_luck(tmp_path: Path, toy_with_run: Assignment) -> None:
    found = {"slow": (3.0, 0.25), "fast": (12.0, 1.5)}
    figures = [
        Calibrated(profile="full", run="fit", case=case, measure="distance", mean=mean, sd=sd, n=4)
        for case, (mean, sd) in found.items()
    ]
    write_thresholds(toy_with_run, Thresholds(figures=tuple(figures)))
    cases = [result("fit", distance=9.0).model_copy(update={"case": case}) for case in found]
    folder = tmp_path / "docs"
    page = write_gallery(toy_with_run, cases, "full", tmp_path, folder).read_text()
    table = page[page.index("### Fit a mean: all cases") :].splitlines()
    assert "over 4 seeds" in table[2]
    assert table[4].startswith("| case | Distance from the mean of the points | Closeness |")
    assert table[6:8] == ["| slow | 3.00 ± 0.25 |  |  |", "| fast | 12.0 ± 1.5 |  |  |"]
    alone = write_gallery(toy_with_run, cases[:1], "full", tmp_path, folder).read_text()
    assert "all cases" not in alone
