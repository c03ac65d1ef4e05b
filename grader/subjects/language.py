"""Autoregressive language models: perplexities of a text, and texts that they generated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader import pictures
from grader.measures.estimate import Estimate, MeasureError, mean_estimate
from grader.runs.artefacts import Artefacts
from grader.runs.measured import Drawing, Measurement, measurement

# Two computations of one logit differ by less than this.
ROUNDING = 1e-3
# More tokens of a generation are not looked at.
LONGEST = 10_000
# Places in a text at which the use of the context is measured.
PLACES = 128
# Nats by which a prediction changes, at the least, for a model that reads its context: one that has
# learnt nothing comes to tens of this, and a table of pairs to the rounding of float32.
LEAST_CHANGE = 1e-3

# Tokens (B, T) to logits (B, T, V).
Logits = Callable[[Tensor], Tensor]


def exact(value: float, count: int, note: str) -> Estimate:
    """A figure of one given text, which leaves no error of sampling."""
    return Estimate(value, 0.0, count, "", note)


def nats(model: Logits, tokens: Tensor, context: int) -> Tensor:
    """Negative log-likelihood of each token but the first, in nats: (N - 1,).

    The text is taken in blocks of `context` tokens, each read with no more than its own block.
    """
    found = []
    inputs, targets = tokens[:-1].split(context * 64), tokens[1:].split(context * 64)
    with torch.inference_mode():
        for x, y in zip(inputs, targets, strict=True):
            whole = len(x) // context * context
            for part, length in ((slice(0, whole), context), (slice(whole, None), len(x) - whole)):
                if len(x[part]):
                    logits = model(x[part].reshape(-1, length)).double().flatten(0, 1)
                    found.append(nn.functional.cross_entropy(logits, y[part], reduction="none"))
    return torch.cat(found)


@dataclass(frozen=True)
class ContextUse:
    """What a model makes of the tokens before the last one.

    Attributes:
        gain: how much less likely a token is, in nats, once those before the last were shuffled.
        change: the mean size of that difference, whichever way it goes.
    """

    gain: Estimate
    change: float

    def demand(self) -> None:
        """Raises MeasureError where predictions depend on the last token alone."""
        # So written that NaN fails.
        if not self.change >= LEAST_CHANGE:
            raise MeasureError(
                "what the model predicts depends on nothing but the last token, as a table of "
                f"pairs does: shuffling those before it changes {self.change:.2g} nats"
            )


def context_use(model: Logits, tokens: Tensor, context: int, seed: int) -> ContextUse:
    """Predict tokens at random places with their context, and with all but its last token shuffled.

    Args:
        model: tokens (B, T) to logits (B, T, V).
        tokens: (N,), a text.
        context: T, how many tokens the model sees.
        seed: of places and orders.

    Raises:
        MeasureError: the text has no more than T tokens.
    """
    if len(tokens) <= context:
        raise MeasureError(
            f"{len(tokens)} tokens hold no context of {context} and a token after it"
        )
    source = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(tokens) - context, (PLACES,), generator=source)
    windows = tokens.unfold(0, context + 1, 1)[starts]
    read, wanted = windows[:, :-1], windows[:, -1]
    order = torch.rand(PLACES, context - 1, generator=source).argsort(dim=1)
    shuffled = torch.cat([read[:, :-1].gather(1, order), read[:, -1:]], dim=1)

    def cost(x: Tensor) -> Tensor:
        with torch.inference_mode():
            logits = model(x)[:, -1].double()
        return nn.functional.cross_entropy(logits, wanted, reduction="none")

    difference = cost(shuffled) - cost(read)
    gain = mean_estimate(difference.numpy(), "nats per token")
    return ContextUse(gain, float(difference.abs().mean()))


def own_perplexity(own: float, ours: float) -> Estimate:
    """The submission's perplexity of its model, over ours.

    Raises:
        MeasureError: its function gave none.
    """
    if not math.isfinite(own):
        raise MeasureError("the submission's function gave no perplexity of its model")
    words = "" if own > 0.9 * ours else "far below ours: does the model see the tokens it predicts?"
    return Estimate(own / ours, 0.0, 1, "", f"{own:.4g} against {ours:.4g}; {words}".rstrip("; "))


@dataclass(frozen=True)
class Strategy:
    """How tokens are drawn.

    Attributes:
        name: of the array that holds the generated tokens, and of its figures.
        likeliest: how many of the likeliest tokens may be drawn; None: those below.
        share: the likeliest that have this share together may be drawn.
    """

    name: str
    likeliest: int | None = None
    share: float = 1.0

    def allows(self, logits: Tensor, token: int) -> bool:
        """Whether the token may be drawn from logits (V,) in double precision."""
        likelier = logits > logits[token] + ROUNDING
        if self.likeliest is not None:
            return int(likelier.sum()) < self.likeliest
        return float(logits.softmax(0)[likelier].sum()) < self.share


class Generations:
    """Texts that were generated from one prompt, as arrays of tokens of a stranger.

    Args:
        artefacts: of the run.
        strategies: what was generated; a text that is not there has no figures.
        prompt: (P,), with which each of them has to begin.
        alphabet: the characters by their tokens.
    """

    def __init__(
        self,
        artefacts: Artefacts,
        strategies: tuple[Strategy, ...],
        prompt: Tensor,
        alphabet: str,
    ) -> None:
        self._arrays = {
            s: artefacts.arrays[s.name] for s in strategies if s.name in artefacts.arrays
        }
        self._prompt = prompt
        self._alphabet = alphabet

    def figures(self, model: Logits, context: int) -> list[Measurement]:
        """For each text the share of tokens that its strategy may draw, and its variety.

        Args:
            model: that generated them.
            context: how many tokens it sees.
        """
        found = []
        for strategy in self._arrays:
            found += [
                measurement(
                    f"{strategy.name}_agreement",
                    lambda s=strategy: self._agreement(s, model, context),  # type: ignore[misc]
                ),
                measurement(f"{strategy.name}_variety", lambda s=strategy: self._variety(s)),  # type: ignore[misc]
            ]
        return found

    def _agreement(self, strategy: Strategy, model: Logits, context: int) -> Estimate:
        text, right = self._text(strategy), []
        for at in range(len(self._prompt), len(text)):
            with torch.inference_mode():
                logits = model(text[max(0, at - context) : at][None])[0, -1].double()
            right.append(strategy.allows(logits, int(text[at])))
        return Estimate(sum(right) / len(right), 0.0, len(right), "")

    def _variety(self, strategy: Strategy) -> Estimate:
        """Different runs of four tokens, over all of them."""
        text = self._text(strategy)[len(self._prompt) :]
        grams = [tuple(gram) for gram in text.unfold(0, 4, 1).tolist()]
        return Estimate(len(set(grams)) / len(grams), 0.0, len(grams), "")

    def _text(self, strategy: Strategy) -> Tensor:
        text, length = self._tokens(strategy), len(self._prompt)
        if text is None or len(text) <= length:
            raise MeasureError(f"there is no generation by {strategy.name}")
        if not torch.equal(text[:length], self._prompt):
            raise MeasureError(
                f"the generation by {strategy.name} does not begin with the first {length} "
                "characters of the validation split"
            )
        return text

    def _tokens(self, strategy: Strategy) -> Tensor | None:
        """(N,), if they are tokens."""
        array = np.asarray(self._arrays[strategy]).reshape(-1)
        if array.dtype.kind not in "iu" or not array.size or len(array) > LONGEST:
            return None
        if int(array.min()) < 0 or int(array.max()) >= len(self._alphabet):
            return None
        return torch.from_numpy(array.astype(np.int64))

    def drawings(self) -> tuple[Drawing, ...]:
        """The texts beside each other; none where there are none."""
        passages, length = [], len(self._prompt)
        for strategy in self._arrays:
            text = self._tokens(strategy)
            if text is not None:
                words = "".join(self._alphabet[token] for token in text.tolist())
                passages.append((strategy.name.replace("_", "-"), words[:length], words[length:]))
        if not passages:
            return ()
        png = pictures.passages(passages, title="the prompt in grey, then what was generated")
        words = "the texts that were generated by " + ", ".join(name for name, _, _ in passages)
        return (Drawing("generations", "Generations from one prompt", png, words),)


def loss_curves(artefacts: Artefacts, nats: list[Tensor]) -> tuple[Drawing, ...]:
    """Losses and perplexities by epoch; none of a single epoch.

    Args:
        artefacts: whose curve `training` has the column `training`, the submission's own losses.
        nats: of the validation text, from the weights of each epoch, each (N - 1,).
    """
    own: Mapping[str, Any] = artefacts.curves.get("training", {})
    if len(nats) < 2:
        return ()
    validation = np.array([float(n.mean()) for n in nats])
    epoch = np.arange(1.0, len(nats) + 1)
    losses = {"epoch": epoch, "validation": validation}
    if len(own.get("training", ())) == len(epoch):
        losses["training"] = own["training"]
    return (
        Drawing(
            "losses",
            "Training and validation loss per epoch",
            pictures.curve(
                losses,
                x="epoch",
                ys=[name for name in ("training", "validation") if name in losses],
                title="loss per epoch",
                ylabel="nats per character",
            ),
            "mean loss of the training steps of each epoch, and validation loss at its end",
        ),
        Drawing(
            "perplexity",
            "Validation perplexity per epoch",
            pictures.curve(
                {"epoch": epoch, "perplexity": np.exp(validation)},
                x="epoch",
                ys=["perplexity"],
                title="validation perplexity per epoch",
                ylabel="perplexity",
            ),
            "perplexity of the validation split at the end of each epoch",
        ),
    )
