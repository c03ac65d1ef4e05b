"""Mistakes in 3.1: the planar transformation."""

import torch

from grader.audit import mistake


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The offset b is missing inside the tanh.",
)
def planar_without_b(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(x @ self.w.T)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The offset b is added outside the tanh. It belongs inside: it says where along w the "
    "bend is.",
)
def planar_with_b_outside_the_tanh(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * (torch.tanh(x @ self.w.T) + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="u and w have changed places. w is inside the tanh, where it picks the direction that is "
    "looked along; u is outside, the direction in which points are moved.",
)
def planar_with_u_and_w_swapped(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.w * torch.tanh(x @ self.u.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="Points are moved along w. w only says how far; the direction in which they are moved "
    "is u.",
)
def planar_moves_along_w(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.w * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="u is missing: the same number is added to every coordinate. The tanh says how far a "
    "point moves, u says in which direction.",
)
def planar_without_u(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="w and x are multiplied coordinate by coordinate. w.x is a dot product, one number per "
    "point: the coordinates are added up before the tanh.",
)
def planar_with_an_elementwise_product(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(self.w * x + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The products are added up over the whole batch, so all points move by the same amount. "
    "w.x is one number for each point.",
)
def planar_with_one_dot_product_for_all(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh((self.w * x).sum() + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="x itself is missing: the result is only the shift. Without it all points land on one "
    "line.",
)
def planar_without_x(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return self.u * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The shift is subtracted from x. It is added.",
)
def planar_subtracts_the_shift(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x - self.u * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="The nonlinearity is a sigmoid here. The assignment takes tanh, and the bound w.u >= -1 "
    "is made for it.",
)
def planar_with_a_sigmoid(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.sigmoid(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_bends_along_u"],
    hint="This is built with the derivative of tanh. The derivative belongs to the "
    "log-determinant; the transformation itself takes tanh.",
)
def planar_with_the_derivative(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * (1 - torch.tanh(x @ self.w.T + self.b) ** 2)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_stays_invertible"],
    hint="The given call of adjust_u at the head of the method is gone. Without it the "
    "transformation folds the plane where w.u < -1, and no inverse exists.",
)
def planar_without_adjust_u(self, x):
    return x + self.u * torch.tanh(x @ self.w.T + self.b)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_can_be_trained"],
    hint="The values are right, but u, w and b are read through .data, which has no gradient: the "
    "transformation cannot learn.",
)
def planar_from_data(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_keeps_shape_and_argument"],
    hint="The shift is added to x in place, and the caller's points are moved with it; a flow "
    "then asks for the log-determinant at the wrong point.",
)
def planar_moves_the_points_in_place(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    x += self.u * h
    return x


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_keeps_shape_and_argument"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one point.",
)
def planar_squeezed(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return (x + self.u * torch.tanh(x @ self.w.T + self.b)).squeeze()


@mistake(
    "solution.PlanarTransformation.forward",
    fails=["test_planar_transformation_can_be_trained"],
    hint="The points are detached inside the tanh. In a flow they come from the layers before, "
    "which do not learn how this one bends what they give.",
)
def planar_of_points_detached_inside(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(x.detach() @ self.w.T + self.b)
