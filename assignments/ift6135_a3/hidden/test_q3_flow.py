"""Questions 3.1, 3.4, 3.6 and 3.8: the planar transformation, the flow, and its two losses.

Both methods of a planar transformation move `u`, by the given `adjust_u`, where w.u < -1. Where
`eps` is added in `get_logdet`, and whether, is left open: determinants are kept above 0.05, where
that makes no visible difference.
"""

import torch

from grader.suite.laws import FollowThrough, Network, form, law, model, partial, weight

SLACK = 1e-4
# What layers have to do at least, for what follows from them to prove anything.
SEEN = 1e-2
FORWARD, LOGDET = (f"solution.PlanarTransformation.{name}" for name in ("forward", "get_logdet"))


# The derivative of a function by its values at these steps, each with its share: the error is of
# the fourth order, so that steps can be large beside the rounding of float32.
STENCIL, STEP = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)), 0.03


def shows_knowledge(test, kind):
    """Whether what the submission gives for another contract is related to the right answers."""
    part = kind()
    part.enter(test._fixture)
    return part.related()


def planar(draw, dim, wu):
    """A layer with this value of w.u, u not along w, and a visible b."""
    w, other = draw.normal(1, dim), draw.normal(1, dim, std=0.7)
    w = w * (draw.number(0.8, 1.4) / w.norm())
    square = (w * w).sum()
    u = other - (other * w).sum() * w / square + wu * w / square
    b = draw.uniform(1, low=0.3, high=1.0)
    return model("solution.PlanarTransformation", dim, u=u, w=w, b=b)


# --- 3.1 and 3.4 PlanarTransformation ---------------------------------------------------------


class Planar(Network):
    parameters = ("u, w and b", "x")
    slack = SLACK
    often = 4  # in one layer alone, what a cut takes away may be too small to see

    def inputs(self, draw, batch=4):
        small = batch != 7
        dim = 2 if small else draw.integer(3, 5)
        wu = draw.number(0.5, 2.5) if small else draw.number(-0.8, -0.4)
        return [planar(draw, dim, wu), draw.normal(batch, dim)]

    def thin(self, draw):
        line = [planar(draw, 1, draw.number(0.5, 1.5)), draw.normal(4, 1)]
        yield line, self.inputs(draw), "on a line"

    def slope_inputs(self, draw):
        return [planar(draw, 2, draw.number(0.5, 1.5)), draw.normal(6, 2, std=0.5)], [0, 1]

    def has_the_gradient_of_its_values(self):
        """Both losses are differentiated through it, with respect to u, w and b and, for the
        layers before, to the points; its own values are the yardstick."""
        for _ in range(self.often):
            super().has_the_gradient_of_its_values()

    @law("adjusted")
    def adjusts_u_first(self):
        """Where w.u < -1, `adjust_u` moves u first: without that the transformation folds, and
        its determinant is not positive."""
        self.same(
            planar(self.draw, 2, self.draw.number(-2.5, -1.5)),
            self.draw.normal(6, 2),
            what=f"{self.name} for w.u < -1",
            help="The call of adjust_u at the head of the method is given; keep it, and use self.u "
            "after.",
        )


class TestForward(Planar, question="q3.1", of="solution.PlanarTransformation.forward"):
    owes = {
        "values": 4,
        "adjusted": 1,
        "gradient": 1,
        "shape": 0.5,
        "batch_of_one": 0.5,
        "arguments": 0.5,
    }
    look_at = {"values": "x + u tanh(w.x + b), with one number w.x + b per point."}

    def has_the_right_values(self):
        """f(x) = x + u tanh(w.x + b): every point moves along u, as far as its place along w
        says."""
        super().has_the_right_values()

    def result_shape(self, layer, x):
        return tuple(x.shape)


