"""Small programs that drive an implementation of this assignment and report what it did.

A probe gets the modules of an implementation as `impl` and inputs as keywords, and returns plain
data. The same probe runs on a submission and on the reference. Probes know no answers: where one
needs a density or a model of its own, it is deliberately another one than the assignment asks for.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# --- part B: VAE and GAN ----------------------------------------------------------------------


def networks(
    impl: Any,
    *,
    name: str,
    seed: int,
    calls: list[tuple[str, Tensor]],
    near: bool = False,
    training: bool = False,
) -> dict[str, Any]:
    """A network with known parameters and what its methods give.

    Args:
        name: of the class, e.g. `VAE`.
        seed: of the parameters.
        calls: names of methods (`forward` for the network itself), each with its argument.
        near: give the VAE's two heads biases of -30, so that what it draws lies next to the mean.
        training: leave it in training mode, instead of evaluation mode.

    Returns:
        `parameters`, in the network's own order, and `results`, one for each call: a list where
        the method gives several.
    """
    module = getattr(impl.image_models, name)()
    parameters = _filled(module, seed)
    if near:
        _bring_near(parameters)
    module.train(training)
    results = []
    # The draw of the VAE is another question's.
    with torch.no_grad(), _in_place_of(impl.image_models, {"reparameterise": stand_in_draw}):
        for method, argument in calls:
            found = module(argument) if method == "forward" else getattr(module, method)(argument)
            results.append([_plain(f) for f in found] if isinstance(found, tuple) else found)
    return {"parameters": [p.detach().clone() for p in parameters], "results": results}


def stand_in_draw(mu: Tensor, logvar: Tensor) -> Tensor:
    """Mean and a bit of the log-variance: not what `reparameterise` should give."""
    return mu - 0.1 * logvar


def reached(impl: Any, *, name: str, seed: int, x: Tensor) -> list[bool]:
    """Which parameters of a network in training mode its first result has a slope along."""
    module = getattr(impl.image_models, name)()
    parameters = _filled(module, seed)
    with _in_place_of(impl.image_models, {"reparameterise": stand_in_draw}):
        found = module.train()(x)
    first = found[0] if isinstance(found, tuple | list) else found
    weights = torch.linspace(1, 2, first.numel()).reshape(first.shape)
    total = (first * weights).sum()
    gradients: Any = [None] * len(parameters)
    if total.requires_grad:
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return [g is not None and bool(g.any()) for g in gradients]


def shapes(impl: Any, *, name: str) -> list[list[int]]:
    """Shapes of a network's parameters."""
    return [list(p.shape) for p in getattr(impl.image_models, name)().parameters()]


