"""Right implementations of 1.1 to 1.3: the two log-densities and the logarithm of a mean of
exponentials."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal

from grader.catalogue import Variants


def rows(*tensors):
    return [t.view(t.size(0), -1) for t in tensors]


log_likelihood_bernoulli = Variants("q1_solution.log_likelihood_bernoulli")


@log_likelihood_bernoulli
def bernoulli_plainly(mu, target):
    """The textbook's formula, unclamped."""
    mu, target = rows(mu, target)
    return torch.sum(target * torch.log(mu) + (1.0 - target) * torch.log(1.0 - mu), dim=-1)


@log_likelihood_bernoulli
def bernoulli_by_cross_entropy(mu, target):
    """The binary cross-entropy of every pixel, negated; it clamps its logarithms at -100."""
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy(mu, target, reduction="none").sum(-1)


@log_likelihood_bernoulli
def bernoulli_through_logits(mu, target):
    """The cross-entropy with logits, after mu has been turned into logits."""
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy_with_logits(torch.logit(mu), target, reduction="none").sum(1)


@log_likelihood_bernoulli
def bernoulli_by_torch_distributions(mu, target):
    """torch's own distribution, its pixels declared independent."""
    mu, target = rows(mu, target)
    return Independent(Bernoulli(probs=mu), 1).log_prob(target)


@log_likelihood_bernoulli
def bernoulli_with_an_epsilon(mu, target):
    """A small number inside both logarithms; the contract leaves the edge open."""
    mu, target = rows(mu, target)
    return (target * torch.log(mu + 1e-6) + (1 - target) * torch.log(1 - mu + 1e-6)).sum(dim=1)


@log_likelihood_bernoulli
def bernoulli_clamped(mu, target):
    """mu is clamped away from 0; in float32 1 - 1e-8 is 1, which is harmless."""
    mu, target = rows(mu, target)
    mu = torch.clamp(mu, 1e-8, 1 - 1e-8)
    return (target * mu.log() + (1 - target) * torch.log1p(-mu)).sum(dim=1)


@log_likelihood_bernoulli
def bernoulli_clamped_at_both_ends(mu, target):
    """mu is clamped at both ends, well outside of what is compared."""
    mu, target = rows(mu, target)
    mu = mu.clamp(1e-6, 1 - 1e-6)
    return (target * mu.log() + (1 - target) * (1 - mu).log()).sum(dim=1)


@log_likelihood_bernoulli
def bernoulli_by_choice(mu, target):
    """The probability of what was seen is picked for each pixel, then its logarithm."""
    mu, target = rows(mu, target)
    return torch.where(target > 0.5, mu, 1 - mu).log().sum(dim=1)


@log_likelihood_bernoulli
def bernoulli_in_a_loop(mu, target):
    """One example after the other, as dot products."""
    mu, target = rows(mu, target)
    found = [
        torch.dot(t, torch.log(m)) + torch.dot(1 - t, torch.log(1 - m))
        for m, t in zip(mu, target, strict=True)
    ]
    return torch.stack(found)


@log_likelihood_bernoulli
def bernoulli_by_einsum_in_double(mu, target):
    """Sums over the pixels as einsum, in float64, and back to the dtype of mu."""
    mu, target = (t.double() for t in rows(mu, target))
    ones = torch.einsum("bd,bd->b", target, torch.log(mu))
    zeros = torch.einsum("bd,bd->b", 1 - target, torch.log(1 - mu))
    return (ones + zeros).float()


@log_likelihood_bernoulli
def bernoulli_with_the_largest_epsilon(mu, target):
    """The largest constant that the handout allows, in both logarithms."""
    mu, target = rows(mu, target)
    return (target * torch.log(mu + 1e-5) + (1 - target) * torch.log(1 - mu + 1e-5)).sum(dim=1)


@log_likelihood_bernoulli
def bernoulli_by_the_probability_of_the_pixel(mu, target):
    """The probability of each pixel's own value is |mu + x - 1|."""
    mu, target = rows(mu, target)
    return torch.abs(mu + target - 1).log().sum(dim=1)


log_likelihood_normal = Variants("q1_solution.log_likelihood_normal")


@log_likelihood_normal
def normal_by_torch_distributions(mu, logvar, z):
    """torch's normal, summed over D."""
    mu, logvar, z = rows(mu, logvar, z)
    return Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(dim=1)


@log_likelihood_normal
def normal_with_a_covariance_matrix(mu, logvar, z):
    """A multivariate normal with the variances on the diagonal of its covariance."""
    mu, logvar, z = rows(mu, logvar, z)
    return MultivariateNormal(mu, torch.diag_embed(logvar.exp())).log_prob(z)


@log_likelihood_normal
def normal_with_numpys_constants(mu, logvar, z):
    """Written with the standard deviation, and numpy's constants; stays a tensor."""
    mu, logvar, z = rows(mu, logvar, z)
    std = logvar.mul(0.5).exp()
    log_p = -((z - mu) ** 2) / (2 * std**2) - std.log() - np.log(np.sqrt(2 * np.pi))
    return log_p.sum(-1)