class OwnForward:
    """The log-determinant that belongs to a submission's own `forward`, right or wrong.

    It follows from points that `forward` is asked for by itself, beside those of the test. A
    transformation that is not related to the right one, or whose determinant is the same
    everywhere, proves nothing: its log-determinant is soon made up.
    """

    def __init__(self, test):
        self.test = test

    def __call__(self, probe, function, args):
        test, (layer, x) = self.test, args
        test.expect.true(shows_knowledge(test, TestForward), "forward is not an attempt")
        columns = []
        for axis in torch.eye(x.shape[1]):
            moved = [x + place * STEP * axis for place, _ in STENCIL]
            found = test.submission(probe, function=FORWARD, args=[layer, torch.cat(moved)])
            test.expect.shape(found["result"], (len(STENCIL) * len(x), x.shape[1]))
            values = found["result"].double().split(len(x))
            weighted = [share * v for (_, share), v in zip(STENCIL, values, strict=True)]
            columns.append(sum(weighted) / STEP)
        own = torch.stack(columns, dim=2).det().abs().log()
        test.expect.finite(own)
        test.expect.true(float(own.max() - own.min()) > 0.01, "forward does not bend the space")
        return {"result": own.float()[:, None]}


class TestLogdet(Planar, question="q3.4", of="solution.PlanarTransformation.get_logdet"):
    """It may be found by autograd of the submission's own forward, which question 3.1 marks."""

    owes = {
        "values": 4,
        "adjusted": 1,
        "gradient": 1,
        "shape": 1.25,
        "batch_of_one": 0.25,
        "arguments": 0.25,
    }
    built_on = (TestForward,)
    stand_ins = (FORWARD,)
    readings = ("logdet_by_autograd",)
    look_at = {
        "values": "The derivative of tanh(a) is 1 - tanh(a)^2; the determinant needs a logarithm."
    }

    def right(self):
        yield from super().right()
        if not self.replaced:
            yield OwnForward(self)

    def has_the_right_values(self):
        """log(1 + h'(w.x + b) w.u): by the matrix determinant lemma. A slip in 3.1 is not charged
        again where the Jacobian of the submission's own forward is taken."""
        super().has_the_right_values()

    def result_shape(self, layer, x):
        return (len(x), 1)


# --- 3.6 Flow.forward -------------------------------------------------------------------------


class OwnLayers:
    """What a submission's own layers give, right or wrong, called one after another.

    Layers that do nothing, that lead all points to one place or that show no knowledge of what
    they are to give prove nothing.
    """

    def __init__(self, test):
        self.test = test

    def __call__(self, probe, function, args):
        test, (flow, start) = self.test, args
        x, logdet = start, torch.zeros(len(start), 1)
        for layer in test.layers(flow):
            found, x = (
                test.submission(probe, function=method, args=[layer, x])["result"]
                for method in (LOGDET, FORWARD)
            )
            logdet = logdet + test.expect.each(found, len(start)).float()[:, None]
            test.expect.shape(x, start.shape)
        related = (shows_knowledge(test, kind) for kind in test.built_on)
        test.expect.true(any(related), "no layer is an attempt")
        moves = float((x - start).abs().max()) > SEEN and float(x.double().std()) > 1e-3
        moves &= float(logdet.max() - logdet.min()) > SEEN
        test.expect.true(moves, "the layers do nothing that can be seen")
        return {"result": [x, logdet]}


