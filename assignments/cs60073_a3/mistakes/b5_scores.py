"""Mistakes in b.5: the classifier, the Inception Score and the Frechet distance."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Mistakes


def parts_of(p, splits):
    return [part.double() for part in p.chunk(splits)]


def divergences(part, marginal):
    return torch.special.entr(part).sum(1).neg() - torch.xlogy(part, marginal).nan_to_num(
        neginf=0.0
    ).sum(1)


def summed_up(scores):
    return float(np.mean(scores)), float(np.std(scores))


def root_of(sigma):
    values, vectors = np.linalg.eigh(sigma)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def trace_of_root(a, b):
    root = root_of(a)
    return np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(min=0)).sum()


class PlainClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        first = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        last = [nn.Flatten(), nn.Linear(3136, 128), nn.ReLU()]
        self.body = nn.Sequential(*first, *second, *last)
        self.head = nn.Linear(128, 10)

    def features(self, x):
        return self.body(x)

    def probabilities(self, x):
        return torch.softmax(self.head(self.body(x)), dim=1)

    def forward(self, x):
        return self.head(self.body(x))


loss_values = Mistakes(
    "image_models.classifier_loss", "test_classifier_loss_is_the_negative_log_probability"
)


@loss_values
def classifier_loss_with_two_softmaxes(output, labels):
    """Two softmaxes: one before the cross-entropy, one inside it. The loss cannot fall below 1.46,
    and training is slow."""
    return F.cross_entropy(torch.softmax(output, dim=1), labels)


@loss_values
def classifier_loss_of_bare_logits(output, labels):
    """nll_loss takes log-probabilities, and is given logits."""
    return F.nll_loss(output, labels)


@loss_values
def classifier_loss_of_pairs(output, labels):
    """The log-probabilities of all images are taken at the labels of all images, (B, B): each image
    has one label, its own."""
    return -F.log_softmax(output, dim=1)[:, labels].mean()


loss_training = Mistakes(
    "image_models.classifier_loss", "test_classifier_loss_trains_the_classifier"
)


@loss_training
def classifier_loss_detached(output, labels):
    """The value is right, but it is cut off from its graph."""
    return F.cross_entropy(output, labels).detach()


loss_scalar = Mistakes("image_models.classifier_loss", "test_classifier_loss_is_a_scalar")


@loss_scalar
def classifier_loss_with_an_axis(output, labels):
    """A scalar has shape (), not (1,)."""
    return F.cross_entropy(output, labels).reshape(1)
