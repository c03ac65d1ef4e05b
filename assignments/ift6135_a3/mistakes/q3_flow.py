"""Mistakes in 3.6 and 3.8: the flow and its two losses."""

import math

import torch
from torch.distributions import MultivariateNormal, Normal

from grader.catalogue import Mistakes


def log_base(z0):
    """log N(z0; 0, I) as a column."""
    return Normal(0.0, 1.0).log_prob(z0).sum(dim=1, keepdim=True)


def loss2_by_loss1(target_density, z0, logdet):
    return target_density.unsqueeze(1) - loss1(z0, -logdet)


def log_base_flat(z0):
    """log N(z0; 0, I), (B,)."""
    return MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z0)


def logdet_without_eps(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    slope = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log((1 + slope * (self.w @ self.u.T)).abs() + 1e-8)


def loss1_of_columns(z0, logdet):
    assert logdet.shape == (len(z0), 1)
    return 0.5 * (math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True) - logdet


flow_order = Mistakes("solution.Flow.forward", "test_applies_its_layers_in_order")
flow_order.edit(
    "flow_from_the_last_layer_to_the_first",
    "in self.layers",
    "in reversed(self.layers)",
    """The layers are applied from the last to the first. That would be the order of an inverse; the
    flow itself starts with the first.""",
)
flow_order.edit(
    "flow_feeds_the_input_to_every_layer",
    """x = layer(x)
        return x,""",
    """z = layer(x)
        return z,""",
    """Every layer gets the flow's own input, and only the last layer's output is returned. In a
    chain the output of each layer goes into the next.""",
)
flow_order.edit(
    "flow_returns_the_log_determinant_first",
    "return x, logdet",
    "return logdet, x",
    "The two results have changed places: the points come first, then the log-determinant.",
)

flow_logdets = Mistakes("solution.Flow.forward", "test_adds_log_determinants_at_each_layers_input")
flow_logdets.edit(
    "flow_with_log_determinants_at_the_outputs",
    """            logdet = logdet + layer.get_logdet(x)  # type: ignore[operator]
            x = layer(x)""",
    """            x = layer(x)
            logdet = logdet + layer.get_logdet(x)""",
    """Each log-determinant is taken at its layer's output. The Jacobian of a layer belongs to the
    point where that layer starts: ask for it before x is overwritten.""",
)
flow_logdets.edit(
    "flow_overwrites_the_log_determinant",
    "logdet + layer",
    "layer",
    """Each log-determinant overwrites the one before, and only the last layer's is left. Along a
    chain they are added up.""",
)
flow_logdets.edit(
    "flow_subtracts_the_log_determinants",
    "logdet + layer",
    "logdet - layer",
    """The log-determinants are subtracted. The flow returns their sum; where a minus sign is
    needed, the losses have it.""",
)
flow_logdets.edit(
    "flow_averages_the_log_determinants",
    "return x, logdet",
    "return x, logdet / len(self.layers)",
    """The sum of the log-determinants is divided by the number of layers. The determinant of a
    product is the product of the determinants, so their logarithms are added up.""",
)
flow_logdets.edit(
    "flow_starts_from_one",
    "new_zeros(",
    "new_ones(",
    """The sum starts from 1. A flow that changes nothing has the determinant 1 and the
    log-determinant 0, so the sum starts from 0.""",
)


@flow_logdets
def flow_with_log_determinants_at_the_data(self, x):
    """All log-determinants are taken at the flow's own input. Only the first layer starts there;
    every other one starts where the layer before it ended."""
    z, logdet = x, 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        z = layer(z)
    return z, logdet


@flow_logdets
def flow_multiplies_the_log_determinants(self, x):
    """The log-determinants are multiplied. Determinants multiply along a chain, their logarithms
    add up."""
    logdet = 1
    for layer in self.layers:
        logdet = logdet * layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@flow_logdets
def flow_adds_up_the_points(self, x):
    """The log-determinants of all points are added into one number. Every point has its own; only
    those of the layers are added up."""
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).sum()
        x = layer(x)
    return x, logdet


flow_shapes = Mistakes("solution.Flow.forward", "test_gives_points_and_one_column")
flow_shapes.edit(
    "flow_starts_from_a_flat_vector",
    "new_zeros(x.size(0), 1)",
    "new_zeros(x.size(0))",
    """The sum starts as zeros of shape (B,), and adding columns, (B, 1), makes it (B, B) without
    any warning.""",
)
flow_shapes.edit(
    "flow_for_the_plane_only",
    "        logdet = x.new",
    """        x = x.reshape(-1, 2)
        logdet = x.new""",
    """Rows of two coordinates are made of whatever comes in. A flow takes points with any number of
    coordinates, and has no need to reshape them.""",
)


