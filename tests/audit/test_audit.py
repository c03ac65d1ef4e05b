"""The audit notices suites that are too weak, too strict or punish twice; hints name the cause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.audit.grading import audit, hunt_flakes
from grader.audit.page import write_page
from grader.audit.verdict import Audit
from grader.catalogue.rubbish import KINDS
from grader.results import Result
from grader.wall import isolation
from tests.batch.test_batch import grade
from tests.conftest import RIGHT, TOY, write_tree

SPOILT = """

@pytest.mark.question('q1.2')
def test_total_needs_the_mean(submission, reference, draw, expect):
    x = draw.normal(2, 3)
    expect.close(submission.mean.mean(x), reference.mean.mean(x))


@pytest.mark.question('q1.2')
def test_nothing(submission):
    pass
"""
STRICT = """
mean = Variants('mean.mean')

@mean
def mean_keeps_its_axis(x):
    'The axis may stay'
    return x.mean(1, keepdim=True)
"""


@pytest.fixture(scope="module", autouse=True)
def few_kinds_of_rubbish() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.audit.rubbish.KINDS", {"sine": KINDS["sine"]})
        yield


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of a suite that is too weak, too strict, punishes twice and gives marks away."""
    home = write_tree(tmp_path_factory.mktemp("home"), TOY)
    toy = Assignment(home / "assignments" / "toy", home / "reference" / "toy")
    test = toy.hidden / "test_toy.py"
    # Whether a total is finite cannot tell it from ... anything but its size.
    compared = "expect.close(submission.total.total(x), reference.total.total(x), terms=size)"
    text = test.read_text()
    assert compared in text
    text = text.replace(compared, "expect.finite(submission.total.total(x))")
    test.write_text(text + SPOILT)
    (toy.folder / "variants" / "strict.py").write_text(STRICT)
    toy = Assignment(toy.folder, toy.reference)
    return audit(toy, wall="none", jobs=1, secret="s", measure=0).problems


def test_a_good_suite_passes(toy: Assignment, tmp_path: Path) -> None:
    found = audit(toy, wall=isolation.choose(), jobs=1, measure=3)
    # Half of q1.1 is for the form of the mean, which the toy does not tell from its value.
    assert found.problems == [
        "rubbish sine: keeps 28.6% of the assignment; it may keep 5%",
        "rubbish sine: q1.1: keeps 50% of its marks; it may keep 10%",
    ]
    assert found.uncovered == []
    assert [v.name for v in found.verdicts][:2] == ["reference", "template"]
    by_name = {v.name: v for v in found.verdicts}
    assert by_name["mean_is_a_sum"].lost == pytest.approx({"q1.1": 2.0})
    assert by_name["template"].lost == pytest.approx({"q1.1": 4.0, "q1.2": 3.0})
    assert found.weak_checks == [
        "test_toy.py::test_mean_leaves_its_input_alone",
        "test_toy.py::test_total_has_the_right_value[1]",
    ]
    page = write_page(toy, found, tmp_path / "docs")
    assert "mean_over_the_wrong_axis" in page.read_text()
    assert "| `sine` | The sine of a linear map. | 28.6% | q1.1 | 50.0% |" in page.read_text()
    assert (tmp_path / "docs" / "toy.png").stat().st_size > 1000


def test_a_suite_that_is_too_weak_is_found(problems: list[str]) -> None:
    assert "mistake total_is_a_mean: q1.2: lost nothing" in "\n".join(problems)


def test_a_suite_that_is_too_strict_is_found(problems: list[str]) -> None:
    assert any("variant mean_keeps_its_axis" in p for p in problems)


def test_a_suite_that_punishes_twice_is_found(problems: list[str]) -> None:
    assert any("for a mistake in q1.1" in p for p in problems)


def test_a_template_that_earns_marks_is_found(problems: list[str]) -> None:
    assert any(p.startswith("template: q1.2: got") for p in problems)


def test_flakes_are_hunted(toy: Assignment) -> None:
    count, failures = hunt_flakes(toy, wall="none", jobs=1, repeat=3)
    assert count == 3 * (5 + 3 + 2) and failures == []
    test = toy.hidden / "test_toy.py"
    more = (
        "\n\n@pytest.mark.question('q1.2')\n"
        "def test_flaky(draw, expect):\n"
        "    expect.true(draw.number(0, 1) < 0.5, 'flaky')\n"
    )
    test.write_text(test.read_text() + more)
    toy = Assignment(toy.folder, toy.reference)
    _, failures = hunt_flakes(toy, wall="none", jobs=1, repeat=12)
    assert 0 < len(failures) < 36 and "secret" in failures[0]


