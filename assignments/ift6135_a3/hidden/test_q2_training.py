"""Question 2.5: one step of training.

The probe puts stand-ins in the place of `make_losses` and of the moving average, which have been
marked in 2.3 and 2.4. What the contract leaves open (a fresh batch for the generator or the
critic's last one, fresh noise or not, where gradients are cleared, whether the generated batch is
detached) makes no difference to the laws.

An implementation that does not look up `make_losses` in its module trains W1 without regulariser
here, and is compared with that.
"""

import torch

from grader.suite.laws import Step, form, model, weight

TABLE = 48


def w1(p, q, critic):
    return critic(p).mean() - critic(q).mean()


def on_samples(loss, sign=1):
    """A loss of real samples, generated ones and the critic, as `Step` asks for it."""
    return lambda networks, draws: (
        sign * loss(draws["real"], networks["generator"](draws["noise"]), networks["critic"])
    )


class TrainStep(Step):
    """The stand-ins take the place of what other questions mark. A step that does not run on the
    submission's own functions, although these are right, has only itself to blame."""

    sources = {"real": "", "noise": "generator"}
    batch = 5

    def networks(self):
        return self.probes.players()

    def losses(self):
        metric, critic_loss = self.probes.stand_in_metric, self.probes.stand_in_critic_loss
        return {
            "critic": [on_samples(critic_loss), on_samples(w1, -1)],
            "generator": [on_samples(metric), on_samples(w1)],
        }

    def watch(self, calls, inner=1, alpha=None, **more):
        draw, batch = self.draw, 64 if calls == 3 else self.batch
        self.start = {
            "critic": torch.cat([draw.normal(12, std=0.5), draw.normal(7)]),
            "generator": draw.normal(9),
            "test_generator": draw.normal(9),
        }
        seed = draw.seed()
        self.tables = {
            "real": draw.normal(TABLE, batch, 3, mean=0.7),
            "noise": draw.normal(TABLE, batch, 2),
        }
        keywords = {
            "seed": seed,
            **self.tables,
            "parameters": self.start,
            "lr": self.lr,
            "critic_inner_iters": inner,
            "calls": calls,
            "alpha_ema": alpha,
            **more,
        }
        events = self.submission(self.probes.training, **keywords)
        try:
            self.submission(self.probes.training, stand_ins=False, **keywords)
        except AssertionError:
            if self.parts_are_right(more.get("losses", ("W1", None, 1.0))):
                raise
        return events

    def descends_its_loss(self):
        """The step uses the gradient of the loss in the network's parameters, for small batches
        and for large ones. The first step is looked at; what an earlier step of another network
        left in them is another law's."""
        for self.batch in (5, 64):  # which `watch` reads
            super().descends_its_loss()

    def parts_are_right(self, losses):
        """The losses and the moving average, which 2.3 and 2.4 mark, are the reference's."""
        draw, slope = self.draw, self.draw.normal(3)
        critic = model("critics.SmoothCritic", 1, 3, slope=2 * slope / slope.norm())
        p, q = draw.normal(2, 4, 3)
        along = {"critic_loss": [{"slope": draw.normal(3)}, None, None]}
        along["metric"] = [None, None, draw.normal(4, 3)]
        average = {"source": draw.normal(34), "target": draw.normal(34), "alphas": [0.3]}

        def values(side):
            yield side(self.probes.moving_average, **average)["target"]
            for which, direction in along.items():
                asked = {"function": "gan.make_losses", "replaced": []}
                asked["args"] = [which, *losses, critic, p, q]
                yield side(self.probes.with_stand_ins, other="call", **asked)["result"]
                asked |= {"directions": [[None] * 4 + direction], "step": 0.01}
                yield side(self.probes.with_stand_ins, other="slopes", **asked)["autograd"]

        try:
            for found, wanted in zip(values(self.submission), values(self.reference), strict=True):
                self.expect.shape(found, torch.as_tensor(wanted).shape)
                self.expect.close(found, torch.as_tensor(wanted), slack=1e-4)
        except AssertionError:
            return False
        return True


class TestCritic(TrainStep, question="q2.5", of="gan.make_train_step"):
    owes = {"steps": 2.5, "descends": 5, "cleared": 4, "alone": 0.5}
    who, times = "critic", 3
    look_at = {
        "steps": "A loop over critic_inner_iters holds all of the critic's step, including "
        "optim.step().",
        "descends": "critic_loss(p, q, critic).backward() with p from the data and q from the "
        "generator.",
    }

    def takes_its_steps(self):
        """For each step of the generator the critic takes `critic_inner_iters`, at every call."""
        super().takes_its_steps()

    def watch(self, calls, **more):
        return super().watch(calls, inner=1 if calls == 1 else self.times, **more)

    @form
    @weight(2.5)
    def test_has_new_samples_for_each_step(self):
        """Several critic steps are taken to see more data: each draws its own batch of real
        samples and its own batch from the generator."""
        events, steps = self.trained(calls=2)
        help = "next(train_data_iter) and generator() belong inside the critic's loop."
        for source, samples in (("real", "real"), ("noise", "generated")):
            for call in range(2):
                drawn = [e for e in events if e["event"] == "drawn" and e["call"] == call]
                count = sum(e["source"] == source for e in drawn)
                said = (
                    f"{self.times} steps of the critic, but batches of {samples} samples: {count}"
                )
                self.expect.true(count >= self.times, said, help)
            used = [o.draws[source] for s in steps if (o := self.origin(s, events, 1, -1))]
            said = "two steps of the critic use the same samples"
            self.expect.true(len(set(used)) == len(used), said, help)


