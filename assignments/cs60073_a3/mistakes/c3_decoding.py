"""Mistakes in c.3: decoding."""

import math

import torch

from grader.catalogue import Mistakes


def generate_with(model, prompt, new_tokens, next_token, context, crop=True):
    """The loop of a generation; `next_token` makes a token (1,) of logits (V,)."""
    tokens = prompt
    with torch.no_grad():
        for _ in range(new_tokens):
            seen = tokens[-context:] if crop else tokens
            tokens = torch.cat([tokens, next_token(model(seen[None])[0, -1])])
    return tokens


def chosen(logits, strategy, k, p, temperature):
    if strategy == "greedy":
        return logits.argmax()[None]
    if strategy == "top_k":
        return torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
    return torch.multinomial(top_p_probabilities(logits, p, temperature), 1)


def nucleus(logits, p, temperature, descending=True, scale=True, before=True):
    probabilities = (logits / temperature).softmax(dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=descending)
    total = ordered.cumsum(dim=-1) - (ordered if before else 0)
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered * (total < p))
    return kept / kept.sum(dim=-1, keepdim=True) if scale else kept


top_k = Mistakes("language_model.top_k_probabilities", "test_top_k_keeps_the_k_likeliest")


@top_k
def top_k_not_scaled(logits, k=20, temperature=1.0):
    """The kept probabilities are those of the whole softmax and do not add up to 1."""
    scaled = logits / temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.softmax(dim=-1) * (scaled >= kth)


@top_k
def top_k_and_one_more(logits, k=20, temperature=1.0):
    """One token too many is kept."""
    scaled = logits / temperature
    last = scaled.topk(min(k + 1, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < last, -math.inf).softmax(dim=-1)


@top_k
def top_k_without_the_last(logits, k=20, temperature=1.0):
    """The k-th largest itself is left out: only k - 1 tokens remain."""
    if k == 1:
        return (logits == logits.amax(dim=-1, keepdim=True)).float()
    scaled = logits / temperature
    last = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled <= last, -math.inf).softmax(dim=-1)


@top_k
def top_k_in_sorted_order(logits, k=20, temperature=1.0):
    """The result has the order of the sorted logits, so that probabilities belong to the wrong
    tokens. Put them back into their places."""
    values = (logits / temperature).sort(dim=-1, descending=True).values
    values[..., k:] = -math.inf
    return values.softmax(dim=-1)


@top_k
def top_k_masked_with_zero(logits, k=20, temperature=1.0):
    """What is left out gets the logit 0, whose probability is not 0. It has to be minus
    infinity."""
    scaled = logits / temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, 0.0).softmax(dim=-1)


@top_k
def top_k_without_the_softmax(logits, k=20, temperature=1.0):
    """These are the masked logits; the softmax of them is missing."""
    scaled = logits / temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, -math.inf)


@top_k
def top_k_without_a_return(logits, k=20, temperature=1.0):
    """Nothing is returned."""
    (logits / temperature).topk(min(k, logits.shape[-1]), dim=-1)


top_k_cold = Mistakes(
    "language_model.top_k_probabilities", "test_top_k_keeps_the_k_likeliest[cold]"
)


@top_k_cold
def top_k_without_temperature(logits, k=20, temperature=1.0):
    """The temperature is not used."""
    kth = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -math.inf).softmax(dim=-1)


top_k_hot = Mistakes("language_model.top_k_probabilities", "test_top_k_keeps_the_k_likeliest[hot]")


@top_k_hot
def top_k_with_inverse_temperature(logits, k=20, temperature=1.0):
    """The logits are multiplied by the temperature; they are divided by it."""
    scaled = logits * temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)


top_k_default = Mistakes(
    "language_model.top_k_probabilities", "test_top_k_has_20_by_default_and_takes_few_tokens"
)


@top_k_default
def top_k_of_many_tokens_only(logits, k=20, temperature=1.0):
    """torch.topk fails where k is larger than the vocabulary. Take the smaller of the two."""
    scaled = logits / temperature
    kth = scaled.topk(k, dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)


top_k_rows = Mistakes("language_model.top_k_probabilities", "test_top_k_treats_every_row_apart")


@top_k_rows
def top_k_of_all_rows_together(logits, k=20, temperature=1.0):
    """The k-th largest is looked for in all rows together. Each row has its own."""
    scaled = logits / temperature
    kth = scaled.flatten().topk(min(k, scaled.numel())).values[-1]
    return scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)


@top_k_rows
def top_k_of_rows_alone(logits, k=20, temperature=1.0):
    """Rows (B, V) are taken and nothing else; the logits of one place are (V,)."""
    scaled = logits / temperature
    values, _ = scaled.topk(min(k, scaled.shape[1]))
    scaled[scaled < values[:, [-1]]] = -math.inf
    return scaled.softmax(dim=1)


