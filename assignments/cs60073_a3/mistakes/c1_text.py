"""Mistakes in c.1: the vocabulary, the blocks and the positions."""

import math

import torch

from grader.catalogue import Mistakes

vocabulary = Mistakes(
    "language_model.make_vocabulary", "test_vocabulary_has_every_character_once_in_order"
)


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


encoding = Mistakes("language_model.encode", "test_encode_gives_places_in_the_vocabulary")


@encoding
def encode_as_code_points(text, vocabulary):
    """These are code points. A token is the place of the character in the vocabulary."""
    return torch.tensor([ord(character) for character in text])


tokens_shape = Mistakes("language_model.encode", "test_tokens_are_one_axis_of_int64")


@tokens_shape
def encode_as_floats(text, vocabulary):
    """The places are right but come as floats. An embedding is indexed with torch.long."""
    return torch.tensor([float(vocabulary.index(character)) for character in text])


@tokens_shape
def encode_as_a_batch_of_one(text, vocabulary):
    """A text is one axis of tokens, (N,), without a batch of one in front."""
    return torch.tensor([[vocabulary.index(character) for character in text]])


decoding = Mistakes("language_model.decode", "test_decode_undoes_encode")


@decoding
def decode_with_blanks(tokens, vocabulary):
    """Something stands between the characters. Join them with the empty string."""
    return " ".join(vocabulary[token] for token in tokens.tolist())


splitting = Mistakes("language_model.split", "test_split_keeps_the_order_of_the_text")


@splitting
def split_of_shuffled_characters(tokens):
    """The text is shuffled before it is cut. The split is contiguous: shuffled characters are no
    language any more."""
    mixed = tokens[torch.randperm(len(tokens))]
    n = len(tokens)
    return mixed[: int(0.9 * n)], mixed[int(0.9 * n) : int(0.95 * n)], mixed[int(0.95 * n) :]


@splitting
def split_of_other_shares(tokens):
    """This is 80/10/10; the assignment has 90/5/5."""
    n = len(tokens)
    return tokens[: int(0.8 * n)], tokens[int(0.8 * n) : int(0.9 * n)], tokens[int(0.9 * n) :]


blocks = Mistakes("language_model.make_blocks", "test_blocks_are_consecutive_and_targets_come_next")


@blocks
def blocks_without_the_shift(tokens, context=128):
    """Inputs and targets are the same tokens. A target is the token after its input; a model that
    is trained on this learns to copy."""
    whole = (len(tokens) - 1) // context * context
    inputs = tokens[:whole].reshape(-1, context)
    return inputs, inputs.clone()


@blocks
def blocks_that_overlap(tokens, context=128):
    """There is a block for each starting place, so that an epoch sees each token many times. Here
    blocks do not overlap."""
    return tokens[:-1].unfold(0, context, 1), tokens[1:].unfold(0, context, 1)


@blocks
def blocks_rolled(tokens, context=128):
    """Each row is shifted within itself, so that its last target is the first token of the same
    row. It is the token that comes next in the text."""
    whole = (len(tokens) - 1) // context * context
    inputs = tokens[:whole].reshape(-1, context)
    return inputs, inputs.roll(-1, dims=1)


blocks_default = Mistakes("language_model.make_blocks", "test_blocks_have_128_tokens_by_default")


@blocks_default
def blocks_of_64(tokens, context=64):
    """The default context is not 128."""
    whole = (len(tokens) - 1) // context * context
    return tokens[:whole].reshape(-1, context), tokens[1 : whole + 1].reshape(-1, context)


blocks_rows = Mistakes("language_model.make_blocks", "test_blocks_are_rows")


@blocks_rows
def blocks_in_one_row(tokens, context=128):
    """The text is cut to whole blocks, but not into rows: ((N - 1) // T, T)."""
    whole = (len(tokens) - 1) // context * context
    return tokens[:whole], tokens[1 : whole + 1]


positions = Mistakes("language_model.sinusoidal_positions", "test_positions_are_sines_and_cosines")


@positions
def positions_with_twice_the_exponent(length, dim):
    """The exponent runs to 2: with i counting pairs it is 2 i / dim, and so is half of what stands
    here."""
    position = torch.arange(length).float()[:, None]
    angle = position / 10000 ** (2 * torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)


@positions
def positions_from_one(length, dim):
    """The first position is 1 here; positions are counted from 0."""
    position = torch.arange(1, length + 1).float()[:, None]
    angle = position / 10000 ** (torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)


@positions
def positions_with_a_wavelength_for_each_column(length, dim):
    """Every column has its own wavelength. A sine and a cosine share one: two columns make a point
    on a circle."""
    angle = torch.arange(length).float()[:, None] / 10000 ** (torch.arange(dim).float() / dim)
    even = torch.arange(dim) % 2 == 0
    return torch.where(even, angle.sin(), angle.cos())


@positions
def positions_with_short_wavelengths(length, dim):
    """Angles are multiplied by 10000^(2i/dim) instead of divided: no wavelength is longer than 2
    pi."""
    position = torch.arange(length).double()[:, None]
    angle = position * 10000 ** (torch.arange(0, dim, 2).double() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim).float()


positions_shape = Mistakes("language_model.sinusoidal_positions", "test_positions_have_their_shape")


@positions_shape
def positions_with_a_batch_axis(length, dim):
    """There is an axis of size one in front. The table is (length, dim)."""
    position = torch.arange(length).float()[:, None]
    angle = position / 10000 ** (torch.arange(0, dim, 2).float() / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(1, length, dim)


@positions_shape
def positions_in_float64(length, dim):
    """The table is float64, and makes the whole model float64."""
    angle = torch.arange(length)[:, None] * torch.exp(
        -math.log(10000) / dim * torch.arange(0, dim, 2, dtype=torch.float64)
    )
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, dim)