@flow_shapes
def flow_with_flat_log_determinants(self, x):
    """The values are right, but the log-determinants have lost their column: (B,) in place of (B,
    1)."""
    logdet = torch.zeros(x.shape[0])
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).reshape(-1)
        x = layer(x)
    return x, logdet


Mistakes("solution.Flow.forward", "TestFlow::test_leaves_its_arguments_alone").edit(
    "flow_writes_into_its_argument",
    "x = layer(x)",
    "x[:] = layer(x).detach()",
    """The layers' outputs are written into x itself, and the caller's points are overwritten;
    autograd needs them too.""",
)

flow_training = Mistakes("solution.Flow.forward", "TestFlow::test_has_the_gradient_of_its_values")
flow_training.edit(
    "flow_with_detached_log_determinants",
    "get_logdet(x)",
    "get_logdet(x).detach()",
    """The log-determinants are detached on the way. They are part of the loss, and without their
    gradient the flow learns to pull all points together.""",
)
flow_training.edit(
    "flow_cut_between_its_layers",
    """layer.get_logdet(x)  # type: ignore[operator]
            x = layer(x)""",
    """layer.get_logdet(x.detach())
            x = layer(x.detach())""",
    """The points are detached between the layers, so a layer does not learn what its output does to
    the layers after it.""",
)
flow_training.edit(
    "flow_transforms_detached_points",
    "x = layer(x)",
    "x = layer(x.detach())",
    """Each layer transforms detached points, so the layers before it do not learn from where their
    points end up.""",
)

# Right parts are handed what they cannot take: the parts lose nothing.
Mistakes(
    "solution.Flow.forward",
    "test_adds_log_determinants_at_each_layers_input",
    beside={"solution.PlanarTransformation.get_logdet": logdet_without_eps},
).edit(
    "flow_hands_its_layers_too_much",
    "get_logdet(x)",
    "get_logdet(x, 1e-8)",
    """get_logdet is called with an argument that it does not take in this file, so the flow raises
    a TypeError.""",
)

loss1_origin = Mistakes("solution.loss1", "test_grows_away_from_the_origin")


@loss1_origin
def loss1_without_the_minus(z0, logdet):
    """This is the log-likelihood. Training minimises the loss, so it is the negative of that."""
    return log_base(z0) + logdet


@loss1_origin
def loss1_adds_the_base_density(z0, logdet):
    """The minus sign reaches only the log-determinant, and the base density is rewarded for being
    small. The whole log-likelihood is negated."""
    return log_base(z0) - logdet


@loss1_origin
def loss1_without_the_half(z0, logdet):
    """The half is missing in front of the squared distance: log N(z; 0, I) falls with |z|^2 / 2."""
    return (z0**2 + 0.5 * math.log(2 * math.pi)).sum(dim=1, keepdim=True) - logdet


@loss1_origin
def loss1_with_the_norm_unsquared(z0, logdet):
    """The distance from the origin is not squared: a norm stands where |z|^2 belongs."""
    return 0.5 * z0.norm(dim=1, keepdim=True) + math.log(2 * math.pi) - logdet


@loss1_origin
def loss1_mean_over_the_dimensions(z0, logdet):
    """This is the mean over the dimensions. The log-density of a point is the sum over its
    dimensions."""
    return -(Normal(0.0, 1.0).log_prob(z0).mean(dim=1, keepdim=True) + logdet)


@loss1_origin
def loss1_without_the_logarithm(z0, logdet):
    """This is the negative likelihood. What is asked for is the negative of its logarithm."""
    return -torch.exp(log_base(z0) + logdet)


loss1_logdet = Mistakes("solution.loss1", "test_falls_with_the_log_determinant")


@loss1_logdet
def loss1_adds_the_log_determinant(z0, logdet):
    """The minus sign reaches only the base density. The whole log-likelihood is negated, the
    log-determinant with it."""
    return -log_base(z0) + logdet


@loss1_logdet
def loss1_without_the_log_determinant(z0, logdet):
    """The log-determinant is missing. Without it the flow may pull all points to the origin at no
    cost."""
    return -log_base(z0) + 0 * logdet


loss1_constant = Mistakes("solution.loss1", "test_includes_the_constant")


@loss1_constant
def loss1_without_the_constant(z0, logdet):
    """The constant of the base density is missing, log(2 pi) / 2 per dimension. Training does not
    feel it, but exp(-loss) is then no density."""
    return 0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet


@loss1_constant
def loss1_with_the_constant_once(z0, logdet):
    """The constant log(2 pi) / 2 is counted once. Every dimension of z0 brings its own."""
    return 0.5 * ((z0**2).sum(dim=1, keepdim=True) + math.log(2 * math.pi)) - logdet


