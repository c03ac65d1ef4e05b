"""Right ways to write c.1.1 and c.1.2: characters, splits, blocks and positions."""

import math

import numpy as np
import torch

from grader.catalogue import Variants


@Variants("language_model.make_vocabulary")
def vocabulary_in_a_loop(text):
    """Counted in a loop, sorted at the end."""
    found = []
    for character in text:
        if character not in found:
            found.append(character)
    found.sort()
    return found


@Variants("language_model.encode")
def encode_by_numpy(text, vocabulary):
    """A NumPy array of places, turned into a tensor."""
    return torch.from_numpy(np.array([vocabulary.index(c) for c in text], dtype=np.int64))


@Variants("language_model.decode")
def decode_by_dictionary(tokens, vocabulary):
    """A dictionary from places to characters."""
    names = dict(enumerate(vocabulary))
    return "".join(names[int(token)] for token in tokens)


split = Variants("language_model.split")


@split
def split_rounded(tokens):
    """Shares are rounded, which may move one character."""
    first, second = round(0.9 * len(tokens)), round(0.05 * len(tokens))
    return tokens[:first], tokens[first : first + second], tokens[first + second :]


@split
def split_by_sizes(tokens):
    """torch's own split, by sizes."""
    n = len(tokens)
    sizes = [int(0.9 * n), int(0.05 * n)]
    return torch.split(tokens, [*sizes, n - sum(sizes)])


@Variants("language_model.make_blocks")
def blocks_in_a_loop(tokens, context=128):
    """A loop over starting places."""
    starts = range(0, len(tokens) - context, context)
    inputs = torch.stack([tokens[s : s + context] for s in starts])
    targets = torch.stack([tokens[s + 1 : s + 1 + context] for s in starts])
    return inputs, targets


sinusoidal_positions = Variants("language_model.sinusoidal_positions")


@sinusoidal_positions
def positions_in_halves(length, dim):
    """All sines before all cosines."""
    frequencies = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    angle = torch.outer(torch.arange(length).float(), frequencies)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


@sinusoidal_positions
def positions_by_slices(length, dim):
    """Filled in by slices, in float32."""
    table = torch.zeros(length, dim)
    position = torch.arange(0, length, dtype=torch.float).unsqueeze(1)
    divisor = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
    table[:, 0::2] = torch.sin(position * divisor)
    table[:, 1::2] = torch.cos(position * divisor)
    return table