def _filled(module: nn.Module, seed: int) -> list[Tensor]:
    """Random values in place of the initial ones: clearly not zero, outputs of about one."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(module.parameters())
    with torch.no_grad():
        for p in parameters:
            size = (1.5 / (p.numel() / p.shape[0]) ** 0.5) if p.dim() > 1 else 0.3
            p.copy_(size * torch.randn(p.shape, generator=generator))
    return parameters


def _bring_near(parameters: list[Tensor]) -> None:
    """Means and log-variances around -30, and a decoder that is used to them."""
    with torch.no_grad():
        for p in parameters:
            if p.shape in ((16, 256), (32, 256)):
                p.div_(4)
            if p.shape in ((16,), (32,)):
                p.fill_(-30.0)
            if p.shape == (256, 16):
                p.div_(30)


def dropped(impl: Any, *, seed: int, count: int) -> list[Tensor]:
    """Logits of a discriminator, in training mode and in evaluation mode, (count,) each.

    One unit of each hidden layer is 1 and the logit is what is left of it: the layers of the text
    are found by their shapes, and dropout is all that happens between them.
    """
    _seed(seed)
    module = impl.image_models.Discriminator()
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
            if p.shape in ((256, 512), (1, 256)):
                p[0, 0] = 1.0
            if p.shape == (512,):
                p.fill_(1.0)
    with torch.no_grad():
        x = torch.zeros(count, 784)
        return [module.train(mode)(x).reshape(-1) for mode in (True, False)]


def call(
    impl: Any, *, function: str, args: list[Any], seed: int = 0, views: bool = False
) -> dict[str, Any]:
    """Call a function and report its results, and its arguments as they are after the call.

    With `views`, tensors are parts of larger ones, as the halves of a layer's result are.
    """
    _seed(seed)
    args = [_copied(a, views) if isinstance(a, Tensor) else a for a in args]
    result = getattr(impl.image_models, function)(*args)
    return {"result": _listed(result), "args": [_plain(a) for a in args]}


def _copied(tensor: Tensor, view: bool = False) -> Tensor:
    """A copy; if a view is asked for, one whose rows do not follow each other in memory."""
    if view and tensor.dim():
        return torch.cat([tensor, tensor], dim=-1)[..., : tensor.shape[-1]]
    return tensor.clone()


def repeated(impl: Any, *, function: str, args: list[Any], seed: int, repeats: int) -> Tensor:
    """Results of several calls with the same arguments, stacked."""
    _seed(seed)
    target = getattr(impl.image_models, function)
    return torch.stack([target(*args).detach() for _ in range(repeats)])


def slopes(
    impl: Any,
    *,
    function: str,
    args: list[Any],
    directions: list[list[Any]],
    step: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Slopes of a function's results along directions, found in two ways.

    Args:
        function: of the file; where it gives several results the first counts.
        args: where the slope is asked for.
        directions: each one a list parallel to `args`, with None for what stays as it is.
        step: the step of the central differences.
        seed: before each call.

    Returns:
        `autograd` and `differences`, one number per direction each. Where a result does not
        depend on an argument as far as autograd can see, that argument's share is zero.
    """
    target = getattr(impl.image_models, function)

    def total(values: list[Any]) -> Tensor:
        _seed(seed)
        result = target(*values)
        result = result[0] if isinstance(result, (tuple, list)) else result
        # Weights that differ, so that the shares of the elements cannot cancel.
        flat = result.reshape(-1)
        return (flat * torch.linspace(1, 2, len(flat), dtype=flat.dtype)).sum()

    along, differences = [], []
    for direction in directions:
        leaves = [
            a.clone().requires_grad_() if d is not None else a
            for a, d in zip(args, direction, strict=True)
        ]
        varied = [leaf for leaf, d in zip(leaves, direction, strict=True) if d is not None]
        value = total(leaves)
        grads = (
            torch.autograd.grad(value, varied, allow_unused=True)
            if value.requires_grad
            else [None] * len(varied)
        )
        ways = [d for d in direction if d is not None]
        along.append(
            sum(float((g * d).sum()) for g, d in zip(grads, ways, strict=True) if g is not None)
        )
        ends = [
            float(
                total([a if d is None else a + h * d for a, d in zip(args, direction, strict=True)])
            )
            for h in (step, -step)
        ]
        differences.append((ends[0] - ends[1]) / (2 * step))
    return {"autograd": along, "differences": differences}


# The stand-ins are not the assignment's functions. They tell whether a function was called, and
# what its result was used for.


