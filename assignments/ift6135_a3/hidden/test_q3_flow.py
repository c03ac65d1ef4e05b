"""Question 3.6: the flow and the negative log-likelihood; question 3.8: the loss for sampling.

The layers have been marked in 3.1 and 3.4. So the result of `Flow.forward` may be the reference's
or, where its layers are wrong, follow from these as long as they do something, or from stand-ins.

The training loops take the mean of `loss1` and `loss2`. A sum of (B,) and (B, 1) is (B, B) and has
the same mean, with each example's value on the diagonal, so it loses the marks for the shape alone.
"""

import pytest
import torch

SLACK = 1e-4


# --- 3.6 Flow.forward -------------------------------------------------------------------------


def stand_in_layers(draw, dim, count):
    return [
        {"scale": draw.uniform(dim, low=0.6, high=1.6), "shift": draw.normal(dim)}
        for _ in range(count)
    ]


def planar_layers(draw, dim, count):
    made = []
    for _ in range(count):
        w, other = draw.normal(1, dim), draw.normal(1, dim, std=0.5)
        w = w * (draw.number(0.8, 1.4) / w.norm())
        across = other - (other * w).sum() * w / (w * w).sum()
        u = across + draw.number(0.3, 1.0) * w / (w * w).sum()
        made.append({"u": u, "w": w, "b": draw.normal(1)})
    return made


def through_stand_ins(x, layers):
    """(z, logdet) of the probe's StandInLayer, each log-determinant at its layer's input."""
    logdet = torch.zeros(len(x), 1)
    for layer in layers:
        logdet = logdet + torch.cos(x * layer["scale"]).sum(1, keepdim=True)
        x = torch.sin(x * layer["scale"]) + layer["shift"]
    return x, logdet


def layers_are_right(submission, reference, probes, expect, draw):
    """Whether a layer's two methods, which 3.1 and 3.4 mark, give the reference's values."""
    try:
        for batch, dim in ((6, 2), (1, 3)):
            keywords = {**planar_layers(draw, dim, 1)[0], "x": draw.normal(batch, dim)}
            for method, columns in (("forward", dim), ("get_logdet", 1)):
                runs = [
                    i(probes.planar, **keywords, method=method) for i in (submission, reference)
                ]
                expect.shape(runs[0]["result"], (batch, columns))
                expect.close(runs[0]["result"], runs[1]["result"], slack=SLACK)
                expect.unchanged(runs[0]["x"], keywords["x"], what="x")
    except AssertionError:
        return False
    return True


def is_near(value, wanted, slack=SLACK):
    if not isinstance(value, torch.Tensor) or value.numel() != wanted.numel():
        return False
    return bool(
        ((value.reshape(-1) - wanted.reshape(-1)).abs() <= slack * (1 + wanted.abs().max())).all()
    )


def flow_holds(submission, reference, probes, expect, draw, which, what, help):
    """`which` ("z" or "logdet") is right for flows of several lengths."""

    def read(value, batch):
        """The log-determinant as one column, whatever its layout is."""
        return value if which == "z" else expect.each(value, batch, what=what).float()

    def own(x, layers):
        run = submission(probes.flow, x=x, layers=layers, stand_ins=False)
        right = reference(probes.flow, x=x, layers=layers, stand_ins=False)
        found = read(run[which], len(x))
        if is_near(found, right[which]):
            return
        chain = run["chain"]
        follows = chain["z"] if which == "z" else None
        if which == "logdet" and all(is_near(t, t) for t in chain["logdets"]) and chain["logdets"]:
            follows = sum(read(t, len(x)) for t in chain["logdets"])
        works = isinstance(follows, torch.Tensor) and not is_near(
            follows, x if which == "z" else 0 * follows
        )
        if works and which == "z":
            # Points that are all the same, or not as many as went in, are nobody's layers.
            works = follows.numel() == x.numel() and float(follows.double().std()) > 1e-3
        if works and is_near(found, follows):
            return
        expect.finite(run[which], what=what)
        detail = f"{run[which]}, reference {right[which]}, own {follows}"
        expect.true(False, what + " is wrong", help, detail)

    def with_stand_ins(x, layers):
        run = submission(probes.flow, x=x, layers=layers, stand_ins=True)
        wanted = dict(zip(("z", "logdet"), through_stand_ins(x, layers), strict=True))[which]
        return run["error"] is None and is_near(read(run[which], len(x)), wanted)

    for count in (1, draw.integer(3, 5), 32):
        x, stand_ins = draw.normal(6, 2), stand_in_layers(draw, 2, count)
        try:
            own(x, planar_layers(draw, 2, count))
        except AssertionError:
            right = layers_are_right(submission, reference, probes, expect, draw)
            if right or not with_stand_ins(x, stand_ins):
                raise


