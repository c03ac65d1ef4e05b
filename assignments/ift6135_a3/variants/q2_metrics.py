"""Right ways to write 2.1: the two distances, `jsd` and `w1`."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli

from grader.catalogue import Variants

jsd = Variants("gan.jsd")
jsd.edit(
    "jsd_with_softplus",
    "log_real + log_fake",
    "-F.softplus(-cp).mean() - F.softplus(cq).mean()",
    "softplus(-c) is -log sigmoid(c)",
)
jsd.edit(
    "jsd_with_cross_entropy",
    "log_real + log_fake",
    """-F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    - F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cq))""",
    "the cross-entropy with logits is minus the two log-likelihoods",
)
jsd.edit(
    "jsd_takes_the_logarithm_of_the_sigmoid",
    "log_real + log_fake",
    "torch.sigmoid(cp).log().mean() + torch.sigmoid(-cq).log().mean()",
    "float32 holds the sigmoid of -80, and of less the contract says nothing",
)
jsd.edit(
    "jsd_with_the_exponential_written_out",
    "log_real + log_fake",
    "-torch.log(1 + torch.exp(-cp)).mean() - torch.log(1 + torch.exp(cq)).mean()",
    "log sigmoid(c) = -log(1 + exp(-c)), and exp(80) is finite in float32",
)
jsd.edit(
    "jsd_in_double_inside",
    "log_real + log_fake",
    "F.logsigmoid(cp.double()).mean().to(cp) + F.logsigmoid(-cq.double()).mean().to(cq)",
    "the arithmetic is in float64 and the result has the dtype of cp",
)
jsd.edit(
    "jsd_pairs_the_samples",
    "log_real + log_fake",
    "(F.logsigmoid(cp) + F.logsigmoid(-cq)).mean()",
    "a mean of sums per pair is the sum of the means",
)
jsd.edit(
    "jsd_as_two_divergences",
    "log_real + log_fake",
    """(np.log(2) + F.logsigmoid(cp)).sum() / cp.numel() - np.log(4)
    + (np.log(2) + F.logsigmoid(cq) - cq).sum() / cq.numel()""",
    "each constant log 2 may be inside its Kullback-Leibler divergence",
)
jsd.edit(
    "jsd_with_an_epsilon",
    "log_real + log_fake",
    "torch.log(torch.sigmoid(cp) + 1e-8).mean() + torch.log(1 - torch.sigmoid(cq) + 1e-8).mean()",
    "an epsilon of 1e-8 changes nothing at ordinary values and is finite",
)
jsd.edit(
    "jsd_with_clamped_probabilities",
    "log_real + log_fake",
    """torch.log(torch.sigmoid(cp).clamp(1e-7, 1 - 1e-7)).mean()
    + torch.log(1 - torch.sigmoid(cq).clamp(1e-7, 1 - 1e-7)).mean()""",
    "clamped probabilities are right at ordinary values and finite",
)
jsd.edit(
    "jsd_with_cross_entropy_of_probabilities",
    "log_real + log_fake",
    """-F.binary_cross_entropy(torch.sigmoid(cp), torch.ones_like(cp))
    - F.binary_cross_entropy(torch.sigmoid(cq), torch.zeros_like(cq))""",
    "torch's cross-entropy of probabilities bounds the logarithm by itself",
)


@jsd
def jsd_with_one_cross_entropy_for_both(cp, cq):
    """one mean over both halves is half the sum of two means"""
    values = torch.cat([cp.reshape(-1), cq.reshape(-1)])
    labels = torch.cat([torch.ones(cp.numel()), torch.zeros(cq.numel())]).to(values)
    criterion = torch.nn.BCEWithLogitsLoss()
    return torch.log(torch.tensor(2.0)) - criterion(values, labels)


@jsd
def jsd_with_a_softmax_of_two_classes(cp, cq):
    """a sigmoid is a softmax over two classes of which one has logit zero"""

    def log_probabilities(values):
        values = values.reshape(-1)
        return torch.log_softmax(torch.stack([values, torch.zeros_like(values)], dim=-1), dim=-1)

    total = log_probabilities(cp)[:, 0].mean() + log_probabilities(cq)[:, 1].mean()
    return (total + math.log(4)) / 2


@jsd
def jsd_with_a_distribution(cp, cq):
    """torch's Bernoulli takes logits and is stable"""
    real = Bernoulli(logits=cp).log_prob(torch.ones_like(cp))
    fake = Bernoulli(logits=cq).log_prob(torch.zeros_like(cq))
    return torch.mean(real) / 2 + torch.mean(fake) / 2 + np.log(2)


@jsd
def jsd_returned_in_double(cp, cq):
    """the dtype of the result is not stated: a float64 constant may leak in"""
    constant = torch.from_numpy(np.array([np.log(4)]))  # (1,), float64
    total = F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + constant
    return 0.5 * total.squeeze()


w1 = Variants("gan.w1")
w1.edit(
    "w1_pairs_the_samples",
    "cp.mean() - cq.mean()",
    "torch.mean(cp - cq)",
    "the mean of the differences is the difference of the means",
)
w1.edit(
    "w1_by_sums",
    "cp.mean() - cq.mean()",
    "torch.sum(cp) / cp.numel() - torch.sum(cq) / cq.numel()",
    "means written as sums over the numbers of values",
)
w1.edit(
    "w1_as_minus_a_loss",
    "cp.mean() - cq.mean()",
    "-(torch.mean(cq, dim=0) - torch.mean(cp, dim=0)).squeeze()",
    "minus what the critic minimises",
)
w1.edit(
    "w1_in_double",
    "cp.mean() - cq.mean()",
    "cp.double().mean() - cq.double().mean()",
    "the arithmetic is in float64, and so is the result",
)
