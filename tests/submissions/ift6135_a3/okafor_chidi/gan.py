"""Chidi Okafor, GAN question."""
import math
import random
from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp, cq):
    cp = cp.reshape(-1)
    cq = cq.reshape(-1)
    real = 0.
    for c in cp:
        real = real - F.softplus(-c)          # log sigmoid(c)
    fake = 0.
    for c in cq:
        fake = fake - F.softplus(c)           # log(1 - sigmoid(c))
    return (real / len(cp) + fake / len(cq) + math.log(4)) / 2


def w1(cp, cq):
    return sum(cp.reshape(-1)) / cp.numel() - sum(cq.reshape(-1)) / cq.numel()


def slope(critic, x):
    """Squared gradient norm for each sample, as a list."""
    score = critic(x)
    g = torch.autograd.grad(score.sum(), x, create_graph=True)[0]
    squares = []
    for gi in g:
        gi = gi.reshape(-1)
        squares.append(torch.einsum('d,d->', gi, gi))
    return squares


def r1gp(p, cp, q, cq, critic):
    x = p if p.requires_grad else p.clone().requires_grad_()
    squares = slope(critic, x)
    return sum(squares) / len(squares)


def ogp(p, cp, q, cq, critic):
    mixed = []
    for real, fake in zip(p, q):
        eps = torch.rand(1).item()            # a new one for each pair
        mixed.append((eps * real + (1 - eps) * fake).detach())
    x = torch.stack(mixed).requires_grad_()
    penalty = 0.
    for square in slope(critic, x):
        penalty = penalty + (torch.sqrt(square + 1e-12) - 1) ** 2
    return penalty / len(mixed)


def make_losses(loss_type, reg_type=None, reg_cf=1.):
    assert reg_cf > 0
    if loss_type == 'JSD':
        divergence = jsd
    elif loss_type == 'W1':
        divergence = w1
    else:
        raise NotImplementedError('loss?')
    if reg_type is None:
        penalty = None
    elif reg_type == 'GP':
        penalty = ogp
    elif reg_type == 'R1':
        penalty = r1gp
    else:
        raise NotImplementedError('regularizer?')

    def what_the_generator_wants(p, q, critic):
        return divergence(critic(p), critic(q))

    def what_the_critic_wants(p, q, critic):
        cp, cq = critic(p), critic(q)
        loss = -divergence(cp, cq)
        if penalty is not None:
            loss = loss + reg_cf * penalty(p, cp, q, cq, critic)
        return loss

    return what_the_generator_wants, what_the_critic_wants


def apply_exponential_moving_average(source, target, alpha=0.998):
    for (name, new), (name2, old) in zip(source.named_parameters(), target.named_parameters()):
        assert name == name2
        old.data.copy_(alpha * old.data + (1 - alpha) * new.data)


def make_train_step(loss_type, critic_inner_iters=1, reg_type=None, reg_cf=1., alpha_ema=None):
    assert critic_inner_iters >= 1
    assert alpha_ema is None or 0 < alpha_ema < 1
    generator_objective, critic_objective = make_losses(loss_type, reg_type, reg_cf)

    def one_step(train_data_iter, critic, critic_optim, generator, test_generator,
                 generator_optim):
        iteration = 0
        while iteration < critic_inner_iters:
            real = next(train_data_iter)
            loss = critic_objective(real, generator(), critic)
            critic_optim.zero_grad()
            loss.backward()
            critic_optim.step()
            iteration += 1
        # the generator sees the last real batch again, its own samples are new
        objective = generator_objective(real, generator(), critic)
        generator_optim.zero_grad()           # there are gradients left from the critic's loss
        objective.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return objective.detach()

    return one_step
