# Minh Nguyen -- A3 Q2
from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Uniform
from torch.nn import functional as F

from penalties import input_gradients, squared_norms

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """The critic's value is the logit of a Bernoulli: is x real?"""
    real = Bernoulli(logits=cp.double())
    fake = Bernoulli(logits=cq.double())
    total = real.log_prob(torch.ones_like(cp).double()).mean() \
        + fake.log_prob(torch.zeros_like(cq).double()).mean()
    return (total / 2 + np.log(2)).to(cp.dtype)


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    return (torch.mean(cp.double()) - torch.mean(cq.double())).to(cp.dtype)


def r1gp(p, cp, q, cq, critic):
    """E_p ||grad critic||^2"""
    p.requires_grad_(True)      # training data come without gradient
    return squared_norms(critic, p).mean()


def ogp(p, cp, q, cq, critic):
    """E (||grad critic(x_hat)|| - 1)^2, x_hat between a real and a fake sample"""
    shape = (p.shape[0],) + (1,) * (p.dim() - 1)
    eps = Uniform(torch.zeros(shape).to(p), torch.ones(shape).to(p)).sample()
    x_hat = torch.lerp(q.detach().expand_as(p), p.detach(), eps.expand_as(p))
    x_hat.requires_grad_(True)
    norms = torch.linalg.vector_norm(input_gradients(critic, x_hat), dim=1)
    return (norms - 1).square().mean()


def make_losses(loss_type: Text, reg_type: Optional[Text] = None, reg_cf: float = 1.):
    assert reg_cf > 0
    heads = {'JSD': jsd, 'W1': w1}
    if loss_type not in heads:
        raise NotImplementedError(loss_type)
    regularizers = {'GP': ogp, 'R1': r1gp, None: lambda *args: 0.}
    if reg_type not in regularizers:
        raise NotImplementedError(reg_type)
    head, reg_fn = heads[loss_type], regularizers[reg_type]

    def metric(p, q, critic):
        return head(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp = critic(p)
        cq = critic(q)
        penalty = reg_fn(p, cp, q, cq, critic)
        return reg_cf * penalty - head(cp, cq)

    return metric, critic_loss


@torch.no_grad()
def apply_exponential_moving_average(source: nn.Module, target: nn.Module,
                                     alpha: float = 0.998) -> None:
    """Also averages the float buffers (batch norm), copies the counters."""
    new = source.state_dict()
    for key, value in target.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.lerp(new[key], value, alpha))
        else:
            value.copy_(new[key])


def make_train_step(loss_type: Text, critic_inner_iters: int = 1,
                    reg_type: Optional[Text] = None, reg_cf: float = 1.,
                    alpha_ema: Optional[float] = None):
    assert critic_inner_iters >= 1
    assert alpha_ema is None or (alpha_ema > 0 and alpha_ema < 1)
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(train_data_iter, critic, critic_optim,
                   generator, test_generator, generator_optim):
        critic_params = [w for group in critic_optim.param_groups for w in group['params']]
        gen_params = [w for group in generator_optim.param_groups for w in group['params']]

        def step(loss, params, optim):
            # only the gradients that this optimizer needs, nothing to clear for the other
            grads = torch.autograd.grad(loss, params, allow_unused=True)
            for w, g in zip(params, grads):
                w.grad = g
            optim.step()

        for _ in range(critic_inner_iters):
            with torch.no_grad():
                fake = generator()
            step(critic_loss(next(train_data_iter), fake, critic), critic_params, critic_optim)

        value = metric(next(train_data_iter), generator(), critic)
        step(value, gen_params, generator_optim)
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value.detach()

    return train_step
