import torch
import torch.nn as nn


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
        raise NotImplementedError('forward')

    def get_logdet(self, x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
        """log |det J| at x, (B, 1)"""
        if self.u @ self.w.t() < -1:
            self.adjust_u()
        # 4. WRITE YOUR CODE HERE
        raise NotImplementedError('get_logdet')


class Flow(nn.Module):
    def __init__(self, dim: int, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x: torch.Tensor) -> [torch.Tensor, torch.Tensor]:
        """Returns x (B, dim) and the accumulated log-determinant."""
        logdet = 0
        # 6. WRITE YOUR CODE HERE
        raise NotImplementedError('forward')


def loss1(z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of the data, (B, 1)."""
    # 6. WRITE YOUR CODE HERE
    raise NotImplementedError('loss1')


def loss2(target_density: torch.Tensor, z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """Loss for a known (unnormalised) density, (B, 1)."""
    # 8. WRITE YOUR CODE HERE
    raise NotImplementedError('loss2')
