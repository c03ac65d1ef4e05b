"""Question c.2.1: perplexity with teacher forcing; c.2.2: n-gram baselines."""

import functools
import math

import torch

from grader.suite.driving import call
from grader.suite.expect import as_array
from grader.suite.laws import FollowThrough, Function, weight


def tokens_of(draw, size, length):
    return torch.tensor([draw.integer(0, size - 1) for _ in range(length)])


def nats(logits, targets):
    """-log p of each target, (T,), of logits (T, V)."""
    return -logits.double().log_softmax(1).gather(1, targets[:, None])[:, 0]


def odd(logits, targets):
    """What `probes.c.odd_loss` takes the mean of."""
    return 1 + torch.sin(logits.double().gather(1, targets[:, None])[:, 0]) / 2


def ways_to_cut(tokens, context):
    """Blocks of inputs and targets, in each of the ways that the contract leaves open: the last
    target of a block is the first input of the next; or blocks share nothing, and hold inputs and
    targets of `context` tokens together, or each."""
    for more, further in ((1, 0), (0, 0), (1, 1)):
        starts = range(0, len(tokens) - 1, context + further)
        blocks = [tokens[start : start + context + more] for start in starts]
        yield [(block[:-1], block[1:]) for block in blocks]


class TestPerplexity(FollowThrough, question="c.2.1", of="language_model.perplexity"):
    """exp of the mean over tokens of -log p, natural logarithms. What is built on the submission's
    own loss or blocks is followed through: these are c.1.5's and c.1.1's."""

    scalar = True
    owes = {"values": 3, "shape": 0.5}
    parameters = ("model", "tokens", "context")
    stand_ins = ("language_model.next_token_loss", "language_model.make_blocks")
    stand_in_probe = "c.with_stand_ins"
    batches = (5, 6)
    help = "Add up -log p of all tokens, divide by their number, and take exp once, at the end."

    def inputs(self, draw, batch=5, size=0, context=0, over=0):
        """A text of so many blocks and `over` tokens, and tables of a model.

        Its halves are of a different kind, so that blocks differ in how hard they are.
        """
        size, context = size or draw.integer(9, 14), context or draw.integer(10, 16)
        length = 1 + batch * context + over
        easy = tokens_of(draw, size // 3 + 1, length // 2)
        tokens = torch.cat([easy, tokens_of(draw, size, length - len(easy))])
        shapes = {"table": (size, size), "places": (200, size), "past": (size, size)}
        tables = {k: draw.normal(*s, std=2.5 if k == "table" else 1) for k, s in shapes.items()}
        return [tables, tokens, context]

    def part_inputs(self, draw):
        tokens = tokens_of(draw, 7, 12)
        yield "language_model.next_token_loss", [draw.normal(2, 3, 7), tokens[:6].reshape(2, 3)]
        yield "language_model.make_blocks", [tokens, 5]

    def ask(self, implementation, tables, tokens, context=128):
        probe = self.probes.c.perplexity_of_a_model
        return implementation(probe, tables=tables, tokens=tokens, context=context)["result"]

    def right(self):
        """Beside the reference, all ways to cut the text, with what fills no block or without; on
        stand-ins, with those for the loss, for the blocks, for both or for neither."""
        yield from super().right()
        for score in (nats, odd) if self.replaced else (nats,):
            for way in range(4 if self.replaced else 3):
                for full in (False, True):
                    yield functools.partial(self.read_so, score, way, full)

    def read_so(self, score, way, full, probe, tables, tokens, context):
        model, ways = self.probes.c.OddModel(**tables), list(ways_to_cut(tokens, context))
        inputs, targets = self.probes.c.odd_blocks(tokens, context)
        rest = tokens[inputs.numel() :]
        ways.append([*zip(inputs, targets, strict=True), (rest[:-1], rest[1:])])
        blocks = [b for b in ways[way] if len(b[1]) == len(ways[way][0][1]) or not full]
        scores = [score(model(x[None])[0], y) for x, y in blocks if len(y)]
        return {"result": math.exp(float(torch.cat(scores).mean()))}

    def same(self, *args, **words):
        super().same(*args, **{"help": self.help, "relative": 3e-5} | words)

    def has_the_right_values(self):
        """exp of the mean over tokens of -log p, natural logarithms, where blocks are full."""
        super().has_the_right_values()

    @weight(3)
    def test_counts_every_token_the_same(self):
        """Those of the short block at the end, too."""
        context = self.draw.integer(10, 16)
        self.same(*self.inputs(self.draw, 5, context=context, over=context // 2))

    def test_of_many_batches(self):
        """A text of more than 64 blocks; the last batch is small and counts by its tokens."""
        self.same(*self.inputs(self.draw, 70, 65, 16, over=5))

    @weight(0.5)
    def test_of_a_short_text(self):
        """One block, and nothing after it."""
        self.same(*self.inputs(self.draw, 1, 6, self.draw.integer(2, 4)))

    def test_of_even_odds_is_the_size_of_the_vocabulary(self):
        """A model that knows nothing has the perplexity V."""
        size = self.draw.integer(20, 80)
        zeros = torch.zeros(size, size)
        tables = {"table": zeros + self.draw.number(-3, 3), "places": zeros, "past": zeros}
        self.same(tables, tokens_of(self.draw, size, 300))

    def test_keeps_to_the_context(self):
        """The model is never shown more than 128 tokens, and more than a few of them."""
        tables, tokens, _ = self.inputs(self.draw, 7, 11, 100)
        probe = self.probes.c.perplexity_of_a_model
        longest = self.submission(probe, tables=tables, tokens=tokens)["longest"]
        self.expect.true(
            longest <= 128,
            "the model was shown more than 128 tokens",
            "Cut the text into blocks of 128.",
        )
        self.expect.true(
            longest >= 127,
            "the model was never shown a block of 128 tokens",
            "Use the whole context.",
        )


class TestNgrams(Function, question="c.2.2", of="language_model.ngram_probabilities"):
    """(count + alpha) / (total + alpha V), for the history's last n - 1 tokens."""

    owes = {"values": 6, "shape": 0.5}
    parameters = ("train", "history", "n", "vocab_size", "alpha")
    batches = (2, 3, 4)  # n
    slack = 2e-6
    look_at = {
        "values": "Count what follows the history, add alpha to each count, divide by the sum."
    }

    def inputs(self, draw, batch=2):
        size, alpha = draw.integer(4, 6), draw.number(0.2, 1.5)
        train = tokens_of(draw, size - 1, 60 if batch == 2 else 120)
        return [train, train[20 : 22 + batch], batch, size, alpha]

    def result_shape(self, train, history, n, size, alpha):
        return (size,)

    @weight(2)
    def test_of_single_tokens_need_no_history(self):
        """For n = 1 only the counts of the tokens matter."""
        self.same(*self.inputs(self.draw, 1), help=self.look_at["values"])

    def test_of_an_unknown_history_know_nothing(self):
        """What was never seen is followed by anything with the same probability."""
        self.same(tokens_of(self.draw, 4, 60), torch.tensor([5, 6]), 3, 8, 0.3)

    @weight(0.5)
    def test_at_the_end_of_the_text_count_what_follows(self):
        """The last tokens of the training text are followed by nothing, and so not counted."""
        train = torch.tensor([0, 1, 2, 0, 1, 3, 0, 2, 1, 3, 3, 0])
        self.same(train, train[-1:], 2, 5, 0.5)


class TestNgramPerplexity(FollowThrough, question="c.2.2", of="language_model.ngram_perplexity"):
    """exp of the mean of -log P over the tokens that have a whole history. Wrong probabilities are
    marked above, and followed through."""

    scalar = True
    owes = {"values": 4}
    parameters = ("train", "held_out", "n", "vocab_size", "alpha")
    built_on = (TestNgrams,)
    stand_ins = ("language_model.ngram_probabilities",)
    stand_in_probe = "c.with_stand_ins"
    readings = ("ngram_perplexity_by_probabilities",)
    batches = (2, 3)  # n
    look_at = {
        "values": "The first n - 1 tokens are history alone; natural logarithms; one exp at the "
        "end."
    }

    def inputs(self, draw, batch=2):
        # Two tokens of the vocabulary are in neither text.
        train, other = tokens_of(draw, 5, 60 if batch == 2 else 90), tokens_of(draw, 5, 25)
        return [train, other, batch, 7, draw.number(0.2, 1.0)]

    def right(self):
        yield from super().right()
        if not self.replaced:
            yield self.of_own_probabilities

    def of_own_probabilities(self, probe, function, args):
        """What follows from the submission's own probabilities, if they are some."""
        train, other, n, size, alpha = args
        logs = []
        for i in range(n - 1, len(other)):
            asked = {"function": TestNgrams.contract, "args": [train, other[:i], n, size, alpha]}
            row = as_array(self.submission(call, **asked)["result"]).astype(float).reshape(-1)
            some = len(row) == size and bool((row > 0).all()) and abs(row.sum() - 1) < 1e-3
            self.expect.true(n > 1 and some, "these are not probabilities")
            logs.append(math.log(row[other[i]]))
        return {"result": math.exp(-sum(logs) / len(logs))}

    def same(self, *args, **words):
        super().same(*args, **{"relative": 3e-5} | words)

    @weight(2)
    def test_of_single_tokens_needs_no_history(self):
        """For n = 1 the mean is over all tokens."""
        self.same(*self.inputs(self.draw, 1), help=self.look_at["values"])
