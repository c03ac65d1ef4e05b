"""Part B: what drives networks, their steps and the images that they make.

A probe gets the modules of an implementation as `impl` and inputs as keywords, and returns plain
data. The same probe runs on a submission and on the reference. Probes know no answers: stand-ins
are not the assignment's functions. They tell whether a function was called, and what its result
was used for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from driving import (
    WatchedSGD,
    find,
    flat,
    gradients_of,
    in_place_of,
    plain,
    seed_all,
)

# --- networks that a submission builds --------------------------------------------------------


def networks(
    impl: Any,
    *,
    function: str,
    seed: int,
    calls: list[tuple[str, Tensor]],
    training: bool = False,
    turned: bool = False,
    near: bool = False,
) -> dict[str, Any]:
    """A network with known parameters, and what its methods give.

    Parameters are known by their shapes, whatever they are called and in whatever order they come:
    vectors of one shape are alike, and matrices of one shape are not. A layer of 32 that is cut in
    two holds the same numbers as two of 16.

    Args:
        function: the class, e.g. `image_models.VAE`.
        seed: of the parameters.
        calls: names of methods (`forward` for the network itself), each with its argument.
        training: leave it in training mode, instead of evaluation mode.
        turned: matrices of one shape have changed places.
        near: the VAE's heads have biases of -30, so that what it draws lies next to the mean.

    Returns:
        `shapes` of the parameters; `results`, one for each call; and `reached`: which parameters
        the first result of the last call has a slope along.
    """
    network = find(impl, function)()
    parameters = list(network.parameters())
    _fill(parameters, seed, turned, near)
    network.train(training)
    results: list[Any] = []
    # The draw of the VAE is another question's.
    with in_place_of(impl.image_models, {"reparameterise": stand_in_draw}):
        for method, argument in calls:
            found = network(argument) if method == "forward" else getattr(network, method)(argument)
            results.append(found)
    first = results[-1] if calls else torch.zeros(())
    first = first[0] if isinstance(first, tuple | list) else first
    gradients: list[Tensor] = []
    if isinstance(first, Tensor):
        weights = torch.linspace(1, 2, first.numel()).reshape(first.shape)
        gradients = gradients_of((first * weights).sum(), parameters)
    return {
        "shapes": [list(p.shape) for p in parameters],
        "results": plain(results),
        "reached": [bool(g.any()) for g in gradients],
    }


def stand_in_draw(mu: Tensor, logvar: Tensor) -> Tensor:
    """Mean and a bit of the log-variance: not what `reparameterise` should give."""
    return mu - 0.1 * logvar


def _fill(parameters: list[Tensor], seed: int, turned: bool, near: bool) -> None:
    """Random values in place of the initial ones: clearly not zero, outputs of about one."""
    joined = ((32, 256), (32,))
    parts = [part for p in parameters for part in (p.split(16) if p.shape in joined else (p,))]
    shapes = [tuple(part.shape) for part in parts]
    with torch.no_grad():
        for k, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
            place = shapes[:k].count(shape) if len(shape) > 1 else 0
            place = 1 - place if turned and len(shape) > 1 and shapes.count(shape) == 2 else place
            part.copy_(_values(shape, seed, place, near))


def _values(shape: tuple[int, ...], seed: int, place: int, near: bool) -> Tensor:
    """Values of a parameter: of the `place`-th of its shape."""
    generator = torch.Generator().manual_seed(seed + 7 * sum(shape) + place)
    size = torch.Size(shape[1:]).numel()
    values = (1.5 / size**0.5 if len(shape) > 1 else 0.3) * torch.randn(shape, generator=generator)
    if near and shape in ((16, 256), (256, 16)):
        # Means and log-variances around -30, and a decoder that is used to them.
        return values / (4 if shape == (16, 256) else 30)
    return torch.full(shape, -30.0) if near and shape == (16,) else values


def dropped(impl: Any, *, seed: int, count: int) -> list[Tensor]:
    """Logits of a discriminator, in training mode and in evaluation mode, (count,) each.

    One unit of each hidden layer is 1 and the logit is what is left of it: the layers of the text
    are found by their shapes, and dropout is all that happens between them.
    """
    seed_all(seed)
    module = impl.image_models.Discriminator()
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
            if p.shape in ((256, 512), (1, 256)):
                p[0, 0] = 1.0
            if p.shape == (512,):
                p.fill_(1.0)
        return [module.train(mode)(torch.zeros(count, 784)).reshape(-1) for mode in (True, False)]


# --- functions of arrays ----------------------------------------------------------------------


def of_either(impl: Any, *, function: str, args: list[Any], arrays: bool) -> list[Any]:
    """The results of a function that is handed tensors or, where it does not take them, arrays.

    Args:
        function: its dotted name.
        args: tensors and numbers.
        arrays: hand over arrays first, and tensors where it does not take those.
    """

    def results(as_arrays: bool) -> list[Any]:
        copies = [a.clone() if isinstance(a, Tensor) else a for a in args]
        given = [a.numpy() if as_arrays and isinstance(a, Tensor) else a for a in copies]
        return listed(find(impl, function)(*given))

    try:
        return results(arrays)
    except (TypeError, AttributeError):
        return results(not arrays)


def listed(value: Any) -> list[Any]:
    """The results of a function in a list, where there is one as well."""
    return [plain(v) for v in (value if isinstance(value, tuple | list) else [value])]


# --- steps of training ------------------------------------------------------------------------


def pixels(parameters: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """In the place of a VAE: each pixel by itself, no random draw; 1600 parameters."""
    a, b, u, v = parameters.split([784, 784, 16, 16])
    return torch.sigmoid(a * x + b), u * x[:, :16], v * x[:, 16:32]


def noise_images(parameters: Tensor, z: Tensor) -> Tensor:
    """In the place of a generator: tanh(tanh(z U) V + b); 3328 parameters."""
    u, v, b = parameters.split([192, 2352, 784])
    return torch.tanh(torch.tanh(z @ u.reshape(64, 3)) @ v.reshape(3, 784) + b)


def small_logits(parameters: Tensor, x: Tensor) -> Tensor:
    """In the place of a discriminator: tanh(x A) c + d, (B, 1); 3141 parameters."""
    a, c, d = parameters.split([3136, 4, 1])
    return (torch.tanh(x @ a.reshape(784, 4)) @ c + d)[:, None]


class OneVector(nn.Module):
    """A network that has all its parameters in one vector; it tells of every call.

    Args:
        compute: what it gives, from its parameters and its input.
        parameters: the vector.
        tell: called with each input, and with whether the network is in training mode.
    """

    def __init__(
        self,
        compute: Callable[[Tensor, Tensor], Any],
        parameters: Tensor,
        tell: Callable[[Tensor, bool], None] = lambda x, training: None,
    ) -> None:
        super().__init__()
        self.vector = nn.Parameter(parameters.clone())
        self._compute, self._tell = compute, tell

    def forward(self, x: Tensor) -> Any:
        self._tell(x.detach().clone(), self.training)
        return self._compute(self.vector, x)


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


def vae_steps(
    impl: Any,
    *,
    parameters: Tensor,
    batches: list[Tensor],
    lr: float,
    stale: float = 0.0,
    own_loss: bool = False,
) -> list[dict[str, Any]]:
    """Calls of `vae_step` on a model of ours, with `vae_loss` replaced by a stand-in.

    Args:
        parameters: of `pixels`.
        batches: one for each call.
        stale: what all gradients hold before the first call.
        own_loss: leave `vae_loss` as it is.

    Returns:
        For each call: `before`, the parameters; `gradients`, one for each step of the optimiser;
        `after`; and `returned`.
    """
    model, told = OneVector(pixels, parameters), []
    model.vector.grad = torch.full_like(model.vector, stale)
    optimizer = WatchedSGD(model, lr, lambda gradient: told.append(gradient))
    calls = []
    with in_place_of(impl.image_models, {} if own_loss else {"vae_loss": stand_in_vae_loss}):
        for x in batches:
            call: dict[str, Any] = {"before": flat(model.parameters())}
            call["returned"] = listed(impl.image_models.vae_step(model, optimizer, x))
            calls.append(call | {"gradients": list(told), "after": flat(model.parameters())})
            told.clear()
    return calls


def gan_steps(
    impl: Any,
    *,
    generator: Tensor,
    discriminator: Tensor,
    batches: list[Tensor],
    lr: float,
    seed: int,
    stale: float = 0.0,
) -> list[dict[str, Any]]:
    """Calls of `gan_step` on networks of ours, with the functions it may use replaced.

    Args:
        generator, discriminator: parameters of `noise_images` and of `small_logits`.
        batches: real images, one batch for each call.
        stale: what all gradients hold before the first call.

    Returns:
        Events in their order: `generate` with the noise; `judge` with whether the discriminator
        was in training mode; `generator step` and `discriminator step` with the gradient; `return`
        with what was returned. Each has the parameters of both networks as they were then, and the
        number of the call.
    """
    seed_all(seed)
    events: list[dict[str, Any]] = []
    number = 0

    def tell(event: str, value: Any) -> None:
        g_now, d_now = (flat(player.parameters()) for player in (g, d))
        told = {"event": event, "value": value, "call": number}
        events.append(told | {"generator": g_now, "discriminator": d_now})

    g = OneVector(noise_images, generator, lambda z, training: tell("generate", z))
    d = OneVector(small_logits, discriminator, lambda x, training: tell("judge", training))
    for player in (g, d):
        player.vector.grad = torch.full_like(player.vector, stale)
    optimizers = [
        WatchedSGD(g, lr, lambda v: tell("generator step", v)),
        WatchedSGD(d, lr, lambda v: tell("discriminator step", v)),
    ]
    stand_ins = {
        "to_signed": stand_in_signed,
        "discriminator_loss": stand_in_discriminator_loss,
        "generator_loss": stand_in_generator_loss,
    }
    with in_place_of(impl.image_models, stand_ins):
        for x in batches:
            tell("return", listed(impl.image_models.gan_step(g, d, *optimizers, x)))
            number += 1
    return events


# --- images -----------------------------------------------------------------------------------


class LinearVAE(nn.Module):
    """In the place of a VAE: tells what is decoded, and draws next to the mean."""

    def __init__(self, code: Tensor, picture: Tensor, tell: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.code, self.picture = nn.Parameter(code.clone()), nn.Parameter(picture.clone())
        self._tell = tell

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = x @ self.code
        return mu, torch.full_like(mu, -30.0)

    def decode(self, z: Tensor) -> Tensor:
        self._tell(z.detach().clone())
        return torch.sigmoid(z @ self.picture)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code, spread = self.encode(x)
        return self.decode(code), code, spread


def pictures(
    impl: Any,
    *,
    function: str,
    parameters: list[Tensor],
    argument: Any,
    repeats: int = 1,
    seed: int = 0,
    replaced: bool = False,
) -> dict[str, Any]:
    """Images that a function makes with a model of ours; a draw about a mean is the mean.

    Args:
        function: its dotted name; it takes a model and one more argument.
        parameters: of a `LinearVAE`, or one vector of `noise_images`.
        argument: of the function.
        repeats: how many calls.
        seed: of all sources of random numbers, set once before the first call.
        replaced: put a stand-in in the place of `to_unit`.

    Returns:
        `results`, one for each call; `attached`, whether the first has a graph; and `seen`, what
        was decoded or generated from.
    """
    seed_all(seed)
    seen: list[Tensor] = []
    model: nn.Module
    if len(parameters) == 2:
        model = LinearVAE(*parameters, seen.append)
    else:
        model = OneVector(noise_images, *parameters, lambda z, training: seen.append(z))
    stand_ins: dict[str, Any] = {"reparameterise": lambda mu, logvar: mu}
    if replaced:
        stand_ins["to_unit"] = stand_in_unit
    with in_place_of(impl.image_models, stand_ins):
        results = [find(impl, function)(model, plain(argument)) for _ in range(repeats)]
    attached = isinstance(results[0], Tensor) and results[0].requires_grad
    return {"results": plain(results), "attached": attached, "seen": seen}
