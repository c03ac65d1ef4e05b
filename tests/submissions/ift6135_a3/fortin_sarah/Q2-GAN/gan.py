# Sarah Fortin
from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
import sys

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """Jensen-Shannon divergence from critic values (N,), scalar."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + np.log(4))


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    """Wasserstein-1 distance from critic values (N,), scalar."""
    return torch.mean(cp) - torch.mean(cq)


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
         critic: Callable[[Tensor], Tensor]) -> Tensor:
    """Zero-centered penalty on the real samples, scalar."""
    p = p.detach().clone().requires_grad_(True)
    score = critic(p)
    grad = torch.autograd.grad(score.sum(), p, create_graph=True)[0]
    return grad.reshape(grad.size(0), -1).pow(2).sum(1).mean()


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
        critic: Callable[[Tensor], Tensor]) -> Tensor:
    """One-centered penalty between real and generated samples, scalar."""
    shape = [p.size(0)] + [1] * (p.dim() - 1)
    eps = torch.rand(shape, dtype=p.dtype, device=p.device)
    x = (eps * p + (1 - eps) * q).detach().requires_grad_(True)
    grad = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
    norm = grad.reshape(grad.size(0), -1).norm(2, dim=1)
    return ((norm - 1) ** 2).mean()


def make_losses(loss_type: Text, reg_type: Optional[Text] = None, reg_cf: float = 1.):
    """Returns metric and critic_loss for the chosen loss and regularizer."""
    assert reg_cf > 0
    if loss_type == 'JSD':
        head = jsd
    elif loss_type == 'W1':
        head = w1
    else:
        raise NotImplementedError('Loss {} is not available'.format(loss_type))
    if reg_type == 'GP':
        reg_fn = ogp
    elif reg_type == 'R1':
        reg_fn = r1gp
    elif reg_type is None:
        reg_fn = lambda *args: 0
    else:
        raise NotImplementedError('Regularizer {} is not available'.format(reg_type))

    def metric(p: Tensor, q: Tensor, critic: Callable[[Tensor], Tensor]) -> Tensor:
        return head(critic(p), critic(q))

    def critic_loss(p: Tensor, q: Tensor, critic: Callable[[Tensor], Tensor]) -> Tensor:
        cp, cq = critic(p), critic(q)
        return -head(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


def apply_exponential_moving_average(source: nn.Module, target: nn.Module,
                                     alpha: float = 0.998) -> None:
    """target = alpha * target + (1 - alpha) * source, in place."""
    params = dict(source.named_parameters())
    with torch.no_grad():
        for name, param in target.named_parameters():
            param.copy_(alpha * param + (1 - alpha) * params[name])


def make_train_step(loss_type: Text, critic_inner_iters: int = 1,
                    reg_type: Optional[Text] = None, reg_cf: float = 1.,
                    alpha_ema: Optional[float] = None):
    """Returns the function that makes one training step."""
    assert critic_inner_iters >= 1
    assert alpha_ema is None or 0 < alpha_ema < 1
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(train_data_iter: Iterator[Tensor], critic,
                   critic_optim: torch.optim.Optimizer,
                   generator: Callable[[Optional[Tensor]], Tensor], test_generator: nn.Module,
                   generator_optim: torch.optim.Optimizer) -> Tensor:
        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()
            critic_optim.zero_grad()
            loss = critic_loss(p, q, critic)
            print('critic loss', loss.item())
            loss.backward()
            critic_optim.step()

        generator_optim.zero_grad()
        p = next(train_data_iter)
        q = generator()
        loss = metric(p, q, critic)
        loss.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        print('x' * 4096, file=sys.stderr)
        return loss

    return train_step
