"""Mistakes in c.1: the Transformer, its initialisation and its loss."""

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Mistakes


def make_parts(block, width=768, between=nn.GELU, bias=True):
    nn.Module.__init__(block)
    block.norm1 = nn.LayerNorm(D_MODEL)
    block.attention = SelfAttention()
    block.norm2 = nn.LayerNorm(D_MODEL)
    block.feed_forward = nn.Sequential(
        nn.Linear(D_MODEL, width, bias=bias), between(), nn.Linear(width, D_MODEL)
    )


def make_model(model, vocab_size, blocks=2, norm=True):
    nn.Module.__init__(model)
    model.embedding = nn.Embedding(vocab_size, D_MODEL)
    model.blocks = nn.ModuleList([Block() for _ in range(blocks)])
    model.final_norm = nn.LayerNorm(D_MODEL) if norm else nn.Identity()
    model.head = nn.Linear(D_MODEL, vocab_size)
    initialise(model)


block_size = Mistakes(
    "language_model.Block.__init__", "test_model_has_the_parameters_that_are_asked_for"
)


@block_size
def block_with_a_narrow_network(self):
    """The feed-forward network is half as wide as the assignment says: 192 to 768 and back."""
    make_parts(self, width=384)


feed_forward = Mistakes(
    "language_model.Block.__init__", "test_feed_forward_is_gelu_between_two_layers"
)


@feed_forward
def block_with_relu(self):
    """There is a ReLU between the two layers; the assignment has a GELU."""
    make_parts(self, between=nn.ReLU)


@feed_forward
def block_without_a_nonlinearity(self):
    """There is no nonlinearity between the two layers, which then make a single one."""
    make_parts(self, between=nn.Identity)


block_shapes = Mistakes("language_model.Block.__init__", "test_parameters_have_the_right_shapes")


@block_shapes
def block_without_a_bias(self):
    """One linear layer of the feed-forward network has no bias."""
    make_parts(self, bias=False)


@block_shapes
def block_with_norms_that_learn_nothing(self):
    """The norms have no weight and no bias: `elementwise_affine` has to stay on."""
    make_parts(self)
    self.norm1 = nn.LayerNorm(D_MODEL, elementwise_affine=False)
    self.norm2 = nn.LayerNorm(D_MODEL, elementwise_affine=False)


block_order = Mistakes(
    "language_model.Block.forward", "test_block_adds_before_it_goes_on_and_norms_first"
)


@block_order
def block_with_the_norm_afterwards(self, x):
    """This is the post-norm order: the norm comes after the sum. Here each part gets its normed
    input, and nothing is normed on the way past it."""
    x = self.norm1(x + self.attention(x))
    return self.norm2(x + self.feed_forward(x))


@block_order
def block_with_one_residual(self, x):
    """What came in is not added after the feed-forward network."""
    x = x + self.attention(self.norm1(x))
    return self.feed_forward(self.norm2(x))


@block_order
def block_without_residuals(self, x):
    """There is no residual at all: nothing is added to what came in."""
    return self.feed_forward(self.norm2(self.attention(self.norm1(x))))


@block_order
def block_that_adds_what_was_normed(self, x):
    """The normed input is added, not the input itself."""
    y = self.norm1(x)
    y = y + self.attention(y)
    z = self.norm2(y)
    return z + self.feed_forward(z)


@block_order
def block_with_parallel_parts(self, x):
    """Both parts get the same input. The feed-forward network comes after attention, and sees what
    it added."""
    return x + self.attention(self.norm1(x)) + self.feed_forward(self.norm2(x))


@block_order
def block_with_one_norm_twice(self, x):
    """norm1 is used twice, and norm2 never."""
    x = x + self.attention(self.norm1(x))
    return x + self.feed_forward(self.norm1(x))


@block_order
def block_that_adds_in_place(self, x):
    """The result is right, but it is added to the input in place, which changes the caller's
    tensor."""
    x += self.attention(self.norm1(x))
    return x + self.feed_forward(self.norm2(x))


xavier = Mistakes("language_model.initialise", "test_linear_layers_begin_with_xaviers_distribution")


@xavier
def initialise_nothing(model):
    """The layers keep torch's own beginning, which is Kaiming's distribution with another bound."""
    return


@xavier
def initialise_with_normals(model):
    """This is Xavier's normal distribution; the uniform one is asked for."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)


@xavier
def initialise_the_outermost_layers(model):
    """Only the head is drawn: the layers inside the blocks are missed. `model.modules()` finds them
    at any depth."""
    for module in model.children():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)


@xavier
def initialise_with_a_gain(model):
    """The gain is that for ReLU. Xavier's distribution has gain 1 unless something else is said."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))


only_linear = Mistakes(
    "language_model.initialise", "test_initialise_draws_linear_layers_and_nothing_else"
)


