"""Mistakes in 3.1 and 3.4: the planar transformation and its log-determinant."""

import torch

from grader.catalogue import Mistakes


def flow_of_flat_vectors(self, x):
    logdet = torch.zeros(x.shape[0], 1)
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).unsqueeze(1)
        x = layer(x)
    return x, logdet


def planar_of_batches(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    batch, dim = x.shape
    return x + self.u.view(1, dim) * torch.tanh(x @ self.w.T + self.b).view(batch, 1)


def logdet_by_autograd(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    jacobian = torch.autograd.functional.jacobian
    found = []
    for point in x:
        matrix = jacobian(lambda p: self.forward(p[None])[0], point, create_graph=True)
        found.append(torch.log(torch.abs(torch.det(matrix)) + eps))
    return torch.stack(found).view(-1, 1)


def logdet_of_sigmoid(self, x, eps=1e-8):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    s = torch.sigmoid(x @ self.w.T + self.b)
    return torch.log(torch.abs(1 + s * (1 - s) * (self.w @ self.u.T)) + eps)


logdet_values = Mistakes("solution.PlanarTransformation.get_logdet", "test_has_the_right_values")
logdet_values.edit(
    "logdet_without_the_derivative",
    "1 - torch.tanh(x @ self.w.T + self.b) ** 2",
    "torch.tanh(x @ self.w.T + self.b)",
    """tanh itself stands where its derivative belongs. The Jacobian is made of derivatives: that of
    tanh(a) is 1 - tanh(a)^2.""",
)
logdet_values.edit(
    "logdet_with_one_minus_tanh",
    "self.b) ** 2",
    "self.b)",
    """The derivative is taken as 1 - tanh(a). That is the pattern of another function; for tanh the
    square counts, 1 - tanh(a)^2.""",
)
logdet_values.edit(
    "logdet_with_the_derivative_of_a_sigmoid",
    "h_prime = 1 - torch.tanh(x @ self.w.T + self.b) ** 2",
    """h = torch.tanh(x @ self.w.T + self.b)
        h_prime = h * (1 - h)""",
    """The derivative is taken as tanh(a) (1 - tanh(a)), as for a sigmoid. For tanh it is 1 -
    tanh(a)^2.""",
)
logdet_values.edit(
    "logdet_without_the_tanh",
    "torch.tanh(x @ self.w.T + self.b)",
    "(x @ self.w.T + self.b)",
    """w.x + b is squared without going through tanh first: the derivative of tanh(a) is 1 -
    tanh(a)^2, not 1 - a^2.""",
)
logdet_values.edit(
    "logdet_at_the_output",
    "        # log |det",
    """        x = self.forward(x)
        # log |det""",
    """The derivative is taken at the transformed point f(x). The Jacobian is asked for at the input
    x.""",
)
logdet_values.edit(
    "logdet_without_b",
    "x @ self.w.T + self.b",
    "x @ self.w.T",
    "The offset b is missing in the derivative of tanh(w.x + b).",
)
logdet_values.edit(
    "logdet_without_the_logarithm",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return (1 + h_prime * (self.w @ self.u.T)).abs()",
    """This is the determinant itself. What is asked for is its logarithm, which adds up along a
    flow.""",
)
logdet_values.edit(
    "logdet_without_the_one",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + (h_prime * (self.w @ self.u.T)).abs())",
    """The 1 is missing: it comes from the identity in the Jacobian I + u h' w, that is, from the x
    in x + u tanh(w.x + b).""",
)
logdet_values.edit(
    "logdet_with_the_absolute_value_too_early",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + 1 + (h_prime * (self.w @ self.u.T)).abs())",
    """The absolute value is taken of h' w.u alone, before the 1 is added. It belongs round the
    whole determinant, or a negative w.u seems to stretch the space.""",
)
logdet_values.edit(
    "logdet_with_the_square_of_w",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + (1 + h_prime * (self.w @ self.w.T)).abs())",
    "w is multiplied with itself. The determinant of I + u h' w holds the dot product of w and u.",
)
logdet_values.edit(
    "logdet_with_u_inside_the_tanh",
    "x @ self.w.T",
    "x @ self.u.T",
    """u stands where w belongs inside the tanh. The argument of the derivative is the same as in
    the transformation, w.x + b.""",
)
logdet_values.edit(
    "logdet_of_the_diagonal",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + (1 + h_prime * self.w * self.u).abs()).sum(dim=1, keepdim=True)",
    """Only the diagonal of the Jacobian is used. Its other entries, u_i h' w_j, are not zero; the
    matrix determinant lemma takes care of them with one dot product.""",
)
logdet_values.edit(
    "logdet_with_an_elementwise_product",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + (1 + h_prime * self.w * self.u).abs())",
    """w and u are multiplied coordinate by coordinate, which leaves one number per dimension. w.u
    is a dot product: one determinant per point.""",
)
logdet_values.edit(
    "logdet_of_the_inverse",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return -torch.log(eps + (1 + h_prime * (self.w @ self.u.T)).abs())",
    """This is the log-determinant of the inverse: its sign is turned. A transformation that
    stretches the space has a determinant above 1 and a positive logarithm.""",
)

