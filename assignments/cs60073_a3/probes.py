"""Small programs that drive an implementation of this assignment and report what it did.

A probe gets the modules of an implementation as `impl` and inputs as keywords, and returns plain
data. The same probe runs on a submission and on the reference. Probes know no answers: where one
needs a density or a model of its own, it is deliberately another one than the assignment asks for.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Array = npt.NDArray[np.float64]

# --- part A: samplers -------------------------------------------------------------------------


class LogisticMixture:
    """A density on the plane that is none of the assignment's: x = A y, y a mixture of logistics.

    Given its component, y has independent coordinates with logistic distributions.

    Args:
        weights: (K,), of sum one.
        centres: (K, 2), of y.
        scales: (K,), of y.
        matrix: A, (2, 2).
        offset: what is added to the log-density, as if the constant were unknown.
    """

    def __init__(
        self, weights: Any, centres: Any, scales: Any, matrix: Any, offset: float = 0.0
    ) -> None:
        self.weights, self.centres, self.scales, self.matrix = (
            np.asarray(a, dtype=np.float64) for a in (weights, centres, scales, matrix)
        )
        self._inverse = np.linalg.inv(self.matrix)
        self._shares = np.cumsum(self.weights)[:-1]
        # One row per component and coordinate: the exponents of the logistic densities.
        self._level = np.log(self.weights) - 2 * np.log(self.scales)
        self._level += offset - np.log(abs(np.linalg.det(self.matrix)))

    def log_density(self, x: Any) -> Any:
        """Points (..., 2) to log-densities (...)."""
        y = np.asarray(x, dtype=np.float64) @ self._inverse.T
        z = np.abs(y[..., None, :] - self.centres) / self.scales[:, None]  # (..., K, 2)
        terms = self._level - (z + 2 * np.log1p(np.exp(-z))).sum(-1)
        top = terms.max(-1)
        return top + np.log(np.exp(terms - top[..., None]).sum(-1))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Independent draws, (n, 2)."""
        which = np.searchsorted(self._shares, rng.random(n))
        y = self.centres[which] + self.scales[which, None] * rng.logistic(size=(n, 2))
        return np.asarray(y @ self.matrix.T)


