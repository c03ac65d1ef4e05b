"""Question c.1.1: characters, splits and blocks; c.1.2: positions."""

import numpy as np
import pytest
import torch

from grader.suite.expect import as_array
from grader.suite.laws import Function, form, weight

LETTERS = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def text_of(draw, length, letters=LETTERS):
    return "".join(letters[draw.integer(0, len(letters) - 1)] for _ in range(length))


class TestVocabulary(Function, question="c.1.1", of="language_model.make_vocabulary"):
    def test_has_every_character_once_in_order(self):
        """Every character of the text once, in the order of code points; a newline is a
        character."""
        text = text_of(self.draw, 40) + "\n" + text_of(self.draw, 40)
        found, true = self.got(text), self.expect.true
        true(
            isinstance(found, list) and all(isinstance(c, str) for c in found),
            "the vocabulary is not a list of characters",
        )
        true("\n" in found, "the vocabulary has no newline", "A newline is a token too.")
        true(
            found == sorted(set(text)),
            "the vocabulary is not every character once, sorted",
            "Take the different characters, and sort them.",
        )


class TestEncode(Function, question="c.1.1", of="language_model.encode"):
    """Tokens are places in the vocabulary that is given, whatever its order."""

    owes = {"values": 1, "shape": 0.1, "batch_of_one": 0.05}
    parameters = ("text", "vocabulary")
    batches = (4, 7, 200)  # lengths

    def inputs(self, draw, batch=4):
        letters = sorted(set(text_of(draw, 60)), key=lambda c: (ord(c) * 37) % 101)
        return [text_of(draw, batch, letters), letters]

    @form
    @weight(0.1)
    def test_gives_int64(self):
        """An embedding takes no other numbers."""
        found, _ = self.answers(batch=9)
        self.expect.true(
            getattr(found, "dtype", None) == torch.int64,
            "the tokens are not int64",
            "An embedding is indexed with torch.long.",
        )


class TestDecode(Function, question="c.1.1", of="language_model.decode"):
    @weight(0.5)
    def test_undoes_encode(self):
        """The text that these tokens were made of, newlines included."""
        letters = sorted(set(text_of(self.draw, 60)) | {"\n"})
        for length in (40, 200):
            text = text_of(self.draw, length, letters) + letters[0]
            found = self.got(torch.tensor([letters.index(c) for c in text]), letters)
            self.expect.true(
                isinstance(found, str) and found == text,
                "decode does not give the text of the tokens",
                "Join the characters with nothing in between.",
            )


class TestSplit(Function, question="c.1.1", of="language_model.split"):
    @pytest.mark.parametrize("length", [2000, 1237], ids=["even", "odd"])
    def test_keeps_the_order_of_the_text(self, length):
        """The first 90 %, the next 5 % and the last 5 %: contiguous, nothing shuffled or lost."""
        tokens = torch.arange(length) * 7 + self.draw.integer(0, 50)
        parts, true = self.got(tokens), self.expect.true
        true(isinstance(parts, (list, tuple)) and len(parts) == 3, "split gives no three parts")
        parts = [as_array(part, "a part of the text").reshape(-1) for part in parts]
        self.expect.close(
            np.concatenate(parts),
            tokens,
            what="the three parts end to end",
            help="Slice; do not shuffle the text.",
        )
        for part, share, name in zip(
            parts, (0.9, 0.05, 0.05), ("train", "valid", "test"), strict=True
        ):
            true(
                abs(len(part) - share * length) <= 1.5,
                f"the {name} part is not {share:.0%} of the text",
                "90 % and 5 % and 5 %.",
            )


class TestBlocks(Function, question="c.1.1", of="language_model.make_blocks"):
    """Inputs do not overlap, and each target is the token after its input."""

    def pair(self, *args):
        found = self.got(*args)
        self.expect.true(isinstance(found, (list, tuple)) and len(found) == 2, "this is not a pair")
        return zip(found, ("the inputs", "the targets"), strict=True)

    @pytest.mark.parametrize("left_over", [0, 1, 4], ids=["full", "one_over", "some_over"])
    def test_are_consecutive_and_targets_come_next(self, left_over):
        """The tokens that fill no block are left out; the last target may be the last token."""
        help = "Targets are the text shifted by one token."
        for context in (self.draw.integer(5, 9), self.draw.integer(30, 90)):
            tokens = torch.arange(1 + 3 * context + left_over) + self.draw.integer(0, 50)
            wanted = self.ask(self.reference, tokens, context)
            for (found, what), right in zip(self.pair(tokens, context), wanted, strict=True):
                self.expect.close(found, right, what=what, help=help)

    @form
    @weight(0.25)
    def test_are_rows(self):
        """Inputs and targets are ((N - 1) // T, T) each, for a single block as well."""
        for count in (1, 3):
            tokens = torch.arange(1 + 5 * count) + self.draw.integer(1, 50)
            for found, what in self.pair(tokens, 5):
                self.expect.true(bool((as_array(found, what) > 0).any()), f"{what} are empty")
                self.expect.shape(found, (count, 5), what=what)

    @form
    @weight(0.5)
    def test_have_128_tokens_by_default(self):
        """The context of the assignment is 128."""
        for found, what in self.pair(torch.arange(300)):
            self.expect.shape(found, (2, 128), what=what)


class TestPositions(Function, question="c.1.2", of="language_model.sinusoidal_positions", values=4):
    """A sine and a cosine for each wavelength, from 2 pi up to 10000 times that. All sines may
    come before all cosines."""

    parameters = ("length", "dim")
    readings = ("positions_in_halves",)
    batches = (3, 9, 128)  # lengths
    slack = 2e-4  # angles of up to 127, computed in float32
    look_at = {"values": "Look at the exponent 2 i / dim, and where positions begin."}

    def inputs(self, draw, batch=4):
        return [batch, 192 if batch == 128 else 2 * draw.integer(3, 8)]

    @form
    def test_have_their_shape(self):
        """(length, dim), in float32, for a single position too."""
        for length in (1, self.draw.integer(2, 20)):
            found = self.got(length, 12)
            self.expect.shape(found, (length, 12), what="the table of positions")
        self.expect.true(getattr(found, "dtype", None) == torch.float32, "the table is not float32")