@pytest.mark.question("q3.6", weight=2.5)
def test_flow_applies_its_layers_in_order(submission, reference, probes, expect, draw):
    """The output of each layer goes into the next. Wrong layers are followed through."""
    flow_holds(
        submission,
        reference,
        probes,
        expect,
        draw,
        "z",
        "the output of the flow",
        "Go through self.layers from the first to the last.",
    )


@pytest.mark.question("q3.6", weight=4)
def test_flow_adds_log_determinants_at_each_layers_input(
    submission, reference, probes, expect, draw
):
    """By the chain rule the log-determinants add up, each at the point where its layer starts.
    Wrong layers are followed through."""
    flow_holds(
        submission,
        reference,
        probes,
        expect,
        draw,
        "logdet",
        "the log-determinant of the flow",
        "Ask each layer for its log-determinant before its transformation, and add them all up.",
    )


def has_points_and_one_column(run, expect, x):
    expect.true(run["error"] is None, "the flow does not run", "", str(run["error"]))
    expect.finite(run["z"], what="the output of the flow")
    expect.finite(run["logdet"], what="the log-determinant of the flow")
    expect.true(
        not torch.equal(run["z"], x) and bool(torch.as_tensor(run["logdet"]).any()),
        "the flow gives back its input, or a log-determinant of zero",
        "Is the function finished?",
    )
    expect.unchanged(run["x"], x, what="x")
    expect.shape(run["z"], tuple(x.shape), what="the output of the flow")
    expect.shape(run["logdet"], (len(x), 1), what="the log-determinant of the flow")


@pytest.mark.question("q3.6", weight=1.5)
def test_flow_gives_points_and_one_column(submission, probes, expect, draw):
    """(B, dim) and (B, 1), also for one point and in space, and the points that go in stay. A
    flow that makes this of its own layers' wrong shapes is followed through."""
    for batch, dim in ((5, 2), (1, 3), (4, 1)):
        x = draw.normal(batch, dim)
        stand_ins, planar = stand_in_layers(draw, dim, 3), planar_layers(draw, dim, 3)
        run = submission(probes.flow, x=x, layers=stand_ins, stand_ins=True)
        try:
            has_points_and_one_column(run, expect, x)
        except AssertionError as error:
            try:
                own = submission(probes.flow, x=x, layers=planar, stand_ins=False)
                has_points_and_one_column(own, expect, x)
            except AssertionError as other:
                # With stand-ins it may not run at all, and then its own layers say more.
                raise (error if run["error"] is None else other) from None


def layer_directions(draw, shapes, std):
    """Three random directions in the parameters of each of three layers, the others at rest.

    One alone may happen to lie across the gradient that a cut takes away.
    """
    return [
        {
            f"{n}.{name}": draw.normal(*shape, std=std) if n == chosen else torch.zeros(*shape)
            for n in range(3)
            for name, shape in shapes.items()
        }
        for chosen in (0, 0, 0, 1, 1, 1, 2, 2, 2)
    ]


@pytest.mark.question("q3.6", weight=2)
def test_all_layers_can_be_trained(submission, probes, expect, draw):
    """Every layer's parameters learn through both results of the flow."""
    # In one flow in a hundred, what a cut takes away is too small to be seen.
    for _ in range(3):
        layers_can_be_trained(submission, probes, expect, draw)


def layers_can_be_trained(submission, probes, expect, draw):
    keywords = {"x": draw.normal(4, 2), "step": 0.01}
    try:
        slopes = submission(
            probes.flow_slopes,
            **keywords,
            layers=stand_in_layers(draw, 2, 3),
            directions=layer_directions(draw, {"scale": (2,), "shift": (2,)}, 0.5),
            stand_ins=True,
        )
    except AssertionError:
        slopes = submission(
            probes.flow_slopes,
            **keywords,
            layers=planar_layers(draw, 2, 3),
            directions=layer_directions(draw, {"u": (1, 2), "w": (1, 2), "b": (1,)}, 0.3),
            stand_ins=False,
        )
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    size = float(wanted.abs().max())
    expect.true(
        bool(wanted.isfinite().all()) and size > 1e-2,
        "the flow does not depend on the parameters of its layers",
        "Is the function finished?",
        detail,
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.03 * size + 1e-2).all()),
        "the flow is not differentiated with respect to its layers' parameters",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        detail,
    )


