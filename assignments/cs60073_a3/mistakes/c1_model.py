"""Mistakes in c.1.4 and c.1.5: the blocks, the model, its initialisation and the loss."""

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes

Mistakes(
    "language_model.Block.__init__", "test_have_the_number_of_parameters_that_is_asked_for"
).edit(
    "block_with_a_narrow_network",
    "nn.Linear(D_MODEL, D_FF), nn.GELU(), nn.Linear(D_FF, D_MODEL)",
    "nn.Linear(D_MODEL, 384), nn.GELU(), nn.Linear(384, D_MODEL)",
    "The feed-forward network is half as wide as the assignment says: 192 to 768 and back.",
)

feed_forward = Mistakes("language_model.Block.__init__", "test_is_gelu_between_two_layers")
feed_forward.edit(
    "block_with_relu",
    "nn.GELU()",
    "nn.ReLU()",
    "There is a ReLU between the two layers; the assignment has a GELU.",
)
feed_forward.edit(
    "block_without_a_nonlinearity",
    "nn.GELU()",
    "nn.Identity()",
    "There is no nonlinearity between the two layers, which then make a single one.",
)

block_shapes = Mistakes("language_model.Block.__init__", "test_have_the_right_shapes")
block_shapes.edit(
    "block_without_a_bias",
    "nn.Linear(D_MODEL, D_FF)",
    "nn.Linear(D_MODEL, D_FF, bias=False)",
    "One linear layer of the feed-forward network has no bias.",
)
block_shapes.edit(
    "block_with_norms_that_learn_nothing",
    """self.norm1 = nn.LayerNorm(D_MODEL)
        self.attention = SelfAttention()
        self.norm2 = nn.LayerNorm(D_MODEL)""",
    """self.norm1 = nn.LayerNorm(D_MODEL, elementwise_affine=False)
        self.attention = SelfAttention()
        self.norm2 = nn.LayerNorm(D_MODEL, elementwise_affine=False)""",
    "The norms have no weight and no bias: `elementwise_affine` has to stay on.",
)

block_order = Mistakes("language_model.Block.forward", "TestBlock::test_has_the_right_values")
block_order.edit(
    "block_with_one_residual",
    "x + self.feed_forward(",
    "self.feed_forward(",
    "What came in is not added after the feed-forward network.",
)
block_order.edit(
    "block_with_one_norm_twice",
    "self.norm2(x)",
    "self.norm1(x)",
    "norm1 is used twice, and norm2 never.",
)
block_order.edit(
    "block_with_parallel_parts",
    """x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))""",
    "return x + self.attention(self.norm1(x)) + self.feed_forward(self.norm2(x))",
    """Both parts get the same input. The feed-forward network comes after attention, and sees what
    it added.""",
)
block_order.edit(
    "block_without_residuals",
    """x = x + self.attention(self.norm1(x))
        return x + self""",
    """x = self.attention(self.norm1(x))
        return self""",
    "There is no residual at all: nothing is added to what came in.",
)
block_order.edit(
    "block_that_adds_what_was_normed",
    """x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))""",
    """x = self.norm1(x)
        x = self.norm2(x + self.attention(x))
        return x + self.feed_forward(x)""",
    "The normed input is added, not the input itself.",
)
block_order.edit(
    "block_with_the_norm_afterwards",
    """x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))""",
    """x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.feed_forward(x))""",
    """This is the post-norm order: the norm comes after the sum. Here each part gets its normed
    input, and nothing is normed on the way past it.""",
)

xavier = Mistakes("language_model.initialise", "test_begin_with_xaviers_distribution")
xavier.edit(
    "initialise_with_normals",
    "xavier_uniform_",
    "xavier_normal_",
    "This is Xavier's normal distribution; the uniform one is asked for.",
)
xavier.edit(
    "initialise_the_outermost_layers",
    "model.modules()",
    "model.children()",
    """Only the head is drawn: the layers inside the blocks are missed. `model.modules()` finds them
    at any depth.""",
)
xavier.edit(
    "initialise_with_a_gain",
    "(module.weight)",
    '(module.weight, gain=nn.init.calculate_gain("relu"))',
    "The gain is that for ReLU. Xavier's distribution has gain 1 unless something else is said.",
)
xavier.edit(
    "initialise_nothing",
    "nn.init.xavier_uniform_(module.weight)",
    "pass",
    "The layers keep torch's own beginning, which is Kaiming's distribution with another bound.",
)

only_linear = Mistakes("language_model.initialise", "test_draws_linear_layers_and_nothing_else")
only_linear.edit(
    "initialise_the_norms_too",
    "        if isinstance(module, nn.Linear):",
    """        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):""",
    "The weights of norms are drawn too. They begin at 1, and only linear layers are drawn.",
)
only_linear.edit(
    "initialise_layers_with_a_bias",
    "isinstance(module, nn.Linear):",
    "isinstance(module, nn.Linear) and module.bias is not None:",
    "Linear layers without a bias are passed over.",
)

