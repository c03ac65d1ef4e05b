"""Right ways to write b.5: the classifier, the Inception Score and the Frechet distance."""

import torch
from torch import nn

from grader.catalogue import Variants

classifier_loss = Variants("image_models.classifier_loss")


@classifier_loss
def classifier_loss_by_places(output, labels):
    """log-softmax and the labels' places"""
    return -torch.log_softmax(output, 1).gather(1, labels.long()[:, None]).mean()


@classifier_loss
def classifier_loss_by_the_class(output, labels):
    """the class of torch"""
    return nn.CrossEntropyLoss()(output, labels)
