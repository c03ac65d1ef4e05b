"""Chidi Okafor, normalizing flow question."""
import math

import torch
import torch.nn as nn


class PlanarTransformation(nn.Module):
    def __init__(self, dim: int = 2):
        super().__init__()
        self.u = nn.Parameter(0.01 * torch.randn(1, dim))
        self.w = nn.Parameter(0.01 * torch.randn(1, dim))
        self.b = nn.Parameter(torch.zeros(1))

    def adjust_u(self):
        wu = torch.einsum('id,id->', self.w, self.u)
        m = -1 + torch.log(1 + torch.exp(wu))
        self.u.data += (m - wu) * self.w.data / torch.einsum('id,id->', self.w, self.w)

    def check(self):
        if torch.einsum('id,id->', self.w, self.u) < -1:
            with torch.no_grad():
                self.adjust_u()

    def forward(self, x):
        self.check()
        activation = torch.tanh(torch.einsum('bd,id->b', x, self.w) + self.b)
        return x + torch.einsum('b,id->bd', activation, self.u)

    def get_logdet(self, x, eps=1e-8):
        self.check()
        pre = torch.einsum('bd,id->bi', x, self.w) + self.b
        slope = 4 * torch.sigmoid(2 * pre) * torch.sigmoid(-2 * pre)   # h' = 1 - tanh^2
        psi = torch.einsum('bi,id->bd', slope, self.w)
        return torch.log(torch.abs(1 + torch.einsum('bd,id->bi', psi, self.u)) + eps)


class Flow(nn.Module):
    def __init__(self, dim, num_layers):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(PlanarTransformation(dim))

    def forward(self, x):
        logdet = torch.zeros(x.shape[0], 1).to(x)
        for i in range(len(self.layers)):
            y = self.layers[i](x)
            logdet += self.layers[i].get_logdet(x)
            x = y
        return x, logdet


def log_base(z0):
    """(B, 1)"""
    d = z0.shape[1]
    return -0.5 * torch.einsum('bd,bd->b', z0, z0).unsqueeze(1) - 0.5 * d * math.log(2 * math.pi)


def loss1(z0, logdet):
    return -log_base(z0) - logdet


def loss2(target_density, z0, logdet):
    return log_base(z0) - logdet + target_density.reshape(-1, 1)
