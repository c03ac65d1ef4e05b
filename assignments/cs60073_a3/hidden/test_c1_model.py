"""Questions c.1.4: the Transformer's blocks, its sizes and its beginning; c.1.5: the loss. And of
c.1.3: that the whole of it never looks ahead."""

import math
from collections import Counter

import pytest
import torch

from grader.suite.laws import FollowThrough, Function, form, weight


def tokens_of(draw, batch, length, size):
    return draw.uniform(batch, length, high=float(size)).long().clamp(max=size - 1)


class TestBlock(Function, question="c.1.4", of="language_model.Block.forward"):
    """x + attention(norm1(x)), then y + feed_forward(norm2(y)): the pre-norm order, seen with odd
    parts in the places of these four."""

    owes = {"values": 1.75, "arguments": 0.25}
    parameters = ("x", "numbers")
    slack = 1e-5
    look_at = {"values": "The norm comes before each part, and what came in is added after it."}

    def inputs(self, draw, batch=2):
        return [draw.normal(batch, 5, 192), draw.uniform(4, 3, low=0.5, high=1.5)]

    def ask(self, implementation, x, numbers):
        return implementation(self.probes.c.block_of_odd_parts, x=x, numbers=numbers)["result"]

    def kept_inputs(self, draw):
        return self.inputs(draw)

    def called(self, args):
        x, numbers = args
        found = self.submission(self.probes.c.block_of_odd_parts, x=x, numbers=numbers)
        return found | {"args": [*found["args"], numbers]}


class TestFeedForward(Function, question="c.1.4", of="language_model.Block.__init__"):
    readings = ("block_with_bare_attention_and_dropout",)

    def ask(self, implementation, x, *layers):
        return implementation(self.probes.c.feed_forward, x=x, layers=list(layers))

    def test_is_gelu_between_two_layers(self):
        """Linear, GELU, Linear; the GELU may be the exact one or that with tanh."""
        layers = ((768, 192), 0.1), ((768,), 1.0), ((192, 768), 0.05), ((192,), 1.0)
        self.same(
            self.draw.normal(2, 3, 192),
            *(self.draw.normal(*shape, std=std) for shape, std in layers),
            what="the feed-forward network",
            help="nn.Linear(192, 768), nn.GELU and nn.Linear(768, 192).",
            terms=768,
        )


def is_xavier(test, values, bound, what, help):
    """The values are a sample of the uniform distribution on +-bound."""
    finding = test.stats.uniform((values[:7000] / bound + 1) / 2, false_fail=1e-9, effect=0.07)
    said = f"the weights of {what} are not drawn as Xavier's uniform distribution says"
    test.expect.plausible(finding, said, help)


class TestInitialise(Function, question="c.1.4", of="language_model.initialise"):
    @weight(0.5)
    def test_draws_linear_layers_and_nothing_else(self):
        """Any model's linear layers, with a bias or without; norms stay, biases stay or
        become 0."""
        sizes = [self.draw.integer(*bounds) for bounds in ((80, 90), (100, 120), (121, 150))]
        found = self.submission(self.probes.c.initialised, sizes=sizes)
        for name, (before, after) in found.items():
            if after.ndim == 2:
                bound = math.sqrt(6 / sum(after.shape))
                help = "Every nn.Linear of the model, however deep it lies."
                is_xavier(self, after.flatten(), bound, "a linear layer", help)
            elif not (name.endswith("bias") and bool((after == 0).all())):
                what = f"what is not a weight of a linear layer ({name})"
                self.expect.unchanged(after, before, what=what)


class Whole(FollowThrough):
    """A model that is built on positions, attention and `initialise`, each marked by itself."""

    built_on = (TestInitialise,)
    stand_ins = tuple(
        f"language_model.{name}"
        for name in ("causal_attention", "sinusoidal_positions", "initialise")
    )
    stand_in_probe = "c.with_stand_ins"

    def part_inputs(self, draw):
        heads = [draw.normal(2, 3, 5, 64) for _ in range(3)]
        yield "language_model.causal_attention", heads
        yield "language_model.sinusoidal_positions", [128, 192]


