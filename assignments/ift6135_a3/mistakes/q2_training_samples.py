"""Training steps with the wrong samples, `make_train_step`."""

# ruff: noqa: F821
# make_losses and apply_exponential_moving_average are those of the file that an entry is grafted
# onto.

import torch

from grader.catalogue import mistake


def checked_losses(loss_type, inner, reg_type, reg_cf, alpha):
    """The head of make_train_step, which is given."""
    assert inner >= 1
    assert alpha is None or 0 < alpha < 1
    return make_losses(loss_type, reg_type, reg_cf)


# What a right step is made of, for mistakes that are elsewhere.


def critic_step(data, critic, optim, generator, critic_loss):
    p, q = next(data), generator().detach()
    optim.zero_grad()
    critic_loss(p, q, critic).backward()
    optim.step()


def generator_step(data, critic, generator, optim, metric):
    p, q = next(data), generator()
    optim.zero_grad()
    value = metric(p, q, critic)
    value.backward()
    optim.step()
    return value.detach()


def average(generator, test_generator, alpha):
    if alpha is not None:
        apply_exponential_moving_average(generator, test_generator, alpha)


# --- samples ----------------------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_each_critic_step_has_new_samples"],
    hint="All inner steps of the critic use one batch of real samples: next() stands before the "
    "loop. More steps are taken to see more data.",
)
def training_on_one_real_batch(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        p = next(data)
        for _ in range(inner):
            q = generator().detach()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_each_critic_step_has_new_samples"],
    hint="All inner steps of the critic use one batch of generated samples: generator() stands "
    "before the loop. Each step needs samples of its own.",
)
def training_on_one_generated_batch(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        q = generator().detach()
        for _ in range(inner):
            p = next(data)
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_each_critic_step_has_new_samples"],
    hint="One batch is drawn per call, and the critic takes all of its steps on it. More steps are "
    "taken to see more data: draw real and generated samples for each.",
)
def training_on_one_batch_of_each(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        p, q = next(data), generator()
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(p, q.detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        value = metric(p, q, critic)
        value.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_descends_its_own_loss"],
    hint="The critic is trained on samples of the test generator. Its opponent is the generator in "
    "training; the averaged one is for evaluation.",
)
def training_the_critic_on_the_test_generator(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, test_generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_models_move_by_their_optimisers_alone"],
    hint="The critic's weights are clipped after each step, as in the first WGAN. Here its slope "
    "is the regulariser's business.",
)
def training_clips_the_critics_weights(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-0.01, 0.01)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step