# --- hints ----------------------------------------------------------------------------------------


def hints(result: Result) -> set[str]:
    return {h.mistake for c in result.checks for h in c.hints}


def test_a_misconception_is_named_and_a_guess_is_not(toy: Assignment, tmp_path: Path) -> None:
    def with_mean(code: str) -> dict[str, str]:
        return RIGHT | {"mean.py": f"import torch\n\n\ndef mean(x):\n    return {code}\n"}

    for name, files in {
        "sums": with_mean("torch.einsum('ij->i', x)"),
        "wrong_axis": with_mean("x.transpose(0, 1).mean(1)"),
        "something_else": with_mean("x.sum(1) * 0.3"),
        "nearly": with_mean("x.sum(1) * 1.0002"),
        "right": RIGHT,
        "two": RIGHT
        | with_mean("x.sum(1)")
        | {"total.py": "def total(x):\n    return x.sum() / len(x)\n"},
        "raises": with_mean("x.sum(7)"),
    }.items():
        write_tree(tmp_path / "class" / name, files)
    results = grade(toy, tmp_path / "class", tmp_path / "out", isolation.choose())
    found = {name: hints(result) for name, result in results.items()}
    assert found == {
        "sums": {"mean_is_a_sum"},
        "wrong_axis": {"mean_over_the_wrong_axis"},
        "something_else": set(),
        "nearly": set(),
        "right": set(),
        "two": {"mean_is_a_sum", "total_is_a_mean"},
        "raises": set(),
    }
    failed = [c for c in results["sums"].checks if c.outcome == "failed"]
    assert failed and all(c.hints for c in failed)


def test_mistakes_that_agree_are_both_named_or_none(toy: Assignment, tmp_path: Path) -> None:
    write_tree(
        tmp_path / "class" / "sums", RIGHT | {"mean.py": "def mean(x):\n    return x.sum(1)\n"}
    )
    entry = (
        "value = Mistakes('mean.mean', 'test_mean_has_the_right_value')\n\n"
        "@value\n"
        "def {name}(x):\n    'another story'\n    return x.sum(1)\n"
    )
    (toy.folder / "mistakes" / "q1_more.py").write_text(entry.format(name="twin"))
    toy = Assignment(toy.folder, toy.reference)
    results = grade(toy, tmp_path / "class", tmp_path / "out", "none")
    assert hints(results["sums"]) == {"mean_is_a_sum", "twin"}
    (toy.folder / "mistakes" / "q1_more2.py").write_text(entry.format(name="triplet"))
    toy = Assignment(toy.folder, toy.reference)
    results = grade(toy, tmp_path / "class", tmp_path / "out2", "none")
    assert hints(results["sums"]) == set()


# --- error rates ----------------------------------------------------------------------------------

STATISTICAL = """

@pytest.mark.question('q1.2')
def test_{name}(draw, expect, stats):
    values = draw.normal(50, mean={mean}).numpy()
    expect.plausible(
        stats.normal_mean(values, 0, 1, false_fail={false_fail}, effect={effect}), 'odd'
    )
"""
NOISE = {  # mean, false_fail, effect
    "kept": (0, 1e-8, 1.5),
    "often": (0, 1e-3, 1.5),
    "blind": (0, 1e-8, 0.5),
    "moved": (0.5, 1e-8, 1.5),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The toy with four statistical tests, of which one keeps what it promises."""
    home = write_tree(tmp_path_factory.mktemp("home"), TOY)
    toy = Assignment(home / "assignments" / "toy", home / "reference" / "toy")
    test = toy.hidden / "test_toy.py"
    more = [
        STATISTICAL.format(name=name, mean=mean, false_fail=false_fail, effect=effect)
        for name, (mean, false_fail, effect) in NOISE.items()
    ]
    test.write_text(test.read_text() + "".join(more))
    toy = Assignment(toy.folder, toy.reference)
    return audit(toy, wall="none", jobs=1, secret="s", measure=25)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kept", None),
        ("often", "false-fail rate"),
        ("blind", "misses"),
        ("moved", "not uniform"),
    ],
)
def test_promises_of_statistical_tests_are_checked(
    measured: Audit, name: str, words: str | None
) -> None:
    (rate,) = (r for r in measured.rates if r.check.endswith(f"::test_{name}"))
    assert rate.measured == 26
    problems = [p for p in measured.problems if f"test_{name}" in p and "normal mean" in p]
    assert (problems == []) if words is None else any(words in p for p in problems)
