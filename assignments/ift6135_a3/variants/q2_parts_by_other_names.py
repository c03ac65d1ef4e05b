"""Right training steps that call their moving average by the names which it has there."""

# ruff: noqa: F821
# make_losses is that of the file that an entry is grafted onto.

import torch

from grader.catalogue import variant


def apply_exponential_moving_average(model, average, decay=0.998):
    with torch.no_grad():
        for new, kept in zip(model.parameters(), average.parameters(), strict=True):
            kept.mul_(decay).add_(new, alpha=1 - decay)


@variant("gan.make_train_step", because="names of arguments are the submission's own business")
def training_averages_by_its_own_names(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
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
            apply_exponential_moving_average(model=generator, average=test_generator, decay=alpha)
        return value.detach()

    return train_step
