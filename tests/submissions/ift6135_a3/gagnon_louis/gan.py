from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """Jensen-Shannon divergence from critic values (N,), scalar."""
    raise NotImplementedError('jsd')


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    """Wasserstein-1 distance from critic values (N,), scalar."""
    raise NotImplementedError('w1')


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
         critic: Callable[[Tensor], Tensor]) -> Tensor:
    """Zero-centered penalty on the real samples, scalar."""
    raise NotImplementedError('r1gp')


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
        critic: Callable[[Tensor], Tensor]) -> Tensor:
    """One-centered penalty between real and generated samples, scalar."""
    raise NotImplementedError('ogp')


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
        raise NotImplementedError('metric')

    def critic_loss(p: Tensor, q: Tensor, critic: Callable[[Tensor], Tensor]) -> Tensor:
        raise NotImplementedError('critic_loss')

    return metric, critic_loss


def apply_exponential_moving_average(source: nn.Module, target: nn.Module,
                                     alpha: float = 0.998) -> None:
    """target = alpha * target + (1 - alpha) * source, in place."""
    raise NotImplementedError('apply_exponential_moving_average')


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
        raise NotImplementedError('train_step')

    return train_step
