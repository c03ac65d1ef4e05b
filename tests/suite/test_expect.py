"""Comparisons: what passes, what fails, and what the student gets to read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect

expect = Expect()


def test_rounding_passes_and_errors_do_not() -> None:
    wanted = torch.tensor([1.0, -2.0, 3.0])
    expect.close(wanted * (1 + 3e-7), wanted)
    for wrong in (wanted * (1 + 1e-4), -wanted, wanted + 1e-3):
        with pytest.raises(CheckFailed, match="wrong in"):
            expect.close(wrong, wanted)


def test_float64_is_held_to_more() -> None:
    wanted = torch.tensor([1.0], dtype=torch.float64)
    expect.close(wanted + 1e-15, wanted)
    with pytest.raises(CheckFailed):
        expect.close(wanted + 1e-9, wanted)


def test_tolerance_grows_with_the_number_of_terms_and_their_size() -> None:
    wanted = torch.tensor(0.0)
    with pytest.raises(CheckFailed):
        expect.close(torch.tensor(5e-5), wanted)
    expect.close(torch.tensor(5e-5), wanted, terms=100)
    expect.close(torch.tensor(5e-5), wanted, scale=100.0)
    expect.close(torch.tensor(5e-5), wanted, slack=1e-4)


def test_nan_never_passes() -> None:
    with pytest.raises(CheckFailed, match="NaN"):
        expect.close(torch.tensor([math.nan]), torch.tensor([1.0]), slack=math.inf)
    with pytest.raises(CheckFailed, match="NaN"):
        expect.finite(np.array([1.0, np.nan]))
    with pytest.raises(TypeError):
        expect.true(math.nan, "a NaN is truthy, and must not pass")


def test_equal_infinities_pass() -> None:
    expect.close(torch.tensor(-math.inf), torch.tensor(-math.inf))
    with pytest.raises(CheckFailed):
        expect.close(torch.tensor(math.inf), torch.tensor(-math.inf))


@pytest.mark.parametrize("value", [None, "text", object(), [1, [2, 3]], {"a": 1}])
def test_what_is_no_array_is_explained(value: object) -> None:
    with pytest.raises(CheckFailed, match=r"None|type"):
        expect.close(value, torch.tensor(1.0))


@pytest.mark.parametrize("value", [2.0, np.float32(2), np.array([[2.0]]), [2.0], torch.tensor(2)])
def test_numbers_of_every_kind_are_compared(value: object) -> None:
    expect.close(value, torch.tensor(2.0))


def test_close_ignores_axes_of_size_one_and_shape_does_not() -> None:
    expect.close(torch.ones(3, 1), torch.ones(3))
    with pytest.raises(CheckFailed, match=r"\(3, 1\).*\(3,\)"):
        expect.shape(torch.ones(3, 1), (3,))
    with pytest.raises(CheckFailed, match="shape"):
        expect.close(torch.ones(3, 3), torch.ones(3))


@pytest.mark.parametrize(
    "layout",
    [
        lambda a, b: a + b,
        lambda a, b: (a + b)[:, None],
        lambda a, b: (a + b)[None],
        lambda a, b: a + b[:, None],
        lambda a, b: (a + b[:, None]).reshape(-1, 1),
        lambda a, b: (a[:, None] + b)[:, None],
        lambda a, b: a[:, None, None] + b,
        lambda a, b: a[:, None, None] + b[:, None] + 0 * b,
        lambda a, b: (a + b)[:, None].expand(-1, 7),
        lambda a, b: (a + b)[None].expand(2, -1),
    ],
)
def test_one_value_per_example_is_read_off_any_layout(layout: Any) -> None:
    a, b = torch.randn(4), torch.randn(4)
    assert torch.allclose(expect.each(layout(a, b), 4), (a + b).double())


def test_one_value_per_example_is_not_made_up() -> None:
    for value in (torch.randn(4, 7), torch.randn(7, 4), torch.randn(5), torch.tensor(1.0), None):
        with pytest.raises(CheckFailed):
            expect.each(value, 4)


def test_what_is_off_the_diagonal_does_not_make_a_wrong_value_right() -> None:
    square = torch.ones(3, 3)
    square[1, 1] = 2.0
    with pytest.raises(CheckFailed):
        expect.close(expect.each(square, 3), torch.ones(3))


def test_rationale_holds_no_value_and_detail_does() -> None:
    with pytest.raises(CheckFailed) as failure:
        expect.close(torch.tensor([0.123456]), torch.tensor([0.654321]))
    assert "0.6543" not in failure.value.rationale and "0.1234" not in failure.value.rationale
    assert "0.654321" in failure.value.detail and "0.123456" in failure.value.detail


def test_unchanged_notices_one_bit() -> None:
    before = torch.tensor([1.0, 2.0])
    expect.unchanged(before.clone(), before, what="x")
    with pytest.raises(CheckFailed, match="in place"):
        expect.unchanged(torch.nextafter(before, before + 1), before, what="x")


def test_draws_depend_on_secret_and_test_alone() -> None:
    first, again = Draw("s", "t").normal(5), Draw("s", "t").normal(5)
    assert torch.equal(first, again)
    assert not torch.equal(first, Draw("s", "u").normal(5))
    assert not torch.equal(first, Draw("r", "t").normal(5))


def test_draws_have_the_distribution_they_name() -> None:
    draw = Draw("secret", "distribution")
    n = 20000
    normal = draw.normal(n, mean=2.0, std=3.0, dtype=torch.float64)
    # Six standard errors: a false alarm in a billion, and the stream is fixed anyway.
    assert abs(float(normal.mean()) - 2.0) < 6 * 3.0 / math.sqrt(n)
    assert abs(float(normal.std()) - 3.0) < 6 * 3.0 / math.sqrt(2 * n)
    uniform = draw.uniform(n, low=-1.0, high=2.0)
    assert float(uniform.min()) >= -1.0 and float(uniform.max()) < 2.0
    ones = draw.bernoulli(n, p=0.3)
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    assert abs(float(ones.mean()) - 0.3) < 6 * math.sqrt(0.21 / n)
    assert {draw.integer(1, 3) for _ in range(100)} == {1, 2, 3}
    assert 0 <= draw.seed() < 2**31
