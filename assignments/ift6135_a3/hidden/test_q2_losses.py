"""Question 2.3: `make_losses` puts the parts together.

The result may be the reference's, or follow from the implementation's own parts as long as these
are more than constants. The parts have been marked in 2.1 and 2.2, so where they are wrong they are
taken out of the way: stand-ins take the place of `jsd`, `w1`, `r1gp` and `ogp`.
"""

import itertools

import torch

from grader.suite.laws import Network, form, model, weight

PARTS = {"JSD": "gan.jsd", "W1": "gan.w1", "GP": "gan.ogp", "R1": "gan.r1gp"}
LOSSES, REGULARISERS = ("JSD", "W1"), ("R1", "GP")
RELATIVE = 2e-4
BATCHES = (5, 64)


class OwnParts:
    """The losses that follow from a submission's own parts, right or wrong.

    A part that always says the same proves nothing about the whole.
    """

    def __init__(self, test):
        self.test = test

    def __call__(self, probe, function, args):
        which, loss_type, reg_type, reg_cf, *rest = args
        found = self.part(loss_type, *rest)
        if which == "critic_loss":
            found = -found if reg_type is None else reg_cf * self.part(reg_type, *rest) - found
        return {"result": found}

    def part(self, kind, critic, p, q):
        named = critic["parameters"]
        other = {**critic, "parameters": {name: 2 * value for name, value in named.items()}}
        value, changed = (
            self.test.part(self.test.submission, kind, *args)["result"]
            for args in ((critic, p, q), (other, 2 * p, q))
        )
        value, changed = (self.test.expect.each(v, 1)[0] for v in (value, changed))
        always = kind in REGULARISERS and not named
        seen = float((value - changed).abs()) > 10 * RELATIVE
        self.test.expect.true(always or seen, f"{kind} is a constant, as far as can be seen")
        return value


