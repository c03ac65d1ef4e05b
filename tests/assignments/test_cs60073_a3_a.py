"""Part A of cs60073_a3, driven in this process: its suite, its runs and its sample submissions.

What is held here is what the audit cannot see: the runs on right, literal and wrong samplers, and
submissions that were written by other hands than the catalogue's.
"""

from __future__ import annotations

import tomllib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.assignment import find_assignment
from grader.intake.limits import Notes
from grader.intake.notebooks.notebook import definitions
from grader.marks.bounds import allowed
from grader.runs.artefacts import Artefacts
from grader.runs.loading import load_functions, load_parts
from grader.runs.measured import Context, Measured
from grader.suite.local import load_file, load_text
from grader.suite.trial import try_suite

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT = find_assignment("cs60073_a3")
SUBMISSIONS = ROOT / "tests" / "submissions" / "cs60073_a3"
UNITS = [q for q in ASSIGNMENT.description.questions if q.kind == "unit" and q.id.startswith("a.")]


REFERENCE = load_file(ASSIGNMENT.reference / "sampling.py", "reference_sampling")
RUNS = load_functions(ASSIGNMENT, "runs")
MEASURES = load_functions(ASSIGNMENT, "measures")


def student(name: str) -> types.ModuleType:
    """`sampling` of a sample submission."""
    folder = SUBMISSIONS / name
    notebook = folder / "sampling.ipynb"
    if notebook.exists():
        text = definitions(notebook.read_bytes(), notebook.name, Notes()).decode()
        return load_text(text, f"student_{name}")
    return load_file(folder / "sampling.py", f"student_{name}")


# --- the suite --------------------------------------------------------------------------------


def test_each_task_of_the_text_has_its_ten_marks() -> None:
    tasks: dict[str, float] = {}
    for question in ASSIGNMENT.description.questions_of("a"):
        task = question.id.split(".")[1]
        tasks[task] = tasks.get(task, 0.0) + question.marks
    assert tasks == {str(n): pytest.approx(10) for n in range(1, 6)}


