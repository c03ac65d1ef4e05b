"""Mistakes in c.1: attention."""

import math

import torch

from grader.catalogue import Mistakes

ahead = Mistakes("language_model.causal_attention", "test_attention_never_looks_ahead")


@ahead
def attention_without_a_mask(q, k, v):
    """There is no mask: every position sees the token that it has to predict. The loss of such a
    model is far too good, and what it generates is nonsense."""
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return weights @ v


@ahead
def attention_that_sees_one_ahead(q, k, v):
    """The mask is off by one: each position sees the next one, the very token that it has to
    predict."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(2)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@ahead
def attention_to_the_future(q, k, v):
    """The mask is upside down: the past is hidden and the future is seen."""
    past = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril(-1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(past, -math.inf).softmax(dim=-1) @ v


@ahead
def attention_masked_with_zeros(q, k, v):
    """Masked scores are multiplied by zero. A score of 0 still has a weight; it has to be minus
    infinity."""
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) * seen).softmax(dim=-1) @ v


attention = Mistakes("language_model.causal_attention", "test_attention_has_the_right_values")


@attention
def attention_without_the_scale(q, k, v):
    """The scores are not divided by sqrt(d)."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    return (q @ k.transpose(-2, -1)).masked_fill(future, -math.inf).softmax(dim=-1) @ v


@attention
def attention_scaled_by_the_width_of_the_model(q, k, v):
    """The scores are divided by the root of the model's width, 192. The vectors that are multiplied
    have 64 dimensions: those of a head."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(D_MODEL)
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@attention
def attention_scaled_by_d(q, k, v):
    """The scores are divided by d, not by its root."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@attention
def attention_that_does_not_see_itself(q, k, v):
    """The mask covers the position itself too, which leaves the first position nothing to see. The
    diagonal stays."""
    length = q.shape[-2]
    future = torch.ones(length, length, dtype=torch.bool).triu(0)
    future[0, 0] = False
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


@attention
def attention_with_softmax_over_queries(q, k, v):
    """The softmax is over the queries. For each query the weights of its keys add up to one."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-2) @ v


attention_or_ahead = Mistakes(
    "language_model.causal_attention",
    "test_attention_has_the_right_values",
    "test_attention_never_looks_ahead",
)


@attention_or_ahead
def attention_masked_after_the_softmax(q, k, v):
    """The mask is applied after the softmax, so the later keys still take their share of it, and
    through that they are seen. Mask the scores."""
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return (weights * seen) @ v


large_scores = Mistakes("language_model.causal_attention", "test_attention_survives_large_scores")


@large_scores
def attention_with_plain_exp(q, k, v):
    """exp of the scores overflows. torch's softmax takes the largest score out first."""
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril()
    weights = torch.exp(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])) * seen
    return weights / weights.sum(dim=-1, keepdim=True) @ v


attention_gradients = Mistakes(
    "language_model.causal_attention", "test_gradients_reach_the_past_and_the_present_alone"
)


@attention_gradients
def attention_with_detached_keys(q, k, v):
    """Keys are detached, so that nothing is learned through them."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.detach().transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v


attention_arguments = Mistakes(
    "language_model.causal_attention", "test_attention_leaves_its_arguments_alone"
)


@attention_arguments
def attention_that_scales_in_place(q, k, v):
    """The queries are scaled in place, and the caller's tensor with them."""
    q /= math.sqrt(q.shape[-1])
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    return (q @ k.transpose(-2, -1)).masked_fill(future, -math.inf).softmax(dim=-1) @ v


any_length = Mistakes("language_model.causal_attention", "test_attention_takes_any_length")


@any_length
def attention_squeezed(q, k, v):
    """A squeeze() without an axis removes the axes of size one."""
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-2, -1)).squeeze() / math.sqrt(q.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v.squeeze()


heads_of_a_layer = Mistakes(
    "language_model.causal_attention", "test_attention_takes_heads_of_a_layer"
)


@heads_of_a_layer
def attention_that_views_its_heads(q, k, v):
    """view asks for values that follow each other in memory. Heads that a layer cuts out do not:
    reshape takes them, and matrix products take four axes as they are."""
    batch, heads, length, dim = q.shape
    q, k, v = (t.view(batch * heads, length, dim) for t in (q, k, v))
    scores = q @ k.transpose(1, 2) / math.sqrt(dim)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    return (weights @ v).view(batch, heads, length, dim)


heads = Mistakes("language_model.SelfAttention.forward", "test_three_heads_attend_apart")


@heads
def heads_by_a_view_alone(self, x):
    """The heads are cut by a view of (B, T, 192) as (B, 3, T, 64), which mixes positions and
    columns. View as (B, T, 3, 64), then transpose."""
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, HEADS, length, D_HEAD) for part in (self.query, self.key, self.value)
    )
    joined = causal_attention(q, k, v).transpose(1, 2).reshape(batch, length, D_MODEL)
    return self.output(joined)


@heads
def heads_joined_without_a_transpose(self, x):
    """The heads are joined without transposing back, which mixes heads and positions."""
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).reshape(batch, length, D_MODEL))


@heads
def one_head_alone(self, x):
    """There is one head of 192 dimensions. The three heads attend apart from each other."""
    q, k, v = (part(x)[:, None] for part in (self.query, self.key, self.value))
    return self.output(causal_attention(q, k, v)[:, 0])


@heads
def attention_without_the_output_projection(self, x):
    """The output projection is missing."""
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return causal_attention(q, k, v).transpose(1, 2).reshape(batch, length, D_MODEL)


@heads
def heads_that_interleave(self, x):
    """The 192 columns are dealt out to the heads in turn: head h gets the columns h, h + 3 and so
    on. It gets the columns 64 h to 64 h + 63."""
    batch, length, _ = x.shape
    q, k, v = (
        part(x).view(batch, length, D_HEAD, HEADS).permute(0, 3, 1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).permute(0, 2, 3, 1).reshape(x.shape))


@heads
def keys_and_values_swapped(self, x):
    """Keys and values have changed places."""
    batch, length, _ = x.shape
    q, v, k = (
        part(x).view(batch, length, HEADS, D_HEAD).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    return self.output(causal_attention(q, k, v).transpose(1, 2).reshape(x.shape))
