"""Mistakes in c.1.3: causal attention."""

from grader.catalogue import Mistakes

ahead = Mistakes("language_model.causal_attention", "test_attention_never_looks_ahead")

ahead.edit(
    "attention_without_a_mask",
    "scores.masked_fill(future, -math.inf)",
    "scores",
    """There is no mask: every position sees the token that it has to predict. The loss of such a
    model is far too good, and what it generates is nonsense.""",
)
ahead.edit(
    "attention_that_sees_one_ahead",
    "diagonal=1",
    "diagonal=2",
    """The mask is off by one: each position sees the next one, the very token that it has to
    predict.""",
)
ahead.edit(
    "attention_to_the_future",
    "triu(diagonal=1)",
    "tril(diagonal=-1)",
    "The mask is upside down: the past is hidden and the future is seen.",
)
ahead.edit(
    "attention_masked_with_zeros",
    "scores.masked_fill(future, -math.inf)",
    "(scores * ~future)",
    """Masked scores are multiplied by zero. A score of 0 still has a weight; it has to be minus
    infinity.""",
)


attention = Mistakes("language_model.causal_attention", "test_attention_has_the_right_values")

attention.edit(
    "attention_without_the_scale",
    " / math.sqrt(q.shape[-1])",
    "",
    "The scores are not divided by sqrt(d).",
)
attention.edit(
    "attention_scaled_by_the_width_of_the_model",
    "math.sqrt(q.shape[-1])",
    "math.sqrt(D_MODEL)",
    """The scores are divided by the root of the model's width, 192. The vectors that are multiplied
    have 64 dimensions: those of a head.""",
)
attention.edit(
    "attention_scaled_by_d",
    "math.sqrt(q.shape[-1])",
    "q.shape[-1]",
    "The scores are divided by d, not by its root.",
)
attention.edit(
    "attention_that_does_not_see_itself",
    "triu(diagonal=1)",
    """triu(diagonal=0)
    future[0, 0] = False""",
    """The mask covers the position itself too, which leaves the first position nothing to see. The
    diagonal stays.""",
)
attention.edit(
    "attention_with_softmax_over_queries",
    "dim=-1",
    "dim=-2",
    "The softmax is over the queries. For each query the weights of its keys add up to one.",
)


attention_or_ahead = Mistakes(
    "language_model.causal_attention",
    "test_attention_has_the_right_values",
    "test_attention_never_looks_ahead",
)

attention_or_ahead.edit(
    "attention_masked_after_the_softmax",
    "scores.masked_fill(future, -math.inf).softmax(dim=-1)",
    "scores.softmax(dim=-1) * ~future",
    """The mask is applied after the softmax, so the later keys still take their share of it, and
    through that they are seen. Mask the scores.""",
)


large_scores = Mistakes("language_model.causal_attention", "test_attention_survives_large_scores")

large_scores.edit(
    "attention_with_plain_exp",
    "scores.masked_fill(future, -math.inf).softmax(dim=-1)",
    """torch.exp(scores) * ~future
    weights = weights / weights.sum(dim=-1, keepdim=True)""",
    "exp of the scores overflows. torch's softmax takes the largest score out first.",
)


attention_gradients = Mistakes(
    "language_model.causal_attention", "test_gradients_reach_the_past_and_the_present_alone"
)

attention_gradients.edit(
    "attention_with_detached_keys",
    "q @ k.",
    "q @ k.detach().",
    "Keys are detached, so that nothing is learned through them.",
)


attention_arguments = Mistakes(
    "language_model.causal_attention", "test_attention_leaves_its_arguments_alone"
)

attention_arguments.edit(
    "attention_that_scales_in_place",
    "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])",
    """q /= math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1)""",
    "The queries are scaled in place, and the caller's tensor with them.",
)


any_length = Mistakes("language_model.causal_attention", "test_attention_takes_any_length")

any_length.edit(
    "attention_squeezed",
    "    weights = scores.",
    """    scores, v = scores.squeeze(), v.squeeze()
    weights = scores.""",
    "A squeeze() without an axis removes the axes of size one.",
)


heads_of_a_layer = Mistakes(
    "language_model.causal_attention", "test_attention_takes_heads_of_a_layer"
)

heads_of_a_layer.edit(
    "attention_that_views_its_heads",
    "    weights = scores",
    """    q.view(-1, length, q.shape[-1])
    weights = scores""",
    """view asks for values that follow each other in memory. Heads that a layer cuts out do not:
    reshape takes them, and matrix products take four axes as they are.""",
)


heads = Mistakes("language_model.SelfAttention.forward", "test_three_heads_attend_apart")

heads.edit(
    "heads_by_a_view_alone",
    "projected.view(batch, length, HEADS, D_HEAD).transpose(1, 2)",
    "projected.view(batch, HEADS, length, D_HEAD)",
    """The heads are cut by a view of (B, T, 192) as (B, 3, T, 64), which mixes positions and
    columns. View as (B, T, 3, 64), then transpose.""",
)
heads.edit(
    "heads_joined_without_a_transpose",
    "seen.transpose(1, 2).reshape",
    "seen.reshape",
    "The heads are joined without transposing back, which mixes heads and positions.",
)
heads.edit(
    "one_head_alone",
    "projected.view(batch, length, HEADS, D_HEAD).transpose(1, 2)",
    "projected[:, None]",
    "There is one head of 192 dimensions. The three heads attend apart from each other.",
)
heads.edit(
    "attention_without_the_output_projection",
    "self.output(joined)",
    "joined",
    "The output projection is missing.",
)
heads.edit(
    "keys_and_values_swapped",
    "heads(self.key(x)), heads(self.value(x))",
    "heads(self.value(x)), heads(self.key(x))",
    "Keys and values have changed places.",
)


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
