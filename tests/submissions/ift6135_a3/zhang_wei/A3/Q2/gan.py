# Wei Zhang
from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + np.log(4))


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    return cp.mean() - cq.mean()


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
         critic: Callable[[Tensor], Tensor]) -> Tensor:
    p.requires_grad_(True)
    out = critic(p)
    g = torch.autograd.grad(outputs=out, inputs=p, grad_outputs=torch.ones_like(out),
                            create_graph=True, retain_graph=True)[0]
    return (g.reshape(g.shape[0], -1).norm(2, dim=1) ** 2).mean()


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
        critic: Callable[[Tensor], Tensor]) -> Tensor:
    alpha = torch.rand_like(p)
    x_hat = alpha * p + (1 - alpha) * q
    x_hat = x_hat.detach()
    x_hat.requires_grad = True
    out = critic(x_hat)
    g = torch.autograd.grad(outputs=out, inputs=x_hat, grad_outputs=torch.ones_like(out),
                            create_graph=True, retain_graph=True)[0]
    g = g.reshape(g.shape[0], -1)
    return torch.mean((torch.sqrt((g ** 2).sum(1) + 1e-12) - 1) ** 2)


def make_losses(loss_type: Text, reg_type: Optional[Text] = None, reg_cf: float = 1.):
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
        cp = critic(p)
        cq = critic(q)
        loss = reg_cf * reg_fn(p, cp, q, cq, critic)
        loss = loss - head(cp, cq)
        return loss

    return metric, critic_loss


def apply_exponential_moving_average(source: nn.Module, target: nn.Module,
                                     alpha: float = 0.998) -> None:
    with torch.no_grad():
        for s, t in zip(source.parameters(), target.parameters()):
            t.lerp_(s, 1 - alpha)


def make_train_step(loss_type: Text, critic_inner_iters: int = 1,
                    reg_type: Optional[Text] = None, reg_cf: float = 1.,
                    alpha_ema: Optional[float] = None):
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
        return loss

    return train_step
