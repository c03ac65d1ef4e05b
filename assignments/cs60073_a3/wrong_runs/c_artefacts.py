"""Wrong runs of part C whose weights were made up."""

from __future__ import annotations

import math
from typing import Any

import torch

from grader.catalogue import WrongRuns
from grader.runs.artefacts import Artefacts
from grader.runs.measured import Context

from ..runs.c import parted
from ..trivial import left_by

table = WrongRuns("language_model", keeps=0.05)


@table
def language_model_of_letter_pairs(context: Context) -> Artefacts:
    """A table of which character follows which, in the place of a Transformer."""
    return left_by(table_of_pairs(context))


def table_of_pairs(context: Context) -> Any:
    """A Transformer whose blocks do nothing, with a table of pairs in its embedding and its head.

    Its embedding tells the last character and nothing else: it is so large that what is added for
    the position is lost in it. With the final norm it is a in the place of the character and -b
    in the D - 1 others.
    """
    given, data = context.given("language_model"), context.data("tiny_shakespeare")
    size = len(data.alphabet or "")
    network: Any = given.TinyTransformer(size)
    train, _ = parted(data.arrays["train"], data.arrays["valid"])
    counts = torch.zeros(size, size).double()
    counts.index_put_((train[:-1], train[1:]), torch.ones(()).double(), accumulate=True)
    after = ((counts + 0.1) / (counts + 0.1).sum(dim=1, keepdim=True)).log()  # (before, after)
    width = network.embedding.weight.shape[1]
    spread = math.sqrt((1 / width) * (1 - 1 / width))
    a, b = (1 - 1 / width) / spread, 1 / width / spread
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        network.embedding.weight[:, :size] = 1e4 * torch.eye(size)
        network.final_norm.weight.fill_(1.0)
        network.head.weight[:, :size] = (after.T / (a + b)).float()
        network.head.bias.copy_(b * (after / (a + b)).sum(dim=0))
    return network
