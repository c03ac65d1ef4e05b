"""Right ways to write b.1.3, b.3.1, b.3.4 and b.5.2: the losses, and the ranges of pixels."""

import torch
import torch.distributions as D
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Variants

vae_loss = Variants("image_models.vae_loss")


@vae_loss
def loss_by_sums(recon_x, x, mu, logvar):
    """torch's sum over everything, divided by the batch"""
    bce = F.binary_cross_entropy(recon_x, x, reduction="sum") / x.size(0)
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
    return bce + kld, bce, kld


@vae_loss
def loss_by_distributions(p, x, mu, logvar):
    """distributions and a clamp that keeps 0 and 1 away"""
    p = p.clamp(1e-7, 1 - 1e-7)
    bce = -(x * torch.log(p) + (1 - x) * torch.log1p(-p)).sum(-1).mean()
    prior = D.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    kl = D.kl_divergence(D.Normal(mu, (logvar / 2).exp()), prior).sum(-1).mean()
    return bce + kl, bce, kl


@vae_loss
def loss_in_a_list(reconstruction, x, mu, logvar):
    """a list of results, and logits of the probabilities"""
    logits = torch.logit(reconstruction, eps=1e-7)
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = 0.5 * (mu.pow(2) + logvar.exp() - 1.0 - logvar).sum() / len(x)
    return [bce + kl, bce, kl]


@vae_loss
def loss_of_viewed_rows(reconstruction, x, mu, logvar):
    """rows of 784 by view, as many tutorials have it"""
    bce = F.binary_cross_entropy(reconstruction.view(-1, 784), x.view(-1, 784), reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kl) / len(x), bce / len(x), kl / len(x)


@Variants("image_models.to_signed")
def signed_by_normalising(x):
    """as torchvision's Normalize((0.5,), (0.5,)) has it"""
    return (x - 0.5) / 0.5


Variants("image_models.to_unit").edit(
    "unit_by_halves", "(x + 1) / 2", "(0.5 * x + 0.5).clamp(0, 1)", "half and a half"
)

discriminator_loss = Variants("image_models.discriminator_loss")


@discriminator_loss
def discriminator_by_halves(real_logits, fake_logits):
    """the mean of the two halves, by the class"""
    criterion = nn.BCEWithLogitsLoss()
    real = criterion(real_logits, 0.9 * torch.ones_like(real_logits))
    fake = criterion(fake_logits, torch.zeros_like(fake_logits))
    return (real + fake) / 2


@discriminator_loss
def discriminator_by_softplus(real_logits, fake_logits):
    """softplus: the cross-entropy written out"""
    real = 0.9 * F.softplus(-real_logits) + 0.1 * F.softplus(real_logits)
    return real.mean() + F.softplus(fake_logits).mean()


generator_loss = Variants("image_models.generator_loss")


@generator_loss
def generator_with_a_smoothed_label(fake_logits):
    """the discriminator's smoothed label for `real`"""
    return nn.BCEWithLogitsLoss()(fake_logits, torch.full(fake_logits.shape, 0.9))


@generator_loss
def generator_by_logsigmoid(fake_logits):
    """-log sigmoid"""
    return -F.logsigmoid(fake_logits).mean()


classifier_loss = Variants("image_models.classifier_loss")


@classifier_loss
def classifier_loss_by_places(output, labels):
    """log-softmax and the labels' places"""
    return -torch.log_softmax(output, 1).gather(1, labels.long()[:, None]).mean()


@classifier_loss
def classifier_loss_by_the_class(output, labels):
    """the class of torch"""
    return nn.CrossEntropyLoss()(output, labels)
