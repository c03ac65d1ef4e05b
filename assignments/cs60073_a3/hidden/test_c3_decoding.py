"""Question c.3.1: top-k; c.3.2: top-p; c.3.3: generation."""

import pytest
import torch

from grader.suite.driving import call
from grader.suite.expect import as_array
from grader.suite.laws import FollowThrough, Function, form, law, weight


def spread(size, draw, least=0.15):
    """Logits (size,) with gaps between their probabilities, in a random order."""
    steps = torch.tensor([least + draw.number(0, 0.5) for _ in range(size)]).cumsum(0)
    return steps[torch.argsort(draw.uniform(size))]


class Distribution(Function):
    """What is drawn from: logits (..., V) to probabilities (..., V), for temperatures that are
    `cold` and `hot`."""

    batches = (4, 1)

    def result_shape(self, logits, *size):
        return tuple(logits.shape)

    def kept_inputs(self, draw):
        return [*self.inputs(draw), 0.7]  # a temperature, by which logits may be divided

    def keeps(self, logits, size, temperature=1.0, what="the probabilities", help=""):
        """The right tokens may be drawn, with the right probabilities."""
        found = self.got(logits, size, temperature)
        help = help or self.look_at["values"]

        def compare(implementation):
            wanted = self.ask(implementation, logits, size, temperature)
            self.expect.close(found, wanted, what=what, help=help)
            drawn = torch.as_tensor(as_array(found)).reshape(wanted.shape) > 0
            # What is too small for float32 is not looked for.
            apart = (drawn != (wanted > 0)) & ((wanted == 0) | (wanted > 1e-30))
            said = f"{int(drawn.sum())} tokens may be drawn, and they are not the right ones"
            self.expect.true(not bool(apart.any()), said, help)

        self.in_any_reading(compare)

    def has_the_right_values(self):
        """Each row has its own tokens; the last axis is that of the tokens."""
        super().has_the_right_values()

    def has_the_right_shape(self):
        """(..., V) gives (..., V), for the logits of a single place and for many."""
        super().has_the_right_shape()
        for shape in ((9,), (4, 1, 9)):
            self.expect.shape(self.got(self.draw.normal(*shape)), shape, what=self.usage)

    @law("cold")
    def sharpens_when_cold(self):
        """Logits are divided by the temperature, here one below 1."""
        self.keeps_the_likeliest(self.cold)

    @law("hot")
    def flattens_when_hot(self):
        """Logits are divided by the temperature, here one above 1."""
        self.keeps_the_likeliest(self.hot)

    @law("axes")
    def takes_further_axes(self):
        """Texts and places may be two axes before that of the tokens."""
        logits, size = self.inputs(self.draw, 6)
        self.same(logits.reshape(2, 3, -1), size, help=self.look_at["values"])


class TestTopK(Distribution, question="c.3.1", of="language_model.top_k_probabilities"):
    """softmax of the k largest logits, over the temperature; all others have probability 0."""

    owes = {
        "values": 2,
        "shape": 0.5,
        "batch_of_one": 0.25,
        "arguments": 0.5,
        "cold": 3,
        "hot": 3,
        "axes": 1,
    }
    parameters = ("logits", "k", "temperature")
    cold, hot = 0.6, 1.7
    look_at = {"values": "Find the k-th largest logit; what is below it gets probability 0."}

    def inputs(self, draw, batch=4):
        return [draw.normal(batch, 15, std=2.0), 3]

    def keeps_the_likeliest(self, temperature):
        # Over the temperature they reach to 50 on either side.
        sharp = min(1.0, temperature) * self.draw.uniform(65, low=-50.0, high=50.0)
        for logits in (self.draw.normal(30, std=2.0), sharp):
            self.keeps(logits, self.draw.integer(3, 12), temperature)

    @weight(3)
    def test_keeps_the_k_likeliest(self):
        """For logits that are near each other, and for others far apart."""
        self.keeps_the_likeliest(1.0)

    def test_has_20_by_default_and_takes_few_tokens(self):
        """k is 20; where there are no more tokens than that, all stay."""
        self.same(self.draw.normal(65, std=2.0), what="the distribution for the default k")
        self.same(
            self.draw.normal(12, std=2.0),
            20,
            what="the distribution over fewer than k tokens",
            help="k may be larger than the vocabulary.",
        )

    def test_of_one_is_the_likeliest(self):
        """k = 1 leaves one token, with probability 1."""
        self.same(self.draw.normal(3, 10, std=2.0), 1)

    def test_with_ties_keeps_what_is_likelier(self):
        """Of tokens that tie for the last place any or all stay; likelier ones must, others
        cannot."""
        draw, true = self.draw, self.expect.true
        high, tied, low = draw.number(2, 3), draw.number(0, 1), draw.number(-2, -1)
        logits = torch.tensor([high, high + 0.5, *[tied] * 3, low, low, low - 1, low - 2])
        logits = logits[torch.argsort(draw.uniform(9))]
        found = self.expect.each(self.got(logits, 4), 9, what="the probabilities")
        kept, apart = found > 0, logits - tied
        true(bool(kept[apart > 0.1].all()), "a token among the k likeliest has probability 0")
        true(not bool(kept[apart < -0.1].any()), "a token below the k likeliest may be drawn")
        true(int(kept[apart.abs() < 0.1].sum()) >= 2, "fewer than k tokens may be drawn")
        wanted = logits.softmax(0) * kept
        self.expect.close(found, wanted / wanted.sum(), what="the probabilities")