# --- the two losses ---------------------------------------------------------------------------


def per_example(expect, value, batch, what):
    """A loss as one value per example, (batch,), or as their mean, (), if it was reduced."""
    value = torch.as_tensor(value) if isinstance(value, int | float) else value
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        values = value.double().reshape(())
    else:
        values = expect.each(value, batch, what=what)
    expect.finite(values, what=what)
    return values


def change(expect, implementation, name, first, second):
    """How a loss changes from one set of arguments to another, per example; constants cancel."""
    values = [
        per_example(expect, getattr(implementation.solution, name)(*args), len(args[-1]), name)
        for args in (first, second)
    ]
    return values[0] - values[1]


def changes_rightly(submission, reference, expect, name, first, second, what, help):
    got = change(expect, submission, name, first, second)
    wanted = change(expect, reference, name, first, second)
    if got.dim() == 0:
        wanted = wanted.mean()
    expect.close(got.float(), wanted.float(), what=what, help=help, scale=20.0, slack=1e-4)


def flow_results(draw, batch):
    """(z0, logdet) in the plane: the data and the densities of the assignment lie there."""
    return draw.normal(batch, 2), draw.normal(batch, 1)


def constant_is_included(submission, reference, expect, name, extra, draw):
    """The value itself, at points where everything but the constant is the same for all."""
    arguments = [*extra, torch.zeros(4, 2), torch.zeros(4, 1)]
    got = per_example(expect, getattr(submission.solution, name)(*arguments), 4, name)
    other = per_example(
        expect,
        getattr(submission.solution, name)(*extra, draw.normal(4, 2), draw.normal(4, 1)),
        4,
        name,
    )
    expect.true(
        not torch.equal(got, other),
        f"{name} is the same for different inputs",
        "Is the function finished?",
    )
    wanted = getattr(reference.solution, name)(*arguments).reshape(-1)
    expect.close(
        got.float(),
        wanted if got.dim() else wanted.mean(),
        what=f"{name} at the origin of the base distribution",
        help="log N(z; 0, I) holds -1/2 log(2 pi) for each of the dimensions.",
        slack=2e-3,
    )


def responds(expect, name, result, other):
    expect.finite(result, what=name)
    expect.finite(other, what=name)
    expect.true(
        not torch.equal(torch.as_tensor(result).double(), torch.as_tensor(other).double()),
        f"{name} is the same for different inputs",
        "Is the function finished?",
    )


def has_one_column(submission, expect, name, first, second, batch):
    function = getattr(submission.solution, name)
    result, other = function(*first), function(*second)
    responds(expect, name, result, other)
    expect.shape(
        result,
        (batch, 1),
        what=name,
        help="Give every summand the shape (B, 1) before adding: (B,) and (B, 1) make (B, B).",
    )


def can_be_trained(submission, probes, expect, draw, name, args, varied, argument):
    """Autograd agrees with differences for one argument."""
    directions = [
        [draw.normal(*a.shape) if i == varied else None for i, a in enumerate(args)]
        for _ in range(3)
    ]
    slopes = submission(
        probes.slopes, function=f"solution.{name}", args=args, directions=directions, step=0.02
    )
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    size = float(wanted.abs().max())
    expect.true(
        bool(wanted.isfinite().all()) and size > 1e-2,
        f"{name} does not depend on {argument}",
        "Is the function finished?",
        detail,
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.02 * size + 5e-3).all()),
        f"{name} is not differentiated with respect to {argument}",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        detail,
    )


def leaves_its_arguments(submission, probes, expect, name, given, other):
    after, again = (
        submission(probes.call, function=f"solution.{name}", args=args) for args in (given, other)
    )
    responds(expect, name, after["result"], again["result"])
    for number, (left, was) in enumerate(zip(after["args"], given, strict=True), start=1):
        expect.unchanged(left, was, what=f"argument {number} of {name}")


