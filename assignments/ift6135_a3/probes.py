"""Small programs that drive an implementation of this assignment and report what it did.

A probe gets the modules of an implementation as `impl` (`impl.q1_solution`, `impl.gan`,
`impl.solution`) and inputs as keywords, and returns plain data. The same probe runs on a
submission and on the reference. Probes know no answers: where one puts a function of its own in
the place of a submission's, the function is deliberately not what the assignment asks for, so
that only its use can be seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from grader.suite.driving import (
    WatchedSGD,
    call,
    find,
    flat,
    in_place_of,
    parameter_slopes,
    plain,
    repeated,
    seed_all,
    signature_of,
    slopes,
    tensor,
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

    def __init__(self, w: Tensor, a: Tensor, slope: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w.clone())  # (H, D)
        self.a = nn.Parameter(a.clone())  # (H,)
        self.slope = nn.Parameter(slope.clone())  # (D,)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(x.shape[0], -1)
        return torch.tanh(x @ self.w.t()) @ self.a + x @ self.slope


class LinearCritic(nn.Module):
    """C(x) = slope . x: its gradient is the same everywhere."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1) @ self.slope


class BowlCritic(nn.Module):
    """C(x) = |x - centre|^2 / 2: its gradient tells where it was taken."""

    def __init__(self, centre: Tensor) -> None:
        super().__init__()
        self.centre = nn.Parameter(centre.clone())

    def forward(self, x: Tensor) -> Tensor:
        return ((x.reshape(x.shape[0], -1) - self.centre) ** 2).sum(1) / 2


class ElementwiseCritic(nn.Module):
    """C(x) = slope x + offset in the shape of x, as in the dirac game."""

    def __init__(self, param: Tensor) -> None:
        super().__init__()
        self.param = nn.Parameter(param.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.param[0] + self.param[1]


class MeanCritic(nn.Module):
    """C(x) = mean of x over its last axis; it has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-1)


CRITICS = {
    "smooth": SmoothCritic,
    "linear": LinearCritic,
    "bowl": BowlCritic,
    "elementwise": ElementwiseCritic,
    "mean": MeanCritic,
}


def _critic(critic: dict[str, Any]) -> nn.Module:
    return CRITICS[critic["kind"]](**{k: v for k, v in critic.items() if k != "kind"})


# --- question 2: penalties --------------------------------------------------------------------


def penalty(
    impl: Any,
    *,
    seed: int,
    name: str,
    p: Tensor,
    q: Tensor,
    critic: dict[str, Any],
    repeats: int = 1,
    other_values: bool = False,
) -> dict[str, Any]:
    """Value of `gan.<name>` on real samples that require a gradient.

    Args:
        repeats: how often it is called, on the same tensors.
        other_values: hand over a plain function instead of a module, and as `cp` the values of
            another function of `p` (the sum of each sample).
    """
    function = getattr(impl.gan, name)
    module = _critic(critic)

    def call_on(p: Tensor) -> dict[str, Any]:
        seed_all(seed)
        fake = q.clone()
        values = []
        for _ in range(repeats):
            if other_values:
                cp, cq = p.reshape(p.shape[0], -1).sum(1), fake.reshape(fake.shape[0], -1).sum(1)
                values.append(plain(function(p, cp, fake, cq, lambda x: module(x))))
            else:
                values.append(plain(function(p, module(p), fake, module(fake), module)))
        return {"value": values[0], "values": values, "p": plain(p), "q": plain(fake)}

    return _on_real_samples(call_on, p)


def _on_real_samples(call_on: Callable[[Tensor], Any], p: Tensor) -> Any:
    """`call_on` samples that require a gradient; where that does not work, on plain ones.

    A penalty that cannot take the former is told so by `penalty_without_gradients`.
    """
    try:
        return call_on(p.clone().requires_grad_())
    except Exception as error:
        with contextlib.suppress(Exception):
            return call_on(p.clone())
        raise error


def penalty_without_gradients(
    impl: Any, *, seed: int, name: str, p: Tensor, q: Tensor, critic: dict[str, Any]
) -> dict[str, Any]:
    """A penalty on real samples that do not require a gradient, by itself and in a critic's loss.

    Returns:
        `usual`, on samples that do require one; `alone`, on samples that do not; `in_loss`, what
        it adds to `critic_loss` for such samples. Each is None where it does not work. `losses`
        says whether `make_losses` works without a regulariser. A penalty that works on neither
        kind of samples is called once more, so that what it raises is seen.
    """
    gan = impl.gan
    module = _critic(critic)
    values: dict[str, Any] = {"losses": False, "in_loss": None}
    for key, real in (("usual", p.clone().requires_grad_()), ("alone", p.clone())):
        seed_all(seed)
        args = [real, module(real), q.clone(), module(q), module]
        values[key] = _part(getattr(gan, name, None), args)
    if values["usual"] is None and values["alone"] is None:
        real = p.clone().requires_grad_()
        values["usual"] = plain(getattr(gan, name)(real, module(real), q, module(q), module))
    regularizer = next(k for k, v in REGULARIZER_PARTS.items() if v == name)

    def in_loss(reg_type: str | None) -> Any:
        seed_all(seed)
        _, critic_loss = gan.make_losses("W1", reg_type, 1.0)
        return critic_loss(p.clone(), q.clone(), module)

    with in_place_of(gan, {"w1": stand_in_w1}):
        bare = _part(in_loss, [None])
        values["losses"] = bare is not None
        whole = _part(in_loss, [regularizer])
        if whole is not None and bare is not None:
            values["in_loss"] = whole.reshape(()) - bare.reshape(())
    return values


def penalty_slopes(
    impl: Any,
    *,
    seed: int,
    name: str,
    p: Tensor,
    q: Tensor,
    critic: dict[str, Any],
    directions: list[dict[str, Tensor]],
    step: float,
) -> dict[str, Any]:
    """Slopes of a penalty along directions in the space of the critic's parameters."""
    function = getattr(impl.gan, name)

    def value_at(module: nn.Module) -> Tensor:
        def call_on(real: Tensor) -> Tensor:
            seed_all(seed)
            fake = q.clone()
            return tensor(function(real, module(real), fake, module(fake), module), name).sum()

        return _on_real_samples(call_on, p)

    return parameter_slopes(value_at, lambda: _critic(critic), directions, step)


# --- question 2: the two losses ---------------------------------------------------------------
# The stand-ins are not the assignment's losses. They tell apart which function was called, with
# which arguments and how often.


def stand_in_jsd(cp: Tensor, cq: Tensor) -> Tensor:
    return (torch.tanh(cp) - 2 * cq).mean()


def stand_in_w1(cp: Tensor, cq: Tensor) -> Tensor:
    return (3 * cp - torch.sin(cq)).mean()


def stand_in_r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Any) -> Tensor:
    return (p**2).mean() + 2 * (cp**2).mean() + (q**3).mean() + cq.mean() - 3 * critic(p).mean()


