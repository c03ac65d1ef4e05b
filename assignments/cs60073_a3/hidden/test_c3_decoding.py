"""Question c.3.1: top-k; c.3.2: top-p; c.3.3: generation."""

import math

import pytest
import torch

from grader.suite.expect import as_array


def tensor(value, what="the probabilities"):
    """The numbers of a tensor, an array or a list, in float64."""
    return torch.as_tensor(as_array(value, what)).double()


def text_of(value):
    """The generated tokens, whatever axes of size one they have."""
    return tensor(value, "the generated text").reshape(-1)


def logits_of(draw, *shape):
    return draw.normal(*shape, std=2.0)


def spread(size, draw, least=0.15):
    """Logits (size,) with gaps between their probabilities, in a random order."""
    steps = torch.tensor([least + draw.number(0, 0.5) for _ in range(size)]).cumsum(0)
    order = torch.argsort(draw.uniform(size))
    return steps[order]


def top_k(logits, k, temperature=1.0):
    """The distribution, one row after the other."""
    rows = (logits.double() / temperature).reshape(-1, logits.shape[-1])
    result = torch.zeros_like(rows)
    for row, out in zip(rows, result, strict=True):
        kept = sorted(range(len(row)), key=lambda i: -float(row[i]))[:k]
        out[kept] = row[kept].softmax(0)
    return result.reshape(logits.shape)


def top_p(logits, p, temperature=1.0, crossing=True):
    """The distribution, one row after the other, with or without the token that crosses p."""
    rows = (logits.double() / temperature).softmax(-1).reshape(-1, logits.shape[-1])
    result = torch.zeros_like(rows)
    for row, out in zip(rows, result, strict=True):
        total = 0.0
        for i in sorted(range(len(row)), key=lambda i: -float(row[i])):
            if total > 0 and (total >= p or (not crossing and total + float(row[i]) > p)):
                break
            out[i] = row[i]
            total += float(row[i])
        out /= out.sum()
    return result.reshape(logits.shape)


def computes(expect, logits, found, again, other):
    """Whatever the distribution is, it has a number for each logit, the same for the same logits
    and others for others, and is not the logits themselves."""
    expect.true(
        all(got["result"] is not None for got in (found, again, other)),
        "nothing is returned",
        "Is there a `return` on every path?",
    )
    values, same, others = (tensor(got["result"]).flatten() for got in (found, again, other))
    expect.true(
        values.numel() == logits.numel()
        and bool(torch.isfinite(values).any())
        and torch.allclose(values, same, equal_nan=True)
        and not torch.equal(values, others)
        and not torch.equal(values, logits.double().flatten()),
        "the probabilities do not depend on the logits, or are the logits",
        "Is the function finished?",
    )


# --- c.3.1 ------------------------------------------------------------------------------------


@pytest.mark.question("c.3.1", weight=3)
@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7], ids=["plain", "cold", "hot"])
def test_top_k_keeps_the_k_likeliest(submission, expect, draw, temperature):
    """softmax of the k largest logits, over the temperature; all others have probability 0."""
    # Over the temperature they reach to 50 on either side.
    sharp = min(1.0, temperature) * draw.uniform(65, low=-50.0, high=50.0)
    for logits in (logits_of(draw, 30), sharp):
        k = draw.integer(3, 12)
        found = submission.language_model.top_k_probabilities(logits, k, temperature)
        wanted = top_k(logits, k, temperature)
        expect.close(found, wanted.float(), what="the probabilities")
        support = tensor(found).reshape(-1) > 0
        # What is too small for float32 is not looked for.
        apart = (support != (wanted > 0)) & ((wanted == 0) | (wanted > 1e-30))
        expect.true(
            not bool(apart.any()),
            f"{int(support.sum())} tokens may be drawn, not exactly the {k} likeliest",
            "Find the k-th largest logit; what is below it gets probability 0.",
        )


@pytest.mark.question("c.3.1")
@pytest.mark.parametrize("shape", [(4, 15), (1, 9), (2, 3, 8)], ids=["rows", "one_row", "axes"])
def test_top_k_treats_every_row_apart(submission, expect, draw, shape):
    """The last axis is that of the tokens."""
    logits = logits_of(draw, *shape)
    found = submission.language_model.top_k_probabilities(logits, 3)
    expect.close(found, top_k(logits, 3).float(), what="the probabilities")


