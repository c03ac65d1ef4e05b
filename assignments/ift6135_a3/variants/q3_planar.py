"""Right ways to write 3.1 and 3.4: the planar transformation and its log-determinant."""

import torch
import torch.nn.functional as F

from grader.catalogue import Variants

planar_transformation_forward = Variants("solution.PlanarTransformation.forward")


@planar_transformation_forward
def planar_as_a_linear_layer(self, x):
    """w.x + b as a linear layer."""
    if torch.mm(self.u, self.w.t()) < -1:
        self.adjust_u()
    return x + self.u * torch.tanh(F.linear(x, self.w, self.b))


@planar_transformation_forward
def planar_by_matrix_products(self, x):
    """addmm, and an outer product with u."""
    if (self.u @ self.w.T).item() < -1.0:
        self.adjust_u()
    h = torch.tanh(torch.addmm(self.b, x, self.w.t()))
    return torch.addmm(x, h, self.u)


@planar_transformation_forward
def planar_by_einsum(self, x):
    """einsum and outer on flat parameters."""
    if torch.dot(self.u.flatten(), self.w.flatten()) < -1:
        self.adjust_u()
    a = torch.einsum("bd,d->b", x, self.w[0]) + self.b
    return x + torch.outer(torch.tanh(a), self.u[0])


@planar_transformation_forward
def planar_in_a_loop(self, x):
    """One point after the other."""
    if torch.sum(self.u * self.w) < -1:
        self.adjust_u()
    u, w = self.u.squeeze(0), self.w.squeeze(0)
    return torch.stack([row + u * torch.tanh(torch.dot(w, row) + self.b) for row in x])


@planar_transformation_forward
def planar_in_double(self, x):
    """Products summed over the coordinates, in float64, and cast back."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = (x.double() * self.w.double()).sum(dim=1, keepdim=True) + self.b.double()
    return (x.double() + self.u.double() * torch.tanh(a)).to(x.dtype)


@planar_transformation_forward
def planar_with_tanh_by_exponentials(self, x):
    """tanh by exponentials, u expanded to the batch."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = torch.matmul(x, self.w.transpose(0, 1)) + self.b
    h = 2 / (1 + torch.exp(-2 * a)) - 1
    return x + self.u.expand(x.size(0), -1) * h.expand_as(x)


planar_transformation_get_logdet = Variants("solution.PlanarTransformation.get_logdet")
planar_transformation_get_logdet.edit(
    "logdet_without_absolute_value",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    "return torch.log(1 + h_prime @ (self.u @ self.w.T) + eps)",
    "No absolute value: after adjust_u the determinant is positive.",
)
planar_transformation_get_logdet.edit(
    "logdet_by_slogdet",
    """det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)""",
    """det = torch.eye(x.size(1)) + h_prime[:, :, None] * (self.u.T @ self.w)
        return torch.slogdet(det).logabsdet.unsqueeze(1)""",
    "The Jacobian as a matrix per point, and torch's log-determinant of it.",
)


@planar_transformation_get_logdet
def logdet_with_psi(self, x, eps=1e-8):
    """psi = h'(w.x + b) w, as in the paper, and eps added to the absolute value."""
    if torch.mm(self.u, self.w.T) < -1:
        self.adjust_u()
    a = torch.mm(x, self.w.T) + self.b
    psi = (1 - torch.tanh(a) ** 2) * self.w
    return torch.log((1 + torch.mm(psi, self.u.T)).abs() + eps)


@planar_transformation_get_logdet
def logdet_with_eps_inside(self, x, eps=1e-8):
    """eps is added to the determinant, inside the absolute value."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = F.linear(x, self.w, self.b)
    det = 1 + (1 - torch.tanh(a).pow(2)) * (self.w * self.u).sum()
    return torch.log(torch.abs(eps + det))


@planar_transformation_get_logdet
def logdet_by_log1p(self, x, eps=1e-8):
    """No eps: where it is added, or whether, is left open. log1p of the product."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    h = 1 / torch.cosh(x @ self.w.T + self.b) ** 2
    return torch.log1p(h * (self.w @ self.u.T))


@planar_transformation_get_logdet
def logdet_clamped(self, x, eps=1e-8):
    """eps as the lowest value that the absolute determinant may take."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    a = torch.einsum("bd,kd->bk", x, self.w) + self.b
    h = 4 / (torch.exp(a) + torch.exp(-a)) ** 2
    det = 1 + h * torch.einsum("kd,kd->k", self.w, self.u)
    return det.abs().clamp(min=eps).log()


@planar_transformation_get_logdet
def logdet_by_autograd(self, x, eps=1e-8):
    """The Jacobian of forward by autograd, one point after the other, with its graph."""
    jacobian = torch.autograd.functional.jacobian
    found = []
    for point in x:
        matrix = jacobian(lambda p: self.forward(p[None])[0], point, create_graph=True)
        found.append(torch.log(torch.abs(torch.det(matrix)) + eps))
    return torch.stack(found).view(-1, 1)


@planar_transformation_get_logdet
def logdet_with_a_column_at_the_end(self, x, eps=1e-8):
    """One number per point, with the column restored by indexing at the end."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    w, u = self.w.view(-1), self.u.view(-1)
    h = torch.tanh(x.matmul(w) + self.b)
    return torch.log(eps + torch.abs(1 + (1 - h * h) * w.dot(u)))[:, None]


@planar_transformation_get_logdet
def logdet_left_in_double(self, x, eps=1e-8):
    """In float64, not cast back: the dtype is not part of the contract."""
    if self.w @ self.u.T < -1:
        self.adjust_u()
    x, w, u, b = x.double(), self.w.double(), self.u.double(), self.b.double()
    h = 1 - torch.tanh(x @ w.T + b) ** 2
    return torch.log(eps + (1 + h * (w @ u.T)).abs())
