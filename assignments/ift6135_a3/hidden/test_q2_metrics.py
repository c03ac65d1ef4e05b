"""Question 2.1: the two estimates of a distance from critic values, `jsd` and `w1`.

Critic values are within -3 and 3 where values are compared closely, so that a constant up to 1e-6
inside a logarithm changes nothing that is looked at; a confident critic is compared with room.
"""

import torch

from grader.suite.laws import Function, form, law, weight

SLACK = 3e-4


class Metric(Function):
    parameters = ("cp", "cq")

    def inputs(self, draw, batch=4):
        """Real values rather above, generated ones rather below zero."""
        return [draw.uniform(batch, low=-1.5, high=3.0), draw.uniform(batch, low=-3.0, high=1.5)]

    def result_shape(self, cp, cq):
        return ()

    def slope_inputs(self, draw):
        return self.inputs(draw), [0, 1]

    def direction(self, argument):
        """Uphill in all values, so that the slope cannot be small by chance."""
        return self.draw.uniform(*argument.shape, low=0.5, high=1.0)

    def number(self, result):
        """A finite result of one value, whatever its shape."""
        self.expect.finite(result, what=self.usage)
        return float(self.expect.each(result, 1, what=self.usage)[0])

    @law("dirac", shows=0)
    def takes_the_dirac_game_and_double_precision(self):
        """In the dirac game the real value is (1, 1) and the generated one (1,); a critic may be
        in float64. The submission's own value for (1,) in float32 is the yardstick."""
        cp, cq = self.inputs(self.draw, 1)
        own = self.got(cp, cq)
        self.responds(self.number(own), self.number(self.got(cp + 1, cq - 1)))
        for real, fake, which in (
            (cp.reshape(1, 1), cq, "of shapes (1, 1) and (1,)"),
            (cp.double(), cq.double(), "in float64"),
        ):
            what = f"{self.name} of critic values {which}"
            self.expect.close(self.got(real, fake), self.number(own), what=what, slack=1e-5)


class TestJsd(Metric, question="q2.1", of="gan.jsd", gradient=1.75, shape=0.5, dirac=0.25):
    """The form, the factor and the constant are marked apart."""

    def above_zero(self, implementation, *cases):
        """jsd(cp, cq) - jsd(0, 0): a wrong constant cancels."""
        zero = [torch.zeros(5), torch.zeros(5)]
        level, *values = [self.number(self.ask(implementation, *c)) for c in (zero, *cases)]
        return [value - level for value in values]

    @weight(6)
    def test_rewards_a_critic_that_tells_real_from_generated(self):
        """The estimate adds the mean of log sigmoid(C) over real values and the mean of
        log sigmoid(-C) over generated ones, also where the critic is sure and wrong. Looked at up
        to a constant and a common factor."""
        counts = (self.draw.integer(3, 5), self.draw.integer(6, 9), self.draw.integer(65, 130))
        cases = [self.inputs(self.draw, count) for count in (*counts, 4)]
        cases += [[self.draw.uniform(5, low=-7, high=-5), self.draw.uniform(5, low=5, high=7)]]
        got, wanted = (self.above_zero(side, *cases) for side in (self.submission, self.reference))
        largest = max(range(4), key=lambda i: abs(wanted[i]))
        factor = got[largest] / wanted[largest]
        detail = f"above its value at zero: {got}, expected {wanted} up to a positive factor"
        self.expect.true(factor > 1e-2, "jsd falls as the critic gets better", detail=detail)
        off = [abs(g / factor - w) for g, w in zip(got, wanted, strict=True)]
        self.expect.true(
            max(off[:4]) <= 1e-3,
            "jsd does not change with the critic's values as the divergence does",
            "Which values belong to the real samples, and which sign do the others get? "
            "Critic values are logits: they go through a log-sigmoid once.",
            detail,
        )
        self.expect.true(
            off[4] <= 3e-2,
            "jsd does not change as the divergence does where the critic is sure and wrong",
            "A logit may be any number: is something clamped on the way?",
            detail,
        )

    @weight(3.75)
    def test_has_the_right_scale(self):
        """The Jensen-Shannon divergence is half the sum of two Kullback-Leibler divergences.
        Looked at as the change from one set of critic values to another, without constant or
        sign."""
        few, many = (
            (self.draw.uniform(n, low=-3, high=-1), self.draw.uniform(n, low=1, high=3))
            for n in (6, self.draw.integer(65, 130))
        )
        changes = []
        for side in (self.submission, self.reference):
            good, bad = self.above_zero(side, few[::-1], many)
            changes.append(abs(good - bad))
        self.expect.close(
            *changes,
            what="the change of jsd with the critic's values",
            help="Do the two means count half each? Means, not sums?",
            slack=2 * SLACK,
        )

    @form
    @weight(3.75)
    def test_is_zero_where_the_critic_knows_nothing(self):
        """With all critic values zero, real and generated are indistinguishable and the
        divergence is zero; a constant that is missing shifts the plots, though not the
        gradients."""
        zeros = torch.zeros(self.draw.integer(3, 9))
        same = self.got(zeros, zeros)
        what = "jsd of critic values that are all zero"
        help = "The constant is half of log 4, in nats."
        self.expect.close(same, 0.0, what=what, help=help, slack=SLACK)
        other = self.draw.uniform(2, len(zeros), low=1, high=2)
        self.responds(self.number(same), self.number(self.got(*other)))

    @form
    @weight(1.75)
    def test_stays_finite_for_confident_critics(self):
        """One minus the sigmoid of 60 is zero in float32; a logarithm taken after that is minus
        infinity, and training is over. Values up to 80 in size count: that far float32 holds the
        sigmoid itself, on the side where it is small."""
        sure = self.draw.uniform(4, low=60.0, high=80.0)
        for cp, cq in ((sure, sure), (-sure, -sure), (-sure, sure), (sure, -sure)):
            self.expect.finite(
                self.got(cp, cq),
                what="jsd for critic values of 60 to 80 in size",
                help="torch.nn.functional has logsigmoid and softplus.",
            )
        self.responds(*(self.number(self.got(sure * s, -sure * s)) for s in (0.01, -0.01)))


class TestW1(Metric, question="q2.1", of="gan.w1"):
    owes = {"values": 2.5, "gradient": 1.75, "shape": 0.5, "dirac": 0.25}
    slack = 1e-5
    look_at = {"values": "Real first, and no absolute value."}

    def apart(self):
        """Overlapping values, few and many: only the means tell which side is higher."""
        for bounds in ((4, 9), (65, 130)):
            high, low = self.draw.normal(2, self.draw.integer(*bounds), std=1.5)
            yield [high - high.mean() + 0.5, low - low.mean() - self.draw.number(0.0, 0.5)]

    def has_the_right_values(self):
        """Mean over the real values minus mean over the generated ones."""
        for args in self.apart():
            self.same(*args, help=self.look_at["values"])

    @weight(2.5)
    def test_is_negative_where_the_critic_prefers_generated_samples(self):
        """Nothing is clipped: for one critic the estimate may well be negative."""
        for args in self.apart():
            self.same(*reversed(args), help=self.look_at["values"])
