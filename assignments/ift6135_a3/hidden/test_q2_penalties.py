"""Question 2.2: the gradient penalties `r1gp` and `ogp`.

Whether `cp` is differentiated or `critic(p)` afresh is left open, so `cp` is the critic's values
of real samples that require a gradient, except in the one law that is about it. How `ogp` draws
its noise is left open, so its values are compared where noise makes no difference: critics of the
same gradient everywhere, or generated samples equal to the real ones.

A wrong common factor (a half, a ten, a sum in place of a mean) is one slip: it costs the law of
the factor, and the others look at values up to the factor. A penalty that takes images and is
wrong on rows of numbers loses the first law and that of numbers; the others give it images of one
line.
"""

import math

import numpy as np
import torch

from grader.suite.laws import Network, form, law, model, weight

RELATIVE = 2e-4
BATCHES = (6, 3, 64)


def smooth(draw, size):
    """A critic whose gradient differs from sample to sample."""
    w, slope = (draw.normal(*s, std=1 / math.sqrt(size)) for s in ((4, size), (size,)))
    return model("critics.SmoothCritic", 4, size, w=w, a=draw.normal(4, std=1.5), slope=slope)


def straight(draw, size, low=1.7, high=2.5):
    """A critic whose gradient has the same norm everywhere."""
    slope = draw.normal(size)
    slope = slope * (draw.number(low, high) / slope.norm())
    return model("critics.SmoothCritic", 1, size, slope=slope)