loss1_shape = Mistakes("solution.loss1", "test_has_the_right_shape")


@loss1_shape
def loss1_per_coordinate(z0, logdet):
    """The log-density is not added up over the dimensions: there is one loss per coordinate, (B,
    dim), and each has the whole log-determinant."""
    return -(Normal(0.0, 1.0).log_prob(z0) + logdet)


@loss1_shape
def loss1_of_all_pairs(z0, logdet):
    """The log-density is (B,) and the log-determinant (B, 1): their sum is a (B, B) matrix of all
    pairs. Its mean is right, which hides it in training, but no row is a loss of one point."""
    return -(Normal(0.0, 1.0).log_prob(z0).sum(dim=1) + logdet)


@loss1_shape
def loss1_mean_over_the_points(z0, logdet):
    """This is the mean over the batch. The training loop takes it; the function itself keeps one
    loss per point, (B, 1), for the plots."""
    return -(log_base(z0) + logdet).mean()


@loss1_shape
def loss1_as_a_flat_vector(z0, logdet):
    """The values are right, but their shape is (B,). The contract says a column, (B, 1)."""
    return -(log_base(z0) + logdet).squeeze(1)


@loss1_shape
def loss1_of_all_pairs_with_an_axis_more(z0, logdet):
    """The log-density is (B,) and the log-determinant (B, 1): their sum is (B, B), and an axis that
    is added later does not make a column of it."""
    return -(log_base_flat(z0) + logdet).unsqueeze(1)


@Mistakes("solution.loss1", "TestLoss1::test_has_the_gradient_of_its_values")
def loss1_with_a_detached_point(z0, logdet):
    """z0 is detached, so the flow does not learn where to carry the data, only how much to stretch
    them."""
    return -(log_base(z0.detach()) + logdet)


# Beside a loss2 (3.8) that is right and built on loss1: 3.8 loses nothing.
loss1_shape_below_loss2 = Mistakes(
    "solution.loss1", "test_has_the_right_shape", beside={"solution.loss2": loss2_by_loss1}
)


@loss1_shape_below_loss2
def loss1_of_all_pairs_below_loss2(z0, logdet):
    """The log-density is (B,) and the log-determinant (B, 1): their sum is a (B, B) matrix."""
    return -(log_base_flat(z0) + logdet)


@loss1_shape_below_loss2
def loss1_mean_over_the_points_below_loss2(z0, logdet):
    """This is the mean over the batch. The training loop takes it; the function itself keeps one
    loss per point, (B, 1)."""
    return -(log_base_flat(z0).unsqueeze(1) + logdet).mean()


@Mistakes(
    "solution.loss1",
    "test_falls_with_the_log_determinant",
    beside={"solution.loss2": loss2_by_loss1},
)
def loss1_adds_the_log_determinant_below_loss2(z0, logdet):
    """The minus sign reaches only the base density. The whole log-likelihood is negated."""
    return -log_base_flat(z0).unsqueeze(1) + logdet


@Mistakes("solution.loss1", "test_includes_the_constant", beside={"solution.loss2": loss2_by_loss1})
def loss1_without_the_constant_below_loss2(z0, logdet):
    """The constant of the base density is missing, log(2 pi) / 2 per dimension."""
    return 0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet


@Mistakes(
    "solution.loss1",
    "TestLoss1::test_has_the_gradient_of_its_values",
    beside={"solution.loss2": loss2_by_loss1},
)
def loss1_with_a_detached_determinant_below_loss2(z0, logdet):
    """The log-determinant is detached, so nothing is learned from it."""
    return -(log_base_flat(z0).unsqueeze(1) + logdet.detach())


@Mistakes(
    "solution.loss1", "test_grows_away_from_the_origin", beside={"solution.loss2": loss2_by_loss1}
)
def loss1_unwritten_below_loss2(z0, logdet):
    """This is not written yet."""
    raise NotImplementedError("to be written")


loss2_of_target = Mistakes("solution.loss2", "test_grows_with_the_energy")


@loss2_of_target
def loss2_subtracts_the_energy(target_density, z0, logdet):
    """The target is subtracted, as if it were a log-density. What the functions density_* return is
    an energy, -log p: likely points have a low one."""
    return log_base(z0) - logdet - target_density.view(-1, 1)


@loss2_of_target
def loss2_takes_the_logarithm_of_the_energy(target_density, z0, logdet):
    """The logarithm of the target is taken. What the functions density_* return is an energy
    already, -log p; it can be negative, and then its logarithm is NaN."""
    return log_base(z0) - logdet - torch.log(target_density.view(-1, 1))


