"""Question 2.5: one step of training.

The probe puts stand-ins in the place of `make_losses` and of the moving average, which have been
marked in 2.3 and 2.4, and reports every event: each batch drawn, each call of the generator, and
before each step of an optimiser the parameters and the gradient in them. So every gradient is
compared by itself, at the parameters where it was taken, with that of the loss it should come
from, for each batch of real samples and each noise that could have been used. What the contract
leaves open (a fresh batch for the generator or the critic's last one, fresh noise or not, where
gradients are cleared, whether the generated batch is detached) makes no difference to that.

An implementation that does not look up `make_losses` in its module trains W1 without regulariser
here, and is compared with that.
"""

import math

import pytest
import torch

SAMPLES, NOISE, HIDDEN, BATCH = 3, 2, 4, 5
TABLE = 48
AVERAGED = ((4, 3), (4,), (4,), (4,), (2, 4), (2,))  # shapes of the probe's six parameters


# --- the game, known here as well -------------------------------------------------------------


def critic_values(flat, x):
    """The probe's SmoothCritic with its parameters in one vector."""
    w, a, slope = flat.split([HIDDEN * SAMPLES, HIDDEN, SAMPLES])
    return torch.tanh(x @ w.reshape(HIDDEN, SAMPLES).t()) @ a + x @ slope


def generated(flat, z):
    """The probe's TableGenerator with its parameters in one vector."""
    w, b = flat.split([NOISE * SAMPLES, SAMPLES])
    return torch.tanh(z @ w.reshape(NOISE, SAMPLES) + b)


def w1(p, q, critic):
    return critic(p).mean() - critic(q).mean()


class Run:
    """One run of the probe: its inputs, its events, and what the gradients should be.

    The stand-ins take the place of what other questions mark. A step that does not run on the
    submission's own functions, although these are right, has only itself to blame.
    """

    def __init__(self, submission, reference, probes, draw, *, inner, steps, alpha=None, **more):
        self.real = draw.normal(TABLE, BATCH, SAMPLES, mean=0.7)
        self.noise = draw.normal(TABLE, BATCH, NOISE)
        self.inner, self.steps, self.alpha = inner, steps, alpha
        self.worlds = [
            (probes.stand_in_metric, probes.stand_in_critic_loss),
            (w1, lambda p, q, critic: -w1(p, q, critic)),
        ]
        generator, test_generator = (
            {"w": draw.normal(NOISE, SAMPLES), "b": draw.normal(SAMPLES)} for _ in range(2)
        )
        self.test_generator = torch.cat([test_generator["w"].reshape(-1), test_generator["b"]])
        self.generator = torch.cat([generator["w"].reshape(-1), generator["b"]])
        self.lr = 0.05
        keywords = dict(
            seed=draw.seed(),
            real=self.real,
            noise=self.noise,
            critic={
                "kind": "smooth",
                "w": draw.normal(HIDDEN, SAMPLES, std=0.5),
                "a": draw.normal(HIDDEN),
                "slope": draw.normal(SAMPLES),
            },
            generator=generator,
            test_generator=test_generator,
            lr=self.lr,
            critic_inner_iters=inner,
            steps=steps,
            alpha_ema=alpha,
            **more,
        )
        self.events = submission(probes.training, **keywords)
        self._annotate()
        try:
            submission(probes.training, stand_ins=False, **keywords)
        except AssertionError:
            losses = more.get("losses", ("W1", None, 1.0))
            if parts_are_right(submission, reference, probes, draw, losses):
                raise

    def _annotate(self):
        """Give each event the training step it is in, and the draws it may have used."""
        step, batches, noises = 0, [], []
        for event in self.events:
            event["step"] = step
            # The newest first: that is the likely one.
            event["batches"], event["noises"] = batches[::-1], noises[::-1]
            if event["event"] == "next":
                batches = [*batches, event["index"] % TABLE]
            elif event["event"] == "generate":
                noises = [*noises, event["index"] % TABLE]
            elif event["event"] == "generator step":
                noises = []  # what was generated before comes from another generator
            elif event["event"] == "return":
                step += 1
                batches = []

    def named(self, *names):
        return [e for e in self.events if e["event"] in names]

    def gradient(self, event, who, loss, batch, noise):
        """Gradient of a loss in the parameters of the critic or of the generator."""
        critic = event["critic"].clone().requires_grad_(who == "critic")
        generator = event["generator"].clone().requires_grad_(who == "generator")
        q = generated(generator, self.noise[noise])
        value = loss(self.real[batch], q, lambda x: critic_values(critic, x))
        return torch.autograd.grad(value, critic if who == "critic" else generator)[0]

    def draws_behind(self, event, who, losses, extra=None):
        """Which loss, batch and noise the gradient of an event comes from; None if from none.

        Args:
            losses: the candidates.
            extra: a gradient that may have been added to it.
        """
        for loss in losses:
            for batch in event["batches"]:
                for noise in event["noises"]:
                    wanted = self.gradient(event, who, loss, batch, noise)
                    for more in (0.0,) if extra is None else (0.0, extra):
                        if agrees(event["gradient"], wanted + more):
                            return loss, batch, noise
        return None


