"""Probes of part C: models that can be computed by hand, and what drives a language model.

They know no answers: what stands in for a part is another one than the assignment asks for.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from driving import call, on_stand_ins, plain, raised, slopes

# --- stand-ins for models and their parts -----------------------------------------------------


class OddPart(nn.Module):
    """x -> a sin(b x) + c: in the place of a norm, of attention or of a feed-forward network."""

    def __init__(self, a: float, b: float, c: float) -> None:
        super().__init__()
        self.numbers = (a, b, c)

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        a, b, c = self.numbers
        return a * torch.sin(b * x) + c


class OddBlock(OddPart):
    """In the place of a block: an odd part, and something of the mean of all places so far."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        x = super().forward(x)
        return x + torch.tanh(x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None])


class OddModel(nn.Module):
    """A language model that can be computed by hand, and remembers what it was shown.

    The logits (B, T, V) at place t depend on the token there, on t, and on all tokens up to there.
    What it is made of are parameters, since `next(model.parameters()).device` is a common line.

    Args:
        table: (V, V), a row for each token.
        places: (P, V), added at place t (modulo P).
        past: (V, V), a row for each token; the tanh of the mean of those so far is added.
    """

    def __init__(self, table: Tensor, places: Tensor, past: Tensor) -> None:
        super().__init__()
        self.table, self.places, self.past = (
            nn.Parameter(t, requires_grad=False) for t in (table, places, past)
        )
        self.shown: list[tuple[int, ...]] = []

    def forward(self, tokens: Tensor) -> Tensor:
        self.shown.append(tuple(tokens.shape))
        steps = torch.arange(tokens.shape[1])
        so_far = self.past[tokens].cumsum(1) / (steps + 1)[:, None]
        return self.table[tokens] + self.places[steps % len(self.places)] + 4 * torch.tanh(so_far)


# --- parts of the Transformer -----------------------------------------------------------------


def attention_layer(impl: Any, *, x: Tensor, weights: dict[str, Tensor]) -> Any:
    """The result of a `SelfAttention` with these weights, by role; biases that it has are zero."""
    layer = impl.language_model.SelfAttention().eval()
    inward = [weights[name] for name in ("query", "key", "value")]
    with torch.no_grad():
        if isinstance(fused := getattr(layer, "qkv", None), nn.Linear):
            _fill(fused, torch.cat(inward))
        else:
            for name, weight in zip(("query", "key", "value"), inward, strict=True):
                _fill(_part(layer, name), weight)
        _fill(_part(layer, "output"), weights["output"])
        return layer(x.clone())


def block_of_odd_parts(impl: Any, *, x: Tensor, numbers: Tensor) -> dict[str, Any]:
    """A `Block` whose four parts were replaced by odd ones; `numbers` is (4, 3).

    Returns:
        `result`, and `args`: x as it is afterwards.
    """
    block = impl.language_model.Block().eval()
    names = ("norm1", "attention", "norm2", "feed_forward")
    for name, row in zip(names, numbers.tolist(), strict=True):
        _part(block, name)
        setattr(block, name, OddPart(*row))
    given = x.clone()
    with torch.no_grad():
        return {"result": block(given), "args": [given]}


def feed_forward(impl: Any, *, x: Tensor, layers: list[Tensor]) -> Any:
    """The feed-forward network of a `Block`, with weights and biases of its two linear layers."""
    network = impl.language_model.Block().eval().feed_forward
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    if len(linear) != 2:
        raise ValueError(f"feed_forward has {len(linear)} linear layers")
    with torch.no_grad():
        for layer, weight, bias in zip(linear, layers[::2], layers[1::2], strict=True):
            _fill(layer, weight, bias)
        return network(x.clone())