@loss2_of_target
def loss2_with_the_density_for_the_energy(target_density, z0, logdet):
    """The energy goes through exp(-.), as in the plots. That is the density; the divergence needs
    its negative logarithm, which the energy is already."""
    return log_base(z0) - logdet - torch.exp(-target_density.view(-1, 1))


@loss2_of_target
def loss2_with_the_mean_energy(target_density, z0, logdet):
    """The mean energy of the batch is added to every sample. Each sample has an energy of its
    own."""
    return log_base(z0) - logdet + target_density.mean()


@Mistakes("solution.loss2", "test_falls_with_the_log_determinant")
def loss2_adds_the_log_determinant(target_density, z0, logdet):
    """The log-determinant is added. The samples start at z0 and are stretched by the flow, which
    makes them less dense: log q(x) = log N(z0) - logdet."""
    return log_base(z0) + logdet + target_density.view(-1, 1)


loss2_of_z0 = Mistakes("solution.loss2", "test_grows_with_the_base_density")


@loss2_of_z0
def loss2_subtracts_the_base_density(target_density, z0, logdet):
    """The base density has the wrong sign. The loss is log q(x) - log p(x), and log q(x) = log
    N(z0) - logdet."""
    return -log_base(z0) - logdet + target_density.view(-1, 1)


@loss2_of_z0
def loss2_without_the_base_density(target_density, z0, logdet):
    """The base density of z0 is missing. It does not change the gradient, but the loss is then not
    the divergence up to a constant."""
    return target_density.view(-1, 1) - logdet + 0 * z0[:, :1]


@Mistakes("solution.loss2", "test_grows_with_the_energy")
def loss2_negated(target_density, z0, logdet):
    """This is log p(x) - log q(x), the negative of the loss: minimising it would drive the flow
    away from the target."""
    return -(log_base(z0) - logdet + target_density.view(-1, 1))


@Mistakes("solution.loss2", "test_includes_the_constant")
def loss2_without_the_constant(target_density, z0, logdet):
    """The constant of the base density is missing, -log(2 pi) / 2 per dimension."""
    return -0.5 * (z0**2).sum(dim=1, keepdim=True) - logdet + target_density.view(-1, 1)


loss2_shape = Mistakes("solution.loss2", "test_has_the_right_shape")


@loss2_shape
def loss2_of_all_pairs(target_density, z0, logdet):
    """The energies are (B,) and the log-determinants (B, 1): their sum is a (B, B) matrix of all
    pairs. Its mean is right, which hides it in training, but no row is the loss of one sample."""
    return log_base(z0) - logdet + target_density


@loss2_shape
def loss2_per_coordinate(target_density, z0, logdet):
    """The log-density is not added up over the dimensions: there is one loss per coordinate, (B,
    dim), and each has the whole energy and log-determinant."""
    return Normal(0.0, 1.0).log_prob(z0) - logdet + target_density.view(-1, 1)


@loss2_shape
def loss2_mean_over_the_samples(target_density, z0, logdet):
    """This is the mean over the batch. The training loop takes it; the function itself keeps one
    loss per sample, (B, 1)."""
    return (log_base(z0) - logdet + target_density.view(-1, 1)).mean()


@loss2_shape
def loss2_as_a_flat_vector(target_density, z0, logdet):
    """The values are right, but their shape is (B,). The contract says a column, (B, 1)."""
    return (log_base(z0) - logdet).squeeze(1) + target_density


@loss2_shape
def loss2_of_all_pairs_as_a_column(target_density, z0, logdet):
    """The energies are (B,) and the log-determinants (B, 1): their sum is (B, B), every sample with
    every other. As a column it has B times B values."""
    return (log_base_flat(z0) + target_density - logdet).reshape(-1, 1)


@loss2_shape
def loss2_of_all_triples(target_density, z0, logdet):
    """Each summand has an axis of its own, (B, 1, 1), (B,) and (B, 1): their sum is (B, B, B)."""
    return log_base_flat(z0).reshape(-1, 1, 1) + target_density - logdet


@Mistakes("solution.loss2", "test_has_the_gradient_of_its_values")
def loss2_with_a_detached_energy(target_density, z0, logdet):
    """The energy is detached, so the flow does not learn where the target is likely; it only learns
    to stretch."""
    return log_base(z0) - logdet + target_density.detach().view(-1, 1)


@Mistakes(
    "solution.loss2", "test_grows_with_the_energy", beside={"solution.loss1": loss1_of_columns}
)
def loss2_hands_loss1_a_flat_vector(target_density, z0, logdet):
    """loss1 gets the log-determinants as (B,), but takes a column, (B, 1)."""
    return target_density.view(-1, 1) - loss1(z0, -logdet.squeeze(1)).view(-1, 1)
