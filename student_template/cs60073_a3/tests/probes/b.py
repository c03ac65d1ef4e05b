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
    find,
    in_place_of,
    networks,
    plain,
    seed_all,
    watched_step,
    with_parameters,
)

# --- networks that a submission builds --------------------------------------------------------


def networks_on_a_stand_in(impl: Any, **asked: Any) -> Any:
    """What `networks` finds with a stand-in for `reparameterise`, which is another question's."""
    with in_place_of(impl.image_models, {"reparameterise": stand_in_draw}):
        return networks(impl, **asked)


def stand_in_draw(mu: Tensor, logvar: Tensor) -> Tensor:
    """Mean and a bit of the log-variance: not what `reparameterise` should give."""
    return mu - 0.1 * logvar


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


class Pixels(nn.Module):
    """In the place of a VAE: each pixel by itself, no random draw; 1600 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.bias = (nn.Parameter(torch.zeros(784)) for _ in range(2))
        self.mu, self.logvar = (nn.Parameter(torch.zeros(16)) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels = torch.sigmoid(self.slope * x + self.bias)
        return pixels, self.mu * x[:, :16], self.logvar * x[:, 16:32]


def players() -> dict[str, nn.Module]:
    """In the places of the GAN's networks: small ones, of 3328 and of 3141 parameters."""
    tanh, first = nn.Tanh(), nn.Linear(64, 3, bias=False)
    return {
        "generator": nn.Sequential(first, tanh, nn.Linear(3, 784), tanh),
        "discriminator": nn.Sequential(nn.Linear(784, 4, bias=False), tanh, nn.Linear(4, 1)),
    }


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
    parameters: dict[str, Tensor],
    batches: list[Tensor],
    lr: float,
    stale: float = 0.0,
) -> list[dict[str, Any]]:
    """What `watched_step` reports of `vae_step`, with `vae_loss` replaced by a stand-in.

    Args:
        parameters: of `model`, a `Pixels`, in one vector.
        batches: one for each call; they are `drawn` from the source `x`.
        stale: what all gradients hold before the first call.
    """
    model, data = Pixels(), iter(batches)

    def step(tell: Callable[..., None], optimisers: dict[str, Any]) -> Any:
        x = next(data)
        tell("drawn", source="x", value=x.clone())
        return impl.image_models.vae_step(model, optimisers["model"], x)

    with in_place_of(impl.image_models, {"vae_loss": stand_in_vae_loss}):
        how = {"lr": lr, "calls": len(batches), "stale": stale}
        return watched_step(step, {"model": model}, parameters, **how)


def gan_steps(
    impl: Any,
    *,
    parameters: dict[str, Tensor],
    batches: list[Tensor],
    lr: float,
    seed: int,
    stale: float = 0.0,
) -> list[dict[str, Any]]:
    """What `watched_step` reports of `gan_step`, with the functions it may use replaced.

    Args:
        parameters: of the two `players`, each in one vector.
        batches: real images, one batch for each call; they are `drawn` from the source `x`.
        stale: what all gradients hold before the first call.

    Returns:
        Events, among them: `drawn` from the source `noise`, whenever the generator is called; and
        `judged`, with whether the discriminator was in `training` mode.
    """
    seed_all(seed)
    networks, data = players(), iter(batches)
    stand_ins = {
        "to_signed": stand_in_signed,
        "discriminator_loss": stand_in_discriminator_loss,
        "generator_loss": stand_in_generator_loss,
    }

    def step(tell: Callable[..., None], optimisers: dict[str, Any]) -> Any:
        x = next(data)
        tell("drawn", source="x", value=x.clone())
        g, d = networks.values()
        heard = [
            g.register_forward_pre_hook(
                lambda _, args: tell("drawn", source="noise", value=args[0].detach().clone())
            ),
            d.register_forward_pre_hook(lambda _, args: tell("judged", training=d.training)),
        ]
        try:
            return impl.image_models.gan_step(g, d, *optimisers.values(), x)
        finally:
            for hook in heard:
                hook.remove()

    with in_place_of(impl.image_models, stand_ins):
        how = {"lr": lr, "calls": len(batches), "stale": stale}
        return watched_step(step, networks, parameters, **how)


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
        parameters: of a `LinearVAE`, or one vector of the generator of `players`.
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
        model = players()["generator"]
        with_parameters(model, *parameters)
        model.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    stand_ins: dict[str, Any] = {"reparameterise": lambda mu, logvar: mu}
    if replaced:
        stand_ins["to_unit"] = stand_in_unit
    with in_place_of(impl.image_models, stand_ins):
        results = [find(impl, function)(model, plain(argument)) for _ in range(repeats)]
    attached = isinstance(results[0], Tensor) and results[0].requires_grad
    return {"results": plain(results), "attached": attached, "seen": seen}
