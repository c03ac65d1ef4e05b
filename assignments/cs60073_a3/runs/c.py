"""The run of part C, as it executes behind the wall; `a.py` says what a run is."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

Training = Generator[int, None, dict[str, Any]]

NGRAMS = ("unigram", "bigram", "trigram", "fourgram")


def language_model(
    impl: Any, case: str, steps: int, settings: Any, data: Mapping[str, str]
) -> Training:
    """Train the Transformer; then perplexities and generations by the submission's functions."""
    functions, given = impl.language_model, importlib.import_module("train_language_model")
    train, valid, vocab_size = _texts(data["tiny_shakespeare"])
    valid = valid[: settings["validation"]]
    model = functions.TinyTransformer(vocab_size)
    optimizer = given.make_optimizer(model)
    blocks = functions.make_blocks(train)
    weights, training, step = {}, [], 0
    claimed: list[float] = []
    for epoch in range(1, settings["epochs"] + 1):
        losses = []
        some = steps * epoch // settings["epochs"] - step
        for loss in given.train_epoch(functions, model, optimizer, blocks, settings["batch"], some):
            losses.append(loss)
            step += 1
            yield step
        model.eval()
        training.append(math.fsum(losses) / max(1, len(losses)))
        weights[f"epoch-{epoch}"] = {k: p.detach().clone() for k, p in model.named_parameters()}
        own = _own(lambda: float(functions.perplexity(model, valid)))
        claimed.append(math.nan if own is None else own)
        yield step
    counts = yield from _own_ngrams(functions, train, valid, vocab_size, step)
    arrays = {}
    for strategy in given.STRATEGIES:
        text = _own(lambda s=strategy: _generation(functions, model, valid, s, settings, given))
        arrays[strategy] = np.empty(0, dtype=np.int64) if text is None else text
        yield step
    epochs = list(range(1, settings["epochs"] + 1))
    return {
        "weights": weights,
        "arrays": arrays,
        "curves": {"training": {"epoch": epochs, "training": training, "own": claimed}},
        "claims": {"validation_perplexity": claimed[-1], **counts},
    }


def _own_ngrams(
    functions: Any, train: Tensor, valid: Tensor, vocab_size: int, step: int
) -> Generator[int, None, dict[str, float]]:
    """Perplexities of n-gram models, as the submission computes them; without those that fail."""
    found = {}
    for n, name in enumerate(NGRAMS, start=1):
        own = _own(lambda n=n: float(functions.ngram_perplexity(train, valid, n, vocab_size)))
        if own is not None:
            found[f"{name}_perplexity"] = own
        yield step
    return found


def _generation(
    functions: Any, model: Any, valid: Tensor, strategy: str, settings: Any, given: Any
) -> Any:
    tokens = functions.generate(model, valid[: given.PROMPT], settings["new_tokens"], strategy)
    return torch.as_tensor(tokens).detach().reshape(-1).long().numpy().copy()


def _own(compute: Callable[[], Any]) -> Any:
    """What a function gives after the training; None where it fails, which costs its own figure."""
    try:
        return compute()
    except Exception as error:
        print(f"no figure: {type(error).__name__}: {error}")
        return None


def _texts(folder: str) -> tuple[Tensor, Tensor, int]:
    """Training and validation tokens, and the size of the alphabet."""
    halves = [np.load(Path(folder, f"tiny_shakespeare-{part}.npy")) for part in ("train", "valid")]
    return *parted(*halves), int(max(half.max() for half in halves)) + 1


def parted(first: Any, second: Any) -> tuple[Tensor, Tensor]:
    """Training and validation tokens: 90 % and 5 % of the text, whose halves these are."""
    text = torch.from_numpy(np.concatenate([first, second])).long()
    start, end = len(text) * 90 // 100, len(text) * 95 // 100
    return text[:start], text[start:end]