@log_likelihood_normal
def normal_term_by_term(mu, logvar, z):
    """The three terms summed apart, with D in the constant and exp(-logvar) as precision."""
    mu, logvar, z = rows(mu, logvar, z)
    square = torch.einsum("bd,bd->b", (z - mu) ** 2, torch.exp(-logvar))
    return -(mu.shape[1] / 2) * math.log(2 * math.pi) - logvar.sum(1) / 2 - square / 2


@log_likelihood_normal
def normal_with_an_epsilon(mu, logvar, z):
    """A variance with a small number added; the contract sets no exact rounding."""
    mu, logvar, z = rows(mu, logvar, z)
    var = logvar.exp() + 1e-8
    return -0.5 * (torch.log(2 * math.pi * var) + (z - mu).pow(2) / var).sum(dim=1)


@log_likelihood_normal
def normal_left_in_double(mu, logvar, z):
    """In float64, not cast back: the dtype of the result is not part of the contract."""
    mu, logvar, z = (t.double() for t in rows(mu, logvar, z))
    constant = torch.log(torch.tensor(2 * np.pi, dtype=torch.float64))
    return -0.5 * torch.sum(constant + logvar + (z - mu) ** 2 / torch.exp(logvar), dim=1)


@log_likelihood_normal
def normal_in_a_loop(mu, logvar, z):
    """One example after the other, written into a tensor that was made before."""
    mu, logvar, z = rows(mu, logvar, z)
    found = torch.zeros(mu.size(0), dtype=mu.dtype)
    for i in range(mu.size(0)):
        variance = torch.exp(logvar[i])
        exponent = -0.5 * torch.dot((z[i] - mu[i]) / variance, z[i] - mu[i])
        found[i] = exponent - 0.5 * torch.log(2 * math.pi * variance).sum()
    return found


@log_likelihood_normal
def normal_by_the_loss_of_torch(mu, logvar, z):
    """torch's loss for normal data, whose `full` includes the constant, negated."""
    mu, logvar, z = rows(mu, logvar, z)
    return -F.gaussian_nll_loss(mu, z, logvar.exp(), full=True, reduction="none").sum(dim=1)


@log_likelihood_normal
def normal_through_numpy(mu, logvar, z):
    """Through numpy: no gradient is asked of 1.2, which only weighs samples."""
    mu, logvar, z = (t.detach().numpy() for t in rows(mu, logvar, z))
    square = (z - mu) ** 2 / np.exp(logvar)
    return torch.from_numpy(-0.5 * (math.log(2 * math.pi) + logvar + square).sum(axis=1))


log_mean_exp = Variants("q1_solution.log_mean_exp")


@log_mean_exp
def log_mean_exp_by_logsumexp(y):
    """torch's log-sum-exp, less log K."""
    return torch.logsumexp(y, dim=1) - math.log(y.size(1))


@log_mean_exp
def log_mean_exp_with_weights_inside(y):
    """log K is subtracted before the sum."""
    return torch.logsumexp(y - np.log(y.shape[-1]), dim=-1)


@log_mean_exp
def log_mean_exp_by_sum_and_division(y):
    """The sum divided by K, with the maximum's axis restored by indexing."""
    a, _ = torch.max(y, 1)
    return torch.log(torch.exp(y - a[:, None]).sum(1) / y.size(1)) + a


@log_mean_exp
def log_mean_exp_with_a_detached_shift(y):
    """The maximum is detached and expanded: the shift cancels, and so does its gradient."""
    a = y.detach().max(dim=1, keepdim=True)[0].expand_as(y)
    return (y - a).exp().mean(dim=1).log() + a[:, 0]


@log_mean_exp
def log_mean_exp_in_a_loop(y):
    """One example after the other."""
    found = []
    for row in y:
        a = row.max()
        found.append(torch.log(torch.mean(torch.exp(row - a))) + a)
    return torch.stack(found)


@log_mean_exp
def log_mean_exp_left_in_double(y):
    """In float64 with the shift, and not cast back: the dtype is not part of the contract."""
    y = y.double()
    a = y.amax(dim=1)
    return torch.log(torch.exp(y - a.unsqueeze(-1)).mean(dim=1)) + a


@log_mean_exp
def log_mean_exp_by_logaddexp(y):
    """Added up sample by sample with logaddexp, which shifts by itself."""
    total = y[:, 0]
    for k in range(1, y.size(1)):
        total = torch.logaddexp(total, y[:, k])
    return total - torch.log(torch.tensor(float(y.size(1))))


@log_mean_exp
def log_mean_exp_with_an_epsilon_after_the_shift(y):
    """A small number inside the logarithm does no harm after the shift: the mean is at least 1/K
    there."""
    a = y.max(dim=1, keepdim=True).values
    return (torch.log(torch.exp(y - a).mean(dim=1, keepdim=True) + 1e-8) + a).squeeze(1)
