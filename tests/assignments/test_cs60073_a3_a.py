"""Part A of cs60073_a3, driven in this process: its suite, its runs and its sample submissions.

What is held here is what the audit cannot see: the runs on right, literal and wrong samplers, and
submissions that were written by other hands than the catalogue's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import grader.suite.stats
from grader.assignment import Assignment
from grader.intake.limits import Notes
from grader.intake.notebooks.notebook import definitions
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Context, Measured
from grader.runs.loading import load_functions, load_parts
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT = Assignment(ROOT / "assignments" / "cs60073_a3", ROOT / "reference" / "cs60073_a3")
FOLDER = ASSIGNMENT.folder
SUBMISSIONS = ROOT / "tests" / "submissions" / "cs60073_a3"
UNITS = [q for q in ASSIGNMENT.about.questions if q.kind == "unit" and q.id.startswith("a.")]


def load(path: Path, name: str, text: str | None = None) -> types.ModuleType:
    """A fresh module from a file, or from a text in its place."""
    if text is not None:
        module = types.ModuleType(name)
        exec(compile(text, str(path), "exec"), module.__dict__)
        return module
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the names in annotations
    spec.loader.exec_module(module)
    return module


REFERENCE = load(ASSIGNMENT.reference / "sampling.py", "reference_sampling")
RUNS = load_functions(ASSIGNMENT, "runs")
MEASURES = load_functions(ASSIGNMENT, "measures")


def student(name: str) -> types.ModuleType:
    """`sampling` of a sample submission."""
    folder = SUBMISSIONS / name
    notebook = folder / "sampling.ipynb"
    if notebook.exists():
        text = definitions(notebook.read_bytes(), notebook.name, Notes()).decode()
        return load(notebook, f"student_{name}", text)
    return load(folder / "sampling.py", f"student_{name}")


# --- a small stand-in for the harness ---------------------------------------------------------


class Here:
    """`submission`, in this process: a module by its name, or a probe."""

    def __init__(self, impl: Any, path: tuple[str, ...] = ()) -> None:
        self._impl = impl
        self._path = path

    def __getattr__(self, name: str) -> Here:
        return Here(self._impl, (*self._path, name))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        try:
            if not self._path:
                return args[0](self._impl, *args[1:], **keywords)
            found = self._impl
            for name in self._path:
                found = getattr(found, name)
            return found(*args, **keywords)
        except Exception as error:
            raise CheckFailed(f"raised {type(error).__name__}: {error}") from error


class Harness:
    """A pytest plugin that gives a suite its fixtures and keeps what came out.

    Attributes:
        outcomes: question, weight, and what went wrong ("" where nothing did), by check.
    """

    def __init__(self, module: types.ModuleType, secret: str) -> None:
        self._impl = types.SimpleNamespace(sampling=module)
        self._secret = secret
        self.outcomes: dict[str, tuple[str, float, str]] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "question(id, weight=1.0): where the marks go")

    @pytest.fixture
    def submission(self) -> Here:
        return Here(self._impl)

    @pytest.fixture(scope="session")
    def probes(self) -> types.ModuleType:
        return load(ASSIGNMENT.probes, "probes_of_cs60073_a3")

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        return Draw(self._secret, f"{request.node.path.name}::{request.node.name}")

    @pytest.fixture
    def expect(self) -> Expect:
        return Expect()

    @pytest.fixture
    def stats(self) -> types.ModuleType:
        return grader.suite.stats

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        mark = item.get_closest_marker("question")
        assert mark is not None
        wrong = ""
        try:
            yield
        except CheckFailed as error:
            wrong = f"failed: {error.rationale} {error.detail}"
        except Exception as error:
            wrong = f"error: {type(error).__name__}: {error}"
        weight = float(mark.kwargs.get("weight", 1.0))
        self.outcomes[item.name] = (mark.args[0], weight, wrong)


def run_suite(module: types.ModuleType, secret: str, suite: str = "hidden") -> Harness:
    """All checks of part A on an implementation."""
    harness = Harness(module, secret)
    paths = [str(p) for p in sorted((FOLDER / suite).glob("test_a*.py"))]
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:timeout"]
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        pytest.main(
            [*options, "-c", os.devnull, "--rootdir", str(FOLDER), *paths], plugins=[harness]
        )
    return harness


def shares(harness: Harness) -> dict[str, float]:
    """The share of each question's marks, from 0 to 1."""
    found: dict[str, list[float]] = {}
    for question, weight, wrong in harness.outcomes.values():
        sums = found.setdefault(question, [0.0, 0.0])
        sums[0] += 0.0 if wrong else weight
        sums[1] += weight
    return {question: earned / total for question, (earned, total) in found.items()}


def wrongs(harness: Harness) -> dict[str, str]:
    return {name: wrong for name, (_, _, wrong) in harness.outcomes.items() if wrong}


# --- the suite --------------------------------------------------------------------------------


def test_each_task_of_the_text_has_its_ten_marks() -> None:
    tasks: dict[str, float] = {}
    for question in ASSIGNMENT.about.questions_of("a"):
        task = question.id.split(".")[1]
        tasks[task] = tasks.get(task, 0.0) + question.marks
    assert tasks == {str(n): pytest.approx(10) for n in range(1, 6)}


@pytest.mark.parametrize("secret", ["one", "two"])
def test_reference_passes_whatever_the_secret(secret: str) -> None:
    harness = run_suite(REFERENCE, secret)
    assert not wrongs(harness)
    assert set(shares(harness)) == {q.id for q in UNITS}


def test_reference_passes_the_public_suite() -> None:
    harness = run_suite(REFERENCE, "public", "public")
    assert harness.outcomes
    assert not wrongs(harness)


def test_nothing_earns_nothing() -> None:
    harness = run_suite(types.ModuleType("empty"), "empty")
    assert all(wrong.startswith("failed") for _, _, wrong in harness.outcomes.values())


def sample_class() -> list[dict[str, Any]]:
    text = (SUBMISSIONS.parent / "cs60073_a3.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["submission"]
    return [e for e in entries if list((SUBMISSIONS / e["id"]).glob("sampling.*"))]


@pytest.mark.parametrize("entry", sample_class(), ids=lambda e: e["id"])
def test_sample_submissions_get_what_they_deserve(entry: dict[str, Any]) -> None:
    harness = run_suite(student(entry["id"]), "samples")
    earned = shares(harness)
    details = wrongs(harness)
    for question in UNITS:
        share = earned[question.id]
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
    known = {m.name for m in ASSIGNMENT.about.measures if m.run == run}
    assert {f.name for f in found.figures} <= known
    assert all(d.png.startswith(b"\x89PNG") for d in found.drawings)
    return {f.name: f.estimate.value if f.estimate else None for f in found.figures}


def _none(name: str) -> Any:
    raise AssertionError(f"{name} is not for part A")


def misses(run: str, found: dict[str, float | None]) -> set[str]:
    """Figures outside of what they may be."""
    outside = set()
    for measure in ASSIGNMENT.about.measures:
        if measure.run == run and measure.name in found:
            value = found[measure.name]
            assert measure.target is not None
            assert measure.within is not None
            if value is None or abs(value - measure.target) > measure.within:
                outside.add(measure.name)
    return outside


CASES = [
    (run.id, case)
    for run in ASSIGNMENT.about.runs
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
