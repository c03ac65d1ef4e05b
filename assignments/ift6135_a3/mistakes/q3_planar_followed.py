"""Mistakes in 3.1 beside a 3.4 that differentiates `forward` by autograd: 3.4 loses nothing.

The log-determinant comes along with each entry, in the place of the reference's.
"""

# ruff: noqa: F821
# PlanarTransformation is that of the file that an entry is grafted onto.

import torch

from grader.audit import mistake


def get_logdet(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    jacobian = torch.autograd.functional.jacobian
    found = []
    for point in x:
        matrix = jacobian(lambda p: self.forward(p[None])[0], point, create_graph=True)
        found.append(torch.log(torch.abs(torch.det(matrix)) + eps))
    return torch.stack(found).view(-1, 1)


PlanarTransformation.get_logdet = get_logdet


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The points are moved against u: the step is added, x + u tanh(w.x + b).",
)
def planar_against_u_below_autograd(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x - 2 * self.u * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The points are scaled and nothing more: the transformation has the same determinant "
    "everywhere.",
)
def planar_without_bend_below_autograd(self, x):
    return x * (1 + self.u) + self.b


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_can_be_trained"],
    hint="The parameters are detached, so nothing is learned through the transformation.",
)
def planar_detached_below_autograd(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="Without the derivative of the values: the points are detached, and no Jacobian is left.",
)
def planar_of_detached_points_below_autograd(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return (self.u * torch.tanh(x @ self.w.T + self.b)).detach()


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="One number per point is left: the step along u has as many coordinates as the points.",
)
def planar_of_one_column_below_autograd(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return (x + self.u * torch.tanh(x @ self.w.T + self.b)).sum(dim=1, keepdim=True)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The logarithm of a negative number is NaN; there is no logarithm in the transformation.",
)
def planar_full_of_nan_below_autograd(self, x):
    return x + self.u * torch.log(-1 - (x @ self.w.T + self.b) ** 2)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="There is no `return`, so the result is None.",
)
def planar_without_return_below_autograd(self, x):
    x + self.u * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The product has the wrong shapes: w is (1, dim) and has to be transposed.",
)
def planar_that_raises_below_autograd(self, x):
    return x + self.u * torch.tanh(self.w @ x + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="This is not written yet.",
)
def planar_unwritten_below_autograd(self, x):
    raise NotImplementedError("to be written")
