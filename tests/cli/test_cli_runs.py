"""Runs as people ask for them, and what is said when they cannot be had."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from grader.results import Result
from grader.store.store import read_results
from tests.conftest import RIGHT, TOY, WITH_RUN, write_tree

# Two or three seconds of torch for each of a batch's processes, and the machine may be busy.
pytestmark = pytest.mark.timeout(900)

CLASS = {
    "alice_20201111": RIGHT,
    "bob": RIGHT | {"mean.py": "def mean(x):\n    return x.mean(dim=1) + 5\n"},
    "carol": RIGHT | {"mean.py": "def mean(x):\n    raise ValueError\n"},
}


class Home:
    """A home with the toy, a class, and the commands."""

    def __init__(self, root: Path, files: dict[str, str]) -> None:
        self.root = root
        self.home = write_tree(root / "home", files)
        for name, texts in CLASS.items():
            write_tree(root / "class" / name, texts)
        self.toml = self.home / "assignments" / "toy" / "assignment.toml"
        self.out = root / "out"

    def __call__(self, *arguments: str | Path, status: int = 0) -> tuple[str, str]:
        environment = {"GRADER_HOME": str(self.home), "GRADER_CACHE": str(self.root / "cache")}
        plain = {k: v for k, v in os.environ.items() if k != "GRADER_DATA"}
        done = subprocess.run(
            [sys.executable, "-c", "from grader.cli import main; main()", *map(str, arguments)],
            env=plain | environment | {"COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, " ".join(done.stderr.split())

    def grade(self, *options: str | Path, status: int = 0) -> tuple[str, str]:
        arguments = ("grade", "toy", self.root / "class", "--out", self.out, "--jobs", "1")
        return self(*arguments, "--no-report", *options, status=status)

    def results(self) -> dict[str, Result]:
        return {r.submission: r for r in read_results(self.out)[1]}

    def marks(self) -> dict[str, float | None]:
        """What a rehearsal gave, which is not marks."""
        found = {
            name: next(q for q in result.questions if q.id == "q1.4")
            for name, result in self.results().items()
        }
        assert all(q.awarded is None for q in found.values())
        return {name: q.rehearsed for name, q in found.items()}


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The toy, calibrated over two seeds in profile smoke."""
    home = Home(tmp_path_factory.mktemp("runs"), WITH_RUN)
    said, _ = home("calibrate", "toy", "--profile", "smoke", "--seeds", "2", "--jobs", "1")
    assert "What the reference reaches" in said and "distance" in said and "thresholds.csv" in said
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, WITH_RUN)


def trained(root: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in root.glob("*/trained.json")}


def test_a_class_is_trained_measured_and_judged(calibrated: Home) -> None:
    text = calibrated.toml.with_name("thresholds.csv").read_text()
    assert len(text.splitlines()) == 7
    assert len(calibrated.toml.with_name("costs.csv").read_text().splitlines()) == 3
    table, _ = calibrated.grade("--runs", "smoke")
    marks = calibrated.marks()
    # A mean that is off by five misses distance and score; the path has its length.
    assert marks == {"alice_20201111": 2.0, "bob": 0.5, "carol": 0.0}
    assert "q1.4" in table and "unit-tested questions and training runs" in " ".join(table.split())
    words = " ".join(table.split())
    assert "(2)" in words and "rehearsal in size smoke: not marks (q1.4)" in words
    carol = calibrated.results()["carol"].runs[0]
    assert carol.status == "failed" and "ValueError in mean.py, line 2" in carol.problem

    # The same again finds everything; a changed measure is computed anew, and nothing is trained.
    before = trained(calibrated.out / "artefacts")
    assert len(before) == 4
    calibrated.grade("--runs", "smoke", "--again")
    assert calibrated.marks() == marks and trained(calibrated.out / "artefacts") == before


def test_a_rehearsal_is_exported_as_marks_only_where_it_is_asked_for(calibrated: Home) -> None:
    calibrated.grade("--runs", "smoke")
    path = calibrated.root / "marks.csv"
    for options, marks, said_so in ((), "", "left out"), (("--rehearsal",), "2", "counted"):
        _, said = calibrated("export", calibrated.out, "--to", path, *options)
        assert "rehearsal in size smoke: not marks (q1.4)" in said and said_so in said
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}
        alice = rows["alice_20201111"]
        assert alice["q1.4"] == marks
        assert "rehearsal in size smoke: not marks" in alice["notes"]
    for result in calibrated.results().values():
        assert result.decided_marks == sum(q.marks for q in result.questions if q.kind == "unit")
    said, _ = calibrated.grade("--runs", "smoke", "--json")
    alice = json.loads(said)[0]
    assert alice["questions"]["q1.4"] is None and alice["rehearsed"] == {"q1.4": 2.0}
    assert "not marks" in alice["rehearsal"]
    said, _ = calibrated("show", "toy")
    assert "smoke is a rehearsal: not marks" in said


TRIVIAL = """
import numpy as np
from grader.runs.artefacts import Artefacts


def fit(context):
    return {"a network of zeros": Artefacts(weights={"fit": {"at": np.zeros(2, np.float32)}})}
"""


def test_a_threshold_that_a_trivial_solution_reaches_is_refused(calibrated: Home) -> None:
    path = calibrated.toml.with_name("thresholds.csv")
    before, trivial = path.read_text(), calibrated.toml.with_name("trivial.py")
    trivial.write_text(TRIVIAL)
    try:
        _, said = calibrated("calibrate", "toy", "--profile", "smoke", "--trivial", status=2)
    finally:
        trivial.unlink()
    assert (
        "a network of zeros" in said and "take more seeds, a longer run or another measure" in said
    )
    assert "thresholds.csv stays as it was" in said and path.read_text() == before


