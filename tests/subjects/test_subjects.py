"""Subjects on cases whose figures are known: the assignments' own tests hold them on real runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grader.measures.estimate import Estimate, MeasureError
from grader.runs.artefacts import Artefacts
from grader.subjects.images import Samples, classes
from grader.subjects.language import Generations, Strategy, nats, own_perplexity

LOGITS = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64))


@pytest.mark.parametrize(
    ("strategy", "allowed"),
    [
        (Strategy("greedy", likeliest=1), [True, False, False, False]),
        (Strategy("top_k", likeliest=3), [True, True, True, False]),
        # The third is needed to reach 0.75, and so may be drawn; 0.9 is reached before the fourth.
        (Strategy("top_p", share=0.75), [True, True, True, False]),
        (Strategy("all"), [True, True, True, True]),
    ],
)
def test_a_strategy_allows_what_it_may_draw(strategy: Strategy, allowed: list[bool]) -> None:
    assert [strategy.allows(LOGITS, token) for token in range(4)] == allowed


def test_each_token_is_read_with_its_own_block_alone() -> None:
    """A model that says how many tokens it has seen is asked for blocks and for the rest."""

    def model(tokens: torch.Tensor) -> torch.Tensor:
        seen = torch.arange(1.0, tokens.shape[1] + 1)
        return torch.stack([seen, torch.zeros_like(seen)], dim=-1).expand(len(tokens), -1, -1)

    found = nats(model, torch.zeros(11, dtype=torch.long), context=4)
    seen = torch.tensor([1.0, 2, 3, 4, 1, 2, 3, 4, 1, 2], dtype=torch.float64)
    assert torch.allclose(found, torch.log1p(torch.exp(-seen)))


def test_a_generation_is_measured_behind_its_prompt() -> None:
    def model(tokens: torch.Tensor) -> torch.Tensor:
        return LOGITS.expand(*tokens.shape, -1)

    strategies = (Strategy("greedy", likeliest=1), Strategy("top_k", likeliest=2), Strategy("none"))
    arrays = {"greedy": np.array([3, 0, 0, 0, 0, 0, 0, 1]), "top_k": np.array([0, 0, 0, 0, 0, 0])}
    texts = Generations(Artefacts(arrays=arrays), strategies, torch.tensor([3, 0]), "abcd")
    found = {figure.name: figure for figure in texts.figures(model, context=3)}
    agreement, variety = (found[f"greedy_{name}"].estimate for name in ("agreement", "variety"))
    assert agreement is not None and agreement.value == pytest.approx(5 / 6)
    assert variety is not None and variety.value == pytest.approx(2 / 3)  # 0000 0000 0001
    assert "does not begin with the first 2 characters" in found["top_k_agreement"].problem
    assert "none_agreement" not in found


@pytest.mark.parametrize("own", [float("nan"), float("inf")])
def test_a_perplexity_that_is_none_is_said(own: float) -> None:
    assert own_perplexity(6.0, 4.0).value == 1.5
    with pytest.raises(MeasureError, match="gave no perplexity"):
        own_perplexity(own, 4.0)


def test_classes_are_counted_where_images_are_certain() -> None:
    assert classes(np.eye(10)).value == pytest.approx(10)
    assert classes(np.repeat(np.eye(10)[:1], 20, axis=0)).value == pytest.approx(1)
    assert classes(np.full((5, 4), 0.25)).value == pytest.approx(1)


def test_copies_of_training_images_have_no_scores() -> None:
    generator = torch.Generator().manual_seed(3)
    training, held_out, fresh = (torch.rand(200, 16, generator=generator) for _ in range(3))
    one = Estimate(1.0, 0.0, 1, "")
    assert Samples(fresh, training, held_out).own(lambda: one) is one
    with pytest.raises(MeasureError, match="copies of training images"):
        Samples(training[:30], training, held_out).own(lambda: one)


def test_few_images_over_and_over_have_no_scores() -> None:
    generator = torch.Generator().manual_seed(4)
    training, held_out, fresh = (torch.rand(200, 16, generator=generator) for _ in range(3))
    one = Estimate(1.0, 0.0, 1, "")
    few = fresh[:3].repeat(40, 1)
    assert Samples(few, training, held_out).repeats == 1.0
    with pytest.raises(MeasureError, match="100% of the samples are another of them once more"):
        Samples(few, training, held_out).own(lambda: one)
    # Half of them are fresh, and blur brings images nearer to each other than real ones are.
    mixed = Samples(torch.cat([fresh[:60], few[:60]]), training, held_out)
    assert mixed.repeats == pytest.approx(63 / 120)  # the three that are repeated as well
    blurred = Samples(0.5 + 0.3 * (fresh - 0.5), training, held_out)
    assert blurred.repeats == 0.0 and blurred.own(lambda: one) is one
