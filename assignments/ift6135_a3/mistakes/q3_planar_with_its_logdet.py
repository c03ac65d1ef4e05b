"""Mistakes in 3.1 beside a 3.4 with the formula that is right for them: 3.4 loses nothing.

The log-determinant comes along with each entry, in the place of the reference's: that of the
logistic function.
"""

# ruff: noqa: F821
# PlanarTransformation is that of the file that an entry is grafted onto.

import torch

from grader.audit import mistake


def get_logdet(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    s = torch.sigmoid(x @ self.w.T + self.b)
    return torch.log(torch.abs(1 + s * (1 - s) * (self.w @ self.u.T)) + eps)


PlanarTransformation.get_logdet = get_logdet


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The logistic function stands where tanh belongs.",
)
def planar_with_a_sigmoid_and_its_logdet(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.sigmoid(x @ self.w.T + self.b)
