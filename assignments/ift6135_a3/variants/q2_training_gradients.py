"""Right training steps in other styles, `make_train_step`: ways to the gradients."""

# ruff: noqa: F821
# make_losses, w1 and the others are those of the file that an entry is grafted onto.

import torch

from grader.catalogue import variant


def checked_losses(loss_type, inner, reg_type, reg_cf, alpha):
    """The head of make_train_step, which is given."""
    assert inner >= 1
    assert alpha is None or 0 < alpha < 1
    return make_losses(loss_type, reg_type, reg_cf)


def average(generator, test_generator, alpha):
    if alpha is not None:
        apply_exponential_moving_average(generator, test_generator, alpha)


# --- gradients --------------------------------------------------------------------------------


@variant("gan.make_train_step", because="samples need not be detached if gradients are cleared")
def training_without_detaching(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss

    return train_step


@variant("gan.make_train_step", because="one graph for both: the samples are kept with their graph")
def training_retains_the_graph(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward(retain_graph=True)
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(p, q, critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@variant("gan.make_train_step", because="no graph is made for the critic's generated samples")
def training_generates_without_a_graph(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            with torch.no_grad():
                q = generator()
            loss = critic_loss(next(data), q, critic)
            critic_optim.zero_grad(set_to_none=False)
            loss.backward()
            critic_optim.step()
        loss = metric(next(data), generator(), critic)
        generator_optim.zero_grad(set_to_none=False)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.clone().detach()

    return train_step


@variant("gan.make_train_step", because="both models are cleared after every step of either")
def training_clears_after_each_step(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        def descend(loss, optim):
            loss.backward()
            optim.step()
            critic.zero_grad()
            generator.zero_grad()
            return loss.detach()

        for _ in range(inner):
            descend(critic_loss(next(data), generator(), critic), critic_optim)
        value = descend(metric(next(data), generator(), critic), generator_optim)
        average(generator, test_generator, alpha)
        return value

    return train_step


@variant("gan.make_train_step", because="the critic is frozen for the generator's step alone")
def training_freezes_the_critic_meanwhile(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        critic.requires_grad_(True)
        generator.requires_grad_(False)
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator(), critic).backward()
            critic_optim.step()
        critic.requires_grad_(False)
        generator.requires_grad_(True)
        generator_optim.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward()
        generator_optim.step()
        critic.requires_grad_(True)
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@variant("gan.make_train_step", because="backward() into the parameters of one model only")
def training_goes_back_into_one_model(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            loss = critic_loss(next(data), generator(), critic)
            loss.backward(inputs=list(critic.parameters()))
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward(inputs=list(generator.parameters()))
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@variant("gan.make_train_step", because="gradients from autograd.grad, put into the parameters")
def training_sets_the_gradients_by_hand(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def descend(loss, model, optim):
        parameters = list(model.parameters())
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(loss, parameters), strict=True
        ):
            parameter.grad = gradient
        optim.step()

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            descend(critic_loss(next(data), generator(), critic), critic, critic_optim)
        loss = metric(next(data), generator(), critic)
        descend(loss, generator, generator_optim)
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@variant("gan.make_train_step", because="step() may be given a closure that computes the gradient")
def training_with_closures(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        def of_the_critic():
            critic_optim.zero_grad()
            loss = critic_loss(next(data), generator().detach(), critic)
            loss.backward()
            return loss

        def of_the_generator():
            generator_optim.zero_grad()
            loss = metric(next(data), generator(), critic)
            loss.backward()
            return loss

        for _ in range(inner):
            critic_optim.step(of_the_critic)
        value = generator_optim.step(of_the_generator)
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@variant("gan.make_train_step", because="the critic may stay frozen until its next turn")
def training_thaws_the_critic_for_its_turn(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        critic.requires_grad_(True)
        for _ in range(inner):
            critic.zero_grad()
            with torch.no_grad():
                q = generator()
            critic_loss(next(data), q, critic).backward()
            critic_optim.step()
        critic.requires_grad_(False)
        generator.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss

    return train_step