def stand_in_ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Any) -> Tensor:
    return p.mean() + torch.tanh(cp).mean() - (q**2).mean() + cq.mean() + 2 * critic(q).mean()


PART_STAND_INS: dict[str, Callable[..., Tensor]] = {
    "jsd": stand_in_jsd,
    "w1": stand_in_w1,
    "r1gp": stand_in_r1gp,
    "ogp": stand_in_ogp,
}
LOSS_PARTS = {"JSD": "jsd", "W1": "w1"}
REGULARIZER_PARTS = {"GP": "ogp", "R1": "r1gp"}


def losses(
    impl: Any,
    *,
    seed: int,
    loss_type: str,
    reg_type: str | None,
    reg_cf: float,
    p: Tensor,
    q: Tensor,
    critic: dict[str, Any],
    stand_ins: bool,
    stand_in_distance: bool = False,
) -> dict[str, Any]:
    """What the two functions from `make_losses` return, beside the parts they are made of.

    With `stand_ins`, all four parts are replaced by the ones above, and what goes wrong is
    reported as `error` instead of raised. Without, only a part that does not work by itself is
    replaced, on samples with a gradient or, if the whole does not work either, on those without;
    with `stand_in_distance`, the distance is replaced in any case.
    `loss` and `regularizer` are what the parts in use give. The real samples that the two
    functions get do not require a gradient.
    """
    gan = impl.gan
    module = _critic(critic)

    def whole() -> dict[str, Any]:
        seed_all(seed)
        metric, critic_loss = gan.make_losses(loss_type, reg_type, reg_cf)
        return {
            "metric": plain(metric(p.clone(), q.clone(), module)),
            "critic_loss": plain(critic_loss(p.clone(), q.clone(), module)),
        }

    if stand_ins:
        with in_place_of(gan, PART_STAND_INS):
            try:
                return {"error": None, **whole()}
            except Exception as error:
                return {"error": f"{type(error).__name__}: {error}"}

    parts: dict[str, Any] = {"loss": LOSS_PARTS[loss_type]}
    if reg_type is not None:
        parts["regularizer"] = REGULARIZER_PARTS[reg_type]
    found, repairs = {}, {}

    def arguments(role: str, real: Tensor) -> list[Any]:
        values = [module(real), module(q.clone())]
        return values if role == "loss" else [real, values[0], q.clone(), values[1], module]

    def repair(role: str) -> None:
        repairs[parts[role]] = PART_STAND_INS[parts[role]]
        found[role] = _part(repairs[parts[role]], arguments(role, p.clone()))

    for role, name in parts.items():
        seed_all(seed)
        found[role] = _part(getattr(gan, name, None), arguments(role, p.clone().requires_grad_()))
        if found[role] is None or (stand_in_distance and role == "loss"):
            repair(role)
    try:
        with in_place_of(gan, repairs):
            return {"error": None, "regularizer": 0.0, **found, **whole()}
    except Exception:
        # A regulariser that needs samples with a gradient and gets them from nobody.
        if (
            reg_type is None
            or parts["regularizer"] in repairs
            or _part(gan.__dict__[parts["regularizer"]], arguments("regularizer", p.clone()))
            is not None
        ):
            raise
    repair("regularizer")
    with in_place_of(gan, repairs):
        return {"error": None, **found, **whole()}


