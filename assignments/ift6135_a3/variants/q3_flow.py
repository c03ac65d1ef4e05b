"""Right ways to write 3.6 and 3.8: the flow and its two losses."""

import math
from functools import reduce

import numpy as np
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from grader.catalogue import Variants

flow_forward = Variants("solution.Flow.forward")


@flow_forward
def flow_from_a_plain_zero(self, x):
    """The sum starts as a plain zero and broadcasts."""
    logdet = 0.0
    for layer in self.layers:
        logdet += layer.get_logdet(x)
        x = layer.forward(x)
    return x, logdet


@flow_forward
def flow_from_a_column_of_zeros(self, x):
    """Zeros of shape (B, 1), added to in place."""
    logdet = torch.zeros((x.shape[0], 1), dtype=x.dtype, device=x.device)
    for i in range(len(self.layers)):
        logdet += self.layers[i].get_logdet(x)
        x = self.layers[i](x)
    return x, logdet


@flow_forward
def flow_with_a_list(self, x):
    """The log-determinants are collected and added up last."""
    z, logdets = x, []
    for layer in self.layers:
        logdets.append(layer.get_logdet(z))
        z = layer(z)
    return z, torch.stack(logdets).sum(dim=0)


@flow_forward
def flow_with_columns(self, x):
    """As columns of one matrix; the input of each layer is kept while it is applied."""
    columns = []
    for layer in self.layers:
        before, x = x, layer(x)
        columns.append(layer.get_logdet(before))
    return x, torch.cat(columns, dim=1).sum(dim=1, keepdim=True)


@flow_forward
def flow_by_reduction(self, x):
    """Recursion, as the composition of functions is defined."""

    def step(state, layer):
        point, logdet = state
        return layer(point), logdet + layer.get_logdet(point)

    return reduce(step, self.layers, (x, torch.zeros_like(x[:, :1])))


@flow_forward
def flow_adding_up_in_double(self, x):
    """The results as a list, and the log-determinant left in float64: neither is excluded."""
    logdet = torch.zeros(x.size(0), 1, dtype=torch.float64)
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).double()
        x = layer(x)
    return [x, logdet]


@flow_forward
def flow_in_two_passes(self, x):
    """All points are computed first, then the log-determinants at each layer's input."""
    points = [x]
    for layer in self.layers:
        points.append(layer(points[-1]))
    logdet = sum(layer.get_logdet(p) for layer, p in zip(self.layers, points[:-1], strict=True))
    return points[-1], logdet


@flow_forward
def flow_with_the_formulas_inside(self, x):
    """The layers' formulas written out in place: the parameters are the layers' own."""
    logdet = torch.zeros(x.size(0), 1)
    for layer in self.layers:
        if layer.w @ layer.u.T < -1:
            layer.adjust_u()
        h = torch.tanh(x @ layer.w.T + layer.b)
        logdet = logdet + torch.log(1e-8 + (1 + (1 - h**2) * (layer.w @ layer.u.T)).abs())
        x = x + layer.u * h
    return x, logdet


@flow_forward
def flow_with_a_matrix(self, x):
    """The log-determinants fill the columns of a matrix that was there before."""
    points, logdets = [x], torch.zeros(x.size(0), len(self.layers))
    for k, layer in enumerate(self.layers):
        logdets[:, k] = layer.get_logdet(points[k])[:, 0]
        points.append(layer(points[k]))
    return points[-1], logdets.sum(dim=1, keepdim=True)


loss1 = Variants("solution.loss1")


@loss1
def loss1_by_a_multivariate_normal(z0, logdet):
    """torch's multivariate normal of z0's dimension, as a column."""
    dim = z0.shape[1]
    base = MultivariateNormal(torch.zeros(dim), torch.eye(dim))
    return -(base.log_prob(z0).unsqueeze(1) + logdet)


@loss1
def loss1_for_the_plane_only(z0, logdet):
    """A base density for the plane alone: all data of the assignment lie there."""
    base = MultivariateNormal(torch.zeros(2), torch.eye(2))
    return -(base.log_prob(z0)[:, None] + logdet)