def parts_are_right(submission, reference, probes, draw, losses):
    """Whether the losses and the moving average, which 2.3 and 2.4 mark, are the reference's."""
    slope = draw.normal(3)
    game = dict(zip(("loss_type", "reg_type", "reg_cf"), losses, strict=True))
    game |= {"p": draw.normal(4, 3), "q": draw.normal(4, 3)}
    game["critic"] = {"kind": "linear", "slope": 2 * slope / slope.norm()}
    average = {"source": [draw.normal(*s) for s in AVERAGED], "alphas": [0.3]}
    average["target"] = [draw.normal(*s) for s in AVERAGED]
    directions = {
        "metric": [{"q": draw.normal(4, 3)} for _ in range(3)],
        "critic_loss": [{"slope": draw.normal(3)} for _ in range(3)],
    }

    def values(implementation):
        both = implementation(probes.losses, seed=1, stand_ins=False, **game)
        found = [both["metric"], both["critic_loss"]]
        for which, along in directions.items():
            ask = {"which": which, "directions": along, "step": 0.01, "stand_ins": False}
            found.append(implementation(probes.loss_slopes, **ask, **game)["autograd"])
        return [*found, *implementation(probes.moving_average, **average)["target"]]

    try:
        found = [[torch.as_tensor(v) for v in values(i)] for i in (submission, reference)]
    except (AssertionError, TypeError, ValueError, RuntimeError):
        return False
    return all(a.shape == b.shape and agrees(a, b) for a, b in zip(*found, strict=True))


def agrees(found, wanted):
    scale = max(float(wanted.abs().max()), 1e-2)
    return bool(((found - wanted).abs() <= 1e-4 * scale).all())


def alike(found, wanted):
    """Whether the arguments are those, a number up to rounding."""
    try:
        return len(found) == len(wanted) and all(
            abs(float(f) - w) <= 1e-6 if isinstance(w, float) else f == w
            for f, w in zip(found, wanted, strict=True)
        )
    except (TypeError, ValueError):
        return False


def signed(losses):
    """Each loss, and its negative."""
    return [
        made
        for loss in losses
        for made in (loss, lambda p, q, critic, loss=loss: -loss(p, q, critic))
    ]


def trains(expect, run, *names):
    """Nothing about the steps of a model can be said if there are none."""
    for name in names:
        expect.true(
            bool(run.named(f"{name} step")),
            f"train_step never takes a step of {name}_optim",
            "Is the function finished?",
        )


# --- the checks -------------------------------------------------------------------------------


