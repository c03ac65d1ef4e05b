"""GAN losses, regularizers and the training step (IFT6135 A3, question 2)."""
from typing import Callable, Iterator, Optional, Text

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """Jensen-Shannon divergence from the critic's values.

    :param cp: (N,) critic values of real data
    :param cq: (N,) critic values of generated data
    :returns: scalar
    """
    # Problem 4.1 of the theory: D(x) = sigmoid(critic(x)) and 1 - sigmoid(a) = sigmoid(-a).
    # logsigmoid instead of log(sigmoid) so that it does not go to -inf
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + np.log(4.))


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    """Wasserstein-1 distance (Kantorovich-Rubinstein), up to the Lipschitz constant."""
    return cp.mean() - cq.mean()


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
         critic: Callable[[Tensor], Tensor]) -> Tensor:
    """Zero-centered gradient penalty on real data only."""
    x = p.detach().clone().requires_grad_(True)
    grad, = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return grad.reshape(x.size(0), -1).pow(2).sum(dim=1).mean()


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor,
        critic: Callable[[Tensor], Tensor]) -> Tensor:
    """Original (one-centered) gradient penalty of WGAN-GP."""
    N = p.size(0)
    # one epsilon for each sample, it must broadcast on images (N, C, H, W) too
    eps = torch.rand([N] + [1] * (p.dim() - 1), device=p.device, dtype=p.dtype)
    x = (eps * p + (1 - eps) * q).detach().requires_grad_(True)
    grad, = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = grad.reshape(N, -1).norm(2, dim=1)
    return ((norm - 1) ** 2).mean()


def make_losses(loss_type: Text, reg_type: Optional[Text] = None, reg_cf: float = 1.):
    f"""Choose the metric and build the critic's loss.

    :param loss_type: one of {AVAILABLE_LOSSES}
    :param reg_type: one of {AVAILABLE_REGULARIZERS}
    :param reg_cf: coefficient of the regularizer
    """
    assert reg_cf > 0
    if loss_type == 'JSD':
        head = jsd
    elif loss_type == 'W1':
        head = w1
    else:
        raise NotImplementedError(f'unknown loss {loss_type}')
    if reg_type == 'GP':
        reg_fn = ogp
    elif reg_type == 'R1':
        reg_fn = r1gp
    elif reg_type is None:
        reg_fn = lambda *args: 0.
    else:
        raise NotImplementedError(f'unknown regularizer {reg_type}')

    def metric(p: Tensor, q: Tensor, critic: Callable[[Tensor], Tensor]) -> Tensor:
        """What the generator minimizes."""
        return head(critic(p), critic(q))

    def critic_loss(p: Tensor, q: Tensor, critic: Callable[[Tensor], Tensor]) -> Tensor:
        """What the critic minimizes."""
        cp, cq = critic(p), critic(q)
        return -head(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


def apply_exponential_moving_average(source: nn.Module, target: nn.Module,
                                     alpha: float = 0.998) -> None:
    """target <- alpha * target + (1 - alpha) * source, in place."""
    source_params = dict(source.named_parameters())
    with torch.no_grad():
        for name, param in target.named_parameters():
            param.mul_(alpha).add_(source_params[name], alpha=1 - alpha)


def make_train_step(loss_type: Text, critic_inner_iters: int = 1,
                    reg_type: Optional[Text] = None, reg_cf: float = 1.,
                    alpha_ema: Optional[float] = None):
    """Build the routine of one training step."""
    assert critic_inner_iters >= 1
    assert alpha_ema is None or 0 < alpha_ema < 1
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(train_data_iter: Iterator[Tensor], critic, critic_optim,
                   generator, test_generator, generator_optim) -> Tensor:
        # 1. critic
        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()

        # 2. generator, on a new batch
        generator_optim.zero_grad()
        loss = metric(next(train_data_iter), generator(), critic)
        loss.backward()
        generator_optim.step()

        # 3. average
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return loss

    return train_step
