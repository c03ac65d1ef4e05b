"""Right ways to write b.5: the classifier, the Inception Score and the Frechet distance."""

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Variants

classifier = Variants("image_models.Classifier")


@classifier
class ClassifierOfNamedLayers(nn.Module):
    """layers by name, functional pooling"""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1, 1), nn.Conv2d(32, 64, 3, 1, 1)
        self.fc1, self.fc2 = nn.Linear(3136, 128), nn.Linear(128, 10)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(self.fc1(x.view(-1, 7 * 7 * 64)))

    def forward(self, x):
        return self.fc2(self.features(x))

    def probabilities(self, x):
        return F.softmax(self(x), dim=-1)


@classifier
class ClassifierThatPoolsFirst(Classifier):
    """pooling before ReLU: both grow, so their order is free"""

    def __init__(self):
        super().__init__()
        for first in (1, 4):
            self.body[first], self.body[first + 1] = self.body[first + 1], self.body[first]


classifier_loss = Variants("image_models.classifier_loss")


@classifier_loss
def classifier_loss_by_places(output, labels):
    """log-softmax and the labels' places"""
    return -torch.log_softmax(output, 1).gather(1, labels.long()[:, None]).mean()


@classifier_loss
def classifier_loss_by_the_class(output, labels):
    """the class of torch"""
    return nn.CrossEntropyLoss()(output, labels)
