"""Mistakes in question 3 that add (B,) to (B, 1): right values, on the diagonal of (B, B)."""

import torch
from torch.distributions import MultivariateNormal

from grader.audit import mistake


def log_base(z0):
    """log N(z0; 0, I), (B,)."""
    return MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z0)


@mistake(
    "solution.loss1",
    fails=["test_loss1_has_one_column"],
    hint="The log-density is (B,) and the log-determinant (B, 1): their sum is (B, B), and an axis "
    "that is added later does not make a column of it.",
)
def loss1_of_all_pairs_with_an_axis_more(z0, logdet):
    return -(log_base(z0) + logdet).unsqueeze(1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="The energies are (B,) and the log-determinants (B, 1): their sum is (B, B), every sample "
    "with every other. As a column it has B times B values.",
)
def loss2_of_all_pairs_as_a_column(target_density, z0, logdet):
    return (log_base(z0) + target_density - logdet).reshape(-1, 1)


@mistake(
    "solution.loss2",
    fails=["test_loss2_has_one_column"],
    hint="Each summand has an axis of its own, (B, 1, 1), (B,) and (B, 1): their sum is (B, B, B).",
)
def loss2_of_all_triples(target_density, z0, logdet):
    return log_base(z0).reshape(-1, 1, 1) + target_density - logdet


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_has_one_column"],
    hint="The log-determinant is repeated for each dimension, (B, dim). It is one number per "
    "point, (B, 1).",
)
def logdet_repeated_for_each_dimension(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    slope = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log((1 + slope * (self.w @ self.u.T)).abs() + eps).expand_as(x)
