"""CS60073 A3, Part C. Character-level Transformer on Tiny Shakespeare."""
import math
from collections import defaultdict

import torch
import torch.nn as nn
import torch.nn.functional as F

BLOCK = 128
EMB = 192
N_HEAD = 3


def make_vocabulary(text):
    chars = list(set(text))
    chars.sort()
    return chars


def encode(text, vocabulary):
    stoi = {ch: i for i, ch in enumerate(vocabulary)}
    return torch.tensor([stoi[ch] for ch in text], dtype=torch.int64)


def decode(tokens, vocabulary):
    return "".join([vocabulary[int(i)] for i in tokens])


def split(tokens):
    n = len(tokens)
    n_train = int(0.9 * n)
    n_val = int(0.05 * n)
    return tokens[:n_train], tokens[n_train:n_train + n_val], tokens[n_train + n_val:]


def make_blocks(tokens, context=BLOCK):
    n = (len(tokens) - 1) // context
    x = tokens[: n * context].view(n, context)
    y = tokens[1 : n * context + 1].view(n, context)
    return x, y


def sinusoidal_positions(length, dim):
    pe = torch.zeros(length, dim)
    pos = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    div = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * (-math.log(10000.0) / dim))
    pe[:, 0::2] = torch.sin(pos * div)
    pe[:, 1::2] = torch.cos(pos * div)
    return pe


def causal_attention(q, k, v):
    T = q.size(-2)
    att = (q @ k.transpose(-2, -1)) / math.sqrt(q.size(-1))
    mask = torch.tril(torch.ones(T, T, device=q.device)).bool()
    att = att.masked_fill(~mask, float("-inf"))
    att = F.softmax(att, dim=-1)
    return att @ v


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(EMB, EMB, bias=False)
        self.key = nn.Linear(EMB, EMB, bias=False)
        self.value = nn.Linear(EMB, EMB, bias=False)
        self.output = nn.Linear(EMB, EMB)

    def forward(self, x):
        B, T, C = x.size()
        q = self.query(x).view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        k = self.key(x).view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        v = self.value(x).view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        y = causal_attention(q, k, v)
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.output(y)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(EMB)
        self.attention = SelfAttention()
        self.norm2 = nn.LayerNorm(EMB)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMB, 4 * EMB),
            nn.GELU(),
            nn.Linear(4 * EMB, EMB),
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        x = x + self.feed_forward(self.norm2(x))
        return x


def initialise(model):
    def init(m):
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)

    model.apply(init)


class TinyTransformer(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, EMB)
        self.register_buffer("pe", sinusoidal_positions(BLOCK, EMB))
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.head = nn.Linear(EMB, vocab_size)
        initialise(self)

    def forward(self, tokens):
        B, T = tokens.shape
        x = self.embedding(tokens) + self.pe[:T]
        for blk in self.blocks:
            x = blk(x)
        return self.head(x)


def next_token_loss(logits, targets):
    B, T, V = logits.shape
    return F.cross_entropy(logits.view(B * T, V), targets.reshape(B * T))


@torch.no_grad()
def perplexity(model, tokens, context=BLOCK):
    total_nll = 0.0
    total_tokens = 0
    for i in range(0, len(tokens) - 1, context):
        x = tokens[i : min(i + context, len(tokens) - 1)]
        y = tokens[i + 1 : i + 1 + len(x)]
        logits = model(x.unsqueeze(0)).squeeze(0)
        total_nll += F.cross_entropy(logits, y, reduction="sum").item()
        total_tokens += len(y)
    return math.exp(total_nll / total_tokens)


def ngram_probabilities(train, history, n, vocab_size, alpha=0.1):
    train = train.tolist()
    history = history.tolist()
    h = history[len(history) - (n - 1):]
    counts = torch.full((vocab_size,), float(alpha))
    for i in range(len(train) - n + 1):
        if train[i : i + n - 1] == h:
            counts[train[i + n - 1]] += 1
    return counts / counts.sum()


def ngram_perplexity(train, held_out, n, vocab_size, alpha=0.1):
    counts = defaultdict(int)
    context_counts = defaultdict(int)
    train = train.tolist()
    for i in range(len(train) - n + 1):
        gram = tuple(train[i : i + n])
        counts[gram] += 1
        context_counts[gram[:-1]] += 1
    held_out = held_out.tolist()
    nll = 0.0
    m = 0
    for i in range(len(held_out) - n + 1):
        gram = tuple(held_out[i : i + n])
        p = (counts.get(gram, 0) + alpha) / (context_counts.get(gram[:-1], 0) + alpha * vocab_size)
        nll -= math.log(p)
        m += 1
    return math.exp(nll / m)


def top_k_probabilities(logits, k=20, temperature=1.0):
    logits = logits / temperature
    k = min(k, logits.size(-1))
    topv, topi = torch.topk(logits, k, dim=-1)
    out = torch.full_like(logits, float("-inf"))
    out.scatter_(-1, topi, topv)
    return F.softmax(out, dim=-1)


def top_p_probabilities(logits, p=0.9, temperature=1.0):
    probs = F.softmax(logits / temperature, dim=-1)
    sorted_probs, sorted_idx = torch.sort(probs, descending=True, dim=-1)
    cum = torch.cumsum(sorted_probs, dim=-1)
    remove = (cum - sorted_probs) >= p
    sorted_probs = sorted_probs.masked_fill(remove, 0.0)
    sorted_probs = sorted_probs / sorted_probs.sum(dim=-1, keepdim=True)
    return torch.zeros_like(probs).scatter(-1, sorted_idx, sorted_probs)


@torch.no_grad()
def generate(model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0,
             context=BLOCK):
    idx = prompt.clone().unsqueeze(0)
    for _ in range(new_tokens):
        idx_cond = idx[:, -context:]
        logits = model(idx_cond)[:, -1, :]
        if strategy == "greedy":
            nxt = torch.argmax(logits, dim=-1, keepdim=True)
        elif strategy == "top_k":
            nxt = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
        elif strategy == "top_p":
            nxt = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
        else:
            raise ValueError("unknown strategy " + strategy)
        idx = torch.cat([idx, nxt], dim=1)
    return idx[0]