class TestFlow(Network, question="q3.6", of="solution.Flow.forward", gradient=2, arguments=0.5):
    """The layers are marked in 3.1 and 3.4: wrong ones are followed through."""

    parameters = ("the parameters of its layers", "x")
    built_on = (TestForward, TestLogdet)
    stand_ins = (FORWARD, LOGDET)
    results = (0, 1)

    def flow(self, draw, dim, count, low=0.3, high=1.0):
        made = [planar(draw, dim, draw.number(low, high))["parameters"] for _ in range(count)]
        named = {f"layers.{k}.{n}": p for k, layer in enumerate(made) for n, p in layer.items()}
        return model("solution.Flow", dim, count, **named)

    def layers(self, flow):
        """A flow's layers, each a model of its own."""
        dim, count = flow["size"]
        for k in range(count):
            named = {n: flow["parameters"][f"layers.{k}.{n}"] for n in "uwb"}
            yield model("solution.PlanarTransformation", dim, **named)

    def inputs(self, draw, batch=4, dim=2):
        return [self.flow(draw, dim, 3), draw.normal(batch, dim)]

    def both(self, results):
        """The points and the log-determinant."""
        self.expect.true(
            isinstance(results, list | tuple) and len(results) == 2,
            "the flow does not return two results",
            "It returns the points, then the log-determinant.",
        )
        return results

    def right(self):
        yield from super().right()
        if not self.replaced:
            yield OwnLayers(self)

    def responds(self, result, other):
        for one, another in zip(self.both(result), self.both(other), strict=True):
            super().responds(one, another)

    def gives(self, place, what, help):
        """One of the two results is right, for flows of several lengths."""
        for count, batch in ((1, 6), (self.draw.integer(3, 5), 64), (32, 6)):
            args = [self.flow(self.draw, 2, count), self.draw.normal(batch, 2)]
            found = self.both(self.got(*args))[place]

            def compare(implementation, args=args, found=found):
                wanted = self.ask(implementation, *args)[place]
                slack = SLACK * (1 + float(wanted.abs().max()))
                found = self.read(found, wanted, what)
                self.expect.close(found, wanted, what=what, help=help, slack=slack)

            self.in_any_reading(compare)

    @partial
    @weight(2.5)
    def test_applies_its_layers_in_order(self):
        """The output of each layer goes into the next."""
        help = "Go through self.layers from the first to the last."
        self.gives(0, "the output of the flow", help)

    @weight(4)
    def test_adds_log_determinants_at_each_layers_input(self):
        """By the chain rule the log-determinants add up, each at the point where its layer
        starts."""
        help = (
            "Ask each layer for its log-determinant before its transformation, and add them all up."
        )
        self.gives(1, "the log-determinant of the flow", help)

    @form
    @weight(1.25)
    def test_gives_points_and_one_column(self):
        """(B, dim) and (B, 1), also for one point, on a line and in space."""
        for batch, dim in ((5, 2), (1, 3), (4, 1)):
            result, other = (self.got(*self.inputs(self.draw, batch, dim)) for _ in range(2))
            self.responds(result, other)
            self.expect.shape(result[0], (batch, dim), what="the output of the flow")
            self.expect.shape(result[1], (batch, 1), what="the log-determinant of the flow")

    def slope_inputs(self, draw):
        return [self.flow(draw, 2, 3, 0.5, 1.5), draw.normal(4, 2, std=0.5)], [0]

    def has_the_gradient_of_its_values(self):
        """Every layer's parameters learn through both results of the flow."""
        for _ in range(3):  # in one flow, what a cut takes away may be too small to see
            super().has_the_gradient_of_its_values()


# --- 3.6 loss1, 3.8 loss2 ---------------------------------------------------------------------


class Mean:
    """An implementation whose losses are reduced to their mean."""

    def __init__(self, implementation):
        self.implementation = implementation

    def __call__(self, probe, **asked):
        return {"result": self.implementation(probe, **asked)["result"].mean()}


