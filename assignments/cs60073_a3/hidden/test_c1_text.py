"""Question c.1.1: characters, splits and blocks; c.1.2: positions."""

import math

import numpy as np
import pytest
import torch

from grader.suite.expect import as_array

LETTERS = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def text_of(draw, length, letters=LETTERS):
    return "".join(letters[draw.integer(0, len(letters) - 1)] for _ in range(length))


# --- c.1.1 ------------------------------------------------------------------------------------


@pytest.mark.question("c.1.1")
def test_vocabulary_has_every_character_once_in_order(submission, expect, draw):
    """Every character of the text once, in the order of code points; a newline is a character."""
    text = text_of(draw, 40) + "\n" + text_of(draw, 40)
    found = submission.language_model.make_vocabulary(text)
    expect.true(
        isinstance(found, list) and all(isinstance(c, str) for c in found),
        "the vocabulary is not a list of characters",
    )
    expect.true(
        "\n" in found, "the newline is missing from the vocabulary", "A newline is a token too."
    )
    expect.true(
        found == sorted(set(text)),
        "the vocabulary is not every character once, sorted",
        "Take the different characters, and sort them.",
    )


@pytest.mark.question("c.1.1")
def test_encode_gives_places_in_the_vocabulary(submission, expect, draw):
    """Tokens are places in the vocabulary that is given, whatever its order."""
    letters = "".join(sorted(set(text_of(draw, 60)), key=lambda c: (ord(c) * 37) % 101))
    text = text_of(draw, 50, letters)
    found = submission.language_model.encode(text, list(letters))
    expect.close(found, torch.tensor([letters.index(c) for c in text]), what="the tokens")


@pytest.mark.question("c.1.1", weight=0.25)
def test_tokens_are_one_axis_of_int64(submission, expect, draw):
    """(N,), as an embedding takes them, for a single character as well."""
    letters = list("abcdefgh")
    for text in ("hag", "e"):
        found = submission.language_model.encode(text, letters)
        expect.close(found, torch.tensor([letters.index(c) for c in text]), what="the tokens")
        expect.shape(found, (len(text),), what="the tokens")
        expect.true(
            getattr(found, "dtype", None) == torch.int64,
            "the tokens are not int64",
            "An embedding is indexed with torch.long.",
        )


@pytest.mark.question("c.1.1", weight=0.5)
def test_decode_undoes_encode(submission, expect, draw):
    """The text that these tokens were made of, newlines included."""
    letters = sorted(set(text_of(draw, 60)) | {"\n"})
    tokens = torch.tensor([draw.integer(0, len(letters) - 1) for _ in range(40)] + [0])
    found = submission.language_model.decode(tokens, letters)
    expect.true(
        isinstance(found, str) and found == "".join(letters[t] for t in tokens.tolist()),
        "decode does not give the text of the tokens",
        "Join the characters with nothing in between.",
    )


@pytest.mark.question("c.1.1")
@pytest.mark.parametrize("length", [2000, 1237], ids=["even", "odd"])
def test_split_keeps_the_order_of_the_text(submission, expect, draw, length):
    """The first 90 %, the next 5 % and the last 5 %: contiguous, nothing shuffled or lost."""
    tokens = torch.arange(length) * 7 + draw.integer(0, 50)
    parts = submission.language_model.split(tokens)
    expect.true(
        isinstance(parts, (list, tuple)) and len(parts) == 3, "split does not give three parts"
    )
    joined = np.concatenate([as_array(part, "a part of the text").reshape(-1) for part in parts])
    expect.close(
        joined, tokens, what="the three parts end to end", help="Slice; do not shuffle the text."
    )
    for part, share, name in zip(parts, (0.9, 0.05, 0.05), ("train", "valid", "test"), strict=True):
        expect.true(
            abs(len(part) - share * length) <= 1.5,
            f"the {name} part has not {share:.0%} of the text",
            "90 % and 5 % and 5 %.",
        )


