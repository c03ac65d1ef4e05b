"""The measures of part B: the VAE, the generator and the classifier of MNIST."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from grader.measures.estimate import Estimate
from grader.runs.artefacts import Artefacts
from grader.runs.left import Left
from grader.runs.measured import Context, Measured, measurement
from grader.subjects.classifier import OwnScores, share_right
from grader.subjects.images import PICTURE_SEED, Tables, grid, images_of, labels_of
from grader.subjects.latent import LatentModel

from ..runs.b import parted

LATENT, NOISE = 16, 64
TABLE, SPLITS = 100, 10  # generated images for the table of scores, as the text has it
HELD_OUT = 1000  # real images that the training did not see, for how near is usual


def vae(artefacts: Artefacts, context: Context) -> Measured:
    """The bound on the validation set and its parts, and scores of samples."""
    left, (training, validation) = Left(artefacts, context), parted(rows(context, "train"))

    def model_of(network: Any) -> LatentModel:
        # The bound takes logits: the decoder without its sigmoid, which loses nothing in the tails.
        return LatentModel(left, network.encode, network.decoder[:-1], LATENT)

    def bound_of(network: Any) -> float:
        return model_of(network).elbo(validation[:500], 1).estimate.value

    # The two heads have one shape: the order that gives the higher bound is theirs.
    model = model_of(left.network("image_models", "VAE", any_names=True, better=bound_of))
    bound = functools.cache(lambda: model.elbo(validation, 2))
    tables = Tables(left, "mnist", TABLE, SPLITS)
    figures = [
        left.figure("validation_elbo", lambda: bound().estimate),
        left.figure("reconstruction", lambda: model.reconstruction(validation)),
        left.figure("kl", lambda: Estimate(bound().kl, 0.0, len(validation), "nats per image")),
        *tables.figures(model.draw, training, rows(context, "test")[:HELD_OUT]),
    ]
    drawings = model.pictures(validation[:5], {"generations": 10, "samples": TABLE})
    return Measured(tuple(figures), (*left.curves("nats per image"), *drawings))


def gan(artefacts: Artefacts, context: Context) -> Measured:
    """Scores of the generator's images at the end, and its grids on the way."""
    left, (training, _) = Left(artefacts, context), parted(rows(context, "train"))
    networks = {
        step: left.network("image_models", "Generator", weights=weights, any_names=True)
        for step, weights in left.snapshots("generator").items()
    }
    final = list(networks.values())[-1]
    figures = Tables(left, "mnist", TABLE, SPLITS).figures(
        lambda count, generator: unit_images(final, torch.randn(count, NOISE, generator=generator)),
        training,
        rows(context, "test")[:HELD_OUT],
    )
    fixed = torch.randn(64, NOISE, generator=torch.Generator().manual_seed(PICTURE_SEED))
    grids = [
        grid(
            f"grid-{step}",
            f"Images after step {step:,} of {context.steps:,}",
            unit_images(network, fixed),
            "from the same 64 vectors of noise at every step",
            "a grid of eight by eight generated images",
            columns=8,
        )
        for step, network in networks.items()
    ]
    return Measured(tuple(figures), (*left.curves("loss, nats"), *grids))


def classifier(artefacts: Artefacts, context: Context) -> Measured:
    """The classifier's accuracy, and whether the submission's scores are right for its features."""
    left, data = Left(artefacts, context), context.data("mnist")
    network = left.network("image_models", "Classifier", any_names=True)
    test, labels = images_of(data, "test").float() / 255, labels_of(data, "test")
    figures = [left.figure("accuracy", lambda: share_right(network, test, labels))]
    if "own_scores" in artefacts.arrays:
        count = left.setting("real")
        real, own = test[: count + TABLE], artefacts.arrays["own_scores"]
        scores = OwnScores(own, network, real, count, SPLITS)
        figures.append(measurement("own_inception_score", scores.inception_score))
        figures.append(measurement("own_fid", scores.fid))
    return Measured(tuple(figures), left.curves("−log p(y|x), nats"))


@torch.inference_mode()
def unit_images(generator: Any, z: Tensor) -> Tensor:
    """Images in [0, 1] of a generator whose pixels lie in [-1, 1]."""
    return (generator(z) + 1) / 2


def rows(context: Context, part: str) -> Tensor:
    """Images (N, 784) in [0, 1]."""
    return images_of(context.data("mnist"), part).reshape(-1, 784).float() / 255
