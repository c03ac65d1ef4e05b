"""Question c.2.1: perplexity with teacher forcing; c.2.2: n-gram baselines."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from grader.suite.expect import as_array


def tables_of(draw, size, sharp=2.0):
    return {
        "table": draw.normal(size, size, std=sharp),
        "places": draw.normal(200, size),
        "past": draw.normal(size, size),
    }


def text_of(draw, size, length):
    """Tokens whose halves are of a different kind, so that blocks differ in how hard they are."""
    easy = [draw.integer(0, size // 3) for _ in range(length // 2)]
    return torch.tensor(easy + [draw.integer(0, size - 1) for _ in range(length - len(easy))])


def nats(logits, targets):
    """-log p of each target, (T,), of logits (T, V)."""
    return -logits.double().log_softmax(1).gather(1, targets[:, None])[:, 0]


def odd(logits, targets):
    """What `probes.odd_loss` takes the mean of."""
    return 1 + torch.sin(logits.double().gather(1, targets[:, None])[:, 0]) / 2


# How many tokens a block of inputs and targets has beyond the context, and how far it is from the
# beginning of one block to that of the next, beyond the context. The first is the contract's: the
# last target of a block is the first input of the next. In the others blocks share nothing.
READINGS = ((1, 0), (0, 0), (1, 1))


def scores_of(model, tokens, context, score, reading):
    """The score of each predicted token, block after block, and which blocks are whole.

    Args:
        score: of logits and targets.
        reading: one of `READINGS`.
    """
    more, further = reading
    found, whole = [], []
    for start in range(0, len(tokens) - 1, context + further):
        block = tokens[start : start + context + more]
        found.append(score(model(block[None, :-1])[0], block[1:]))
        whole.append(len(block) == context + more)
    return found, whole


def of_odd_blocks(probes, model, tokens, context, score):
    """With odd blocks in the place of those of `make_blocks`; with the rest of the text, or not."""
    inputs, targets = probes.odd_blocks(tokens, context)
    values = [score(model(x[None])[0], y) for x, y in zip(inputs, targets, strict=True)]
    end = len(inputs) * context
    rest = tokens[end:]
    if len(rest) > 1:
        values.append(score(model(rest[None, :-1])[0], rest[1:]))
    return [
        math.exp(float(torch.cat(some).mean()))
        for some in (values, values[: len(inputs)])
        if len(some)
    ]


def perplexities(model, tokens, context, score=nats):
    """What each reading of the contract gives, that of the contract first."""
    found = []
    for reading in READINGS:
        scores, whole = scores_of(model, tokens, context, score, reading)
        found.append(torch.cat(scores))
        found.append(torch.cat([n for n, w in zip(scores, whole, strict=True) if w]))
    return [math.exp(float(values.mean())) for values in found if len(values)]


def broken_parts(submission, expect, draw, probes):
    """Which of `next_token_loss` and `make_blocks`, each marked by itself, are not right."""
    logits, tokens = draw.normal(2, 3, 7), torch.arange(12) * 5 % 7
    targets = tokens[:6].reshape(2, 3)
    loss = nats(logits.flatten(0, 1), targets.flatten()).mean().float()
    wanted = {
        "next_token_loss": ([logits, targets], [loss]),
        "make_blocks": ([tokens, 5], [tokens[:10].reshape(2, 5), tokens[1:11].reshape(2, 5)]),
    }
    broken = []
    for name, (args, values) in wanted.items():
        try:
            for views in (False, True):
                asked = {"function": name, "args": args, "views": views}
                found = submission(probes.language_call, **asked)["result"]
                for one, value in zip(found if len(values) > 1 else [found], values, strict=True):
                    expect.shape(one, value.shape)
                    expect.close(one, value, slack=1e-5)
        except (AssertionError, TypeError, ValueError):
            broken.append(name)
    return broken


def computed(submission, probes, expect, draw, wanted=None, **asked):
    """What `perplexity` gives, if it is one of those that are wanted.

    What is built on the submission's own loss or blocks is right if it is right with odd ones in
    the place of those that are wrong: a slip in them is charged in c.1.5 and c.1.1 alone.

    Args:
        wanted: by the parts that are odd, what each reading of the contract gives; None: anything.
    """
    try:
        found = submission(probes.perplexity_of_a_model, **asked)
        one_of(expect, found["value"], wanted and wanted[()])
        return found
    except AssertionError:
        odd = broken_parts(submission, expect, draw, probes)
        if not odd:
            raise
    found = submission(probes.perplexity_of_a_model, **asked, odd=odd)
    some = wanted and [v for names, values in wanted.items() if {*names} <= {*odd} for v in values]
    one_of(expect, found["value"], some)
    return found


def one_of(expect, value, wanted):
    """One of the perplexities; computed in float32 they agree to a few units in the fifth place."""
    if wanted is None:
        return
    for other in wanted[1:]:
        try:
            expect.close(value, torch.tensor(other), slack=3e-5 * other)
            return
        except AssertionError:
            continue
    words = {"what": "the perplexity", "help": HELP, "slack": 3e-5 * wanted[0]}
    expect.close(value, torch.tensor(wanted[0]), **words)


def compare(submission, probes, expect, draw, tables, tokens, context):
    """The perplexity of an odd model."""
    model = probes.OddModel(**tables)
    plain, with_odd_loss = (perplexities(model, tokens, context, score) for score in (nats, odd))
    with_odd_blocks, with_both = (
        of_odd_blocks(probes, model, tokens, context, score) for score in (nats, odd)
    )
    wanted = {
        (): plain,
        ("next_token_loss",): with_odd_loss,
        ("make_blocks",): with_odd_blocks,
        ("next_token_loss", "make_blocks"): with_both,
    }
    asked = {"tables": tables, "tokens": tokens, "context": context}
    return computed(submission, probes, expect, draw, wanted, **asked)


HELP = (
    "Add up the negative log-likelihoods of all tokens, divide by the number of tokens, and take "
    "exp once, at the end."
)


@pytest.mark.question("c.2.1", weight=3)
@pytest.mark.parametrize("left_over", ["full_blocks", "a_short_block"])
def test_perplexity_has_the_right_value(submission, probes, expect, draw, left_over):
    """exp of the mean over tokens of -log p, natural logarithms."""
    size, context = draw.integer(9, 14), draw.integer(10, 16)
    over = 0 if left_over == "full_blocks" else context // 2
    tables, tokens = tables_of(draw, size), text_of(draw, size, 1 + 5 * context + over)
    compare(submission, probes, expect, draw, tables, tokens, context)


@pytest.mark.question("c.2.1", weight=0.5)
def test_perplexity_is_one_number(submission, probes, expect, draw):
    """A number, or a tensor of shape ()."""
    found, other = (
        computed(
            submission,
            probes,
            expect,
            draw,
            tables=tables_of(draw, 9),
            tokens=text_of(draw, 9, 40),
            context=8,
        )["value"]
        for _ in range(2)
    )
    expect.true(
        not np.array_equal(as_array(found, "the perplexity"), as_array(other, "the perplexity")),
        "the perplexity does not depend on the model",
        "Is the function finished?",
    )
    expect.shape(found, (), what="the perplexity")


@pytest.mark.question("c.2.1")
def test_perplexity_of_even_odds_is_the_size_of_the_vocabulary(submission, probes, expect, draw):
    """A model that knows nothing has the perplexity V."""
    size = draw.integer(20, 80)
    logits = torch.full((size,), draw.number(-3, 3))
    tokens = torch.tensor([draw.integer(0, size - 1) for _ in range(300)])
    # The odd loss of a logit that is always the same.
    with_odd_loss = [math.exp(1 + math.sin(float(logits[0])) / 2)]
    wanted = {
        (): [float(size)],
        ("next_token_loss",): with_odd_loss,
        ("make_blocks",): [float(size)],
        ("next_token_loss", "make_blocks"): with_odd_loss,
    }
    tables = {"logits": logits}
    computed(submission, probes, expect, draw, wanted, tables=tables, tokens=tokens)


@pytest.mark.question("c.2.1")
def test_perplexity_keeps_to_the_context(submission, probes, expect, draw):
    """The model is never shown more than 128 tokens, and more than a few of them."""
    tables, tokens = tables_of(draw, 11), text_of(draw, 11, 700)
    found = computed(submission, probes, expect, draw, tables=tables, tokens=tokens)
    expect.true(
        found["longest"] <= 128,
        "the model was shown more than 128 tokens",
        "Cut the text into blocks of 128.",
    )
    expect.true(
        found["longest"] >= 127,
        "the model was never shown a block of 128 tokens",
        "Use the whole context.",
    )


@pytest.mark.question("c.2.1")
def test_perplexity_of_a_text_of_many_batches(submission, probes, expect, draw):
    """A text of more than 64 blocks; the last batch is small and counts by its tokens."""
    tables, tokens = tables_of(draw, 65, sharp=3.0), text_of(draw, 65, 16 * 70 + 1 + 5)
    compare(submission, probes, expect, draw, tables, tokens, 16)


@pytest.mark.question("c.2.1", weight=0.5)
def test_perplexity_of_a_short_text(submission, probes, expect, draw):
    """One block, and nothing after it."""
    context = draw.integer(2, 4)
    tables, tokens = tables_of(draw, 6), text_of(draw, 6, context + 1)
    compare(submission, probes, expect, draw, tables, tokens, context)


# --- c.2.2 ------------------------------------------------------------------------------------


def counted(train, history, n, size, alpha):
    """The smoothed distribution by counting, one n-gram after the other."""
    text = train.tolist()
    last = tuple(history.tolist()[len(history) - (n - 1) :])
    counts = Counter(
        text[i + n - 1] for i in range(len(text) - n + 1) if tuple(text[i : i + n - 1]) == last
    )
    total = sum(counts.values()) + alpha * size
    return torch.tensor([(counts[c] + alpha) / total for c in range(size)], dtype=torch.float64)


@pytest.mark.question("c.2.2", weight=2)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ngram_probabilities_are_smoothed_counts(submission, expect, draw, n):
    """(count + alpha) / (total + alpha V), for the history's last n - 1 tokens."""
    size, alpha = draw.integer(4, 6), draw.number(0.2, 1.5)
    train = torch.tensor([draw.integer(0, size - 2) for _ in range(120)])
    history = train[20 : 20 + n + 2]
    found = submission.language_model.ngram_probabilities(train, history, n, size, alpha)
    expect.close(
        found,
        counted(train, history, n, size, alpha).float(),
        what="the probabilities",
        help="Count what follows the history, add alpha to each count, divide by the sum.",
    )


