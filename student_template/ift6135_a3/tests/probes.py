"""Small programs that drive an implementation of this assignment and report what it did.

A probe gets the modules of an implementation as `impl` (`impl.q1_solution`, `impl.gan`,
`impl.solution`) and inputs as keywords, and returns plain data. The same probe runs on a
submission and on the reference. Probes know no answers: where one puts a function of its own in
the place of a submission's, the function is deliberately not what the assignment asks for, so
that only its use can be seen.
"""

from __future__ import annotations

import contextlib
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from driving import (
    call,
    flat,
    in_place_of,
    on_stand_ins,
    plain,
    raised,
    repeated,
    seed_all,
    signature_of,
    slopes,
    watched_step,
    with_parameters,
)

# --- question 1 -------------------------------------------------------------------------------


def kl_estimates(
    impl: Any, *, seed: int, args: list[Any], repeats: int, density: str = "own"
) -> Tensor:
    """What `repeated` gives for `kl_gaussian_gaussian_mc`: (repeats, B).

    Args:
        density: a key of `DENSITIES`.
    """
    with in_place_of(impl.q1_solution, DENSITIES[density]):
        function = "q1_solution.kl_gaussian_gaussian_mc"
        return repeated(impl, function=function, args=args, seed=seed, repeats=repeats)


def kl_call(impl: Any, *, args: list[Any], density: str = "own") -> dict[str, Any]:
    """What `call` gives for `kl_gaussian_gaussian_mc`; `density` as in `kl_estimates`."""
    with in_place_of(impl.q1_solution, DENSITIES[density]):
        return call(impl, function="q1_solution.kl_gaussian_gaussian_mc", args=args)


def _density_of_rows(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """torch's normal density, summed over all axes but the first: the given lines flatten them."""
    density = torch.distributions.Normal(mu, torch.exp(logvar / 2)).log_prob(z)
    return density.reshape(density.shape[0], -1).sum(1)


def _density_of_vectors(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """torch's normal density, summed over the last axis alone, for callers that rely on that."""
    return torch.distributions.Normal(mu, torch.exp(logvar / 2)).log_prob(z).sum(-1)


# What stands in for a submission's `log_likelihood_normal`, in case its estimate is built on it.
DENSITIES: dict[str, dict[str, Any]] = {
    "own": {},
    "rows": {"log_likelihood_normal": _density_of_rows},
    "vectors": {"log_likelihood_normal": _density_of_vectors},
}


# --- question 2: critics ----------------------------------------------------------------------


class SmoothCritic(nn.Module):
    """C(x) = sum_j a_j tanh(w_j . x) + slope . x, one value per sample of any shape."""

    def __init__(self, hidden: int, size: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(hidden, size))
        self.a = nn.Parameter(torch.zeros(hidden))
        self.slope = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(x.shape[0], -1)
        return torch.tanh(x @ self.w.t()) @ self.a + x @ self.slope


class BowlCritic(nn.Module):
    """C(x) = |x - centre|^2 / 2: its gradient tells where it was taken."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return ((x.reshape(x.shape[0], -1) - self.centre) ** 2).sum(1) / 2


class ElementwiseCritic(nn.Module):
    """C(x) = slope x + offset in the shape of x, as in the dirac game."""

    def __init__(self) -> None:
        super().__init__()
        self.param = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.param[0] + self.param[1]


class MeanCritic(nn.Module):
    """C(x) = mean of x over its last axis; it has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-1)


CRITICS = (SmoothCritic, BowlCritic, ElementwiseCritic, MeanCritic)


def on_critics(impl: Any) -> types.SimpleNamespace:
    """The critics, and contracts of `gan` as functions of a critic and samples.

    Each is called with the critic, real and generated samples: `jsd` and `w1` score them with the
    critic; the penalties get samples and values; `make_losses` has `which`, the name of a loss, and
    its own three arguments before these, and gives that loss.
    """
    gan = impl.gan

    def distance(name: str) -> Callable[..., Any]:
        return lambda critic, p, q: getattr(gan, name)(critic(p), critic(q))

    def penalty(name: str) -> Callable[..., Any]:
        def on_samples(
            critic: Any, p: Tensor, q: Tensor, gradient: bool | None = None, own: bool = True
        ) -> Any:
            """`gradient`: whether real samples require one; None: they do, or where that does not
            work they do not. `own`: False hands over the sums of the samples as values, and a plain
            function as the critic."""

            def on(real: Tensor) -> Any:
                if own:
                    return getattr(gan, name)(real, critic(real), q, critic(q), critic)
                cp, cq = (x.reshape(x.shape[0], -1).sum(1) for x in (real, q))
                return getattr(gan, name)(real, cp, q, cq, lambda x: critic(x))

            try:
                return on(p.requires_grad_(gradient is not False))
            except Exception:
                if gradient is None:
                    with contextlib.suppress(Exception):
                        return on(p.detach())
                raise

        return on_samples

    def loss(
        which: str,
        loss_type: str,
        reg_type: str | None,
        reg_cf: float,
        critic: Any,
        p: Tensor,
        q: Tensor,
    ) -> Any:
        metric, critic_loss = gan.make_losses(loss_type, reg_type, reg_cf)
        return (metric if which == "metric" else critic_loss)(p, q, critic)

    contracts = {"jsd": distance("jsd"), "w1": distance("w1"), "make_losses": loss}
    contracts |= {"r1gp": penalty("r1gp"), "ogp": penalty("ogp")}
    critics = {critic.__name__: critic for critic in CRITICS}
    return types.SimpleNamespace(
        gan=types.SimpleNamespace(**contracts), critics=types.SimpleNamespace(**critics)
    )


# --- question 2: stand-ins for the parts of the losses ----------------------------------------


def _stand_in_jsd(cp: Tensor, cq: Tensor) -> Tensor:
    return (torch.tanh(cp) - 2 * cq).mean()


def _stand_in_w1(cp: Tensor, cq: Tensor) -> Tensor:
    return (3 * cp - torch.sin(cq)).mean()


def _stand_in_r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Any) -> Tensor:
    return (p**2).mean() + 2 * (cp**2).mean() + (q**3).mean() + cq.mean() - 3 * critic(p).mean()


