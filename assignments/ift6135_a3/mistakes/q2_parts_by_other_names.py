"""Mistakes in 2.3 and 2.5 that call right parts by names which these do not have.

The parts come along with each entry, in the place of the reference's: they lose nothing.
"""

# ruff: noqa: F821
# r1gp, ogp and make_losses are those of the file that an entry is grafted onto.

import math

import torch
import torch.nn.functional as F

from grader.audit import mistake


def jsd(real, fake):
    return 0.5 * (F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean() + math.log(4))


def w1(real, fake):
    return real.mean() - fake.mean()


def apply_exponential_moving_average(model, average, decay=0.998):
    with torch.no_grad():
        for new, kept in zip(model.parameters(), average.parameters(), strict=True):
            kept.mul_(decay).add_(new, alpha=1 - decay)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="The distances are called with names for their arguments that they do not have, so every "
    "call raises a TypeError. Hand the values over by position.",
)
def losses_by_names_of_others(loss_type, reg_type=None, reg_cf=1.0):
    assert reg_cf > 0
    if loss_type not in ("JSD", "W1") or reg_type not in ("GP", "R1", None):
        raise NotImplementedError
    distance = {"JSD": jsd, "W1": w1}[loss_type]
    regulariser = {"GP": ogp, "R1": r1gp, None: lambda *_: 0.0}[reg_type]

    def metric(p, q, critic):
        return distance(cp=critic(p), cq=critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return reg_cf * regulariser(p, cp, q, cq, critic) - distance(cp=cp, cq=cq)

    return metric, critic_loss


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="The moving average is called with a name for its factor that it does not have, so the "
    "step ends with a TypeError whenever alpha_ema is given.",
)
def training_averages_by_names_of_others(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    assert inner >= 1
    assert alpha is None or 0 < alpha < 1
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        value = metric(next(data), generator(), critic)
        value.backward()
        generator_optim.step()
        if alpha is not None:
            apply_exponential_moving_average(generator, test_generator, alpha=alpha)
        return value.detach()

    return train_step
