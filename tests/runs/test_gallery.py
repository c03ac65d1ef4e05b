"""The page of the reference's runs."""

from __future__ import annotations

from pathlib import Path

from grader.assignment import find_assignment
from grader.results import Figure, RunResult
from grader.runs.gallery import write_gallery


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