def keeps_the_shape(submission, expect, draw, name):
    """Logits (..., V) give probabilities (..., V)."""
    function = getattr(submission.language_model, name)
    for shape in ((9,), (1, 9), (4, 1, 9)):
        found, other = (function(logits_of(draw, *shape)) for _ in range(2))
        expect.true(
            not torch.equal(tensor(found), tensor(other)),
            "the probabilities do not depend on the logits",
            "Is the function finished?",
        )
        expect.shape(found, shape, what="the probabilities")


@pytest.mark.question("c.3.1", weight=0.75)
def test_top_k_keeps_the_shape(submission, expect, draw):
    """(..., V) gives (..., V), for a single row of logits and for many."""
    keeps_the_shape(submission, expect, draw, "top_k_probabilities")


@pytest.mark.question("c.3.1")
def test_top_k_has_20_by_default_and_takes_few_tokens(submission, expect, draw):
    """k is 20; where there are no more tokens than that, all stay."""
    many, few = logits_of(draw, 65), logits_of(draw, 12)
    expect.close(
        submission.language_model.top_k_probabilities(many),
        top_k(many, 20).float(),
        what="the probabilities for the default k",
    )
    expect.close(
        submission.language_model.top_k_probabilities(few, 20),
        few.double().softmax(0).float(),
        what="the probabilities of fewer than k tokens",
        help="k may be larger than the vocabulary.",
    )


@pytest.mark.question("c.3.1")
def test_top_k_of_one_is_the_likeliest(submission, expect, draw):
    """k = 1 leaves one token, with probability 1."""
    logits = logits_of(draw, 3, 10)
    found = submission.language_model.top_k_probabilities(logits, 1)
    expect.close(found, top_k(logits, 1).float(), what="the probabilities")


@pytest.mark.question("c.3.1")
def test_top_k_with_ties_keeps_what_is_likelier(submission, expect, draw):
    """Of tokens that tie for the last place any or all stay; likelier ones must, others cannot."""
    high, tied, low = draw.number(2, 3), draw.number(0, 1), draw.number(-2, -1)
    order = torch.argsort(draw.uniform(9))
    logits = torch.tensor([high, high + 0.5, tied, tied, tied, low, low, low - 1, low - 2])[order]
    found = submission.language_model.top_k_probabilities(logits, 4)
    expect.close(found, torch.zeros(9), what="the probabilities", slack=2.0)  # nine numbers
    found = tensor(found).reshape(-1)
    kept = found > 0
    above, level, below = logits > tied + 0.1, (logits - tied).abs() < 0.1, logits < tied - 0.1
    expect.true(bool(kept[above].all()), "a token among the k likeliest has probability 0")
    expect.true(not bool(kept[below].any()), "a token below the k likeliest may be drawn")
    expect.true(int(kept[level].sum()) >= 2, "fewer than k tokens may be drawn")
    wanted = logits.double().softmax(0) * kept
    expect.close(found, (wanted / wanted.sum()).float(), what="the probabilities")


@pytest.mark.question("c.3.1", weight=0.5)
def test_top_k_leaves_the_logits_alone(submission, probes, expect, draw):
    """The caller's logits keep their values."""
    logits, other = logits_of(draw, 2, 11), logits_of(draw, 2, 11)
    found, *more = (
        submission(probes.language_call, function="top_k_probabilities", args=[given, 4, 0.7])
        for given in (logits, logits, other)
    )
    computes(expect, logits, found, *more)
    expect.unchanged(found["args"][0], logits, what="the logits")


# --- c.3.2 ------------------------------------------------------------------------------------


def nucleus(expect, found, logits, p, temperature=1.0, what="the probabilities"):
    """One of the two readings: with the token that crosses p, or without it."""
    words = {
        "what": what,
        "help": "Sort, add up, keep what comes before p is reached, put it back into its place.",
    }
    try:
        expect.close(found, top_p(logits, p, temperature, crossing=False).float(), **words)
    except AssertionError:
        expect.close(found, top_p(logits, p, temperature).float(), **words)