class Penalty(Network):
    owes = {
        "norm": 3.5,
        "factor": 5.5,
        "whole_images": 7,
        "numbers": 1.5,
        "gradient": 5,
        "data": 3,
        "any_critic": 0.25,
        "shape": 0.125,
        "arguments": 0.125,
    }
    prepared = True
    worlds = ("rows", "images of one line")
    parameters = ("the critic's parameters", "p", "q")
    likely = staticmethod(straight)  # a critic for which the penalty needs no luck
    formula = ""
    look_at = {
        "gradient": "torch.autograd.grad needs create_graph=True here; nothing may be detached "
        "after it."
    }

    @property
    def usage(self):
        return f"{self.name}(p, cp, q, cq, critic)"

    def samples(self, count, *shape):
        """Real and generated ones; vectors are images of one line in the second world."""
        shape = (1, 1, *shape) if len(shape) == 1 and self.world == self.worlds[1] else shape
        return [self.draw.normal(count, *shape) for _ in range(2)]

    def inputs(self, draw, batch=6):
        return [self.likely(draw, 5), *self.samples(batch, 5)]

    def related_inputs(self, draw, batch):
        """The gradient of a curved critic is not a function of its parameters."""
        return [smooth(draw, 3), *self.samples(batch, 3)]

    def result_shape(self, critic, p, q):
        return ()

    def slope_inputs(self, draw):
        p, _ = self.samples(4, 3)
        return [smooth(draw, 3), p, p.clone()], [0]

    def vectors(self):
        """Cases on vectors of five numbers; for `ogp`, gradients of norms above one."""
        return [self.inputs(self.draw, batch) for batch in BATCHES]

    def number(self, result):
        """A finite result of one value, whatever its shape."""
        self.expect.finite(result, what=self.usage)
        return float(self.expect.each(result, 1, what=self.usage)[0])

    def both(self, cases):
        """The submission's values and the right ones."""
        return (
            [self.number(self.ask(side, *case)) for case in cases]
            for side in (self.submission, self.reference)
        )

    def sees(self, factor):
        self.expect.true(
            abs(factor) > 1e-3,
            f"{self.name} does not see the critic's gradient",
            "Is the function finished?",
        )
        return factor

    def factor(self, *case):
        """What the submission's value is, over what it should be; not zero."""
        got, wanted = self.both([case or self.inputs(self.draw)])
        return self.sees(got[0] / wanted[0])

    def agrees(self, cases, factor, what, help):
        """The values are right but for a factor."""
        got, wanted = self.both(cases)
        self.expect.close(
            torch.tensor(got) / factor,
            torch.tensor(wanted),
            what=f"{self.name} of {what}, up to a common factor,",
            help=help,
            slack=RELATIVE * (1 + max(wanted)),
        )

    @law("norm")
    def follows_the_norm_of_the_gradient(self):
        """R1 grows with the squared norm of the critic's gradient at real samples; the one-centred
        penalty with the squared distance of the norm from one. The samples are rows of numbers
        (N, D); several critics, up to one common factor; the norms are above one for `ogp`."""
        self.world = self.worlds[0]
        cases = self.vectors()
        factor = self.factor(*cases[0])
        falls = f"{self.name} falls where the penalty grows"
        self.expect.true(factor > 0, falls, "A penalty is positive.")
        self.agrees(cases, factor, "rows of numbers", self.formula)

    @law("factor")
    def has_no_factor_of_its_own(self):
        """The coefficient is `reg_cf` in `make_losses`. Neither the half nor the ten of the papers
        is in the penalty, and it is a mean over the batch."""
        got, wanted = map(math.fsum, self.both(self.vectors()))
        what = f"{self.name}, added up over several critics,"
        self.expect.close(got, wanted, what=what, help=self.formula, slack=RELATIVE * (3 + wanted))

    @law("whole_images")
    def takes_the_norm_of_a_whole_image(self):
        """The norm of an image's gradient runs over all its axes: neither over the last alone, nor
        over the whole batch at once."""
        self.agrees(
            [[self.likely(self.draw, 48), *self.samples(6, 3, 4, 4)]],
            self.factor(),
            "images",
            "Flatten each sample's gradient before the norm; noise needs as many axes as the "
            "samples.",
        )

    @law("numbers")
    def takes_samples_that_are_numbers(self):
        """A batch (N,) holds N samples of one number each. In the dirac game the real sample is
        (1, 1), the generated one (1,), and the critic's values have the same shapes."""
        draw = self.draw
        for shapes in (((6,), (6,)), ((1, 1), (1,))):
            # From as many rows of one number: a sum in place of a mean is the slip of another law.
            alike = [draw.normal(shapes[0][0], 1) for _ in range(2)]
            factor = self.factor(self.likely(draw, 1), *alike)
            cases = []
            for _ in range(2):
                critic = self.likely(draw, 1)
                if len(shapes[0]) == 2:
                    param = draw.uniform(2, low=1.5, high=2.5)
                    critic = model("critics.ElementwiseCritic", param=param)
                cases.append([critic, *(draw.normal(*shape) for shape in shapes)])
            help = "Arbitrary sample shapes are asked for: reshape by the size of the batch."
            self.agrees(cases, factor, "samples that are numbers", help)

    def tried(self, *args, function="", **more):
        """What a call gives, as a number; None if it does not work."""
        function = function or self.contract
        try:
            run = self.submission(self.probes.call, function=function, args=list(args), **more)
            return self.number(run["result"])
        except AssertionError:
            return None

    def in_loss(self, *args):
        """What the penalty adds to `critic_loss`, and whether there is one."""
        kind = {"r1gp": "R1", "ogp": "GP"}[self.name]
        whole, bare = (
            self.tried("critic_loss", "W1", reg, 1.0, *args, function="gan.make_losses")
            for reg in (kind, None)
        )
        return None if None in (whole, bare) else whole - bare, bare is not None

    @law("data", shows=0)
    def takes_real_samples_from_a_data_set(self):
        """A data set gives tensors that do not require a gradient, and the penalty needs one: it is
        switched on in the penalty, or in `critic_loss` before it. The submission's own value for
        samples that do require one, which must be taken as well, is the yardstick."""
        args = self.inputs(self.draw)
        usual, alone = self.tried(*args, True), self.tried(*args, False)
        if usual is None and alone is None:
            self.got(*args)  # what it raises is told
        self.expect.true(
            usual is not None,
            f"{self.name} does not work on real samples that require a gradient",
            "What is computed from such samples requires a gradient already, and assigning to its "
            "requires_grad raises an error. Detach it first.",
        )
        self.sees(usual)
        in_loss, there_is_one = self.in_loss(*args)
        found = [value for value in (alone, in_loss) if value is not None]
        # Without any `critic_loss` nobody can tell who was to switch the gradient on.
        self.expect.true(
            (not found and not there_is_one)
            or any(abs(value - usual) <= RELATIVE * (1 + abs(usual)) for value in found),
            f"{self.name} does not work on real samples that do not require a gradient",
            "p.requires_grad_() on a copy of the samples, before the critic is applied to them.",
            f"with a gradient {usual}, without one {alone}, in the loss {in_loss}",
        )

    def accepted_for_other_values(self, right):
        return [right]

    @law("any_critic")
    def takes_any_critic_and_any_values(self):
        """A critic is any callable, and `cp` need not be its values: the penalty may then be that
        of the critic or, for `r1gp`, that of the function which `cp` came from."""
        factor = self.factor()
        args = [straight(self.draw, 5), *self.samples(6, 5)]
        got = self.number(self.got(*args, None, False)) / factor
        accepted = self.accepted_for_other_values(self.number(self.ask(self.reference, *args)))
        self.expect.true(
            any(abs(got - value) <= RELATIVE * (1 + value) for value in accepted),
            f"{self.name} is wrong for a critic that is a plain function, with other values as cp",
            "Differentiate critic(x) at the points that the penalty is about.",
            f"value {got}, accepted {accepted}, up to a common factor",
        )

    def leaves_its_arguments_alone(self):
        """The samples keep their values, and a second call on the same tensors gives the same: no
        gradient is left behind to be added to."""
        super().leaves_its_arguments_alone()
        twice = self.submission(
            self.probes.repeated,
            function=self.contract,
            args=self.inputs(self.draw),
            seed=self.draw.seed(),
            repeats=2,
        )
        first, second = map(self.number, twice)
        what = f"{self.name}, called again on the same tensors,"
        self.expect.close(second, first, what=what, slack=1e-4)