class TestGenerator(TrainStep, question="q2.5", of="gan.make_train_step"):
    owes = {"steps": 3.5, "descends": 5, "cleared": 4, "alone": 0.5, "returns": 2.5}
    who = "generator"
    look_at = {
        "steps": "The generator's step belongs after the critic's loop.",
        "descends": "metric(p, q, critic).backward() with q = generator(), not detached.",
        "returns": "Keep the value that backward() was called on: the metric of the generator's "
        "step.",
    }

    def watch(self, calls, **more):
        return super().watch(calls, inner=1 if calls == 1 else 2, **more)

    def takes_its_steps(self):
        """The inner loop is the critic's alone: the generator takes one step per call, after it,
        with a critic that has just adapted to it."""
        super().takes_its_steps()
        events, _ = self.trained(calls=2)
        for call in range(2):
            steps = [e["who"] for e in events if e["event"] == "step" and e["call"] == call]
            self.expect.true(
                steps[-1:] == ["generator"],
                "the generator takes its step before the critic has taken all of its own",
                self.look_at["steps"],
            )

    def reported(self, event, events):
        """The metric may be computed anew, with the generator after its step."""
        after = (e for e in events if e["event"] == "return" and e["call"] == event["call"])
        return [event, next(after)]

    @form
    @weight(0.75)
    def test_result_is_a_scalar_tensor(self):
        """The caller clones and detaches what it gets: a tensor of shape ()."""
        events, _ = self.trained(calls=1)
        said = "train_step returns something that is not a tensor"
        self.expect.true(
            events[-1]["is_tensor"], said, "Return the loss itself; .item() is for printing."
        )
        self.expect.shape(events[-1]["value"], (), what="the result of train_step")

    @form
    @weight(3)
    def test_average_follows_the_generators_step(self):
        """With `alpha_ema`, the average moves towards the generator after the generator's step:
        the generator is the source, the test generator the target, once per call."""
        alpha = self.draw.number(0.3, 0.7)
        events, _ = self.trained(calls=2, alpha=alpha)
        help = (
            "apply_exponential_moving_average(generator, test_generator, alpha_ema) after "
            "generator_optim.step()."
        )
        if not any(e["event"] == "average" for e in events):
            before = self.start["test_generator"]
            for event in (e["parameters"] for e in events if e["event"] == "return"):
                wanted = alpha * before + (1 - alpha) * event["generator"]
                before = event["test_generator"]
                self.expect.close(before, wanted, what="the test generator", help=help, slack=1e-5)
            return
        for call in range(2):
            inside = [e for e in events if e["call"] == call]
            averages = [e for e in inside if e["event"] == "average"]
            said = f"the average is updated {len(averages)} times in one call"
            self.expect.true(len(averages) == 1, said, help)
            found = averages[0]
            self.expect.true(
                found["source"] == "generator"
                and found["target"] == "test_generator"
                and abs(found["alpha"] - alpha) <= 1e-6,
                "the moving average gets other arguments than it should",
                help,
                f"{found}",
            )
            order = [e["event"] if e["event"] == "average" else e.get("who") for e in inside]
            self.expect.true(
                "generator" not in order[order.index("average") :],
                "the average is updated before the generator's step",
                help,
            )

    @form
    @weight(0.5)
    def test_no_average_without_alpha(self):
        """Without `alpha_ema` the test generator is not touched."""
        events, _ = self.trained(calls=2)
        self.expect.true(
            not any(e["event"] == "average" for e in events),
            "the moving average is updated although alpha_ema is None",
            "Look at alpha_ema first.",
        )
        after = events[-1]["parameters"]["test_generator"]
        self.expect.unchanged(after, self.start["test_generator"], what="the test generator")

    @form
    @weight(1.5)
    def test_losses_are_those_that_were_asked_for(self):
        """`loss_type`, `reg_type` and `reg_cf` reach `make_losses` as they came in: all three for
        the critic's loss; the metric has no regulariser. Seen where `make_losses` is used."""
        for loss_type, reg_type in (("JSD", "R1"), ("W1", "GP")):
            asked = [loss_type, reg_type, self.draw.number(0.2, 0.8)]
            events, _ = self.trained(calls=1, losses=asked)
            for event in events:
                count = {"critic loss": 3, "metric": 1}.get(event["event"], 0)
                found = event.get("arguments")
                self.expect.true(
                    found is None or alike(found[:count], asked[:count]),
                    "make_train_step does not train with the losses that it was asked for",
                    "The line at its head is given: make_losses(loss_type, reg_type, reg_cf).",
                    f"make_losses was called with {found}, expected {asked}",
                )

    @form
    @weight(0.25)
    def test_impossible_settings_are_refused(self):
        """The head of `make_train_step` refuses what makes no sense. It is given and has to
        stay."""
        self.trained(calls=1)
        for args, what in (
            (["W1", 0, None, 1.0, None], "no inner steps"),
            (["W1", 1, None, 1.0, -self.draw.number(0.1, 1.0)], "a negative alpha_ema"),
            (["W1", 1, None, 1.0, self.draw.number(1.1, 2.0)], "an alpha_ema above one"),
        ):
            found = self.submission(self.probes.raised, function=self.contract, args=args)
            self.expect.true(
                "AssertionError" in found,
                f"make_train_step should raise AssertionError for {what}",
                "The checks at the head of make_train_step are given; keep them.",
                f"make_train_step{tuple(args)} raised {found}",
            )


def alike(found, wanted):
    """Whether the arguments are those, a number up to rounding."""
    try:
        return len(found) == len(wanted) and all(
            abs(float(f) - w) <= 1e-6 if isinstance(w, float) else f == w
            for f, w in zip(found, wanted, strict=True)
        )
    except (TypeError, ValueError):
        return False