class TestTopP(Distribution, question="c.3.2", of="language_model.top_p_probabilities"):
    """The fewest likeliest tokens that reach p together, each with its share of their sum; with or
    without the token that crosses p."""

    owes = {
        "values": 2,
        "shape": 0.5,
        "batch_of_one": 0.25,
        "arguments": 0.5,
        "cold": 3,
        "hot": 3,
        "axes": 1,
    }
    parameters = ("logits", "p", "temperature")
    cold, hot = 0.5, 2.5
    readings = ("top_p_without_the_crossing_token",)
    look_at = {
        "values": "Sort by probability, add up, keep what comes before p is reached, put it back "
        "into its place."
    }

    def inputs(self, draw, batch=4):
        return [torch.stack([spread(12, draw) for _ in range(batch)]), 0.7]

    def keeps_the_likeliest(self, temperature):
        sharp = spread(65, self.draw)
        # Over the temperature they reach to 50 on either side.
        sharp = min(1.0, temperature) * (sharp * (100 / float(sharp.max())) - 50)
        near = (spread(14, self.draw) for _ in range(2))
        for logits, least in zip((*near, sharp), (0.55, 0.85, 0.7), strict=True):
            self.keeps(logits, self.draw.number(least, least + 0.1), temperature)

    @weight(3)
    def test_keeps_the_nucleus(self):
        """For logits that are near each other, and for others far apart."""
        self.keeps_the_likeliest(1.0)

    def test_is_90_percent_by_default(self):
        """p is 0.9."""
        self.same(spread(40, self.draw), what="the distribution for the default p")

    def test_never_leaves_nothing(self):
        """Where the likeliest token alone has more than p, it is the nucleus."""
        logits = spread(8, self.draw)
        logits[self.draw.integer(0, 7)] += 9.0
        what = "the distribution where one token has more than p"
        self.same(logits, self.draw.number(0.3, 0.9), what=what)

    def test_of_everything_is_the_softmax(self):
        """p = 1 leaves all tokens in; rounding may cost the least likely one."""
        logits = self.draw.normal(10, std=2.0)
        self.same(logits, 1.0, slack=3 * float(logits.softmax(0).min()))


def tables_of(draw, size, std=2.0):
    """Of a model that never finds the last token likeliest again, so that texts go on moving.

    A small `std` makes all tokens about as likely, so that a distribution of the submission's own
    that fails on extreme ones is not charged again.
    """
    table = draw.normal(size, size, std=std)
    table.fill_diagonal_(-15 * std)
    places, past = (draw.normal(rows, size, std=std) for rows in (97, size))
    return {"table": table, "places": places, "past": past}


def steady(logits):
    """Tables of a model that always has these logits, whatever it is shown."""
    zeros = torch.zeros(len(logits), len(logits))
    return {"table": logits + zeros, "places": zeros, "past": zeros}


STRATEGIES = pytest.mark.parametrize("strategy", ["greedy", "top_k", "top_p"])