@pytest.mark.question("c.2.2", weight=0.5)
def test_ngram_probabilities_are_one_row(submission, expect, draw):
    """(V,), of a text of the assignment's characters as well."""
    train = torch.tensor([draw.integer(0, 64) for _ in range(2000)])
    for n in (1, 2):
        found, other = (
            submission.language_model.ngram_probabilities(text, train[:3], n, 65)
            for text in (train, train[:900])
        )
        expect.true(
            not np.array_equal(
                as_array(found, "the probabilities"), as_array(other, "the probabilities")
            ),
            "the probabilities do not depend on the training text",
            "Is the function finished?",
        )
        expect.shape(found, (65,), what="the probabilities")


@pytest.mark.question("c.2.2")
def test_ngram_of_an_unknown_history_knows_nothing(submission, expect, draw):
    """What was never seen is followed by anything with the same probability."""
    train = torch.tensor([draw.integer(0, 3) for _ in range(60)])
    found = submission.language_model.ngram_probabilities(train, torch.tensor([5, 6]), 3, 8, 0.3)
    expect.close(found, torch.full((8,), 1 / 8), what="the probabilities")


@pytest.mark.question("c.2.2", weight=0.5)
def test_ngram_at_the_end_of_the_text_counts_what_follows(submission, expect, draw):
    """The last tokens of the training text are followed by nothing, and so not counted."""
    train = torch.tensor([0, 1, 2, 0, 1, 3, 0, 2, 1, 3, 3, 0])
    found = submission.language_model.ngram_probabilities(train, train[-1:], 2, 5, 0.5)
    wanted = counted(train, train[-1:], 2, 5, 0.5).float()
    expect.close(found, wanted, what="the probabilities")