class TestParts(Whole, question="c.1.4", of="language_model.TinyTransformer.__init__"):
    def trained(self, size):
        """Names and shapes of the parameters that are trained.

        A table of positions that is kept as a frozen parameter is as good as a buffer.
        """
        found = self.submission(self.probes.c.parameters, vocab_size=size)
        trained = []
        for name, shape, learns in found:
            rows, *columns = [n for n in shape if n != 1] or [1]
            if learns:
                trained.append((name, tuple(shape)))
            elif rows < 128 or columns != [192]:
                self.expect.true(False, "some parameters do not require a gradient")
        return trained

    @weight(2)
    @pytest.mark.parametrize("vocab_size", ["that_of_shakespeare", "another"])
    def test_have_the_number_of_parameters_that_is_asked_for(self, vocab_size):
        """385 V + 889 728, 384 more with a final norm, 384 less for each projection without
        bias."""
        size = 65 if vocab_size == "that_of_shakespeare" else self.draw.integer(66, 120)
        total = sum(math.prod(shape) for _, shape in self.trained(size))
        least = 385 * size + 889728
        self.expect.true(
            total in {least + 384 * (norm - bare) for norm in (0, 1) for bare in range(5)},
            f"the model has {total} parameters; for a vocabulary of {size} there are {least} "
            f"without a final norm and {least + 384} with it",
            "Look at the width 768 of the feed-forward network, at the two blocks, at biases, and "
            "at positions, which are not parameters.",
        )

    def test_have_the_right_shapes(self):
        """Embedding and head of V rows, feed-forward networks of 768, projections of 192 by 192."""
        size = self.draw.integer(200, 300)
        names, shapes = zip(*self.trained(size), strict=True)
        found, true = Counter(shapes), self.expect.true
        must = {(size, 192): 2, (size,): 1, (768, 192): 2, (768,): 2, (192, 768): 2}
        for shape, count in must.items():
            true(
                found[shape] == count,
                f"{found[shape]} parameters have the shape {shape}; {count} have to",
                "Compare with the list of parts in the docstrings.",
            )
        true(
            found[192, 192] + 3 * found[576, 192] == 8,
            "the projections of attention are not four of 192 by 192 in each of two blocks",
        )
        # A bias of the feed-forward network and two norms, in each of two blocks, are not left
        # open; a final norm and the biases of eight projections are.
        true(
            10 <= found[(192,)] <= 20,
            "the number of vectors of 192 (biases and norms) is not what the parts make",
        )
        for part in ("weight", "bias"):
            norms = sum(n.endswith((f".norm1.{part}", f".norm2.{part}")) for n in names)
            true(
                norms == 4,
                f"{norms} of the norms in the blocks have a {part}, not 4",
                "nn.LayerNorm(192) has a weight and a bias that are trained.",
            )

    @weight(2)
    def test_begin_with_xaviers_distribution(self):
        """Every linear layer is uniform on +-sqrt(6 / (inputs + outputs)) at the beginning."""
        size = self.draw.integer(30, 60)
        found = self.submission(self.probes.c.first_weights, vocab_size=size)
        others = sum(".attention." not in name for name in found)
        self.expect.true(
            others == 5, f"the model has {others} linear layers besides those of attention, not 5"
        )
        for name, values in found.items():
            # torch computes the fans from all rows, and a fused Q, K, V may be drawn in one piece.
            bounds = [math.sqrt(6 / sum(values.shape))]
            if tuple(values.shape) == (576, 192):
                bounds.append(math.sqrt(6 / 384))
            largest = float(values.abs().max())
            bound = min(bounds, key=lambda b: abs(b - largest))
            help = "nn.init.xavier_uniform_ on the weight of every nn.Linear, the head among them."
            is_xavier(self, values.flatten(), bound, name[:40], help)
            self.expect.true(
                0.99 * bound < largest <= 1.000001 * bound,
                f"the largest weight of {name[:40]} is not at sqrt(6 / (inputs + outputs))",
                "nn.init.xavier_uniform_ with its default gain.",
            )