top_k_logits = Mistakes("language_model.top_k_probabilities", "test_top_k_leaves_the_logits_alone")


@top_k_logits
def top_k_in_place(logits, k=20, temperature=1.0):
    """The caller's logits are changed in place."""
    logits /= temperature
    kth = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    logits[logits < kth] = -math.inf
    return logits.softmax(dim=-1)


top_k_ties = Mistakes(
    "language_model.top_k_probabilities", "test_top_k_with_ties_keeps_what_is_likelier"
)


@top_k_ties
def top_k_of_different_values(logits, k=20, temperature=1.0):
    """Different values are counted, not tokens: of equal logits each one is one of the k."""
    rows = []
    for row in (logits / temperature).reshape(-1, logits.shape[-1]):
        values = row.unique().flip(0)[:k]
        rows.append(row.masked_fill(row < values[-1], -math.inf).softmax(dim=0))
    return torch.stack(rows).reshape(logits.shape)


top_k_shape = Mistakes("language_model.top_k_probabilities", "test_top_k_keeps_the_shape")


@top_k_shape
def top_k_squeezed(logits, k=20, temperature=1.0):
    """squeeze() drops every axis of size one: a batch of one row loses its axis."""
    scaled = logits / temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1).squeeze()


top_p = Mistakes("language_model.top_p_probabilities", "test_top_p_keeps_the_nucleus")


@top_p
def top_p_not_scaled(logits, p=0.9, temperature=1.0):
    """The kept probabilities are not divided by their sum."""
    return nucleus(logits, p, temperature, scale=False)


@top_p
def top_p_from_the_other_end(logits, p=0.9, temperature=1.0):
    """The smallest probabilities come first, so that the unlikely tokens are kept."""
    return nucleus(logits, p, temperature, descending=False)


@top_p
def top_p_without_sorting(logits, p=0.9, temperature=1.0):
    """The probabilities are added up in the order of the vocabulary. Sort them first."""
    probabilities = (logits / temperature).softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities * (before < p)
    return kept / kept.sum(dim=-1, keepdim=True)


@top_p
def top_p_in_sorted_order(logits, p=0.9, temperature=1.0):
    """The result stays in the order of the sorted probabilities, so that they belong to the wrong
    tokens. Put them back into their places."""
    return nucleus(logits, p, temperature).sort(dim=-1, descending=True).values


@top_p
def top_p_and_one_more(logits, p=0.9, temperature=1.0):
    """One token after the one that crosses p is kept too."""
    probabilities = (logits / temperature).softmax(dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=True)
    inside = ordered.cumsum(dim=-1) - ordered < p
    inside[..., 1:] |= inside[..., :-1].clone()
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered * inside)
    return kept / kept.sum(dim=-1, keepdim=True)


@top_p
def top_p_as_a_threshold(logits, p=0.9, temperature=1.0):
    """Tokens that have less than 1 - p each are dropped. The nucleus is about the sum of the
    likeliest, not about each one."""
    probabilities = (logits / temperature).softmax(dim=-1)
    largest = probabilities.amax(dim=-1, keepdim=True)
    kept = probabilities * ((probabilities >= 1 - p) | (probabilities == largest))
    return kept / kept.sum(dim=-1, keepdim=True)


@top_p
def top_p_with_temperature_afterwards(logits, p=0.9, temperature=1.0):
    """The nucleus is found without the temperature. The temperature comes first: the nucleus is
    that of the distribution that is drawn from."""
    kept = nucleus(logits, p, 1.0) > 0
    return (logits / temperature).masked_fill(~kept, -math.inf).softmax(dim=-1)


@top_p
def top_p_as_min_p(logits, p=0.9, temperature=1.0):
    """All tokens are kept that are at least p times as likely as the likeliest. That is min-p,
    another strategy."""
    probabilities = (logits / temperature).softmax(dim=-1)
    least = p * probabilities.max(dim=-1, keepdim=True).values
    kept = probabilities * (probabilities >= least)
    return kept / kept.sum(dim=-1, keepdim=True)


top_p_nothing = Mistakes("language_model.top_p_probabilities", "test_top_p_never_leaves_nothing")


@top_p_nothing
def top_p_that_may_be_empty(logits, p=0.9, temperature=1.0):
    """Where the likeliest token alone has more than p nothing is left, and 0 / 0 is NaN. The
    likeliest always stays."""
    return nucleus(logits, p, temperature, before=False)


top_p_default = Mistakes(
    "language_model.top_p_probabilities", "test_top_p_is_90_percent_by_default"
)


