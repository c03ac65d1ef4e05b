"""Question 2.3: `make_losses` puts the parts together.

The result may be the reference's, or follow from the implementation's own parts as long as these
are more than constants. The parts have been marked in 2.1 and 2.2, so where they are wrong they are
taken out of the way: the probe puts stand-ins in the place of `jsd`, `w1`, `r1gp` and `ogp`, known
here as well, and looks at what is made of them.
"""

import math

import numpy as np
import pytest
import torch

PARTS = {"JSD": "jsd", "W1": "w1", "GP": "ogp", "R1": "r1gp"}
SLACK = 2e-4


def number(expect, value, what):
    expect.close(value, 0.0, what=what, slack=math.inf)  # one value, no NaN
    expect.finite(value, what=what)
    return float(torch.as_tensor(value).double().reshape(-1)[0])


def near(value, wanted):
    return abs(value - wanted) <= SLACK * (1 + abs(wanted))


class Case:
    """Inputs for one call, and what the stand-ins make of them."""

    def __init__(self, draw, loss_type, reg_type, reg_cf):
        size = draw.integer(4, 6)
        self.p, self.q = draw.normal(5, size, mean=0.5), draw.normal(5, size, mean=-0.5)
        slope = draw.normal(size)
        slope = slope * (draw.number(1.5, 2.5) / slope.norm())
        self.critic = {"kind": "linear", "slope": slope}
        if reg_type == "R1":  # a gradient that tells real from generated samples
            shapes = {"w": draw.normal(4, size, std=0.5), "a": draw.normal(4)}
            self.critic = {"kind": "smooth", **shapes, "slope": slope}
        self.types = {"loss_type": loss_type, "reg_type": reg_type, "reg_cf": reg_cf}
        self.reg_cf = reg_cf

    def run(self, implementation, probes, stand_ins, reg_type="as given", distance=False):
        types = self.types if reg_type == "as given" else {**self.types, "reg_type": reg_type}
        return implementation(
            probes.losses,
            seed=5,
            p=self.p,
            q=self.q,
            critic=self.critic,
            stand_ins=stand_ins,
            stand_in_distance=distance,
            **types,
        )

    def stand_in_loss(self, probes):
        return float(
            probes.PART_STAND_INS[PARTS[self.types["loss_type"]]](
                self.value(self.p), self.value(self.q)
            )
        )

    def stand_in_regularizer(self, probes):
        function = probes.PART_STAND_INS[PARTS[self.types["reg_type"]]]
        p, q = self.p, self.q
        return float(function(p, self.value(p), q, self.value(q), self.value))

    def value(self, x):
        straight = x @ self.critic["slope"]
        if self.critic["kind"] == "linear":
            return straight
        return torch.tanh(x @ self.critic["w"].t()) @ self.critic["a"] + straight


def cases(draw, loss_type, reg_type=None, reg_cf=1.0, count=3):
    return [Case(draw, loss_type, reg_type, reg_cf) for _ in range(count)]


def varies(values):
    """More than a constant: a part that always says the same proves nothing about the whole."""
    return np.ptp(values) > 1e-2


def parts_are_right(submission, reference, probes, expect, made):
    """Whether the distance and the regulariser of the cases are those that 2.1 and 2.2 ask for."""
    for case in made:
        arguments = [case.value(case.p), case.value(case.q)]
        asked = [(PARTS[case.types["loss_type"]], None)]
        if case.types["reg_type"]:
            asked.append((PARTS[case.types["reg_type"]], {"seed": 5, "critic": case.critic}))
        for name, more in asked:
            found = []
            for implementation in (submission, reference):
                try:
                    if more is None:
                        found.append(getattr(implementation.gan, name)(*arguments))
                        continue
                    inputs = {"name": name, "p": case.p, "q": case.q, **more}
                    found.append(implementation(probes.penalty, **inputs)["value"])
                except AssertionError:
                    return False
            try:
                expect.shape(found[0], ())
                expect.close(*found, slack=SLACK)
            except AssertionError:
                return False
    return True


def with_any_parts(submission, reference, probes, expect, made, own, with_stand_ins):
    """Follow-through: the check `own` holds, or, where the parts are wrong, `with_stand_ins`."""
    try:
        own()
    except AssertionError:
        if parts_are_right(submission, reference, probes, expect, made) or not with_stand_ins():
            raise


