"""Both gradient penalties need the same thing: per-sample gradient norms of the critic."""
import torch
from torch import Tensor


def input_gradients(critic, x: Tensor) -> Tensor:
    """Gradient of critic(x) for x, flattened to (N, -1)."""
    with torch.enable_grad():
        out = critic(x)
        grads = torch.autograd.grad(outputs=out, inputs=x, grad_outputs=torch.ones_like(out),
                                    create_graph=True, retain_graph=True)[0]
    return torch.flatten(grads.unsqueeze(-1), start_dim=1)


def squared_norms(critic, x: Tensor) -> Tensor:
    """(N,) squared L2 norms."""
    return input_gradients(critic, x).square().sum(dim=-1)
