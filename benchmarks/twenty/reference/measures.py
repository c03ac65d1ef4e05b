"""Small measures of predictions and samples."""

import torch
from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """Entropy of a categorical distribution in nats: (B, C) to (B,)."""
    logs = torch.log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(1)


def perplexity(logits: Tensor, targets: Tensor) -> Tensor:
    """exp of the mean cross-entropy: (B, C) and (B,) to ()."""
    logs = torch.log_softmax(logits, dim=1)
    return (-logs[torch.arange(len(targets)), targets].mean()).exp()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distance of every row of x to every row of y: (N, D), (M, D) to (N, M)."""
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(2)


def moving_average(old: Tensor, new: Tensor, alpha: float) -> Tensor:
    """alpha times old plus (1 - alpha) times new."""
    return alpha * old + (1 - alpha) * new
