"""Right ways to write c.2: perplexity and the n-gram baselines."""

import math
from collections import Counter, defaultdict

import numpy as np
import torch
import torch.nn.functional as F

from grader.catalogue import Variants

perplexity = Variants("language_model.perplexity")


@perplexity
def perplexity_block_by_block(model, tokens, context=128):
    """One block after the other, in a tensor."""
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(tokens) - 1, context):
            x = tokens[start : start + context]
            y = tokens[start + 1 : start + 1 + context]
            logits = model(x[: len(y)].unsqueeze(0))
            total += F.cross_entropy(logits[0], y, reduction="sum")
            count += len(y)
    return torch.exp(total / count)


@perplexity
def perplexity_by_the_functions_above(model, tokens, context=128):
    """`make_blocks` and `next_token_loss` do the work, and what fills no block is left out."""
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in zip(*(part.split(64) for part in make_blocks(tokens, context)), strict=True):
            total += next_token_loss(model(x), y).item() * y.numel()
            count += y.numel()
    return math.exp(total / count)


@perplexity
def perplexity_of_full_blocks(model, tokens, context=128):
    """Full blocks alone, unless there is none: what is left at the end is not predicted."""
    context = min(context, len(tokens) - 1)
    whole = (len(tokens) - 1) // context * context
    x, y = tokens[:whole].view(-1, context), tokens[1 : whole + 1].view(-1, context)
    nats = []
    with torch.inference_mode():
        for a, b in zip(x.split(8), y.split(8), strict=True):
            nats.append(F.cross_entropy(model(a).transpose(1, 2), b, reduction="none"))
    return float(torch.exp(torch.cat(nats).double().mean()))


@perplexity
def perplexity_within_blocks(model, tokens, context=128):
    """A block holds inputs and targets, and so predicts one token less than it has."""
    nats = []
    with torch.no_grad():
        for block in tokens.split(context):
            if len(block) > 1:
                logp = model(block[None, :-1]).log_softmax(dim=-1)
                nats.append(-logp[0, torch.arange(len(block) - 1), block[1:]])
    return np.exp(torch.cat(nats).mean().item())


@perplexity
def perplexity_of_blocks_apart(model, tokens, context=128):
    """Blocks share nothing; the device is that of the model's first parameter."""
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(tokens) - 1, context + 1):
            block = tokens[start : start + context + 1].to(device)
            logits = model(block[None, :-1])
            total += F.cross_entropy(logits[0], block[1:], reduction="sum").item()
            count += len(block) - 1
    return math.exp(total / count)


@perplexity
def perplexity_token_by_token(model, tokens, context=128):
    """one token after the other, in plain loops"""
    total, count = 0.0, 0
    for start in range(0, len(tokens) - 1, context):
        block = tokens[start : start + context + 1]
        for t in range(1, len(block)):
            logits = model(block[None, :t])[0, -1]
            total -= float(torch.log_softmax(logits, dim=0)[block[t]])
            count += 1
    return math.exp(total / count)


@Variants("language_model.ngram_probabilities")
def ngram_by_counter(train, history, n, vocab_size, alpha=0.1):
    """A loop and a Counter."""
    text = train.tolist()
    h = history.tolist()[-(n - 1) :] if n > 1 else []
    counts = Counter()
    for i in range(n - 1, len(text)):
        if text[i - n + 1 : i] == h:
            counts[text[i]] += 1
    total = sum(counts.values())
    return torch.tensor(
        [(counts[c] + alpha) / (total + alpha * vocab_size) for c in range(vocab_size)]
    )


ngram_perplexity = Variants("language_model.ngram_perplexity")


@ngram_perplexity
def ngram_perplexity_by_dictionaries(train, held_out, n, vocab_size, alpha=0.1):
    """Tables in dictionaries, one token at a time."""
    table = defaultdict(Counter)
    text, other = train.tolist(), held_out.tolist()
    for i in range(n - 1, len(text)):
        table[tuple(text[i - n + 1 : i])][text[i]] += 1
    loss = 0.0
    for i in range(n - 1, len(other)):
        row = table.get(tuple(other[i - n + 1 : i]), Counter())
        loss -= math.log((row[other[i]] + alpha) / (sum(row.values()) + alpha * vocab_size))
    return math.exp(loss / (len(other) - n + 1))


@ngram_perplexity
def ngram_perplexity_by_probabilities(train, held_out, n, vocab_size, alpha=0.1):
    """`ngram_probabilities` for each token, whose last n - 1 tokens are its history."""
    loss = 0.0
    for i in range(n - 1, len(held_out)):
        row = ngram_probabilities(train, held_out[:i], n, vocab_size, alpha)
        loss -= math.log(row[held_out[i]])
    return math.exp(loss / (len(held_out) - n + 1))