@pytest.mark.question("c.3.2", weight=3)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.5], ids=["plain", "cold", "hot"])
def test_top_p_keeps_the_nucleus(submission, expect, draw, temperature):
    """The fewest likeliest tokens that reach p together, each with its share of their sum."""
    sharp = spread(65, draw)
    # Over the temperature they reach to 50 on either side.
    sharp = min(1.0, temperature) * (sharp * (100 / float(sharp.max())) - 50)
    for logits in (spread(14, draw), sharp):
        p = draw.number(0.55, 0.85)
        found = submission.language_model.top_p_probabilities(logits, p, temperature)
        nucleus(expect, found, logits, p, temperature)
        support = tensor(found).reshape(-1) > 0
        allowed = [top_p(logits, p, temperature, crossing=c) > 0 for c in (True, False)]
        expect.true(
            any(bool((support == one).all()) for one in allowed),
            f"{int(support.sum())} tokens may be drawn, and they are not the nucleus",
            "Sort by probability, the largest first, and add up.",
        )


@pytest.mark.question("c.3.2", weight=0.75)
def test_top_p_keeps_the_shape(submission, expect, draw):
    """(..., V) gives (..., V), for a single row of logits and for many."""
    keeps_the_shape(submission, expect, draw, "top_p_probabilities")


@pytest.mark.question("c.3.2")
@pytest.mark.parametrize("shape", [(5, 12), (1, 9), (2, 3, 8)], ids=["rows", "one_row", "axes"])
def test_top_p_treats_every_row_apart(submission, expect, draw, shape):
    """Each row has its own nucleus; the last axis is that of the tokens."""
    rows = [spread(shape[-1], draw) for _ in range(math.prod(shape[:-1]))]
    logits = torch.stack(rows).reshape(shape)
    found = submission.language_model.top_p_probabilities(logits, 0.7)
    nucleus(expect, found, logits, 0.7)


@pytest.mark.question("c.3.2")
def test_top_p_is_90_percent_by_default(submission, expect, draw):
    """p is 0.9."""
    logits = spread(40, draw)
    found = submission.language_model.top_p_probabilities(logits)
    nucleus(expect, found, logits, 0.9, what="the probabilities for the default p")


@pytest.mark.question("c.3.2")
def test_top_p_never_leaves_nothing(submission, expect, draw):
    """Where the likeliest token alone has more than p, it is the nucleus."""
    logits = spread(8, draw)
    logits[draw.integer(0, 7)] += 9.0
    found = submission.language_model.top_p_probabilities(logits, draw.number(0.3, 0.9))
    wanted = torch.zeros(8)
    wanted[int(logits.argmax())] = 1.0
    expect.finite(found, what="the probabilities")
    expect.close(found, wanted, what="the probabilities where one token has more than p")


@pytest.mark.question("c.3.2")
def test_top_p_of_everything_is_the_softmax(submission, expect, draw):
    """p = 1 leaves all tokens in, up to rounding."""
    logits = logits_of(draw, 10)
    found = submission.language_model.top_p_probabilities(logits, 1.0)
    # Without the token that crosses p, rounding may cost the least likely one.
    fewer = logits.clone()
    fewer[int(logits.argmin())] = -math.inf
    try:
        expect.close(found, fewer.double().softmax(0).float())
    except AssertionError:
        expect.close(found, logits.double().softmax(0).float(), what="the probabilities")


@pytest.mark.question("c.3.2", weight=0.5)
def test_top_p_leaves_the_logits_alone(submission, probes, expect, draw):
    """The caller's logits keep their values."""
    logits, other = logits_of(draw, 2, 11), logits_of(draw, 2, 11)
    found, *more = (
        submission(probes.language_call, function="top_p_probabilities", args=[given, 0.8, 0.7])
        for given in (logits, logits, other)
    )
    computes(expect, logits, found, *more)
    expect.unchanged(found["args"][0], logits, what="the logits")


# --- c.3.3 ------------------------------------------------------------------------------------


def tables_of(draw, size, std=2.0):
    """Of a model that never finds the last token likeliest again, so that texts go on moving.

    A small `std` makes all tokens about as likely, so that a distribution of the submission's own
    that fails on extreme ones is not charged again.
    """
    table = draw.normal(size, size, std=std)
    table.fill_diagonal_(-15 * std)
    places, past = (draw.normal(rows, size, std=std) for rows in (97, size))
    return {"table": table, "places": places, "past": past}


def prompt_of(draw, size, length):
    return torch.tensor([draw.integer(0, size - 1) for _ in range(length)])


