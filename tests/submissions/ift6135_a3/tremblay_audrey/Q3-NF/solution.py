"""Planar flow (IFT6135 A3, question 3)."""
import torch
import torch.nn as nn
from torch.distributions import MultivariateNormal


class PlanarTransformation(nn.Module):
    """One planar transformation, f(x) = x + u tanh(w x + b)."""

    def __init__(self, dim: int = 2):
        super().__init__()
        self.u = nn.Parameter(torch.empty(1, dim).normal_(0, 0.01))
        self.w = nn.Parameter(torch.empty(1, dim).normal_(0, 0.01))
        self.b = nn.Parameter(torch.zeros(1))

    def adjust_u(self):
        """Make w^T u >= -1, so that the transformation is invertible."""
        wu = (self.u @ self.w.T).squeeze()
        m_wu = -1 + torch.log(1 + torch.exp(wu))
        self.u.data = self.u + (m_wu - wu) * self.w / torch.norm(self.w, p=2) ** 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, dim) -> (B, dim)."""
        if self.u @ self.w.T < -1:
            self.adjust_u()
        # 1. WRITE YOUR CODE HERE
        return x + self.u * torch.tanh(x @ self.w.T + self.b)

    def get_logdet(self, x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
        """Log-determinant of the Jacobian at x, (B, 1)."""
        if self.u @ self.w.T < -1:
            self.adjust_u()
        # 4. WRITE YOUR CODE HERE
        h = torch.tanh(x @ self.w.T + self.b)               # (B, 1)
        det = 1 + (1 - h ** 2) * (self.w @ self.u.T)        # matrix determinant lemma
        return torch.log(eps + det.abs())


class Flow(nn.Module):
    """Composition of planar transformations."""

    def __init__(self, dim: int, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x: torch.Tensor) -> [torch.Tensor, torch.Tensor]:
        """Returns the transformed x (B, dim) and the sum of the log-determinants."""
        logdet = 0
        # 6. WRITE YOUR CODE HERE
        for layer in self.layers:
            logdet = logdet + layer.get_logdet(x)  # before x moves
            x = layer(x)
        return x, logdet


def loss1(z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of data, z0 is what the flow makes of them; (B, 1)."""
    # 6. WRITE YOUR CODE HERE
    dim = z0.size(1)
    base = MultivariateNormal(torch.zeros(dim, device=z0.device, dtype=z0.dtype),
                              torch.eye(dim, device=z0.device, dtype=z0.dtype))
    return -(base.log_prob(z0).unsqueeze(1) + logdet)


def loss2(target_density: torch.Tensor, z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """KL to a density known by its energy (up to a constant); (B, 1)."""
    # 8. WRITE YOUR CODE HERE
    dim = z0.size(1)
    base = MultivariateNormal(torch.zeros(dim, device=z0.device, dtype=z0.dtype),
                              torch.eye(dim, device=z0.device, dtype=z0.dtype))
    return base.log_prob(z0).unsqueeze(1) - logdet + target_density.view(-1, 1)
