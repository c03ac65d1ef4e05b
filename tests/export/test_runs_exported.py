"""Marks of training runs in every format, once they are decided."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from test_gradescope import SCHEMA

from grader.assignment import Assignment
from grader.export import export, gradescope_results
from grader.marks.judging import decide, judge
from grader.marks.thresholds import Thresholds
from grader.results import Figure, QuestionMark, Result, RunResult

TOML = """
name = "toy"
title = "Assignment 3"
course = "IFT 6135"
university = "UdeM"

[[files]]
name = "gan"
path = "gan.py"

[[parts]]
id = "q1"
title = "Runs"
marks = 10

[[questions]]
id = "q1.1"
title = "Objectives"
kind = "unit"
marks = 4
contracts = ["gan.jsd"]

[[questions]]
id = "q1.2"
title = "A trained flow"
kind = "run"
marks = 6

[[runs]]
id = "flow"
title = "Flow"
modules = ["gan"]
cases = ["arcs", "sine"]
[runs.profiles.cpu]
steps = 10
seconds = 10

[runs.measures.nll]
title = "Negative log-likelihood"
unit = "nats"
question = "q1.2"
better = "lower"
weight = 2
asked = { cpu = 1.5 }

[runs.measures.integral]
title = "Integral of the density"
question = "q1.2"
better = "near"
target = 1.0
within = 0.02

