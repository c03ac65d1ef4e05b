"""Classifiers of images, and scores that a submission computes from their features."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.measures.classifier import accuracy
from grader.measures.estimate import Estimate, MeasureError
from grader.measures.scores import frechet_distance, inception_score
from grader.subjects.images import moments

# Ways to part the samples over which our Inception Score is averaged.
PARTITIONS = 200


def share_right(network: Any, images: Tensor, labels: Tensor) -> Estimate:
    """The share of images (N, C, S, S) that get their label, (N,)."""
    value, n = accuracy(network, images, labels), len(images)
    return Estimate(value, (value * (1 - value) / n) ** 0.5, n, "share of test images")


class OwnScores:
    """The submission's scores of real images, held against ours from the same weights.

    Args:
        own: (3,): Inception Score, its standard deviation over splits, and FID.
        network: of the weights that were left; has `features`.
        images: (count + N, C, S, S): real images to compare with, then the N that are scored.
        count: how many come first.
        splits: of the Inception Score.
    """

    def __init__(self, own: Any, network: Any, images: Tensor, count: int, splits: int) -> None:
        self._own = np.asarray(own)
        self._splits = splits
        with torch.inference_mode():
            parts = [network.features(x) for x in images.split(250)]
            self._features = torch.cat(parts).double().numpy()
            logits = network(images[count:]).double()
            self._probabilities = torch.softmax(logits, dim=1).numpy()
        self._count = count

    def inception_score(self) -> Estimate:
        """Its score minus ours.

        Which samples make a split is open: ours is the mean over many ways to part them.

        Raises:
            MeasureError: it has no scores.
        """
        ours = [
            inception_score(self._probabilities, self._splits, shuffle_seed=s).estimate.value
            for s in range(PARTITIONS)
        ]
        note = f"ours is {np.mean(ours):.3f} ± {np.std(ours):.3f} over ways to part the samples"
        value = self._value(0) - float(np.mean(ours))
        return Estimate(value, 0.0, len(self._probabilities), "", note)

    def fid(self) -> Estimate:
        """Its FID over ours, minus one.

        Raises:
            MeasureError: it has no scores.
        """
        real, scored = self._features[: self._count], self._features[self._count :]
        ours = frechet_distance(*moments(real), *moments(scored))
        note = (
            f"ours is {ours:.4g}: the FID of {len(scored)} real images against {len(real)} others"
        )
        return Estimate(
            self._value(2) / ours - 1, 0.0, len(self._features), "relative to ours", note
        )

    def _value(self, place: int) -> float:
        if self._own.shape != (3,):
            raise MeasureError("the submission's functions gave no scores of real images")
        return float(self._own[place])
