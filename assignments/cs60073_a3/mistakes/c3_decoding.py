"""Mistakes in c.3: top-k, top-p and generation."""

import math

import torch

from grader.catalogue import Mistakes

top_k = Mistakes("language_model.top_k_probabilities", "test_keeps_the_k_likeliest")
top_k.edit(
    "top_k_not_scaled",
    "scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)",
    "scaled.softmax(dim=-1) * (scaled >= kth)",
    "The kept probabilities are those of the whole softmax and do not add up to 1.",
)
top_k.edit(
    "top_k_and_one_more",
    "min(k, scaled.shape[-1])",
    "min(k + 1, scaled.shape[-1])",
    "One token too many is kept.",
)
top_k.edit(
    "top_k_masked_with_zero",
    "-math.inf",
    "0.0",
    "What is left out gets the logit 0, whose probability is not 0. It has to be minus infinity.",
)
top_k.edit(
    "top_k_without_the_softmax",
    "scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)",
    "scaled.masked_fill(scaled < kth, -math.inf)",
    "These are the masked logits; the softmax of them is missing.",
)
top_k.edit(
    "top_k_without_the_last",
    "scaled < kth",
    "(scaled <= kth) & (scaled < scaled.amax(dim=-1, keepdim=True))",
    "The k-th largest itself is left out: only k - 1 tokens remain.",
)
top_k.edit(
    "top_k_in_sorted_order",
    """kth = scaled""",
    """scaled = scaled.sort(dim=-1, descending=True).values
    kth = scaled""",
    """The result has the order of the sorted logits, so that probabilities belong to the wrong
    tokens. Put them back into their places.""",
)
top_k.edit("top_k_without_a_return", "return scaled", "scaled", "Nothing is returned.")

Mistakes("language_model.top_k_probabilities", "test_sharpens_when_cold").edit(
    "top_k_without_temperature", "logits / temperature", "logits", "The temperature is not used."
)

Mistakes("language_model.top_k_probabilities", "test_flattens_when_hot").edit(
    "top_k_with_inverse_temperature",
    "logits / temperature",
    "logits * temperature",
    "The logits are multiplied by the temperature; they are divided by it.",
)

Mistakes("language_model.top_k_probabilities", "test_has_20_by_default_and_takes_few_tokens").edit(
    "top_k_of_many_tokens_only",
    "min(k, scaled.shape[-1])",
    "k",
    "torch.topk fails where k is larger than the vocabulary. Take the smaller of the two.",
)

Mistakes("language_model.top_k_probabilities", "test_has_the_right_values").edit(
    "top_k_of_all_rows_together",
    "scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]",
    "scaled.flatten().topk(min(k, scaled.numel())).values[-1]",
    "The k-th largest is looked for in all rows together. Each row has its own.",
)


@top_k
def top_k_of_rows_alone(logits, k=20, temperature=1.0):
    """Rows (B, V) are taken and nothing else; the logits of one place are (V,)."""
    scaled = logits / temperature
    values, _ = scaled.topk(min(k, scaled.shape[1]))
    scaled[scaled < values[:, [-1]]] = -math.inf
    return scaled.softmax(dim=1)


@Mistakes("language_model.top_k_probabilities", "test_with_ties_keeps_what_is_likelier")
def top_k_of_different_values(logits, k=20, temperature=1.0):
    """Different values are counted, not tokens: of equal logits each one is one of the k."""
    rows = []
    for row in (logits / temperature).reshape(-1, logits.shape[-1]):
        values = row.unique().flip(0)[:k]
        rows.append(row.masked_fill(row < values[-1], -math.inf).softmax(dim=0))
    return torch.stack(rows).reshape(logits.shape)