def holds(submission, reference, probes, expect, made, what, help, key, expected):
    """`key` of every case is what `expected(loss, regularizer)` says, in one of three worlds.

    The worlds: the reference, the submission's own parts, and stand-ins where these are wrong.
    """

    def own():
        plain = [case.run(submission, probes, stand_ins=False) for case in made]
        right = [case.run(reference, probes, stand_ins=False) for case in made]
        got = [number(expect, run[key], what) for run in plain]
        wanted = [number(expect, run[key], what) for run in right]
        if all(near(g, w) for g, w in zip(got, wanted, strict=True)):
            return
        parts = [
            (number(expect, run["loss"], what), number(expect, run["regularizer"], what))
            for run in plain
        ]
        if varies([loss for loss, _ in parts]) and (
            not made[0].types["reg_type"] or varies([reg for _, reg in parts])
        ):
            follows = [expected(loss, reg) for loss, reg in parts]
            if all(near(g, w) for g, w in zip(got, follows, strict=True)):
                return
        detail = f"values {got}, the reference's {wanted}, own parts {parts}"
        expect.true(False, f"{what} is not what its parts make", help, detail)

    def with_stand_ins():
        runs = [case.run(submission, probes, stand_ins=True) for case in made]
        if any(run["error"] is not None for run in runs):
            return False
        got = [number(expect, run[key], what) for run in runs]
        wanted = [
            expected(
                case.stand_in_loss(probes),
                case.stand_in_regularizer(probes) if case.types["reg_type"] else 0.0,
            )
            for case in made
        ]
        return all(near(g, w) for g, w in zip(got, wanted, strict=True))

    with_any_parts(submission, reference, probes, expect, made, own, with_stand_ins)


@pytest.mark.question("q2.3", weight=2.5)
def test_metric_is_the_named_distance(submission, reference, probes, expect, draw):
    """The metric is the distance that `loss_type` names, of the critic's values of the real
    samples first and of the generated ones second. Wrong parts are followed through."""
    for loss_type in ("JSD", "W1"):
        holds(
            submission,
            reference,
            probes,
            expect,
            cases(draw, loss_type),
            f"the metric for {loss_type}",
            "Apply the chosen loss to critic(p) and critic(q), in this order.",
            "metric",
            lambda loss, _: loss,
        )


@pytest.mark.question("q2.3", weight=2.5)
def test_metric_carries_no_regulariser(submission, reference, probes, expect, draw):
    """The generator minimises the distance alone, and it is what is plotted: the regulariser
    belongs to the critic's loss."""
    holds(
        submission,
        reference,
        probes,
        expect,
        cases(draw, "W1", "R1", draw.number(0.3, 0.8)),
        "the metric of a regularised game",
        "Leave the regulariser to critic_loss.",
        "metric",
        lambda loss, _: loss,
    )


@pytest.mark.question("q2.3", weight=3.5)
def test_critic_wants_the_largest_distance(submission, reference, probes, expect, draw):
    """The critic minimises its loss and wants the distance large: without a regulariser its loss
    is minus the metric. Wrong parts are followed through."""
    for loss_type in ("JSD", "W1"):
        holds(
            submission,
            reference,
            probes,
            expect,
            cases(draw, loss_type),
            f"the critic's loss for {loss_type}",
            "An optimiser minimises: the critic's loss is the negative of the distance.",
            "critic_loss",
            lambda loss, _: -loss,
        )


@pytest.mark.question("q2.3", weight=2)
@pytest.mark.parametrize("reg_type", ["R1", "GP"])
def test_regulariser_is_added_with_its_coefficient(
    submission, reference, probes, expect, draw, reg_type
):
    """A penalty is something to be kept small, so it is added to what the critic minimises, times
    `reg_cf`. Seen as the difference from the loss without a regulariser."""
    made = cases(draw, "W1", reg_type, draw.number(0.3, 0.8))
    what = f"the critic's loss with {reg_type}, less the one without,"
    help = "critic_loss adds reg_cf times the regulariser of (p, cp, q, cq, critic)."

    def added(implementation, stand_ins):
        pairs = [
            (
                case.run(implementation, probes, stand_ins),
                case.run(implementation, probes, stand_ins, None),
            )
            for case in made
        ]
        if any(run["error"] is not None for pair in pairs for run in pair):
            return None, pairs
        return [
            number(expect, a["critic_loss"], what) - number(expect, b["critic_loss"], what)
            for a, b in pairs
        ], pairs

    def own():
        got, pairs = added(submission, False)
        wanted, _ = added(reference, False)
        if all(near(g, w) for g, w in zip(got, wanted, strict=True)):
            return
        parts = [number(expect, a["regularizer"], what) for a, _ in pairs]
        if varies(parts) and all(
            near(g, case.reg_cf * o) for g, o, case in zip(got, parts, made, strict=True)
        ):
            return
        detail = f"values {got}, the reference's {wanted}, own regulariser {parts}"
        expect.true(False, f"{what} is not reg_cf times the regulariser", help, detail)

    def with_stand_ins():
        got, _ = added(submission, True)
        wanted = [case.reg_cf * case.stand_in_regularizer(probes) for case in made]
        return got is not None and all(near(g, w) for g, w in zip(got, wanted, strict=True))

    with_any_parts(submission, reference, probes, expect, made, own, with_stand_ins)


