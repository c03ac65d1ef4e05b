"""Mistakes in c.1.3: causal attention."""

from grader.catalogue import Mistakes

ahead = Mistakes("language_model.causal_attention", "test_never_looks_ahead")
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

attention = Mistakes("language_model.causal_attention", "TestAttention::test_has_the_right_values")
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

Mistakes(
    "language_model.causal_attention",
    "TestAttention::test_has_the_right_values",
    "test_never_looks_ahead",
).edit(
    "attention_masked_after_the_softmax",
    "scores.masked_fill(future, -math.inf).softmax(dim=-1)",
    "scores.softmax(dim=-1) * ~future",
    """The mask is applied after the softmax, so the later keys still take their share of it, and
    through that they are seen. Mask the scores.""",
)

Mistakes("language_model.causal_attention", "test_is_right_far_out").edit(
    "attention_with_plain_exp",
    "scores.masked_fill(future, -math.inf).softmax(dim=-1)",
    """torch.exp(scores) * ~future
    weights = weights / weights.sum(dim=-1, keepdim=True)""",
    "exp of the scores overflows. torch's softmax takes the largest score out first.",
)

Mistakes("language_model.causal_attention", "test_has_the_gradient_of_its_values").edit(
    "attention_with_detached_keys",
    "q @ k.",
    "q @ k.detach().",
    "Keys are detached, so that nothing is learned through them.",
)

heads = Mistakes(
    "language_model.SelfAttention.forward", "TestSelfAttention::test_has_the_right_values"
)
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
heads.edit(
    "heads_that_interleave",
    """.view(batch, length, HEADS, D_HEAD).transpose(1, 2)

        seen = causal_attention(heads(self.query(x)), heads(self.key(x)), heads(self.value(x)))
        joined = seen.transpose(1, 2)""",
    """.view(batch, length, D_HEAD, HEADS).permute(0, 3, 1, 2)

        seen = causal_attention(heads(self.query(x)), heads(self.key(x)), heads(self.value(x)))
        joined = seen.permute(0, 2, 3, 1)""",
    """The 192 columns are dealt out to the heads in turn: head h gets the columns h, h + 3 and so
    on. It gets the columns 64 h to 64 h + 63.""",
)