@pytest.mark.question("c.3.3", weight=3)
@pytest.mark.parametrize("length", [1, 9], ids=["one_token", "several"])
def test_greedy_takes_the_likeliest_each_time(submission, reference, probes, expect, draw, length):
    """Each new token is the one that the model finds likeliest after all before it."""
    asked = {
        "prompt": prompt_of(draw, 15, length),
        "new_tokens": 12,
        "strategy": "greedy",
        "options": {},
        "tables": tables_of(draw, 15),
    }
    found = submission(probes.generated, **asked)
    wanted = reference(probes.generated, **asked)
    expect.close(
        found["tokens"],
        wanted["tokens"],
        what="the generated text",
        help="Take the logits of the last place, and give the prompt back with the new tokens.",
    )
    expect.true(
        bool((found["batches"] == 1).all()), "the model is to be called with a batch of one"
    )


def longest(expect, found):
    """How many tokens the model was shown at most."""
    shown = found["shown"]
    expect.true(shown.numel() > 0, "the model is never called", "Is the function finished?")
    return int(shown.max())


@pytest.mark.question("c.3.3", weight=3)
@pytest.mark.parametrize("strategy", ["greedy", "top_k", "top_p"])
def test_generation_crops_to_the_last_tokens(submission, reference, probes, expect, draw, strategy):
    """The model is shown the last tokens of its context, never more, and not the first ones."""
    options = {"context": 10, "k": 5, "p": 0.5}
    asked = {
        "prompt": prompt_of(draw, 15, 7),
        "new_tokens": 14,
        "strategy": strategy,
        "options": options,
        "tables": tables_of(draw, 15, std=2.0 if strategy == "greedy" else 0.05),
    }
    found = submission(probes.generated, **asked)
    shown = longest(expect, found)
    expect.true(
        shown <= 10,
        "the model was shown more tokens than its context",
        "64 + 200 tokens are more than 128: show the model the last 128 only.",
    )
    expect.true(
        shown == 10,
        "the model was never shown a whole context",
        "Use as many tokens as the context holds.",
    )
    if strategy == "greedy":
        wanted = reference(probes.generated, **asked)
        expect.close(
            found["tokens"],
            wanted["tokens"],
            what="the generated text",
            help="Crop to the last tokens, and take the logits of the last place.",
        )
    else:
        expect.shape(text_of(found["tokens"]), (21,), what="the generated text")


@pytest.mark.question("c.3.3")
def test_generation_crops_at_128_by_default(submission, probes, expect, draw):
    """264 tokens, as in the assignment, with a context of 128."""
    found = submission(
        probes.generated,
        prompt=prompt_of(draw, 9, 64),
        new_tokens=200,
        strategy="greedy",
        options={},
        tables=tables_of(draw, 9),
    )
    expect.shape(text_of(found["tokens"]), (264,), what="the generated text")
    expect.true(
        longest(expect, found) == 128,
        "the longest text that the model was shown has not 128 tokens",
        "The default context is 128.",
    )


@pytest.mark.question("c.3.3")
@pytest.mark.parametrize("strategy", ["greedy", "top_k", "top_p"])
def test_generation_begins_with_the_prompt(submission, probes, expect, draw, strategy):
    """The prompt comes back first, and the caller's prompt keeps its values."""
    prompt = prompt_of(draw, 30, 6)
    found = submission(
        probes.generated,
        prompt=prompt,
        new_tokens=5,
        strategy=strategy,
        options={},
        tables=tables_of(draw, 30, std=0.05),
    )
    tokens = text_of(found["tokens"])
    expect.shape(tokens, (11,), what="the generated text")
    expect.close(tokens[:6], prompt, what="the beginning of the generated text")
    expect.unchanged(found["prompt"], prompt, what="the prompt")
    expect.true(
        bool(((tokens >= 0) & (tokens < 30)).all()), "a generated token is not in the vocabulary"
    )


@pytest.mark.question("c.3.3", weight=0.5)
def test_a_prompt_longer_than_the_context_comes_back_whole(submission, probes, expect, draw):
    """The model is shown the last tokens of a long prompt, but all of them are part of the text."""
    prompt = prompt_of(draw, 12, 15)
    found = submission(
        probes.generated,
        prompt=prompt,
        new_tokens=4,
        strategy="greedy",
        options={"context": 10},
        tables=tables_of(draw, 12),
    )
    tokens = text_of(found["tokens"])
    expect.shape(tokens, (19,), what="the generated text")
    expect.close(tokens[:15], prompt, what="the beginning of the generated text")


