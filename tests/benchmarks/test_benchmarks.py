"""The benchmarks measure what they say they measure, and never fail for being slow."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import benchmarks.__main__ as bench
from benchmarks import thousand
from benchmarks.direct import Direct
from benchmarks.figures import Figure, Section, Timing
from grader.assignment import Assignment, find_assignment
from grader.catalogue import read_catalogue
from grader.suite.local import load_probes
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
    assert sum(len(q.contracts) for q in assignment.description.questions) == 8


def test_plain_pytest_runs_the_same_tests() -> None:
    hidden, plain = (TWENTY / kind / "test_twenty.py" for kind in ("hidden", "plain"))
    assert _test_names(hidden) == _test_names(plain)


def test_the_reference_passes_where_there_is_no_wall() -> None:
    assignment = find_assignment("ift6135_a3")

    def serve(plugin: SuitePlugin) -> None:
        submission = Direct(
            assignment, assignment.reference, assignment.reference, load_probes(assignment)
        )
        observed = plugin.run(submission, "secret", plugin.expected)  # type: ignore[arg-type]
        submission.close()
        assert {name for name, seen in observed.items() if seen.outcome != "passed"} == set()

    serve_suite(assignment, assignment.hidden, serve)


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
    short = "-n 1 --real 0 --alone 1 --size 3 --no-others --json"
    assert bench.main([*short.split(), str(out)]) == 0
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


def test_a_generated_class_holds_variants_and_mistakes(tmp_path: Path) -> None:
    assignment, _ = bench._real()
    assert assignment is not None
    entries = read_catalogue(assignment)
    size = 40
    assert thousand.write_class(assignment, tmp_path / "a", size) == size
    texts = [
        "".join(p.read_text(encoding="utf-8") for p in home.iterdir())
        for home in sorted((tmp_path / "a").iterdir())
    ]
    assert len(texts) == size
    for kind in ("mistake", "variant"):
        marks = [f" = {e.name}\n" for e in entries if e.kind == kind and not e.edit]
        assert sum(any(mark in text for mark in marks) for text in texts) > size / 2
    thousand.write_class(assignment, tmp_path / "b", size)
    again = [path.read_bytes() for path in sorted((tmp_path / "b").rglob("*.py"))]
    assert again == [path.read_bytes() for path in sorted((tmp_path / "a").rglob("*.py"))]


@pytest.mark.needs_wall
@pytest.mark.timeout(900)
def test_the_class_is_stopped_and_graded_to_its_end(tmp_path: Path, toy: Assignment) -> None:
    found = thousand.measure(toy, isolation.choose(), 24, 2)
    assert found.status == 130 and 2 <= found.kept < 24
    assert found.statuses == {"graded": 24}
    assert len(found.per_submission) == len(found.memory) == 10
    assert all(value > 0 for value in (*found.per_submission, *found.memory))
    assert set(found.estimates) == set(thousand.MARKS)


def test_figures_of_a_class_are_those_of_its_clock() -> None:
    found = thousand.Thousand(100, 2)
    told = [(10.0 * n, n, 10.0 * n + 20.0 * (100 - n)) for n in range(101)]
    thousand._evaluate(found, told, [(n, 50.0, 900.0 + n) for n in range(101)])
    assert found.seconds == 990
    assert found.per_submission == pytest.approx([20.0] * 10)
    assert found.memory == [50.0] * 10 and found.slots_memory[0] < found.slots_memory[-1]
    assert found.estimates == pytest.approx({0.25: 2.0, 0.5: 2.0, 0.75: 2.0})
