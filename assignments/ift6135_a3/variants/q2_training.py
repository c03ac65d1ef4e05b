"""Right implementations of `make_train_step`: the turns of the two players."""

import itertools

import torch

from grader.catalogue import Variants


def average_with_decay(model, average, decay=0.998):
    with torch.no_grad():
        for new, kept in zip(model.parameters(), average.parameters(), strict=True):
            kept.mul_(decay).add_(new, alpha=1 - decay)


def checked_losses(loss_type, inner, reg_type, reg_cf, alpha):
    """The head of make_train_step, which is given."""
    assert inner >= 1
    assert alpha is None or 0 < alpha < 1
    return make_losses(loss_type, reg_type, reg_cf)


def average(generator, test_generator, alpha):
    if alpha is not None:
        apply_exponential_moving_average(generator, test_generator, alpha)


make_train_step_by_name = Variants(
    "gan.make_train_step", beside={"gan.apply_exponential_moving_average": average_with_decay}
)


@make_train_step_by_name
def training_averages_by_its_own_names(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """names of arguments are the submission's own business"""
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


make_train_step = Variants("gan.make_train_step")


@make_train_step
def training_reuses_the_last_real_batch(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """the generator's step may reuse the critic's last batch"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p = next(data)
            q = generator()
            critic_optim.zero_grad()
            critic_loss(p, q.detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(p, generator(), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss

    return train_step


@make_train_step
def training_reuses_the_last_batches(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """and its last generated samples: the generator is the same"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator()
            critic_optim.zero_grad()
            critic_loss(p, q.detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(p, q, critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_draws_all_batches_first(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """all batches may be drawn before the critic's steps"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        reals = [next(data) for _ in range(inner + 1)]
        with torch.no_grad():
            fakes = [generator() for _ in range(inner)]
        for p, q in zip(reals[:inner], fakes, strict=True):
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(reals[-1], generator(), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_slices_the_data(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """islice draws the batches of the inner loop"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for p in itertools.islice(data, inner):
            critic_optim.zero_grad(set_to_none=True)
            loss = critic_loss(p.clone(), generator().detach().clone(), critic)
            loss.backward()
            critic_optim.step()
        p, q = next(data).requires_grad_(), generator()
        generator_optim.zero_grad(set_to_none=True)
        distance = metric(p, q, critic)
        distance.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return distance.clone()

    return train_step


@make_train_step
def training_loops_over_the_data(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """a loop over the data itself, left after enough batches"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for turn, p in enumerate(data, start=1):
            critic_optim.zero_grad()
            critic_loss(p, generator(None).detach(), critic).backward()
            critic_optim.step()
            if turn == inner:
                break
        generator_optim.zero_grad()
        loss = metric(p, generator(None), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return torch.tensor(loss.item())

    return train_step


@make_train_step
def training_makes_the_losses_at_each_call(
    loss_type, critic_inner_iters=1, reg_type=None, reg_cf=1.0, alpha_ema=None
):
    """the losses may be made at each call, with keywords"""
    checked_losses(loss_type, critic_inner_iters, reg_type, reg_cf, alpha_ema)

    def train_step(
        train_data_iter, critic, critic_optim, generator, test_generator, generator_optim
    ):
        losses = make_losses(reg_cf=reg_cf, reg_type=reg_type, loss_type=loss_type)
        steps = critic_inner_iters
        while steps > 0:
            critic_optim.zero_grad()
            losses[1](q=generator().detach(), p=next(train_data_iter), critic=critic).backward()
            critic_optim.step()
            steps -= 1
        generator_optim.zero_grad()
        loss = losses[0](q=generator(), p=next(train_data_iter), critic=critic)
        loss.backward()
        generator_optim.step()
        if alpha_ema:
            apply_exponential_moving_average(
                alpha=alpha_ema, target=test_generator, source=generator
            )
        return loss.detach()

    return train_step


@make_train_step
def training_averages_by_hand(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """the average may be written out where it is used"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward()
        generator_optim.step()
        if alpha is not None:
            with torch.no_grad():
                pairs = zip(test_generator.parameters(), generator.parameters(), strict=True)
                for averaged, parameter in pairs:
                    averaged.lerp_(parameter, 1 - alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_writes_the_losses_out(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """the two losses may be written out where they are used"""
    checked_losses(loss_type, inner, reg_type, reg_cf, alpha)
    distance = jsd if loss_type == "JSD" else w1
    penalty = {"GP": ogp, "R1": r1gp, None: None}[reg_type]

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data).requires_grad_(), generator().detach()
            cp, cq = critic(p), critic(q)
            loss = -distance(cp, cq)
            if penalty is not None:
                loss = loss + reg_cf * penalty(p, cp, q, cq, critic)
            critic_optim.zero_grad()
            loss.backward()
            critic_optim.step()
        loss = distance(critic(next(data)), critic(generator()))
        generator_optim.zero_grad()
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_recomputes_the_metric_before_the_step(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """the same value computed once more before the step"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        critic.train()
        generator.train()
        for _ in range(inner):
            critic.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        p, q = next(data), generator()
        generator.zero_grad()
        metric(p, q, critic).backward()
        with torch.no_grad():
            value = metric(p, q, critic)
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value

    return train_step


@make_train_step
def training_reuses_the_last_generated_batch(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """the last generated samples and fresh real ones"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            q = generator()
            critic_optim.zero_grad()
            critic_loss(next(data), q.detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(data), q, critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_makes_the_two_losses_apart(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """the metric needs no regulariser, so it may be made apart"""
    checked_losses(loss_type, inner, reg_type, reg_cf, alpha)
    metric, _ = make_losses(loss_type)
    _, critic_loss = make_losses(loss_type, reg_type=reg_type, reg_cf=reg_cf)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(data), generator(), critic)
        loss.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return loss.detach()

    return train_step


@make_train_step
def training_returns_the_metric_after_the_step(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """the metric after the step, on a fresh batch, is as good"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        metric(next(data), generator(), critic).backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        with torch.no_grad():
            return metric(next(data), generator(), critic)

    return train_step


@make_train_step
def training_returns_the_metric_of_new_samples_after_the_step(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """or on the batch of real samples that the step had"""
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        p = next(data)
        generator_optim.zero_grad()
        metric(p, generator(), critic).backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return metric(p, generator(), critic)

    return train_step


@make_train_step
def training_without_detaching(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """samples need not be detached if gradients are cleared"""
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


@make_train_step
def training_retains_the_graph(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """one graph for both: the samples are kept with their graph"""
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


@make_train_step
def training_generates_without_a_graph(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """no graph is made for the critic's generated samples"""
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


@make_train_step
def training_clears_after_each_step(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """both models are cleared after every step of either"""
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


@make_train_step
def training_freezes_the_critic_meanwhile(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """the critic is frozen for the generator's step alone"""
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


@make_train_step
def training_goes_back_into_one_model(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """backward() into the parameters of one model only"""
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


@make_train_step
def training_sets_the_gradients_by_hand(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """gradients from autograd.grad, put into the parameters"""
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


@make_train_step
def training_with_closures(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    """step() may be given a closure that computes the gradient"""
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


@make_train_step
def training_thaws_the_critic_for_its_turn(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    """the critic may stay frozen until its next turn"""
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
