"""The measures of part C: the Transformer on characters, from its weights and its texts."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import MeasureError
from grader.measures.language import perplexity
from grader.measures.weights import WRAPPERS, load_weights
from grader.runs.artefacts import Artefacts
from grader.runs.left import Left
from grader.runs.measured import Context, Measured, Measurement, measurement
from grader.subjects.language import (
    Generations,
    Logits,
    Strategy,
    context_use,
    exact,
    loss_curves,
    nats,
    own_perplexity,
)

from ..runs.c import NGRAMS, parted

PROMPT, CONTEXT, WIDTH = 64, 128, 192
STRATEGIES = (
    Strategy("greedy", likeliest=1),
    Strategy("top_k", likeliest=20),
    Strategy("top_p", share=0.9),
)
# Perplexities that differ by less than this share are one and the same.
SAME = 2e-3


def language_model(artefacts: Artefacts, context: Context) -> Measured:
    """Perplexities from the weights, n-gram baselines, and what was generated.

    A model that reads nothing but the last character is a table of pairs, which can be counted: it
    has no figures that are marked.
    """
    left, data = Left(artefacts, context), context.data("tiny_shakespeare")
    train, valid = parted(data.arrays["train"], data.arrays["valid"])
    valid, alphabet = valid[: left.setting("validation")], data.alphabet or ""
    reference = context.given("language_model")
    own = artefacts.claims.get("validation_perplexity")
    models, reading = readings(left, reference, len(alphabet), valid, own)
    losses = [nats(model, valid, CONTEXT) for model in models]
    ours, n = perplexity(-losses[-1]).value, len(valid)
    use = functools.cache(lambda: context_use(models[-1], valid, CONTEXT, context.seed))

    def reading_its_context(found: Measurement) -> Measurement:
        try:
            use().demand()
        except MeasureError as error:
            return dataclasses.replace(found, estimate=None, problem=str(error))
        return found

    texts = Generations(artefacts, STRATEGIES, valid[:PROMPT], alphabet)

    def baseline(order: int) -> Any:
        value = reference.ngram_perplexity(train, valid, order, len(alphabet))
        return exact(value, n - order + 1, "add-alpha smoothing with alpha = 0.1")

    of_the_model = [
        measurement("validation_loss", lambda: exact(float(losses[-1].mean()), n, reading)),
        left.figure("validation_perplexity", lambda: exact(ours, n, reading)),
        *texts.figures(models[-1], CONTEXT),
    ]
    if own is not None:
        of_the_model.append(measurement("own_perplexity", lambda: own_perplexity(own, ours)))
    figures = [
        *map(reading_its_context, of_the_model),
        measurement("context_gain", lambda: use().gain),
        *(
            left.figure(f"{name}_perplexity", lambda order=order: baseline(order))
            for order, name in enumerate(NGRAMS, start=1)
        ),
    ]
    return Measured(tuple(figures), (*loss_curves(artefacts, losses), *texts.drawings()))


def readings(
    left: Left, reference: Any, vocab_size: int, valid: Tensor, own: float | None
) -> tuple[list[Logits], str]:
    """Causal models with the weights of each epoch, in order, in the reading that they were
    trained in; and that reading in words, where it is not the reference's own.

    The contract leaves open how the columns of the position table are ordered and whether the
    embedding is scaled by sqrt(d), and weights do not tell. The reading of the training is the one
    in which the submission's own perplexity comes out; where there is none, or it is that of no
    reading, the one that predicts the text best.
    """
    sets = left.artefacts.weights
    if not sets:
        raise ArtefactError("there are no weights")
    # The last epoch last; what was handed in is a single set.
    epochs = sorted(sets, key=lambda name: (len(name), name))
    networks = [network_of(reference, sets[name], vocab_size) for name in epochs]
    table = reference.sinusoidal_positions(CONTEXT, WIDTH)
    layouts = {
        "": table,
        "sines before cosines": torch.cat([table[:, 0::2], table[:, 1::2]], dim=1),
    }
    scales = {"": 1.0, "embedding scaled by sqrt(d)": math.sqrt(WIDTH)}
    found = {
        "; ".join(filter(None, names)): (layouts[names[0]], scales[names[1]])
        for names in itertools.product(layouts, scales)
    }
    means = {
        name: float(nats(logits_of(networks[-1], *reading), valid, CONTEXT).mean())
        for name, reading in found.items()
    }
    claimed = math.log(own) if own is not None and 0 < own < math.inf else math.nan
    # A comparison with NaN is false.
    same = {name: gap for name in means if (gap := abs(means[name] - claimed)) < SAME}
    chosen = min(same or means, key=lambda name: (same or means)[name])
    return [logits_of(network, *found[chosen]) for network in networks], chosen


def network_of(reference: Any, weights: Mapping[str, Any], vocab_size: int) -> nn.Module:
    """The reference's network with weights in any of the forms that the contract allows."""
    network: nn.Module = reference.TinyTransformer(vocab_size)
    found = {name: torch.from_numpy(np.array(values)) for name, values in weights.items()}
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): values for name, values in found.items()}
    for name in [name for name in found if name.rpartition(".")[0].endswith("attention.qkv")]:
        parts = found.pop(name)
        if parts.shape[0] != 3 * WIDTH:
            raise ArtefactError(f"`{name}` has shape {tuple(parts.shape)}; {3 * WIDTH} rows belong")
        for role, part in zip(("query", "key", "value"), parts.split(WIDTH), strict=True):
            found[name.replace("attention.qkv", f"attention.{role}")] = part
    if not any(name.startswith("final_norm.") for name in found):
        network.final_norm = nn.Identity()
    known = network.state_dict()
    for name, slot in known.items():
        if ".attention." in name and name.endswith(".bias") and name not in found:
            found[name] = torch.zeros_like(slot)
    # Masks and tables of positions that were kept as buffers.
    kept = {k: v for k, v in found.items() if k in known or is_parameter(k, v)}
    load_weights(network, kept)
    return network.eval()


def is_parameter(name: str, values: Tensor) -> bool:
    """Whether a tensor that the network lacks is of a layer, and so one too many."""
    last = name.rpartition(".")[2]
    return last in ("weight", "bias") and values.ndim <= 2 and values.is_floating_point()


def logits_of(network: Any, positions: Tensor, scale: float) -> Logits:
    """The network in a reading: tokens (B, T) to logits (B, T, V)."""

    def logits(tokens: Tensor) -> Tensor:
        x = network.embedding(tokens) * scale + positions[: tokens.shape[1]]
        for block in network.blocks:
            x = block(x)
        found: Tensor = network.head(network.final_norm(x))
        return found

    return logits
