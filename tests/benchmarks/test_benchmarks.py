"""The benchmarks measure what they say they measure, and never fail for being slow."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import benchmarks.__main__ as bench
from benchmarks.figures import Figure, Section, Timing
from grader.assignment import Assignment
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.wall import isolation

TWENTY = bench.TWENTY


def _test_names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]


def test_the_set_has_twenty_checks_over_eight_functions() -> None:
    assignment = Assignment(TWENTY, TWENTY / "reference")
    seen: list[SuitePlugin] = []
    serve_suite(assignment, assignment.hidden, seen.append)
    assert len(seen[0].expected) == 20
    assert sum(len(q.contracts) for q in assignment.about.questions) == 8


def test_plain_pytest_runs_the_same_tests() -> None:
    hidden, plain = (TWENTY / kind / "test_twenty.py" for kind in ("hidden", "plain"))
    assert _test_names(hidden) == _test_names(plain)


def test_figures_know_their_bars() -> None:
    assert Figure("a", 0.1, "s", 0.15).met is True
    assert Figure("a", 0.2, "s", 0.15).met is False
    assert Figure("a", 2.0, "x", 1.5, at_least=True).met is True
    assert Figure("a", 2.0, "x").met is None


def test_timings_are_medians_with_their_count() -> None:
    timing = Timing("a", (3.0, 1.0, 2.0))
    assert (timing.n, timing.median) == (3, 2.0)
    section = Section("title")
    section.timing("a", [3.0, 1.0, 2.0])
    assert section.as_json()["timings"][0] == {
        "name": "a",
        "n": 3,
        "median_s": 2.0,
        "low_s": 1.0,
        "high_s": 3.0,
    }


def test_a_short_run_ends_well(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    assert (
        bench.main(["-n", "1", "--real", "0", "--alone", "1", "--size", "3", "--json", str(out)])
        == 0
    )
    content = json.loads(out.read_text(encoding="utf-8"))
    remarks = [r for s in content["sections"] for r in s["remarks"] if "not measured" in r]
    assert remarks == []
    names = [t["name"] for t in content["sections"][0]["timings"]]
    assert "one warm process, no isolation" in names
    walls = [f.wall for f in isolation.survey() if f.works]
    if not walls:
        pytest.skip("no wall on this machine")
    assert f"our slot behind {walls[0]}" in names
    assert len(content["sections"]) == 2