class TestModel(Whole, question="c.1.4", of="language_model.TinyTransformer.forward"):
    """Embedding plus position, both blocks in order, the norm if there is one, the head; seen with
    odd blocks in the places of the two."""

    owes = {"values": 2, "shape": 0.75, "batch_of_one": 0.25}
    parameters = ("tokens",)
    batches = (2,)
    look_at = {
        "values": "Positions are added to the embedding; each block is used once, in its order.",
        "shape": "Each place predicts its next token: (B, T, V).",
    }

    def inputs(self, draw, batch=2, length=7):
        size = draw.integer(20, 40)
        weights = {
            "embedding": draw.normal(size, 192),
            "head": draw.normal(size, 192, std=0.1),
            "bias": draw.normal(size),
            "norm": draw.normal(192, mean=1.0, std=0.3),
            "shift": draw.normal(192, std=0.3),
        }
        numbers = draw.uniform(2, 3, low=0.5, high=1.5)
        return [tokens_of(draw, batch, length, size), weights, numbers]

    def result_shape(self, tokens, weights, numbers):
        return (*tokens.shape, len(weights["embedding"]))

    def tolerance(self, *args):
        # Positions and sines are computed in float32, behind a norm.
        return {"terms": 192, "slack": 2e-3}

    def ask(self, implementation, tokens, weights, numbers):
        probe = self.probes.c.model_of_odd_blocks
        return implementation(probe, tokens=tokens, weights=weights, numbers=numbers)

    def right(self):
        """With a final norm or none; with the embedding as it is or times sqrt(192); and with the
        columns of positions in either order, which is that of all other columns as well."""
        halves = torch.arange(192).view(96, 2).T.flatten()  # all sines, then all cosines
        for order in (torch.arange(192), halves.argsort()):
            for scale in (1.0, math.sqrt(192)):
                for left_out in ((), ("norm", "shift")):

                    def reading(probe, weights, order=order, scale=scale, out=left_out, **asked):
                        weights = {k: w for k, w in weights.items() if k not in out}
                        moved = {k: w if k == "bias" else w[..., order] for k, w in weights.items()}
                        moved["embedding"] = moved["embedding"] * scale
                        return self.reference(probe, weights=moved, **asked)

                    yield reading

    @weight(2)
    @pytest.mark.parametrize("length", [1, 128])
    def test_takes_any_length(self, length):
        """From a single place to the whole context."""
        args = self.inputs(self.draw, 1 if length == 1 else 2, length)
        self.same(*args, help=self.look_at["values"])


class TestFuture(Whole, question="c.1.3", of="language_model.TinyTransformer.forward"):
    attempt = "language_model.causal_attention"

    @form
    @weight(2)
    def test_is_never_seen(self):
        """Other tokens from a place on change no logits before it, in the whole of the model."""
        tokens, place = tokens_of(self.draw, 2, 20, 50), self.draw.integer(6, 14)
        other = tokens.clone()
        other[:, place + 1 :] = (other[:, place + 1 :] + self.draw.integer(1, 49)) % 50
        found = self.submission(self.probes.c.whole_model, vocab_size=50, texts=[tokens, other])
        before, after = found["logits"]
        self.expect.finite(before, what="the logits")
        self.expect.true(
            before.dim() > 1 and before.shape == after.shape and bool((before != after).any()),
            "the model gives no logits that depend on the text",
            "Is the model finished?",
        )
        without = [logits[:, : place + 1] for logits in found["without"]]
        if before.shape[:2] != tokens.shape or bool((without[0] - without[1]).abs().max() > 1e-5):
            return  # What comes back of which places is c.1.4's, and what is not attention is too.
        self.expect.close(
            after[:, : place + 1],
            before[:, : place + 1],
            what="the logits of the places before a change",
            help="Somewhere a later place enters: in the mask, or in a mean over the text.",
            terms=192,
            scale=3.0,
        )
        self.expect.true(
            bool((after - before)[:, place + 1 :].abs().max() > 1e-4),
            "the logits do not change with the tokens",
        )


class TestLoss(Function, question="c.1.5", of="language_model.next_token_loss"):
    """The mean over all places of -log softmax(logits) at the target, in nats."""

    scalar = True
    owes = {"values": 4, "shape": 0.5, "layout": 0.5, "gradient": 1, "far_out": 0.5}
    parameters = ("logits", "targets")
    batches = (3, 16)
    look_at = {
        "values": "A mean over all places, natural logarithms; the targets are shifted already.",
        "far_out": "The logarithm of a softmax that has underflowed is minus infinity.",
    }

    def inputs(self, draw, batch=3, length=0, std=2.0):
        """Those of a batch of 16 have the sizes of the text."""
        length, size = (128, 65) if batch == 16 else (length or 6, draw.integer(7, 11))
        logits = draw.normal(batch, length, size, std=std)
        return [logits, tokens_of(draw, batch, length, size)]

    def tolerance(self, logits, targets):
        return {"terms": targets.numel(), "slack": 0.0}

    def far(self, draw):
        logits, targets = self.inputs(draw)
        yield [100 * logits, targets], [logits, targets], "for logits of hundreds"

    @weight(2)
    def test_takes_a_single_token(self):
        """One text of one place."""
        self.same(*self.inputs(self.draw, 1, 1), help=self.look_at["values"])
