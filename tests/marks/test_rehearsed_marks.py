"""Runs in size smoke are judged and shown, and are not marks."""

from __future__ import annotations

from pathlib import Path

from grader.assignment import Assignment
from grader.export import export
from grader.export.gradebooks import feedback
from grader.export.gradescope import gradescope_results
from grader.marks.judging import decide, judge
from grader.marks.scoring import nothing
from grader.marks.thresholds import Thresholds
from grader.report import write_class_report, write_student_report
from grader.results import Result, RunResult
from tests.marks.test_judging import calibrated, figure

SENTENCE = "rehearsal in size smoke: not marks (q1.4)"


def result_of(toy: Assignment, profile: str, origin: str = "trained") -> Result:
    known = Thresholds(figures=(calibrated("distance", mean=0.2, sd=0.01, profile=profile),))
    run = RunResult.model_validate(
        {"run": "fit", "case": "slow", "title": "fit", "profile": profile, "origin": origin,
         "status": "finished", "figures": [figure("distance", 0.1), figure("length", 1.0)]}
    )  # fmt: skip
    judged = judge(toy, known, [run])
    return Result(assignment="toy", assignment_digest="", secret_id="", submission="ada",
                  source="ada", source_digest="", status="graded", graded_at="", seconds=0,
                  questions=decide(toy, nothing(toy, 0.0, ""), judged), runs=judged)  # fmt: skip


def test_a_rehearsal_is_in_no_total(toy_with_run: Assignment) -> None:
    rehearsed, marked = (result_of(toy_with_run, p) for p in ("smoke", "cpu"))
    mark = next(q for q in rehearsed.questions if q.id == "q1.4")
    assert (mark.awarded, mark.rehearsed) == (None, 2.0)
    assert rehearsed.awarded == 0 and marked.awarded == 2
    assert rehearsed.decided_marks == marked.decided_marks - 2
    assert (rehearsed.rehearsal, marked.rehearsal) == (SENTENCE, "")
    assert rehearsed.as_if_marked().awarded == 2.0


def test_pages_and_exports_say_so_beside_the_total(
    toy_with_run: Assignment, tmp_path: Path
) -> None:
    result = result_of(toy_with_run, "smoke")
    pages = [tmp_path / "reports" / name / "x.html" for name in ("students", "class")]
    write_student_report(toy_with_run, result, pages[0])
    write_class_report(toy_with_run, [result], pages[1])
    for page in pages:
        assert SENTENCE in page.read_text()
    for format in ("csv", "json", "moodle"):
        export(toy_with_run, [result], format, tmp_path / "marks")
        said = (tmp_path / "marks").read_text()
        assert SENTENCE in said or '"rehearsed": 2.0' in said, format
    assert SENTENCE in feedback(result, 0.01)
    tests = gradescope_results(toy_with_run, result)["tests"]
    assert not any("score" in test for test in tests if test["name"].startswith("q1.4"))
