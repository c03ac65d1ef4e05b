"""Perplexities of models whose perplexity is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.measures.estimate import MeasureError
from grader.measures.language import perplexity
from grader.subjects.language import context_use


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


def bigram(tokens: Tensor) -> Tensor:
    """Logits that depend on the last token alone."""
    return torch.eye(8)[tokens] * 3


def follower(tokens: Tensor) -> Tensor:
    """Logits of 3 for what stood two places before, and 0 for all else."""
    before = torch.cat([tokens[:, :1], tokens[:, :-1]], dim=1)
    return torch.eye(8)[before] * 3


@pytest.fixture
def text() -> Tensor:
    """Tokens that come back two places later: one of the first four at odd places, and one of the
    others at even ones."""
    return torch.tensor([1, 6]).repeat(300)


def test_a_table_of_pairs_makes_nothing_of_its_context(text: Tensor) -> None:
    use = context_use(bigram, text, 16, seed=0)
    assert use.gain.value == 0.0 and use.change == 0.0
    with pytest.raises(MeasureError, match="nothing but the last token"):
        use.demand()


def test_what_the_context_is_worth_is_known_in_closed_form(text: Tensor) -> None:
    """The token before the last decides. Of the 15 that are shuffled, 8 are equal to it, so that
    7 in 15 orders put a wrong one there, which costs the difference of the logits."""
    uses = [context_use(follower, text, 16, seed=seed) for seed in range(30)]
    found = np.array([use.gain.value for use in uses])
    assert abs(found.mean() - 3 * 7 / 15) < 4 * found.std(ddof=1) / math.sqrt(30)
    assert np.mean([use.gain.standard_error for use in uses]) == pytest.approx(
        found.std(ddof=1), rel=0.4
    )
    uses[0].demand()


def test_a_text_that_is_no_longer_than_the_context_gets_a_sentence(text: Tensor) -> None:
    with pytest.raises(MeasureError, match="hold no context"):
        context_use(follower, text[:16], 16, seed=0)