@pytest.mark.question("c.3.3", weight=0.5)
def test_generation_gives_one_text_of_int64(submission, probes, expect, draw):
    """One axis of tokens, as the prompt has, and no batch of one."""
    found = submission(
        probes.generated,
        prompt=prompt_of(draw, 12, 5),
        new_tokens=4,
        strategy="greedy",
        options={},
        tables=tables_of(draw, 12),
    )
    expect.shape(found["tokens"], (9,), what="the generated text")
    expect.true(
        getattr(found["tokens"], "dtype", None) == torch.int64,
        "the generated text is not int64",
        "The prompt is int64, and so is what argmax and multinomial give.",
    )


@pytest.mark.question("c.3.3", weight=0.5)
@pytest.mark.parametrize("strategy", ["beam", ""], ids=["another", "none"])
def test_generation_refuses_other_strategies(submission, probes, expect, strategy):
    """A strategy that does not exist is a ValueError, not a text of some other strategy."""
    usual = (submission(probes.refused, strategy=s) for s in ("greedy", "top_k", "top_p"))
    expect.true(
        any(raised != "ValueError" for raised in usual),
        "every strategy raises ValueError",
        "Is the function finished?",
    )
    raised = submission(probes.refused, strategy=strategy)
    expect.true(
        raised == "ValueError",
        f"a strategy that does not exist raises {raised or 'nothing'}, not ValueError",
        "Raise it before anything is generated, or where no strategy fits.",
    )


@pytest.mark.question("c.3.3", weight=4)
@pytest.mark.parametrize(
    ("strategy", "temperature"),
    [("top_k", 1.0), ("top_k", 3.0), ("top_p", 1.0), ("top_p", 3.0)],
    ids=["top_k", "top_k_hot", "top_p", "top_p_hot"],
)
def test_draws_have_the_frequencies_of_the_strategy(
    submission, probes, expect, stats, draw, strategy, temperature
):
    """Each token of the allowed set comes as often as its probability says, and no other does."""
    # Gaps with which a wrong temperature, or none, moves a probability by more than the effect.
    logits = spread(9, draw, least=0.8)
    options = {"k": 4, "p": 0.95, "temperature": temperature, "context": 8}
    found = submission(
        probes.generated,
        prompt=torch.tensor([draw.integer(0, 8)]),
        new_tokens=1500,
        strategy=strategy,
        options=options,
        tables={"logits": logits},
    )
    tokens = text_of(found["tokens"])
    expect.shape(tokens, (1501,), what="the generated text")
    expect.finite(tokens, what="the generated text")
    counts = torch.bincount(tokens[1:].long().clamp(0, 8), minlength=9).numpy()
    if strategy == "top_k":
        wanted = [top_k(logits, 4, temperature)]
    else:
        wanted = [top_p(logits, 0.95, temperature, crossing=c) for c in (True, False)]
    # Draws from the submission's own wrong distribution are right draws.
    if is_distribution(found["own"], 9):
        wanted.append(found["own"].double() / found["own"].double().sum())
    findings = [
        stats.frequencies(counts, one.numpy(), false_fail=1e-9, effect=0.13) for one in wanted
    ]
    expect.plausible(
        next((finding for finding in findings if finding.passed), findings[0]),
        "the frequencies of the drawn tokens are not those of the strategy's distribution",
        "Draw from the distribution of the strategy, with the temperature, one token at a time.",
    )


def is_distribution(values, size):
    return (
        isinstance(values, torch.Tensor)
        and tuple(values.shape) == (size,)
        and bool(torch.isfinite(values).all())
        and bool((values >= 0).all())
        and float(values.sum()) > 0
    )


@pytest.mark.question("c.3.3")
@pytest.mark.parametrize("strategy", ["top_k", "top_p"])
def test_draws_differ_from_call_to_call(submission, probes, expect, draw, strategy):
    """No seed is set inside: two texts from one prompt differ."""
    logits = 0.2 * spread(16, draw)
    asked = {
        "prompt": torch.tensor([draw.integer(0, 15)]),
        "new_tokens": 40,
        "strategy": strategy,
        "options": {"k": 16, "p": 1.0},
        "tables": {"logits": logits},
    }
    first, second = (text_of(submission(probes.generated, **asked)["tokens"]) for _ in range(2))
    for tokens in (first, second):
        expect.true(
            tokens.numel() >= 20
            and bool(((tokens >= 0) & (tokens < 16) & (tokens == tokens.round())).all()),
            "what is generated is no text of the vocabulary",
            "Give the prompt back with the new tokens.",
        )
    expect.true(
        not torch.equal(first, second),
        "two generations from one prompt are the same",
        "Do not set a seed inside the function.",
    )
