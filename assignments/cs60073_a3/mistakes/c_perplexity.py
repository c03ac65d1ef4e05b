"""Mistakes in c.2: perplexity and the n-gram baselines."""

# Names such as CONTEXT are those of the file that an entry is grafted onto.

# ruff: noqa: F821
# make_blocks and its neighbours are those of the file that an entry is grafted onto.

import math
from collections import Counter

import torch
import torch.nn.functional as F

from grader.audit import mistake


def block_nats(model, tokens, context):
    """-log p of the tokens of each block, in the order of the text."""
    found = []
    for x, y in zip(tokens[:-1].split(context), tokens[1:].split(context), strict=True):
        found.append(F.cross_entropy(model(x[None])[0], y, reduction="none"))
    return found


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_has_the_right_value"],
    hint="This is the mean of the blocks' perplexities. exp is taken once, of the mean over all "
    "tokens; the mean of exps is larger.",
)
def perplexity_as_a_mean_of_exps(model, tokens, context=128):
    return torch.stack([nats.mean().exp() for nats in block_nats(model, tokens, context)]).mean()


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_has_the_right_value[a_short_block]"],
    hint="The mean is over blocks, so that the tokens of the short one at the end count for more. "
    "Every token counts the same.",
)
def perplexity_of_a_mean_over_blocks(model, tokens, context=128):
    means = [nats.mean() for nats in block_nats(model, tokens, context)]
    return float(torch.stack(means).mean().exp())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_of_even_odds_is_the_size_of_the_vocabulary"],
    hint="This is 2 to the power of nats. With natural logarithms it has to be exp.",
)
def perplexity_with_base_two(model, tokens, context=128):
    return 2 ** float(torch.cat(block_nats(model, tokens, context)).mean())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_of_even_odds_is_the_size_of_the_vocabulary"],
    hint="This is the loss in nats; its exp is the perplexity.",
)
def perplexity_without_exp(model, tokens, context=128):
    return float(torch.cat(block_nats(model, tokens, context)).mean())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_has_the_right_value"],
    hint="The targets are the inputs themselves: the probability of a token that the model was "
    "just shown. The targets are the next tokens.",
)
def perplexity_without_the_shift(model, tokens, context=128):
    nats = [F.cross_entropy(model(x[None])[0], x, reduction="none") for x in tokens.split(context)]
    return float(torch.cat(nats).mean().exp())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_keeps_to_the_context"],
    hint="The whole text goes in at once. The model has a context of 128 tokens.",
)
def perplexity_of_the_text_at_once(model, tokens, context=128):
    return float(F.cross_entropy(model(tokens[None, :-1])[0], tokens[1:]).exp())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_of_a_text_of_many_batches"],
    hint="The mean is over batches of 64 blocks, and the last batch is smaller. Weight each by its "
    "tokens.",
)
def perplexity_of_a_mean_over_batches(model, tokens, context=128):
    nats = block_nats(model, tokens, context)
    batches = [torch.cat(nats[n : n + 64]).mean() for n in range(0, len(nats), 64)]
    return float(torch.stack(batches).mean().exp())


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_of_a_short_text"],
    hint="The range of starting places ends too early: the last full block is missed.",
)
def perplexity_that_misses_the_last_block(model, tokens, context=128):
    total, count = 0.0, 0
    for start in range(0, len(tokens) - context - 1, context):
        y = tokens[start + 1 : start + 1 + context]
        logits = model(tokens[start : start + context][None])[0]
        total += float(F.cross_entropy(logits, y, reduction="sum"))
        count += len(y)
    return math.exp(total / max(count, 1))


@mistake(
    "language_model.ngram_perplexity",
    fails=["test_ngram_perplexity_follows_from_the_probabilities"],
    hint="The V below the line is the number of tokens in the training text, not `vocab_size`.",
)
def ngram_perplexity_of_the_tokens_seen(train, held_out, n, vocab_size, alpha=0.1):
    text, other, seen = train.tolist(), held_out.tolist(), len(train.unique())
    grams = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
    histories = Counter(tuple(text[i : i + n - 1]) for i in range(len(text) - n + 1))
    logs = []
    for i in range(n - 1, len(other)):
        gram = tuple(other[i - n + 1 : i + 1])
        logs.append(math.log((grams[gram] + alpha) / (histories[gram[:-1]] + alpha * seen)))
    return math.exp(-sum(logs) / len(logs))


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_probabilities_are_smoothed_counts"],
    hint="alpha is added to each count, but only once to the total. V tokens got it: alpha V.",
)
def ngram_that_does_not_add_up(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), tuple(history.tolist()[len(history) - n + 1 :])
    counts = torch.zeros(vocab_size)
    for i in range(len(text) - n + 1):
        if tuple(text[i : i + n - 1]) == last:
            counts[text[i + n - 1]] += 1
    return (counts + alpha) / (counts.sum() + alpha)


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_of_an_unknown_history_knows_nothing"],
    hint="Nothing is smoothed: an unknown history divides zero by zero, and an unseen n-gram has "
    "probability 0 and an infinite perplexity.",
)
def ngram_without_smoothing(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), tuple(history.tolist()[len(history) - n + 1 :])
    counts = torch.zeros(vocab_size)
    for i in range(len(text) - n + 1):
        if tuple(text[i : i + n - 1]) == last:
            counts[text[i + n - 1]] += 1
    return counts / counts.sum()


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_probabilities_are_smoothed_counts"],
    hint="alpha is 1 here whatever is passed.",
)
def ngram_with_add_one(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), tuple(history.tolist()[len(history) - n + 1 :])
    counts = torch.ones(vocab_size)
    for i in range(len(text) - n + 1):
        if tuple(text[i : i + n - 1]) == last:
            counts[text[i + n - 1]] += 1
    return counts / counts.sum()


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_probabilities_are_smoothed_counts"],
    hint="A history of n tokens is looked at. An n-gram has n - 1 of them before the token that it "
    "predicts.",
)
def ngram_with_a_history_too_long(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), tuple(history.tolist()[-n:])
    counts = torch.full((vocab_size,), float(alpha))
    for i in range(len(text) - n):
        if tuple(text[i : i + n]) == last:
            counts[text[i + n]] += 1
    return counts / counts.sum()


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_at_the_end_of_the_text_counts_what_follows"],
    hint="The total counts the history at the very end of the text, which nothing follows. The "
    "probabilities then add up to less than 1.",
)
def ngram_that_counts_the_end(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), tuple(history.tolist()[len(history) - n + 1 :])
    total = sum(tuple(text[i : i + n - 1]) == last for i in range(len(text) - n + 2))
    counts = torch.zeros(vocab_size)
    for i in range(len(text) - n + 1):
        if tuple(text[i : i + n - 1]) == last:
            counts[text[i + n - 1]] += 1
    if n == 1:
        total = len(text)
    return (counts + alpha) / (total + alpha * vocab_size)


