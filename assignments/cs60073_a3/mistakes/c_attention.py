"""Mistakes in c.1.3: causal attention."""

# ruff: noqa: F821
# Names such as HEADS are those of the file that an entry is grafted onto.

import math

import torch

from grader.audit import mistake


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_never_looks_ahead"],
    hint="There is no mask: every position sees the token that it has to predict. The loss of such "
    "a model is far too good, and what it generates is nonsense.",
)
def attention_without_a_mask(q, k, v):
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return weights @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values"],
    hint="The scores are not divided by sqrt(d).",
)
def attention_without_the_scale(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    return (q @ k.transpose(-2, -1)).masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values"],
    hint="The scores are divided by the root of the model's width, 192. The vectors that are "
    "multiplied have 64 dimensions: those of a head.",
)
def attention_scaled_by_the_width_of_the_model(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(D_MODEL)
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values"],
    hint="The scores are divided by d, not by its root.",
)
def attention_scaled_by_d(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values"],
    hint="The mask covers the position itself too, which leaves the first position nothing to see. "
    "The diagonal stays.",
)
def attention_that_does_not_see_itself(q, k, v):
    length = q.shape[-2]
    future = torch.ones(length, length, dtype=torch.bool).triu(0)
    future[0, 0] = False
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_never_looks_ahead"],
    hint="The mask is off by one: each position sees the next one, the very token that it has to "
    "predict.",
)
def attention_that_sees_one_ahead(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(2)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_never_looks_ahead"],
    hint="The mask is upside down: the past is hidden and the future is seen.",
)
def attention_to_the_future(q, k, v):
    past = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril(-1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(past, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values"],
    hint="The softmax is over the queries. For each query the weights of its keys add up to one.",
)
def attention_with_softmax_over_queries(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-2) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_has_the_right_values", "test_attention_never_looks_ahead"],
    hint="The mask is applied after the softmax, so the later keys still take their share of it, "
    "and through that they are seen. Mask the scores.",
)
def attention_masked_after_the_softmax(q, k, v):
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return (weights * seen) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_never_looks_ahead"],
    hint="Masked scores are multiplied by zero. A score of 0 still has a weight; it has to be "
    "minus infinity.",
)
def attention_masked_with_zeros(q, k, v):
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) * seen).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_survives_large_scores"],
    hint="exp of the scores overflows. torch's softmax takes the largest score out first.",
)
def attention_with_plain_exp(q, k, v):
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    weights = torch.exp(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])) * seen
    return weights / weights.sum(dim=-1, keepdim=True) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_gradients_reach_the_past_and_the_present_alone"],
    hint="Keys are detached, so that nothing is learned through them.",
)
def attention_with_detached_keys(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.detach().transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_leaves_its_arguments_alone"],
    hint="The queries are scaled in place, and the caller's tensor with them.",
)
def attention_that_scales_in_place(q, k, v):
    q /= math.sqrt(q.shape[-1])
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    return (q @ k.transpose(-2, -1)).masked_fill(future, -math.inf).softmax(dim=-1) @ v


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_takes_any_length"],
    hint="A squeeze() without an axis removes the axes of size one.",
)
def attention_squeezed(q, k, v):
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-2, -1)).squeeze() / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v.squeeze()


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="The heads are cut by a view of (B, T, 192) as (B, 3, T, 64), which mixes positions and "
    "columns. View as (B, T, 3, 64), then transpose.",
)
def heads_by_a_view_alone(self, x):
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, HEADS, length, D_HEAD) for part in (self.query, self.key, self.value)
    )
    joined = causal_attention(q, k, v).transpose(1, 2).reshape(batch, length, D_MODEL)
    return self.output(joined)


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="The heads are joined without transposing back, which mixes heads and positions.",
)
def heads_joined_without_a_transpose(self, x):
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).reshape(batch, length, D_MODEL))


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="There is one head of 192 dimensions. The three heads attend apart from each other.",
)
def one_head_alone(self, x):
    q, k, v = (part(x)[:, None] for part in (self.query, self.key, self.value))
    return self.output(causal_attention(q, k, v)[:, 0])


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="The output projection is missing.",
)
def attention_without_the_output_projection(self, x):
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return causal_attention(q, k, v).transpose(1, 2).reshape(batch, length, D_MODEL)


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="The 192 columns are dealt out to the heads in turn: head h gets the columns h, h + 3 "
    "and so on. It gets the columns 64 h to 64 h + 63.",
)
def heads_that_interleave(self, x):
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, D_HEAD, HEADS).permute(0, 3, 1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).permute(0, 2, 3, 1).reshape(x.shape))


@mistake(
    "language_model.SelfAttention.forward",
    fails=["test_three_heads_attend_apart"],
    hint="Keys and values have changed places.",
)
def keys_and_values_swapped(self, x):
    batch, length, _ = x.shape
    q, v, k = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).transpose(1, 2).reshape(x.shape))


@mistake(
    "language_model.causal_attention",
    fails=["test_attention_takes_heads_of_a_layer"],
    hint="view asks for values that follow each other in memory. Heads that a layer cuts out do "
    "not: reshape takes them, and matrix products take four axes as they are.",
)
def attention_that_views_its_heads(q, k, v):
    batch, heads, length, dim = q.shape
    q, k, v = (t.view(batch * heads, length, dim) for t in (q, k, v))
    scores = q @ k.transpose(1, 2) / math.sqrt(dim)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    return (weights @ v).view(batch, heads, length, dim)
