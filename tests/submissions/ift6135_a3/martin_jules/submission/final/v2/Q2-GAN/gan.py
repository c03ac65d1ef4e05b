from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """divergence de Jensen-Shannon"""
    return 0.5 * (-F.softplus(-cp).mean() - F.softplus(cq).mean()) + np.log(2)


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    """distance de Wasserstein"""
    return cp.mean() - cq.mean()


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
         critic: Callable[[Tensor], Tensor]) -> Tensor:
    """penalite centree en zero"""
    p = p.detach().clone().requires_grad_(True)
    score = critic(p)
    grad = torch.autograd.grad(score.sum(), p, create_graph=True)[0]
    return grad.reshape(grad.size(0), -1).pow(2).sum(1).mean()


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
        critic: Callable[[Tensor], Tensor]) -> Tensor:
    """penalite centree en un"""
    u = torch.rand(1).to(p)
    mix = u * p + (1 - u) * q
    mix.requires_grad_(True)
    grad, = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)
    return (grad.flatten(1).norm(dim=1) - 1).pow(2).mean() if grad.dim() > 1 else (grad.abs() - 1).pow(2).mean()


def make_losses(loss_type: Text, reg_type: Optional[Text] = None, reg_cf: float = 1.):
    """retourne la metrique et la perte du critique"""
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
    """moyenne mobile exponentielle"""
    new = source.state_dict()
    old = target.state_dict()
    for k in old:
        if old[k].dtype.is_floating_point:
            old[k].copy_(alpha * old[k] + (1 - alpha) * new[k])
        else:
            old[k].copy_(new[k])


def make_train_step(loss_type: Text, critic_inner_iters: int = 1,
                    reg_type: Optional[Text] = None, reg_cf: float = 1.,
                    alpha_ema: Optional[float] = None):
    """une etape d'entrainement"""
    assert critic_inner_iters >= 1
    assert alpha_ema is None or 0 < alpha_ema < 1
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(train_data_iter: Iterator[Tensor], critic,
                   critic_optim: torch.optim.Optimizer,
                   generator: Callable[[Optional[Tensor]], Tensor], test_generator: nn.Module,
                   generator_optim: torch.optim.Optimizer) -> Tensor:
        for _ in range(critic_inner_iters):
            critic_optim.zero_grad()
            generator_optim.zero_grad()
            critic_loss(next(train_data_iter), generator(), critic).backward()
            critic_optim.step()
        critic_optim.zero_grad()
        generator_optim.zero_grad()
        m = metric(next(train_data_iter), generator(), critic)
        m.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(source=generator, target=test_generator, alpha=alpha_ema)
        return m.detach().clone()

    return train_step