class TestMakeLosses(Network, question="q2.3", of="gan.make_losses"):
    """Inputs are the name of one of the two losses, the arguments of `make_losses`, a critic, and
    real samples, which do not require a gradient, and generated ones."""

    scalar = True
    prepared = True
    stand_ins = tuple(PARTS.values())
    places = {"metric": 6, "critic_loss": 4}  # of what learns through a loss
    which = "metric"
    latest = ()  # the inputs that were asked about last

    @property
    def name(self):
        return self.which

    @property
    def usage(self):
        return f"{self.which}(p, q, critic)"

    def parameter(self, place):
        return {4: "the critic's parameters", 6: "the generated samples"}[place]

    def inputs(self, draw, batch=5, loss_type="W1", reg_type="R1", reg_cf=0.5):
        size = draw.integer(4, 6)
        p, q = draw.normal(batch, size, mean=0.5), draw.normal(batch, size, mean=-0.5)
        slope = draw.normal(size)
        slope = slope * (draw.number(1.5, 2.5) / slope.norm())
        curved = {"w": draw.normal(4, size, std=0.5), "a": draw.normal(4)}
        # What the noise of `GP` does makes no difference to a straight critic.
        bend = {} if reg_type == "GP" else curved
        critic = model("critics.SmoothCritic", 4, size, slope=slope, **bend)
        self.latest = [self.which, loss_type, reg_type, reg_cf, critic, p, q]
        return self.latest

    def slope_inputs(self, draw):
        reg_cf = draw.number(0.3, 0.8)
        return self.inputs(draw, reg_cf=reg_cf), [self.places[self.which]]

    def right(self):
        yield from super().right()
        if not self.replaced:
            yield OwnParts(self)

    def part(self, implementation, kind, *args, probe="call", **more):
        """What a probe finds on a part."""
        probe = getattr(self.probes, probe)
        return implementation(probe, function=PARTS[kind], args=list(args), **more)

    def own_parts_are_right(self):
        """Values, shape and slopes of the parts are those that 2.1 and 2.2 ask for, where the
        check failed and for real samples that do not require a gradient."""
        _, loss_type, reg_type, _, critic, *samples = self.latest
        try:
            for kind in filter(None, (loss_type, reg_type)):
                args = [critic, *samples, *([False] if kind in REGULARISERS else [])]
                named = critic["parameters"].items()
                along = {name: self.draw.normal(*value.shape) for name, value in named}
                asked = {"directions": [[along, *[None] * (len(args) - 1)]], "step": 0.01}
                found = []
                for side in (self.submission, self.reference):
                    run = self.part(side, kind, *args)
                    value = run["result"]
                    self.expect.shape(value, ())
                    for left, given in zip(run["args"][1:3], samples, strict=True):
                        self.expect.unchanged(left, given, what="a batch of samples")
                    slopes = self.part(side, kind, *args, probe="slopes", **asked)["autograd"]
                    found.append(torch.tensor([float(value), *slopes]))
                self.expect.close(*found, slack=RELATIVE * (1 + float(found[1].abs().max())))
        except AssertionError:
            return False
        return True

    def got(self, *args):
        if args[2] is not None:  # a difference from a loss without regulariser is about that
            self.latest = args
        return super().got(*args)

    def holds(self, which, what, help, reg_types=(None,), loss_types=LOSSES):
        """A loss has the right values."""
        self.which = which
        for loss_type in loss_types:
            for reg_type in reg_types:
                for batch in (5, 3, 64):
                    reg_cf = self.draw.number(0.3, 0.8)
                    args = self.inputs(self.draw, batch, loss_type, reg_type, reg_cf)
                    named = what.format(loss_type=loss_type, reg_type=reg_type)
                    self.same(*args, what=named, help=help, relative=RELATIVE)

    @weight(2.5)
    def test_metric_is_the_named_distance(self):
        """The metric is the distance that `loss_type` names, of the critic's values of the real
        samples first and of the generated ones second. Wrong parts are followed through."""
        help = "Apply the chosen loss to critic(p) and critic(q), in this order."
        self.holds("metric", "the metric for {loss_type}", help)

    @weight(2.5)
    def test_metric_carries_no_regulariser(self):
        """The generator minimises the distance alone, and it is what is plotted: the regulariser
        belongs to the critic's loss."""
        what, help = "the metric of a regularised game", "Leave the regulariser to critic_loss."
        self.holds("metric", what, help, ("R1",), ("W1",))

    @weight(3.5)
    def test_critic_wants_the_largest_distance(self):
        """The critic minimises its loss and wants the distance large: without a regulariser its
        loss is minus the metric. Wrong parts are followed through."""
        help = "An optimiser minimises: the critic's loss is the negative of the distance."
        self.holds("critic_loss", "the critic's loss for {loss_type}", help)

    @weight(4)
    def test_regulariser_is_added_with_its_coefficient(self):
        """A penalty is something to be kept small, so it is added to what the critic minimises,
        times `reg_cf`. Seen as the difference from the loss without a regulariser."""
        self.which = "critic_loss"
        help = "critic_loss adds reg_cf times the regulariser of (p, cp, q, cq, critic)."
        for reg_type, batch in itertools.product(REGULARISERS, BATCHES):
            reg_cf = self.draw.number(0.3, 0.8)
            args = self.inputs(self.draw, batch, "W1", reg_type, reg_cf)
            without = [*args[:2], None, *args[3:]]
            what = f"the critic's loss with {reg_type}, less the one without,"
            self.same_change(args, without, what, help)

    @weight(2)
    def test_critic_loss_takes_real_samples_from_a_data_set(self):
        """A data set gives tensors that do not require a gradient, and the regularisers need one:
        it is switched on either in the penalty or before it. The critic is a mean without
        parameters. Wrong parts are followed through."""
        self.which = "critic_loss"
        help = "p.requires_grad_() in the right place, before the critic is applied to p."
        for reg_type, batch in itertools.product(REGULARISERS, BATCHES):
            reg_cf = self.draw.number(0.3, 0.8)
            *args, _, p, q = self.inputs(self.draw, batch, "W1", reg_type, reg_cf)
            what = f"the critic's loss with {reg_type} on plain tensors"
            self.same(
                *args, model("critics.MeanCritic"), p, q, what=what, help=help, relative=RELATIVE
            )

    @form
    @weight(2)
    def test_generator_learns_through_the_metric(self):
        """Autograd must find the slopes in the generated samples that the values themselves
        have."""
        self.which = "metric"
        self.has_the_gradient_of_its_values()

    @form
    @weight(2)
    def test_critic_learns_through_its_loss(self):
        """The regulariser is in it: autograd must find the slopes in the critic's parameters that
        the values themselves have."""
        self.which = "critic_loss"
        self.has_the_gradient_of_its_values()

    @form
    @weight(0.75)
    def test_losses_are_scalars(self):
        """The results have shape (): `backward()` needs one number."""
        for which in self.places:
            self.which = which
            self.has_the_right_shape()

    @form
    @weight(0.5)
    def test_unknown_names_and_coefficients_are_refused(self):
        """The head of `make_losses` refuses what it does not know, at once and not at the first
        call. It is given and has to stay as it is, and counts once the losses are written."""
        self.which = "critic_loss"
        self.expect.finite(self.got(*self.inputs(self.draw, reg_type=None)), what=self.usage)
        for args, what, error in (
            (["Hinge", None, 1.0], "an unknown loss", "NotImplementedError"),
            (["JSD", "L2", 1.0], "an unknown regulariser", "NotImplementedError"),
            (
                ["JSD", "R1", -self.draw.number(0.1, 1.0)],
                "a negative coefficient",
                "AssertionError",
            ),
        ):
            found = self.submission(self.probes.raised, function=self.contract, args=args)
            self.expect.true(
                error in found,
                f"make_losses should raise {error} for {what}",
                "The checks at the head of make_losses are given; keep them.",
                f"make_losses{tuple(args)} raised {found}",
            )