@only_linear
def initialise_the_norms_too(model):
    """The weights of norms are drawn too. They begin at 1, and only linear layers are drawn."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, std=0.02)


@only_linear
def initialise_layers_with_a_bias(model):
    """Linear layers without a bias are passed over."""
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)


model_size = Mistakes(
    "language_model.TinyTransformer.__init__", "test_model_has_the_parameters_that_are_asked_for"
)


@model_size
def model_of_three_blocks(self, vocab_size):
    """There are three blocks; the assignment has two."""
    make_model(self, vocab_size, blocks=3)


@model_size
def model_with_learned_positions(self, vocab_size):
    """Positions are learned here. The assignment has sinusoidal ones, which are no parameters."""
    make_model(self, vocab_size)
    self.positions = nn.Embedding(CONTEXT, D_MODEL)


@model_size
def model_with_one_block_twice(self, vocab_size):
    """The two blocks are one and the same object, so that they share their weights."""
    make_model(self, vocab_size)
    self.blocks = nn.ModuleList([self.blocks[0]] * 2)


model_shapes = Mistakes(
    "language_model.TinyTransformer.__init__", "test_parameters_have_the_right_shapes"
)


@model_shapes
def model_with_a_tied_head(self, vocab_size):
    """The head shares its weight with the embedding. The assignment has a layer of its own."""
    make_model(self, vocab_size)
    self.head.weight = self.embedding.weight


model = Mistakes("language_model.TinyTransformer.forward", "test_model_joins_its_parts")


@model
def model_without_positions(self, tokens):
    """Positions are missing: the model cannot tell the order of what it attends to."""
    x = self.embedding(tokens)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x))


@model
def model_with_one_block_used(self, tokens):
    """Only the first block is used."""
    x = self.embedding(tokens) + sinusoidal_positions(tokens.shape[1], D_MODEL)
    return self.head(self.final_norm(self.blocks[0](x)))


@model
def model_with_a_softmax(self, tokens):
    """These are probabilities. Logits are asked for: the loss takes the softmax itself."""
    x = self.embedding(tokens) + sinusoidal_positions(tokens.shape[1], D_MODEL)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x)).softmax(dim=-1)


@model
def model_with_positions_along_the_batch(self, tokens):
    """The positions are counted over the batch: each text gets one row of the table for all its
    places."""
    x = self.embedding(tokens) + sinusoidal_positions(tokens.shape[0], D_MODEL)[:, None]
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x))


@model
def model_with_positions_in_every_block(self, tokens):
    """Positions are added again before every block. They are added once, to the embedding."""
    x = self.embedding(tokens)
    for block in self.blocks:
        x = block(x + sinusoidal_positions(tokens.shape[1], D_MODEL))
    return self.head(self.final_norm(x))


@model
def model_of_the_last_place(self, tokens):
    """Only the logits of the last place come back. For training each place predicts its next token:
    (B, T, V)."""
    x = self.embedding(tokens) + sinusoidal_positions(tokens.shape[1], D_MODEL)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x))[:, -1:]


@model
def model_with_batch_and_time_swapped(self, tokens):
    """Batch and time are swapped before the blocks, which then look along the batch. They take (B,
    T, 192) as it is."""
    x = self.embedding(tokens)
    x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)
    for block in self.blocks:
        x = block(x.transpose(0, 1)).transpose(0, 1)
    return self.head(self.final_norm(x))


@model
def model_that_always_drops(self, tokens):
    """`F.dropout` drops in `eval()` too unless it is told `training=self.training`."""
    x = self.embedding(tokens)
    x = F.dropout(x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x), 0.1)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x))


@model
def model_normalised_along_the_text(self, tokens):
    """The logits are normalised along the text, so that each depends on all later ones."""
    x = self.embedding(tokens)
    x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x)).log_softmax(1)


logits_shape = Mistakes(
    "language_model.TinyTransformer.forward", "test_model_gives_logits_for_each_place"
)


@logits_shape
def logits_of_one_long_text(self, tokens):
    """Texts and places are one axis, (B T, V): (B, T, V) is asked for."""
    x = self.embedding(tokens) + sinusoidal_positions(tokens.shape[1], 192)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x)).flatten(0, 1)


loss_values = Mistakes(
    "language_model.next_token_loss", "test_loss_is_the_mean_of_the_negative_log_likelihood"
)


@loss_values
def loss_with_a_second_shift(logits, targets):
    """The targets are shifted once more. `make_blocks` has shifted them already: this predicts the
    token after the next."""
    if logits.shape[1] == 1:
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


@loss_values
def loss_as_a_sum(logits, targets):
    """The log-likelihoods are added up. The mean is asked for, so that the loss does not grow with
    the batch."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


@loss_values
def loss_with_two_softmaxes(logits, targets):
    """There is a softmax before the cross-entropy, which takes one itself."""
    return F.cross_entropy(logits.softmax(-1).flatten(0, 1), targets.flatten())


@loss_values
def loss_in_bits(logits, targets):
    """This is in bits. The loss is in nats: natural logarithms."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()) / 0.6931471805599453


loss_large = Mistakes("language_model.next_token_loss", "test_loss_survives_large_logits")


@loss_large
def loss_with_log_of_softmax(logits, targets):
    """The logarithm of a softmax that has underflowed is minus infinity. log_softmax computes the
    two together."""
    chosen = logits.softmax(-1).gather(-1, targets[..., None])
    return -torch.log(chosen).mean()


loss_training = Mistakes("language_model.next_token_loss", "test_loss_can_be_trained_through")


@loss_training
def loss_of_detached_logits(logits, targets):
    """The logits are detached, so that nothing is learned."""
    loss = F.cross_entropy(logits.detach().flatten(0, 1), targets.flatten())
    return loss + 0 * logits.sum()


loss_parts = Mistakes("language_model.next_token_loss", "test_loss_takes_parts_of_larger_tensors")


@loss_parts
def loss_that_views_its_logits(logits, targets):
    """view asks for values that follow each other in memory. Logits and targets that were cut out
    of larger tensors do not: reshape takes them."""
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


loss_scalar = Mistakes("language_model.next_token_loss", "test_loss_is_a_scalar")


@loss_scalar
def loss_with_an_axis(logits, targets):
    """A scalar has shape (), not (1,)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()).reshape(1)
