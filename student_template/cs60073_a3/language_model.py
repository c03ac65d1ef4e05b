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
    raise NotImplementedError("language_model.make_vocabulary is not written yet")


def encode(text: str, vocabulary: list[str]) -> Tensor:
    """A text of N characters as their places in the vocabulary: (N,), int64.

    Every character of the text is in the vocabulary; the text may be empty.
    """
    raise NotImplementedError("language_model.encode is not written yet")


def decode(tokens: Tensor, vocabulary: list[str]) -> str:
    """The text that `encode` made these tokens (N,) of."""
    raise NotImplementedError("language_model.decode is not written yet")


def split(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first 90 %, the next 5 % and the last 5 % of a text, in its own order.

    Args:
        tokens: (N,). What does not divide evenly may go either way by one token.

    Returns:
        Training, validation and test tokens; end to end they are the text again.
    """
    raise NotImplementedError("language_model.split is not written yet")


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
    raise NotImplementedError("language_model.make_blocks is not written yet")


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
    raise NotImplementedError("language_model.sinusoidal_positions is not written yet")


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, where no position looks at a later one.

    Args:
        q, k, v: queries, keys and values, (B, H, T, d): H heads, each by itself. T is any length
            from 1 on.

    Returns:
        (B, H, T, d).
    """
    raise NotImplementedError("language_model.causal_attention is not written yet")


class SelfAttention(nn.Module):
    """Causal self-attention with 3 heads of 64 dimensions: (B, T, 192) to (B, T, 192).

    Parts, under these names: `query`, `key`, `value` and `output`, each nn.Linear(192, 192).
    Head h has the columns 64 h to 64 h + 63 of queries, keys and values, and of what goes into
    `output`. `query`, `key` and `value` may do without a bias; one `qkv` = nn.Linear(192, 576),
    whose result is queries, keys and values side by side, may stand in the place of the three.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("language_model.SelfAttention.__init__ is not written yet")

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 192) to (B, T, 192): project, attend in each head, join the heads, project."""
        raise NotImplementedError("language_model.SelfAttention.forward is not written yet")


class Block(nn.Module):
    """A pre-norm block: attention and a feed-forward network, each added to what came in.

    Parts, under these names: `norm1` and `norm2`, nn.LayerNorm(192); `attention`, a
    `SelfAttention`; `feed_forward`, an nn.Sequential of nn.Linear(192, 768), nn.GELU and
    nn.Linear(768, 192).
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("language_model.Block.__init__ is not written yet")

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 192) to (B, T, 192).

        First x + attention(norm1(x)); then, with y for that, y + feed_forward(norm2(y)).
        """
        raise NotImplementedError("language_model.Block.forward is not written yet")


def initialise(model: nn.Module) -> None:
    """Draw the weight of every nn.Linear in a model from Xavier's uniform distribution, in place.

    That is uniform on +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010). Biases may stay or
    become zero, and all other parameters stay as they are.
    """
    raise NotImplementedError("language_model.initialise is not written yet")


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
        raise NotImplementedError("language_model.TinyTransformer.__init__ is not written yet")

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to logits (B, T, V).

        Embedding plus position, the blocks in their order, `final_norm` if there is one, `head`.
        """
        raise NotImplementedError("language_model.TinyTransformer.forward is not written yet")


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the next token: the mean over all B T places, a scalar in nats.

    Args:
        logits: (B, T, V).
        targets: (B, T), the token that comes next at each place; they are shifted already.
    """
    raise NotImplementedError("language_model.next_token_loss is not written yet")


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
    raise NotImplementedError("language_model.perplexity is not written yet")


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
    raise NotImplementedError("language_model.ngram_probabilities is not written yet")


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
    raise NotImplementedError("language_model.ngram_perplexity is not written yet")


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
    raise NotImplementedError("language_model.top_k_probabilities is not written yet")


def top_p_probabilities(logits: Tensor, p: float = 0.9, temperature: float = 1.0) -> Tensor:
    """The distribution that nucleus sampling draws from: (..., V) to (..., V).

    Of softmax(logits / temperature) the fewest likeliest tokens whose probabilities reach p
    together, scaled so that they add up to 1; 0 for all others. To leave out the token that
    crosses p, as some do, is accepted too, as long as the likeliest always stays.
    """
    raise NotImplementedError("language_model.top_p_probabilities is not written yet")


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
    raise NotImplementedError("language_model.generate is not written yet")
