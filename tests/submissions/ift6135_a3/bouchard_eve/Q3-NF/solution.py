# Eve Bouchard, IFT6135 devoir 3
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
        """la transformation planaire"""
        if self.u @ self.w.t() < -1:
            self.adjust_u()
        # 1. WRITE YOUR CODE HERE
        a = (x * self.w).sum(dim=1, keepdim=True) + self.b
        return x + self.u * torch.tanh(a)

    def get_logdet(self, x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
        """log-determinant, (B, 1)"""
        if self.u @ self.w.t() < -1:
            self.adjust_u()
        # 4. WRITE YOUR CODE HERE
        a = (x * self.w).sum(dim=1, keepdim=True) + self.b
        h_prime = 1 - torch.tanh(a) ** 2
        det = 1. + h_prime * torch.sum(self.w * self.u)
        return (det.abs() + eps).log()


class Flow(nn.Module):
    def __init__(self, dim: int, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x: torch.Tensor) -> [torch.Tensor, torch.Tensor]:
        """compose les couches"""
        logdet = 0
        # 6. WRITE YOUR CODE HERE
        for layer in self.layers:
            logdet = logdet + layer.get_logdet(x)
            x = layer(x)
        return x, logdet


def loss1(z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """NLL, (B, 1)"""
    # 6. WRITE YOUR CODE HERE
    normal = torch.distributions.Normal(0., 1.)
    log_pz = normal.log_prob(z0).sum(1, keepdim=True)
    return -(log_pz + logdet)


def loss2(target_density: torch.Tensor, z0: torch.Tensor, logdet: torch.Tensor) -> torch.Tensor:
    """perte pour une densite donnee, (B, 1)"""
    # 8. WRITE YOUR CODE HERE
    normal = torch.distributions.Normal(0., 1.)
    log_pz = normal.log_prob(z0).sum(1, keepdim=True)
    return log_pz - logdet + target_density.view(-1, 1)
