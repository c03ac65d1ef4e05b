import math

import torch
import torch.nn as nn
import matplotlib.pyplot as plt


class PlanarTransformation(nn.Module):
    def __init__(self, dim: int = 2):
        super().__init__()
        self.u = nn.Parameter(torch.randn(1, dim) * 0.01)
        self.w = nn.Parameter(torch.randn(1, dim) * 0.01)
        self.b = nn.Parameter(torch.zeros(1))

    def adjust_u(self):
        wu = self.u @ self.w.t()
        m_wu = -1 + torch.log(1 + torch.exp(wu))
        self.u.data = self.u + (m_wu - wu) * self.w / torch.norm(self.w) ** 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, dim) -> (B, dim)"""
        if self.u @ self.w.t() < -1:
            self.adjust_u()
        # 1. WRITE YOUR CODE HERE
        a = (x * self.w).sum(dim=1, keepdim=True) + self.b
        return x + self.u * torch.tanh(a)

    def get_logdet(self, x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
        """log |det J| at x, (B, 1)"""
        if self.u @ self.w.t() < -1:
            self.adjust_u()
        # 4. WRITE YOUR CODE HERE
        h = torch.tanh(x @ self.w.t() + self.b)
        psi = (1 - h ** 2) * self.w
        return torch.log(torch.abs(1 + psi @ self.u.t()) + eps)


class Flow(nn.Module):
    def __init__(self, dim: int, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x: torch.Tensor) -> [torch.Tensor, torch.Tensor]:
        """Returns x (B, dim) and the accumulated log-determinant."""
        logdet = 0
        # 6. WRITE YOUR CODE HERE
        for layer in self.layers:
            x, ld = layer(x), layer.get_logdet(x)
            logdet = logdet + ld
        return x, logdet


def loss1(z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of the data, (B, 1)."""
    # 6. WRITE YOUR CODE HERE
    log_pz = -0.5 * (z0 ** 2 + math.log(2 * math.pi)).sum(dim=1, keepdim=True)
    return -(log_pz + logdet)


def loss2(target_density: torch.Tensor, z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """Loss for a known (unnormalised) density, (B, 1)."""
    # 8. WRITE YOUR CODE HERE
    log_pz = -0.5 * (z0 ** 2 + math.log(2 * math.pi)).sum(dim=1, keepdim=True)
    return log_pz - logdet + target_density.view(-1, 1)


if __name__ == "__main__":
    # question 2: what one transformation does to a Gaussian
    f = PlanarTransformation(2)
    f.u.data = torch.tensor([[2., 0.]])
    f.w.data = torch.tensor([[3., 0.]])
    y = f(torch.randn(1000, 2)).detach()
    plt.scatter(y[:, 0], y[:, 1], s=2)
    plt.savefig("q3_2.png")
