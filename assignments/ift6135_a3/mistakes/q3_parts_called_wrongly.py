"""Mistakes in question 3 that hand right parts what these cannot take.

The parts come along with each entry, in the place of the reference's: they lose nothing.
"""

# ruff: noqa: F821
# PlanarTransformation is that of the file that an entry is grafted onto.

import math

import torch

from grader.audit import mistake


def forward(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    batch, dim = x.shape
    return x + self.u.view(1, dim) * torch.tanh(x @ self.w.T + self.b).view(batch, 1)


def log_determinant(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    slope = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log((1 + slope * (self.w @ self.u.T)).abs() + 1e-8)


def loss1(z0, logdet):
    assert logdet.shape == (len(z0), 1)
    return 0.5 * (math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True) - logdet


PlanarTransformation.forward = forward
PlanarTransformation.get_logdet = log_determinant


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="forward is differentiated at single points, (dim,), and takes batches only, (B, dim). "
    "Give each point a batch axis of its own.",
)
def logdet_differentiates_forward_at_bare_points(self, x, eps=1e-8):
    jacobian = torch.autograd.functional.jacobian
    found = [torch.det(jacobian(self.forward, point, create_graph=True)) for point in x]
    return torch.log(torch.stack(found).abs() + eps).view(-1, 1)


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="get_logdet is called with an argument that it does not take in this file, so the flow "
    "raises a TypeError.",
)
def flow_hands_its_layers_too_much(self, x):
    logdet = x.new_zeros(x.shape[0], 1)
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x, 1e-8)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.loss2",
    fails=["test_loss2_is_the_divergence_from_the_target"],
    hint="loss1 gets the log-determinants as (B,), but takes a column, (B, 1).",
)
def loss2_hands_loss1_a_flat_vector(target_density, z0, logdet):
    return target_density.view(-1, 1) - loss1(z0, -logdet.squeeze(1)).view(-1, 1)
