"""Right ways to write 2.5: the training step, `make_train_step`."""

import torch

from grader.catalogue import Variants


def average_with_decay(model, average, decay=0.998):
    with torch.no_grad():
        for new, kept in zip(model.parameters(), average.parameters(), strict=True):
            kept.mul_(decay).add_(new, alpha=1 - decay)


make_train_step = Variants("gan.make_train_step")
make_train_step.edit(
    "training_averages_by_hand",
    "apply_exponential_moving_average(generator, test_generator, alpha_ema)",
    """with torch.no_grad():
                pairs = zip(test_generator.parameters(), generator.parameters(), strict=True)
                for averaged, parameter in pairs:
                    averaged.lerp_(parameter, 1 - alpha_ema)""",
    "the average may be written out where it is used",
)
make_train_step.edit(
    "training_makes_the_two_losses_apart",
    "metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)",
    """metric, _ = make_losses(loss_type)
    _, critic_loss = make_losses(loss_type, reg_type=reg_type, reg_cf=reg_cf)""",
    "the metric needs no regulariser, so it may be made apart",
)
make_train_step.edit(
    "training_returns_the_metric_after_the_step",
    "return loss.detach()",
    """with torch.no_grad():
            return metric(next(train_data_iter), generator(), critic)""",
    "the metric after the step, on a fresh batch, is as good",
)
make_train_step.edit(
    "training_returns_the_metric_of_new_samples_after_the_step",
    "return loss.detach()",
    "return metric(p, generator(), critic)",
    "or on the batch of real samples that the step had",
)
make_train_step.edit(
    "training_reuses_the_last_real_batch",
    """        p = next(train_data_iter)
        q = generator()
""",
    "        q = generator()\n",
    "the generator's step may reuse the critic's last batch",
)
make_train_step.edit(
    "training_loops_over_the_data",
    """for _ in range(critic_inner_iters):
            p = next(train_data_iter)
""",
    "for _, p in zip(range(critic_inner_iters), train_data_iter):\n",
    "a loop over the data itself, of as many turns as there are inner steps",
)
make_train_step.edit(
    "training_writes_the_losses_out",
    "metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)",
    """distance = jsd if loss_type == "JSD" else w1
    penalty = {"GP": ogp, "R1": r1gp, None: lambda *_: 0.0}[reg_type]

    def metric(p, q, critic):
        return distance(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return reg_cf * penalty(p, cp, q, cq, critic) - distance(cp, cq)""",
    "the two losses may be written out where they are used",
)
make_train_step.edit(
    "training_recomputes_the_metric_before_the_step",
    "        generator_optim.step()",
    """        with torch.no_grad():
            loss = metric(p, q, critic)
        generator_optim.step()""",
    "the same value computed once more before the step",
)
make_train_step.edit(
    "training_without_detaching",
    "q = generator().detach()  # the critic's step needs no gradient of the generator",
    "q = generator()",
    "samples need not be detached if gradients are cleared",
)
make_train_step.edit(
    "training_generates_without_a_graph",
    "q = generator().detach()  # the critic's step needs no gradient of the generator",
    """with torch.no_grad():
                q = generator()""",
    "no graph is made for the critic's generated samples",
)
make_train_step.edit(
    "training_freezes_the_critic_meanwhile",
    "loss = metric(p, q, critic)",
    """critic.requires_grad_(False)
        loss = metric(p, q, critic)
        critic.requires_grad_(True)""",
    "the critic is frozen for the generator's step alone",
)
make_train_step.edit(
    "training_goes_back_into_one_model",
    "loss.backward()",
    "loss.backward(inputs=list(generator.parameters()))",
    "backward() into the parameters of one model only",
)
make_train_step.edit(
    "training_sets_the_gradients_by_hand",
    "        loss.backward()",
    """        parameters = list(generator.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient""",
    "gradients from autograd.grad, put into the parameters",
)
make_train_step.edit(
    "training_thaws_the_critic_for_its_turn",
    """            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
""",
    """            critic.requires_grad_(True)
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
            critic.requires_grad_(False)
""",
    "the critic may stay frozen until its next turn",
)
make_train_step.edit(
    "training_draws_all_batches_first",
    "        ### BEGIN SOLUTION\n",
    """        reals = [next(train_data_iter) for _ in range(critic_inner_iters + 1)]
        with torch.no_grad():
            fakes = [generator() for _ in range(critic_inner_iters)]
        for p, q in zip(reals[:-1], fakes, strict=True):
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(reals[-1], generator(), critic)
        loss.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return loss.detach()
""",
    "all batches may be drawn before the critic's steps",
)


@make_train_step
def training_makes_the_losses_at_each_call(
    loss_type, critic_inner_iters=1, reg_type=None, reg_cf=1.0, alpha_ema=None
):
    """the losses may be made at each call, with keywords"""
    assert critic_inner_iters >= 1 and (alpha_ema is None or 0 < alpha_ema < 1)

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


make_train_step.edit(
    "training_reuses_the_last_generated_batch",
    "        ### BEGIN SOLUTION\n",
    """        for _ in range(critic_inner_iters):
            q = generator()
            critic_optim.zero_grad()
            critic_loss(next(train_data_iter), q.detach(), critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(next(train_data_iter), q, critic)
        loss.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return loss.detach()
""",
    "the last generated samples and fresh real ones",
)
make_train_step.edit(
    "training_retains_the_graph",
    "        ### BEGIN SOLUTION\n",
    """        for _ in range(critic_inner_iters):
            p, q = next(train_data_iter), generator()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward(retain_graph=True)
            critic_optim.step()
        generator_optim.zero_grad()
        loss = metric(p, q, critic)
        loss.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return loss.detach()
""",
    "one graph for both: the samples are kept with their graph",
)
make_train_step.edit(
    "training_clears_after_each_step",
    "        ### BEGIN SOLUTION\n",
    """        def descend(loss, optim):
            loss.backward()
            optim.step()
            critic.zero_grad()
            generator.zero_grad()
            return loss.detach()

        for _ in range(critic_inner_iters):
            descend(critic_loss(next(train_data_iter), generator(), critic), critic_optim)
        value = descend(metric(next(train_data_iter), generator(), critic), generator_optim)
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value
""",
    "both models are cleared after every step of either",
)
make_train_step.edit(
    "training_with_closures",
    "        ### BEGIN SOLUTION\n",
    """        def of_the_critic():
            critic_optim.zero_grad()
            loss = critic_loss(next(train_data_iter), generator().detach(), critic)
            loss.backward()
            return loss

        def of_the_generator():
            generator_optim.zero_grad()
            loss = metric(next(train_data_iter), generator(), critic)
            loss.backward()
            return loss

        for _ in range(critic_inner_iters):
            critic_optim.step(of_the_critic)
        value = generator_optim.step(of_the_generator)
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value.detach()
""",
    "step() may be given a closure that computes the gradient",
)


# The moving average is called by the names that it has in this submission.
Variants(
    "gan.make_train_step", beside={"gan.apply_exponential_moving_average": average_with_decay}
).edit(
    "training_averages_by_its_own_names",
    "(generator, test_generator, alpha_ema)",
    "(model=generator, average=test_generator, decay=alpha_ema)",
    "names of arguments are the submission's own business",
)
