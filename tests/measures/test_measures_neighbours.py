"""Copies of training images are found, and fresh or blurred ones are not taken for copies."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from torch import Tensor

from grader.measures.estimate import MeasureError
from grader.measures.neighbours import copies, nearest_distances


def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Training, held-out and fresh images of 8 x 8 pixels in [0, 1], no two of which are equal."""
    images = torch.from_numpy(np.unique(load_digits().images, axis=0)).float()[:, None] / 16
    images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
    return images[:1000], images[1000:1400], images[1400:]


TRAINING, HOLDOUT, FRESH = digits()


def noisy(images: Tensor, sd: float) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    return (images + sd * noise).clamp(0, 1)


@pytest.mark.parametrize("chunk", [7, 100, 5000])
def test_distances_are_those_of_brute_force(chunk: int) -> None:
    found = nearest_distances(FRESH[:50], TRAINING[:300], 5, chunk=chunk)
    all_of_them = cdist(FRESH[:50].flatten(1), TRAINING[:300].flatten(1))
    assert found.distances == pytest.approx(np.sort(all_of_them, axis=1)[:, :5])
    at = np.take_along_axis(all_of_them, found.indices, axis=1)
    assert found.distances == pytest.approx(at)


def test_bytes_are_compared_as_numbers() -> None:
    samples, training = ((255 * x).byte() for x in (FRESH[:20], TRAINING))
    found = nearest_distances(samples, training)
    assert found.distances == pytest.approx(
        np.sort(cdist(samples.flatten(1), training.flatten(1)), axis=1)[:, :10]
    )


def test_an_exact_copy_has_distance_zero() -> None:
    found = nearest_distances(100 + TRAINING[5:8], 100 + TRAINING)
    assert (found.nearest == 0).all()
    assert (found.relative == 0).all()
    assert found.indices[:, 0].tolist() == [5, 6, 7]


@pytest.mark.parametrize("sd", [0.0, 0.02, 0.05])
def test_copies_are_found_even_with_slight_noise(sd: float) -> None:
    result = copies(noisy(TRAINING[:100], sd), TRAINING, HOLDOUT)
    assert result.share.value == 1.0
    assert result.flagged
    assert (result.neighbours.indices[:, 0] == np.arange(100)).all()


def test_a_few_copies_among_many_are_found() -> None:
    result = copies(torch.cat([FRESH[:180], TRAINING[:20]]), TRAINING, HOLDOUT)
    assert result.is_copy[180:].all()
    assert result.is_copy[:180].mean() < 0.05
    assert result.flagged


def test_fresh_images_are_no_copies() -> None:
    result = copies(FRESH, TRAINING, HOLDOUT)
    assert result.share.value <= 3 * result.false_alarm
    assert not result.flagged


def test_smooth_images_are_no_copies_though_they_are_near() -> None:
    """Means of like images: what a generator makes that blurs, and nobody's copy."""
    near = nearest_distances(FRESH, TRAINING).indices
    smooth = TRAINING[torch.from_numpy(near)].mean(dim=1)
    result = copies(smooth, TRAINING, HOLDOUT)
    assert np.median(result.neighbours.nearest) < result.usual_distance
    assert result.share.value <= 3 * result.false_alarm
    assert not result.flagged


def test_shifted_copies_are_missed_as_the_module_says() -> None:
    result = copies(TRAINING[:100].roll(1, dims=3), TRAINING, HOLDOUT)
    assert result.share.value < 0.2


def test_a_duplicated_training_set_hides_no_exact_copy() -> None:
    doubled = TRAINING.repeat(12, 1, 1, 1)
    result = copies(TRAINING[:50], doubled, torch.cat([HOLDOUT, TRAINING[:50]]))
    assert result.share.value == 1.0


@pytest.mark.parametrize(
    ("samples", "training", "sentence"),
    [
        (FRESH[:, :, :4], TRAINING, "cannot be compared"),
        ((255 * FRESH).byte(), TRAINING, "cannot be compared"),
        (FRESH * float("nan"), TRAINING, "NaN"),
        (FRESH[:0], TRAINING, r"shape \(N"),
        (FRESH, TRAINING[:5], "10 neighbours"),
    ],
)
def test_sets_that_do_not_fit_get_a_sentence(
    samples: Tensor, training: Tensor, sentence: str
) -> None:
    with pytest.raises(MeasureError, match=sentence):
        nearest_distances(samples, training)


def test_too_few_held_out_images_get_a_sentence() -> None:
    with pytest.raises(MeasureError, match="too few"):
        copies(FRESH, TRAINING, HOLDOUT[:50])
