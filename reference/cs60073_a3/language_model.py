"""Part C: a tiny character-level Transformer, its perplexity, decoding, and n-gram baselines.

Tokens are int64 tensors, texts are one axis of them, and log-probabilities are natural: in nats.
The sizes are those of the assignment: width 192, 3 heads of 64, 2 blocks, 768 in the feed-forward
network, at most 128 tokens of context. Models are called with tokens (B, T) and give logits
(B, T, V), those at place t for the token at place t + 1.

Sources: Vaswani et al., "Attention is all you need", 2017 (arXiv:1706.03762); pre-norm order:
Xiong et al., "On layer normalization in the Transformer architecture", 2020 (arXiv:2002.04745);
nucleus sampling: Holtzman et al., "The curious case of neural text degeneration", 2020
(arXiv:1904.09751); add-alpha smoothing: Jurafsky and Martin, "Speech and language processing",
chapter 3.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONTEXT = 128
D_MODEL = 192
HEADS = 3
D_HEAD = D_MODEL // HEADS
D_FF = 768
BLOCKS = 2

# Tokens (B, T) to logits (B, T, V).
LanguageModel = Callable[[Tensor], Tensor]


# --- characters -------------------------------------------------------------------------------


def make_vocabulary(text: str) -> list[str]:
    """The different characters of a text in the order of their code points, newline included."""
    ### BEGIN SOLUTION
    return sorted(set(text))
    ### END SOLUTION


def encode(text: str, vocabulary: list[str]) -> Tensor:
    """A text of N characters as their places in the vocabulary: (N,), int64.

    Every character of the text is in the vocabulary; the text may be empty.
    """
    ### BEGIN SOLUTION
    place = {character: n for n, character in enumerate(vocabulary)}
    return torch.tensor([place[character] for character in text], dtype=torch.long)
    ### END SOLUTION


def decode(tokens: Tensor, vocabulary: list[str]) -> str:
    """The text that `encode` made these tokens (N,) of."""
    ### BEGIN SOLUTION
    return "".join(vocabulary[token] for token in tokens.tolist())
    ### END SOLUTION


def split(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first 90 %, the next 5 % and the last 5 % of a text, in its own order.

    Args:
        tokens: (N,). What does not divide evenly may go either way by one token.

    Returns:
        Training, validation and test tokens; end to end they are the text again.
    """
    ### BEGIN SOLUTION
    n = len(tokens)
    return tokens[: n * 90 // 100], tokens[n * 90 // 100 : n * 95 // 100], tokens[n * 95 // 100 :]
    ### END SOLUTION


def make_blocks(tokens: Tensor, context: int = CONTEXT) -> tuple[Tensor, Tensor]:
    """A text as training examples that do not overlap: an epoch sees each token once.

    Example i has the tokens i T to i T + T - 1 as its input, with T the context, and as its
    targets the tokens that follow each of them. Tokens at the end that fill no example are left
    out.

    Args:
        tokens: (N,).
        context: T.

    Returns:
        Inputs and targets, both ((N - 1) // T, T).
    """
    ### BEGIN SOLUTION
    whole = (len(tokens) - 1) // context * context
    inputs = tokens[:whole].reshape(-1, context)
    targets = tokens[1 : whole + 1].reshape(-1, context)
    return inputs, targets
    ### END SOLUTION


# --- the Transformer --------------------------------------------------------------------------


def sinusoidal_positions(length: int, dim: int) -> Tensor:
    """Vectors that tell positions apart: (length, dim), float32, row t for position t = 0, 1, ...

    For each i < dim / 2 there are a sine and a cosine of t / 10000^(2 i / dim). They stand side
    by side, sine first, in the columns 2 i and 2 i + 1; all sines before all cosines, in the
    columns i and dim / 2 + i, is accepted too.

    Args:
        length: at least 1.
        dim: an even number.
    """
    ### BEGIN SOLUTION
    position = torch.arange(length, dtype=torch.float64)[:, None]  # (T, 1)
    even = torch.arange(0, dim, 2, dtype=torch.float64)  # (dim / 2,): the numbers 2 i
    angle = position / 10000 ** (even / dim)  # (T, dim / 2)
    table = torch.stack([angle.sin(), angle.cos()], dim=2)  # (T, dim / 2, 2)
    return table.reshape(length, dim).float()
    ### END SOLUTION


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, where no position looks at a later one.

    Args:
        q, k, v: queries, keys and values, (B, H, T, d): H heads, each by itself. T is any length
            from 1 on.

    Returns:
        (B, H, T, d).
    """
    ### BEGIN SOLUTION
    length = q.shape[-2]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, T)
    future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(diagonal=1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    return weights @ v
    ### END SOLUTION


class SelfAttention(nn.Module):
    """Causal self-attention with 3 heads of 64 dimensions: (B, T, 192) to (B, T, 192).

    Parts, under these names: `query`, `key`, `value` and `output`, each nn.Linear(192, 192).
    Head h has the columns 64 h to 64 h + 63 of queries, keys and values, and of what goes into
    `output`. `query`, `key` and `value` may do without a bias; one `qkv` = nn.Linear(192, 576),
    whose result is queries, keys and values side by side, may stand in the place of the three.
    """

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.query = nn.Linear(D_MODEL, D_MODEL)
        self.key = nn.Linear(D_MODEL, D_MODEL)
        self.value = nn.Linear(D_MODEL, D_MODEL)
        self.output = nn.Linear(D_MODEL, D_MODEL)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 192) to (B, T, 192): project, attend in each head, join the heads, project."""
        ### BEGIN SOLUTION
        batch, length, _ = x.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, HEADS, D_HEAD).transpose(1, 2)

        seen = causal_attention(heads(self.query(x)), heads(self.key(x)), heads(self.value(x)))
        joined = seen.transpose(1, 2).reshape(batch, length, D_MODEL)
        return self.output(joined)
        ### END SOLUTION


