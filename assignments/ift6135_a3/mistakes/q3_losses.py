"""Mistakes in 3.6 and 3.8: the two training losses of a flow."""

import math

import torch
from torch.distributions import Normal

from grader.audit import mistake


def log_base(z0):
    """log N(z0; 0, I) as a column."""
    return Normal(0.0, 1.0).log_prob(z0).sum(dim=1, keepdim=True)


# --- 3.6 loss1 --------------------------------------------------------------------------------


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="This is the log-likelihood. Training minimises the loss, so it is the negative of that.",
)
def loss1_without_the_minus(z0, logdet):
    return log_base(z0) + logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_falls_with_the_log_determinant"],
    hint="The minus sign reaches only the base density. The whole log-likelihood is negated, the "
    "log-determinant with it.",
)
def loss1_adds_the_log_determinant(z0, logdet):
    return -log_base(z0) + logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="The minus sign reaches only the log-determinant, and the base density is rewarded for "
    "being small. The whole log-likelihood is negated.",
)
def loss1_adds_the_base_density(z0, logdet):
    return log_base(z0) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_falls_with_the_log_determinant"],
    hint="The log-determinant is missing. Without it the flow may pull all points to the origin "
    "at no cost.",
)
def loss1_without_the_log_determinant(z0, logdet):
    return -log_base(z0) + 0 * logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_includes_the_constant"],
    hint="The constant of the base density is missing, log(2 pi) / 2 per dimension. Training does "
    "not feel it, but exp(-loss) is then no density.",
)
def loss1_without_the_constant(z0, logdet):
    return 0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_includes_the_constant"],
    hint="The constant log(2 pi) / 2 is counted once. Every dimension of z0 brings its own.",
)
def loss1_with_the_constant_once(z0, logdet):
    return 0.5 * ((z0**2).sum(dim=1, keepdim=True) + math.log(2 * math.pi)) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="The half is missing in front of the squared distance: log N(z; 0, I) falls with "
    "|z|^2 / 2.",
)
def loss1_without_the_half(z0, logdet):
    return (z0**2 + 0.5 * math.log(2 * math.pi)).sum(dim=1, keepdim=True) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="The distance from the origin is not squared: a norm stands where |z|^2 belongs.",
)
def loss1_with_the_norm_unsquared(z0, logdet):
    return 0.5 * z0.norm(dim=1, keepdim=True) + math.log(2 * math.pi) - logdet


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="This is the mean over the dimensions. The log-density of a point is the sum over its "
    "dimensions.",
)
def loss1_mean_over_the_dimensions(z0, logdet):
    return -(Normal(0.0, 1.0).log_prob(z0).mean(dim=1, keepdim=True) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="The log-density is not added up over the dimensions: there is one loss per coordinate, "
    "(B, dim), and each has the whole log-determinant.",
)
def loss1_per_coordinate(z0, logdet):
    return -(Normal(0.0, 1.0).log_prob(z0) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_grows_away_from_the_origin"],
    hint="This is the negative likelihood. What is asked for is the negative of its logarithm.",
)
def loss1_without_the_logarithm(z0, logdet):
    return -torch.exp(log_base(z0) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="The log-density is (B,) and the log-determinant (B, 1): their sum is a (B, B) matrix "
    "of all pairs. Its mean is right, which hides it in training, but no row is a loss of one "
    "point.",
)
def loss1_of_all_pairs(z0, logdet):
    return -(Normal(0.0, 1.0).log_prob(z0).sum(dim=1) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="This is the mean over the batch. The training loop takes it; the function itself keeps "
    "one loss per point, (B, 1), for the plots.",
)
def loss1_mean_over_the_points(z0, logdet):
    return -(log_base(z0) + logdet).mean()


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="The values are right, but their shape is (B,). The contract says a column, (B, 1).",
)
def loss1_as_a_flat_vector(z0, logdet):
    return -(log_base(z0) + logdet).squeeze(1)


@mistake(
    "solution.loss1",
    fails=["test_loss1_can_be_trained"],
    hint="z0 is detached, so the flow does not learn where to carry the data, only how much to "
    "stretch them.",
)
def loss1_with_a_detached_point(z0, logdet):
    return -(log_base(z0.detach()) + logdet)


@mistake(
    "solution.loss1",
    fails=["test_loss1_leaves_its_arguments_as_they_are"],
    hint="The log-density is added to logdet in place, and the caller's log-determinants are "
    "changed.",
)
def loss1_adds_in_place(z0, logdet):
    logdet += log_base(z0)
    return -logdet


