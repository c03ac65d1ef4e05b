"""Mistakes in 3.4 beside a `Flow.forward` (3.6) that is right with them: 3.6 loses nothing.

The flow comes along with each entry, in the place of the reference's: it makes a column of what
its own layers give.
"""

# ruff: noqa: F821
# Flow is that of the file that an entry is grafted onto.

import torch

from grader.audit import mistake


def forward(self, x):
    logdet = torch.zeros(x.shape[0], 1)
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).unsqueeze(1)
        x = layer(x)
    return x, logdet


Flow.forward = forward


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_has_one_column"],
    hint="The values are right, but the column is lost: the contract says (B, 1), not (B,).",
)
def logdet_as_a_flat_vector_below_the_flow(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w[0] + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w * self.u).sum()).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The column is lost, and what multiplies w.u is tanh itself, not its derivative.",
)
def logdet_without_the_derivative_below_the_flow(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w[0] + self.b)
    return torch.log(eps + (1 + h * (self.w * self.u).sum()).abs())