@loss1
def loss1_by_a_normal(z0, logdet):
    """torch's normal, summed with its axis kept."""
    return -Normal(0, 1).log_prob(z0).sum(-1, keepdim=True) - logdet


@loss1
def loss1_by_the_formula(z0, logdet):
    """The formula, with numpy's constant and D times it."""
    square = torch.einsum("bd,bd->b", z0, z0).view(-1, 1)
    return 0.5 * square + z0.shape[-1] * np.log(2 * np.pi) / 2 - logdet


@loss1
def loss1_with_a_column_at_the_end(z0, logdet):
    """logdet flattened, the sum as (B,) and the column made last."""
    base = Independent(Normal(torch.zeros_like(z0), torch.ones_like(z0)), 1)
    return -(base.log_prob(z0) + logdet.view(-1))[:, None]


@loss1
def loss1_left_in_double(z0, logdet):
    """In float64, not cast back: the dtype is not part of the contract."""
    norm = torch.linalg.vector_norm(z0.double(), dim=1, keepdim=True)
    return norm**2 / 2 + z0.size(1) / 2 * math.log(2 * math.pi) - logdet.double()


@loss1
def loss1_in_a_loop(z0, logdet):
    """One point after the other."""
    found = []
    for point, change in zip(z0, logdet, strict=True):
        log_p = sum(-0.5 * coordinate**2 - 0.5 * math.log(2 * math.pi) for coordinate in point)
        found.append(-(log_p + change))
    return torch.stack(found)


loss2 = Variants("solution.loss2")


@loss2
def loss2_by_a_multivariate_normal(target_density, z0, logdet):
    """torch's multivariate normal; both flat summands become columns."""
    dim = z0.size(1)
    base = MultivariateNormal(torch.zeros(dim), covariance_matrix=torch.eye(dim))
    return base.log_prob(z0).reshape(-1, 1) - logdet + target_density.reshape(-1, 1)


@loss2
def loss2_for_the_plane_only(target_density, z0, logdet):
    """A base density for the plane alone: both densities of the assignment lie there."""
    x, y = z0[:, 0], z0[:, 1]
    log_base = -math.log(2 * math.pi) - (x**2 + y**2) / 2
    return log_base.unsqueeze(1) - logdet + target_density.unsqueeze(1)


@loss2
def loss2_by_a_normal(target_density, z0, logdet):
    """torch's normal, summed with its axis kept."""
    log_q = Normal(0.0, 1.0).log_prob(z0).sum(dim=1, keepdim=True) - logdet
    return log_q + target_density[:, None]


@loss2
def loss2_with_z0_detached(target_density, z0, logdet):
    """z0 is a sample that depends on no parameter, so it may be detached."""
    z0 = z0.detach()
    log_base = -0.5 * (z0.pow(2).sum(1) + z0.size(1) * math.log(2 * math.pi))
    return (log_base - logdet.squeeze(1) + target_density).unsqueeze(-1)


@loss2
def loss2_as_a_difference_of_logarithms(target_density, z0, logdet):
    """The log-density of the target is -energy: log q(x) - log p(x), in float64."""
    log_p = -target_density.double().unsqueeze(1)
    log_base = torch.log(torch.exp(-(z0.double() ** 2) / 2) / math.sqrt(2 * math.pi))
    return (log_base.sum(dim=1, keepdim=True) - logdet) - log_p


@loss2
def loss2_in_a_loop(target_density, z0, logdet):
    """One sample after the other."""
    found = []
    for energy, point, change in zip(target_density, z0, logdet, strict=True):
        log_base = -torch.dot(point, point) / 2 - point.numel() / 2 * np.log(2 * np.pi)
        found.append((log_base - change + energy).view(1))
    return torch.stack(found)


@loss2
def loss2_by_loss1(target_density, z0, logdet):
    """loss1 of the inverse flow is minus the log-density of a sample."""
    return target_density.unsqueeze(1) - loss1(z0, -logdet)


@loss2
def loss2_by_the_base_density_of_loss1(target_density, z0, logdet):
    """loss1 without a flow is minus the log-density of the base distribution."""
    return target_density.unsqueeze(1) - loss1(z0, 0 * logdet) - logdet