class Loss(FollowThrough):
    """A loss of each example, in the plane: all data and densities of the assignment lie there.

    The training loops take the mean. A sum of (B,) and (B, 1) is (B, B) and has the same mean, with
    each example's value on the diagonal, so it loses the marks for the shape alone, as the mean
    itself does.
    """

    step = 0.02
    look_at = {
        "shape": "Give every summand the shape (B, 1) before adding: (B,) and (B, 1) make (B, B)."
    }

    def result_shape(self, *args):
        return (len(args[0]), 1)

    def right(self):
        for implementation in super().right():
            yield implementation
            yield Mean(implementation)

    def read(self, value, like, what):
        one = torch.as_tensor(like).dim() == 0
        return self.expect.each(value, 1, what=what)[0] if one else super().read(value, like, what)

    def follows(self, place, help):
        """The loss changes rightly with one of its arguments."""
        what = f"the change of {self.name} with {self.parameter(place)}"
        for batch in (5, 64):
            first, second = self.inputs(self.draw, batch), self.inputs(self.draw, batch)
            second = [
                b if i == place else a for i, (a, b) in enumerate(zip(first, second, strict=True))
            ]
            self.same_change(first, second, what, help)

    @law("constant", shows=0.5)
    def includes_the_constant(self):
        """exp(-loss1) is plotted as a density, so the constant of the base density is part of it.
        Seen at the origin of the base distribution."""
        self.answers(batch=4)
        self.same(
            *(torch.zeros_like(a) for a in self.inputs(self.draw, 4)),
            what=f"{self.name} at the origin of the base distribution",
            help="log N(z; 0, I) holds -1/2 log(2 pi) for each of the dimensions.",
            slack=2e-3,
        )


class TestLoss1(Loss, question="q3.6", of="solution.loss1"):
    owes = {"constant": 1, "shape": 2, "batch_of_one": 0.25, "gradient": 1.25, "arguments": 0.5}
    parameters = ("z0", "logdet")

    def inputs(self, draw, batch=4):
        return [draw.normal(batch, 2), draw.normal(batch, 1)]

    def slope_inputs(self, draw):
        return self.inputs(draw), [0, 1]

    @partial
    @weight(3)
    def test_grows_away_from_the_origin(self):
        """The flow carries data to the base distribution N(0, I): a point far from the origin
        there is an unlikely one, and its negative log-likelihood is higher by half the squared
        distance."""
        self.follows(0, "Minus the log-density of N(0, I) at z0, summed over dim. Mind the sign.")

    @partial
    @weight(3)
    def test_falls_with_the_log_determinant(self):
        """log p(x) = log N(g(x); 0, I) + log |det dg/dx|, and the loss is its negative."""
        self.follows(1, "The whole log-likelihood gets the minus sign.")


class TestLoss2(Loss, question="q3.8", of="solution.loss2"):
    """Samples x of the flow should be likely under the target: log q(x) - log p(x), where
    log q(x) = log N(z0) - logdet and target_density is -log p(x)."""

    owes = {
        "constant": 0.75,
        "shape": 1.5,
        "batch_of_one": 0.25,
        "gradient": 0.5,
        "arguments": 0.25,
    }
    parameters = ("target_density", "z0", "logdet")
    built_on = (TestLoss1,)
    stand_ins = ("solution.loss1",)
    readings = ("loss2_by_loss1", "loss2_by_the_base_density_of_loss1")

    def inputs(self, draw, batch=4):
        energy = draw.normal(batch, mean=2.0)  # mostly positive
        return [energy, draw.normal(batch, 2), draw.normal(batch, 1)]

    def slope_inputs(self, draw):
        return self.inputs(draw), [0, 2]  # z0 does not depend on the flow

    @form
    def includes_the_constant(self):
        """log q(x) holds the constant of the base density; without it the loss is not the
        divergence that is plotted. Seen at the origin, where all other terms are zero."""
        super().includes_the_constant()

    @partial
    @weight(2)
    def test_grows_with_the_energy(self):
        """log q(x) - log p(x), and target_density is an energy, -log p(x)."""
        self.follows(0, "target_density is -log p: the loss grows with it, one for one.")

    @partial
    @weight(2)
    def test_grows_with_the_base_density(self):
        """log q(x) = log N(z0; 0, I) - logdet: likely samples have a higher density."""
        self.follows(1, "The log-density of the base sample z0 under N(0, I), with a plus sign.")

    @partial
    @weight(2)
    def test_falls_with_the_log_determinant(self):
        """log q(x) = log N(z0; 0, I) - logdet: what is stretched gets less dense."""
        self.follows(2, "A sample's log-density falls by the log-determinant: log N(z0) - logdet.")