@pytest.mark.question("q2.5", weight=1.25)
@pytest.mark.parametrize("inner", [1, 3])
def test_critic_takes_its_inner_steps(submission, reference, probes, expect, draw, inner):
    """For each step of the generator the critic takes `critic_inner_iters`, at every call."""
    run = Run(submission, reference, probes, draw, inner=inner, steps=2)
    trains(expect, run, "critic")
    counts = [sum(e["step"] == step for e in run.named("critic step")) for step in range(run.steps)]
    expect.true(
        counts == [inner] * run.steps,
        f"with critic_inner_iters={inner}, the critic takes {counts} steps in two calls",
        "A loop over critic_inner_iters holds all of the critic's step, including optim.step().",
    )


@pytest.mark.question("q2.5", weight=3.5)
def test_generator_takes_one_step(submission, reference, probes, expect, draw):
    """The inner loop is the critic's alone: the generator takes one step per call, after it, with
    a critic that has just adapted to it."""
    run = Run(submission, reference, probes, draw, inner=3, steps=2)
    trains(expect, run, "generator")
    counts = [
        sum(e["step"] == step for e in run.named("generator step")) for step in range(run.steps)
    ]
    expect.true(
        counts == [1] * run.steps,
        f"the generator takes {counts} steps in two calls",
        "The generator's step stands outside the critic's loop.",
    )
    for step in range(run.steps):
        steps = [e for e in run.named("critic step", "generator step") if e["step"] == step]
        expect.true(
            steps[-1]["event"] == "generator step",
            "the generator takes its step before the critic has taken all of its own",
            "The generator's step stands after the critic's loop.",
        )


@pytest.mark.question("q2.5", weight=5)
def test_critic_descends_its_own_loss(submission, reference, probes, expect, draw):
    """The critic's step uses the gradient of `critic_loss`, regulariser and all, in the critic's
    parameters, for a batch of real and a batch of generated samples. The first step is looked
    at."""
    run = Run(submission, reference, probes, draw, inner=1, steps=1)
    trains(expect, run, "critic")
    event = run.named("critic step")[0]
    expect.true(
        run.draws_behind(event, "critic", [loss for _, loss in run.worlds]) is not None,
        "the critic's first step does not follow the gradient of critic_loss",
        "critic_loss(p, q, critic).backward() with p from the data and q from the generator.",
        f"gradient {event['gradient']}",
    )


@pytest.mark.question("q2.5", weight=5)
def test_generator_descends_the_metric(submission, reference, probes, expect, draw):
    """The generator's step uses the gradient of the metric, at the critic as it is after its own
    steps, and with a batch from the present generator. The first step is looked at; gradients
    left over from the critic's step are another test's."""
    run = Run(submission, reference, probes, draw, inner=1, steps=1)
    trains(expect, run, "generator")
    event = run.named("generator step")[0]
    critic_steps = run.named("critic step")
    left_over = None
    if critic_steps:
        first = critic_steps[0]
        behind = run.draws_behind(first, "critic", [loss for _, loss in run.worlds])
        if behind is not None:
            left_over = run.gradient(first, "generator", *behind)
    expect.true(
        run.draws_behind(event, "generator", [m for m, _ in run.worlds], left_over) is not None,
        "the generator's first step does not follow the gradient of the metric",
        "metric(p, q, critic).backward() with q = generator(), not detached.",
        f"gradient {event['gradient']}",
    )


@pytest.mark.question("q2.5", weight=4)
@pytest.mark.parametrize("who", ["critic", "generator"])
def test_no_gradient_is_left_over(submission, reference, probes, expect, draw, who):
    """Both losses reach both models, and gradients add up until they are cleared: each step must
    see those of its own loss alone. All steps of three calls are looked at. Which loss it is, and
    its sign, is another test's."""
    run = Run(submission, reference, probes, draw, inner=2, steps=3)
    trains(expect, run, who)
    order = -1 if who == "critic" else 1  # the likely one first
    losses = signed([loss for world in run.worlds for loss in world[::order]])
    for event in run.named(f"{who} step"):
        expect.true(
            not bool(event["gradient"].any()) or run.draws_behind(event, who, losses) is not None,
            f"a step of the {who} uses more than the gradient of one loss",
            f"Clear the gradients of the {who} right before its backward().",
            f"gradient {event['gradient']} in call {event['step'] + 1}",
        )


