"""Question 2.4: the exponential moving average of a generator's parameters."""

from grader.suite.laws import Function, form, weight


class TestAverage(Function, question="q2.4", of="gan.apply_exponential_moving_average"):
    """Looked at as a function: of source and target to the target as it is afterwards."""

    def inputs(self, draw, alphas=(0.5,), count=34):
        """[source, target, alphas], the parameters of the probe's models in one vector each."""
        return [draw.normal(count), draw.normal(count), list(alphas)]

    def related_inputs(self, draw, batch):
        return self.inputs(draw, [draw.number(0.2, 0.8)])

    def run(self, implementation, source, target, alphas, frozen=""):
        inputs = {"source": source, "target": target, "alphas": alphas, "frozen": frozen}
        return implementation(self.probes.moving_average, **inputs)

    def ask(self, implementation, *args):
        return self.run(implementation, *args)["target"]

    def moved(self):
        """A run after which the target is not what it was."""
        args = self.inputs(self.draw)
        after = self.run(self.submission, *args)
        self.responds(after["target"], args[1])
        return after, args

    def averages(self, alphas, what, help, count=34):
        self.same(*self.inputs(self.draw, alphas, count), what=what, help=help, slack=1e-6)

    @weight(3)
    def test_moves_the_target_towards_the_source(self):
        """Every parameter, however deep, becomes alpha times itself plus (1 - alpha) times the
        source's parameter of the same name."""
        help = "alpha is the share of the old target that stays."
        for low, high, count in ((0.05, 0.3, 34), (0.7, 0.95, 514)):
            self.averages([self.draw.number(low, high)], "the target", help, count)

    @weight(1)
    def test_can_be_repeated(self):
        """It is applied after every step of the generator, with the target where it was left."""
        alphas = [self.draw.number(0.6, 0.9) for _ in range(4)]
        help = "Update the parameters themselves, in place, without their gradients."
        self.averages(alphas, "the target after four updates", help)

    @form
    @weight(0.5)
    def test_averages_parameters_without_gradients_too(self):
        """A test generator is never trained, so its parameters are usually frozen; so may be a
        part of the generator. What the average makes of parameters that learn is another test's."""
        self.moved()
        help = "Average all parameters, whatever their requires_grad."
        for who in ("target", "source"):
            what = f"the target, where the {who}'s parameters are frozen,"
            args = self.inputs(self.draw, [self.draw.number(0.3, 0.7)])
            self.same_as_usual([*args, who], args, what, help, relative=1e-5)

    @weight(0.5)
    def test_uses_the_default_alpha(self):
        """Without `alpha` it is 0.998: the target moves by two thousandths of the way."""
        self.averages([], "the target", "alpha=0.998")

    @form
    @weight(0.75)
    def test_keeps_the_targets_parameters(self):
        """In place: optimisers and other holders of the target's parameters must see the change,
        so the parameters stay the same objects, and leaves without a history."""
        after, _ = self.moved()
        self.expect.true(
            after["in_place"],
            "the target's parameters were replaced, or carry a gradient history",
            "Use copy_, mul_ and add_ under torch.no_grad(), or assign to .data.",
        )

    @form
    @weight(0.75)
    def test_leaves_the_source_as_it_is(self):
        """The source is the model in training; averaging must not touch it, nor stop its
        training."""
        after, (source, *_) = self.moved()
        self.expect.unchanged(after["source"], source, what="the source")
        self.expect.true(
            after["source_learns"],
            "the source's parameters no longer require a gradient",
            "torch.no_grad() around the update is enough: requires_grad belongs to the caller.",
        )