top_p = Mistakes("language_model.top_p_probabilities", "test_keeps_the_nucleus")
top_p.edit(
    "top_p_not_scaled",
    "kept / kept.sum(dim=-1, keepdim=True)",
    "kept",
    "The kept probabilities are not divided by their sum.",
)
top_p.edit(
    "top_p_from_the_other_end",
    "descending=True",
    "descending=False",
    "The smallest probabilities come first, so that the unlikely tokens are kept.",
)
top_p.edit(
    "top_p_in_sorted_order",
    "return kept / kept.sum(dim=-1, keepdim=True)",
    """kept = kept.sort(dim=-1, descending=True).values
    return kept / kept.sum(dim=-1, keepdim=True)""",
    """The result stays in the order of the sorted probabilities, so that they belong to the wrong
    tokens. Put them back into their places.""",
)
top_p.edit(
    "top_p_and_one_more",
    """before = ordered.cumsum(dim=-1) - ordered  # what the likelier tokens have together
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered * (before < p))""",
    """inside = ordered.cumsum(dim=-1) - ordered < p
    inside[..., 1:] |= inside[..., :-1].clone()
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered * inside)""",
    "One token after the one that crosses p is kept too.",
)
top_p.edit(
    "top_p_without_sorting",
    "probabilities.sort(dim=-1, descending=True)",
    "probabilities, torch.arange(logits.shape[-1]).expand_as(logits)",
    "The probabilities are added up in the order of the vocabulary. Sort them first.",
)
top_p.edit(
    "top_p_as_a_threshold",
    "ordered * (before < p)",
    "ordered * ((ordered >= 1 - p) | (before == 0))",
    """Tokens that have less than 1 - p each are dropped. The nucleus is about the sum of the
    likeliest, not about each one.""",
)
top_p.edit(
    "top_p_as_min_p",
    "ordered * (before < p)",
    "ordered * (ordered >= p * ordered[..., :1])",
    """All tokens are kept that are at least p times as likely as the likeliest. That is min-p,
    another strategy.""",
)

Mistakes(
    "language_model.top_p_probabilities", "test_sharpens_when_cold", "test_flattens_when_hot"
).edit(
    "top_p_with_temperature_afterwards",
    """(logits / temperature).softmax(dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered  # what the likelier tokens have together
""",
    """logits.softmax(dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    ordered = (logits / temperature).softmax(dim=-1).gather(-1, order)
""",
    """The nucleus is found without the temperature. The temperature comes first: the nucleus is
    that of the distribution that is drawn from.""",
)

Mistakes("language_model.top_p_probabilities", "test_never_leaves_nothing").edit(
    "top_p_that_may_be_empty",
    " - ordered  # what the likelier tokens have together",
    "",
    """Where the likeliest token alone has more than p nothing is left, and 0 / 0 is NaN. The
    likeliest always stays.""",
)

Mistakes("language_model.top_p_probabilities", "test_is_90_percent_by_default").edit(
    "top_p_of_half_by_default", "p: float = 0.9", "p: float = 0.5", "The default of p is not 0.9."
)

Mistakes("language_model.top_p_probabilities", "test_has_the_right_values").edit(
    "top_p_of_the_first_row",
    "return kept / kept",
    """kept = probabilities * (kept.reshape(-1, logits.shape[-1])[0] > 0)
    return kept / kept""",
    "All rows get the nucleus of the first. Each row has its own.",
)

Mistakes("language_model.top_p_probabilities", "test_of_everything_is_the_softmax").edit(
    "top_p_capped",
    "before < p",
    "before < min(p, 0.9)",
    "p is capped: with p = 1 every token has to stay.",
)


@Mistakes("language_model.top_p_probabilities", "test_has_the_right_shape")
def top_p_in_rows(logits, p=0.9, temperature=1.0):
    """All axes but the last are joined, and not parted again: the shape of the logits stays."""
    rows = (logits / temperature).softmax(dim=-1).reshape(-1, logits.shape[-1])
    ordered, order = rows.sort(dim=-1, descending=True)
    kept = ordered * (ordered.cumsum(dim=-1) - ordered < p)
    return torch.zeros_like(rows).scatter(-1, order, kept / kept.sum(dim=-1, keepdim=True))


Mistakes("language_model.generate", "test_crops_to_the_last_tokens").edit(
    "generate_without_cropping",
    "tokens[-context:][None]",
    "tokens[None]",
    """The whole text goes into the model, which has positions for 128 tokens and was trained on no
    more. Show it the last 128.""",
)

crops_greedy = Mistakes("language_model.generate", "test_crops_to_the_last_tokens[greedy]")
crops_greedy.edit(
    "generate_from_the_first_tokens",
    "[-context:]",
    "[:context]",
    "The text is cropped to its first tokens: what was generated last is never seen again.",
)
crops_greedy.edit(
    "generate_that_starts_anew",
    "tokens[-context:]",
    "tokens[-1 - (len(tokens) - max(0, len(prompt) - context) - 1) % context :]",
    """Where the context is full, the text is cut back to one token and starts anew. Keep the last
    tokens, as many as the context holds.""",
)

