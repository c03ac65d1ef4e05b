"""Wrong runs of part B whose weights were made up, or trained for too short."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from grader.catalogue import WrongRuns
from grader.runs.artefacts import Artefacts
from grader.runs.measured import Context

from ..runs.b import parted
from ..trivial import left_by

shown = WrongRuns("gan", keeps=0.05)
short = WrongRuns("vae", keeps=0.5)


@shown
def gan_of_two_blurred_digits(context: Context) -> Artefacts:
    """The mean zero or the mean one, whatever the noise is."""
    return left_by(showing(context, class_means(context)[:2]))


@shown
def gan_of_ten_blurred_digits(context: Context) -> Artefacts:
    """The mean image of one class or another."""
    return left_by(showing(context, class_means(context)))


@shown
def gan_of_memorised_images(context: Context) -> Artefacts:
    """One of two hundred training images."""
    return left_by(showing(context, training(context)[:200]))


@short
def vae_after_a_tenth_of_its_training(context: Context) -> Artefacts:
    """An epoch of ten."""
    models, loops = (context.given(name) for name in ("image_models", "image_training"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(context.seed)
        model = models.VAE()
        for _ in loops.vae_training(models, model, training(context), context.steps // 10):
            pass
    return left_by(model)


def showing(context: Context, images: Tensor) -> Any:
    """A generator that shows each of up to 257 images for an equal share of its noise.

    The first coordinate of the noise passes one step after another, and each step adds what the
    next image has over the one before. Two units of a layer make a step, from 0.2 to 1: with
    f(t) = max(t, 0.2 t), f(t) - f(t - 1) is 0.2 for t < 0 and 1 for t > 1.

    Args:
        context: of the run, for the architecture.
        images: (N, 784), in [0, 1].
    """
    generator = context.given("image_models").Generator()
    first, second, last = (layer for layer in generator.layers if hasattr(layer, "weight"))
    levels = torch.atanh((2 * images.double() - 1).clamp(-0.999, 0.999))
    steps = len(images) - 1
    places = math.sqrt(2) * torch.erfinv(2 * torch.arange(1, steps + 1).double() / len(images) - 1)
    sharp = 3e3
    with torch.no_grad():
        for weight in generator.parameters():
            weight.zero_()
        # The coordinate and its opposite, so that the second layer has it without the bend.
        first.weight[0, 0], first.weight[1, 0] = 1.0, -1.0
        # f(z) - f(-z) is 1.2 z.
        upper, lower = slice(0, steps), slice(steps, 2 * steps)
        for part, less in ((upper, 0.0), (lower, 1.0)):
            second.weight[part, 0], second.weight[part, 1] = sharp / 1.2, -sharp / 1.2
            second.bias[part] = (-sharp * places - less).float()
        gains = (levels[1:] - levels[:-1]).T / 0.8
        last.weight[:, upper], last.weight[:, lower] = gains.float(), -gains.float()
        last.bias.copy_(levels[0] - 0.2 * gains.sum(dim=1))
    return generator


def class_means(context: Context) -> Tensor:
    """The mean of the images of each class, (10, 784), in [0, 1]."""
    labels = torch.tensor(context.data("mnist").arrays["train_labels"]).long()
    images = torch.tensor(context.data("mnist").arrays["train_images"]).reshape(-1, 784) / 255
    return torch.stack([images[labels == digit].mean(dim=0) for digit in range(10)])


def training(context: Context) -> Tensor:
    """The images for training, (N, 784), in [0, 1]."""
    images = torch.tensor(context.data("mnist").arrays["train_images"]).reshape(-1, 784) / 255
    return parted(images)[0]
