"""An exception from the suite's own code is never the student's, and theirs is never ours."""

from __future__ import annotations

import textwrap
from typing import cast

import pytest

from grader.assignment import Assignment
from grader.marks.observed import Observed
from grader.suite.local import Local, load_probes, load_text
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.remote import Remote

RIGHT = "return x.mean(1)"
WRONG = "return x.sum(1)"


def observe(toy: Assignment, test: str, mean: str, fixtures: str = "") -> Observed:
    """How a hidden test of the mean goes for a student's `mean`, given as its last line."""
    names = "submission, reference, probes, draw, expect, stats" + fixtures
    text = (
        f'import pytest\nimport torch\n\n\n@pytest.mark.question("q1.1")\ndef test_it({names}):\n'
    )
    text += "    x = draw.normal(4, 5)\n    got = submission.mean.mean(x)\n"
    (toy.hidden / "test_it.py").write_text(text + textwrap.indent(textwrap.dedent(test), "    "))
    module = load_text(f"import torch\n\ndef mean(x):\n    {mean}\n", "student_mean")
    # In this process, since what a plain answer does to a test is asked, and no wall is needed.
    student = Local(lambda: {"mean": module}, load_probes(toy))
    found: list[Observed] = []

    def serve(plugin: SuitePlugin) -> None:
        expected = [e for e in plugin.expected if e.id == "test_it.py::test_it"]
        found.append(plugin.run(cast(Remote, student), "a secret", expected)["test_it.py::test_it"])

    serve_suite(toy, toy.hidden, serve)
    return found[0]


WHEN_WRONG = "if not torch.equal(got, x.mean(1)):\n    "


@pytest.mark.parametrize(
    "line",
    [
        "stats.frequencys([1], [1.0])",
        "stats.frequencies()",
        "stats.frequencies([1, 2], [1.0], false_fail=0.1, effect=7, extra=1)",
        "expect.clos(got, x)",
        "expect.close(got)",
        "expect.true(got.mean() > 0, 'mean')",
        "draw.normall(3)",
        "draw.normal(-3)",
        "torch.meen(x)",
        "nothing_of_that_name",
        "probes.no_such_probe",
        "import no_such_module",
        "x.meen()",
        "None + 1",
        "{}['key']",
    ],
)
def test_an_error_that_only_a_failing_submission_reaches_is_the_suites(
    toy: Assignment, line: str
) -> None:
    test = WHEN_WRONG + line + "\nexpect.close(got, x.mean(1))\n"
    assert observe(toy, test, RIGHT).outcome == "passed"
    seen = observe(toy, test, WRONG)
    assert seen.outcome == "not_graded"
    assert "no fault of the submission" in seen.rationale
    assert seen.detail.startswith("an error in the suite itself: ")
    assert "line" in seen.detail.splitlines()[0]


@pytest.mark.parametrize(
    ("test", "mean"),
    [
        ("got + 1", "return None"),
        ("assert got.shape == (4,)", "return None"),
        ("assert got.shape == (4,)", "return 'text'"),
        ("assert got.shape == (4,)", "return [1.0, 2.0]"),
        ("float(got[0])", "return 1.0"),
        ("got[3].item()", "return torch.ones(2)"),
        ("got - x.mean(1)", "return torch.ones(3)"),
        ("a, b, c, d = got", "return torch.ones(3)"),
        ("expect.close(*got[:2])", "return torch.ones(1)"),
        ("(lambda a, b, c, d: a)(*got)", "return torch.ones(3)"),
        ("for row in got:\n    last = row\nexpect.close(last, x[3].mean())", "return []"),
        ("draw.normal(*got.shape).reshape(4)", "return torch.ones(7)"),
        ("import math\nmath.log(got[0])", "return -torch.ones(4)"),
        ("stats.frequencies(got, [0.5, 0.5], false_fail=0.1, effect=7)", "return 'x'"),
    ],
)
def test_an_error_that_comes_of_what_the_submission_answered_is_a_failed_check(
    toy: Assignment, test: str, mean: str
) -> None:
    test += "\nexpect.close(got, x.mean(1))\n"
    seen = observe(toy, test, mean)
    assert seen.outcome == "failed", seen.detail
    assert "could not be compared" in seen.rationale


def test_a_fixture_that_does_not_exist_is_named(toy: Assignment) -> None:
    seen = observe(toy, "pass\n", RIGHT, fixtures=", stat")
    assert seen.outcome == "not_graded"
    first = seen.detail.splitlines()[0]
    assert "no fixture 'stat'; is 'stats' meant?" in first
    assert "submission" in first and "draw" in first