def test_calibrating_again_goes_on_where_it_was(calibrated: Home) -> None:
    folder = calibrated.root / "cache" / "calibration" / "toy" / "artefacts"
    before = trained(folder)
    path = calibrated.toml.with_name("thresholds.csv")
    text = path.read_text()
    calibrated("calibrate", "toy", "--profile", "smoke", "--seeds", "2", "--run", "fit")
    assert trained(folder) == before and len(before) == 4 and path.read_text() == text


def test_what_was_handed_in_is_measured(home: Home) -> None:
    home.toml.with_name("thresholds.csv").write_text(
        "profile,run,case,measure,mean,sd,n,trivial,reaches,error\n"
        "full,fit,slow,distance,1.0,0.1,3,,,\n"
        "full,fit,fast,distance,1.0,0.1,3,,,\n"
    )
    folder = home.root / "class" / "alice_20201111" / "models"
    folder.mkdir()
    for case in ("slow", "fast"):
        save_file({"at": np.zeros(2, dtype=np.float32)}, folder / f"fit-{case}.safetensors")
    (folder / "fit-fast.json").write_text('{"distance": -80.0}')
    (home.root / "class" / "bob" / "fit-slow.pt").write_bytes(b"PK pickled")
    said, _ = home.grade("--runs", "submitted", "--json")
    rows = {r["submission"]: r["questions"]["q1.4"] for r in json.loads(said)}
    assert rows == {"alice_20201111": 2.0, "bob": 0.0, "carol": 0.0}
    results = home.results()
    claimed = results["alice_20201111"].runs[1].figures[0]
    assert (claimed.claim, claimed.claim_is_borne_out) == (-80.0, False) and claimed.share == 1.0
    slow, fast = results["bob"].runs
    assert (
        "fit-slow.pt is a pickle" in slow.problem and "safetensors.torch.save_file" in slow.problem
    )
    assert fast.problem.startswith("no fit-fast.safetensors was handed in")
    assert fast.status == "absent"
    assert not trained(home.out / "artefacts")


def test_a_measure_that_breaks_is_said_and_costs_nobody_a_mark(home: Home) -> None:
    measures = home.toml.with_name("measures.py")
    measures.write_text(measures.read_text().replace("np.hypot", "np.hypotenuse"))
    _, said = home.grade("--runs", "smoke", "--only", "alice_20201111", status=3)
    assert home.marks()["alice_20201111"] is None
    assert "hypotenuse" in said and "measures.py" in said and "through no fault" in said
    assert home.results()["alice_20201111"].questions[0].awarded == 4.0


def test_a_reference_that_fails_is_no_yardstick(home: Home) -> None:
    reference = home.home / "reference" / "toy" / "mean.py"
    reference.write_text(reference.read_text().replace("x.sum(1)", "x.sum(7)"))
    _, said = home(
        "calibrate", "toy", "--profile", "smoke", "--seeds", "2", "--jobs", "1", status=2
    )
    assert "the reference fails in Fit a mean: slow" in said and "IndexError in mean.py" in said
    assert not home.toml.with_name("thresholds.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--runs", "smoke", "--run", "nosuch"],
            "no such run; there are fit",
        ),
        (["--run", "fit"], "--run fit: say with --runs how it is to be run"),
        (["--runs", "huge"], "'huge' is not one of"),
        (["--runs", "smoke", "--data", "/no/such/folder"], "it is not a folder"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_graded(
    home: Home, options: list[str], words: str
) -> None:
    _, said = home.grade(*options, status=2)
    assert words in said


def test_real_data_are_asked_for_by_name(home: Home) -> None:
    text = home.toml.read_text()
    home.toml.write_text(text.replace("steps = 400\n", 'steps = 400\ndata = "real"\n'))
    for command in (
        ("grade", "toy", home.root / "class", "--out", home.out, "--runs", "cpu"),
        ("calibrate", "toy", "--profile", "cpu"),
    ):
        _, said = home(*command, status=2)
        assert "profile cpu needs the real data sets planar_arcs" in said
        assert "--data or GRADER_DATA" in said and "grader data prepare" in said


def test_an_assignment_without_runs_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path, TOY)
    _, said = home.grade("--runs", "smoke", status=2)
    assert "--runs smoke: no run has profile smoke" in said
    _, said = home("calibrate", "toy", "--profile", "smoke", status=2)
    assert "no run has profile smoke" in said


def test_a_damaged_thresholds_file_is_named(home: Home) -> None:
    home.toml.with_name("thresholds.csv").write_text("figures = 3\n")
    _, said = home("calibrate", "toy", "--profile", "smoke", status=2)
    assert "thresholds.csv:1: cannot be used" in said


def test_a_gallery_shows_what_the_reference_left(calibrated: Home, tmp_path: Path) -> None:
    folder = calibrated.root / "cache" / "calibration" / "toy" / "artefacts"
    before = trained(folder)
    said, _ = calibrated("gallery", "toy", "--profile", "smoke", "--to", tmp_path, "--jobs", "1")
    assert "Written:" in said and trained(folder) == before
    page = (tmp_path / "toy.md").read_text()
    assert page.index("## Fit a mean") < page.index(": slow") < page.index(": fast")
    assert "| Distance from the mean of the points | " in page
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert shown and {p.name for p in (tmp_path / "toy").iterdir()} == {
        Path(name).name for name in shown
    }
    told = calibrated("gallery", "toy", "--profile", "smoke", "--run", "none", status=2)[1]
    assert "there is no such run; there are fit" in told
