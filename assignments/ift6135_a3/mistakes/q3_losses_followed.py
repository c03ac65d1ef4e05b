"""Mistakes in loss1 (3.6) beside a loss2 (3.8) that is right and built on it: 3.8 loses nothing.

`loss2` comes along with each entry, in the place of the reference's: the samples are the data of
the inverse flow, whose log-determinant is the negative one.
"""

import torch
from torch.distributions import MultivariateNormal

from grader.audit import mistake


def loss2(target_density, z0, logdet):
    return target_density.unsqueeze(1) - loss1(z0, -logdet)  # noqa: F821


def log_base(z0):
    """log N(z0; 0, I), (B,)."""
    return MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z0)


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="The log-density is (B,) and the log-determinant (B, 1): their sum is a (B, B) matrix.",
)
def loss1_of_all_pairs_below_loss2(z0, logdet):
    return -(log_base(z0) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_falls_with_the_log_determinant"],
    hint="The minus sign reaches only the base density. The whole log-likelihood is negated.",
)
def loss1_adds_the_log_determinant_below_loss2(z0, logdet):
    return -log_base(z0).unsqueeze(1) + logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_includes_the_constant"],
    hint="The constant of the base density is missing, log(2 pi) / 2 per dimension.",
)
def loss1_without_the_constant_below_loss2(z0, logdet):
    return 0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="This is the mean over the batch. The training loop takes it; the function itself keeps "
    "one loss per point, (B, 1).",
)
def loss1_mean_over_the_points_below_loss2(z0, logdet):
    return -(log_base(z0).unsqueeze(1) + logdet).mean()


@mistake(
    "solution.loss1",
    fails=["test_loss1_can_be_trained"],
    hint="The log-determinant is detached, so nothing is learned from it.",
)
def loss1_with_a_detached_determinant_below_loss2(z0, logdet):
    return -(log_base(z0).unsqueeze(1) + logdet.detach())


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="This is not written yet.",
)
def loss1_unwritten_below_loss2(z0, logdet):
    raise NotImplementedError("to be written")