def model_of_odd_blocks(
    impl: Any, *, tokens: Tensor, weights: dict[str, Tensor], numbers: Tensor
) -> Any:
    """Logits of a `TinyTransformer` whose blocks were replaced by odd ones.

    Args:
        tokens: (B, T).
        weights: `embedding`, `head`, `bias`, and `norm` and `shift` of the final norm, if there is
            one. Without the last two it is taken away.
        numbers: (2, 3), of the blocks.
    """
    model = impl.language_model.TinyTransformer(len(weights["embedding"])).eval()
    for index, row in enumerate(numbers.tolist()):
        _part(model.blocks, str(index))
        model.blocks[index] = OddBlock(*row)
    with torch.no_grad():
        model.embedding.weight.copy_(weights["embedding"])
        _fill(model.head, weights["head"], weights["bias"])
        if isinstance(norm := getattr(model, "final_norm", None), nn.LayerNorm):
            if "norm" in weights:
                _fill(norm, weights["norm"], weights["shift"])
                # Behind these blocks a row may vary so little that this small number shows.
                norm.eps = 1e-5 if 0 < norm.eps <= 1e-4 else norm.eps
            else:
                model.final_norm = nn.Identity()
        return model(tokens)


def parameters(impl: Any, *, vocab_size: int) -> list[list[Any]]:
    """Of each parameter of a `TinyTransformer` its name, its shape, and whether it is trained."""
    found = impl.language_model.TinyTransformer(vocab_size).named_parameters()
    return [[name, list(p.shape), bool(p.requires_grad)] for name, p in found]


def first_weights(impl: Any, *, vocab_size: int) -> dict[str, Tensor]:
    """The weights of the linear layers of a new `TinyTransformer`, by name."""
    modules = impl.language_model.TinyTransformer(vocab_size).named_modules()
    return {name: m.weight.detach() for name, m in modules if isinstance(m, nn.Linear)}


def initialised(impl: Any, *, sizes: list[int]) -> dict[str, list[Tensor]]:
    """What `initialise` makes of a model of odd sizes whose parameters were all set before: by its
    name, each parameter before and after."""
    first, second, third = sizes
    inner = nn.Sequential(nn.LayerNorm(second), nn.Linear(second, third, bias=False))
    model = nn.Sequential(nn.Linear(first, second), inner)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 3.0, 0.1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    impl.language_model.initialise(model)
    return {name: [before[name], p.detach()] for name, p in model.named_parameters()}


def whole_model(impl: Any, *, vocab_size: int, texts: list[Tensor]) -> dict[str, Any]:
    """Logits of a new `TinyTransformer` for some texts, and `without`: where no attention is
    left."""
    model = impl.language_model.TinyTransformer(vocab_size).eval()
    with torch.no_grad():
        logits = [model(tokens) for tokens in texts]
        for block in model.blocks:
            block.attention = OddPart(1.0, 1.0, 0.0)
        return {"logits": logits, "without": [model(tokens) for tokens in texts]}


# --- what uses a language model ---------------------------------------------------------------


def perplexity_of_a_model(
    impl: Any, *, tables: dict[str, Tensor], tokens: Tensor, context: int = 128
) -> dict[str, Any]:
    """`perplexity` of an `OddModel`, as `result`, and the `longest` text that it was shown."""
    model = OddModel(**tables).eval()
    args = [] if context == 128 else [context]  # the default
    with torch.no_grad():
        value = impl.language_model.perplexity(model, tokens, *args)
    infinite = isinstance(value, float) and math.isinf(value)
    shown = max((length for _, length in model.shown), default=0)
    return {"result": torch.tensor(value) if infinite else plain(value), "longest": shown}


def generated(
    impl: Any,
    *,
    prompt: Tensor,
    tables: dict[str, Tensor],
    new_tokens: int,
    strategy: str,
    options: dict[str, Any],
) -> dict[str, Any]:
    """What `generate` makes of a prompt with an `OddModel`.

    Returns:
        `tokens`; `prompt` as it is afterwards; and `shown`, the shapes of what the model was shown.
    """
    model, given = OddModel(**tables).eval(), prompt.clone()
    tokens = impl.language_model.generate(model, given, new_tokens, strategy, **options)
    return {"tokens": plain(tokens), "prompt": given, "shown": [list(s) for s in model.shown]}


