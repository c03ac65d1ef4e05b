"""Perplexity of a language model."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from grader.measures.estimate import Estimate, MeasureError, finite, mean_estimate

ROUNDING = 1e-5


def perplexity(log_probabilities: ArrayLike, block: int = 1) -> Estimate:
    """exp of the mean negative log-likelihood per token.

    The standard error is by the delta method: that of the mean, times the perplexity. Tokens
    near each other are hard or easy together; then the means of blocks of consecutive tokens are
    nearer to independent than the tokens, and their spread gives the error of the mean.

    Args:
        log_probabilities: (N,), natural logarithms of the probability of each token given those
            before it, in the order of the text.
        block: tokens in a block; what is left at the end counts in the value alone.

    Raises:
        MeasureError: for a logarithm above 0, one that is not finite, fewer than two blocks, or
            a perplexity beyond double precision.
    """
    nats = -finite(log_probabilities, "log-probabilities").reshape(-1)
    if (nats < -ROUNDING).any():
        raise MeasureError(
            f"a log-probability of {-float(nats.min()):.3g} is above 0: no probability is above 1"
        )
    if block < 1 or nats.size < 2 * block:
        raise MeasureError(f"{nats.size} tokens do not make two blocks of {block}")
    whole = nats[: nats.size // block * block].reshape(-1, block).mean(axis=1)
    error = mean_estimate(whole, "nats per token").standard_error
    mean = float(nats.mean())
    try:
        value = math.exp(mean)
    except OverflowError:
        raise MeasureError(f"the perplexity exp({mean:.6g}) overflows") from None
    return Estimate(value, value * error, nats.size, "perplexity per token", f"{mean:.5f} nats")