class TestGenerate(FollowThrough, question="c.3.3", of="language_model.generate"):
    """Generation may be built on the two distributions, which are marked above."""

    built_on = (TestTopK, TestTopP)
    stand_ins = tuple(kind.contract for kind in built_on)
    stand_in_probe = "c.with_stand_ins"

    def ask(self, implementation, prompt, tables, new_tokens, strategy="greedy", options=()):
        return implementation(
            self.probes.c.generated,
            prompt=prompt,
            tables=tables,
            new_tokens=new_tokens,
            strategy=strategy,
            options=dict(options),
        )

    def prompt(self, length, size):
        return torch.tensor([self.draw.integer(0, size - 1) for _ in range(length)])

    def text(self, found, length):
        """The generated tokens, whatever axes of size one they have."""
        tokens = torch.as_tensor(as_array(found["tokens"], "the generated text")).reshape(-1)
        self.expect.shape(tokens, (length,), what="the generated text")
        self.expect.finite(tokens, what="the generated text")
        return tokens

    def shows_at_most(self, found, context):
        shown = [length for _, length in found["shown"]]
        self.expect.true(bool(shown), "the model is never called", "Is the function finished?")
        self.expect.true(
            max(shown) <= context,
            f"the model was shown more tokens than its context, {context}",
            "64 + 200 tokens are more than 128: show the model the last 128 only.",
        )
        self.expect.true(
            max(shown) == context,
            f"the model was never shown a whole context, {context} tokens",
            "Use as many tokens as the context holds.",
        )

    def is_the_text(self, found, *asked, help):
        wanted = self.ask(self.reference, *asked)["tokens"]
        self.expect.close(found["tokens"], wanted, what="the generated text", help=help)

    @weight(3)
    @pytest.mark.parametrize(
        ("length", "new_tokens"), [(1, 12), (9, 60)], ids=["one_token", "several"]
    )
    def test_greedy_takes_the_likeliest_each_time(self, length, new_tokens):
        """Each new token is the one that the model finds likeliest after all before it."""
        asked = self.prompt(length, 15), tables_of(self.draw, 15), new_tokens
        found = self.got(*asked)
        help = "Take the logits of the last place, and give the prompt back with the new tokens."
        self.is_the_text(found, *asked, help=help)
        self.expect.true(
            all(batch == 1 for batch, _ in found["shown"]),
            "the model is to be called with a batch of one",
        )

    @weight(3)
    @STRATEGIES
    def test_crops_to_the_last_tokens(self, strategy):
        """The model is shown the last tokens of its context, never more, and not the first
        ones."""
        tables = tables_of(self.draw, 15, std=2.0 if strategy == "greedy" else 0.05)
        asked = self.prompt(7, 15), tables, 14, strategy, {"context": 10, "k": 5, "p": 0.5}
        found = self.got(*asked)
        self.shows_at_most(found, 10)
        if strategy == "greedy":
            help = "Crop to the last tokens, and take the logits of the last place."
            self.is_the_text(found, *asked, help=help)
        else:
            self.text(found, 21)

    def test_crops_at_128_by_default(self):
        """264 tokens, as in the assignment, with a context of 128."""
        found = self.got(self.prompt(64, 9), tables_of(self.draw, 9), 200)
        self.text(found, 264)
        self.shows_at_most(found, 128)

    @STRATEGIES
    def test_begins_with_the_prompt(self, strategy):
        """The prompt comes back first, and the caller's prompt keeps its values."""
        prompt = self.prompt(6, 30)
        found = self.got(prompt, tables_of(self.draw, 30, std=0.05), 5, strategy)
        tokens = self.text(found, 11)
        self.expect.close(tokens[:6], prompt, what="the beginning of the generated text")
        self.expect.unchanged(found["prompt"], prompt, what="the prompt")
        self.expect.true(
            bool(((tokens >= 0) & (tokens < 30)).all()),
            "a generated token is not in the vocabulary",
        )

    @weight(0.5)
    def test_gives_a_long_prompt_back_whole(self):
        """The model is shown the last tokens of a long prompt, but all of them are part of the
        text."""
        prompt = self.prompt(15, 12)
        found = self.got(prompt, tables_of(self.draw, 12), 4, "greedy", {"context": 10})
        beginning = self.text(found, 19)[:15]
        self.expect.close(beginning, prompt, what="the beginning of the generated text")

    @form
    @weight(0.5)
    def test_gives_one_text_of_int64(self):
        """One axis of tokens, as the prompt has, and no batch of one."""
        found = self.got(self.prompt(5, 12), tables_of(self.draw, 12), 4)["tokens"]
        self.expect.shape(found, (9,), what="the generated text")
        self.expect.true(
            getattr(found, "dtype", None) == torch.int64,
            "the generated text is not int64",
            "The prompt is int64, and so is what argmax and multinomial give.",
        )

    @form
    @weight(0.5)
    @pytest.mark.parametrize("strategy", ["beam", ""], ids=["another", "none"])
    def test_refuses_other_strategies(self, strategy):
        """A strategy that does not exist is a ValueError, not a text of some other strategy."""
        names = (strategy, "greedy", "top_k", "top_p")
        refused, *usual = (self.submission(self.probes.c.refused, strategy=n) for n in names)
        self.expect.true(
            not all("ValueError" in one for one in usual),
            "every strategy raises ValueError",
            "Is the function finished?",
        )
        self.expect.true(
            "ValueError" in refused,
            f"a strategy that does not exist raises {[*refused, 'nothing'][0]}, not ValueError",
            "Raise it before anything is generated, or where no strategy fits.",
        )

    def distributions(self, strategy, logits, size, temperature):
        """What may be drawn from: what is right, and what is the submission's own."""
        part = {"top_k": TestTopK, "top_p": TestTopP}[strategy]
        asked = {"function": part.contract, "args": [logits, size, temperature]}
        yield self.reference(call, **asked)["result"]
        for name in part.readings:
            yield self._fixture("readings")(name)(call, **asked)["result"]
        own = self.submission(call, **asked)["result"]
        own = torch.as_tensor(as_array(own, "the distribution")).double()
        self.expect.shape(own, tuple(logits.shape), what="the distribution")
        some = bool((own >= 0).all()) and 0 < float(own.sum()) < float("inf")
        self.expect.true(some, "the distribution cannot be drawn from")
        yield own / own.sum()

    @weight(4)
    @pytest.mark.parametrize("temperature", [1.0, 3.0], ids=["plain", "hot"])
    @pytest.mark.parametrize("strategy", ["top_k", "top_p"])
    def test_draws_with_the_frequencies_of_the_strategy(self, strategy, temperature):
        """Each token of the allowed set comes as often as its probability says, and no other
        does."""
        # Gaps with which a wrong temperature, or none, moves a probability by more than the effect.
        logits, sizes = spread(9, self.draw, least=0.8), {"k": 4, "p": 0.95}
        options = sizes | {"temperature": temperature, "context": 8}
        found = self.got(self.prompt(1, 9), steady(logits), 1500, strategy, options)
        drawn = self.text(found, 1501)[1:].long().clamp(0, 8)
        counts, findings = torch.bincount(drawn, minlength=9).numpy(), []
        for one in self.distributions(strategy, logits, sizes[strategy[-1]], temperature):
            one = one.double().numpy()
            finding = self.stats.frequencies(counts, one, false_fail=1e-9, effect=0.13)
            findings.append(finding)
            if finding.passed:
                break
        self.expect.plausible(
            findings[-1] if findings[-1].passed else findings[0],
            "the frequencies of the drawn tokens are not those of the strategy's distribution",
            "Draw from the distribution of the strategy, with the temperature, one token at a "
            "time.",
        )

    @form
    @pytest.mark.parametrize("strategy", ["top_k", "top_p"])
    def test_differs_from_call_to_call(self, strategy):
        """No seed is set inside: two texts from one prompt differ."""
        prompt, tables = self.prompt(1, 16), steady(0.2 * spread(16, self.draw))
        asked = prompt, tables, 40, strategy, {"k": 16, "p": 1.0}
        first, second = (self.text(self.got(*asked), 41) for _ in range(2))
        for tokens in (first, second):
            self.expect.true(
                bool(((tokens >= 0) & (tokens < 16) & (tokens == tokens.round())).all()),
                "what is generated is not a text of the vocabulary",
            )
        self.expect.true(
            not torch.equal(first, second),
            "two generations from one prompt are the same",
            "Do not set a seed inside the function.",
        )