[runs.measures.speed]
title = "Only shown"
better = "lower"
"""


@pytest.fixture
def trained(tmp_path: Path) -> Assignment:
    folder = tmp_path / "assignments" / "toy"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML, encoding="utf-8")
    return Assignment(folder, tmp_path / "reference")


def make_run(case: str, nll: float | None, claim: float | None = None, **changes) -> RunResult:
    texts = [("nll", "Negative log-likelihood", "q1.2", nll, 2, claim),
             ("integral", "Integral of the density", "q1.2", 1.0, 1, None),
             ("speed", "Only shown", None, 3.0, 1, None)]  # fmt: skip
    figures = [
        Figure(measure=m, title=t, unit="nats" if m == "nll" else "", question=q, value=v,
               standard_error=0, n=9, weight=w, claim=c)
        for m, t, q, v, w, c in texts
    ]  # fmt: skip
    run = RunResult(run="flow", case=case, title=f"Flow: {case}", profile="cpu", origin="trained",
                    status="finished", figures=figures, seed=987654321, key="SENTINEL-KEY",
                    detail="SENTINEL-DETAIL")  # fmt: skip
    return run.model_copy(update=changes)


def make_result(assignment: Assignment, runs: list[RunResult], submission: str = "ada") -> Result:
    judged = judge(assignment, Thresholds(), runs)
    questions = [
        QuestionMark(id=q.id, title=q.title, kind=q.kind, marks=q.marks,
                     awarded=4.0 if q.kind == "unit" else None)
        for q in assignment.description.questions
    ]  # fmt: skip
    return Result(
        assignment="toy", assignment_digest="d" * 64, secret_id="s1", submission=submission,
        source=f"/handed-in/{submission}.zip", source_digest="e" * 64, status="graded",
        questions=decide(assignment, questions, judged), runs=judged,
        graded_at="2025-03-14T16:42:07+00:00", seconds=1.25,
    )  # fmt: skip


FAILED = {"status": "failed", "problem": "after step 3: nan", "figures": []}
OURS = {"status": "not_graded", "problem": "disk full: /srv/secret", "figures": []}


@pytest.fixture
def half(trained: Assignment) -> Result:
    """Of two cases one that reaches all, and one whose training failed: half of six marks."""
    return make_result(trained, [make_run("arcs", 1.2, claim=0.1), make_run("sine", 0, **FAILED)])


def test_gradescope_lists_figures_as_tests_that_add_up(trained, half) -> None:
    content = gradescope_results(trained, half)
    tests = {t["name"]: t for t in content["tests"]}
    assert list(tests) == [
        "q1.1: Objectives",
        "q1.2: Flow (arcs): Negative log-likelihood",
        "q1.2: Flow (arcs): Integral of the density",
        "q1.2: Flow (sine)",
    ]
    _, first, second, failed = tests.values()
    assert (first["score"], first["max_score"], first["status"]) == (2, 2, "passed")
    assert (second["score"], second["max_score"], second["status"]) == (1, 1, "passed")
    assert (failed["score"], failed["max_score"], failed["status"]) == (0, 3, "failed")
    assert failed["output"] == "after step 3: nan"
    assert first["output"] == (
        "Measured: 1.2 nats\n"
        "Stated in the submission: 0.1, which is not borne out\n"
        "Judgement: the assignment asks for at most 1.5; 99 % interval 1.2 to 1.2: reached"
    )
    assert content["score"] == 7
    assert sum(t["score"] for t in tests.values()) == 7
    assert "SENTINEL" not in json.dumps(content)
    assert "987654321" not in json.dumps(content)


def test_a_share_of_a_figure_is_a_failed_test_with_its_marks(trained) -> None:
    run = make_run("arcs", 1.5)
    figures = [run.figures[0].model_copy(update={"standard_error": 0.1}), *run.figures[1:]]
    result = make_result(trained, [run.model_copy(update={"figures": figures})])
    test = gradescope_results(trained, result)["tests"][1]
    assert (test["score"], test["max_score"], test["status"]) == (2, 4, "failed")


def test_what_is_not_decided_has_no_score_and_names_no_folder(trained) -> None:
    runs = [make_run("arcs", 1.2), make_run("sine", 0, **OURS)]
    content = gradescope_results(trained, make_result(trained, runs))
    assert content["score"] == 4
    assert not [t for t in content["tests"][1:] if "score" in t or "status" in t]
    assert sum(t["max_score"] for t in content["tests"]) == 10
    assert "That is our fault" in content["tests"][-1]["output"]
    assert "/srv/" not in json.dumps(content)
    pending = gradescope_results(trained, make_result(trained, []))["tests"]
    assert [t["output"] for t in pending] == ["", "Not marked yet."]


def test_gradescope_results_with_runs_follow_the_format(trained, half) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = json.dumps(gradescope_results(trained, half), allow_nan=False)
    jsonschema.validate(json.loads(text), SCHEMA)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_gradebooks_carry_the_marks_of_runs(trained, half, tmp_path) -> None:
    undecided = make_result(trained, [make_run("arcs", 1.2, **OURS)], "bob")
    results = [half, undecided]
    for format in ("csv", "moodle", "canvas"):
        export(trained, results, format, tmp_path / format)
    ada, bob = rows(tmp_path / "csv")
    assert (ada["awarded"], ada["decided_marks"], ada["q1.2"]) == ("7", "10", "3")
    assert (bob["awarded"], bob["decided_marks"], bob["q1.2"]) == ("4", "4", "")
    ada, bob = rows(tmp_path / "moodle")
    assert (ada["Grade"], ada["Maximum grade"]) == ("7", "10")
    assert "q1.2 3 of 6" in ada["Feedback comments"]
    assert (bob["Grade"], bob["Maximum grade"]) == ("4", "4")
    assert "Not marked yet: q1.2 (6)." in bob["Feedback comments"]
    points, ada, bob = rows(tmp_path / "canvas")
    assert [row["Assignment 3"] for row in (points, ada, bob)] == ["10", "7", "4"]


def test_json_holds_runs_and_is_json_even_of_claims_that_are_no_numbers(trained, tmp_path) -> None:
    run = make_run("arcs", 1.2, claim=float("nan"))
    export(trained, [make_result(trained, [run])], "json", tmp_path / "all.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads((tmp_path / "all.json").read_text(), parse_constant=refuse)
    (result,) = content["results"]
    assert result["questions"][1]["awarded"] == 6
    figure = result["runs"][0]["figures"][0]
    assert (figure["value"], figure["claim"], figure["claim_is_borne_out"]) == (1.2, None, False)
    assert Result.model_validate(result).runs[0].figures[0].interval == (1.2, 1.2)
