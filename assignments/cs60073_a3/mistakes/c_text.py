"""Mistakes in c.1.1 and c.1.2: characters, splits, blocks and positions."""

# Names such as CONTEXT are those of the file that an entry is grafted onto.

import math

import torch

from grader.audit import mistake


@mistake(
    "language_model.make_vocabulary",
    fails=["test_vocabulary_has_every_character_once_in_order"],
    hint="The newline is missing: the text was cut into lines first. It is a character like any "
    "other.",
)
def vocabulary_without_the_newline(text):
    return sorted(set("".join(text.splitlines())))


@mistake(
    "language_model.make_vocabulary",
    fails=["test_vocabulary_has_every_character_once_in_order"],
    hint="A set has no order of its own, and that of first appearance is another one than that of "
    "the code points: the tokens of two runs would differ.",
)
def vocabulary_in_order_of_appearance(text):
    return list(dict.fromkeys(text))


@mistake(
    "language_model.encode",
    fails=["test_encode_gives_places_in_the_vocabulary"],
    hint="These are code points. A token is the place of the character in the vocabulary.",
)
def encode_as_code_points(text, vocabulary):
    return torch.tensor([ord(character) for character in text])


@mistake(
    "language_model.encode",
    fails=["test_tokens_are_one_axis_of_int64"],
    hint="The places are right but come as floats. An embedding is indexed with torch.long.",
)
def encode_as_floats(text, vocabulary):
    return torch.tensor([float(vocabulary.index(character)) for character in text])


@mistake(
    "language_model.decode",
    fails=["test_decode_undoes_encode"],
    hint="Something stands between the characters. Join them with the empty string.",
)
def decode_with_blanks(tokens, vocabulary):
    return " ".join(vocabulary[token] for token in tokens.tolist())


@mistake(
    "language_model.split",
    fails=["test_split_keeps_the_order_of_the_text"],
    hint="The text is shuffled before it is cut. The split is contiguous: shuffled characters are "
    "no language any more.",
)
def split_of_shuffled_characters(tokens):
    mixed = tokens[torch.randperm(len(tokens))]
    n = len(tokens)
    return mixed[: int(0.9 * n)], mixed[int(0.9 * n) : int(0.95 * n)], mixed[int(0.95 * n) :]


@mistake(
    "language_model.split",
    fails=["test_split_keeps_the_order_of_the_text"],
    hint="This is 80/10/10; the assignment has 90/5/5.",
)
def split_of_other_shares(tokens):
    n = len(tokens)
    return tokens[: int(0.8 * n)], tokens[int(0.8 * n) : int(0.9 * n)], tokens[int(0.9 * n) :]


@mistake(
    "language_model.make_blocks",
    fails=["test_blocks_are_consecutive_and_targets_come_next"],
    hint="Inputs and targets are the same tokens. A target is the token after its input; a model "
    "that is trained on this learns to copy.",
)
def blocks_without_the_shift(tokens, context=128):
    whole = (len(tokens) - 1) // context * context
    inputs = tokens[:whole].reshape(-1, context)
    return inputs, inputs.clone()


@mistake(
    "language_model.make_blocks",
    fails=["test_blocks_are_consecutive_and_targets_come_next"],
    hint="There is a block for each starting place, so that an epoch sees each token many times. "
    "Here blocks do not overlap.",
)
def blocks_that_overlap(tokens, context=128):
    return tokens[:-1].unfold(0, context, 1), tokens[1:].unfold(0, context, 1)


@mistake(
    "language_model.make_blocks",
    fails=["test_blocks_are_consecutive_and_targets_come_next"],
    hint="Each row is shifted within itself, so that its last target is the first token of the "
    "same row. It is the token that comes next in the text.",
)
def blocks_rolled(tokens, context=128):
    whole = (len(tokens) - 1) // context * context
    inputs = tokens[:whole].reshape(-1, context)
    return inputs, inputs.roll(-1, dims=1)


@mistake(
    "language_model.make_blocks",
    fails=["test_blocks_have_128_tokens_by_default"],
    hint="The default context is not 128.",
)
def blocks_of_64(tokens, context=64):
    whole = (len(tokens) - 1) // context * context
    return tokens[:whole].reshape(-1, context), tokens[1 : whole + 1].reshape(-1, context)


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_are_sines_and_cosines"],
    hint="The exponent runs to 2: with i counting pairs it is 2 i / dim, and so is half of what "
    "stands here.",
)
def positions_with_twice_the_exponent(length, dim):
    position = torch.arange(length).float()[:, None]
    angle = position / 10000 ** (2 * torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_are_sines_and_cosines"],
    hint="The first position is 1 here; positions are counted from 0.",
)
def positions_from_one(length, dim):
    position = torch.arange(1, length + 1).float()[:, None]
    angle = position / 10000 ** (torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_are_sines_and_cosines"],
    hint="Every column has its own wavelength. A sine and a cosine share one: two columns make a "
    "point on a circle.",
)
def positions_with_a_wavelength_for_each_column(length, dim):
    angle = torch.arange(length).float()[:, None] / 10000 ** (torch.arange(dim).float() / dim)
    even = torch.arange(dim) % 2 == 0
    return torch.where(even, angle.sin(), angle.cos())


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_are_sines_and_cosines"],
    hint="Angles are multiplied by 10000^(2i/dim) instead of divided: no wavelength is longer than "
    "2 pi.",
)
def positions_with_short_wavelengths(length, dim):
    position = torch.arange(length).double()[:, None]
    angle = position * 10000 ** (torch.arange(0, dim, 2).double() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim).float()


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_have_their_shape"],
    hint="There is an axis of size one in front. The table is (length, dim).",
)
def positions_with_a_batch_axis(length, dim):
    position = torch.arange(length).float()[:, None]
    angle = position / 10000 ** (torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(1, length, dim)


@mistake(
    "language_model.sinusoidal_positions",
    fails=["test_positions_have_their_shape"],
    hint="The table is float64, and makes the whole model float64.",
)
def positions_in_float64(length, dim):
    angle = torch.arange(length)[:, None] * torch.exp(
        -math.log(10000) / dim * torch.arange(0, dim, 2, dtype=torch.float64)
    )
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)


@mistake(
    "language_model.encode",
    fails=["test_tokens_are_one_axis_of_int64"],
    hint="A text is one axis of tokens, (N,), without a batch of one in front.",
)
def encode_as_a_batch_of_one(text, vocabulary):
    return torch.tensor([[vocabulary.index(character) for character in text]])


@mistake(
    "language_model.make_blocks",
    fails=["test_blocks_are_rows"],
    hint="The text is cut to whole blocks, but not into rows: ((N - 1) // T, T).",
)
def blocks_in_one_row(tokens, context=128):
    whole = (len(tokens) - 1) // context * context
    return tokens[:whole], tokens[1 : whole + 1]