class Block(nn.Module):
    """A pre-norm block: attention and a feed-forward network, each added to what came in.

    Parts, under these names: `norm1` and `norm2`, nn.LayerNorm(192); `attention`, a
    `SelfAttention`; `feed_forward`, an nn.Sequential of nn.Linear(192, 768), nn.GELU and
    nn.Linear(768, 192).
    """

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.norm1 = nn.LayerNorm(D_MODEL)
        self.attention = SelfAttention()
        self.norm2 = nn.LayerNorm(D_MODEL)
        self.feed_forward = nn.Sequential(
            nn.Linear(D_MODEL, D_FF), nn.GELU(), nn.Linear(D_FF, D_MODEL)
        )
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 192) to (B, T, 192).

        First x + attention(norm1(x)); then, with y for that, y + feed_forward(norm2(y)).
        """
        ### BEGIN SOLUTION
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))
        ### END SOLUTION


def initialise(model: nn.Module) -> None:
    """Draw the weight of every nn.Linear in a model from Xavier's uniform distribution, in place.

    That is uniform on +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010). Biases may stay or
    become zero, and all other parameters stay as they are.
    """
    ### BEGIN SOLUTION
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    ### END SOLUTION


class TinyTransformer(nn.Module):
    """The language model: tokens (B, T) to logits (B, T, V), for T from 1 to 128.

    Parts, under these names: `embedding`, nn.Embedding(V, 192); `blocks`, an nn.ModuleList of two
    `Block`s; `head`, nn.Linear(192, V) with its bias; and `final_norm`, nn.LayerNorm(192) before
    the head, or none. Positions are no parameters. The linear layers begin as `initialise` draws
    them.

    It has 385 V + 889 728 parameters, and 384 more with `final_norm`; each of the Q, K, V and
    output projections that does without a bias saves 384 in the two blocks. For V = 65 that
    makes 914 753, 915 137 with `final_norm`, and 913 601 without it and without biases of Q, K, V.

    Args:
        vocab_size: V.
    """

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.embedding = nn.Embedding(vocab_size, D_MODEL)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.final_norm = nn.LayerNorm(D_MODEL)
        self.head = nn.Linear(D_MODEL, vocab_size)
        initialise(self)
        ### END SOLUTION

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to logits (B, T, V).

        Embedding plus position, the blocks in their order, `final_norm` if there is one, `head`.
        """
        ### BEGIN SOLUTION
        x = self.embedding(tokens)  # (B, T, 192)
        x = x + sinusoidal_positions(tokens.shape[1], D_MODEL).to(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x))
        ### END SOLUTION


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the next token: the mean over all B T places, a scalar in nats.

    Args:
        logits: (B, T, V).
        targets: (B, T), the token that comes next at each place; they are shifted already.
    """
    ### BEGIN SOLUTION
    # -1/(B T) sum_(b, t) log softmax(logits_bt)_target.
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
    ### END SOLUTION


# --- perplexity -------------------------------------------------------------------------------


def perplexity(model: LanguageModel, tokens: Tensor, context: int = CONTEXT) -> float:
    """exp of the mean negative log-likelihood per token of a text, with teacher forcing.

    The text is cut into blocks as in `make_blocks`, so that the model never sees more than
    `context` tokens and starts anew in each block. The tokens that are left at the end make a
    shorter block of their own, so that all tokens but the first are predicted once. Every token
    counts the same: the mean is over tokens, not over blocks or batches.

    Args:
        model: tokens (B, T) to logits (B, T, V). An nn.Module comes in eval mode.
        tokens: (N,), N > 1.
        context: T, the largest block.
    """
    ### BEGIN SOLUTION
    # exp(-1/(N - 1) sum_t log p(x_(t+1) | x_1 ... x_t)): Jurafsky and Martin, chapter 3.
    total = 0.0
    with torch.no_grad():
        for x, y in zip(tokens[:-1].split(context), tokens[1:].split(context), strict=True):
            total += next_token_loss(model(x[None]), y[None]).item() * len(y)
    return math.exp(total / (len(tokens) - 1))
    ### END SOLUTION


# --- n-gram baselines -------------------------------------------------------------------------


def ngram_probabilities(
    train: Tensor, history: Tensor, n: int, vocab_size: int, alpha: float = 0.1
) -> Tensor:
    """What an n-gram model with add-alpha smoothing expects next: (V,), adding up to 1.

    P(c | h) = (count(h c) + alpha) / (sum over c' of count(h c') + alpha V), where h are the last
    n - 1 tokens of the history and count is how often these tokens stand in a row in the training
    text. A history that was never seen gives 1 / V.

    Args:
        train: (N,), the training text.
        history: at least n - 1 tokens; all before the last n - 1 do not matter.
        n: 1 for unigrams, 2 for bigrams, ...
        vocab_size: V.
        alpha: what is added to each count; more than 0.
    """
    ### BEGIN SOLUTION
    grams = train.unfold(0, n, 1)  # (N - n + 1, n)
    h = history[len(history) - (n - 1) :]
    followers = grams[(grams[:, :-1] == h).all(dim=1), -1]
    counts = torch.bincount(followers, minlength=vocab_size).double() + alpha
    return counts / counts.sum()
    ### END SOLUTION


def ngram_perplexity(
    train: Tensor, held_out: Tensor, n: int, vocab_size: int, alpha: float = 0.1
) -> float:
    """The perplexity of a text under the model of `ngram_probabilities`.

    Its first n - 1 tokens are history alone; the mean is over all others.

    Args:
        train: (N,), the training text.
        held_out: (M,), another text, M >= n.
        n, vocab_size, alpha: as there; V^n stays below 2^63.
    """
    ### BEGIN SOLUTION
    # exp(-1/(M - n + 1) sum_t log P(c_t | h_t)): Jurafsky and Martin, chapter 3.
    place_values = vocab_size ** torch.arange(n - 1, -1, -1)
    ours = (train.unfold(0, n, 1) * place_values).sum(1)  # one number for each n-gram
    theirs = (held_out.unfold(0, n, 1) * place_values).sum(1)
    of_whole = _counts(ours, theirs).double()
    of_history = _counts(ours // vocab_size, theirs // vocab_size).double()
    probability = (of_whole + alpha) / (of_history + alpha * vocab_size)
    return math.exp(-probability.log().mean().item())
    ### END SOLUTION


def _counts(numbers: Tensor, wanted: Tensor) -> Tensor:
    """How often each of the wanted numbers stands among the numbers: (M,)."""
    kinds, index = torch.cat([numbers, wanted]).unique(return_inverse=True)
    counts = torch.bincount(index[: len(numbers)], minlength=len(kinds))
    return counts[index[len(numbers) :]]


# --- decoding ---------------------------------------------------------------------------------


def top_k_probabilities(logits: Tensor, k: int = 20, temperature: float = 1.0) -> Tensor:
    """The distribution that top-k sampling draws from: (..., V) to (..., V).

    softmax(logits / temperature) of the k likeliest tokens, scaled so that they add up to 1; 0 for
    all others. Of tokens that tie for the last place any, or all, may stay. If there are no more
    than k tokens, all stay.
    """
    ### BEGIN SOLUTION
    scaled = logits / temperature
    kth = scaled.topk(min(k, scaled.shape[-1]), dim=-1).values[..., -1:]
    return scaled.masked_fill(scaled < kth, -math.inf).softmax(dim=-1)
    ### END SOLUTION


def top_p_probabilities(logits: Tensor, p: float = 0.9, temperature: float = 1.0) -> Tensor:
    """The distribution that nucleus sampling draws from: (..., V) to (..., V).

    Of softmax(logits / temperature) the fewest likeliest tokens whose probabilities reach p
    together, scaled so that they add up to 1; 0 for all others. To leave out the token that
    crosses p, as some do, is accepted too, as long as the likeliest always stays.
    """
    ### BEGIN SOLUTION
    # The smallest set of tokens with sum p >= the threshold: Holtzman et al., equations 2 and 3.
    probabilities = (logits / temperature).softmax(dim=-1)
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered  # what the likelier tokens have together
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered * (before < p))
    return kept / kept.sum(dim=-1, keepdim=True)
    ### END SOLUTION


def generate(
    model: LanguageModel,
    prompt: Tensor,
    new_tokens: int = 200,
    strategy: str = "greedy",
    k: int = 20,
    p: float = 0.9,
    temperature: float = 1.0,
    context: int = CONTEXT,
) -> Tensor:
    """Continue a text, one token after the other.

    For each new token the model is called with the last `context` tokens, or with all while there
    are fewer, as a batch of one. Draws come from torch's global source of random numbers; no seed
    is set in here.

    Args:
        model: tokens (1, T) to logits (1, T, V). An nn.Module comes in eval mode.
        prompt: (N,), N >= 1. It keeps its values.
        new_tokens: how many to add.
        strategy: `greedy` (the likeliest token), `top_k` or `top_p` (a draw from the distribution
            of that function).
        k, p, temperature: of the two distributions; greedy needs none of them.

    Returns:
        The prompt and the new tokens, (N + new_tokens,), int64.

    Raises:
        ValueError: for another strategy.
    """
    ### BEGIN SOLUTION
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(f"strategy must be greedy, top_k or top_p, not {strategy!r}")
    tokens = prompt
    with torch.no_grad():
        for _ in range(new_tokens):
            logits = model(tokens[-context:][None])[0, -1]  # (V,)
            if strategy == "greedy":
                token = logits.argmax()[None]
            elif strategy == "top_k":
                token = torch.multinomial(top_k_probabilities(logits, k, temperature), 1)
            else:
                token = torch.multinomial(top_p_probabilities(logits, p, temperature), 1)
            tokens = torch.cat([tokens, token])
    return tokens
    ### END SOLUTION
