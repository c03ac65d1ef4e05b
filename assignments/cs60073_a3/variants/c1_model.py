"""Right ways to write c.1.4 and c.1.5: the blocks, the model, its initialisation and the loss."""

import math

import torch
from torch import nn

from grader.catalogue import Variants


class FusedAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D_MODEL, 3 * D_MODEL)
        self.output = nn.Linear(D_MODEL, D_MODEL)
        self.register_buffer("mask", torch.ones(CONTEXT, CONTEXT).tril()[None, None])

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).split(d, dim=2)
        q, k, v = (y.view(b, t, HEADS, d // HEADS).transpose(1, 2) for y in (q, k, v))
        scores = (q @ k.transpose(2, 3)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        return self.output((scores.softmax(-1) @ v).transpose(1, 2).contiguous().view(b, t, d))


class BareAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.key = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.value = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.output = nn.Linear(D_MODEL, D_MODEL)

    forward = SelfAttention.forward


block_init = Variants("language_model.Block.__init__")


@block_init
def block_with_fused_attention(self):
    """Q, K and V in one layer, a mask as a buffer."""
    nn.Module.__init__(self)
    self.attention = FusedAttention()
    self.feed_forward = nn.Sequential(
        nn.Linear(D_MODEL, 4 * D_MODEL), nn.GELU(), nn.Linear(4 * D_MODEL, D_MODEL)
    )
    self.norm1, self.norm2 = nn.LayerNorm(D_MODEL), nn.LayerNorm(D_MODEL)


@block_init
def block_with_bare_attention_and_dropout(self):
    """Q, K, V without biases, GELU by tanh, dropout."""
    nn.Module.__init__(self)
    self.norm1, self.norm2 = nn.LayerNorm(D_MODEL), nn.LayerNorm(D_MODEL)
    self.attention = BareAttention()
    self.feed_forward = nn.Sequential(
        nn.Linear(D_MODEL, D_FF),
        nn.GELU(approximate="tanh"),
        nn.Linear(D_FF, D_MODEL),
        nn.Dropout(0.1),
    )


@Variants("language_model.Block.forward")
def block_step_by_step(self, x):
    """Each step under a name of its own."""
    attended = self.attention.forward(self.norm1(x))
    y = torch.add(x, attended)
    return torch.add(y, self.feed_forward(self.norm2(y)))


initialise = Variants("language_model.initialise")


@initialise
def initialise_by_apply(model):
    """By names of parameters; biases stay as they are."""

    def draw(module):
        if type(module) is nn.Linear:
            bound = math.sqrt(6 / (module.in_features + module.out_features))
            module.weight.data.uniform_(-bound, bound)

    model.apply(draw)


@initialise
def initialise_every_matrix(model):
    """Every matrix is drawn so; how the embedding begins is left open."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


tiny_transformer_init = Variants("language_model.TinyTransformer.__init__")


@tiny_transformer_init
def model_without_final_norm(self, vocab_size):
    """No final norm; a small embedding."""
    nn.Module.__init__(self)
    self.head = nn.Linear(D_MODEL, vocab_size)
    self.blocks = nn.ModuleList()
    for _ in range(BLOCKS):
        self.blocks.append(Block())
    self.embedding = nn.Embedding(vocab_size, D_MODEL)
    nn.init.normal_(self.embedding.weight, std=0.02)
    self.final_norm = nn.Identity()
    for parameter in self.parameters():
        if parameter.ndim == 2 and parameter is not self.embedding.weight:
            nn.init.xavier_uniform_(parameter)


@tiny_transformer_init
def model_with_a_table_of_positions(self, vocab_size):
    """The positions are kept as a buffer."""
    nn.Module.__init__(self)
    self.embedding = nn.Embedding(vocab_size, D_MODEL)
    self.register_buffer("positions", sinusoidal_positions(CONTEXT, D_MODEL), persistent=False)
    self.blocks = nn.ModuleList([Block(), Block()])
    self.final_norm = nn.LayerNorm(D_MODEL, eps=1e-6)
    self.head = nn.Linear(D_MODEL, vocab_size)
    self.apply(lambda module: initialise(module) if isinstance(module, nn.Linear) else None)


@tiny_transformer_init
def model_with_frozen_positions(self, vocab_size):
    """The positions are a frozen parameter."""
    nn.Module.__init__(self)
    table = sinusoidal_positions(CONTEXT, D_MODEL)
    self.positions = nn.Parameter(table.unsqueeze(0), requires_grad=False)
    self.embedding = nn.Embedding(vocab_size, D_MODEL)
    self.blocks = nn.ModuleList([Block() for _ in range(2)])
    self.final_norm = nn.LayerNorm(D_MODEL)
    self.head = nn.Linear(D_MODEL, vocab_size)
    for module in self.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)


@Variants("language_model.TinyTransformer.forward")
def model_with_a_scaled_embedding(self, tokens):
    """The embedding is scaled by sqrt(d)."""
    length = tokens.size(1)
    x = self.embedding(tokens) * math.sqrt(D_MODEL)
    x = x + sinusoidal_positions(length, D_MODEL).unsqueeze(0).to(tokens.device)
    for n in range(len(self.blocks)):
        x = self.blocks[n](x)
    return self.head(self.final_norm(x))


next_token_loss = Variants("language_model.next_token_loss")


@next_token_loss
def loss_by_gather(logits, targets):
    """log_softmax and gather."""
    logp = torch.log_softmax(logits, dim=-1)
    return -logp.gather(-1, targets.unsqueeze(-1)).squeeze(-1).mean()


@next_token_loss
def loss_by_class(logits, targets):
    """The class, with the axes that it wants."""
    return nn.CrossEntropyLoss()(logits.transpose(1, 2), targets)
