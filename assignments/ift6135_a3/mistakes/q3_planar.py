"""Mistakes in 3.1 and 3.4: the planar transformation and its log-determinant."""

import math

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


def logdet_without_eps(self, x):
    if self.w @ self.u.T < -1:
        self.adjust_u()
    slope = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log((1 + slope * (self.w @ self.u.T)).abs() + 1e-8)


def loss1_of_columns(z0, logdet):
    assert logdet.shape == (len(z0), 1)
    return 0.5 * (math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True) - logdet


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


logdet_values = Mistakes(
    "solution.PlanarTransformation.get_logdet", "TestLogdet::test_has_the_right_values"
)


@logdet_values
def logdet_without_the_derivative(self, x, eps=1e-8):
    """tanh itself stands where its derivative belongs. The Jacobian is made of derivatives: that of
    tanh(a) is 1 - tanh(a)^2."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_with_one_minus_tanh(self, x, eps=1e-8):
    """The derivative is taken as 1 - tanh(a). That is the pattern of another function; for tanh the
    square counts, 1 - tanh(a)^2."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_with_the_derivative_of_a_sigmoid(self, x, eps=1e-8):
    """The derivative is taken as tanh(a) (1 - tanh(a)), as for a sigmoid. For tanh it is 1 -
    tanh(a)^2."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    return torch.log(eps + (1 + h * (1 - h) * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_without_the_tanh(self, x, eps=1e-8):
    """w.x + b is squared without going through tanh first: the derivative of tanh(a) is 1 -
    tanh(a)^2, not 1 - a^2."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = x @ self.w.T + self.b
    return torch.log(eps + (1 + (1 - a**2) * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_at_the_output(self, x, eps=1e-8):
    """The derivative is taken at the transformed point f(x). The Jacobian is asked for at the input
    x."""
    x = self.forward(x)
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_without_b(self, x, eps=1e-8):
    """The offset b is missing in the derivative of tanh(w.x + b)."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_without_the_logarithm(self, x, eps=1e-8):
    """This is the determinant itself. What is asked for is its logarithm, which adds up along a
    flow."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return (1 + h * (self.w @ self.u.T)).abs()


@logdet_values
def logdet_without_the_one(self, x, eps=1e-8):
    """The 1 is missing: it comes from the identity in the Jacobian I + u h' w, that is, from the x
    in x + u tanh(w.x + b)."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_with_the_absolute_value_too_early(self, x, eps=1e-8):
    """The absolute value is taken of h' w.u alone, before the 1 is added. It belongs round the
    whole determinant, or a negative w.u seems to stretch the space."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + 1 + (h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_with_the_square_of_w(self, x, eps=1e-8):
    """w is multiplied with itself. The determinant of I + u h' w holds the dot product of w and
    u."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.w.T)).abs())


@logdet_values
def logdet_with_u_inside_the_tanh(self, x, eps=1e-8):
    """u stands where w belongs inside the tanh. The argument of the derivative is the same as in
    the transformation, w.x + b."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.u.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_values
def logdet_of_the_diagonal(self, x, eps=1e-8):
    """Only the diagonal of the Jacobian is used. Its other entries, u_i h' w_j, are not zero; the
    matrix determinant lemma takes care of them with one dot product."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * self.w * self.u).abs()).sum(dim=1, keepdim=True)


@logdet_values
def logdet_with_an_elementwise_product(self, x, eps=1e-8):
    """w and u are multiplied coordinate by coordinate, which leaves one number per dimension. w.u
    is a dot product: one determinant per point."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * self.w * self.u).abs())


@logdet_values
def logdet_of_the_inverse(self, x, eps=1e-8):
    """This is the log-determinant of the inverse: its sign is turned. A transformation that
    stretches the space has a determinant above 1 and a positive logarithm."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return -torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


logdet_of_adjusted_u = Mistakes(
    "solution.PlanarTransformation.get_logdet", "TestLogdet::test_adjusts_u_first"
)


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


logdet_shape = Mistakes(
    "solution.PlanarTransformation.get_logdet", "TestLogdet::test_has_the_right_shape"
)


@logdet_shape
def logdet_as_a_flat_vector(self, x, eps=1e-8):
    """The values are right, but their shape is (B,). The flow adds them to a column, (B, 1), and
    gets a (B, B) matrix without any warning."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs()).sum(dim=1)


@logdet_shape
def logdet_mean_over_the_points(self, x, eps=1e-8):
    """One number for the whole batch: the log-determinants are averaged. Every point has one of its
    own."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs()).mean()


@logdet_shape
def logdet_repeated_for_each_dimension(self, x, eps=1e-8):
    """The log-determinant is repeated for each dimension, (B, dim). It is one number per point, (B,
    1)."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    slope = 1 - torch.tanh(x @ self.w.T + self.b) ** 2
    return torch.log((1 + slope * (self.w @ self.u.T)).abs() + eps).expand_as(x)


logdet_training = Mistakes(
    "solution.PlanarTransformation.get_logdet", "TestLogdet::test_has_the_gradient_of_its_values"
)


@logdet_training
def logdet_without_create_graph(self, x, eps=1e-8):
    """The derivative of tanh is taken by autograd, but without create_graph: it has the right value
    and no gradient of its own, so w and b learn less than half of what they should."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = x @ self.w.T + self.b
    (h,) = torch.autograd.grad(torch.tanh(a).sum(), a)
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


@logdet_training
def logdet_of_detached_points(self, x, eps=1e-8):
    """The points are detached. In a flow they come from the layers before, which have to learn
    where this one stretches the space."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x.detach() @ self.w.T + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w @ self.u.T)).abs())


logdet_shape_below_flow = Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "TestLogdet::test_has_the_right_shape",
    beside={"solution.Flow.forward": flow_of_flat_vectors},
)


@logdet_shape_below_flow
def logdet_as_a_flat_vector_below_the_flow(self, x, eps=1e-8):
    """The values are right, but the column is lost: the contract says (B, 1), not (B,)."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 - torch.tanh(x @ self.w[0] + self.b) ** 2
    return torch.log(eps + (1 + h * (self.w * self.u).sum()).abs())


logdet_values_below_flow = Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "TestLogdet::test_has_the_right_values",
    beside={"solution.Flow.forward": flow_of_flat_vectors},
)


@logdet_values_below_flow
def logdet_without_the_derivative_below_the_flow(self, x, eps=1e-8):
    """The column is lost, and what multiplies w.u is tanh itself, not its derivative."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w[0] + self.b)
    return torch.log(eps + (1 + h * (self.w * self.u).sum()).abs())


logdet_values_called_wrongly = Mistakes(
    "solution.PlanarTransformation.get_logdet",
    "TestLogdet::test_has_the_right_values",
    beside={
        "solution.PlanarTransformation.forward": planar_of_batches,
        "solution.PlanarTransformation.get_logdet": logdet_without_eps,
        "solution.loss1": loss1_of_columns,
    },
)


@logdet_values_called_wrongly
def logdet_differentiates_forward_at_bare_points(self, x, eps=1e-8):
    """forward is differentiated at single points, (dim,), and takes batches only, (B, dim). Give
    each point a batch axis of its own."""
    jacobian = torch.autograd.functional.jacobian
    found = [torch.det(jacobian(self.forward, point, create_graph=True)) for point in x]
    return torch.log(torch.stack(found).abs() + eps).view(-1, 1)


planar_values = Mistakes(
    "solution.PlanarTransformation.forward", "TestForward::test_has_the_right_values"
)


@planar_values
def planar_without_b(self, x):
    """The offset b is missing inside the tanh."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(x @ self.w.T)


@planar_values
def planar_with_b_outside_the_tanh(self, x):
    """The offset b is added outside the tanh. It belongs inside: it says where along w the bend
    is."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * (torch.tanh(x @ self.w.T) + self.b)


@planar_values
def planar_with_u_and_w_swapped(self, x):
    """u and w have changed places. w is inside the tanh, where it picks the direction that is
    looked along; u is outside, the direction in which points are moved."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.w * torch.tanh(x @ self.u.T + self.b)


@planar_values
def planar_moves_along_w(self, x):
    """Points are moved along w. w only says how far; the direction in which they are moved is u."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.w * torch.tanh(x @ self.w.T + self.b)


@planar_values
def planar_without_u(self, x):
    """u is missing: the same number is added to every coordinate. The tanh says how far a point
    moves, u says in which direction."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + torch.tanh(x @ self.w.T + self.b)


@planar_values
def planar_with_an_elementwise_product(self, x):
    """w and x are multiplied coordinate by coordinate. w.x is a dot product, one number per point:
    the coordinates are added up before the tanh."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(self.w * x + self.b)


@planar_values
def planar_with_one_dot_product_for_all(self, x):
    """The products are added up over the whole batch, so all points move by the same amount. w.x is
    one number for each point."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh((self.w * x).sum() + self.b)


@planar_values
def planar_without_x(self, x):
    """x itself is missing: the result is only the shift. Without it all points land on one line."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return self.u * torch.tanh(x @ self.w.T + self.b)


@planar_values
def planar_subtracts_the_shift(self, x):
    """The shift is subtracted from x. It is added."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x - self.u * torch.tanh(x @ self.w.T + self.b)


@planar_values
def planar_with_a_sigmoid(self, x):
    """The nonlinearity is a sigmoid here. The assignment takes tanh, and the bound w.u >= -1 is
    made for it."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.sigmoid(x @ self.w.T + self.b)


@planar_values
def planar_with_the_derivative(self, x):
    """This is built with the derivative of tanh. The derivative belongs to the log-determinant; the
    transformation itself takes tanh."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * (1 - torch.tanh(x @ self.w.T + self.b) ** 2)


planar_invertible = Mistakes(
    "solution.PlanarTransformation.forward", "TestForward::test_adjusts_u_first"
)


@planar_invertible
def planar_without_adjust_u(self, x):
    """The given call of adjust_u at the head of the method is gone. Without it the transformation
    folds the plane where w.u < -1, and no inverse exists."""
    return x + self.u * torch.tanh(x @ self.w.T + self.b)


planar_training = Mistakes(
    "solution.PlanarTransformation.forward", "TestForward::test_has_the_gradient_of_its_values"
)


@planar_training
def planar_from_data(self, x):
    """The values are right, but u, w and b are read through .data, which has no gradient: the
    transformation cannot learn."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


@planar_training
def planar_of_points_detached_inside(self, x):
    """The points are detached inside the tanh. In a flow they come from the layers before, which do
    not learn how this one bends what they give."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(x.detach() @ self.w.T + self.b)


planar_argument = Mistakes(
    "solution.PlanarTransformation.forward", "TestForward::test_leaves_its_arguments_alone"
)


@planar_argument
def planar_moves_the_points_in_place(self, x):
    """The shift is added to x in place, and the caller's points are moved with it; a flow then asks
    for the log-determinant at the wrong point."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = torch.tanh(x @ self.w.T + self.b)
    x += self.u * h
    return x


planar_values_below_autograd = Mistakes(
    "solution.PlanarTransformation.forward",
    "TestForward::test_has_the_right_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_by_autograd},
)


@planar_values_below_autograd
def planar_against_u_below_autograd(self, x):
    """The points are moved against u: the step is added, x + u tanh(w.x + b)."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x - 2 * self.u * torch.tanh(x @ self.w.T + self.b)


@planar_values_below_autograd
def planar_without_bend_below_autograd(self, x):
    """The points are scaled and nothing more: the transformation has the same determinant
    everywhere."""
    return x * (1 + self.u) + self.b


@planar_values_below_autograd
def planar_of_detached_points_below_autograd(self, x):
    """Without the derivative of the values: the points are detached, and no Jacobian is left."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return (self.u * torch.tanh(x @ self.w.T + self.b)).detach()


@planar_values_below_autograd
def planar_of_one_column_below_autograd(self, x):
    """One number per point is left: the step along u has as many coordinates as the points."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return (x + self.u * torch.tanh(x @ self.w.T + self.b)).sum(dim=1, keepdim=True)


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


planar_training_below_autograd = Mistakes(
    "solution.PlanarTransformation.forward",
    "TestForward::test_has_the_gradient_of_its_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_by_autograd},
)


@planar_training_below_autograd
def planar_detached_below_autograd(self, x):
    """The parameters are detached, so nothing is learned through the transformation."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u.data * torch.tanh(x @ self.w.data.T + self.b.data)


planar_values_with_its_logdet = Mistakes(
    "solution.PlanarTransformation.forward",
    "TestForward::test_has_the_right_values",
    beside={"solution.PlanarTransformation.get_logdet": logdet_of_sigmoid},
)


@planar_values_with_its_logdet
def planar_with_a_sigmoid_and_its_logdet(self, x):
    """The logistic function stands where tanh belongs."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    return x + self.u * torch.sigmoid(x @ self.w.T + self.b)
