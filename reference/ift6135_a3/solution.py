"""Question 3: a planar normalising flow and its two training losses.

A planar transformation bends the space along one direction; a flow is a chain of them. The same
flow is trained in two ways: to turn data into noise (`loss1`), and to turn noise into samples of
a given density (`loss2`). The training loops are in `train.py`.

Source: Rezende and Mohamed, "Variational Inference with Normalizing Flows", 2015
(arXiv:1505.05770), section 4.1 and appendix A.1.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlanarTransformation(nn.Module):
    """One planar transformation f(x) = x + u h(w.x + b), with h = tanh.

    Args:
        dim: the number of dimensions of x.

    Attributes:
        u, w: parameters (1, dim), drawn from N(0, 0.01^2).
        b: parameter (1,), zero at the start.

    The transformation is invertible if and only if w.u >= -1. Where the parameters have crossed
    that bound, `forward` and `get_logdet` call `adjust_u` before they compute anything: both may
    change the value of `u`.
    """

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.u = nn.Parameter(0.01 * torch.randn(1, dim))
        self.w = nn.Parameter(0.01 * torch.randn(1, dim))
        self.b = nn.Parameter(torch.zeros(1))

    def adjust_u(self) -> None:
        """Move `u` along `w`, in place, so that w.u becomes m(w.u) = -1 + log(1 + exp(w.u)).

        m(a) > -1, so that the transformation is invertible afterwards.
        """
        wu = self.w @ self.u.T  # (1, 1)
        m_wu = -1 + F.softplus(wu)
        self.u.data = self.u.data + ((m_wu - wu) * self.w / (self.w @ self.w.T)).data

    def forward(self, x: Tensor) -> Tensor:
        """Transform the points.

        Args:
            x: (B, dim), one point per row.

        Returns:
            (B, dim), f(x) of each row.
        """
        if self.w @ self.u.T < -1:
            self.adjust_u()

        ### BEGIN SOLUTION
        # f(x) = x + u tanh(w.x + b): Rezende and Mohamed, equation 10.
        h = torch.tanh(x @ self.w.T + self.b)  # (B, 1)
        return x + self.u * h  # (B, dim)
        ### END SOLUTION

    def get_logdet(self, x: Tensor, eps: float = 1e-8) -> Tensor:
        """Log-determinant of the Jacobian df/dx at each of the points.

        Args:
            x: (B, dim), one point per row: the input of the transformation, not its output.
            eps: a small number that keeps the logarithm finite where the determinant is 0. Where
                exactly it is added is left open.

        Returns:
            (B, 1), log |det df/dx| of each row.
        """
        if self.w @ self.u.T < -1:
            self.adjust_u()

        ### BEGIN SOLUTION
        # log |det df/dx| = log |1 + h'(w.x + b) w.u|: Rezende and Mohamed, equations 11 and 12, by
        # the matrix determinant lemma, det(I + u h' w^T) = 1 + h' w.u.
        h_prime = 1 - torch.tanh(x @ self.w.T + self.b) ** 2  # (B, 1)
        det = 1 + h_prime * (self.w @ self.u.T)  # (B, 1)
        return torch.log(det.abs() + eps)
        ### END SOLUTION


class Flow(nn.Module):
    """A chain of planar transformations.

    Args:
        dim: the number of dimensions of the points.
        num_layers: how many transformations, kept in the `nn.ModuleList` called `layers`; the
            first is applied first.
    """

    def __init__(self, dim: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Send the points through all layers.

        Args:
            x: (B, dim), one point per row.

        Returns:
            The transformed points, (B, dim), and the log-determinant of the Jacobian of the
            whole flow at x, (B, 1).
        """
        ### BEGIN SOLUTION
        # log |det dx_K/dx_0| = sum_k log |det dx_k/dx_(k-1)|: Rezende and Mohamed, equation 7.
        logdet = x.new_zeros(x.size(0), 1)  # (B, 1)
        for layer in self.layers:
            # The chain rule wants each Jacobian at the point where that layer starts.
            logdet = logdet + layer.get_logdet(x)  # type: ignore[operator]
            x = layer(x)
        return x, logdet
        ### END SOLUTION


def loss1(z0: Tensor, logdet: Tensor) -> Tensor:
    """Negative log-likelihood of data that the flow g has carried to the base distribution.

    Args:
        z0: (B, dim), the flow's output g(x) for a batch of data x. The base distribution is
            N(0, I).
        logdet: (B, 1), the log-determinant of dg/dx at x.

    Returns:
        (B, 1), -log p(x) of each example in nats, the constant of the base density included, so
        that exp(-loss1) is a density that integrates to one. Training minimises its mean.
    """
    ### BEGIN SOLUTION
    # -log p(x) = -(log N(g(x); 0, I) + log |det dg/dx|): Rezende and Mohamed, equation 5.
    log_base = -0.5 * (math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True)  # (B, 1)
    return -(log_base + logdet)  # (B, 1)
    ### END SOLUTION


def loss2(target_density: Tensor, z0: Tensor, logdet: Tensor) -> Tensor:
    """Per-sample loss for learning to sample from a given density: KL(flow || target) + constant.

    Args:
        target_density: (B,), what a function `density_*` of `utils.py` returns at the flow's
            output: the energy -log p~(x) of a density p~ that need not be normalised.
        z0: (B, dim), the samples of the base distribution N(0, I) that went into the flow.
        logdet: (B, 1), the log-determinant of the flow's Jacobian at z0.

    Returns:
        (B, 1), log q(x) - log p~(x) of each sample x in nats, where q is the density that the
        flow gives to x. Training minimises its mean.
    """
    ### BEGIN SOLUTION
    # log q(x) - log p~(x) = log N(z0; 0, I) - log |det dx/dz0| - log p~(x): Rezende and Mohamed,
    # equation 15.
    log_base = -0.5 * (math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True)  # (B, 1)
    # (B,) plus (B, 1) would be (B, B), whose mean looks right and hides the mistake.
    return log_base - logdet + target_density.reshape(-1, 1)  # (B, 1)
    ### END SOLUTION
