"""The figures of a class."""

from __future__ import annotations

import pytest

from grader.report.attention import who_needs_attention
from grader.report.plots import Distribution, round_step
from grader.report.summary import BANDS, ClassSummary, Spread


def test_spread_of_nothing_one_and_some() -> None:
    assert Spread.of([]) is None
    one = Spread.of([3.0])
    assert one is not None
    assert (one.mean, one.median, one.sd) == (3.0, 3.0, None)
    some = Spread.of([1.0, 2.0, 3.0, 6.0])
    assert some is not None
    assert (some.mean, some.median, some.low, some.high) == (3.0, 2.5, 1.0, 6.0)
    assert some.sd == pytest.approx(2.1602469)


def test_what_could_not_be_graded_is_in_no_statistic_of_marks(make) -> None:
    results = [make.result("a", ability=1), make.unreadable("b"), make.not_graded("c")]
    summary = ClassSummary(make.assignment, tuple(results))
    assert [r.submission for r in summary.marked] == ["a"]
    assert summary.graded == 1
    assert summary.marks is not None
    assert summary.marks.mean == summary.scale == 28


def test_a_question_counts_its_submissions_in_bands(make) -> None:
    results = [make.result("a", ability=1), make.result("b", ability=0), make.unreadable("c")]
    question = ClassSummary(make.assignment, tuple(results)).questions[0]
    assert dict(zip(BANDS, question.bands, strict=True)) == {
        "no marks": 1,
        "under half": 0,
        "half or more": 0,
        "full marks": 1,
    }
    assert question.mean == 1.0


def test_checks_come_hardest_first_and_our_faults_count_on_neither_side(make) -> None:
    summary = ClassSummary(make.assignment, tuple(make.class_of(30)))
    rates = [c.rate for c in summary.checks]
    assert rates == sorted(rates)
    faulty = ClassSummary(make.assignment, (make.with_undecided_check("a"),)).checks
    (undecided,) = (c for c in faulty if c.not_graded)
    assert (undecided.passed, undecided.failed, undecided.rate) == (0, 0, None)
    assert faulty[-1] == undecided


def test_failures_are_counted_by_check_and_rationale(make) -> None:
    results = (make.result("a", ability=0), make.result("b", ability=0), make.troubled("c"))
    failures = ClassSummary(make.assignment, results).failures
    assert [f.count for f in failures] == sorted((f.count for f in failures), reverse=True)
    by_rationale = {(f.question, f.rationale): f.count for f in failures}
    assert by_rationale["q3.2", "loss1 has shape (5, 5), but the contract says (5, 1)"] == 2


def test_a_misconception_counts_once_per_submission(make) -> None:
    result = make.result("a", ability=0)
    hint = next(h for c in result.checks for h in c.hints)
    checks = [c.model_copy(update={"hints": [hint]}) for c in result.checks]
    summary = ClassSummary(make.assignment, (result.model_copy(update={"checks": checks}),))
    (only,) = summary.misconceptions
    assert (only.mistake, only.count) == (hint.mistake, 1)
    assert len(only.questions) > 1


def test_attention_is_drawn_to_every_kind_of_trouble(make) -> None:
    results = [
        make.result("fine", ability=1),
        make.troubled("troubled"),
        make.unreadable("unreadable"),
        make.not_graded("not_graded"),
        make.result("zero", ability=0),
        make.with_undecided_check("partly"),
    ]
    found = {a.submission: a.reasons for a in who_needs_attention(make.assignment, results)}
    assert list(found) == ["not_graded", "partly", "unreadable", "troubled", "zero"]
    assert found["troubled"] == (
        "Not handed in: solution.py",
        "Ran out of time in 1 check",
        "The process died in 1 check",
    )
    assert found["partly"] == ("Question not graded (not a zero): q1.1",)
    assert found["zero"] == ("No marks in any question decided so far",)


def test_attention_is_drawn_to_what_intake_could_not_decide(make) -> None:
    doubt = "May be the same person as Jane Doe in moodle.zip"
    results = [
        make.result("left", ability=1, given_last=False),
        make.result("twin", ability=1, concerns=[doubt]),
        make.unreadable("gone").model_copy(update={"given_last": False}),
    ]
    found = {a.submission: a.reasons for a in who_needs_attention(make.assignment, results)}
    assert found["twin"] == (doubt,)
    gone = "Not in the class that was given last; `grader drop` removes it"
    assert found["left"] == (gone,)
    assert found["gone"][0].startswith("Could not be read") and found["gone"][1] == gone


def test_mixed_versions_and_missing_walls_are_noticed(make) -> None:
    plain = make.result("a")
    unwalled = make.result(
        "b",
        secret_id="other",
        environment=plain.environment.model_copy(update={"wall": "none"}),
    )
    summary = ClassSummary(make.assignment, (plain, unwalled))
    assert (summary.versions, summary.without_wall) == (2, 1)


@pytest.mark.parametrize(
    ("values", "upper"),
    [([0.0] * 12, 28.0), ([28.0] * 12, 28.0), ([0.0, 0.0], 0.0), ([0.3, 17.4], 0.0),
     ([0.1 * n for n in range(300)], 35.0), ([7.0, 7.0], 5.0)],
)  # fmt: skip
def test_every_value_is_in_one_bin(values: list[float], upper: float) -> None:
    distribution = Distribution("t", "marks", values, upper, 0.0, 0.0)
    bins = distribution.bins
    assert sum(b.count for b in bins) == len(values)
    assert 1 <= len(bins) <= 20
    assert bins[-1].high >= max(upper, *values) - 1e-9
    for one in bins[:-1]:
        inside = [v for v in values if one.low - 1e-9 <= v < one.high - 1e-9]
        assert one.count == len(inside)


def test_a_good_class_is_told_apart() -> None:
    good = [88, 90, 91, 92, 93, 93.5, 94, 95, 95, 96, 96.5, 97, 97, 98, 98, 99, 99.5, 100, 100, 100]
    alone = Distribution("t", "marks", good, 100.0, 0.0, 0.0).bins
    assert (alone[0].low, alone[-1].high) == (88, 100)
    with_zeros = Distribution("t", "marks", [0.0, 0.0, *good], 100.0, 0.0, 0.0).bins
    assert with_zeros[0].low == 0
    for bins in (alone, with_zeros):
        assert max(b.count for b in bins) <= 2 / 3 * len(good)
        assert len(bins) <= 20


def test_what_could_not_be_read_is_in_no_bar_either(make) -> None:
    unread = make.unreadable("b")
    questions = [q.model_copy(update={"awarded": 0.0}) for q in unread.questions]
    unread = unread.model_copy(update={"questions": questions})
    summary = ClassSummary(make.assignment, (make.result("a", ability=1), unread))
    assert [q.bands for q in summary.questions if q.kind == "unit"] == [
        (0, 0, 0, 1) for q in summary.questions if q.kind == "unit"
    ]


@pytest.mark.parametrize(
    ("least", "step"), [(0.9, 1), (1, 1), (1.4, 2), (2.2, 2.5), (3, 5), (7, 10), (0.03, 0.05)]
)
def test_steps_are_round(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)