# --- 3.8 loss2 --------------------------------------------------------------------------------


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[target_density]"],
    hint="The target is subtracted, as if it were a log-density. What the functions density_* "
    "return is an energy, -log p: likely points have a low one.",
)
def loss2_subtracts_the_energy(target_density, z0, logdet):
    return log_base(z0) - logdet - target_density.view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[logdet]"],
    hint="The log-determinant is added. The samples start at z0 and are stretched by the flow, "
    "which makes them less dense: log q(x) = log N(z0) - logdet.",
)
def loss2_adds_the_log_determinant(target_density, z0, logdet):
    return log_base(z0) + logdet + target_density.view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[z0]"],
    hint="The base density has the wrong sign. The loss is log q(x) - log p(x), and "
    "log q(x) = log N(z0) - logdet.",
)
def loss2_subtracts_the_base_density(target_density, z0, logdet):
    return -log_base(z0) - logdet + target_density.view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target"],
    hint="This is log p(x) - log q(x), the negative of the loss: minimising it would drive the "
    "flow away from the target.",
)
def loss2_negated(target_density, z0, logdet):
    return -(log_base(z0) - logdet + target_density.view(-1, 1))


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[z0]"],
    hint="The base density of z0 is missing. It does not change the gradient, but the loss is then "
    "not the divergence up to a constant.",
)
def loss2_without_the_base_density(target_density, z0, logdet):
    return target_density.view(-1, 1) - logdet + 0 * z0[:, :1]


@mistake(
    "solution.loss2",
    fails=["test_loss2_includes_the_constant"],
    hint="The constant of the base density is missing, -log(2 pi) / 2 per dimension.",
)
def loss2_without_the_constant(target_density, z0, logdet):
    return -0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet + target_density.view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[target_density]"],
    hint="The logarithm of the target is taken. What the functions density_* return is an energy "
    "already, -log p; it can be negative, and then its logarithm is NaN.",
)
def loss2_takes_the_logarithm_of_the_energy(target_density, z0, logdet):
    return log_base(z0) - logdet - torch.log(target_density.view(-1, 1))


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[target_density]"],
    hint="The energy goes through exp(-.), as in the plots. That is the density; the divergence "
    "needs its negative logarithm, which the energy is already.",
)
def loss2_with_the_density_for_the_energy(target_density, z0, logdet):
    return log_base(z0) - logdet - torch.exp(-target_density.view(-1, 1))


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target[target_density]"],
    hint="The mean energy of the batch is added to every sample. Each sample has an energy of its "
    "own.",
)
def loss2_with_the_mean_energy(target_density, z0, logdet):
    return log_base(z0) - logdet + target_density.mean()


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="The energies are (B,) and the log-determinants (B, 1): their sum is a (B, B) matrix of "
    "all pairs. Its mean is right, which hides it in training, but no row is the loss of one "
    "sample.",
)
def loss2_of_all_pairs(target_density, z0, logdet):
    return log_base(z0) - logdet + target_density


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="The log-density is not added up over the dimensions: there is one loss per coordinate, "
    "(B, dim), and each has the whole energy and log-determinant.",
)
def loss2_per_coordinate(target_density, z0, logdet):
    return Normal(0.0, 1.0).log_prob(z0) - logdet + target_density.view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="This is the mean over the batch. The training loop takes it; the function itself keeps "
    "one loss per sample, (B, 1).",
)
def loss2_mean_over_the_samples(target_density, z0, logdet):
    return (log_base(z0) - logdet + target_density.view(-1, 1)).mean()


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="The values are right, but their shape is (B,). The contract says a column, (B, 1).",
)
def loss2_as_a_flat_vector(target_density, z0, logdet):
    return (log_base(z0) - logdet).squeeze(1) + target_density


@mistake(
    "solution.loss2",
    fails=["test_loss2_can_be_trained"],
    hint="The energy is detached, so the flow does not learn where the target is likely; it only "
    "learns to stretch.",
)
def loss2_with_a_detached_energy(target_density, z0, logdet):
    return log_base(z0) - logdet + target_density.detach().view(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_leaves_its_arguments_as_they_are"],
    hint="The log-determinants are subtracted from the energies in place, and the caller's "
    "energies are changed.",
)
def loss2_subtracts_in_place(target_density, z0, logdet):
    target_density -= logdet.view(-1)
    return log_base(z0) + target_density.view(-1, 1)