def refused(impl: Any, *, strategy: str) -> list[str]:
    """Which of Python's errors `generate` raises for a strategy, as `raised` tells."""
    zeros = torch.zeros(5, 5)
    args = [OddModel(zeros, zeros, zeros).eval(), torch.tensor([1, 2]), 3, strategy]
    return raised(impl, function="language_model.generate", args=args)


def _fill(linear: Any, weight: Tensor, bias: Tensor | float = 0.0) -> None:
    linear.weight.copy_(weight)
    if linear.bias is not None:
        linear.bias.copy_(torch.as_tensor(bias))


def _part(module: Any, name: str) -> Any:
    """A named part of a module, which must be there before it is replaced or filled.

    Raises:
        AttributeError: it is not there.
    """
    part = module._modules.get(name)
    if part is None:
        raise AttributeError(f"{type(module).__name__} has no part called {name}")
    return part


# --- parts in the places of a submission's ----------------------------------------------------


def odd_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Each place sees itself, and the first one."""
    return torch.sin(q) * k + 0.3 * v + 0.2 * v[..., :1, :]


def odd_positions(length: int, dim: int) -> Tensor:
    """A table of the shape that is asked for."""
    return torch.sin(torch.arange(length)[:, None] * 0.7 + torch.arange(dim) * 0.3) / 2


def no_beginning(model: nn.Module) -> None:
    """Leave a model as it is."""


def odd_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean of 1 + sin(logit of the target) / 2."""
    return (1 + torch.sin(logits.gather(-1, targets[..., None])) / 2).mean()


def odd_blocks(tokens: Tensor, context: int = 128) -> tuple[Tensor, Tensor]:
    """Blocks of the shapes that are asked for."""
    count = (len(tokens) - 1) // context
    steps = torch.arange(count * context).view(count, context)
    return tokens[steps * 3 % len(tokens)], tokens[steps * 7 % len(tokens)]


def odd_ngrams(
    train: Tensor, history: Tensor, n: int, vocab_size: int, alpha: float = 0.1
) -> Tensor:
    """A distribution that depends on the last n - 1 tokens of the history."""
    last = history[len(history) - n + 1 :].float().sum()
    return torch.softmax(torch.cos(torch.arange(vocab_size) + last + alpha), dim=0)


def odd_top_k(logits: Tensor, k: int = 20, temperature: float = 1.0) -> Tensor:
    """A distribution over all tokens."""
    return torch.softmax(torch.cos(logits) * math.log(1 + k) / temperature, dim=-1)


def odd_top_p(logits: Tensor, p: float = 0.9, temperature: float = 1.0) -> Tensor:
    """Another one."""
    return torch.softmax(torch.sin(logits) * 2 * p / temperature, dim=-1)


STAND_INS = {
    "language_model.causal_attention": odd_attention,
    "language_model.sinusoidal_positions": odd_positions,
    "language_model.initialise": no_beginning,
    "language_model.next_token_loss": odd_loss,
    "language_model.make_blocks": odd_blocks,
    "language_model.ngram_probabilities": odd_ngrams,
    "language_model.top_k_probabilities": odd_top_k,
    "language_model.top_p_probabilities": odd_top_p,
}
PROBES = {
    probe.__name__: probe
    for probe in (
        *(call, slopes, attention_layer, model_of_odd_blocks),
        *(parameters, first_weights, whole_model),
        *(perplexity_of_a_model, generated, refused),
    )
}


def with_stand_ins(impl: Any, *, other: str, replaced: list[str], **asked: Any) -> Any:
    """What another probe finds with some contracts replaced by ones that nobody asks for.

    Args:
        other: its name, one of `PROBES`.
        replaced: keys of `STAND_INS`.
        asked: of that probe.
    """
    return on_stand_ins(impl, PROBES[other], STAND_INS, replaced, asked)
