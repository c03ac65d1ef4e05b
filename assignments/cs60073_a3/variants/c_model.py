"""Right ways to write c.1: characters, positions, attention, blocks, model and loss."""

# ruff: noqa: F821
# Names such as HEADS are those of the file that an entry is grafted onto.

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.audit import variant

# --- c.1.1 ------------------------------------------------------------------------------------


@variant("language_model.make_vocabulary", because="Counted in a loop, sorted at the end.")
def vocabulary_in_a_loop(text):
    found = []
    for character in text:
        if character not in found:
            found.append(character)
    found.sort()
    return found


@variant("language_model.encode", because="A NumPy array of places, turned into a tensor.")
def encode_by_numpy(text, vocabulary):
    return torch.from_numpy(np.array([vocabulary.index(c) for c in text], dtype=np.int64))


@variant("language_model.decode", because="A dictionary from places to characters.")
def decode_by_dictionary(tokens, vocabulary):
    names = dict(enumerate(vocabulary))
    return "".join(names[int(token)] for token in tokens)


@variant("language_model.split", because="Shares are rounded, which may move one character.")
def split_rounded(tokens):
    first, second = round(0.9 * len(tokens)), round(0.05 * len(tokens))
    return tokens[:first], tokens[first : first + second], tokens[first + second :]


@variant("language_model.split", because="torch's own split, by sizes.")
def split_by_sizes(tokens):
    n = len(tokens)
    sizes = [int(0.9 * n), int(0.05 * n)]
    return torch.split(tokens, [*sizes, n - sum(sizes)])


@variant("language_model.make_blocks", because="A loop over starting places.")
def blocks_in_a_loop(tokens, context=128):
    starts = range(0, len(tokens) - context, context)
    inputs = torch.stack([tokens[s : s + context] for s in starts])
    targets = torch.stack([tokens[s + 1 : s + 1 + context] for s in starts])
    return inputs, targets


# --- c.1.2 ------------------------------------------------------------------------------------


@variant("language_model.sinusoidal_positions", because="All sines before all cosines.")
def positions_in_halves(length, dim):
    frequencies = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    angle = torch.outer(torch.arange(length).float(), frequencies)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


@variant("language_model.sinusoidal_positions", because="Filled in by slices, in float32.")
def positions_by_slices(length, dim):
    table = torch.zeros(length, dim)
    position = torch.arange(0, length, dtype=torch.float).unsqueeze(1)
    divisor = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
    table[:, 0::2] = torch.sin(position * divisor)
    table[:, 1::2] = torch.cos(position * divisor)
    return table


# --- c.1.3 ------------------------------------------------------------------------------------


