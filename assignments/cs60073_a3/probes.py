"""Small programs that drive an implementation of this assignment and report what it did.

A probe gets the modules of an implementation as `impl` and inputs as keywords, and returns plain
data. The same probe runs on a submission and on the reference. Probes know no answers: where one
needs a density or a model of its own, it is deliberately another one than the assignment asks for.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
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
