"""Draws images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.pictures.canvas import (
    DPI,
    MARGIN,
    NOT_A_NUMBER,
    NOTES,
    TITLE,
    new_figure,
    png,
    sentence,
    styled,
    text_height,
)

Array = npt.NDArray[Any]

MOST_ROWS = 10
GRID_PIXELS = 900
LEAST_PIXELS = 480
IMAGE_PIXELS = 128
GAP_PIXELS = 4


def image_grid(images: Array, *, columns: int = 10, title: str) -> bytes:
    """Images side by side, each of their pixels as a square of whole pixels, as a PNG file.

    Args:
        images: (N, H, W), or (N, 1, H, W), or (N, 3, H, W), with values from 0 (black) to 1.
            At most ten rows are shown.

    Raises:
        ValueError: for an array of another shape.
    """
    pixels = np.asarray(images)
    if pixels.ndim == 4 and pixels.shape[1] in (1, 3):
        pixels = pixels.transpose(0, 2, 3, 1)
    elif pixels.ndim == 3:
        pixels = pixels[..., None]
    else:
        raise ValueError(f"images must be (N, H, W) or (N, 1 or 3, H, W), not {pixels.shape}")
    if pixels.size == 0:
        return sentence(LEAST_PIXELS / DPI, title, "Nothing to draw: there are no images.")
    shown = pixels[: columns * MOST_ROWS].astype(np.float64)
    finite = np.isfinite(shown)
    grid = _tiled(shown, finite, min(columns, len(shown)))
    return _framed(grid, title, _notes(len(pixels), shown, finite))


def _notes(number: int, shown: Array, finite: Array) -> list[str]:
    notes = []
    if len(shown) < number:
        notes.append(f"the first {len(shown):,} of {number:,}")
    broken = int((~finite).any(axis=(1, 2, 3)).sum())
    if broken:
        notes.append(f"with values that are not finite, in orange: {broken:,}")
    # A decoder's sigmoid, or rounding, may leave the interval by a hair.
    outside = finite & ((shown < -1e-3) | (shown > 1 + 1e-3))
    beyond = int(outside.any(axis=(1, 2, 3)).sum())
    if beyond:
        notes.append(f"with values outside [0, 1], which were clipped: {beyond:,}")
    return notes


def _tiled(shown: Array, finite: Array, columns: int) -> npt.NDArray[np.uint8]:
    """The grid as (height, width, 3), white between the images."""
    number, height, width, _ = shown.shape
    grey = (np.clip(np.nan_to_num(shown), 0, 1) * 255).round()
    rgb = np.broadcast_to(grey, (number, height, width, 3))
    rgb = np.where(finite.all(axis=3, keepdims=True), rgb, NOT_A_NUMBER).astype(np.uint8)
    room = min(GRID_PIXELS // (columns * width), IMAGE_PIXELS // max(height, width))
    scale = max(1, room)
    rgb = rgb.repeat(scale, axis=1).repeat(scale, axis=2)
    high, wide = height * scale + GAP_PIXELS, width * scale + GAP_PIXELS
    rows = -(-number // columns)
    grid = np.full((rows * high - GAP_PIXELS, columns * wide - GAP_PIXELS, 3), 255, np.uint8)
    for n in range(number):
        top, left = n // columns * high, n % columns * wide
        grid[top : top + height * scale, left : left + width * scale] = rgb[n]
    return grid


def _framed(grid: npt.NDArray[np.uint8], title: str, notes: Sequence[str]) -> bytes:
    """The grid, not resampled, below its title and above its notes."""
    margin = round(MARGIN * DPI)
    width = max(grid.shape[1] + 2 * margin, LEAST_PIXELS)
    head, foot = (
        round(DPI * text_height(text, width / DPI, points))
        for text, points in ((title, TITLE), ("; ".join(notes), NOTES))
    )
    height = head + grid.shape[0] + foot + (3 if foot else 2) * margin
    with styled():
        figure = new_figure(width / DPI, height / DPI, title, notes=notes)
        figure.figimage(grid, margin, foot + (2 if foot else 1) * margin, origin="upper")
        return png(figure)
