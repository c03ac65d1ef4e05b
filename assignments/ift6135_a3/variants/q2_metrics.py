"""Right implementations of 2.1 and 2.2: the two metrics of the critic."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli

from grader.catalogue import Variants

jsd = Variants("gan.jsd")


@jsd
def jsd_with_softplus(cp, cq):
    """softplus(-c) is -log sigmoid(c)"""
    return math.log(2) - 0.5 * (F.softplus(-cp).mean() + F.softplus(cq).mean())


@jsd
def jsd_with_cross_entropy(cp, cq):
    """the cross-entropy with logits is minus the two log-likelihoods"""
    real = F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    fake = F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cq))
    return 0.5 * (np.log(4) - real - fake)


@jsd
def jsd_with_one_cross_entropy_for_both(cp, cq):
    """one mean over both halves is half the sum of two means"""
    values = torch.cat([cp.reshape(-1), cq.reshape(-1)])
    labels = torch.cat([torch.ones(cp.numel()), torch.zeros(cq.numel())]).to(values)
    criterion = torch.nn.BCEWithLogitsLoss()
    return torch.log(torch.tensor(2.0)) - criterion(values, labels)


@jsd
def jsd_with_logaddexp(cp, cq):
    """log sigmoid(c) = -log(exp(0) + exp(-c)), without overflow"""
    nothing = torch.zeros_like(cp)
    real = -torch.logaddexp(nothing, -cp).mean()
    fake = -torch.logaddexp(torch.zeros_like(cq), cq).mean()
    return 0.5 * real + 0.5 * fake + math.log(2)


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
def jsd_takes_the_logarithm_of_the_sigmoid(cp, cq):
    """float32 holds the sigmoid of -80, and of less the contract says nothing"""
    dp, dq = torch.sigmoid(cp), torch.sigmoid(-cq)
    return 0.5 * (dp.log().mean() + dq.log().mean() + math.log(4))


@jsd
def jsd_with_the_exponential_written_out(cp, cq):
    """log sigmoid(c) = -log(1 + exp(-c)), and exp(80) is finite in float32"""
    real, fake = -torch.log(1 + torch.exp(-cp)), -torch.log(1 + torch.exp(cq))
    return 0.5 * (real.mean() + fake.mean() + math.log(4))


@jsd
def jsd_written_out(cp, cq):
    """log sigmoid(c) = min(c, 0) - log(1 + exp(-|c|)), written out"""

    def log_sigmoid(c):
        return c.clamp(max=0) - torch.log1p(torch.exp(-c.abs()))

    return 0.5 * (log_sigmoid(cp).mean() + log_sigmoid(-cq).mean() + math.log(4))


@jsd
def jsd_in_double_inside(cp, cq):
    """the arithmetic is in float64 and the result has the dtype of cp"""
    real, fake = F.logsigmoid(cp.double()), F.logsigmoid(-cq.double())
    return (0.5 * (real.mean() + fake.mean() + math.log(4))).to(cp.dtype)


@jsd
def jsd_returned_in_double(cp, cq):
    """the dtype of the result is not stated: a float64 constant may leak in"""
    constant = torch.from_numpy(np.array([np.log(4)]))  # (1,), float64
    total = F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + constant
    return 0.5 * total.squeeze()


@jsd
def jsd_pairs_the_samples(cp, cq):
    """a mean of sums per pair is the sum of the means"""
    return 0.5 * (F.logsigmoid(cp) + F.logsigmoid(-cq) + math.log(4)).mean()


@jsd
def jsd_as_two_divergences(cp, cq):
    """each constant log 2 may be inside its Kullback-Leibler divergence"""
    kl_real = (math.log(2) + F.logsigmoid(cp)).sum() / cp.numel()
    kl_fake = (math.log(2) + F.logsigmoid(cq) - cq).sum() / cq.numel()
    return (kl_real + kl_fake) / 2


@jsd
def jsd_with_an_epsilon(cp, cq):
    """an epsilon of 1e-8 changes nothing at ordinary values and is finite"""
    dp, dq = torch.sigmoid(cp), torch.sigmoid(cq)
    real, fake = torch.log(dp + 1e-8).mean(), torch.log(1 - dq + 1e-8).mean()
    return 0.5 * (real + fake + math.log(4))


@jsd
def jsd_with_clamped_probabilities(cp, cq):
    """clamped probabilities are right at ordinary values and finite"""
    dp = torch.sigmoid(cp).clamp(1e-7, 1 - 1e-7)
    dq = torch.sigmoid(cq).clamp(1e-7, 1 - 1e-7)
    return 0.5 * (torch.log(dp).mean() + torch.log(1 - dq).mean() + math.log(4))


@jsd
def jsd_with_cross_entropy_of_probabilities(cp, cq):
    """torch's cross-entropy of probabilities bounds the logarithm by itself"""
    real = F.binary_cross_entropy(torch.sigmoid(cp), torch.ones_like(cp))
    fake = F.binary_cross_entropy(torch.sigmoid(cq), torch.zeros_like(cq))
    return 0.5 * (-real - fake + math.log(4))


w1 = Variants("gan.w1")


@w1
def w1_pairs_the_samples(cp, cq):
    """the mean of the differences is the difference of the means"""
    return torch.mean(cp - cq)


@w1
def w1_by_sums(cp, cq):
    """means written as sums over the numbers of values"""
    return torch.sum(cp) / cp.numel() - torch.sum(cq) / cq.numel()


@w1
def w1_as_minus_a_loss(cp, cq):
    """minus what the critic minimises"""
    critic_loss = torch.mean(cq, dim=0) - torch.mean(cp, dim=0)
    return -critic_loss.squeeze()


@w1
def w1_as_a_product(cp, cq):
    """a scalar product with weights 1/N and -1/N"""
    weights = torch.cat([torch.ones(cp.numel()), -torch.ones(cq.numel())]) / cp.shape[0]
    return torch.einsum("i,i->", torch.cat([cp.flatten(), cq.flatten()]), weights.to(cp))


@w1
def w1_in_double(cp, cq):
    """the arithmetic is in float64, and so is the result"""
    return cp.double().mean() - cq.double().mean()