logdet_of_adjusted_u = Mistakes("solution.PlanarTransformation.get_logdet", "test_adjusts_u_first")


@logdet_of_adjusted_u
def logdet_without_adjust_u(self, x, eps=1e-8):
    """The given call of adjust_u at the head of the method is gone. Where w.u < -1 this is the
    determinant of another transformation than the one that forward applies."""
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_of_adjusted_u
def logdet_of_a_negative_determinant(self, x, eps=1e-8):
    """Without the given call of adjust_u the determinant can be negative, and without an absolute
    value its logarithm is then NaN."""
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + 1 + h * (self.w @ self.u.T))


logdet_shape = Mistakes("solution.PlanarTransformation.get_logdet", "test_has_the_right_shape")
logdet_shape.edit(
    "logdet_as_a_flat_vector",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(eps + (1 + h_prime * (self.w @ self.u.T)).abs()).sum(dim=1)",
    """The values are right, but their shape is (B,). The flow adds them to a column, (B, 1), and
    gets a (B, B) matrix without any warning.""",
)
logdet_shape.edit(
    "logdet_repeated_for_each_dimension",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log((1 + h_prime * (self.w @ self.u.T)).abs() + eps).expand_as(x)",
    """The log-determinant is repeated for each dimension, (B, dim). It is one number per point, (B,
    1).""",
)

logdet_training = Mistakes(
    "solution.PlanarTransformation.get_logdet", "test_has_the_gradient_of_its_values"
)
logdet_training.edit(
    "logdet_without_create_graph",
    "h_prime = 1 - torch.tanh(x @ self.w.T + self.b) ** 2",
    """a = x @ self.w.T + self.b
        (h_prime,) = torch.autograd.grad(torch.tanh(a).sum(), a)""",
    """The derivative of tanh is taken by autograd, but without create_graph: it has the right value
    and no gradient of its own, so w and b learn less than half of what they should.""",
)
logdet_training.edit(
    "logdet_of_detached_points",
    "tanh(x @",
    "tanh(x.detach() @",
    """The points are detached. In a flow they come from the layers before, which have to learn
    where this one stretches the space.""",
)

# Beside a `Flow.forward` (3.6) that makes a column of what its layers give: 3.6 loses nothing.
Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "test_has_the_right_shape",
    beside={"solution.Flow.forward": flow_of_flat_vectors},
).edit(
    "logdet_as_a_flat_vector_below_the_flow",
    "torch.log(det.abs() + eps)",
    "torch.log(det.abs() + eps).squeeze(1)",
    "The values are right, but the column is lost: the contract says (B, 1), not (B,).",
)


@Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "test_has_the_right_values",
    beside={"solution.Flow.forward": flow_of_flat_vectors},
)
def logdet_without_the_derivative_below_the_flow(self, x, eps=1e-8):
    """The column is lost, and what multiplies w.u is tanh itself, not its derivative."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w[0] + self.b)
    return torch.log(eps + (1 + h * (self.w * self.u).sum()).abs())


# Right parts are handed what they cannot take: the parts lose nothing.
@Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "test_has_the_right_values",
    beside={"solution.PlanarTransformation.forward": planar_of_batches},
)
def logdet_differentiates_forward_at_bare_points(self, x, eps=1e-8):
    """forward is differentiated at single points, (dim,), and takes batches only, (B, dim). Give
    each point a batch axis of its own."""
    jacobian = torch.autograd.functional.jacobian
    found = [torch.det(jacobian(self.forward, point, create_graph=True)) for point in x]
    return torch.log(torch.stack(found).abs() + eps).view(-1, 1)


planar_values = Mistakes("solution.PlanarTransformation.forward", "test_has_the_right_values")
planar_values.edit(
    "planar_without_b",
    "x @ self.w.T + self.b",
    "x @ self.w.T",
    "The offset b is missing inside the tanh.",
)
planar_values.edit(
    "planar_with_b_outside_the_tanh",
    "torch.tanh(x @ self.w.T + self.b)",
    "torch.tanh(x @ self.w.T) + self.b",
    "The offset b is added outside the tanh. It belongs inside: it says where along w the bend is.",
)
planar_values.edit(
    "planar_moves_along_w",
    "x + self.u * h",
    "x + self.w * h",
    "Points are moved along w. w only says how far; the direction in which they are moved is u.",
)
planar_values.edit(
    "planar_without_u",
    "x + self.u * h",
    "x + h",
    """u is missing: the same number is added to every coordinate. The tanh says how far a point
    moves, u says in which direction.""",
)
planar_values.edit(
    "planar_with_an_elementwise_product",
    "x @ self.w.T",
    "self.w * x",
    """w and x are multiplied coordinate by coordinate. w.x is a dot product, one number per point:
    the coordinates are added up before the tanh.""",
)
planar_values.edit(
    "planar_with_one_dot_product_for_all",
    "x @ self.w.T",
    "(self.w * x).sum()",
    """The products are added up over the whole batch, so all points move by the same amount. w.x is
    one number for each point.""",
)
planar_values.edit(
    "planar_without_x",
    "x + self.u * h",
    "self.u * h",
    "x itself is missing: the result is only the shift. Without it all points land on one line.",
)
planar_values.edit(
    "planar_subtracts_the_shift",
    "x + self.u * h",
    "x - self.u * h",
    "The shift is subtracted from x. It is added.",
)
planar_values.edit(
    "planar_with_a_sigmoid",
    "torch.tanh",
    "torch.sigmoid",
    """The nonlinearity is a sigmoid here. The assignment takes tanh, and the bound w.u >= -1 is
    made for it.""",
)
planar_values.edit(
    "planar_with_the_derivative",
    "torch.tanh(x @ self.w.T + self.b)",
    "1 - torch.tanh(x @ self.w.T + self.b) ** 2",
    """This is built with the derivative of tanh. The derivative belongs to the log-determinant; the
    transformation itself takes tanh.""",
)


@planar_values
def planar_with_u_and_w_swapped(self, x):
    """u and w have changed places. w is inside the tanh, where it picks the direction that is
    looked along; u is outside, the direction in which points are moved."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.w * torch.tanh(x @ self.u.T + self.b)


