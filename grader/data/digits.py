"""The embedded images: scikit-learn's 1,797 real 8x8 digits, enlarged to the size of a real set.

All arithmetic is in whole numbers, so that every machine has the same bytes.
"""

from __future__ import annotations

import numpy as np

from grader.data.dataset import Array

CLASSES = 10
INK = 16  # a pixel of scikit-learn's digits counts the inked points of a 4x4 block
TEST_PER_CLASS = 36
VALID_PER_CLASS = 36
DRAW_SEED = 1797


def labelled(side: int, channels: int = 0) -> dict[str, Array]:
    """1,437 training and 360 test digits, 36 a class, with labels; all uint8.

    Args:
        side: height and width of the images.
        channels: 0 gives (N, side, side); else (N, channels, side, side), all channels equal.
    """
    small, labels = _originals()
    images = enlarge(small, side)
    if channels:
        images = np.repeat(images[:, None], channels, axis=1)
    test = _spread(labels, TEST_PER_CLASS)
    return {
        "train_images": images[~test],
        "train_labels": labels[~test],
        "test_images": images[test],
        "test_labels": labels[test],
    }


def binarized() -> dict[str, Array]:
    """1,077 training, 360 validation and 360 test rows (N, 784) of zeros and ones, uint8.

    Each pixel is drawn once as 1 with probability grey/255, as in the published set.
    """
    small, labels = _originals()
    grey = enlarge(small, 28).reshape(len(small), -1)
    # RandomState's stream is frozen by NumPy; that of its newer generators may change.
    uniform = np.random.RandomState(DRAW_SEED).random_sample(grey.shape)
    rows = (uniform < grey / 255).astype(np.uint8)
    test = _spread(labels, TEST_PER_CLASS)
    rest = np.flatnonzero(~test)
    valid = np.zeros_like(test)
    valid[rest[_spread(labels[rest], VALID_PER_CLASS)]] = True
    return {"train": rows[~test & ~valid], "valid": rows[valid], "test": rows[test]}


def enlarge(images: Array, side: int) -> Array:
    """Bilinear interpolation of (N, n, n), 0 to 16, to (N, side, side) uint8, 0 to 255.

    Pixels are squares whose corners are kept, as in `interpolate(align_corners=False)` of torch.
    """
    weights = _weights(images.shape[1], side)
    whole = (2 * side) ** 2 * INK
    sums = weights @ images.astype(np.int64) @ weights.T
    return ((2 * 255 * sums + whole) // (2 * whole)).astype(np.uint8)


def _weights(small: int, side: int) -> Array:
    """Weights (side, small) of the small pixels in each large one, in units of 1/(2 side)."""
    unit = 2 * side
    centre = (2 * np.arange(side) + 1) * small - side
    centre = centre.clip(0, (small - 1) * unit)
    low = centre // unit
    share = centre % unit
    weights = np.zeros((side, small), dtype=np.int64)
    rows = np.arange(side)
    weights[rows, low] = unit - share
    weights[rows, np.minimum(low + 1, small - 1)] += share
    return weights


def _originals() -> tuple[Array, Array]:
    # Half a second, which commands that never look at a digit need not wait for.
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.uint8)


def _spread(labels: Array, per_class: int) -> Array:
    """Marks as many items of each class, evenly spread over the set and so over its writers."""
    marked = np.zeros(len(labels), dtype=bool)
    for label in range(CLASSES):
        members = np.flatnonzero(labels == label)
        marked[members[np.arange(per_class) * len(members) // per_class]] = True
    return marked