# --- 3.6 loss1 --------------------------------------------------------------------------------


@pytest.mark.question("q3.6", weight=3)
def test_loss1_grows_away_from_the_origin(submission, reference, expect, draw):
    """The flow carries data to the base distribution N(0, I): a point far from the origin there
    is an unlikely one, and its negative log-likelihood is higher by half the squared distance."""
    (first, logdet), (second, _) = flow_results(draw, 5), flow_results(draw, 5)
    changes_rightly(
        submission,
        reference,
        expect,
        "loss1",
        [first, logdet],
        [second, logdet],
        "the change of loss1 with z0",
        "Minus the log-density of N(0, I) at z0, summed over dim. Mind the sign.",
    )


@pytest.mark.question("q3.6", weight=3)
def test_loss1_falls_with_the_log_determinant(submission, reference, expect, draw):
    """log p(x) = log N(g(x); 0, I) + log |det dg/dx|, and the loss is its negative."""
    (z0, first), (_, second) = flow_results(draw, 5), flow_results(draw, 5)
    changes_rightly(
        submission,
        reference,
        expect,
        "loss1",
        [z0, first],
        [z0, second],
        "the change of loss1 with logdet",
        "The whole log-likelihood gets the minus sign.",
    )


@pytest.mark.question("q3.6", weight=1)
def test_loss1_includes_the_constant(submission, reference, expect, draw):
    """exp(-loss1) is plotted as a density, so the constant of the base density is part of it."""
    constant_is_included(submission, reference, expect, "loss1", [], draw)


@pytest.mark.question("q3.6", weight=2)
def test_loss1_has_one_column(submission, expect, draw):
    """The result has shape (B, 1). (B, B) has the right mean by luck; plots need one value per
    point."""
    for batch in (5, 1):
        first, second = flow_results(draw, batch), flow_results(draw, batch)
        has_one_column(submission, expect, "loss1", first, second, batch)


@pytest.mark.question("q3.6", weight=1.25)
def test_loss1_can_be_trained(submission, probes, expect, draw):
    """The flow learns through both arguments."""
    for varied in (0, 1):
        args = list(flow_results(draw, 4))
        name = ("z0", "logdet")[varied]
        can_be_trained(submission, probes, expect, draw, "loss1", args, varied, name)


@pytest.mark.question("q3.6", weight=0.5)
def test_loss1_leaves_its_arguments_as_they_are(submission, probes, expect, draw):
    """The plots use the points and the log-determinants again after the call."""
    given, other = list(flow_results(draw, 4)), list(flow_results(draw, 4))
    leaves_its_arguments(submission, probes, expect, "loss1", given, other)


# --- 3.8 loss2 --------------------------------------------------------------------------------


def sampling_results(draw, batch):
    """[target_density, z0, logdet]: energies are mostly positive."""
    return [draw.normal(batch, mean=2.0), *flow_results(draw, batch)]


class OnStandIn:
    """A submission whose `loss2` is built on its `loss1`, with the probe's in the place of that."""

    def __init__(self, submission, probes):
        self.submission, self.probes, self.solution = submission, probes, self

    def loss2(self, *args):
        run = self(self.probes.call, function="solution.loss2", args=list(args))
        return run["result"]

    def __call__(self, probe, **keywords):
        return self.submission(self.probes.on_a_stand_in, other=probe.__name__, **keywords)


class Inverse:
    """The `loss2` that is right on a right `loss1`: -log p of the inverse flow, negated."""

    def __init__(self, probes):
        self.loss1, self.solution = probes.stand_in_loss1, self

    def loss2(self, target_density, z0, logdet):
        return target_density.reshape(-1, 1) - self.loss1(z0, -logdet)


class Base(Inverse):
    """The same with the base density alone from `loss1`, at a log-determinant of zero."""

    def loss2(self, target_density, z0, logdet):
        return target_density.reshape(-1, 1) - self.loss1(z0, 0 * logdet) - logdet