def _part(function: Any, args: list[Any]) -> Any:
    """What a part returns, if it is a finite number; None if it does not work by itself."""
    try:
        value = plain(function(*args))
    except Exception:
        return None
    works = isinstance(value, Tensor) and value.numel() == 1 and bool(value.isfinite().all())
    return value if works else None


def loss_slopes(
    impl: Any,
    *,
    which: str,
    loss_type: str,
    reg_type: str | None,
    reg_cf: float,
    p: Tensor,
    q: Tensor,
    critic: dict[str, Any],
    directions: list[dict[str, Tensor]],
    step: float,
    stand_ins: bool,
) -> dict[str, Any]:
    """Slopes of `metric` or `critic_loss`.

    The directions are in the critic's parameters or, under the name `q`, in the generated
    samples, which is the way to the generator's parameters.
    """

    class Game(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.critic = _critic(critic)
            self.q = nn.Parameter(q.clone())

    def value_at(game: nn.Module) -> Tensor:
        metric, critic_loss = impl.gan.make_losses(loss_type, reg_type, reg_cf)
        function = metric if which == "metric" else critic_loss
        return tensor(function(p.clone(), game.q * 1.0, game.critic), which).sum()

    named = [{k if k == "q" else f"critic.{k}": v for k, v in d.items()} for d in directions]
    with in_place_of(impl.gan, PART_STAND_INS if stand_ins else {}):
        return parameter_slopes(value_at, Game, named, step)


# --- question 2: moving average ---------------------------------------------------------------


def moving_average(
    impl: Any, *, source: Tensor, target: Tensor, alphas: list[float], frozen: str = ""
) -> dict[str, Any]:
    """Apply the moving average once per alpha; no alpha means the default, once.

    The models are a linear layer, and a batch normalisation and a linear layer in another module.

    Args:
        source, target: the 34 parameters of each model in one vector.
        alphas: the factors, in order.
        frozen: whose parameters do not require a gradient, "source" or "target".

    Returns:
        `source` and `target` afterwards; `source_learns`, whether all of its parameters require a
        gradient; `in_place`, whether the target's are the same leaves as before.
    """
    models = {}
    for name, values in (("source", source), ("target", target)):
        inner = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))
        models[name] = nn.Sequential(nn.Linear(3, 4), inner).requires_grad_(name != frozen)
        with torch.no_grad():
            nn.utils.vector_to_parameters(values, models[name].parameters())
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
    """x = tanh(z w + b), with the noise of its n-th call taken from the n-th row of a table."""

    def __init__(self, w: Tensor, b: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w.clone())
        self.b = nn.Parameter(b.clone())
        self.next_noise: Callable[[], Tensor] | None = None

    def forward(self, z: Tensor | None = None) -> Tensor:
        if z is None:
            assert self.next_noise is not None
            z = self.next_noise()
        return torch.tanh(z @ self.w + self.b)


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
    critic: dict[str, Any],
    generator: dict[str, Tensor],
    test_generator: dict[str, Tensor],
    lr: float,
    critic_inner_iters: int,
    steps: int,
    alpha_ema: float | None,
    losses: tuple[Any, ...] = ("W1", None, 1.0),
    stand_ins: bool = True,
) -> list[dict[str, Any]]:
    """Run `train_step` a few times and report everything that it does, in order.

    `make_losses` and `apply_exponential_moving_average` are replaced by stand-ins, so that what
    is seen is the training step alone. The n-th batch of real samples is the n-th of `real`, the
    n-th call of the generator takes the n-th of `noise`.

    Args:
        losses: `loss_type`, `reg_type` and `reg_cf`.
        stand_ins: False leaves the implementation's own functions in their places.

    Returns:
        A list of events, each a dictionary whose `event` is one of: `next` and `generate` (with
        `index`); `metric` and `critic loss` at each call of what `make_losses` gave (with its
        `arguments` in order, the submission's defaults filled in, or None if they do not fit);
        `critic step` and `generator step` (the flat parameters of both as they are before the
        step, and the flat gradient, all as tensors); `average` (`source`, `target`, `alpha`);
        `return` at the end of each training step (`value`, `is_tensor`, and the flat parameters
        of all three models).
    """
    seed_all(seed)
    gan = impl.gan
    events: list[dict[str, Any]] = []
    models: dict[str, nn.Module] = {
        "critic": _critic(critic),
        "generator": TableGenerator(**generator),
        "test_generator": TableGenerator(**test_generator),
    }

    def batches(table: Tensor, event: str) -> Iterator[Tensor]:
        index = 0
        while True:
            events.append({"event": event, "index": index})
            yield table[index % len(table)].clone()
            index += 1

    noise_iter = batches(noise, "generate")
    models["generator"].next_noise = lambda: next(noise_iter)
    models["test_generator"].next_noise = lambda: noise[0].clone()
    real_iter = batches(real, "next")

    def state(*names: str) -> dict[str, Tensor]:
        return {name: flat(models[name].parameters()) for name in names}

    def report(name: str) -> Callable[[Tensor], None]:
        def step(gradient: Tensor) -> None:
            now = state("critic", "generator")
            events.append({"event": f"{name} step", "gradient": gradient, **now})

        return step

    def stand_in_average(source: Any, target: Any, alpha: float = 0.998) -> None:
        names = {id(model): name for name, model in models.items()}
        events.append(
            {
                "event": "average",
                "source": names.get(id(source), "something else"),
                "target": names.get(id(target), "something else"),
                "alpha": float(alpha),
            }
        )

    critic_optim = WatchedSGD(models["critic"], lr, report("critic"))
    generator_optim = WatchedSGD(models["generator"], lr, report("generator"))
    signature = signature_of(getattr(gan, "make_losses", None))

    def stand_in_losses(*args: Any, **kwargs: Any) -> tuple[Callable[..., Tensor], ...]:
        asked = None
        with contextlib.suppress(AttributeError, TypeError):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            asked = [plain(value) for value in bound.arguments.values()]

        def reported(event: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def call(p: Tensor, q: Tensor, critic: Any) -> Tensor:
                events.append({"event": event, "arguments": asked})
                return function(p, q, critic)

            return call

        return (
            reported("metric", stand_in_metric),
            reported("critic loss", stand_in_critic_loss),
        )

    replaced: dict[str, Any] = {
        "make_losses": stand_in_losses,
        "apply_exponential_moving_average": stand_in_average,
    }
    if losses[1] is not None:  # for who writes the losses out: one's own penalty may not work
        replaced.update(PART_STAND_INS)
    with in_place_of(gan, replaced if stand_ins else {}):
        # By position: a name is the first thing that people change.
        train_step = gan.make_train_step(losses[0], critic_inner_iters, *losses[1:], alpha_ema)
        for _ in range(steps):
            value = train_step(
                real_iter,
                models["critic"],
                critic_optim,
                models["generator"],
                models["test_generator"],
                generator_optim,
            )
            events.append(
                {
                    "event": "return",
                    "value": plain(value),
                    "is_tensor": isinstance(value, Tensor),
                    **state("critic", "generator", "test_generator"),
                }
            )
    return events


# --- question 3 -------------------------------------------------------------------------------


def with_stand_ins(impl: Any, *, other: str, replaced: list[str], **asked: Any) -> Any:
    """What another probe finds with some contracts replaced, in case others use them.

    Args:
        other: its name, `call` or `slopes`.
        replaced: keys of `STAND_INS`.
        asked: of that probe.
    """
    with contextlib.ExitStack() as until_it_is_done:
        for contract in replaced:
            owner, _, name = contract.rpartition(".")
            stand_in = in_place_of(find(impl, owner), {name: STAND_INS[contract]})
            until_it_is_done.enter_context(stand_in)
        return {"call": call, "slopes": slopes}[other](impl, **asked)


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


STAND_INS: dict[str, Callable[..., Tensor]] = {
    "solution.PlanarTransformation.forward": _stand_in_forward,
    "solution.PlanarTransformation.get_logdet": _stand_in_logdet,
    "solution.loss1": _stand_in_loss1,
}
