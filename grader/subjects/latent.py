"""Latent-variable models p(x, z) = N(z; 0, I) prod_d Bernoulli(x_d; sigmoid(logits_d(z)))."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from grader.measures.bounds import UNIT, Bound, Decode, Encode, elbo, importance_bound
from grader.measures.estimate import Estimate, MeasureError, finite, mean_estimate
from grader.runs.left import Left
from grader.runs.measured import Drawing
from grader.subjects.images import PICTURE_SEED, grid


class LatentModel:
    """A variational autoencoder, by its two networks.

    Args:
        left: whose seed the draws have.
        encode: images (B, ...) to mean and log-variance of q(z|x), each (B, L).
        decode: z (B, L) to logits (B, D), which lose nothing where a sigmoid is 0 or 1.
        latent: L.
    """

    def __init__(self, left: Left, encode: Encode, decode: Decode, latent: int) -> None:
        self._encode = encode
        self._decode = decode
        self._latent = latent
        self._seed = left.context.seed

    def elbo(self, images: Tensor, samples: int) -> Bound:
        """The evidence lower bound of images (N, ...), with so many draws of z for each.

        Raises:
            MeasureError: as `grader.measures.bounds.elbo`.
        """
        return elbo(self._encode, self._decode, images, samples=samples, seed=self._seed)

    def likelihood(self, images: Tensor, samples: int) -> Bound:
        """The importance-weighted bound, which rises to log p(x) with the number of samples.

        Raises:
            MeasureError: as `grader.measures.bounds.importance_bound`.
        """
        return importance_bound(
            self._encode, self._decode, images, samples=samples, seed=self._seed
        )

    def reconstruction(self, images: Tensor) -> Estimate:
        """Cross-entropy of images (N, D) that are decoded from the mean of their posterior."""
        with torch.inference_mode():
            logits = self._decode(self._encode(images)[0])
            terms = nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="none")
        return mean_estimate(terms.sum(dim=1).double().numpy(), UNIT, "z is the mean")

    @torch.inference_mode()
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Means of p(x|z), (count, D), for z from the prior."""
        return torch.sigmoid(self._decode(torch.randn(count, self._latent, generator=generator)))

    def pictures(self, images: Tensor, samples: Mapping[str, int]) -> tuple[Drawing, ...]:
        """Images above their reconstructions, and grids of fresh draws.

        Args:
            images: a few, (N, ...), of 784 pixels each.
            samples: how many draws are in each grid, by its name.
        """
        with torch.inference_mode():
            again = torch.sigmoid(self._decode(self._encode(images)[0]))
        generator = torch.Generator().manual_seed(PICTURE_SEED)
        return (
            grid(
                "reconstructions",
                "Validation images and their reconstructions",
                torch.cat([images.reshape(again.shape), again]),
                "images above, reconstructions below",
                f"{len(images)} validation images and below each what the model makes of it",
                columns=len(images),
            ),
            *(
                grid(
                    name,
                    name.capitalize(),
                    self.draw(count, generator),
                    "decoded from z of the prior",
                    f"{count} images drawn from the model",
                )
                for name, count in samples.items()
            ),
        )


def agreement(own: Any, ours: Any) -> Estimate:
    """Mean difference between the submission's estimates of log p(x) and ours, image by image.

    Args:
        own: as the submission computed them, of any shape.
        ours: (N,).

    Raises:
        MeasureError: they are not as many, or not finite.
    """
    if own.shape != ours.shape:
        raise MeasureError(
            "the submission's functions gave no estimate of log p(x) for each of the "
            f"{len(ours)} images"
        )
    return mean_estimate(finite(own, "of the submission's own estimates of log p(x)") - ours, UNIT)