model_size = Mistakes(
    "language_model.TinyTransformer.__init__",
    "test_have_the_number_of_parameters_that_is_asked_for",
)
model_size.edit(
    "model_of_three_blocks",
    "range(BLOCKS)",
    "range(3)",
    "There are three blocks; the assignment has two.",
)
model_size.edit(
    "model_with_learned_positions",
    "        initialise(self)",
    """        self.positions = nn.Embedding(CONTEXT, D_MODEL)
        initialise(self)""",
    "Positions are learned here. The assignment has sinusoidal ones, which are no parameters.",
)
model_size.edit(
    "model_with_one_block_twice",
    "[Block() for _ in range(BLOCKS)]",
    "[Block()] * BLOCKS",
    "The two blocks are one and the same object, so that they share their weights.",
)

Mistakes("language_model.TinyTransformer.__init__", "test_have_the_right_shapes").edit(
    "model_with_a_tied_head",
    "        initialise(self)",
    """        initialise(self)
        self.head.weight = self.embedding.weight""",
    "The head shares its weight with the embedding. The assignment has a layer of its own.",
)

model = Mistakes("language_model.TinyTransformer.forward", "TestModel::test_has_the_right_values")
model.edit(
    "model_without_positions",
    "        x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)\n",
    "",
    "Positions are missing: the model cannot tell the order of what it attends to.",
)
model.edit(
    "model_with_one_block_used",
    "in self.blocks:",
    "in self.blocks[:1]:",
    "Only the first block is used.",
)
model.edit(
    "model_with_a_softmax",
    "self.head(self.final_norm(x))",
    "self.head(self.final_norm(x)).softmax(dim=-1)",
    "These are probabilities. Logits are asked for: the loss takes the softmax itself.",
)
model.edit(
    "model_with_positions_along_the_batch",
    "tokens.shape[1], D_MODEL)",
    "tokens.shape[0], D_MODEL)[:, None]",
    """The positions are counted over the batch: each text gets one row of the table for all its
    places.""",
)
model.edit(
    "model_of_the_last_place",
    "self.head(self.final_norm(x))",
    "self.head(self.final_norm(x))[:, -1:]",
    """Only the logits of the last place come back. For training each place predicts its next token:
    (B, T, V).""",
)
model.edit(
    "model_with_batch_and_time_swapped",
    "block(x)",
    "block(x.transpose(0, 1)).transpose(0, 1)",
    """Batch and time are swapped before the blocks, which then look along the batch. They take (B,
    T, 192) as it is.""",
)
model.edit(
    "model_that_always_drops",
    "x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)",
    "x = F.dropout(x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x), 0.1)",
    "`F.dropout` drops in `eval()` too unless it is told `training=self.training`.",
)
model.edit(
    "model_normalised_along_the_text",
    "self.head(self.final_norm(x))",
    "self.head(self.final_norm(x)).log_softmax(1)",
    "The logits are normalised along the text, so that each depends on all later ones.",
)
model.edit(
    "model_with_positions_in_every_block",
    """x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)
        for block in self.blocks:
            x = block(x)""",
    """for block in self.blocks:
            x = block(x + sinusoidal_positions(tokens.shape[1], D_MODEL))""",
    "Positions are added again before every block. They are added once, to the embedding.",
)

Mistakes("language_model.TinyTransformer.forward", "test_has_the_right_shape").edit(
    "logits_of_one_long_text",
    "self.head(self.final_norm(x))",
    "self.head(self.final_norm(x)).flatten(0, 1)",
    "Texts and places are one axis, (B T, V): (B, T, V) is asked for.",
)

loss_values = Mistakes("language_model.next_token_loss", "test_has_the_right_values")


@loss_values
def loss_with_a_second_shift(logits, targets):
    """The targets are shifted once more. `make_blocks` has shifted them already: this predicts the
    token after the next."""
    if logits.shape[1] == 1:
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


loss_values.edit(
    "loss_as_a_sum",
    "targets.reshape(-1))",
    'targets.reshape(-1), reduction="sum")',
    """The log-likelihoods are added up. The mean is asked for, so that the loss does not grow with
    the batch.""",
)
loss_values.edit(
    "loss_with_two_softmaxes",
    "cross_entropy(logits.",
    "cross_entropy(logits.softmax(-1).",
    "There is a softmax before the cross-entropy, which takes one itself.",
)
loss_values.edit(
    "loss_in_bits",
    "targets.reshape(-1))",
    "targets.reshape(-1)) / math.log(2)",
    "This is in bits. The loss is in nats: natural logarithms.",
)


@Mistakes("language_model.next_token_loss", "test_is_right_far_out")
def loss_with_log_of_softmax(logits, targets):
    """The logarithm of a softmax that has underflowed is minus infinity. log_softmax computes the
    two together."""
    chosen = logits.softmax(-1).gather(-1, targets[..., None])
    return -torch.log(chosen).mean()
