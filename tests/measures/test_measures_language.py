"""Perplexities of models whose perplexity is known."""

import math

import numpy as np
import pytest

from grader.measures.estimate import MeasureError
from grader.measures.language import perplexity


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    estimate = perplexity(np.full(100, -math.log(65)))
    assert estimate.value == pytest.approx(65)
    assert estimate.standard_error == pytest.approx(0, abs=1e-9)
    assert estimate.n == 100


def test_a_true_model_has_the_exponential_of_the_entropy() -> None:
    p = np.array([0.5, 0.3, 0.15, 0.05])
    tokens = np.random.default_rng(0).choice(4, p=p, size=50_000)
    estimate = perplexity(np.log(p)[tokens])
    assert abs(estimate.value - math.exp(-(p * np.log(p)).sum())) < 5 * estimate.standard_error


@pytest.mark.parametrize("block", [1, 5])
def test_the_error_is_that_of_repeated_texts(block: int) -> None:
    rng = np.random.default_rng(1)
    estimates = [perplexity(-rng.gamma(2.0, 1.0, 500), block) for _ in range(400)]
    spread = np.std([e.value for e in estimates], ddof=1)
    assert np.mean([e.standard_error for e in estimates]) == pytest.approx(spread, rel=0.15)


def test_blocks_give_the_error_of_tokens_that_go_together() -> None:
    rng = np.random.default_rng(2)
    texts = [np.repeat(-rng.gamma(2.0, 1.0, 100), 10) for _ in range(400)]
    spread = np.std([perplexity(t).value for t in texts], ddof=1)
    assert np.mean([perplexity(t, 10).standard_error for t in texts]) == pytest.approx(
        spread, rel=0.15
    )
    assert np.mean([perplexity(t).standard_error for t in texts]) < spread / 2
    assert perplexity(texts[0][:-3], 10).value == perplexity(texts[0][:-3]).value


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([-1.0, 0.5], "above 0"),
        ([-1.0, -math.inf], "not finite"),
        ([-1.0, math.nan], "not finite"),
        ([-1.0], "two blocks"),
        ([-800.0, -800.0], "overflows"),
    ],
)
def test_what_is_no_log_probability_gets_a_sentence(values: list[float], sentence: str) -> None:
    with pytest.raises(MeasureError, match=sentence):
        perplexity(values)