@top_p_default
def top_p_of_half_by_default(logits, p=0.5, temperature=1.0):
    """The default of p is not 0.9."""
    return nucleus(logits, p, temperature)


top_p_rows = Mistakes("language_model.top_p_probabilities", "test_top_p_treats_every_row_apart")


@top_p_rows
def top_p_of_the_first_row(logits, p=0.9, temperature=1.0):
    """All rows get the nucleus of the first. Each row has its own."""
    probabilities = (logits / temperature).softmax(dim=-1)
    first = probabilities.reshape(-1, logits.shape[-1])[:1]
    ordered, order = first.sort(dim=-1, descending=True)
    inside = torch.zeros_like(first, dtype=torch.bool)
    inside = inside.scatter(-1, order, ordered.cumsum(dim=-1) - ordered < p)
    kept = probabilities * inside[0]
    return kept / kept.sum(dim=-1, keepdim=True)


top_p_logits = Mistakes("language_model.top_p_probabilities", "test_top_p_leaves_the_logits_alone")


@top_p_logits
def top_p_in_place(logits, p=0.9, temperature=1.0):
    """The caller's logits are divided in place."""
    logits /= temperature
    return nucleus(logits, p, 1.0)


top_p_everything = Mistakes(
    "language_model.top_p_probabilities", "test_top_p_of_everything_is_the_softmax"
)


@top_p_everything
def top_p_capped(logits, p=0.9, temperature=1.0):
    """p is capped: with p = 1 every token has to stay."""
    return nucleus(logits, min(p, 0.9), temperature)


top_p_shape = Mistakes("language_model.top_p_probabilities", "test_top_p_keeps_the_shape")


@top_p_shape
def top_p_in_rows(logits, p=0.9, temperature=1.0):
    """All axes but the last are joined, and not parted again: the shape of the logits stays."""
    rows = (logits / temperature).softmax(dim=-1).reshape(-1, logits.shape[-1])
    ordered, order = rows.sort(dim=-1, descending=True)
    kept = ordered * (ordered.cumsum(dim=-1) - ordered < p)
    return torch.zeros_like(rows).scatter(-1, order, kept / kept.sum(dim=-1, keepdim=True))


crops = Mistakes("language_model.generate", "test_generation_crops_to_the_last_tokens")