@mistake(
    "language_model.ngram_perplexity",
    fails=["test_ngram_perplexity_follows_from_the_probabilities"],
    hint="The n-grams are counted in the held-out text itself, which the model must not have seen.",
)
def ngram_perplexity_on_its_own_counts(train, held_out, n, vocab_size, alpha=0.1):
    return _right_perplexity(held_out, held_out, n, vocab_size, alpha)


@mistake(
    "language_model.ngram_perplexity",
    fails=["test_ngram_perplexity_follows_from_the_probabilities"],
    hint="The mean is over all tokens, though the first n - 1 have no whole history and are not "
    "predicted.",
)
def ngram_perplexity_over_too_many(train, held_out, n, vocab_size, alpha=0.1):
    right = math.log(_right_perplexity(train, held_out, n, vocab_size, alpha))
    return math.exp(right * (len(held_out) - n + 1) / len(held_out))


@mistake(
    "language_model.ngram_perplexity",
    fails=["test_ngram_perplexity_follows_from_the_probabilities"],
    hint="This is the mean of 1 / p. Perplexity is exp of the mean of -log p.",
)
def ngram_perplexity_as_a_mean_of_inverses(train, held_out, n, vocab_size, alpha=0.1):
    counts = Counter(map(tuple, train.unfold(0, n, 1).tolist()))
    before = Counter(gram[:-1] for gram in counts.elements())
    inverses = [
        (before[tuple(gram[:-1])] + alpha * vocab_size) / (counts[tuple(gram)] + alpha)
        for gram in held_out.unfold(0, n, 1).tolist()
    ]
    return sum(inverses) / len(inverses)


@mistake(
    "language_model.ngram_perplexity",
    fails=["test_ngram_perplexity_follows_from_the_probabilities"],
    hint="The logarithms have base 2, and exp undoes natural ones.",
)
def ngram_perplexity_with_mixed_bases(train, held_out, n, vocab_size, alpha=0.1):
    right = _right_perplexity(train, held_out, n, vocab_size, alpha)
    return math.exp(math.log2(right))


def _right_perplexity(train, held_out, n, vocab_size, alpha):
    counts = Counter(map(tuple, train.unfold(0, n, 1).tolist()))
    before = Counter(gram[:-1] for gram in counts.elements())
    logs = [
        math.log((counts[tuple(gram)] + alpha) / (before[tuple(gram[:-1])] + alpha * vocab_size))
        for gram in held_out.unfold(0, n, 1).tolist()
    ]
    return math.exp(-sum(logs) / len(logs))


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_has_the_right_value"],
    hint="The targets are turned into floats, and the loss takes whole numbers: it raises.",
)
def perplexity_of_float_targets(model, tokens, context=128):
    inputs, targets = make_blocks(tokens, context)
    return float(torch.exp(next_token_loss(model(inputs), targets.float())))


@mistake(
    "language_model.perplexity",
    fails=["test_perplexity_is_one_number"],
    hint="A perplexity is one number, not a list of one.",
)
def perplexity_with_an_axis(model, tokens, context=128):
    inputs, targets = make_blocks(tokens, context)
    return torch.exp(next_token_loss(model(inputs), targets)).reshape(1)


@mistake(
    "language_model.ngram_probabilities",
    fails=["test_ngram_probabilities_are_one_row"],
    hint="(V,) is asked for, without an axis of size one in front.",
)
def ngram_with_an_axis_too_many(train, history, n, vocab_size, alpha=0.1):
    text, last = train.tolist(), history.tolist()[len(history) - n + 1 :]
    counts = torch.full((1, vocab_size), float(alpha))
    for i in range(len(text) - n + 1):
        if text[i : i + n - 1] == last:
            counts[0, text[i + n - 1]] += 1
    return counts / counts.sum()
