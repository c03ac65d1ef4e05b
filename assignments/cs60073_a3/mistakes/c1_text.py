"""Mistakes in c.1.1 and c.1.2: characters, splits, blocks and positions."""

import torch

from grader.catalogue import Mistakes

vocabulary = Mistakes("language_model.make_vocabulary", "test_has_every_character_once_in_order")


@vocabulary
def vocabulary_without_the_newline(text):
    """The newline is missing: the text was cut into lines first. It is a character like any
    other."""
    return sorted(set("".join(text.splitlines())))


@vocabulary
def vocabulary_in_order_of_appearance(text):
    """A set has no order of its own, and that of first appearance is another one than that of the
    code points: the tokens of two runs would differ."""
    return list(dict.fromkeys(text))


@Mistakes("language_model.encode", "test_has_the_right_values")
def encode_as_code_points(text, vocabulary):
    """These are code points. A token is the place of the character in the vocabulary."""
    return torch.tensor([ord(character) for character in text])


@Mistakes("language_model.encode", "test_gives_int64")
def encode_as_floats(text, vocabulary):
    """The places are right but come as floats. An embedding is indexed with torch.long."""
    return torch.tensor([float(vocabulary.index(character)) for character in text])


Mistakes("language_model.encode", "test_has_the_right_shape").edit(
    "encode_as_a_batch_of_one",
    "[place[character] for character in text]",
    "[[place[character] for character in text]]",
    "A text is one axis of tokens, (N,), without a batch of one in front.",
)


@Mistakes("language_model.decode", "test_undoes_encode")
def decode_with_blanks(tokens, vocabulary):
    """Something stands between the characters. Join them with the empty string."""
    return " ".join(vocabulary[token] for token in tokens.tolist())


splitting = Mistakes("language_model.split", "test_keeps_the_order_of_the_text")
splitting.edit(
    "split_of_shuffled_characters",
    "    n = len(tokens)\n",
    """    n = len(tokens)
    tokens = tokens[torch.randperm(n)]
""",
    """The text is shuffled before it is cut. The split is contiguous: shuffled characters are no
    language any more.""",
)
splitting.edit(
    "split_of_other_shares",
    "tokens[: n * 90 // 100], tokens[n * 90 // 100 : n * 95 // 100], tokens[n * 95 // 100 :]",
    "tokens[: n * 8 // 10], tokens[n * 8 // 10 : n * 9 // 10], tokens[n * 9 // 10 :]",
    "This is 80/10/10; the assignment has 90/5/5.",
)

blocks = Mistakes("language_model.make_blocks", "test_are_consecutive_and_targets_come_next")
blocks.edit(
    "blocks_without_the_shift",
    "tokens[1 : whole + 1].reshape(-1, context)",
    "inputs.clone()",
    """Inputs and targets are the same tokens. A target is the token after its input; a model that
    is trained on this learns to copy.""",
)
blocks.edit(
    "blocks_rolled",
    "tokens[1 : whole + 1].reshape(-1, context)",
    "inputs.roll(-1, dims=1)",
    """Each row is shifted within itself, so that its last target is the first token of the same
    row. It is the token that comes next in the text.""",
)
blocks.edit(
    "blocks_that_overlap",
    """inputs = tokens[:whole].reshape(-1, context)
    targets = tokens[1 : whole + 1].reshape(-1, context)""",
    """inputs = tokens[:-1].unfold(0, context, 1)
    targets = tokens[1:].unfold(0, context, 1)""",
    """There is a block for each starting place, so that an epoch sees each token many times. Here
    blocks do not overlap.""",
)

Mistakes("language_model.make_blocks", "test_have_128_tokens_by_default").edit(
    "blocks_of_64", "= CONTEXT", "= 64", "The default context is not 128."
)

Mistakes("language_model.make_blocks", "test_are_rows").edit(
    "blocks_in_one_row",
    "return inputs, targets",
    "return inputs.flatten(), targets.flatten()",
    "The text is cut to whole blocks, but not into rows: ((N - 1) // T, T).",
)

positions = Mistakes("language_model.sinusoidal_positions", "test_has_the_right_values")
positions.edit(
    "positions_with_twice_the_exponent",
    "(even / dim)",
    "(2 * even / dim)",
    """The exponent runs to 2: with i counting pairs it is 2 i / dim, and so is half of what stands
    here.""",
)
positions.edit(
    "positions_from_one",
    "torch.arange(length, dtype",
    "torch.arange(1, length + 1, dtype",
    "The first position is 1 here; positions are counted from 0.",
)
positions.edit(
    "positions_with_short_wavelengths",
    "position / 10000",
    "position * 10000",
    """Angles are multiplied by 10000^(2i/dim) instead of divided: no wavelength is longer than 2
    pi.""",
)
positions.edit(
    "positions_with_a_wavelength_for_each_column",
    "table = torch.stack([angle.sin(), angle.cos()], dim=2)",
    """table = torch.arange(dim).double()
    angle = position / 10000 ** (table / dim)
    table = torch.where(table % 2 == 0, angle.sin(), angle.cos())""",
    """Every column has its own wavelength. A sine and a cosine share one: two columns make a point
    on a circle.""",
)

positions_shape = Mistakes("language_model.sinusoidal_positions", "test_have_their_shape")
positions_shape.edit(
    "positions_with_a_batch_axis",
    "table.reshape(length, dim)",
    "table.reshape(1, length, dim)",
    "There is an axis of size one in front. The table is (length, dim).",
)
positions_shape.edit(
    "positions_in_float64",
    "dim).float()",
    "dim)",
    "The table is float64, and makes the whole model float64.",
)
