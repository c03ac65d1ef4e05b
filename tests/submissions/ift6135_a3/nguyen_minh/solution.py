# Minh Nguyen -- A3 Q3
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Independent, Normal


def standard_normal(z):
    z = z.double()
    return Independent(Normal(torch.zeros_like(z), torch.ones_like(z)), 1).log_prob(z)


class PlanarTransformation(nn.Module):
    def __init__(self, dim: int = 2):
        super().__init__()
        self.u = nn.Parameter(torch.zeros(1, dim))
        self.w = nn.Parameter(torch.zeros(1, dim))
        self.b = nn.Parameter(torch.zeros(1))
        nn.init.normal_(self.u, std=0.01)
        nn.init.normal_(self.w, std=0.01)

    def adjust_u(self):
        wu = F.linear(self.u, self.w)
        self.u.data = self.u.data + (F.softplus(wu) - 1 - wu) * self.w / self.w.pow(2).sum()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if F.linear(self.u, self.w) < -1:
            self.adjust_u()
        return torch.addcmul(x, self.u, F.linear(x, self.w, self.b).tanh())

    def get_logdet(self, x: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
        if F.linear(self.u, self.w) < -1:
            self.adjust_u()
        # derivative of tanh by autograd; sums over the batch are fine, rows do not mix
        with torch.enable_grad():
            a = F.linear(x, self.w, self.b)
            a = a if a.requires_grad else a.requires_grad_(True)
            slope, = torch.autograd.grad(a.tanh().sum(), a, create_graph=True)
        return torch.log(1 + slope * F.linear(self.u, self.w) + eps)


class Flow(nn.Module):
    def __init__(self, dim: int, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList(PlanarTransformation(dim) for _ in range(num_layers))

    def forward(self, x: torch.Tensor) -> [torch.Tensor, torch.Tensor]:
        logdets = []
        for f in self.layers:
            logdets.append(f.get_logdet(x))
            x = f(x)
        return x, torch.cat(logdets, dim=1).sum(dim=1, keepdim=True)


def loss1(z0, logdet):
    """Per example, (B, 1)"""
    log_p = standard_normal(z0)[:, None] + logdet
    return (-log_p).to(z0.dtype)


def loss2(target_density, z0, logdet):
    """Reverse KL without the constant, (B, 1). target_density is already -log p."""
    log_q = standard_normal(z0)[:, None] - logdet
    return (log_q + target_density[:, None]).to(z0.dtype)
