"""Bounds on the log-likelihood of a variational autoencoder, from its two networks.

The model is p(x, z) = N(z; 0, I) prod_d Bernoulli(x_d; sigmoid(logits_d(z))), and the posterior is
q(z|x) = N(z; mean(x), diag exp(logvar(x))). For pixels between 0 and 1 the Bernoulli term is the
cross-entropy that such models are trained on, and a likelihood for binary pixels only.

Sources: Kingma and Welling 2014 (arXiv:1312.6114); Burda, Grosse and Salakhutdinov 2016
(arXiv:1509.00519).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grader.measures.estimate import Estimate, MeasureError, Vector, finite

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
Decode = Callable[[Tensor], Tensor]

UNIT = "nats per image"


@dataclass(frozen=True)
class Bound:
    """A lower bound on the mean log-likelihood of a data set.

    Attributes:
        estimate: the mean over the images.
        per_image: (N,), the bound of each image, in nats.
        kl: the mean of KL(q(z|x) || p(z)), in nats, computed analytically.
    """

    estimate: Estimate
    per_image: Vector
    kl: float


def elbo(
    encode: Encode,
    decode: Decode,
    images: Tensor,
    *,
    samples: int = 2,
    seed: int,
    batch_size: int = 1000,
    of_population: bool = False,
) -> Bound:
    """The evidence lower bound E_q log p(x|z) - KL(q(z|x) || N(0, I)), the KL analytic.

    Args:
        encode: images (B, ...) to mean and log-variance of q(z|x), each (B, L).
        decode: z (B, L) to logits (B, D).
        images: (N, ...) with D values each, between 0 and 1, on the networks' device.
        samples: draws of z for each image.
        seed: of the draws; with the same batch size the figure is the same to the last bit.
        batch_size: how many pairs of image and draw are decoded at a time.
        of_population: whether the standard error is also that of having these N images and not
            others. Otherwise it is that of the draws of z alone; with a single draw that cannot
            be told apart from the spread of the images, which is then used and is larger.

    Raises:
        MeasureError: for images out of [0, 1], networks whose shapes do not fit, and NaN.
    """
    log_px, kl, _ = _draws(encode, decode, images, samples, seed, batch_size)
    per_image = log_px.mean(axis=1) - kl
    within = log_px.var(axis=1, ddof=1) / samples if samples > 1 else None
    estimate = _estimate(per_image, within, of_population, f"ELBO, {samples} draws per image")
    return Bound(estimate, per_image, float(kl.mean()))


def importance_bound(
    encode: Encode,
    decode: Decode,
    images: Tensor,
    *,
    samples: int = 200,
    seed: int,
    batch_size: int = 2000,
    of_population: bool = False,
) -> Bound:
    """The importance-weighted bound E log (1/K) sum_k p(x, z_k) / q(z_k|x), z_k from q(z|x).

    It lies between the ELBO and log p(x), and rises to log p(x) with K. An image's own standard
    error comes from the spread of its weights (delta method). Where few weights hold all the mass
    both bound and error are too small, so the note gives the median effective sample size
    (sum w)^2 / sum w^2.

    Args:
        encode, decode, images, seed, batch_size, of_population: as in `elbo`.
        samples: K, draws of z for each image.

    Raises:
        MeasureError: as in `elbo`.
    """
    if samples < 2:
        raise MeasureError("the importance bound needs at least 2 draws per image; 1 is the ELBO")
    log_px, kl, log_ratio = _draws(encode, decode, images, samples, seed, batch_size)
    log_weights = log_px + log_ratio  # (N, K)
    largest = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - largest)
    total = weights.sum(axis=1)
    per_image = largest[:, 0] + np.log(total / samples)
    concentration = (weights**2).sum(axis=1) / total**2  # from 1/K to 1
    within = (concentration - 1 / samples).clip(min=0) * samples / (samples - 1)
    note = (
        f"importance bound, K = {samples}; median effective sample size "
        f"{float(np.median(1 / concentration)):.1f}"
    )
    return Bound(_estimate(per_image, within, of_population, note), per_image, float(kl.mean()))


def _estimate(per_image: Vector, within: Vector | None, of_population: bool, note: str) -> Estimate:
    """The mean, with the error of the draws or of draws and images together."""
    n = per_image.size
    if within is None or of_population:
        if n < 2:
            raise MeasureError("one image with one draw has no standard error; take more of either")
        # The spread over the images has that of the draws in it already.
        error = float(per_image.std(ddof=1)) / math.sqrt(n)
    else:
        error = math.sqrt(float(within.sum())) / n
    about = "draws and images" if of_population else "draws"
    return Estimate(float(per_image.mean()), error, n, UNIT, f"{note}; error of the {about}")


@torch.inference_mode()
def _draws(
    encode: Encode, decode: Decode, images: Tensor, samples: int, seed: int, batch_size: int
) -> tuple[Vector, Vector, Vector]:
    """log p(x|z_k), (N, K); the analytic KL, (N,); log p(z_k) - log q(z_k|x), (N, K)."""
    if samples < 1 or batch_size < 1 or len(images) < 1:
        raise MeasureError("a bound needs at least one image, one draw and a batch of one")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # a NaN fails this too
        raise MeasureError(f"pixels must lie between 0 and 1; these go from {low:g} to {high:g}")
    generator = torch.Generator(device=images.device).manual_seed(seed)
    log_px = np.empty((len(images), samples))
    log_ratio = np.empty((len(images), samples))
    kl = np.empty(len(images))
    rows = max(1, batch_size // samples)
    for start in range(0, len(images), rows):
        x = images[start : start + rows].float()
        block = slice(start, start + len(x))
        mean, logvar = _posterior(encode, x)
        kl[block] = _kl(mean, logvar).cpu().numpy()
        for first in range(0, samples, batch_size):
            draws = slice(first, min(first + batch_size, samples))
            shape = (len(x), draws.stop - first, mean.shape[1])  # (b, k, L)
            eps = torch.randn(shape, generator=generator, device=images.device)
            z = mean[:, None] + torch.exp(logvar / 2)[:, None] * eps
            log_px[block, draws] = _log_bernoulli(decode, z, x.flatten(start_dim=1)).cpu().numpy()
            ratio = (eps.square() - z.square() + logvar[:, None]) / 2  # (b, k, L)
            log_ratio[block, draws] = ratio.sum(dim=2, dtype=torch.float64).cpu().numpy()
    return (
        finite(log_px, "values of log p(x|z)"),
        finite(kl, "values of KL(q(z|x) || p(z))"),
        finite(log_ratio, "values of log p(z) - log q(z|x)"),
    )


def _posterior(encode: Encode, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, logvar = encode(x)
    if mean.shape != logvar.shape or mean.dim() != 2 or len(mean) != len(x):
        raise MeasureError(
            f"the encoder gives a mean of shape {tuple(mean.shape)} and a log-variance of shape "
            f"{tuple(logvar.shape)} for {len(x)} images; both should be ({len(x)}, L)"
        )
    return mean, logvar


def _kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, diag exp(logvar)) || N(0, I)), (B, L) to (B,)."""
    terms = mean.square() + logvar.exp() - logvar - 1
    return terms.sum(dim=1, dtype=torch.float64) / 2


def _log_bernoulli(decode: Decode, z: Tensor, x: Tensor) -> Tensor:
    """log p(x|z) for z (b, k, L) and x (b, D), as (b, k)."""
    b, k, _ = z.shape
    logits = decode(z.flatten(0, 1))  # (b k, D)
    if logits.shape != (b * k, x.shape[1]):
        raise MeasureError(
            f"the decoder gives logits of shape {tuple(logits.shape)} for {b * k} latent vectors; "
            f"({b * k}, {x.shape[1]}) belong to these images"
        )
    logits = logits.unflatten(0, (b, k))
    # x l - log(1 + exp(l)): the first sum is a product of matrices, and only the second a function
    # of every value. A sum over pixels in single precision is right to 1e-4 nats.
    linear = torch.bmm(logits, x[:, :, None])[:, :, 0]
    return linear.double() - F.softplus(logits).sum(dim=2).double()
