"""A small convolutional classifier, trained in a minute on one core, for features of images."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.measures.estimate import MeasureError

ARCHITECTURE = 1  # to be raised with every change that makes old weights or figures different
SIDES = (28, 32)

Progress = Callable[[int, int], None]


class Classifier(nn.Module):
    """Four convolutions and two linear layers, (N, C, S, S) in [0, 1] to logits.

    Args:
        channels: C, 1 or 3.
        side: S, 28 or 32.
        classes: how many.
        width: channels of the first convolution; the later have 2 and 4 times as many. None is
            16 for grey images and 32 for coloured ones.
        features: size of the last hidden layer, whose values are the features.
    """

    def __init__(
        self, channels: int, side: int, classes: int, width: int | None = None, features: int = 128
    ) -> None:
        super().__init__()
        if channels not in (1, 3) or side not in SIDES:
            raise MeasureError(
                f"images of {channels} x {side} x {side}: the classifier is made for 1 or 3 "
                f"channels and sides of {' or '.join(map(str, SIDES))}"
            )

        width = width or (16 if channels == 1 else 32)

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.body = nn.Sequential(
            # 2 x 2 pixels become channels: a quarter of the positions, and of the time.
            nn.PixelUnshuffle(2),  # (N, 4 C, S/2, S/2)
            *block(4 * channels, width),
            *block(width, 2 * width),
            nn.MaxPool2d(2),  # (N, 2 width, S/4, S/4)
            *block(2 * width, 4 * width),
            nn.MaxPool2d(2),  # (N, 4 width, S/8, S/8), rounded down
            nn.Flatten(),
            nn.Linear(4 * width * (side // 8) ** 2, features),
            nn.BatchNorm1d(features),
            nn.ReLU(),
        )
        self.head = nn.Linear(features, classes)
        # The faster order of convolutions; here and not in training, so that loaded weights and
        # trained ones go through the same arithmetic.
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """(N, C, S, S) in [0, 1] to (N, features)."""
        features: Tensor = self.body(images - 0.5)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """(N, features) to logits (N, classes)."""
        logits: Tensor = self.head(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.features(images))


def train_classifier(
    images: Tensor,
    labels: Tensor,
    *,
    classes: int = 10,
    steps: int = 800,
    seed: int = 0,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    progress: Progress | None = None,
) -> Classifier:
    """Train a classifier with AdamW and a one-cycle learning rate.

    Labels are not smoothed: that would bound the confidence, and with it the Inception Score.

    The same seed gives the same weights on the same machine with the same number of threads; the
    global generators are left as they were.

    Args:
        images: (N, C, S, S), bytes, or floats in [0, 1].
        labels: (N,), integers from 0 to classes - 1.
        classes, steps, seed, batch_size, learning_rate: of the training.
        progress: called with (steps done, steps) after each step.

    Returns:
        The classifier in evaluation mode.

    Raises:
        MeasureError: for images or labels that do not fit.
    """
    _check(images, labels, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(images.shape[1], images.shape[2], classes)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.2
    )
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, steps + 1):
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(images), generator=generator)])
        batch, order = order[:batch_size], order[batch_size:]
        x = as_floats(images[batch]).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(network(x), labels[batch].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step, steps)
    return network.eval()


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 500) -> float:
    """The share of images whose largest logit is that of their label."""
    network.eval()
    right = 0
    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        right += int((network(as_floats(x)).argmax(dim=1) == y).sum())
    return right / len(images)


def as_floats(images: Tensor) -> Tensor:
    """Bytes as floats in [0, 1]; floats in single precision."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def check_images(images: Tensor) -> None:
    """Images must be (N, C, S, S), of bytes or of floats in [0, 1]."""
    if images.dim() != 4 or not len(images) or images.shape[2] != images.shape[3]:
        raise MeasureError(f"images must have shape (N, C, S, S), not {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise MeasureError(f"images must be bytes or floats in [0, 1], not {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # a NaN fails this too
        raise MeasureError(
            f"pixels must lie between 0 and 1; these go from {low:g} to {high:g}. Images in "
            "[-1, 1] want (x + 1) / 2"
        )


def _check(images: Tensor, labels: Tensor, classes: int) -> None:
    check_images(images)
    if labels.shape != (len(images),) or labels.is_floating_point():
        raise MeasureError(
            f"{len(images)} images want as many integer labels; got {tuple(labels.shape)} of "
            f"{labels.dtype}"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise MeasureError(
            f"labels must go from 0 to {classes - 1}; these go from {int(labels.min())} to "
            f"{int(labels.max())}"
        )