@pytest.mark.question("q2.3", weight=1)
@pytest.mark.parametrize("reg_type", ["R1", "GP"])
def test_critic_loss_takes_real_samples_from_a_data_set(
    submission, reference, probes, expect, draw, reg_type
):
    """A data set gives tensors that do not require a gradient, and the regularisers need one: it
    is switched on either in the penalty or before it. The critic is a mean without parameters.
    Wrong parts are followed through."""
    reg_cf = draw.number(0.3, 0.8)
    made = cases(draw, "W1", reg_type, reg_cf)
    for case in made:
        case.critic = {"kind": "mean"}
    what = f"the critic's loss with {reg_type} on plain tensors"
    right = [case.run(reference, probes, stand_ins=False) for case in made]
    wanted = [number(expect, run["critic_loss"], what) for run in right]

    def check(distance):
        runs = [case.run(submission, probes, stand_ins=False, distance=distance) for case in made]
        got = [number(expect, run["critic_loss"], what) for run in runs]
        if all(near(g, w) for g, w in zip(got, wanted, strict=True)):
            return
        own = [
            (number(expect, run["loss"], what), number(expect, run["regularizer"], what))
            for run in runs
        ]
        follows = [reg_cf * reg - loss for loss, reg in own]
        expect.true(
            varies([loss for loss, _ in own])
            and all(near(g, w) for g, w in zip(got, follows, strict=True)),
            f"{what} is wrong",
            "p.requires_grad_() in the right place, before the critic is applied to p.",
            f"values {got}, the reference's {wanted}, own parts {own}",
        )

    try:
        check(distance=False)
    except AssertionError:
        distances = cases(draw, "W1")
        if parts_are_right(submission, reference, probes, expect, distances):
            raise
        check(distance=True)  # w1 may be a constant


@pytest.mark.question("q2.3", weight=2)
@pytest.mark.parametrize("which", ["metric", "critic_loss"])
def test_players_learn_through_their_losses(submission, probes, expect, draw, which):
    """The generator learns through the metric of its samples, the critic through its loss with
    the regulariser in it: autograd must find the slopes that the values themselves have."""
    case = Case(draw, "W1", "R1", draw.number(0.3, 0.8))
    size = case.p.shape[1]
    # What the metric does not send to the critic, and the critic's loss to the generator, is open.
    shapes = {"w": (4, size), "a": (4,), "slope": (size,)}
    shapes = {"q": (5, size)} if which == "metric" else shapes
    directions = [
        {name: draw.normal(*shape, std=0.5) for name, shape in shapes.items()} for _ in range(8)
    ]
    details = []
    for stand_ins in (True, False):
        try:
            slopes = submission(
                probes.loss_slopes,
                which=which,
                **case.types,
                p=case.p,
                q=case.q,
                critic=case.critic,
                directions=directions,
                step=0.01,
                stand_ins=stand_ins,
            )
        except AssertionError:
            if not stand_ins:
                raise
            continue
        found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
        size_of = float(wanted.abs().max())
        details.append(f"autograd {slopes['autograd']}, differences {slopes['differences']}")
        if (
            bool(wanted.isfinite().all())
            and size_of > 1e-2
            and bool(((found - wanted).abs() <= 0.02 * size_of + 5e-3).all())
        ):
            return
    expect.true(
        False,
        f"{which} is not differentiated as its values say",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        "; ".join(details),
    )


@pytest.mark.question("q2.3", weight=0.75)
def test_losses_are_scalars(submission, probes, expect, draw):
    """The results have shape (): `backward()` needs one number."""
    for which in ("metric", "critic_loss"):
        made = cases(draw, "W1", "R1", 0.5, count=2)
        runs = [case.run(submission, probes, stand_ins=True) for case in made]
        if any(run["error"] is not None for run in runs):
            runs = [case.run(submission, probes, stand_ins=False) for case in made]
        values = [number(expect, run[which], which) for run in runs]
        expect.true(
            values[0] != values[1],
            f"{which} is the same for different inputs",
            "Is the function finished?",
        )
        expect.shape(runs[0][which], (), what=f"{which}(p, q, critic)")


@pytest.mark.question("q2.3", weight=0.5)
def test_unknown_names_and_coefficients_are_refused(submission, probes, expect, draw):
    """The head of `make_losses` refuses what it does not know, at once and not at the first call.
    It is given and has to stay as it is."""
    run = Case(draw, "W1", None, 1.0).run(submission, probes, stand_ins=True)
    expect.true(
        run["error"] is None and run["critic_loss"] is not None,
        "make_losses does not work yet",
        "The refusals count once the two functions are written.",
        str(run["error"]),
    )
    for args, what, error in (
        (["Hinge", None, 1.0], "an unknown loss", "NotImplementedError"),
        (["JSD", "L2", 1.0], "an unknown regulariser", "NotImplementedError"),
        (["JSD", "R1", -draw.number(0.1, 1.0)], "a negative coefficient", "AssertionError"),
    ):
        found = submission(probes.raised, function="gan.make_losses", args=args)
        expect.true(
            error in found,
            f"make_losses should raise {error} for {what}",
            "The checks at the head of make_losses are given; keep them.",
            f"make_losses{tuple(args)} raised {found}",
        )