def sample_class() -> list[dict[str, Any]]:
    text = (SUBMISSIONS.parent / "cs60073_a3.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["submission"]
    return [e for e in entries if list((SUBMISSIONS / e["id"]).glob("sampling.*"))]


@pytest.mark.parametrize("entry", sample_class(), ids=lambda e: e["id"])
def test_sample_submissions_get_what_they_deserve(entry: dict[str, Any]) -> None:
    modules = {"sampling": student(entry["id"])}
    checks = try_suite(ASSIGNMENT, modules, "samples", questions=frozenset(q.id for q in UNITS))
    details = [f"{c.id}: {c.rationale} {c.detail}" for c in checks if c.outcome != "passed"]
    for question in UNITS:
        share = sum(c.awarded or 0.0 for c in checks if c.question == question.id) / question.marks
        if question.id in entry["full"]:
            assert share == pytest.approx(1), details
        elif question.id in entry.get("partial", []):
            assert 0 < share < 1, details
        else:
            assert question.id in entry["zero"]
            assert share == 0, details


# --- the runs ---------------------------------------------------------------------------------


def measured(
    run: str, case: str, module: types.ModuleType, profile: Any = "smoke"
) -> dict[str, float | None]:
    """The figures of one case of a run with an implementation."""
    size = ASSIGNMENT.run(run).profiles[profile]
    np.random.seed(7)
    training = RUNS[run](
        types.SimpleNamespace(sampling=module), case, size.steps, dict(size.settings), {}
    )
    steps = []
    while True:
        try:
            steps.append(next(training))
        except StopIteration as end:
            left = end.value
            break
    assert steps == list(range(1, size.steps + 1))
    return figures(run, case, Artefacts.from_plain(left))


def figures(run: str, case: str, artefacts: Artefacts) -> dict[str, float | None]:
    size = ASSIGNMENT.run(run).profiles["smoke"]
    context = Context(case, size.steps, size.settings, 1, _none, _none, Path())
    found: Measured = MEASURES[run](artefacts, context)
    known = {m.name for m in ASSIGNMENT.description.measures if m.run == run}
    assert {f.name for f in found.figures} <= known
    assert all(d.png.startswith(b"\x89PNG") for d in found.drawings)
    return {f.name: f.estimate.value if f.estimate else None for f in found.figures}


def _none(name: str) -> Any:
    raise AssertionError(f"{name} is not for part A")


def misses(run: str, found: dict[str, float | None]) -> set[str]:
    """Figures outside of what they may be."""
    outside = set()
    for measure in ASSIGNMENT.description.measures:
        if measure.run == run and measure.name in found:
            value = found[measure.name]
            assert measure.target is not None
            if value is None or abs(value - measure.target) > allowed(measure, "smoke"):
                outside.add(measure.name)
    return outside


CASES = [
    (run.id, case)
    for run in ASSIGNMENT.description.runs
    if run.modules == ("sampling",)
    for case in run.cases_of("smoke")
]


@pytest.mark.parametrize(("run", "case"), CASES, ids="-".join)
@pytest.mark.parametrize("name", ["anjali_right", "bimal_notebooks"])
def test_right_samplers_reach_the_truth(run: str, case: str, name: str) -> None:
    assert misses(run, measured(run, case, student(name))) == set()


@pytest.mark.parametrize(
    ("run", "case", "wrong"),
    [
        ("rejection", "", {"acceptance_rate", "distance", "bias"}),
        ("gibbs", "", {"conditional_variance"}),
    ],
)
def test_wrong_samplers_do_not(run: str, case: str, wrong: set[str]) -> None:
    """Accepting without a random number; and a variance in the place of a standard deviation,
    which leaves autocorrelation and correlation as they are."""
    found = misses(run, measured(run, case, student("chitra_mistakes")))
    assert wrong <= found
    assert not {"memory", "autocorrelation", "correlation"} & found


def test_what_is_not_there_costs_its_own_figure() -> None:
    half = types.ModuleType("half")
    half.self_normalized_mean = REFERENCE.self_normalized_mean  # type: ignore[attr-defined]
    found = measured("importance", "", half)
    assert found["mean"] is not None
    assert found["variance"] is None
    assert found["effective_sample_size"] is None


def test_a_run_that_was_handed_in_may_name_its_own_constant() -> None:
    """With the claim c the points are held against what that constant lets through."""
    rng = np.random.default_rng(11)
    points = load_parts(ASSIGNMENT, "measures")["a"].MIXTURE.draw(4000, rng)
    claims = {"acceptance_rate": 1 / 20, "c": 20.0}
    flagged = Artefacts(arrays={"points": points}, claims=claims)
    literal = Artefacts(arrays={"points": points}, claims={"acceptance_rate": 1 / 20})
    assert misses("rejection", figures("rejection", "", flagged)) == set()
    assert "acceptance_rate" in misses("rejection", figures("rejection", "", literal))


@pytest.mark.parametrize("reading", ["in turn", "at random"])
def test_gibbs_by_single_coordinates_is_measured_as_such(reading: str) -> None:
    def sampler(correlation: float, x0: Any, n: int, rng: np.random.Generator) -> Any:
        x, rows = np.array(x0, dtype=float), []
        for t in range(n):
            k = t % 2 if reading == "in turn" else int(rng.integers(2))
            x[k] = correlation * x[1 - k] + np.sqrt(1 - correlation**2) * rng.standard_normal()
            rows.append(x.copy())
        return np.array(rows)

    module = types.ModuleType("single")
    module.gibbs_sampling = sampler  # type: ignore[attr-defined]
    module.thin = REFERENCE.thin  # type: ignore[attr-defined]
    module.autocorrelation = REFERENCE.autocorrelation  # type: ignore[attr-defined]
    assert "memory" not in misses("gibbs", measured("gibbs", "", module))
    assert "conditional_variance" not in misses("gibbs", measured("gibbs", "", module))
