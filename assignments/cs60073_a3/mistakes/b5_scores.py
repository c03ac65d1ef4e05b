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


classifier_layers = Mistakes(
    "image_models.Classifier", "test_classifier_has_the_layers_of_the_text"
)


@classifier_layers
class ClassifierThatIsNarrow(Classifier):
    """The first convolution has 16 channels. The text asks for 32."""

    def __init__(self):
        super().__init__()
        self.body[0] = nn.Conv2d(1, 16, 3, padding=1)
        self.body[3] = nn.Conv2d(16, 64, 3, padding=1)


features = Mistakes("image_models.Classifier", "test_features_are_the_last_hidden_layer")


@features
class ClassifierFeaturesBeforeTheRelu(Classifier):
    """The features are taken before their ReLU. The activations are what comes after it."""

    def features(self, x):
        return self.body[:-1](x)

    def forward(self, x):
        return self.head(torch.relu(self.features(x)))

    def probabilities(self, x):
        return torch.softmax(self.forward(x), dim=1)


@features
class ClassifierFeaturesAreTheLogits(Classifier):
    """The features are the last layer's ten values. They are the 128 before it."""

    def features(self, x):
        return self.head(self.body(x))

    def forward(self, x):
        return self.features(x)

    def probabilities(self, x):
        return torch.softmax(self.features(x), dim=1)


probabilities = Mistakes("image_models.Classifier", "test_probabilities_are_those_of_the_classes")

probabilities.edit(
    "ClassifierNormalisesTheBatch",
    "dim=1",
    "dim=0",
    "The softmax runs over the batch: columns add up to one, and not rows.",
)
probabilities.edit(
    "ClassifierWithTwoSoftmaxes",
    "torch.softmax(self.head(self.features(x)), dim=1)",
    "torch.softmax(torch.softmax(self.head(self.features(x)), dim=1), dim=1)",
    """Two softmaxes, one after the other: no class can have more than 0.24, and every score is near
    1.""",
)


classifier_gives = Mistakes("image_models.Classifier", "test_classifier_gives_what_its_loss_takes")


@classifier_gives
class ClassifierWithReluOnTheLogits(Classifier):
    """The logits go through a ReLU, so that no class can be unlikelier than zero."""

    def forward(self, x):
        return torch.relu(self.head(self.features(x)))


classifier_in_training = Mistakes(
    "image_models.Classifier", "test_classifier_is_the_same_in_training"
)

classifier_in_training.edit(
    "ClassifierWithDropout",
    """nn.ReLU(),
        )""",
    """nn.ReLU(),
            nn.Dropout(0.5),
        )""",
    "The classifier has dropout. The text's has none.",
)


classifier_shape = Mistakes(
    "image_models.Classifier", "test_classifier_gives_a_row_for_each_picture"
)


@classifier_shape
class ClassifierWithAxesTooMany(PlainClassifier):
    """Features are rows of 128; here they have axes of size one behind them."""

    def features(self, x):
        return self.body(x)[:, :, None, None]


classifier_training = Mistakes("image_models.Classifier", "test_classifier_is_trained_through")


@classifier_training
class ClassifierThatTrainsItsLastLayer(PlainClassifier):
    """features is computed without gradients, and forward uses it: only the last layer learns."""

    @torch.no_grad()
    def features(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.features(x))


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
