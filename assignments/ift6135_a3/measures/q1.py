"""The measures of question 1: the VAE on binarised MNIST."""

from __future__ import annotations

import functools

import torch

from grader.measures.bounds import Bound
from grader.runs.artefacts import Artefacts
from grader.runs.left import Left
from grader.runs.measured import Context, Measured, measurement
from grader.subjects.latent import LatentModel, agreement

from ..runs.q1 import LATENT


def vae(artefacts: Artefacts, context: Context) -> Measured:
    """The bound on the validation set, log-likelihoods of the test set, and how honest they are."""
    left, data = Left(artefacts, context), context.data("binarized_mnist")
    network = left.network("vae", "VAE", LATENT)
    model = LatentModel(left, network.encode, network.decode, LATENT)
    valid, test = (torch.tensor(data.arrays[k], dtype=torch.float32) for k in ("valid", "test"))

    @functools.cache
    def tighter() -> Bound:
        return model.likelihood(test, int(left.setting("samples")))

    figures = [
        left.figure("validation_elbo", lambda: model.elbo(valid, 4).estimate),
        left.figure("log_likelihood", lambda: tighter().estimate, claim="test_log_likelihood"),
    ]
    own = artefacts.arrays.get("log_likelihoods")
    if own is not None:
        count = int(left.setting("own_images"))
        some = slice(None, None, max(1, len(test) // count))
        figures.append(
            measurement("own_estimate", lambda: agreement(own, tighter().per_image[some][:count]))
        )
    drawings = model.pictures(valid[:10], {"samples": 40})
    return Measured(tuple(figures), (*left.curves("−ELBO, nats per image"), *drawings))