def stand_in_vae_loss(
    reconstruction: Tensor, x: Tensor, mu: Tensor, logvar: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    first = (reconstruction * x).mean() + (mu**2).sum()
    second = logvar.mean() - reconstruction.mean()
    return 2 * first + second, first, second


def stand_in_signed(x: Tensor) -> Tensor:
    return 3 * x - 0.5


def stand_in_unit(x: Tensor) -> Tensor:
    return 0.3 * x + 0.4


def stand_in_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (0.3 * real_logits**2 + real_logits - 2 * fake_logits).mean()


def stand_in_generator_loss(fake_logits: Tensor) -> Tensor:
    return (2 * fake_logits - torch.sin(fake_logits)).mean()


class PixelModel(nn.Module):
    """In the place of a VAE: each pixel by itself, no random draw."""

    def __init__(self, parameters: Tensor) -> None:
        super().__init__()
        a, b, u, v = parameters.split([784, 784, 16, 16])
        self.a, self.b = nn.Parameter(a.clone()), nn.Parameter(b.clone())
        self.u, self.v = nn.Parameter(u.clone()), nn.Parameter(v.clone())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return torch.sigmoid(self.a * x + self.b), self.u * x[:, :16], self.v * x[:, 16:32]


class _Watched(torch.optim.SGD):
    """Gradient descent that tells of each step before taking it."""

    def __init__(self, module: nn.Module, lr: float, tell: Callable[[Tensor], None]) -> None:
        super().__init__(module.parameters(), lr=lr)
        self._module, self._tell = module, tell

    def step(self, closure: Any = None) -> Any:
        grads = [
            torch.zeros_like(p) if p.grad is None else p.grad for p in self._module.parameters()
        ]
        self._tell(torch.cat([g.reshape(-1) for g in grads]).clone())
        return super().step(closure)


def vae_steps(
    impl: Any, *, parameters: Tensor, batches: list[Tensor], lr: float, stale: float, seed: int
) -> list[dict[str, Any]]:
    """Calls of `vae_step` on a model of ours, with `vae_loss` replaced by a stand-in.

    Args:
        parameters: of `PixelModel`.
        batches: one for each call.
        stale: what all gradients hold before the first call.

    Returns:
        For each call: `before`, the parameters; `gradients`, one for each step of the optimiser;
        `after`; and `returned`.
    """
    _seed(seed)
    model = PixelModel(parameters)
    for p in model.parameters():
        p.grad = torch.full_like(p, stale)
    told: list[Tensor] = []
    optimizer = _Watched(model, lr, told.append)
    calls = []
    with _in_place_of(impl.image_models, {"vae_loss": stand_in_vae_loss}):
        for x in batches:
            before = _flat(model)
            returned = impl.image_models.vae_step(model, optimizer, x)
            calls.append(
                {
                    "before": before,
                    "gradients": list(told),
                    "after": _flat(model),
                    "returned": _listed(returned),
                }
            )
            told.clear()
    return calls


class NoiseGenerator(nn.Module):
    """In the place of a generator: tanh(tanh(z U) V + b); it tells of every call."""

    def __init__(self, parameters: Tensor, tell: Callable[[Tensor], None]) -> None:
        super().__init__()
        u, v, b = parameters.split([192, 2352, 784])
        self.u = nn.Parameter(u.reshape(64, 3).clone())
        self.v = nn.Parameter(v.reshape(3, 784).clone())
        self.b = nn.Parameter(b.clone())
        self._tell = tell

    def forward(self, z: Tensor) -> Tensor:
        self._tell(z.detach().clone())
        return torch.tanh(torch.tanh(z @ self.u) @ self.v + self.b)


class SmallDiscriminator(nn.Module):
    """In the place of a discriminator: logits tanh(x A) c + d, (B, 1); it tells of its mode."""

    def __init__(self, parameters: Tensor, tell: Callable[[bool], None]) -> None:
        super().__init__()
        self._tell = tell
        a, c, d = parameters.split([3136, 4, 1])
        self.a = nn.Parameter(a.reshape(784, 4).clone())
        self.c, self.d = nn.Parameter(c.clone()), nn.Parameter(d.clone())

    def forward(self, x: Tensor) -> Tensor:
        self._tell(self.training)
        return (torch.tanh(x @ self.a) @ self.c + self.d)[:, None]


def gan_steps(
    impl: Any,
    *,
    generator: Tensor,
    discriminator: Tensor,
    batches: list[Tensor],
    lr: float,
    stale: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Calls of `gan_step` on networks of ours, with the functions it may use replaced.

    Args:
        generator, discriminator: parameters of `NoiseGenerator` and `SmallDiscriminator`.
        batches: real images, one batch for each call.
        stale: what all gradients hold before the first call.

    Returns:
        Events in their order: `generate` with the noise; `judge` with whether the discriminator
        was in training mode; `generator step` and `discriminator step` with the gradient; `return`
        with what was returned. Each has the parameters of both networks as they were then, and the
        number of the call.
    """
    _seed(seed)
    events: list[dict[str, Any]] = []
    number = 0

    def tell(event: str, value: Any) -> None:
        events.append(
            {
                "event": event,
                "value": value,
                "call": number,
                "generator": _flat(g),
                "discriminator": _flat(d),
            }
        )

    g = NoiseGenerator(generator, lambda z: tell("generate", z))
    d = SmallDiscriminator(discriminator, lambda training: tell("judge", training))
    for p in [*g.parameters(), *d.parameters()]:
        p.grad = torch.full_like(p, stale)
    optimizers = [
        _Watched(g, lr, lambda v: tell("generator step", v)),
        _Watched(d, lr, lambda v: tell("discriminator step", v)),
    ]
    stand_ins = {
        "to_signed": stand_in_signed,
        "discriminator_loss": stand_in_discriminator_loss,
        "generator_loss": stand_in_generator_loss,
    }
    with _in_place_of(impl.image_models, stand_ins):
        for x in batches:
            returned = impl.image_models.gan_step(g, d, *optimizers, x)
            tell("return", _listed(returned))
            number += 1
    return events


class LinearVAE(nn.Module):
    """In the place of a VAE: tells what is decoded, and draws next to the mean."""

    def __init__(self, code: Tensor, picture: Tensor) -> None:
        super().__init__()
        self.code, self.picture = nn.Parameter(code.clone()), nn.Parameter(picture.clone())
        self.decoded: list[Tensor] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = x @ self.code
        return mu, torch.full_like(mu, -30.0)

    def decode(self, z: Tensor) -> Tensor:
        self.decoded.append(z.detach().clone())
        return torch.sigmoid(z @ self.picture)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code, spread = self.encode(x)
        return self.decode(code), code, spread


def reconstructed(impl: Any, *, code: Tensor, picture: Tensor, x: Tensor) -> dict[str, Any]:
    """`reconstruct` with a model of ours, and with a draw that is the mean.

    Returns:
        `result`; `attached`, whether it has a graph; and `decoded`, how often the model decoded.
    """
    model = LinearVAE(code, picture)
    with _in_place_of(impl.image_models, {"reparameterise": lambda mu, logvar: mu}):
        result = impl.image_models.reconstruct(model, x.clone())
    decoded = len(model.decoded)
    return {"result": _plain(result), "attached": _attached(result), "decoded": decoded}


def vae_generated(
    impl: Any, *, code: Tensor, picture: Tensor, count: int, repeats: int, seed: int
) -> dict[str, Any]:
    """`generate_images` with a model of ours: the first result, and all that was decoded."""
    _seed(seed)
    model = LinearVAE(code, picture)
    results = [impl.image_models.generate_images(model, count) for _ in range(repeats)]
    return {
        "results": [_plain(r) for r in results[:2]],
        "decoded": list(model.decoded),
        "attached": _attached(results[0]),
    }


def pictured(impl: Any, *, generator: Tensor, z: Tensor) -> dict[str, Any]:
    """`generator_images` with a generator of ours, as it is and with `to_unit` replaced."""
    seen: list[Tensor] = []
    module = NoiseGenerator(generator, seen.append)
    plain = impl.image_models.generator_images(module, z.clone())
    with _in_place_of(impl.image_models, {"to_unit": stand_in_unit}):
        replaced = impl.image_models.generator_images(module, z.clone())
    return {
        "result": _plain(plain),
        "replaced": _plain(replaced),
        "noise": seen,
        "attached": _attached(plain),
    }


def classified(
    impl: Any, *, seed: int, x: Tensor, labels: Tensor, output: Tensor | None = None
) -> dict[str, Any]:
    """What a classifier gives, and its loss as `classifier_loss` has it, with two slopes of it.

    An `output` that is given takes the place of the classifier's.
    """
    if output is None:
        module = impl.image_models.Classifier()
        _filled(module, seed)
        output = module.eval()(x).detach()
    loss_of = impl.image_models.classifier_loss
    leaf = output.clone().requires_grad_()
    loss = loss_of(leaf, labels)
    gradient = torch.autograd.grad(loss, leaf)[0] if loss.requires_grad else torch.zeros_like(leaf)
    return {"output": output, "loss": _plain(loss), "gradient": gradient}


def scored(impl: Any, *, probabilities: Tensor, splits: int | None = None) -> list[Any]:
    """`inception_score`, with tensors or, where those are not taken, with arrays."""
    more = [] if splits is None else [splits]
    return _either(impl.image_models.inception_score, [probabilities], more)


def described(impl: Any, *, features: Tensor) -> list[Any]:
    """`feature_statistics`, with tensors or, where those are not taken, with arrays."""
    return _either(impl.image_models.feature_statistics, [features], [])


def distance(
    impl: Any, *, mu_r: Tensor, sigma_r: Tensor, mu_g: Tensor, sigma_g: Tensor
) -> list[Any]:
    """`frechet_distance`, with arrays or, where those are not taken, with tensors."""
    moments = [m.numpy().copy() for m in (mu_r, sigma_r, mu_g, sigma_g)]
    function = impl.image_models.frechet_distance
    try:
        return _listed(function(*moments))
    except (TypeError, AttributeError):
        return _listed(function(*(m.clone() for m in (mu_r, sigma_r, mu_g, sigma_g))))


def _either(function: Callable[..., Any], tensors: list[Tensor], more: list[Any]) -> list[Any]:
    try:
        return _listed(function(*(t.clone() for t in tensors), *more))
    except (TypeError, AttributeError):
        return _listed(function(*(t.numpy().copy() for t in tensors), *more))


def _flat(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()]).clone()


def _attached(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _listed(value: Any) -> list[Any]:
    return [_plain(v) for v in (value if isinstance(value, (tuple, list)) else [value])]


def _plain(value: Any) -> Any:
    """The value as it may leave the probe; of what has no numbers, the name of its type."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray | np.generic):
        return torch.as_tensor(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return f"a value of type {type(value).__name__}"


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


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