def _stand_in_ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Any) -> Tensor:
    return p.mean() + torch.tanh(cp).mean() - (q**2).mean() + cq.mean() + 2 * critic(q).mean()


# --- question 2: moving average ---------------------------------------------------------------


def moving_average(
    impl: Any, *, source: Tensor, target: Tensor, alphas: list[float], frozen: str = ""
) -> dict[str, Any]:
    """Apply the moving average once per alpha; no alpha means the default, once.

    The models are a linear layer, and a batch normalisation and a linear layer in another module.

    Args:
        source, target: the 8 w + 2 parameters of each model in one vector, w being its width.
        alphas: the factors, in order.
        frozen: whose parameters do not require a gradient, "source" or "target".

    Returns:
        `source` and `target` afterwards; `source_learns`, whether all of its parameters require a
        gradient; `in_place`, whether the target's are the same leaves as before.
    """
    models = {}
    for name, values in (("source", source), ("target", target)):
        width = (len(values) - 2) // 8
        inner = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, 2))
        model = nn.Sequential(nn.Linear(3, width), inner).requires_grad_(name != frozen)
        models[name] = with_parameters(model, values)
    before = list(models["target"].parameters())
    for alpha in [[a] for a in alphas] or [[]]:
        impl.gan.apply_exponential_moving_average(models["source"], models["target"], *alpha)
    after = list(models["target"].parameters())
    return {
        "target": flat(after),
        "source": flat(models["source"].parameters()),
        "source_learns": all(t.requires_grad for t in models["source"].parameters()),
        "in_place": list(map(id, before)) == list(map(id, after)) and all(t.is_leaf for t in after),
    }


# --- question 2: the training step ------------------------------------------------------------


class TableGenerator(nn.Module):
    """x = tanh(z w + b), of 2 numbers to 3; it draws the noise for itself where none is given."""

    def __init__(self, next_noise: Callable[[], Tensor] | None = None) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 3))
        self.b = nn.Parameter(torch.zeros(3))
        self._next_noise = next_noise

    def forward(self, z: Tensor | None = None) -> Tensor:
        if z is None:
            assert self._next_noise is not None
            z = self._next_noise()
        return torch.tanh(z @ self.w + self.b)


def players(next_noise: Callable[[], Tensor] | None = None) -> dict[str, nn.Module]:
    """The networks of the game, in the places of a critic and two generators."""
    return {
        "critic": SmoothCritic(4, 3),
        "generator": TableGenerator(next_noise),
        "test_generator": TableGenerator(next_noise),
    }


def stand_in_metric(p: Tensor, q: Tensor, critic: Any) -> Tensor:
    # Not linear in critic(q): no multiple of it must pass for the gradient of another metric.
    return (torch.tanh(critic(p)) - 2 * critic(q) - torch.tanh(critic(q))).mean()


def stand_in_critic_loss(p: Tensor, q: Tensor, critic: Any) -> Tensor:
    return (critic(p) ** 2 + 3 * torch.sin(critic(q))).mean()