@pytest.mark.question("q2.5", weight=2.5)
def test_each_critic_step_has_new_samples(submission, reference, probes, expect, draw):
    """Several critic steps are taken to see more data: each draws its own batch of real samples
    and its own batch from the generator."""
    run = Run(submission, reference, probes, draw, inner=3, steps=2)
    trains(expect, run, "critic")
    losses = signed([loss for world in run.worlds for loss in world[::-1]])
    for source, samples in (("next", "real"), ("generate", "generated")):
        for step in range(run.steps):
            drawn = sum(e["step"] == step for e in run.named(source))
            expect.true(
                drawn >= run.inner,
                f"{run.inner} steps of the critic, but batches of {samples} samples: {drawn}",
                "next(train_data_iter) and generator() stand inside the critic's loop.",
            )
    used = [run.draws_behind(e, "critic", losses) for e in run.named("critic step")]
    for place in (1, 2):
        seen = [behind[place] for behind in used if behind is not None]
        expect.true(
            len(set(seen)) == len(seen),
            "two steps of the critic use the same samples",
            "next(train_data_iter) and generator() stand inside the critic's loop.",
        )


@pytest.mark.question("q2.5", weight=2.5)
def test_metric_of_the_generators_step_is_returned(submission, reference, probes, expect, draw):
    """What is plotted is the metric that the generator's step minimised, with the critic after its
    own steps: on that batch before the step, or computed anew with the generator after it."""
    run = Run(submission, reference, probes, draw, inner=2, steps=2)
    trains(expect, run, "generator")
    for event in run.named("generator step"):
        returned = next(e for e in run.named("return") if e["step"] == event["step"])
        value = returned["value"]
        expect.close(value, 0.0, what="the result of train_step", slack=math.inf)
        value = float(torch.as_tensor(value).reshape(-1)[0])
        accepted = [
            float(
                metric(
                    run.real[batch],
                    generated(moment["generator"], run.noise[noise]),
                    lambda x, flat=moment["critic"]: critic_values(flat, x),
                )
            )
            for moment in (event, returned)  # before the step, and after it
            for metric, _ in run.worlds
            for batch in moment["batches"]
            for noise in moment["noises"]
        ]
        expect.true(
            any(abs(value - wanted) <= 1e-4 * (1 + abs(wanted)) for wanted in accepted),
            "train_step does not return the metric that the generator minimised",
            "Keep the value that backward() was called on: the metric of the generator's step.",
            f"returned {value}, accepted {accepted}",
        )


@pytest.mark.question("q2.5", weight=0.75)
def test_result_is_a_scalar_tensor(submission, reference, probes, expect, draw):
    """The caller clones and detaches what it gets: a tensor of shape ()."""
    run = Run(submission, reference, probes, draw, inner=1, steps=1)
    trains(expect, run, "generator")
    returned = run.named("return")[0]
    expect.true(
        returned["is_tensor"],
        "train_step returns something that is not a tensor",
        "Return the loss itself; .item() is for printing.",
    )
    expect.shape(returned["value"], (), what="the result of train_step")


@pytest.mark.question("q2.5", weight=1)
def test_models_move_by_their_optimisers_alone(submission, reference, probes, expect, draw):
    """Between the steps of its optimiser nothing touches a model: no clipped weights, no second
    update by hand."""
    run = Run(submission, reference, probes, draw, inner=2, steps=2)
    trains(expect, run, "critic", "generator")
    now = {}
    for event in run.named("critic step", "generator step", "return"):
        for who in ("critic", "generator"):
            if who in now:
                expect.true(
                    bool(((event[who] - now[who]).abs() <= 1e-5).all()),
                    f"the {who} changes between two steps of its optimiser",
                    "Only critic_optim.step() and generator_optim.step() change the parameters.",
                )
            now[who] = event[who]
            if event["event"] == f"{who} step":
                now[who] = event[who] - run.lr * event["gradient"]