@pytest.mark.question("c.2.2", weight=2)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_ngram_perplexity_follows_from_the_probabilities(submission, expect, draw, n):
    """exp of the mean of -log P over the tokens that have a whole history."""
    # Two tokens of the vocabulary are in neither text.
    size, alpha = 7, draw.number(0.2, 1.0)
    train, other = (
        torch.tensor([draw.integer(0, size - 3) for _ in range(length)]) for length in (90, 25)
    )
    logs = [
        math.log(float(counted(train, other[:i], n, size, alpha)[other[i]]))
        for i in range(n - 1, len(other))
    ]
    found = submission.language_model.ngram_perplexity(train, other, n, size, alpha)
    wanted = math.exp(-sum(logs) / len(logs))
    words = {
        "what": "the perplexity of the n-gram model",
        "help": "The first n - 1 tokens are history alone; natural logarithms; one exp at the end.",
        "slack": 3e-5 * wanted,
    }
    if n > 1:
        # A perplexity that rightly follows from the submission's own wrong probabilities.
        try:
            expect.close(found, wanted, **words)
            return
        except AssertionError:
            own = own_perplexity(submission, train, other, n, size, alpha)
            if own is not None:
                expect.close(found, own, **words)
                return
    expect.close(found, wanted, **words)


def own_perplexity(submission, train, other, n, size, alpha):
    """The perplexity that the submission's own probabilities make; None where they make none."""
    logs = []
    for i in range(n - 1, len(other)):
        found = submission.language_model.ngram_probabilities(train, other[:i], n, size, alpha)
        found = as_array(found, "the probabilities").astype(np.float64).reshape(-1)
        if len(found) != size or not bool((found > 0).all()) or abs(found.sum() - 1) > 1e-3:
            return None
        logs.append(math.log(float(found[other[i]])))
    return math.exp(-sum(logs) / len(logs))