@pytest.mark.question("c.1.1")
@pytest.mark.parametrize("left_over", [0, 1, 4], ids=["full", "one_over", "some_over"])
def test_blocks_are_consecutive_and_targets_come_next(
    submission, reference, expect, draw, left_over
):
    """Inputs do not overlap, and each target is the token after its input."""
    context = draw.integer(5, 9)
    tokens = torch.arange(1 + 3 * context + left_over) + draw.integer(0, 50)
    found = submission.language_model.make_blocks(tokens, context)
    wanted = reference.language_model.make_blocks(tokens, context)
    expect.true(isinstance(found, (list, tuple)) and len(found) == 2, "not a pair came back")
    for mine, right, what in zip(found, wanted, ("the inputs", "the targets"), strict=True):
        expect.close(mine, right, what=what, help="Targets are the text shifted by one token.")


@pytest.mark.question("c.1.1", weight=0.25)
def test_blocks_are_rows(submission, expect, draw):
    """Inputs and targets are ((N - 1) // T, T) each, for a single block as well."""
    for count in (1, 3):
        tokens = torch.arange(1 + 5 * count) + draw.integer(0, 50)
        found = submission.language_model.make_blocks(tokens, 5)
        expect.true(isinstance(found, (list, tuple)) and len(found) == 2, "not a pair came back")
        for mine, what in zip(found, ("the inputs", "the targets"), strict=True):
            expect.true(
                bool((as_array(mine, what) > 0).any()), f"{what} are empty", "Is it finished?"
            )
            expect.shape(mine, (count, 5), what=what)


@pytest.mark.question("c.1.1", weight=0.5)
def test_blocks_have_128_tokens_by_default(submission, expect, draw):
    """The context of the assignment is 128."""
    found = submission.language_model.make_blocks(torch.arange(300))
    expect.true(isinstance(found, (list, tuple)) and len(found) == 2, "not a pair came back")
    expect.shape(found[0], (2, 128), what="the inputs")


# --- c.1.2 ------------------------------------------------------------------------------------


def tables(length, dim):
    """Both orders of the columns, from the formula, element by element."""
    side = torch.zeros(length, dim, dtype=torch.float64)
    for t in range(length):
        for i in range(dim // 2):
            angle = t / 10000 ** (2 * i / dim)
            side[t, 2 * i], side[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return [side.float(), torch.cat([side[:, 0::2], side[:, 1::2]], dim=1).float()]


def one_of(expect, actual, wanted, **words):
    """The result is one of several right ones; the first of them is told of if it is none."""
    for right in wanted[1:]:
        try:
            expect.close(actual, right, **words)
            return
        except AssertionError:
            continue
    expect.close(actual, wanted[0], **words)


@pytest.mark.question("c.1.2", weight=2)
@pytest.mark.parametrize("size", ["small", "of_the_model"])
def test_positions_are_sines_and_cosines(submission, expect, draw, size):
    """A sine and a cosine for each wavelength, from 2 pi up to 10000 times that."""
    length, dim = (draw.integer(5, 9), 2 * draw.integer(3, 8)) if size == "small" else (128, 192)
    found = submission.language_model.sinusoidal_positions(length, dim)
    one_of(
        expect,
        found,
        tables(length, dim),
        what="the table of positions",
        help="Look at the exponent 2 i / dim, and where positions begin.",
        slack=2e-4,  # angles of up to 127 computed in float32
    )


@pytest.mark.question("c.1.2")
def test_positions_have_their_shape(submission, expect, draw):
    """(length, dim), in float32, for a single position too."""
    for length in (1, draw.integer(2, 20)):
        found = submission.language_model.sinusoidal_positions(length, 12)
        expect.shape(found, (length, 12), what="the table of positions")
    expect.true(getattr(found, "dtype", None) == torch.float32, "the table is not float32")