def training(
    impl: Any,
    *,
    seed: int,
    real: Tensor,
    noise: Tensor,
    parameters: dict[str, Tensor],
    lr: float,
    critic_inner_iters: int,
    calls: int,
    alpha_ema: float | None,
    losses: tuple[Any, ...] = ("W1", None, 1.0),
    stand_ins: bool = True,
) -> list[dict[str, Any]]:
    """What `watched_step` reports of `train_step`.

    `make_losses` and `apply_exponential_moving_average` are replaced by stand-ins, so that what
    is seen is the training step alone.

    Args:
        real, noise: batches, used in turn by `next` and by calls of the generator.
        parameters: of the three `players`, each in one vector.
        losses: `loss_type`, `reg_type` and `reg_cf`.
        stand_ins: False leaves the implementation's own functions in their places.

    Returns:
        Events, among them: `drawn`, from the sources `real` and `noise`; `metric` and `critic
        loss` at each call of what `make_losses` gave, with its `arguments` in order, the
        submission's defaults filled in, or None if they do not fit; `average`, with the names of
        `source` and `target`, and `alpha`.
    """
    seed_all(seed)
    gan = impl.gan
    tell: Callable[..., None] = lambda event, **more: None  # noqa: E731

    def batches(source: str, table: Tensor) -> Iterator[Tensor]:
        for batch in itertools.cycle(table):
            tell("drawn", source=source, value=batch.clone())
            yield batch.clone()

    data, noises = batches("real", real), batches("noise", noise)
    models = players(lambda: next(noises))

    def stand_in_average(source: Any, target: Any, alpha: float = 0.998) -> None:
        names = {id(model): name for name, model in models.items()}
        who = [names.get(id(model), "something else") for model in (source, target)]
        tell("average", source=who[0], target=who[1], alpha=float(alpha))

    signature = signature_of(getattr(gan, "make_losses", None))

    def stand_in_losses(*args: Any, **kwargs: Any) -> tuple[Callable[..., Tensor], ...]:
        asked = None
        with contextlib.suppress(AttributeError, TypeError):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            asked = [plain(value) for value in bound.arguments.values()]

        def reported(event: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def call(p: Tensor, q: Tensor, critic: Any) -> Tensor:
                tell(event, arguments=asked)
                return function(p, q, critic)

            return call

        return reported("metric", stand_in_metric), reported("critic loss", stand_in_critic_loss)

    replaced: dict[str, Any] = {
        "make_losses": stand_in_losses,
        "apply_exponential_moving_average": stand_in_average,
    }
    if losses[1] is not None:  # for who writes the losses out: one's own penalty may not work
        replaced |= {n.removeprefix("gan."): f for n, f in STAND_INS.items() if n[:4] == "gan."}
    with in_place_of(gan, replaced if stand_ins else {}):
        # By position: a name is the first thing that people change.
        train_step = gan.make_train_step(losses[0], critic_inner_iters, *losses[1:], alpha_ema)

        def step(told: Callable[..., None], optimisers: dict[str, Any]) -> Any:
            nonlocal tell
            tell = told
            critic, generator, test_generator = models.values()
            critic_optim, generator_optim, _ = optimisers.values()
            return train_step(
                data, critic, critic_optim, generator, test_generator, generator_optim
            )

        return watched_step(step, models, parameters, lr=lr, calls=calls)


# --- question 3 -------------------------------------------------------------------------------


def with_stand_ins(impl: Any, *, other: str, replaced: list[str], **asked: Any) -> Any:
    """What another probe finds with some contracts replaced, in case others use them.

    Args:
        other: its name, a key of `OTHERS`; of `gan` it sees what `on_critics` makes, unless it is
            `raised`.
        replaced: keys of `STAND_INS`.
        asked: of that probe.
    """
    seen = impl
    if asked["function"].startswith("gan.") and other != "raised":
        seen = on_critics(impl)
    return on_stand_ins(impl, lambda _, **a: OTHERS[other](seen, **a), STAND_INS, replaced, asked)


def _stand_in_forward(self: Any, x: Tensor) -> Tensor:
    """x + u atan(w.x + b): a step along u as well, but not by tanh. Invertible for w.u > -1."""
    if bool(self.w.reshape(-1) @ self.u.reshape(-1) < -1):
        self.adjust_u()
    a = x @ self.w.reshape(-1, 1) + self.b
    return x + self.u.reshape(1, -1) * torch.atan(a)


def _stand_in_logdet(self: Any, x: Tensor, eps: float = 1e-8) -> Tensor:
    """As a column; it has nothing to do with a determinant."""
    return torch.cos(x * self.w + self.u + self.b).sum(1, keepdim=True)


def _stand_in_loss1(z0: Tensor, logdet: Tensor) -> Tensor:
    """As a column; neither the density nor the sign of the loss that is asked for."""
    return torch.cos(z0).sum(1, keepdim=True) + 3 * logdet


OTHERS: dict[str, Callable[..., Any]] = {
    probe.__name__: probe for probe in (call, raised, repeated, slopes)
}
STAND_INS: dict[str, Callable[..., Tensor]] = {
    "gan.jsd": _stand_in_jsd,
    "gan.w1": _stand_in_w1,
    "gan.r1gp": _stand_in_r1gp,
    "gan.ogp": _stand_in_ogp,
    "solution.PlanarTransformation.forward": _stand_in_forward,
    "solution.PlanarTransformation.get_logdet": _stand_in_logdet,
    "solution.loss1": _stand_in_loss1,
}
