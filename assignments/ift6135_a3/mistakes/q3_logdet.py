"""Mistakes in 3.4: the log-determinant of a planar transformation."""

import torch

from grader.audit import mistake


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="tanh itself stands where its derivative belongs. The Jacobian is made of derivatives: "
    "that of tanh(a) is 1 - tanh(a)^2.",
)
def logdet_without_the_derivative(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The derivative is taken as 1 - tanh(a). That is the pattern of another function; for "
    "tanh the square counts, 1 - tanh(a)^2.",
)
def logdet_with_one_minus_tanh(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The derivative is taken as tanh(a) (1 - tanh(a)), as for a sigmoid. For tanh it is "
    "1 - tanh(a)^2.",
)
def logdet_with_the_derivative_of_a_sigmoid(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (1 - h) * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="w.x + b is squared without going through tanh first: the derivative of tanh(a) is "
    "1 - tanh(a)^2, not 1 - a^2.",
)
def logdet_without_the_tanh(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = x @ self.w.T + self.b
    return torch.log(eps + (1 + (1 - a**2) * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The derivative is taken at the transformed point f(x). The Jacobian is asked for at the "
    "input x.",
)
def logdet_at_the_output(self, x, eps=1e-8):
    x = self.forward(x)
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The offset b is missing in the derivative of tanh(w.x + b).",
)
def logdet_without_b(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="This is the determinant itself. What is asked for is its logarithm, which adds up along "
    "a flow.",
)
def logdet_without_the_logarithm(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return (1 + h * (self.w @ self.u.T)).abs()


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The 1 is missing: it comes from the identity in the Jacobian I + u h' w, that is, from "
    "the x in x + u tanh(w.x + b).",
)
def logdet_without_the_one(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="The absolute value is taken of h' w.u alone, before the 1 is added. It belongs round the "
    "whole determinant, or a negative w.u seems to stretch the space.",
)
def logdet_with_the_absolute_value_too_early(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + 1 + (h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="w is multiplied with itself. The determinant of I + u h' w holds the dot product of w "
    "and u.",
)
def logdet_with_the_square_of_w(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.w.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="u stands where w belongs inside the tanh. The argument of the derivative is the same as "
    "in the transformation, w.x + b.",
)
def logdet_with_u_inside_the_tanh(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.u.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="Only the diagonal of the Jacobian is used. Its other entries, u_i h' w_j, are not zero; "
    "the matrix determinant lemma takes care of them with one dot product.",
)
def logdet_of_the_diagonal(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * self.w * self.u).abs()).sum(dim=1, keepdim=True)


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="w and u are multiplied coordinate by coordinate, which leaves one number per dimension. "
    "w.u is a dot product: one determinant per point.",
)
def logdet_with_an_elementwise_product(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * self.w * self.u).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_is_that_of_the_jacobian"],
    hint="This is the log-determinant of the inverse: its sign is turned. A transformation that "
    "stretches the space has a determinant above 1 and a positive logarithm.",
)
def logdet_of_the_inverse(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return -torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_uses_the_adjusted_u"],
    hint="The given call of adjust_u at the head of the method is gone. Where w.u < -1 this is the "
    "determinant of another transformation than the one that forward applies.",
)
def logdet_without_adjust_u(self, x, eps=1e-8):
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_uses_the_adjusted_u"],
    hint="Without the given call of adjust_u the determinant can be negative, and without an "
    "absolute value its logarithm is then NaN.",
)
def logdet_of_a_negative_determinant(self, x, eps=1e-8):
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + 1 + h * (self.w @ self.u.T))


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_has_one_column"],
    hint="The values are right, but their shape is (B,). The flow adds them to a column, (B, 1), "
    "and gets a (B, B) matrix without any warning.",
)
def logdet_as_a_flat_vector(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs()).sum(dim=1)


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_has_one_column"],
    hint="One number for the whole batch: the log-determinants are averaged. Every point has one "
    "of its own.",
)
def logdet_mean_over_the_points(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs()).mean()


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_can_be_trained"],
    hint="The values are right, but they are detached: the log-determinant is part of both losses, "
    "and nothing can be learned from it without its gradient.",
)
def logdet_detached(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    with torch.no_grad():
        h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
        return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_can_be_trained"],
    hint="The derivative of tanh is taken by autograd, but without create_graph: it has the right "
    "value and no gradient of its own, so w and b learn less than half of what they should.",
)
def logdet_without_create_graph(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = x @ self.w.T + self.b
    (h,) = torch.autograd.grad(torch.tanh(a).sum(), a)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@mistake(
    "solution.PlanarTransformation.get_logdet",
    fails=["test_logdet_can_be_trained"],
    hint="The points are detached. In a flow they come from the layers before, which have to learn "
    "where this one stretches the space.",
)
def logdet_of_detached_points(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x.detach() @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())
