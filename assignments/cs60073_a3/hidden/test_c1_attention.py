"""Question c.1.3: attention that never looks ahead, in three heads."""

import torch

from grader.suite.driving import call
from grader.suite.laws import FollowThrough, Function, weight


class TestAttention(Function, question="c.1.3", of="language_model.causal_attention"):
    """softmax(q k^T / sqrt(d)) v over what came before, d being the size of a head."""

    owes = {
        "values": 6,
        "batch_of_one": 0.5,
        "arguments": 0.5,
        "layout": 0.5,
        "gradient": 1,
        "far_out": 0.5,
    }
    parameters = ("q", "k", "v")
    batches = (1, 2, 3)
    look_at = {
        "values": "Scores are divided by sqrt(d), the softmax is over keys, and later keys are "
        "masked.",
        "far_out": "torch's softmax takes the largest score out before the exponential.",
    }

    def inputs(self, draw, batch=2, heads=0, length=0, dim=0, std=1.0):
        """Those of a batch of three have the sizes of the model; those of one are small."""
        bounds = ((2, 2), (3, 4), (5, 8)) if batch == 1 else ((2, 4), (4, 9), (5, 12))
        sizes = (3, 17, 64) if batch == 3 else [draw.integer(*b) for b in bounds]
        heads, length, dim = (a or b for a, b in zip((heads, length, dim), sizes, strict=True))
        return [draw.normal(batch, heads, length, dim, std=std) for _ in range(3)]

    def tolerance(self, q, k, v):
        return {"terms": q.shape[-1] + q.shape[-2]}

    def result_shape(self, q, k, v):
        return tuple(q.shape)

    def thin(self, draw):
        usual = self.inputs(draw)
        yield self.inputs(draw, length=1, std=2.0), usual, "of a single place"
        yield self.inputs(draw, 1, heads=1), usual, "in one head"

    def slope_inputs(self, draw):
        return self.inputs(draw, 1, 2, 6, 6), [0, 1, 2]

    def far(self, draw):
        q, k, v = self.inputs(draw)
        yield [12 * q, 12 * k, v], [q, k, v], "for scores of several hundred"

    @weight(0.5)
    def test_takes_the_longest_text(self):
        """128 places are the whole context."""
        self.same(*self.inputs(self.draw, 1, 3, 128, 64, std=2.0), scale=8.0)

    def test_never_looks_ahead(self):
        """What comes later changes nothing before; what comes earlier does."""
        args, other = (self.inputs(self.draw, 2, 3, 12, 8, std=std) for std in (1.0, 3.0))
        place = self.draw.integer(3, 8)
        future, past = (
            [torch.where(where, b, a) for a, b in zip(args, other, strict=True)]
            for steps in [torch.arange(12)[:, None]]
            for where in (steps >= place, steps < 1)
        )
        before, after, last = self.got(*args), self.got(*future), self.got(args[0], *past[1:])
        for result in (before, after, last):
            self.expect.shape(result, (2, 3, 12, 8), what="the attention")
        self.expect.finite(before[:, :, -1], what="the attention of the last place")
        self.expect.true(
            bool((last - before)[:, :, -1].abs().max() > 1e-5),
            "the attention of the last place does not change with the first key and value",
            "A place sees itself and all places before it.",
        )
        self.expect.close(
            after[:, :, :place],
            before[:, :, :place],
            what="the attention of the places before a change",
            help="The mask has to cover all keys that come later than the query.",
        )


class TestSelfAttention(FollowThrough, question="c.1.3", of="language_model.SelfAttention.forward"):
    """Head h has the columns 64 h to 64 h + 63; the heads are joined, then projected. A layer may
    use its own `causal_attention`, which is marked above, or another one."""

    owes = {"values": 3}
    parameters = ("x",)
    built_on = (TestAttention,)
    stand_ins = ("language_model.causal_attention",)
    stand_in_probe = "c.with_stand_ins"
    readings = ("heads_by_unflatten",)
    batches = (2,)
    look_at = {
        "values": "Look at how (B, T, 192) becomes (B, 3, T, 64) and back: view, then transpose."
    }

    def inputs(self, draw, batch=2):
        # Large enough that attention is far from even.
        names = ("query", "key", "value", "output")
        weights = {name: draw.normal(192, 192, std=0.12) for name in names}
        return [draw.normal(batch, 11 if batch == 2 else 5, 192), weights]

    def tolerance(self, x, weights):
        return {"terms": 400, "scale": 8.0}

    def ask(self, implementation, x, weights):
        return implementation(self.probes.c.attention_layer, x=x, weights=weights)

    def right(self):
        yield from super().right()
        if not self.replaced:
            yield self.of_own_attention

    def of_own_attention(self, probe, x, weights):
        """A layer that is right, but for the submission's own attention."""

        def heads(name):
            return (x @ weights[name].T).unflatten(2, (3, 64)).transpose(1, 2)

        q, k, v = (heads(name) for name in ("query", "key", "value"))
        asked = {"function": TestAttention.contract, "args": [q, k, v], "views": True}
        seen = self.submission(call, **asked)["result"]
        self.expect.shape(seen, tuple(q.shape))
        self.expect.true(bool(seen.any()), "causal_attention gives zeros", "Is it finished?")
        return seen.transpose(1, 2).flatten(2) @ weights["output"].T

    @weight(3)
    def test_takes_a_batch_of_one(self):
        """One text is a batch as well."""
        self.same(*self.inputs(self.draw, 1), help=self.look_at["values"])