class TestR1(Penalty, question="q2.2", of="gan.r1gp"):
    likely = staticmethod(smooth)
    formula = "The mean over the real samples of the squared norm of the critic's gradient."

    def accepted_for_other_values(self, right):
        return [right, 5.0]  # cp is the sum of each sample's five numbers here


class TestOgp(Penalty, question="q2.2", of="gan.ogp"):
    formula = "The mean over the samples of (norm of the critic's gradient - 1)^2."

    def vectors(self):
        spans = ((1.44, 1.76), (2.07, 2.53), (2.79, 3.41))
        cases = zip(spans, BATCHES, strict=True)
        return [[straight(self.draw, 5, *span), *self.samples(n, 5)] for span, n in cases]

    @weight(2.5)
    def test_pulls_small_gradients_up_as_well(self):
        """The penalty is one-centred: a norm below one is as wrong as one above."""
        spans = ((0.09, 0.11), (0.32, 0.38), (0.54, 0.66))
        cases = [
            [straight(self.draw, 5, *span), *self.samples(n, 5)]
            for span, n in zip(spans, BATCHES, strict=True)
        ]
        help = "The distance from one is squared on both sides; nothing is clamped."
        self.agrees(cases, self.factor(), "critics with gradients smaller than one", help)

    @weight(2.5)
    def test_squares_before_it_averages(self):
        """Each sample's norm has its own distance from one. Seen with generated samples equal to
        the real ones, where every point between them is that sample."""
        points = [1.5 * self.samples(n, 4)[0] for n in (6, 64)]
        cases = [[smooth(self.draw, 4), p, p.clone()] for p in points]
        help = "The mean of the squares, not the square of the mean; one norm per sample."
        self.agrees(cases, self.factor(), "samples with different gradients", help)

    def points(self, repeats):
        """Where `ogp` took its gradients: eps = (x - q) / (p - q) of many calls on one number.

        The critic (x - centre)^2 / 2 has the gradient x - centre, above one all the way, so that
        the penalty can be turned back into x. Its scale is the submission's own, from p = q.
        """
        draw = self.draw
        ends = [draw.uniform(1, 1, low=low, high=low + 1) for low in (1.0, -2.0)]
        p, q = ends if draw.number(0, 1) < 0.5 else ends[::-1]
        centre = torch.minimum(p, q).reshape(1) - 1.5
        critic = model("critics.BowlCritic", 1, centre=centre)
        factor = self.factor(critic, p, p.clone())
        values = self.submission(
            self.probes.repeated,
            function=self.contract,
            args=[critic, p, q],
            seed=draw.seed(),
            repeats=repeats,
        )
        self.expect.finite(values, what=self.usage)
        squares = values.double().reshape(repeats, -1)[:, 0].numpy() / factor
        x = np.sqrt(np.maximum(squares, 0)) + 1 + float(centre)
        return (x - float(q)) / (float(p) - float(q))

    @form
    @weight(1)
    def test_looks_between_real_and_generated(self):
        """Every point lies on the line between a real and a generated sample. Noise from a normal
        distribution leaves it two times out of three."""
        self.expect.plausible(
            self.stats.inside(self.points(64), -1e-3, 1 + 1e-3, effect=0.2),
            "ogp takes the gradient at points that are not between real and generated samples",
            "eps p + (1 - eps) q with eps between zero and one.",
        )

    @weight(5)
    def test_looks_everywhere_between(self):
        """eps is uniform on [0, 1] and new at every call: neither the midpoint nor one of the
        ends."""
        self.expect.plausible(
            self.stats.uniform(self.points(200), false_fail=1e-9, effect=0.4),
            "the points at which ogp takes the gradient are not uniform between real and generated",
            "Draw eps afresh, uniform on [0, 1], at every call.",
        )
