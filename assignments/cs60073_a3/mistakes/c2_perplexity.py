"""Mistakes in c.2: perplexity and the n-gram baselines."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes


def block_nats(model, tokens, context):
    """-log p of the tokens of each block, in the order of the text."""
    found = []
    for x, y in zip(tokens[:-1].split(context), tokens[1:].split(context), strict=True):
        found.append(F.cross_entropy(model(x[None])[0], y, reduction="none"))
    return found


perplexity = Mistakes("language_model.perplexity", "test_has_the_right_values")


@perplexity
def perplexity_as_a_mean_of_exps(model, tokens, context=128):
    """This is the mean of the blocks' perplexities. exp is taken once, of the mean over all tokens;
    the mean of exps is larger."""
    return torch.stack([nats.mean().exp() for nats in block_nats(model, tokens, context)]).mean()


@perplexity
def perplexity_without_the_shift(model, tokens, context=128):
    """The targets are the inputs themselves: the probability of a token that the model was just
    shown. The targets are the next tokens."""
    nats = [F.cross_entropy(model(x[None])[0], x, reduction="none") for x in tokens.split(context)]
    return float(torch.cat(nats).mean().exp())


@perplexity
def perplexity_of_float_targets(model, tokens, context=128):
    """The targets are turned into floats, and the loss takes whole numbers: it raises."""
    inputs, targets = make_blocks(tokens, context)
    return float(torch.exp(next_token_loss(model(inputs), targets.float())))


@Mistakes("language_model.perplexity", "test_counts_every_token_the_same")
def perplexity_of_a_mean_over_blocks(model, tokens, context=128):
    """The mean is over blocks, so that the tokens of the short one at the end count for more. Every
    token counts the same."""
    means = [nats.mean() for nats in block_nats(model, tokens, context)]
    return float(torch.stack(means).mean().exp())


perplexity_even_odds = Mistakes(
    "language_model.perplexity", "test_of_even_odds_is_the_size_of_the_vocabulary"
)
perplexity_even_odds.edit(
    "perplexity_with_base_two",
    "math.exp(",
    "2 ** (",
    "This is 2 to the power of nats. With natural logarithms it has to be exp.",
)
perplexity_even_odds.edit(
    "perplexity_without_exp",
    "math.exp(",
    "(",
    "This is the loss in nats; its exp is the perplexity.",
)


@Mistakes("language_model.perplexity", "test_keeps_to_the_context")
def perplexity_of_the_text_at_once(model, tokens, context=128):
    """The whole text goes in at once. The model has a context of 128 tokens."""
    return float(F.cross_entropy(model(tokens[None, :-1])[0], tokens[1:]).exp())


@Mistakes("language_model.perplexity", "test_of_many_batches")
def perplexity_of_a_mean_over_batches(model, tokens, context=128):
    """The mean is over batches of 64 blocks, and the last batch is smaller. Weight each by its
    tokens."""
    nats = block_nats(model, tokens, context)
    batches = [torch.cat(nats[n : n + 64]).mean() for n in range(0, len(nats), 64)]
    return float(torch.stack(batches).mean().exp())


@Mistakes("language_model.perplexity", "test_of_a_short_text")
def perplexity_that_misses_the_last_block(model, tokens, context=128):
    """The range of starting places ends too early: the last full block is missed."""
    total, count = 0.0, 0
    for start in range(0, len(tokens) - context - 1, context):
        y = tokens[start + 1 : start + 1 + context]
        logits = model(tokens[start : start + context][None])[0]
        total += float(F.cross_entropy(logits, y, reduction="sum"))
        count += len(y)
    return math.exp(total / max(count, 1))


ngram_perplexity = Mistakes(
    "language_model.ngram_perplexity", "TestNgramPerplexity::test_has_the_right_values"
)
ngram_perplexity.edit(
    "ngram_perplexity_of_the_tokens_seen",
    "alpha * vocab_size)\n",
    "alpha * len(train.unique()))\n",
    "The V below the line is the number of tokens in the training text, not `vocab_size`.",
)
ngram_perplexity.edit(
    "ngram_perplexity_on_its_own_counts",
    "ours = (train.",
    "ours = (held_out.",
    "The n-grams are counted in the held-out text itself, which the model must not have seen.",
)
ngram_perplexity.edit(
    "ngram_perplexity_over_too_many",
    "probability.log().mean().item()",
    "probability.log().sum().item() / len(held_out)",
    """The mean is over all tokens, though the first n - 1 have no whole history and are not
    predicted.""",
)
ngram_perplexity.edit(
    "ngram_perplexity_as_a_mean_of_inverses",
    "math.exp(-probability.log().mean().item())",
    "(1 / probability).mean().item()",
    "This is the mean of 1 / p. Perplexity is exp of the mean of -log p.",
)
ngram_perplexity.edit(
    "ngram_perplexity_with_mixed_bases",
    "probability.log()",
    "probability.log2()",
    "The logarithms have base 2, and exp undoes natural ones.",
)

ngram_counts = Mistakes(
    "language_model.ngram_probabilities", "TestNgrams::test_has_the_right_values"
)
ngram_counts.edit(
    "ngram_that_does_not_add_up",
    """    counts = torch.bincount(followers, minlength=vocab_size).double() + alpha
    return counts / counts.sum()""",
    """    counts = torch.bincount(followers, minlength=vocab_size)
    return (counts + alpha) / (counts.sum() + alpha)""",
    "alpha is added to each count, but only once to the total. V tokens got it: alpha V.",
)
ngram_counts.edit(
    "ngram_with_add_one",
    ".double() + alpha",
    ".double() + 1",
    "alpha is 1 here whatever is passed.",
)
ngram_counts.edit(
    "ngram_with_a_history_too_long",
    """    grams = train""",
    """    n += 1
    grams = train""",
    """A history of n tokens is looked at. An n-gram has n - 1 of them before the token that it
    predicts.""",
)

Mistakes("language_model.ngram_probabilities", "test_of_an_unknown_history_know_nothing").edit(
    "ngram_without_smoothing",
    ".double() + alpha",
    ".double()",
    """Nothing is smoothed: an unknown history divides zero by zero, and an unseen n-gram has
    probability 0 and an infinite perplexity.""",
)

Mistakes(
    "language_model.ngram_probabilities", "test_at_the_end_of_the_text_count_what_follows"
).edit(
    "ngram_that_counts_the_end",
    "return counts / counts.sum()",
    """seen = (train.unfold(0, n - 1, 1) == h).all(dim=1).sum() if n > 1 else len(train)
    return counts / (seen + alpha * vocab_size)""",
    """The total counts the history at the very end of the text, which nothing follows. The
    probabilities then add up to less than 1.""",
)

Mistakes("language_model.ngram_probabilities", "test_has_the_right_shape").edit(
    "ngram_with_an_axis_too_many",
    "return counts / counts.sum()",
    "return (counts / counts.sum())[None]",
    "(V,) is asked for, without an axis of size one in front.",
)