@variant("language_model.causal_attention", because="torch's own attention.")
def attention_of_torch(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@variant("language_model.causal_attention", because="A large negative number for infinity, einsum.")
def attention_by_einsum(q, k, v):
    length, dim = q.size(2), q.size(3)
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * dim**-0.5
    scores = scores.masked_fill(torch.tril(torch.ones(length, length)) == 0, -1e9)
    return torch.einsum("bhqk,bhkd->bhqd", F.softmax(scores, dim=-1), v)


@variant("language_model.causal_attention", because="A mask that is added, kept at its full size.")
def attention_with_an_added_mask(q, k, v):
    mask = torch.triu(torch.full((CONTEXT, CONTEXT), float("-inf")), diagonal=1)
    length = q.shape[2]
    scores = torch.matmul(q / math.sqrt(q.shape[3]), k.mT) + mask[:length, :length]
    return torch.matmul(torch.softmax(scores, -1), v)


@variant("language_model.SelfAttention.forward", because="Heads in a loop, each a slice.")
def heads_in_a_loop(self, x):
    q, k, v = self.query(x), self.key(x), self.value(x)
    seen = []
    for h in range(HEADS):
        columns = slice(h * D_HEAD, (h + 1) * D_HEAD)
        parts = (part[:, None, :, columns] for part in (q, k, v))
        seen.append(causal_attention(*parts)[:, 0])
    return self.output(torch.cat(seen, dim=-1))


@variant("language_model.SelfAttention.forward", because="torch's attention, heads by unflatten.")
def heads_by_unflatten(self, x):
    q, k, v = (
        part(x).unflatten(2, (HEADS, D_HEAD)).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return self.output(seen.transpose(1, 2).flatten(2))


# --- c.1.4 ------------------------------------------------------------------------------------


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


@variant("language_model.Block.__init__", because="Q, K and V in one layer, a mask as a buffer.")
def block_with_fused_attention(self):
    nn.Module.__init__(self)
    self.attention = FusedAttention()
    self.feed_forward = nn.Sequential(
        nn.Linear(D_MODEL, 4 * D_MODEL), nn.GELU(), nn.Linear(4 * D_MODEL, D_MODEL)
    )
    self.norm1, self.norm2 = nn.LayerNorm(D_MODEL), nn.LayerNorm(D_MODEL)


@variant("language_model.Block.__init__", because="Q, K, V without biases, GELU by tanh, dropout.")
def block_with_bare_attention_and_dropout(self):
    nn.Module.__init__(self)
    self.norm1, self.norm2 = nn.LayerNorm(D_MODEL), nn.LayerNorm(D_MODEL)
    self.attention = BareAttention()
    self.feed_forward = nn.Sequential(
        nn.Linear(D_MODEL, D_FF),
        nn.GELU(approximate="tanh"),
        nn.Linear(D_FF, D_MODEL),
        nn.Dropout(0.1),
    )


@variant("language_model.Block.forward", because="Each step under a name of its own.")
def block_step_by_step(self, x):
    attended = self.attention.forward(self.norm1(x))
    y = torch.add(x, attended)
    return torch.add(y, self.feed_forward(self.norm2(y)))


@variant("language_model.initialise", because="By names of parameters; biases stay as they are.")
def initialise_by_apply(model):
    def draw(module):
        if type(module) is nn.Linear:
            bound = math.sqrt(6 / (module.in_features + module.out_features))
            module.weight.data.uniform_(-bound, bound)

    model.apply(draw)


@variant("language_model.TinyTransformer.__init__", because="No final norm; a small embedding.")
def model_without_final_norm(self, vocab_size):
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


@variant("language_model.TinyTransformer.__init__", because="The positions are kept as a buffer.")
def model_with_a_table_of_positions(self, vocab_size):
    nn.Module.__init__(self)
    self.embedding = nn.Embedding(vocab_size, D_MODEL)
    self.register_buffer("positions", sinusoidal_positions(CONTEXT, D_MODEL), persistent=False)
    self.blocks = nn.ModuleList([Block(), Block()])
    self.final_norm = nn.LayerNorm(D_MODEL, eps=1e-6)
    self.head = nn.Linear(D_MODEL, vocab_size)
    self.apply(lambda module: initialise(module) if isinstance(module, nn.Linear) else None)


@variant("language_model.TinyTransformer.__init__", because="The positions are a frozen parameter.")
def model_with_frozen_positions(self, vocab_size):
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


@variant("language_model.TinyTransformer.forward", because="The embedding is scaled by sqrt(d).")
def model_with_a_scaled_embedding(self, tokens):
    length = tokens.size(1)
    x = self.embedding(tokens) * math.sqrt(D_MODEL)
    x = x + sinusoidal_positions(length, D_MODEL).unsqueeze(0).to(tokens.device)
    for n in range(len(self.blocks)):
        x = self.blocks[n](x)
    return self.head(self.final_norm(x))


# --- c.1.5 ------------------------------------------------------------------------------------


@variant("language_model.next_token_loss", because="log_softmax and gather.")
def loss_by_gather(logits, targets):
    logp = torch.log_softmax(logits, dim=-1)
    return -logp.gather(-1, targets.unsqueeze(-1)).squeeze(-1).mean()


@variant("language_model.next_token_loss", because="The class, with the axes that it wants.")
def loss_by_class(logits, targets):
    return nn.CrossEntropyLoss()(logits.transpose(1, 2), targets)


@variant(
    "language_model.initialise",
    because="Every matrix is drawn so; how the embedding begins is left open.",
)
def initialise_every_matrix(model):
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