def loss1_is_right(submission, reference, probes, expect, draw):
    """Whether `loss1` is right in all that 3.6 asks: value, shape, slopes, and what stays."""
    try:
        for batch in (5, 1):
            args = list(flow_results(draw, batch))
            run = submission(probes.call, function="solution.loss1", args=args)
            expect.shape(run["result"], (batch, 1))
            expect.close(run["result"], reference.solution.loss1(*args), slack=2e-3)
            for left, given in zip(run["args"], args, strict=True):
                expect.unchanged(left, given, what="an argument")
        along = [[draw.normal(5, 2), draw.normal(5, 1)] for _ in range(2)]
        asked = {"function": "solution.loss1", "directions": along, "step": 0.02}
        args = list(flow_results(draw, 5))
        slopes = [i(probes.slopes, args=args, **asked) for i in (submission, reference)]
        expect.close(*(torch.tensor(found["autograd"]) for found in slopes), slack=1e-2)
    except AssertionError:
        return False
    return True


def with_any_loss1(submission, probes, reference, expect, draw, check):
    """Follow-through: the check holds for the submission or, where its loss1 is wrong, for its
    loss2 on a stand-in."""
    try:
        check(submission, reference)
    except AssertionError as error:
        if loss1_is_right(submission, reference, probes, expect, draw):
            raise
        for wanted in (Inverse(probes), Base(probes)):
            try:
                check(OnStandIn(submission, probes), wanted)
            except AssertionError:
                continue
            return
        raise error from None


PLACES = {"target_density": 0, "z0": 1, "logdet": 2}
MEANING = {
    "target_density": "target_density is an energy, -log p: the loss grows with it, one for one.",
    "z0": "The log-density of the base sample z0 under N(0, I), with a plus sign.",
    "logdet": "A sample's log-density falls by the log-determinant: log N(z0) - logdet.",
}


@pytest.mark.question("q3.8", weight=2)
@pytest.mark.parametrize("argument", list(PLACES))
def test_loss2_is_the_divergence_from_the_target(
    submission, reference, probes, expect, draw, argument
):
    """Samples x of the flow should be likely under the target: log q(x) - log p(x), where
    log q(x) = log N(z0) - logdet and target_density is -log p(x). One argument is varied."""
    first, other = sampling_results(draw, 5), sampling_results(draw, 5)
    second = list(first)
    second[PLACES[argument]] = other[PLACES[argument]]
    what = f"the change of loss2 with {argument}"

    def check(loss2, wanted):
        changes_rightly(loss2, wanted, expect, "loss2", first, second, what, MEANING[argument])

    with_any_loss1(submission, probes, reference, expect, draw, check)


@pytest.mark.question("q3.8", weight=0.75)
def test_loss2_includes_the_constant(submission, reference, probes, expect, draw):
    """log N(z0; 0, I) is the whole log-density, with its constant."""

    def check(loss2, wanted):
        constant_is_included(loss2, wanted, expect, "loss2", [torch.zeros(4)], draw)

    with_any_loss1(submission, probes, reference, expect, draw, check)


@pytest.mark.question("q3.8", weight=1.5)
def test_loss2_has_one_column(submission, reference, probes, expect, draw):
    """The result has shape (B, 1). target_density is (B,) and logdet (B, 1): their sum is (B, B),
    which has the right mean by luck."""
    for batch in (5, 1):
        first, second = sampling_results(draw, batch), sampling_results(draw, batch)

        def check(loss2, wanted, first=first, second=second, batch=batch):
            has_one_column(loss2, expect, "loss2", first, second, batch)

        with_any_loss1(submission, probes, reference, expect, draw, check)


@pytest.mark.question("q3.8", weight=0.5)
def test_loss2_can_be_trained(submission, reference, probes, expect, draw):
    """The flow learns through the energy at its output and through the log-determinant; z0 does
    not depend on it."""
    for argument in ("target_density", "logdet"):
        args = sampling_results(draw, 4)

        def check(loss2, wanted, argument=argument, args=args):
            place = PLACES[argument]
            can_be_trained(loss2, probes, expect, draw, "loss2", args, place, argument)

        with_any_loss1(submission, probes, reference, expect, draw, check)


@pytest.mark.question("q3.8", weight=0.25)
def test_loss2_leaves_its_arguments_as_they_are(submission, reference, probes, expect, draw):
    """The energies are shown during training, and the samples are plotted: they are used again."""
    given, other = sampling_results(draw, 4), sampling_results(draw, 4)

    def check(loss2, wanted):
        leaves_its_arguments(loss2, probes, expect, "loss2", given, other)

    with_any_loss1(submission, probes, reference, expect, draw, check)