@pytest.mark.question("q2.5", weight=3)
def test_average_follows_the_generators_step(submission, reference, probes, expect, draw):
    """With `alpha_ema`, the average moves towards the generator after the generator's step: the
    generator is the source, the test generator the target, once per call."""
    alpha = draw.number(0.3, 0.7)
    run = Run(submission, reference, probes, draw, inner=2, steps=2, alpha=alpha)
    trains(expect, run, "generator")
    help = (
        "apply_exponential_moving_average(generator, test_generator, alpha_ema) after "
        "generator_optim.step()."
    )
    if run.named("average"):
        for step in range(run.steps):
            inside = [e for e in run.events if e["step"] == step]
            order = [e["event"] for e in inside]
            averages = [e for e in inside if e["event"] == "average"]
            expect.true(
                len(averages) == 1,
                f"the average is updated {len(averages)} times in one call",
                help,
            )
            expect.true(
                averages[0]["source"] == "generator"
                and averages[0]["target"] == "test_generator"
                and abs(averages[0]["alpha"] - alpha) <= 1e-6,
                "the moving average gets other arguments than it should",
                help,
                f"{averages[0]}",
            )
            expect.true(
                "generator step" not in order[order.index("average") :],
                "the average is updated before the generator's step",
                help,
            )
        return
    before = run.test_generator
    for event in run.named("return"):
        wanted = alpha * before + (1 - alpha) * event["generator"]
        expect.close(
            event["test_generator"], wanted, what="the test generator", help=help, slack=1e-5
        )
        before = event["test_generator"]


@pytest.mark.question("q2.5", weight=0.5)
def test_no_average_without_alpha(submission, reference, probes, expect, draw):
    """Without `alpha_ema` the test generator is not touched."""
    run = Run(submission, reference, probes, draw, inner=1, steps=2)
    trains(expect, run, "generator")
    expect.true(
        not run.named("average"),
        "the moving average is updated although alpha_ema is None",
        "Look at alpha_ema first.",
    )
    for event in run.named("return"):
        expect.unchanged(event["test_generator"], run.test_generator, what="the test generator")


@pytest.mark.question("q2.5", weight=1.5)
def test_losses_are_those_that_were_asked_for(submission, reference, probes, draw, expect):
    """`loss_type`, `reg_type` and `reg_cf` reach `make_losses` as they came in: all three for the
    critic's loss; the metric has no regulariser. Seen where `make_losses` is used."""
    for loss_type, reg_type in (("JSD", "R1"), ("W1", "GP")):
        asked = [loss_type, reg_type, draw.number(0.2, 0.8)]
        run = Run(submission, reference, probes, draw, inner=2, steps=1, losses=asked)
        trains(expect, run, "critic", "generator")
        for event in run.named("critic loss", "metric"):
            found = event["arguments"]
            count = 3 if event["event"] == "critic loss" else 1
            expect.true(
                found is None or alike(found[:count], asked[:count]),
                "make_train_step does not train with the losses that it was asked for",
                "The line at its head is given: make_losses(loss_type, reg_type, reg_cf).",
                f"make_losses was called with {found}, expected {asked}",
            )


@pytest.mark.question("q2.5", weight=0.25)
def test_impossible_settings_are_refused(submission, reference, probes, expect, draw):
    """The head of `make_train_step` refuses what makes no sense. It is given and has to stay."""
    run = Run(submission, reference, probes, draw, inner=1, steps=1)
    trains(expect, run, "critic", "generator")
    for args, what in (
        (["W1", 0, None, 1.0, None], "no inner steps"),
        (["W1", 1, None, 1.0, -draw.number(0.1, 1.0)], "a negative alpha_ema"),
        (["W1", 1, None, 1.0, draw.number(1.1, 2.0)], "an alpha_ema above one"),
    ):
        found = submission(probes.raised, function="gan.make_train_step", args=args)
        expect.true(
            "AssertionError" in found,
            f"make_train_step should raise AssertionError for {what}",
            "The checks at the head of make_train_step are given; keep them.",
            f"make_train_step{tuple(args)} raised {found}",
        )