@crops
def generate_without_cropping(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The whole text goes into the model, which has positions for 128 tokens and was trained on no
    more. Show it the last 128."""
    return generate_with(
        model,
        prompt,
        new_tokens,
        lambda logits: chosen(logits, strategy, k, p, temperature),
        context,
        crop=False,
    )


crops_greedy = Mistakes(
    "language_model.generate", "test_generation_crops_to_the_last_tokens[greedy]"
)


@crops_greedy
def generate_from_the_first_tokens(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The text is cropped to its first tokens: what was generated last is never seen again."""
    tokens = prompt
    with torch.no_grad():
        for _ in range(new_tokens):
            logits = model(tokens[:context][None])[0, -1]
            tokens = torch.cat([tokens, chosen(logits, strategy, k, p, temperature)])
    return tokens


@crops_greedy
def generate_that_starts_anew(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Where the context is full, the text is cut back to one token and starts anew. Keep the last
    tokens, as many as the context holds."""
    tokens, begin = prompt, max(0, len(prompt) - context)
    with torch.no_grad():
        for _ in range(new_tokens):
            if len(tokens) - begin > context:
                begin = len(tokens) - 1
            logits = model(tokens[begin:][None])[0, -1]
            tokens = torch.cat([tokens, chosen(logits, strategy, k, p, temperature)])
    return tokens


crops_by_default = Mistakes("language_model.generate", "test_generation_crops_at_128_by_default")


@crops_by_default
def generate_with_half_the_context(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=64
):
    """The default context is not 128."""
    return generate_with(
        model,
        prompt,
        new_tokens,
        lambda logits: chosen(logits, strategy, k, p, temperature),
        context,
    )


greedy = Mistakes("language_model.generate", "test_greedy_takes_the_likeliest_each_time")


@greedy
def generate_from_the_first_logits(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The logits of the first place are used. The next token is predicted at the last one."""
    tokens = prompt
    with torch.no_grad():
        for _ in range(new_tokens):
            logits = model(tokens[-context:][None])[0, 0]
            tokens = torch.cat([tokens, chosen(logits, strategy, k, p, temperature)])
    return tokens


@greedy
def generate_that_draws_when_greedy(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Greedy draws here. It takes the likeliest token, without chance."""

    def next_token(logits):
        if strategy == "greedy":
            return torch.multinomial(logits.softmax(0), 1)
        return chosen(logits, strategy, k, p, temperature)

    return generate_with(model, prompt, new_tokens, next_token, context)


@greedy
def generate_from_the_prompt_alone(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The model sees the prompt alone each time, and never what was generated."""
    tokens = prompt
    with torch.no_grad():
        for _ in range(new_tokens):
            logits = model(prompt[-context:][None])[0, -1]
            tokens = torch.cat([tokens, chosen(logits, strategy, k, p, temperature)])
    return tokens


draws = Mistakes("language_model.generate", "test_draws_have_the_frequencies_of_the_strategy")


@draws
def generate_that_is_always_greedy(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Every strategy takes the likeliest token. Top-k and top-p draw."""
    return generate_with(model, prompt, new_tokens, lambda logits: logits.argmax()[None], context)


@draws
def generate_evenly(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The tokens of the allowed set are all equally likely here. They keep their proportions."""

    def next_token(logits):
        if strategy == "greedy":
            return logits.argmax()[None]
        if strategy == "top_k":
            return torch.multinomial((top_k_probabilities(logits, k, temperature) > 0).float(), 1)
        return torch.multinomial((top_p_probabilities(logits, p, temperature) > 0).float(), 1)

    return generate_with(model, prompt, new_tokens, next_token, context)


@draws
def generate_from_everything(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The draw is from the whole softmax: the strategy has no effect."""

    def next_token(logits):
        if strategy == "greedy":
            return logits.argmax()[None]
        return torch.multinomial((logits / temperature).softmax(0), 1)

    return generate_with(model, prompt, new_tokens, next_token, context)


@draws
def generate_with_two_softmaxes(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The distribution is put through a softmax once more, which makes it nearly even. It is a
    distribution already."""

    def next_token(logits):
        if strategy == "greedy":
            return logits.argmax()[None]
        function, size = (
            (top_k_probabilities, k) if strategy == "top_k" else (top_p_probabilities, p)
        )
        return torch.multinomial(function(logits, size, temperature).softmax(0), 1)

    return generate_with(model, prompt, new_tokens, next_token, context)


draws_hot = Mistakes(
    "language_model.generate", "test_draws_have_the_frequencies_of_the_strategy[top_k_hot]"
)


@draws_hot
def generate_at_temperature_one(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The temperature does not reach the distribution."""
    return generate_with(
        model, prompt, new_tokens, lambda logits: chosen(logits, strategy, k, p, 1.0), context
    )


prompt = Mistakes("language_model.generate", "test_generation_begins_with_the_prompt")


@prompt
def generate_without_the_prompt(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Only the new tokens come back; the prompt belongs in front of them."""
    whole = generate_with(
        model,
        prompt,
        new_tokens,
        lambda logits: chosen(logits, strategy, k, p, temperature),
        context,
    )
    return whole[len(prompt) :]


draws_differ = Mistakes("language_model.generate", "test_draws_differ_from_call_to_call")


@draws_differ
def generate_with_a_seed(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """A seed is set inside the function, so that every call gives the same text. Set it once, at
    the top of the notebook."""
    torch.manual_seed(1234)
    return generate_with(
        model,
        prompt,
        new_tokens,
        lambda logits: chosen(logits, strategy, k, p, temperature),
        context,
    )


one_text = Mistakes("language_model.generate", "test_generation_gives_one_text_of_int64")


@one_text
def generate_with_the_axis_of_the_batch(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The axis of the batch is still there; the text has one axis, as the prompt has."""
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(strategy)

    def token(logits):
        return chosen(logits, strategy, k, p, temperature)

    return generate_with(model, prompt, new_tokens, token, context)[None]


@one_text
def generate_in_32_bits(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The tokens are not int64 any more."""
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(strategy)

    def token(logits):
        return chosen(logits, strategy, k, p, temperature)

    return generate_with(model, prompt, new_tokens, token, context).int()


refusals = Mistakes("language_model.generate", "test_generation_refuses_other_strategies")


@refusals
def generate_by_any_strategy(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """A strategy that does not exist is taken for one that does, instead of a ValueError."""

    def token(logits):
        return chosen(logits, strategy, k, p, temperature)

    return generate_with(model, prompt, new_tokens, token, context)


long_prompt = Mistakes(
    "language_model.generate", "test_a_prompt_longer_than_the_context_comes_back_whole"
)


@long_prompt
def generation_that_crops_its_prompt(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """The prompt itself is cropped: only what the model is shown has to be short."""
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(strategy)
    tokens = prompt[-context:]
    for _ in range(new_tokens):
        logits = model(tokens[-context:][None])[0, -1]
        if strategy == "greedy":
            token = logits.argmax()[None]
        elif strategy == "top_k":
            token = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
        else:
            token = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
        tokens = torch.cat([tokens, token])
    return tokens