def density_mesh(
    impl: Any, *, target: dict[str, Any], settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What `mesh_density` makes of a density; without settings, in its usual size."""
    log_density = LogisticMixture(**target).log_density
    x, y, density = impl.sampling.mesh_density(log_density, **(settings or {}))
    return {"x": x, "y": y, "density": density}


def proposal_draws(impl: Any, *, seed: int, n: int, sigma: float) -> Any:
    """What `draw_proposal` gives."""
    return impl.sampling.draw_proposal(n, sigma, _generator(seed))


def rejections(
    impl: Any,
    *,
    seed: int,
    target: dict[str, Any],
    proposal: dict[str, Any],
    c: float,
    n: int,
    repeats: int = 1,
) -> list[dict[str, Any]]:
    """Calls of `rejection_sampling`: points, rate, and all that was drawn from the proposal."""
    p, q = LogisticMixture(**target), LogisticMixture(**proposal)
    rng = _generator(seed)
    calls = []
    for _ in range(repeats):
        drawn: list[Array] = []

        def draw_q(m: int, source: Any = rng, drawn: list[Array] = drawn) -> Array:
            x = q.draw(m, source if isinstance(source, np.random.Generator) else rng)
            drawn.append(x.copy())
            return x

        points, rate = impl.sampling.rejection_sampling(
            p.log_density, q.log_density, draw_q, c, n, rng
        )
        calls.append({"points": _rows(points), "rate": rate, "drawn": np.concatenate(drawn)})
    return calls


def envelope(
    impl: Any, *, target: dict[str, Any], proposal: dict[str, Any], half_width: float
) -> Any:
    """What `envelope_constant` gives."""
    p, q = (LogisticMixture(**d).log_density for d in (target, proposal))
    return impl.sampling.envelope_constant(p, q, half_width)


def envelope_verdict(
    impl: Any, *, target: dict[str, Any], proposal: dict[str, Any], half_width: float, c: float
) -> Any:
    """What `is_envelope` says of a constant."""
    p, q = (LogisticMixture(**d).log_density for d in (target, proposal))
    says = impl.sampling.is_envelope(p, q, c, half_width)
    # The truth values of Python, NumPy and torch are the same answer.
    arrays = isinstance(says, np.generic | np.ndarray | Tensor)
    return says.tolist() if arrays and str(says.dtype).endswith("bool") else says


def walks(
    impl: Any, *, seed: int, target: dict[str, Any], starts: Array, step: float, n: int
) -> dict[str, Any]:
    """Calls of `metropolis_hastings`, one from each start (R, 2).

    Returns:
        chains: the rows of all walks, (R, rows, 2).
        rates: the acceptance rates, (R,).
        starts: the starts as they are afterwards.
    """
    log_p = LogisticMixture(**target).log_density
    rng = _generator(seed)
    chains, rates = [], []
    after = np.array(starts, dtype=np.float64)
    for start in after:
        chain, rate = impl.sampling.metropolis_hastings(log_p, start, step, n, rng)
        chains.append(np.asarray(chain, dtype=np.float64))
        rates.append(float(rate))
    return {"chains": np.stack(chains), "rates": np.array(rates), "starts": after}


def thinned_numbers(impl: Any, *, n: int, burn_in: int, every: int) -> Any:
    """The first coordinates of what `thin` keeps of the rows (0, -0), (1, -1), ..., (n-1, 1-n)."""
    numbers = np.arange(n, dtype=np.float64)
    kept = np.asarray(impl.sampling.thin(np.stack([numbers, -numbers], axis=1), burn_in, every))
    return {"first": kept[:, 0], "second": kept[:, 1]}


def gibbs_chain(impl: Any, *, seed: int, correlation: float, x0: Array, n: int) -> dict[str, Any]:
    """What `gibbs_sampling` gives, and its start as it is afterwards."""
    start = np.array(x0, dtype=np.float64)
    chain = impl.sampling.gibbs_sampling(correlation, start, n, _generator(seed))
    return {"chain": _rows(chain), "start": start}


def arguments_after(impl: Any, *, function: str, args: list[Any]) -> list[Any]:
    """The arguments of a function of `sampling`, as they are after the call."""
    args = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    getattr(impl.sampling, function)(*args)
    return args


def _rows(points: Any) -> Any:
    """Points as an array where they come as a list of rows, which is as right."""
    if not isinstance(points, (list, tuple)):
        return points
    try:
        return np.asarray(points, dtype=np.float64).reshape(len(points), 2)
    except (TypeError, ValueError):
        return points


def _generator(seed: int) -> np.random.Generator:
    """A generator; NumPy's global source and Python's are seeded with it, for who uses those."""
    random.seed(seed)
    np.random.seed(seed)
    return np.random.default_rng(seed)


def _copied(tensor: Tensor, view: bool = False) -> Tensor:
    """A copy; if a view is asked for, one whose rows do not follow each other in memory."""
    if view and tensor.dim():
        return torch.cat([tensor, tensor], dim=-1)[..., : tensor.shape[-1]]
    return tensor.clone()


@contextlib.contextmanager
def _in_place_of(module: Any, stand_ins: dict[str, Any]) -> Iterator[None]:
    """Other functions under these names of a module, as long as the block runs."""
    missing = object()
    own = {name: getattr(module, name, missing) for name in stand_ins}
    for name, function in stand_ins.items():
        setattr(module, name, function)
    try:
        yield
    finally:
        for name, function in own.items():
            if function is missing:
                delattr(module, name)
            else:
                setattr(module, name, function)


# --- part C: language model -------------------------------------------------------------------


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
        self.table = nn.Parameter(table, requires_grad=False)
        self.places = nn.Parameter(places, requires_grad=False)
        self.past = nn.Parameter(past, requires_grad=False)
        self.shown: list[int] = []
        self.batches: list[int] = []

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length = tokens.shape
        self.shown.append(length)
        self.batches.append(batch)
        steps = torch.arange(length)
        so_far = self.past[tokens].cumsum(1) / (steps + 1)[:, None]
        return self.table[tokens] + self.places[steps % len(self.places)] + 4 * torch.tanh(so_far)


class SteadyModel(nn.Module):
    """A language model whose logits are always the same (V,), whatever it is shown."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits, requires_grad=False)
        self.shown: list[int] = []
        self.batches: list[int] = []

    def forward(self, tokens: Tensor) -> Tensor:
        self.shown.append(tokens.shape[1])
        self.batches.append(tokens.shape[0])
        return self.logits.expand(*tokens.shape, -1).clone()


def language_call(
    impl: Any, *, function: str, args: list[Any], views: bool = False
) -> dict[str, Any]:
    """Call a function of `language_model`: its result, and its arguments as they are then.

    With `views`, tensors of more than two axes have their second and third axis exchanged in
    memory, as heads have that were cut out of a layer's result; others are parts of larger ones.
    """
    args = [_lm_copied(a, views) if isinstance(a, Tensor) else a for a in args]
    result = getattr(impl.language_model, function)(*args)
    return {"result": _lm_plain(result), "args": [_lm_plain(a) for a in args]}


def _lm_copied(tensor: Tensor, view: bool) -> Tensor:
    if view and tensor.dim() > 2:
        return tensor.transpose(1, 2).contiguous().transpose(1, 2)
    return _copied(tensor, view)


def odd_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention that the assignment does not ask for: each place sees itself, and the first one."""
    return torch.sin(q) * k + 0.3 * v + 0.2 * v[..., :1, :]


def odd_positions(length: int, dim: int) -> Tensor:
    """Positions that the assignment does not ask for."""
    return torch.sin(torch.arange(length)[:, None] * 0.7 + torch.arange(dim) * 0.3) / 2


def _lm_with_working_parts(module: Any) -> contextlib.AbstractContextManager[None]:
    """Parts of a `TinyTransformer` that are marked by themselves and fail have odd ones in their
    place: `sinusoidal_positions`, `initialise` and `causal_attention`."""
    stand_ins: dict[str, Any] = {}
    table = _lm_attempt(lambda: module.sinusoidal_positions(128, 192))
    if table is None or tuple(table.shape) != (128, 192):
        stand_ins["sinusoidal_positions"] = odd_positions
    try:
        module.initialise(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, bias=False)))
    except Exception:
        stand_ins["initialise"] = lambda model: None
    heads = _lm_copied(torch.ones(2, 3, 4, 64), view=True)
    if _lm_attempt(lambda: module.causal_attention(heads, heads, heads)) is None:
        stand_ins["causal_attention"] = odd_attention
    return _in_place_of(module, stand_ins)


def attention_slopes(impl: Any, *, q: Tensor, k: Tensor, v: Tensor, place: int) -> dict[str, Any]:
    """How much the result of `causal_attention` at one place changes with k and v at each: (T,)."""
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    result = impl.language_model.causal_attention(*leaves)
    gradients = torch.autograd.grad((result[:, :, place] ** 2).sum(), leaves, allow_unused=True)
    names = ("query", "key", "value")
    return {
        name: torch.zeros(q.shape[2]) if g is None else g.abs().sum(dim=(0, 1, 3))
        for name, g in zip(names, gradients, strict=True)
    }


def attention_layer(impl: Any, *, x: Tensor, weights: dict[str, Tensor]) -> dict[str, Any]:
    """A `SelfAttention` with the given weights: its result, and what its parts would give.

    Returns:
        `whole`, (B, T, 192); `biased`, whether Q, K, V and output have biases; `own`, what the
        submission's own `causal_attention` gives for the queries, keys and values (B, 3, T, 64),
        laid out in memory as a layer lays them out, if it gives anything; and `odd`, the whole
        with an odd attention in its place, where the own gives nothing.
    """
    module = impl.language_model
    layer = module.SelfAttention().eval()
    biased = _fill_attention(layer, weights)
    with torch.no_grad():
        q, k, v = (
            _lm_heads(x @ weights[f"{name}.weight"].T + biased[name] * weights[f"{name}.bias"])
            for name in ("query", "key", "value")
        )
        heads = [_lm_copied(t, view=True) for t in (q, k, v)]
        own = _lm_attempt(lambda: module.causal_attention(*heads))
        odd = None
        if own is None:
            with _in_place_of(module, {"causal_attention": odd_attention}):
                odd = _lm_attempt(lambda: layer(x.clone()))
        whole = odd if odd is not None else layer(x.clone())
    return {"whole": whole, "biased": biased, "own": own, "odd": odd}


def block_of_odd_parts(impl: Any, *, x: Tensor, numbers: Tensor) -> dict[str, Any]:
    """A `Block` whose four parts were replaced by odd ones; `numbers` is (4, 3)."""
    block = impl.language_model.Block().eval()
    names = ("norm1", "attention", "norm2", "feed_forward")
    for name, row in zip(names, numbers.tolist(), strict=True):
        _lm_part(block, name)
        setattr(block, name, OddPart(*row))
    given = x.clone()
    with torch.no_grad():
        return {"result": block(given), "x": given}


def feed_forward(impl: Any, *, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The feed-forward network of a `Block`, with the given weights."""
    block = impl.language_model.Block().eval()
    linear = [m for m in block.feed_forward.modules() if isinstance(m, nn.Linear)]
    if len(linear) != 2:
        raise ValueError(f"feed_forward has {len(linear)} linear layers")
    with torch.no_grad():
        for layer, name in zip(linear, ("first", "second"), strict=True):
            layer.weight.copy_(weights[f"{name}.weight"])
            layer.bias.copy_(weights[f"{name}.bias"])
        return block.feed_forward(x)


def model_of_odd_blocks(
    impl: Any, *, tokens: Tensor, weights: dict[str, Tensor], numbers: Tensor
) -> dict[str, Any]:
    """A `TinyTransformer` whose blocks were replaced by odd ones, with the given other weights.

    Returns:
        `logits`; whether there is a `final_norm`, and its `eps`; and `positions`, the submission's
        own table (T, 192), or the odd one that took its place.
    """
    module = impl.language_model
    with _lm_with_working_parts(module):
        return _lm_logits(module, tokens, weights, numbers)


def _lm_logits(
    module: Any, tokens: Tensor, weights: dict[str, Tensor], numbers: Tensor
) -> dict[str, Any]:
    model = module.TinyTransformer(len(weights["embedding.weight"])).eval()
    for index, row in enumerate(numbers.tolist()):
        _lm_part(model.blocks, str(index))
        model.blocks[index] = OddBlock(*row)
    normed = isinstance(getattr(model, "final_norm", None), nn.LayerNorm)
    with torch.no_grad():
        model.embedding.weight.copy_(weights["embedding.weight"])
        model.head.weight.copy_(weights["head.weight"])
        model.head.bias.copy_(weights["head.bias"])
        if normed:
            model.final_norm.weight.copy_(weights["final_norm.weight"])
            model.final_norm.bias.copy_(weights["final_norm.bias"])
        logits = model(tokens)
        positions = _lm_attempt(lambda: module.sinusoidal_positions(tokens.shape[1], 192))
    eps = float(model.final_norm.eps) if normed else 0.0
    return {"logits": logits, "final_norm": normed, "eps": eps, "positions": positions}


def parameters(impl: Any, *, vocab_size: int) -> dict[str, Any]:
    """Names and shapes of the parameters of a `TinyTransformer`, each parameter once."""
    with _lm_with_working_parts(impl.language_model):
        found = list(impl.language_model.TinyTransformer(vocab_size).named_parameters())
    return {
        "names": [name for name, _ in found],
        "shapes": [list(p.shape) for _, p in found],
        "trained": [bool(p.requires_grad) for _, p in found],
    }


def first_weights(impl: Any, *, vocab_size: int) -> dict[str, Tensor]:
    """The weights of the linear layers of a new `TinyTransformer`, by name."""
    with _lm_with_working_parts(impl.language_model):
        model = impl.language_model.TinyTransformer(vocab_size)
    return {
        name: module.weight.detach().clone()
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }


def initialised(impl: Any, *, sizes: list[int]) -> dict[str, Any]:
    """What `initialise` makes of a model of odd sizes whose parameters were all set before.

    Returns:
        Names, and parameters before and after.
    """
    first, second, third = sizes
    model = nn.Sequential(
        nn.Linear(first, second),
        nn.Sequential(nn.LayerNorm(second), nn.Linear(second, third, bias=False)),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(3.0, 0.1)
    before = [p.detach().clone() for p in model.parameters()]
    impl.language_model.initialise(model)
    names = [name for name, _ in model.named_parameters()]
    return {"names": names, "before": before, "after": [p.detach() for p in model.parameters()]}


def whole_model(
    impl: Any, *, vocab_size: int, tokens: Tensor, other: Tensor, place: int
) -> dict[str, Any]:
    """Logits of a new `TinyTransformer` for two texts, and what those at a place depend on.

    Returns:
        `before` and `after`, (B, T, V) for `tokens` and `other`; `slopes`, (T,), how much the
        logits at `place` change with what `embedding` gives at each place, if that can be told;
        and `apart`, how much the logits up to `place` differ where no attention is left.
    """
    with _lm_with_working_parts(impl.language_model):
        return _lm_whole(impl.language_model, vocab_size, tokens, other, place)


def _lm_whole(
    module: Any, vocab_size: int, tokens: Tensor, other: Tensor, place: int
) -> dict[str, Any]:
    model = module.TinyTransformer(vocab_size).eval()
    kept: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        leaf = output.detach().clone().requires_grad_()
        kept.append(leaf)
        return leaf * 1.0

    with torch.no_grad():
        before, after = model(tokens), model(other)

    def slopes() -> Tensor:
        handle = model.embedding.register_forward_hook(keep)
        logits = model(tokens)
        handle.remove()
        (gradient,) = torch.autograd.grad((logits[:, place] ** 2).sum(), kept[:1])
        return gradient.abs().sum(dim=(0, 2))

    def apart() -> Tensor:
        for block in model.blocks:
            block.attention = OddPart(1.0, 1.0, 0.0)
        with torch.no_grad():
            return (model(tokens) - model(other))[:, : place + 1].abs().max()

    found = {"before": before, "after": after, "slopes": _lm_attempt(slopes)}
    return found | {"apart": _lm_attempt(apart)}


def loss_and_slope(impl: Any, *, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """`next_token_loss` and its gradient with respect to the logits."""
    leaf = logits.clone().requires_grad_()
    loss = impl.language_model.next_token_loss(leaf, targets)
    loss.sum().backward()
    return {"loss": loss.detach(), "slope": leaf.grad}


def odd_blocks(tokens: Tensor, context: int = 128) -> tuple[Tensor, Tensor]:
    """Blocks that the assignment does not ask for, of the shapes that it asks for."""
    count = (len(tokens) - 1) // context
    steps = torch.arange(count * context).view(count, context)
    return tokens[steps * 3 % len(tokens)], tokens[steps * 7 % len(tokens)]


def odd_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """A loss that the assignment does not ask for: the mean of 1 + sin(logit of the target) / 2."""
    return (1 + torch.sin(logits.gather(-1, targets[..., None])) / 2).mean()


def perplexity_of_a_model(
    impl: Any,
    *,
    tables: dict[str, Tensor],
    tokens: Tensor,
    context: int | None = None,
    odd: Sequence[str] = (),
) -> dict[str, Any]:
    """`perplexity` of a stand-in for a model, and the longest that the model was shown.

    Args:
        tables: of an `OddModel`; or only `logits`, of a `SteadyModel`.
        odd: which of `next_token_loss` and `make_blocks` are odd ones meanwhile, for a
            `perplexity` that uses them.
    """
    model = (SteadyModel if "logits" in tables else OddModel)(**tables).eval()
    args = [] if context is None else [context]
    stand_ins = {"next_token_loss": odd_loss, "make_blocks": odd_blocks}
    replaced = {name: stand_ins[name] for name in odd}
    with _in_place_of(impl.language_model, replaced), torch.no_grad():
        value = impl.language_model.perplexity(model, tokens, *args)
    return {"value": _lm_plain(value), "longest": max(model.shown, default=0)}


def generated(
    impl: Any,
    *,
    prompt: Tensor,
    new_tokens: int,
    strategy: str,
    options: dict[str, Any],
    tables: dict[str, Tensor],
) -> dict[str, Any]:
    """What `generate` makes of a prompt with a stand-in for a model.

    Args:
        tables: of an `OddModel`; or only `logits`, of a `SteadyModel`.

    Returns:
        `tokens`; `prompt` as it is afterwards; `shown` and `batches`, how many tokens the model
        was shown in each call and how many texts; and `own`, for a `SteadyModel`, the distribution
        that the submission's own function of this strategy gives. Where that gives none to draw
        from, an odd one takes its place throughout.
    """
    module = impl.language_model
    model = (SteadyModel if "logits" in tables else OddModel)(**tables).eval()
    given = prompt.clone()
    own, odd = None, {}
    if strategy != "greedy":
        size = {"top_k": "k", "top_p": "p"}[strategy]
        asked = {key: options[key] for key in (size, "temperature") if key in options}
        logits = tables["logits"] if "logits" in tables else tables["table"][0]
        function = getattr(module, f"{strategy}_probabilities", None)
        own = _lm_attempt(lambda: function(logits.clone(), **asked))
        if not _lm_can_be_drawn_from(own, logits):
            odd = {f"{strategy}_probabilities": odd_top_k if size == "k" else odd_top_p}
            own = _lm_attempt(lambda: next(iter(odd.values()))(logits, **asked))
    with _in_place_of(module, odd):
        tokens = module.generate(model, given, new_tokens, strategy, **options)
    return {
        "tokens": _lm_plain(tokens),
        "prompt": given,
        "shown": torch.tensor(model.shown),
        "batches": torch.tensor(model.batches),
        "own": own,
    }


def refused(impl: Any, *, strategy: str) -> str:
    """Which of Python's errors `generate` raises for a strategy; empty if it raises none."""
    model = SteadyModel(torch.zeros(5)).eval()
    try:
        impl.language_model.generate(model, torch.tensor([1, 2]), 3, strategy)
    except ValueError:
        return "ValueError"
    except Exception as error:
        return type(error).__name__
    return ""


def odd_top_k(logits: Tensor, k: int = 20, temperature: float = 1.0) -> Tensor:
    """A distribution that the assignment does not ask for."""
    return torch.softmax(torch.cos(logits) * math.log(1 + k) / temperature, dim=-1)


def odd_top_p(logits: Tensor, p: float = 0.9, temperature: float = 1.0) -> Tensor:
    """Another one."""
    return torch.softmax(torch.sin(logits) * 2 * p / temperature, dim=-1)


def _lm_can_be_drawn_from(values: Any, logits: Tensor) -> bool:
    """Is it a distribution over the tokens, with more than one that may be drawn?"""
    return (
        isinstance(values, Tensor)
        and values.shape == logits.shape
        and bool(torch.isfinite(values).all())
        and bool((values >= 0).all())
        and int((values > 0).sum()) > 1
    )


def _fill_attention(layer: nn.Module, weights: dict[str, Tensor]) -> dict[str, bool]:
    """Put weights into a `SelfAttention`, by role; which of the four projections has a bias."""
    biased = {}
    names = ("query", "key", "value")
    fused = getattr(layer, "qkv", None)
    with torch.no_grad():
        if isinstance(fused, nn.Linear):
            fused.weight.copy_(torch.cat([weights[f"{name}.weight"] for name in names]))
            biased = dict.fromkeys(names, fused.bias is not None)
            if fused.bias is not None:
                fused.bias.copy_(torch.cat([weights[f"{name}.bias"] for name in names]))
        for name in ("output",) if biased else (*names, "output"):
            linear = _lm_part(layer, name)
            linear.weight.copy_(weights[f"{name}.weight"])
            biased[name] = linear.bias is not None
            if linear.bias is not None:
                linear.bias.copy_(weights[f"{name}.bias"])
    return biased


def _lm_part(module: Any, name: str) -> Any:
    """A named part of a module, which must be there before it is replaced or filled."""
    part = module._modules.get(name)
    if part is None:
        raise AttributeError(f"{type(module).__name__} has no part called {name}")
    return part


def _lm_heads(x: Tensor) -> Tensor:
    """(B, T, 192) to (B, 3, T, 64)."""
    return torch.stack(x.split(64, dim=2), dim=1)


def _lm_attempt(compute: Any) -> Tensor | None:
    """A tensor that a part of the submission's gives; None where it fails, which is no matter."""
    try:
        result = compute()
    except Exception:
        return None
    return result.detach().clone() if isinstance(result, Tensor) else None


def _lm_plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, (np.ndarray, np.generic)):
        return torch.as_tensor(value)
    if isinstance(value, (tuple, list)):
        return [_lm_plain(v) for v in value]
    if isinstance(value, float) and math.isinf(value):
        return torch.tensor(value)
    return value