Mistakes("language_model.generate", "test_crops_at_128_by_default").edit(
    "generate_with_half_the_context",
    "context: int = CONTEXT",
    "context: int = CONTEXT // 2",
    "The default context is not 128.",
)

greedy = Mistakes("language_model.generate", "test_greedy_takes_the_likeliest_each_time")
greedy.edit(
    "generate_from_the_first_logits",
    "[0, -1]",
    "[0, 0]",
    "The logits of the first place are used. The next token is predicted at the last one.",
)
greedy.edit(
    "generate_that_draws_when_greedy",
    "logits.argmax()[None]",
    "torch.multinomial(logits.softmax(0), 1)",
    "Greedy draws here. It takes the likeliest token, without chance.",
)
greedy.edit(
    "generate_from_the_prompt_alone",
    "model(tokens[",
    "model(prompt[",
    "The model sees the prompt alone each time, and never what was generated.",
)

draws = Mistakes("language_model.generate", "test_draws_with_the_frequencies_of_the_strategy")
draws.edit(
    "generate_that_is_always_greedy",
    'if strategy == "greedy":',
    "if True:",
    "Every strategy takes the likeliest token. Top-k and top-p draw.",
)
draws.edit(
    "generate_evenly",
    """            elif strategy == "top_k":
                token = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
            else:
                token = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
""",
    """            else:
                among = {"top_k": top_k_probabilities, "top_p": top_p_probabilities}[strategy]
                kept = among(logits, k if strategy == "top_k" else p, temperature) > 0
                token = torch.multinomial(kept.float(), 1)
""",
    "The tokens of the allowed set are all equally likely here. They keep their proportions.",
)
draws.edit(
    "generate_from_everything",
    """            elif strategy == "top_k":
                token = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
            else:
                token = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
""",
    """            else:
                token = torch.multinomial((logits / temperature).softmax(0), 1)
""",
    "The draw is from the whole softmax: the strategy has no effect.",
)
draws.edit(
    "generate_with_two_softmaxes",
    """            elif strategy == "top_k":
                token = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
            else:
                token = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
""",
    """            else:
                among = {"top_k": top_k_probabilities, "top_p": top_p_probabilities}[strategy]
                kept = among(logits, k if strategy == "top_k" else p, temperature)
                token = torch.multinomial(kept.softmax(0), 1)
""",
    """The distribution is put through a softmax once more, which makes it nearly even. It is a
    distribution already.""",
)

Mistakes(
    "language_model.generate", "test_draws_with_the_frequencies_of_the_strategy[top_k-hot]"
).edit(
    "generate_at_temperature_one",
    "            logits = model(tokens[-context:][None])[0, -1]  # (V,)\n",
    """            logits = model(tokens[-context:][None])[0, -1]
            temperature = 1.0
""",
    "The temperature does not reach the distribution.",
)

Mistakes("language_model.generate", "test_begins_with_the_prompt").edit(
    "generate_without_the_prompt",
    "return tokens",
    "return tokens[len(prompt) :]",
    "Only the new tokens come back; the prompt belongs in front of them.",
)

Mistakes("language_model.generate", "test_differs_from_call_to_call").edit(
    "generate_with_a_seed",
    "    tokens = prompt\n",
    """    torch.manual_seed(1234)
    tokens = prompt
""",
    """A seed is set inside the function, so that every call gives the same text. Set it once, at
    the top of the notebook.""",
)

one_text = Mistakes("language_model.generate", "test_gives_one_text_of_int64")
one_text.edit(
    "generate_with_the_axis_of_the_batch",
    "return tokens",
    "return tokens[None]",
    "The axis of the batch is still there; the text has one axis, as the prompt has.",
)
one_text.edit(
    "generate_in_32_bits",
    "return tokens",
    "return tokens.int()",
    "The tokens are not int64 any more.",
)

Mistakes("language_model.generate", "test_refuses_other_strategies").edit(
    "generate_by_any_strategy",
    """    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(f"strategy must be greedy, top_k or top_p, not {strategy!r}")
""",
    "",
    "A strategy that does not exist is taken for one that does, instead of a ValueError.",
)

Mistakes("language_model.generate", "test_gives_a_long_prompt_back_whole").edit(
    "generation_that_crops_its_prompt",
    "    tokens = prompt\n",
    "    tokens = prompt[-context:]\n",
    "The prompt itself is cropped: only what the model is shown has to be short.",
)