@Mistakes("solution.PlanarTransformation.forward", "test_adjusts_u_first")
def planar_without_adjust_u(self, x):
    """The given call of adjust_u at the head of the method is gone. Without it the transformation
    folds the plane where w.u < -1, and no inverse exists."""
    return x + self.u * torch.tanh(x @ self.w.T + self.b)


planar_training = Mistakes(
    "solution.PlanarTransformation.forward", "test_has_the_gradient_of_its_values"
)
planar_training.edit(
    "planar_of_points_detached_inside",
    "tanh(x @",
    "tanh(x.detach() @",
    """The points are detached inside the tanh. In a flow they come from the layers before, which do
    not learn how this one bends what they give.""",
)


@planar_training
def planar_from_data(self, x):
    """The values are right, but u, w and b are read through .data, which has no gradient: the
    transformation cannot learn."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


Mistakes("solution.PlanarTransformation.forward", "test_leaves_its_arguments_alone").edit(
    "planar_moves_the_points_in_place",
    "return x + self.u * h",
    """x += self.u * h
        return x""",
    """The shift is added to x in place, and the caller's points are moved with it; a flow then asks
    for the log-determinant at the wrong point.""",
)

# Beside a log-determinant (3.4) that differentiates `forward` by autograd: 3.4 loses nothing.
planar_values_below_autograd = Mistakes(
    "solution.PlanarTransformation.forward",
    "test_has_the_right_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_by_autograd},
)
planar_values_below_autograd.edit(
    "planar_against_u_below_autograd",
    "x + self.u * h",
    "x - 2 * self.u * h",
    "The points are moved against u: the step is added, x + u tanh(w.x + b).",
)
planar_values_below_autograd.edit(
    "planar_of_detached_points_below_autograd",
    "x + self.u * h",
    "(self.u * h).detach()",
    "Without the derivative of the values: the points are detached, and no Jacobian is left.",
)
planar_values_below_autograd.edit(
    "planar_of_one_column_below_autograd",
    "x + self.u * h",
    "(x + self.u * h).sum(dim=1, keepdim=True)",
    "One number per point is left: the step along u has as many coordinates as the points.",
)


@planar_values_below_autograd
def planar_without_bend_below_autograd(self, x):
    """The points are scaled and nothing more: the transformation has the same determinant
    everywhere."""
    return x * (1 + self.u) + self.b


@planar_values_below_autograd
def planar_full_of_nan_below_autograd(self, x):
    """The logarithm of a negative number is NaN; there is no logarithm in the transformation."""
    return x + self.u * torch.log(-1 - (x @ self.w.T + self.b) ** 2)


@planar_values_below_autograd
def planar_without_return_below_autograd(self, x):
    """There is no `return`, so the result is None."""
    x + self.u * torch.tanh(x @ self.w.T + self.b)


@planar_values_below_autograd
def planar_that_raises_below_autograd(self, x):
    """The product has the wrong shapes: w is (1, dim) and has to be transposed."""
    return x + self.u * torch.tanh(self.w @ x + self.b)


@planar_values_below_autograd
def planar_unwritten_below_autograd(self, x):
    """This is not written yet."""
    raise NotImplementedError("to be written")


@Mistakes(
    "solution.PlanarTransformation.forward",
    "test_has_the_gradient_of_its_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_by_autograd},
)
def planar_detached_below_autograd(self, x):
    """The parameters are detached, so nothing is learned through the transformation."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


# Beside the log-determinant (3.4) that is right for it: 3.4 loses nothing.
Mistakes(
    "solution.PlanarTransformation.forward",
    "test_has_the_right_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_of_sigmoid},
).edit(
    "planar_with_a_sigmoid_and_its_logdet",
    "torch.tanh",
    "torch.sigmoid",
    "The logistic function stands where tanh belongs.",
)
